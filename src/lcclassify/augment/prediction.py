"""Posterior means and variances of a Gaussian process, exactly and without drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lcclassify.augment.means import add_means
from lcclassify.augment.process import ROOT_3, filter_gains, solve
from lcclassify.compiled import compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BandArray = NDArray[np.uint8]


def predict(
    mjd: FloatArray,
    passband: BandArray,
    flux: FloatArray,
    flux_err: FloatArray,
    amplitude: float,
    scale: float,
    coupling: FloatArray,
    cross: FloatArray,
    times: FloatArray,
    columns: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the variance of one object's flux at other times and wavelengths.

    Args:
        mjd: ``(n,)`` ascending times of the observations, days.
        passband: ``(n,) uint8``.
        flux: ``(n,)``.
        flux_err: ``(n,)``.
        amplitude: a, in units of flux.
        scale: τ, days.
        coupling: ``(B, B)`` of `process.wavelength_covariance`.
        cross: ``(B, W)`` the same of the passbands with the wanted wavelengths.
        times: ``(m,)`` ascending.
        columns: ``(m,) int64`` column of `cross`.

    Returns:
        ``(m,)`` each; of the flux without the noise of an observation.
    """
    rate = ROOT_3 / scale
    gains, innovation = np.empty((len(mjd), 2 * len(coupling))), np.empty(len(mjd))
    weights, mean = np.empty(len(mjd)), np.zeros(len(times))
    filter_gains(mjd, passband, (flux_err / amplitude) ** 2, coupling, rate, gains, innovation)
    solve(mjd, passband, flux / amplitude, rate, gains, innovation, weights)
    add_means(mjd, passband, weights, rate, times, columns, cross, mean)
    variance = np.empty(len(times))
    _variances(mjd, passband, rate, gains, innovation, cross, times, columns, variance)
    return amplitude * mean, amplitude**2 * variance


@compiled
def _variances(
    mjd: FloatArray,
    passband: BandArray,
    rate: float,
    gains: FloatArray,
    innovation: FloatArray,
    cross: FloatArray,
    times: FloatArray,
    columns: IntArray,
    out: FloatArray,
) -> None:
    """Fill ``out (m,)`` with 1 - k' (K + noise)⁻¹ k, a solution for each time."""
    n = len(mjd)
    own, weights = np.empty(n), np.empty(n)
    for target in range(len(times)):
        for row in range(n):
            x = rate * abs(times[target] - mjd[row])
            own[row] = cross[passband[row], columns[target]] * (1 + x) * np.exp(-x)
        solve(mjd, passband, own, rate, gains, innovation, weights)
        out[target] = max(1 - (own * weights).sum(), 0.0)
