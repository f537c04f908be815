"""Where an object is brightest: with noise, outliers, flares, and in the rest frame."""

from dataclasses import fields

import numpy as np
import pytest

from lcclassify.representations.features.peaks import find_peaks
from lcclassify.representations.features.phase_bins import EDGES, phase_means


@pytest.mark.parametrize("seed", range(5))
def test_the_peak_of_a_transient(seed, observed_of, transient):
    peaks = find_peaks(observed_of([transient(seed, n=400)]))
    assert peaks.when[0] == pytest.approx(59600, abs=5)
    assert peaks.band_when[0] == pytest.approx(59600, abs=8)
    assert peaks.band_flux[0] == pytest.approx(100 * (1 + 0.3 * np.arange(4)), rel=0.3)
    assert np.all(peaks.band_err[0] <= 2.0)


@pytest.mark.parametrize("size", [3e2, 1e4, 1e12])
@pytest.mark.parametrize("row", [0, 5, 70, 79])
def test_one_outlier_moves_neither_the_joint_peak_nor_its_passbands(
    size, row, observed_of, transient
):
    mjd, passband, flux, flux_err = transient(1)
    clean = find_peaks(observed_of([(mjd, passband, flux, flux_err)]))
    flux = flux.copy()
    flux[row] = size
    hit = find_peaks(observed_of([(mjd, passband, flux, flux_err)]))
    assert hit.when[0] == pytest.approx(clean.when[0], abs=4)
    np.testing.assert_allclose(hit.band_when, clean.band_when, atol=8)
    np.testing.assert_allclose(hit.band_flux, clean.band_flux, rtol=0.15)


def test_a_flare_seen_once_is_the_peak_where_all_else_is_noise(observed_of):
    rng = np.random.default_rng(3)
    mjd = np.arange(40) * 3.0
    flux = rng.normal(size=40)
    flux[17] = 500.0
    peaks = find_peaks(observed_of([(mjd, np.zeros(40), flux, np.ones(40))]))
    assert peaks.when[0] == peaks.band_when[0, 0] == 51.0
    assert np.isnan(peaks.band_when[0, 1:]).all()


def test_without_any_light_the_most_significant_observation_is_taken(observed_of):
    mjd, flux = np.arange(5.0), np.array([-9.0, -5.0, -3.0, -4.0, -8.0])
    peaks = find_peaks(observed_of([(mjd, np.zeros(5), flux, np.ones(5))]))
    assert peaks.when[0] == 2.0


def test_of_two_equal_peaks_the_first_is_taken(observed_of):
    mjd, flux = np.arange(0.0, 400.0, 4), np.zeros(100)
    flux[[20, 21, 22, 70, 71, 72]] = [50.0, 100.0, 50.0] * 2
    peaks = find_peaks(observed_of([(mjd, np.zeros(100), flux, np.ones(100))]))
    assert peaks.when[0] == peaks.band_when[0, 0] == mjd[21]


def test_a_passband_that_was_observed_once_has_that_flux(observed_of, transient):
    mjd, passband, flux, flux_err = transient(0, n_bands=2)
    once = (
        np.append(mjd, mjd[-1]),
        np.append(passband, 3),
        np.append(flux, 1e4),
        flux_err[[0, *range(80)]],
    )
    peaks = find_peaks(observed_of([once]))
    assert (peaks.band_when[0, 3], peaks.band_flux[0, 3]) == (mjd[-1], 1e4)
    assert peaks.band_err[0, 3] == pytest.approx(flux_err[0])


def test_the_window_is_of_the_rest_frame(observed_of, transient):
    near = find_peaks(observed_of([transient(2)]))
    far = find_peaks(observed_of([transient(2, stretch=1.8)], redshift=[0.8]))
    assert (far.when - 59600) / 1.8 == pytest.approx(near.when - 59600, abs=1e-6)
    np.testing.assert_allclose(far.band_flux, near.band_flux)


def test_an_object_has_the_same_peaks_in_any_company(observed_of, transient):
    curves = [transient(k, n=10 + 13 * k) for k in range(4)]
    nothing = tuple(np.zeros(0) for _ in range(4))
    together = find_peaks(observed_of([*curves[:2], nothing, *curves[2:]]))
    assert np.isnan(together.when[2])
    for k, place in enumerate((0, 1, 3, 4)):
        alone = find_peaks(observed_of([curves[k]]))
        for name in ("when", "band_when", "band_flux", "band_err"):
            np.testing.assert_array_equal(getattr(together, name)[place], getattr(alone, name)[0])


def test_rows_are_those_of_the_object_by_passband_and_time(observed_of, transient):
    curves = [transient(k, n=30) for k in range(3)]
    peaks = find_peaks(observed_of(curves))
    for n, (mjd, passband, flux, _) in enumerate(curves):
        for band in range(4):
            rows = slice(peaks.starts[n, band], peaks.starts[n, band + 1])
            np.testing.assert_array_equal(peaks.mjd[rows], mjd[passband == band])
            np.testing.assert_array_equal(peaks.flux[rows], flux[passband == band])


def test_means_of_phases_are_those_of_the_definition(observed_of, transient):
    curves = [transient(k, n=200) for k in range(3)]
    peaks = find_peaks(observed_of(curves, redshift=[0.3, np.nan, -1.0]))
    assert peaks.stretch.tolist() == [1.3, 1.0, 1.0]
    mean, error = phase_means(peaks)
    for n, (mjd, passband, flux, flux_err) in enumerate(curves):
        phase = (mjd - peaks.when[n]) / peaks.stretch[n]
        for band in range(4):
            for place in range(len(EDGES) - 1):
                inside = (phase >= EDGES[place]) & (phase < EDGES[place + 1]) & (passband == band)
                if not inside.any():
                    assert np.isnan(mean[n, band, place])
                    assert np.isnan(error[n, band, place])
                    continue
                weights = flux_err[inside] ** -2
                expected = np.average(flux[inside], weights=weights)
                assert mean[n, band, place] == pytest.approx(expected)
                assert error[n, band, place] == pytest.approx(weights.sum() ** -0.5)


def test_peaks_of_absurd_values_are_no_errors(observed_of):
    curves = [
        (np.arange(6.0), np.zeros(6), np.full(6, value), np.full(6, error))
        for value in (0.0, 1e30, -1e30, 1e300)
        for error in (1e-300, 1.0, 1e30, 1e300)
    ]
    with np.errstate(all="raise"):
        peaks = find_peaks(observed_of(curves))
    assert np.isfinite(peaks.when).all()
    assert all(len(getattr(peaks, field.name)) for field in fields(peaks))
