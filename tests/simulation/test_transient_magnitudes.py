"""How bright transients are at their peaks, against published luminosity functions."""

import numpy as np
import pytest

from lcclassify.simulation import passbands
from lcclassify.simulation.sources.type_ia import TypeIaSupernova

G, R, INFRARED = (passbands.NAMES.index(name) for name in "gri")


@pytest.mark.parametrize(
    ("name", "submodel", "mean"),
    [
        # Bias-corrected means in B of Richardson et al. 2014, AJ 147, 118, table 1.
        ("sn_ia", 1, -19.25),
        ("sn_ibc", 1, -17.45),
        ("sn_ibc", 2, -17.66),
        ("sn_ii", 1, -17.98),  # IIL
        ("sn_ii", 2, -16.75),  # IIP
        ("sn_ii", 3, -18.53),  # IIn
    ],
)
def test_the_mean_peak_is_that_of_supernova_surveys(
    name, submodel, mean, source_of, absolute_peaks
):
    magnitude, parameters = absolute_peaks(source_of(name), 1500)
    # g lies between B and V; B in the Vega system is 0.1 fainter than in AB magnitudes.
    ours = magnitude[parameters["submodel"] == submodel, G].mean()
    assert ours == pytest.approx(mean, abs=0.45)


@pytest.mark.parametrize(
    ("name", "band", "brightest", "faintest"),
    [
        ("sn_91bg", G, -18.2, -16.3),  # Taubenberger 2017, arXiv:1703.00528
        ("sn_iax", R, -18.9, -14.0),  # Foley et al. 2013, ApJ 767, 57
        ("slsn", G, -22.7, -19.5),  # De Cia et al. 2018, ApJ 860, 100
        ("tde", G, -21.5, -15.5),  # van Velzen 2018, ApJ 852, 72: mostly faint
        ("kilonova", INFRARED, -17.5, -14.0),  # around GW170817's -16
        ("calcium_rich", R, -17.0, -14.8),  # Kasliwal et al. 2012, ApJ 755, 161
        ("ilot", R, -15.5, -11.0),  # between novae and supernovae: Kasliwal 2012, PASA 29, 482
        ("pair_instability", R, -22.0, -18.0),  # Kasen, Woosley & Heger 2011, ApJ 734, 102
    ],
)
def test_peaks_lie_between_published_ones(
    name, band, brightest, faintest, source_of, absolute_peaks
):
    magnitude, _ = absolute_peaks(source_of(name))
    low, high = np.quantile(magnitude[:, band], [0.05, 0.95])
    assert brightest < low < high < faintest


def test_standardised_type_ia_supernovae_are_alike(source_of, absolute_peaks):
    source = source_of("sn_ia")
    assert isinstance(source, TypeIaSupernova)
    magnitude, parameters = absolute_peaks(source, 2000)
    tripp = magnitude[:, G] + 0.14 * parameters["x1"] - 3.1 * parameters["colour"]
    assert magnitude[:, G].std() > 0.2
    assert tripp.std() < 0.13
    quiet = TypeIaSupernova(scatter=0.0)
    magnitude, parameters = absolute_peaks(quiet, 2000)
    tripp = magnitude[:, G] + 0.14 * parameters["x1"] - 3.1 * parameters["colour"]
    assert tripp.std() < 0.06  # what is left is by g being no exact B
