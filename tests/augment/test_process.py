"""The filter in state space gives what dense linear algebra gives, whatever the times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern

from lcclassify.augment.means import add_means, mean_table
from lcclassify.augment.process import (
    ROOT_3,
    filter_gains,
    log_likelihood,
    solve,
    wavelength_covariance,
)

LENGTH = 300.0  # nm
WANTED = np.array([400.0, 480.0, 700.0, 1000.0])


class Filtered:
    """The same as the dense process, by the functions that are tested."""

    def __init__(self, mjd, passband, flux, flux_err, wavelengths, amplitude, scale):
        n, n_bands = len(mjd), len(wavelengths)
        self.mjd, self.passband, self.flux = mjd, passband, flux
        self.amplitude, self.rate = amplitude, ROOT_3 / scale
        self.wavelengths = wavelengths
        self.coupling = wavelength_covariance(wavelengths, wavelengths, LENGTH)
        scratch = (np.empty((n, 2 * n_bands)), np.empty(n), np.empty((2, n)))
        self.log_likelihood = log_likelihood(
            mjd, passband, flux, flux_err, self.coupling, amplitude, self.rate, *scratch
        )
        self.gains, self.innovation = np.empty((n, 2 * n_bands)), np.empty(n)
        variance = (flux_err / amplitude) ** 2
        filter_gains(mjd, passband, variance, self.coupling, self.rate, self.gains, self.innovation)

    def weights(self, values):
        """Return (K + noise)⁻¹ values in units of flux, as dense matrices have them."""
        out = np.empty(len(values))
        solve(self.mjd, self.passband, values, self.rate, self.gains, self.innovation, out)
        return out / self.amplitude**2

    def mean(self, times, columns):
        cross = wavelength_covariance(self.wavelengths, WANTED, LENGTH)
        out = np.zeros(len(times))
        weights = self.weights(self.flux) * self.amplitude**2
        add_means(self.mjd, self.passband, weights, self.rate, times, columns, cross, out)
        return out


def at_times(mjd, n_bands=4, seed=1, error=0.1):
    rng = np.random.default_rng(seed)
    n = len(mjd)
    return (
        np.asarray(mjd, dtype=np.float64),
        rng.integers(0, n_bands, n).astype(np.uint8),
        rng.normal(0, 20, n),
        20 * error * rng.uniform(0.5, 2, n),
    )


def times_of(kind):
    rng = np.random.default_rng(0)
    if kind == "one":
        return [59000.0]
    if kind == "simultaneous":
        return np.repeat(59000 + np.arange(10) * 3.0, 5)
    if kind == "seconds":
        return 59000 + np.cumsum(rng.uniform(1e-6, 1e-4, 40))
    if kind == "years":
        return np.concatenate([59000 + year * 900 + np.arange(5) * 4.0 for year in range(5)])
    if kind == "before the epoch":
        return np.sort(rng.uniform(-40, 40, 50))
    return np.sort(59000 + rng.uniform(0, 1000, 2000 if kind == "many" else 80))


KINDS = ("ordinary", "one", "simultaneous", "seconds", "years", "before the epoch", "many")


def assert_close(found, expected, tolerance=1e-9):
    """Compare to a share of the largest value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def both_of(rows, wavelengths, dense, amplitude=20.0, scale=25.0):
    mjd, passband, flux, flux_err = rows
    return (
        Filtered(*rows, wavelengths, amplitude, scale),
        dense(mjd, wavelengths[passband], flux, flux_err, amplitude, scale, LENGTH),
    )


def wanted_rows(mjd):
    """Return times before, between, at and after observations, and a wavelength for each."""
    times = np.sort(
        np.concatenate([np.linspace(mjd[0] - 60, mjd[-1] + 90, 43), mjd[:5], mjd[-3:] + 0.5])
    )
    return times, (np.arange(len(times)) % len(WANTED)).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_as_dense_matrices(kind, wavelengths, dense):
    rows = at_times(times_of(kind))
    filtered, matrices = both_of(rows, wavelengths, dense)
    assert filtered.log_likelihood == pytest.approx(matrices.log_likelihood(), rel=1e-9)
    values = np.random.default_rng(3).normal(size=len(rows[0]))
    assert_close(filtered.weights(values), matrices.solve(values))
    times, columns = wanted_rows(rows[0])
    expected, _ = matrices.posterior(times, WANTED[columns])
    assert_close(filtered.mean(times, columns), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_means_at_even_times_of_all_passbands(kind, wavelengths, dense):
    rows = at_times(times_of(kind))
    filtered, matrices = both_of(rows, wavelengths, dense)
    first, step = rows[0][0] - 30, (np.ptp(rows[0]) + 60) / 40
    found = np.empty((41, len(wavelengths)))
    weights = filtered.weights(rows[2]) * matrices.amplitude**2
    given = (rows[0], rows[1], weights, filtered.rate, first, step, filtered.coupling)
    mean_table(*given, found)
    times = np.repeat(first + step * np.arange(41), len(wavelengths))
    expected, _ = matrices.posterior(times, np.tile(wavelengths, 41))
    assert_close(found.ravel(), expected)


@pytest.mark.parametrize("kind", ["ordinary", "simultaneous", "years"])
def test_posterior_variance(kind, wavelengths, dense):
    """The solution for the covariance with a wanted flux leaves that flux's variance."""
    rows = at_times(times_of(kind))
    filtered, matrices = both_of(rows, wavelengths, dense)
    times, columns = wanted_rows(rows[0])
    _, expected = matrices.posterior(times, WANTED[columns])
    cross = matrices.covariance(rows[0], wavelengths[rows[1]], times, WANTED[columns])
    weights = np.stack([filtered.weights(column) for column in np.ascontiguousarray(cross.T)])
    found = matrices.amplitude**2 - (weights * cross.T).sum(axis=1)
    np.testing.assert_allclose(found, np.diag(expected), atol=1e-9 * matrices.amplitude**2)
    assert found.min() < 0.1 * matrices.amplitude**2 < found.max()


def test_the_inverse_is_symmetric(wavelengths, dense):
    rows = at_times(times_of("ordinary"))
    filtered, matrices = both_of(rows, wavelengths, dense)
    inverse = np.stack([filtered.weights(unit) for unit in np.eye(len(rows[0]))])
    assert_close(inverse, inverse.T)
    assert_close(inverse, matrices.solve(np.eye(len(rows[0]))))


class OnColumn(Kernel):
    """A kernel of one column of the inputs."""

    def __init__(self, kernel, column):
        self.kernel = kernel
        self.column = column

    def __call__(self, X, Y=None, eval_gradient=False):  # noqa: N803
        own = [self.column]
        return self.kernel(X[:, own], None if Y is None else Y[:, own])

    def diag(self, X):  # noqa: N803
        return self.kernel.diag(X[:, [self.column]])

    def is_stationary(self):
        return True


def test_as_scikit_learn(wavelengths, dense):
    rows = mjd, passband, flux, flux_err = at_times(times_of("ordinary"))
    filtered, _ = both_of(rows, wavelengths, dense)
    kernel = (
        ConstantKernel(20.0**2)
        * OnColumn(Matern(25.0, nu=1.5), 0)
        * OnColumn(Matern(LENGTH, nu=1.5), 1)
    )
    theirs = GaussianProcessRegressor(kernel, alpha=flux_err**2, optimizer=None)
    theirs.fit(np.stack([mjd, wavelengths[passband]], axis=1), flux)
    expected = theirs.log_marginal_likelihood_value_
    assert filtered.log_likelihood == pytest.approx(expected, rel=1e-9)
    times, columns = wanted_rows(mjd)
    mean = theirs.predict(np.stack([times, WANTED[columns]], axis=1))
    assert_close(filtered.mean(times, columns), mean)


observation = st.tuples(
    st.sampled_from([0.0, 0.0, 1e-4, 0.25, 3.0, 40.0, 900.0]),  # days since the one before
    st.integers(0, 3),
    st.floats(-50, 50),
    st.floats(0.5, 100),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(observation, min_size=1, max_size=12),
    st.floats(0.5, 100),
    st.sampled_from([0.3, 5.0, 60.0, 2000.0]),
)
def test_any_few_observations(dense, wavelengths, rows, amplitude, scale):
    steps, passband, flux, flux_err = map(np.array, zip(*rows, strict=True))
    mjd = 59000 + np.cumsum(steps)
    rows = mjd, passband.astype(np.uint8), flux, flux_err * amplitude / 50
    filtered, matrices = both_of(rows, wavelengths, dense, amplitude, scale)
    assert filtered.log_likelihood == pytest.approx(matrices.log_likelihood(), rel=1e-9, abs=1e-9)
    times, columns = wanted_rows(mjd)
    expected, _ = matrices.posterior(times, WANTED[columns])
    np.testing.assert_allclose(
        filtered.mean(times, columns), expected, atol=1e-9 * np.abs(flux).max() + 1e-30
    )


def test_a_passband_that_is_alone(dense, wavelengths):
    rows = at_times(times_of("ordinary"), n_bands=1)
    one = wavelengths[:1]
    filtered, matrices = both_of(rows, one, dense)
    assert filtered.log_likelihood == pytest.approx(matrices.log_likelihood(), rel=1e-9)


def test_no_observations_say_nothing(wavelengths):
    filtered = Filtered(*at_times([]), wavelengths, 20.0, 25.0)
    assert filtered.log_likelihood == 0
    times, columns = np.array([59000.0, 59001.0]), np.zeros(2, dtype=np.uint8)
    assert filtered.mean(times, columns).tolist() == [0, 0]


def test_covariance_of_wavelengths():
    first, second = np.array([400.0, 700.0]), np.array([400.0, 550.0, 1300.0])
    found = wavelength_covariance(first, second, 300.0)
    assert found.shape == (2, 3)
    assert found[0, 0] == 1
    expected = (1 + np.sqrt(3) * 0.5) * np.exp(-np.sqrt(3) * 0.5)
    assert found[[0, 1], [1, 1]] == pytest.approx([expected, expected], rel=1e-14)
    assert found[1, 2] == pytest.approx((1 + 2 * np.sqrt(3)) * np.exp(-2 * np.sqrt(3)), rel=1e-14)
