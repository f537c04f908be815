"""Means and variances are those of dense matrices."""

import numpy as np
import pytest

from lcclassify.augment.prediction import predict
from lcclassify.augment.process import wavelength_covariance

WANTED = np.array([350.0, 480.0, 700.0, 1000.0])


@pytest.mark.parametrize("count", [1, 60])
def test_as_dense_matrices(count, random_curves, dense, wavelengths):
    own = random_curves([count], seed=5)
    rows = own.mjd, own.passband, own.flux, own.flux_err
    times = np.sort(np.concatenate([np.linspace(58980, 59120, 50), own.mjd[:3]]))
    columns = np.arange(len(times)) % 4
    mean, variance = predict(
        *rows,
        30.0,
        20.0,
        wavelength_covariance(wavelengths, wavelengths, 400.0),
        wavelength_covariance(wavelengths, WANTED, 400.0),
        times,
        columns,
    )
    matrices = dense(own.mjd, wavelengths[own.passband], *rows[2:], 30.0, 20.0, 400.0)
    expected, covariance = matrices.posterior(times, WANTED[columns])
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(variance, np.diag(covariance), rtol=0, atol=1e-9 * 900)
