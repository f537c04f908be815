"""What processes say of a light curve where it is, of one kind of spectra and of several."""

import numpy as np
import pytest

from lcclassify.augment.augmenter import Augmenter
from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.posterior import posterior_curves
from lcclassify.schema import Passbands

TIMES = np.array([-40.0, -3.0, 0.0, 4.0, 31.0, 95.0])


@pytest.fixture
def posteriors(survey, redshifts, sample_of):
    """Curves of an object by processes of some kinds; the first object has no redshift."""
    redshifts = np.concatenate([[0.0], redshifts[1:]])
    sample = sample_of(survey, redshifts)

    def of(source, *kinds, before=()):
        step = ObserveElsewhere(spectra=kinds).fitted(sample)
        augmenter = Augmenter(None, Passbands(("g", "r", "i", "z")), sample.drawn, (*before, step))
        first = survey.mjd[survey.bounds[source]]
        return posterior_curves(augmenter, source, first + 25 + TIMES), step, first + 25 + TIMES

    return of


@pytest.mark.parametrize("kind", ["none", "shared"])
def test_one_process_is_its_matrices(kind, posteriors, survey, redshifts, wavelengths, dense):
    """Of the fluxes, or of fluxes over the mean spectrum of all."""
    (means, deviations), step, times = posteriors(3, kind, before=("another step",))
    own, process = slice(*survey.bounds[3:5]), step.processes[0]

    def shape(mjd, wavelength):
        stretch = 1 + redshifts[3]
        phase, kinds = (mjd - step.sources.peak[3]) / stretch, np.full(len(mjd), process.kinds[3])
        return process.spectra.at(kinds, phase, wavelength / stretch)

    mjd, seen_at = survey.mjd[own], wavelengths[survey.passband[own]]
    divisor = shape(mjd, seen_at)
    assert (np.ptp(divisor) > 0.5) == (kind == "shared")
    matrices = dense(
        mjd,
        seen_at,
        survey.flux[own] / divisor,
        survey.flux_err[own] / divisor,
        process.amplitude[3],
        process.scale[3],
        step.settings.wavelength_scale,
    )
    for band, wavelength in enumerate(wavelengths):
        everywhere = np.full(len(times), wavelength)
        mean, covariance = matrices.posterior(times, everywhere)
        factor = shape(times, everywhere)
        np.testing.assert_allclose(means[band], factor * mean, rtol=1e-6, atol=1e-6)
        deviation = factor * np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(deviations[band], deviation, rtol=1e-4)


def test_of_several_kinds_the_deviation_has_how_they_differ(posteriors):
    one, other = (posteriors(4, kind)[0] for kind in ("none", "shared"))
    (means, deviations), *_ = posteriors(4, "none", "shared")
    np.testing.assert_allclose(means, (one[0] + other[0]) / 2)
    square = (one[1] ** 2 + other[1] ** 2) / 2 + ((one[0] - other[0]) / 2) ** 2
    np.testing.assert_allclose(deviations, np.sqrt(square))


def test_an_object_that_is_not_moved_has_none(posteriors):
    assert posteriors(0, "none")[0] is None
    assert posteriors(1, "none")[0] is not None
