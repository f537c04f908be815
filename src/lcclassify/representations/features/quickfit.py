"""Amplitude and time scale of an object's Gaussian process, roughly, for a tenth of the work.

The augmentation searches for the likeliest process with some forty likelihoods
(`lcclassify.augment.fitting`). What features need of it, a smooth curve through the observations,
hardly depends on that: a handful of time scales and one step in either direction will do.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.augment.fitting import TYPICAL_SCALE
from lcclassify.augment.process import ROOT_3, log_likelihood
from lcclassify.compiled import compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SCALES: Final = np.array([8.0, 16.0, 32.0, 80.0, 300.0])  # days
# Of the flux that is measured best, of which a supernova's amplitude is some two thirds.
_AMPLITUDE: Final = 0.65
_STEPS_OF_AMPLITUDE: Final = np.array([0.5, 2.0])
_STEPS_OF_SCALE: Final = np.array([0.7, 1.4])
# Years in which nothing was seen say little of a process about 0, and cost as much as the rest.
_SIGNIFICANT: Final = 4.0  # signal-to-noise ratio of an observation that counts as seen
_AROUND: Final = 200.0  # days before the first one and after the last that are looked at


@compiled
def fit_roughly(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    coupling: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Fit a process to each of N objects, with nine likelihoods.

    Where observations are significant, only these and what lies between and near them is
    looked at.

    Args:
        bounds: ``(N + 1,)``; object n has the rows ``bounds[n]:bounds[n + 1]``.
        mjd: ``(M,)``, ascending in each object.
        passband: ``(M,)``.
        flux: ``(M,)``.
        flux_err: ``(M,)``.
        coupling: ``(B, B)`` covariance of the passbands.

    Returns:
        ``(N,)`` amplitudes in units of flux and ``(N,)`` time scales in days, NaN for an
        object without observations.
    """
    n_objects, n_bands = len(bounds) - 1, len(coupling)
    amplitudes, scales = np.full(n_objects, np.nan), np.full(n_objects, np.nan)
    longest = 0
    for n in range(n_objects):
        longest = max(longest, bounds[n + 1] - bounds[n])
    gains, innovation = np.empty((longest, 2 * n_bands)), np.empty(longest)
    scratch = np.empty((2, longest))
    for n in range(n_objects):
        rows = _near_significant(mjd, flux, flux_err, bounds[n], bounds[n + 1])
        snr, unit = -1.0, 1.0
        for row in range(bounds[n], bounds[n + 1]):
            if abs(flux[row]) / flux_err[row] > snr:
                snr = abs(flux[row]) / flux_err[row]
                unit = max(abs(flux[row]), flux_err[row])
        if snr < 0:
            continue
        best, amplitude, scale = -np.inf, _AMPLITUDE * unit, TYPICAL_SCALE
        for stage in range(3):
            # Time scales first, then the amplitude, then the time scale again.
            n_tried = len(_SCALES) if stage == 0 else 2
            from_amplitude, from_scale = amplitude, scale
            for k in range(n_tried):
                tried_amplitude, tried_scale = from_amplitude, from_scale
                if stage == 0:
                    tried_scale = _SCALES[k]
                elif stage == 1:
                    tried_amplitude *= _STEPS_OF_AMPLITUDE[k]
                else:
                    tried_scale *= _STEPS_OF_SCALE[k]
                # Broad priors, as in the augmentation: few observations say little.
                value = -0.5 * np.log(tried_scale / TYPICAL_SCALE) ** 2
                value -= 0.5 * np.log(2 * tried_amplitude / unit) ** 2
                value += log_likelihood(
                    mjd[rows],
                    passband[rows],
                    flux[rows],
                    flux_err[rows],
                    coupling,
                    tried_amplitude,
                    ROOT_3 / tried_scale,
                    gains,
                    innovation,
                    scratch,
                )
                if value > best:
                    best, amplitude, scale = value, tried_amplitude, tried_scale
        amplitudes[n], scales[n] = amplitude, scale
    return amplitudes, scales


@compiled
def _near_significant(
    mjd: FloatArray, flux: FloatArray, flux_err: FloatArray, begin: int, end: int
) -> slice:
    """Return the rows from somewhat before the first significant one to somewhat after the last."""
    first, last = end, begin - 1
    for row in range(begin, end):
        if abs(flux[row]) >= _SIGNIFICANT * flux_err[row]:
            first, last = min(first, row), row
    if last < first:
        return slice(begin, end)
    earliest, latest = mjd[first] - _AROUND, mjd[last] + _AROUND
    while first > begin and mjd[first - 1] >= earliest:
        first -= 1
    while last < end - 1 and mjd[last + 1] <= latest:
        last += 1
    return slice(first, last + 1)
