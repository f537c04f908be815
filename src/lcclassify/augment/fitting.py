"""Amplitude and time scale of the Gaussian process of each object, by marginal likelihood."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.augment.curves import Curves
from lcclassify.augment.process import ROOT_3, log_likelihood
from lcclassify.compiled import compiled
from lcclassify.cores import in_threads

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BandArray = NDArray[np.uint8]

# What is known before an object is seen: few observations must not be taken to say more. The
# amplitude is about half of the flux that is measured best, as in avocado (Boone 2019,
# arXiv:1907.04690), where it is fixed to that.
TYPICAL_SCALE: Final = 30.0  # days
_SPREAD_OF_SCALE: Final = 1.0  # of its logarithm
_SPREAD_OF_AMPLITUDE: Final = 1.0
SHORTEST: Final = 2.0
LONGEST: Final = 1000.0

_SCALES: Final = np.log(np.array([6.0, 12.0, 24.0, 48.0, 120.0, 400.0]))
_AMPLITUDES: Final = np.log(np.array([0.6, 1.3, 3.0]))
_FIRST_STEP: Final = 0.35
_LAST_STEP: Final = 0.04

_CHUNK: Final = 64  # objects a call: short enough for ctrl-C and for even threads


def fit_processes(
    curves: Curves,
    coupling: FloatArray,
    *,
    threads: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """Fit a process to each object.

    Args:
        curves: N objects.
        coupling: ``(B, B)`` covariance of the passbands, see `process.wavelength_covariance`.
        threads: Threads; the result does not depend on it.

    Returns:
        ``(N,)`` amplitudes in units of flux and ``(N,)`` time scales in days, the likeliest
        given a broad prior; NaN for an object without observations.
    """
    amplitude = np.full(len(curves), np.nan)
    scale = np.full(len(curves), np.nan)

    def fit(first: int) -> None:
        last = min(first + _CHUNK, len(curves))
        _fit(
            curves.bounds[first : last + 1],
            curves.mjd,
            curves.passband,
            curves.flux,
            curves.flux_err,
            coupling,
            amplitude[first:last],
            scale[first:last],
        )

    in_threads(fit, range(0, len(curves), _CHUNK), threads)
    return amplitude, scale


@compiled
def _fit(
    bounds: IntArray,
    mjd: FloatArray,
    passband: BandArray,
    flux: FloatArray,
    flux_err: FloatArray,
    coupling: FloatArray,
    amplitude: FloatArray,
    scale: FloatArray,
) -> None:
    n_bands = len(coupling)
    longest = 0
    for n in range(len(bounds) - 1):
        longest = max(longest, bounds[n + 1] - bounds[n])
    gains = np.empty((longest, 2 * n_bands))
    innovation = np.empty(longest)
    scratch = np.empty((2, longest))
    for n in range(len(bounds) - 1):
        begin, end = bounds[n], bounds[n + 1]
        if begin == end:
            continue
        best_snr, typical = -1.0, 1.0
        for row in range(begin, end):
            snr = abs(flux[row]) / flux_err[row]
            if snr > best_snr:
                best_snr, typical = snr, 0.5 * max(abs(flux[row]), flux_err[row])
        rows = (mjd[begin:end], passband[begin:end], flux[begin:end], flux_err[begin:end])
        best = -np.inf
        best_a = best_t = 0.0
        for log_t in _SCALES:
            for log_a in _AMPLITUDES:
                value = _posterior(
                    rows, coupling, typical, log_a, log_t, gains, innovation, scratch
                )
                if value > best:
                    best, best_a, best_t = value, log_a, log_t
        step = _FIRST_STEP
        while step > _LAST_STEP:
            # Once along each axis and once along the diagonals.
            from_a, from_t = best_a, best_t
            for da, dt in _DIRECTIONS:
                log_a, log_t = from_a + step * da, from_t + step * dt
                value = _posterior(
                    rows, coupling, typical, log_a, log_t, gains, innovation, scratch
                )
                if value > best:
                    best, best_a, best_t = value, log_a, log_t
            if best_a == from_a and best_t == from_t:
                step *= 0.5
        amplitude[n] = typical * np.exp(best_a)
        scale[n] = np.exp(best_t)


_DIRECTIONS: Final = np.array(
    [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.7, 0.7], [-0.7, -0.7]]
)


@compiled
def _posterior(
    rows: tuple[FloatArray, BandArray, FloatArray, FloatArray],
    coupling: FloatArray,
    typical: float,
    log_a: float,
    log_t: float,
    gains: FloatArray,
    innovation: FloatArray,
    scratch: FloatArray,
) -> float:
    if not np.log(SHORTEST) <= log_t <= np.log(LONGEST):
        return -np.inf
    mjd, passband, flux, flux_err = rows
    prior = -0.5 * ((log_t - np.log(TYPICAL_SCALE)) / _SPREAD_OF_SCALE) ** 2
    prior -= 0.5 * (log_a / _SPREAD_OF_AMPLITUDE) ** 2
    likelihood = log_likelihood(
        mjd,
        passband,
        flux,
        flux_err,
        coupling,
        typical * np.exp(log_a),
        ROOT_3 / np.exp(log_t),
        gains,
        innovation,
        scratch,
    )
    return float(prior + likelihood)
