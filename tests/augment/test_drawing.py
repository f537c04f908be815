"""Draws are of the posterior, and depend on nothing but their source and their key."""

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import solve_triangular

from lcclassify.augment.curves import Curves
from lcclassify.augment.drawing import draw_posteriors, fill_normals
from lcclassify.augment.process import ROOT_3, wavelength_covariance

LENGTH = 400.0  # nm


def draw(curves, amplitude, scale, wavelengths, stretch, sources, rows, keys):
    """Draw from sources at the times and passbands of ``rows``, one pair a draw."""
    bounds = np.cumsum([0, *(len(times) for times, _ in rows)])
    out = np.full(bounds[-1], np.nan)
    draw_posteriors(
        curves.bounds,
        curves.mjd,
        curves.passband,
        curves.flux,
        curves.flux_err,
        wavelength_covariance(wavelengths, wavelengths, LENGTH),
        amplitude,
        ROOT_3 / scale,
        wavelengths,
        ROOT_3 / LENGTH,
        stretch,
        np.asarray(sources, dtype=np.int64),
        bounds,
        np.concatenate([times for times, _ in rows]).astype(np.float64),
        np.concatenate([columns for _, columns in rows]).astype(np.uint8),
        keys,
        out,
    )
    return np.split(out, bounds[1:-1])


def wanted(curves, source=0):
    """Return times before, between, at and after observations; two passbands at one of them."""
    mjd = curves.mjd[curves.bounds[source] : curves.bounds[source + 1]]
    first, last = mjd[0], mjd[-1]
    middle = (first + last) / 2
    times = np.sort(
        [first - 30, first - 3, middle, middle, mjd[len(mjd) // 4], last + 5, last + 90]
    )
    return times, np.array([0, 3, 1, 2, 0, 1, 3])


@pytest.mark.parametrize("stretch", [1.0, 1.3])
@pytest.mark.parametrize("count", [1, 25])
def test_mean_and_covariance(stretch, count, random_curves, dense, wavelengths, keys_of):
    curves = random_curves([3, count], seed=2, span=60.0)
    own = curves.take(np.array([1]))
    matrices = dense(own.mjd, wavelengths[own.passband], own.flux, own.flux_err, 20.0, 25.0, LENGTH)
    times, columns = wanted(own)
    mean, covariance = matrices.posterior(times, wavelengths[columns] / stretch)
    n = 20_000
    found = np.stack(
        draw(
            curves,
            np.array([1.0, 20.0]),
            np.array([1.0, 25.0]),
            wavelengths,
            np.full(n, stretch),
            np.ones(n),
            [(times, columns)] * n,
            keys_of(n),
        )
    )
    # Of the posterior these are independent standard normal numbers.
    plain = solve_triangular(np.linalg.cholesky(covariance), (found - mean).T, lower=True)
    assert np.abs(plain.mean(axis=1)).max() < 4.5 / np.sqrt(n)
    excess = np.cov(plain) - np.eye(len(times))
    assert np.abs(np.diag(excess)).max() < 4.5 * np.sqrt(2 / n)
    assert np.abs(excess - np.diag(np.diag(excess))).max() < 4.5 / np.sqrt(n)
    assert stats.kstest(plain.ravel(), "norm").pvalue > 1e-3


def test_a_draw_passes_through_what_is_known(stack, wavelengths, keys_of):
    mjd = np.arange(40.0) * 2
    passband = (np.arange(40) % 4).astype(np.uint8)
    flux = 100 * np.sin(mjd / 15) + 10 * passband
    curves = stack([(mjd, passband, flux, np.full(40, 1e-4), np.ones(40))])
    amplitude, scale = np.array([70.0]), np.array([20.0])
    n = 20
    at = (amplitude, scale, wavelengths, np.ones(n), np.zeros(n))
    for one in draw(curves, *at, [(mjd, passband)] * n, keys_of(n)):
        np.testing.assert_allclose(one, flux, atol=6e-4)
    # Days later they have parted.
    between = np.stack(draw(curves, *at, [(mjd[:-1] + 1, passband[:-1])] * n, keys_of(n)))
    assert between.std(axis=0).min() > 0.1


@pytest.fixture
def many(random_curves, keys_of):
    """Sources of different lengths, and draws of them, one without a time that is wanted."""
    rng = np.random.default_rng(1)
    curves = random_curves([5, 1, 60, 17, 33], seed=4)
    sources = rng.integers(0, 5, 30)
    counts = rng.integers(0, 40, 30)
    counts[7] = 0
    rows = [(np.sort(rng.uniform(58950, 59200, n)), rng.integers(0, 4, n)) for n in counts]
    stretch = rng.uniform(0.9, 1.5, 30)
    amplitude, scale = rng.uniform(5, 50, 5), rng.uniform(5, 100, 5)
    return curves, amplitude, scale, stretch, sources, rows, keys_of(30)


def test_draws_do_not_depend_on_each_other(many, wavelengths):
    curves, amplitude, scale, stretch, sources, rows, keys = many

    def some(chosen, order=slice(None)):
        """Draw some, from sources that stand in another order."""
        place = np.argsort(np.arange(5)[order])
        found = draw(
            curves.take(np.arange(5)[order].copy()),
            amplitude[order].copy(),
            scale[order].copy(),
            wavelengths,
            stretch[chosen],
            place[sources[chosen]],
            [rows[i] for i in chosen],
            keys[chosen],
        )
        return dict(zip(chosen.tolist(), found, strict=True))

    whole = some(np.arange(30))
    assert all(np.isfinite(one).all() for one in whole.values())
    order = np.random.default_rng(0).permutation(30)
    single = {i: one for i in range(30) for one in some(np.array([i])).values()}
    split = some(order[:11]) | some(order[11:])
    for other in (some(order), single, split, some(order, slice(None, None, -1))):
        assert len(other) == 30
        for number, one in other.items():
            np.testing.assert_array_equal(one, whole[number])


def test_other_keys_are_other_draws(many, wavelengths, keys_of):
    curves, amplitude, scale, *_ = many
    n = 200
    times, columns = np.array([59030.0, 59031.0]), np.zeros(2)
    args = (curves, amplitude, scale, wavelengths, np.ones(n), np.zeros(n))
    found = np.stack(draw(*args, [(times, columns)] * n, keys_of(n)))
    assert len(np.unique(found[:, 0])) == n
    other = np.stack(draw(*args, [(times, columns)] * n, keys_of(n, seed=1)))
    assert abs(np.corrcoef(found[:, 0], other[:, 0])[0, 1]) < 4 / np.sqrt(n)


def test_units_of_flux_do_not_matter(many, wavelengths):
    curves, amplitude, scale, stretch, sources, rows, keys = many
    before = draw(curves, amplitude, scale, wavelengths, stretch, sources, rows, keys)
    larger = Curves(
        curves.bounds,
        curves.mjd,
        curves.passband,
        curves.flux * 1024,
        curves.flux_err * 1024,
        curves.detected,
    )
    after = draw(larger, amplitude * 1024, scale, wavelengths, stretch, sources, rows, keys)
    np.testing.assert_array_equal(np.concatenate(after), np.concatenate(before) * 1024)


def test_the_numbers_are_standard_normal(keys_of):
    key = keys_of(1)[0]
    found = np.empty(100_000)
    fill_normals(key, 0, found)
    assert stats.kstest(found, "norm").pvalue > 1e-3
    for lag in (1, 2, 3):
        assert abs(np.corrcoef(found[:-lag], found[lag:])[0, 1]) < 4 / np.sqrt(len(found))
    later = np.empty(51)
    fill_normals(key, 40, later)
    np.testing.assert_array_equal(later, found[40:91])
