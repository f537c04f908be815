"""What a survey makes of a flux is found in its own observations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lcclassify.augment.curves import Curves
from lcclassify.augment.observing import (
    Cadences,
    Detections,
    FluxErrors,
    brightest_rows,
    brightest_times,
    highest_ratios,
)

PHOTONS = np.array([0.8, 2.5])
SHARE = np.array([4e-4, 0.0])


def observed(brightness, times_of, sky_of):
    """Return objects of two passbands whose errors obey the relation, under skies that vary.

    Args:
        brightness: Of each object, which varies about it.
        times_of: Gives an object's times.
        sky_of: Gives the variance of the sky for the number of an object and times.
    """
    rng = np.random.default_rng(4)
    parts = []
    for n, bright in enumerate(brightness):
        mjd = np.repeat(times_of(rng), 2)
        passband = np.tile(np.array([0, 1], dtype=np.uint8), len(mjd) // 2)
        true = bright * rng.uniform(0.05, 2, len(mjd))
        sky = sky_of(n, mjd) * (1 + passband)
        error = np.sqrt(sky + PHOTONS[passband] * true + SHARE[passband] * true**2)
        parts.append((mjd, passband, true + error * rng.normal(size=len(mjd)), error))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    bounds = np.cumsum([0, *(len(part[0]) for part in parts)])
    return Curves(bounds, *columns, np.zeros(bounds[-1], dtype=bool))


def shared_times(rng):
    return 59000.0 + np.arange(0, 120, 3)


def own_times(rng):
    return np.sort(59000 + rng.uniform(0, 100, 900))


def sky_of_the_night(n, mjd):
    return 100 * (1.5 + np.sin(mjd))


def sky_of_the_place(n, mjd):
    return np.full(len(mjd), 1000.0 / 4**n)


def test_objects_at_one_time_tell_how_errors_grow():
    bright = 10 ** np.random.default_rng(0).uniform(0, 4, 150)
    errors = FluxErrors.fitted(observed(bright, shared_times, sky_of_the_night), 2)
    assert errors.photons == pytest.approx(PHOTONS, rel=0.1)
    assert errors.share == pytest.approx(SHARE, rel=0.1, abs=5e-6)


def test_errors_under_a_bright_sky_do_not_hide_how_others_grow():
    bright = 10 ** np.random.default_rng(0).uniform(0, 4, 150)
    curves = observed(bright, shared_times, lambda n, mjd: np.where(mjd % 2, 1e7, 10.0))
    scatter = np.exp(0.02 * np.random.default_rng(1).normal(size=len(curves.mjd)))
    errors = FluxErrors.fitted(replace(curves, flux_err=curves.flux_err * scatter), 2)
    assert errors.photons == pytest.approx(PHOTONS, rel=0.1)


@pytest.mark.parametrize("brightness", [[5000.0], [500.0, 5000.0, 2000.0]])
def test_objects_that_share_no_time_tell_it_each_by_itself(brightness):
    """Skies of the objects differ, and the brightest is not where the sky is brightest."""
    errors = FluxErrors.fitted(observed(brightness, own_times, sky_of_the_place), 2)
    # Fluxes of one size tell the sum of both terms better than either.
    light = np.geomspace(1000, 8000, 5)
    for band in range(2):
        expected = PHOTONS[band] * light + SHARE[band] * light**2
        found = errors.photons[band] * light + errors.share[band] * light**2
        np.testing.assert_allclose(found, expected, rtol=0.1)


def test_few_observations_say_nothing(random_curves):
    errors = FluxErrors.fitted(random_curves([3, 20, 5], n_bands=2), 3)
    assert errors.photons.tolist() == [0, 0, 0]
    assert errors.share.tolist() == [0, 0, 0]
    assert (errors.darkest[:2] > 0).all()
    assert errors.darkest[2] == 0


def test_errors_that_do_not_grow(random_curves):
    curves = random_curves([700], n_bands=1)
    constant = replace(curves, flux_err=np.full(700, 2.0))
    errors = FluxErrors.fitted(constant, 1)
    light = np.array([0.0, 10.0, 100.0])
    found = errors.error(np.zeros(3, dtype=np.uint8), light, np.full(3, 4.0))
    np.testing.assert_allclose(found, 2.0, rtol=1e-6)


def test_fluxes_whose_squares_are_beyond_numbers_say_nothing(random_curves):
    curves = random_curves([700], n_bands=1)
    absurd = replace(curves, flux=curves.flux * 1e200)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = FluxErrors.fitted(absurd, 1)
    assert (errors.photons.tolist(), errors.share.tolist()) == ([0], [0])


def test_sky_and_error_are_each_others_inverse():
    rng = np.random.default_rng(0)
    errors = FluxErrors(PHOTONS, SHARE, np.array([1e-9, 1e-9]))
    band = rng.integers(0, 2, 500).astype(np.uint8)
    flux, sky = rng.normal(0, 1000, 500), rng.uniform(1, 100, 500)
    error = errors.error(band, flux, sky)
    np.testing.assert_allclose(errors.sky(band, flux, error), sky, rtol=1e-9)
    # What is below zero adds nothing.
    dark = flux < 0
    np.testing.assert_allclose(error[dark], np.sqrt(sky[dark]), rtol=1e-15)
    bright = errors.error(band, np.abs(flux) + 1, sky)
    np.testing.assert_allclose(
        bright**2 - sky,
        PHOTONS[band] * (np.abs(flux) + 1) + SHARE[band] * (np.abs(flux) + 1) ** 2,
        rtol=1e-9,
        atol=1e-9,
    )


def test_no_sky_is_darker_than_skies_are():
    errors = FluxErrors(PHOTONS, SHARE, np.array([3.0, 7.0]))
    band = np.array([0, 1, 1], dtype=np.uint8)
    found = errors.sky(band, np.array([1e5, 1e5, 0.0]), np.array([1.0, 1.0, 4.0]))
    assert found.tolist() == [3, 7, 16]


def ratios_detected(probability, seed=0, n=20_000):
    """Return observations of ratios from -20 to 20 with the probability of being detected."""
    rng = np.random.default_rng(seed)
    ratio, error = rng.uniform(-20, 20, n), rng.uniform(0.5, 3, n)
    zero = np.zeros(n)
    detected = rng.random(n) < probability(ratio)
    return Curves(np.array([0, n]), zero, zero.astype(np.uint8), ratio * error, error, detected)


@pytest.mark.parametrize("either", [False, True])
def test_a_sharp_limit_is_found(either):
    curves = ratios_detected(lambda ratio: (np.abs(ratio) if either else ratio) > 5)
    found = Detections.fitted(curves)
    assert found.of_either_sign == either
    assert found.half == pytest.approx(5, abs=0.01)
    probability = found.probability(np.array([4.98, 5.02, -5.02]) * 2, np.full(3, 2.0))
    np.testing.assert_allclose(probability, [0, 1, either], atol=1e-9)


@pytest.mark.parametrize("either", [False, True])
def test_a_gradual_limit_is_found(either):
    def probability(ratio):
        value = np.abs(ratio) if either else ratio
        return stats.norm.cdf((value - 5.5) / 1.2)

    found = Detections.fitted(ratios_detected(probability))
    assert found.of_either_sign == either
    assert found.half == pytest.approx(5.5, abs=0.1)
    assert found.width == pytest.approx(1.2, abs=0.07)
    ratio = np.linspace(-15, 15, 31)
    np.testing.assert_allclose(
        found.probability(ratio * 3, np.full(31, 3.0)), probability(ratio), atol=0.03
    )


def test_where_nothing_or_everything_is_detected():
    flux = np.array([-1e9, 0.0, 1e9])
    for everything in (False, True):
        curves = ratios_detected(lambda ratio, yes=everything: np.full(len(ratio), float(yes)))
        found = Detections.fitted(curves).probability(flux, np.ones(3))
        np.testing.assert_allclose(found, float(everything), atol=1e-9)


def test_the_best_observation(stack):
    curves = stack(
        [
            ([1, 2, 3], [0, 1, 0], [5, 30, 40], [1, 1, 2], [0, 1, 1]),
            ([], [], [], [], []),
            ([4, 5], [0, 0], [-50, -9], [1, 1], [0, 0]),
            ([6], [1], [0], [1], [0]),
            ([], [], [], [], []),
        ]
    )
    assert brightest_rows(curves).tolist() == [1, -1, 4, 5, -1]
    np.testing.assert_array_equal(brightest_times(curves), [2, np.nan, 5, 6, np.nan])
    np.testing.assert_array_equal(highest_ratios(curves), [30, np.nan, -9, 0, np.nan])


def test_best_observations_of_many(random_curves):
    curves = random_curves(np.random.default_rng(0).integers(1, 9, 200))
    ratio = curves.flux / curves.flux_err
    parts = np.split(ratio, curves.bounds[1:-1])
    expected = [first + part.argmax() for first, part in zip(curves.bounds, parts, strict=False)]
    assert brightest_rows(curves).tolist() == expected
    assert highest_ratios(curves).tolist() == [part.max() for part in parts]


def test_cadences_are_of_objects_that_were_observed(random_curves):
    curves = random_curves([4, 0, 7, 0, 1], n_bands=2)
    errors = FluxErrors(PHOTONS, SHARE, np.array([1e-3, 1e-3]))
    cadences = Cadences.of(curves, errors)
    assert len(cadences) == 3
    assert cadences.bounds.tolist() == [0, 4, 11, 12]
    np.testing.assert_array_equal(cadences.mjd, curves.mjd)
    np.testing.assert_array_equal(cadences.passband, curves.passband)
    np.testing.assert_array_equal(cadences.peak, brightest_times(curves)[[0, 2, 4]])
    expected = errors.sky(curves.passband, curves.flux, curves.flux_err)
    np.testing.assert_array_equal(cadences.sky, expected)


@pytest.mark.parametrize(
    ("found", "n", "vetted"), [(0.0, 5000, True), (1.0, 5000, False), (0.0, 300, False)]
)
def test_whether_noise_alone_is_ever_detected(found, n, vetted):
    """By observations of nothing, if there are enough for some to be expected."""
    rng = np.random.default_rng(1)
    flux, error = rng.normal(0, 2, n), np.full(n, 2.0)
    detections = Detections(3.0, 0.8, False)
    probability = detections.probability(flux, error)
    told = detections.with_dark(flux, error, rng.random(n) < found * probability)
    assert told == replace(detections, vetted=vetted)


def test_a_survey_that_vets_detects_what_is_real():
    plain = Detections(3.0, 0.8, True)
    true = np.array([0.0, 1.9, -1.9, 2.1, -2.1, 40.0])
    flux, error = np.array([9.0, 9.0, 9.0, 9.0, -9.0, 40.0]), np.full(6, 2.0)
    probability = plain.probability(flux, error)
    assert (probability > 0.9).all()
    np.testing.assert_array_equal(plain.probability(flux, error, true), probability)
    vetting = replace(plain, vetted=True)
    expected = np.where(np.abs(true) > error, probability, 0.0)
    np.testing.assert_array_equal(vetting.probability(flux, error, true), expected)
    # Where nobody knows what is real, as of objects that are dimmed, the ratio has to do.
    np.testing.assert_array_equal(vetting.probability(flux, error), probability)


def test_cadences_keep_what_is_told_of_their_objects(random_curves):
    curves = random_curves([4, 0, 7], n_bands=2)
    errors = FluxErrors(PHOTONS, SHARE, np.array([1e-3, 1e-3]))
    cadences = Cadences.of(curves, errors, {"dust": np.array([0.1, 0.2, np.nan])})
    np.testing.assert_array_equal(cadences.columns["dust"], [0.1, np.nan])
    taken = cadences.take(np.array([1, 0, 0]))
    np.testing.assert_array_equal(taken.columns["dust"], [np.nan, 0.1, 0.1])
