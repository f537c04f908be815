"""How an object rises and declines: times at shares of its peak, and around its detections."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.nights import FloatArray, IntArray

# Of the peak, in each passband and in all together.
SHARES: Final = (0.5,)
JOINT_SHARES: Final = (0.5, 0.2)
COURSE: Final = (
    "first_detection",
    "last_detection",
    "gap_before_first_detection",
    "gap_before_peak",
    "gap_after_peak",
    "observed_before",
    "observed_after",
    "share_of_signal_near",
    "share_of_signal_before",
    "centroid",
    "breadth",
    "joint_negative",
    "joint_crossings",
    "joint_stetson_j",
)
_NEAR: Final = 30.0  # days from the peak
_TOGETHER: Final = 1.0  # days between observations that are a pair


@compiled_forgiving
def _days_until(
    level: float, top: int, step: int, begin: int, end: int, mjd: FloatArray, smooth: FloatArray
) -> float:
    """Return the days from a row back (-1) or on (1) to where the running mean is below a level.

    Linear between observations; NaN where it never falls so low.
    """
    last = top
    row = top + step
    while row >= begin and row < end:
        if smooth[row] < level:
            over, under = smooth[last] - level, level - smooth[row]
            part = abs(mjd[row] - mjd[last]) * (over / (over + under))
            return float(abs(mjd[last] - mjd[top]) + part)
        if smooth[row] >= level:  # not where there is none
            last = row
        row += step
    return np.nan


@compiled_forgiving
def band_crossings(
    starts: IntArray,
    mjd: FloatArray,
    smooth: FloatArray,
    band_when: FloatArray,
    band_flux: FloatArray,
    stretch: FloatArray,
    shares: FloatArray,
) -> FloatArray:
    """Return days from each passband's peak back and on to where it is below S shares of it.

    Returns:
        ``(N, B, 2 S) float64`` with the rise and the decline of each share in turn.
    """
    n_objects, n_bands = starts.shape[0], starts.shape[1] - 1
    out = np.full((n_objects, n_bands, 2 * len(shares)), np.nan)
    for n in range(n_objects):
        for band in range(n_bands):
            peak = band_flux[n, band]
            begin, end = starts[n, band], starts[n, band + 1]
            if peak > 0.0:
                top = begin + np.searchsorted(mjd[begin:end], band_when[n, band])
                for k in range(len(shares)):
                    for side in range(2):
                        days = _days_until(
                            shares[k] * peak, top, 2 * side - 1, begin, end, mjd, smooth
                        )
                        out[n, band, 2 * k + side] = days / stretch[n]
    return out


@compiled_forgiving
def joint_crossings(
    bounds: IntArray,
    mjd: FloatArray,
    smooth: FloatArray,
    when: FloatArray,
    stretch: FloatArray,
    shares: FloatArray,
) -> FloatArray:
    """Do as `band_crossings` around the joint peak: ``(N, 2 S) float64``."""
    out = np.full((len(bounds) - 1, 2 * len(shares)), np.nan)
    for n in range(len(bounds) - 1):
        begin, end = bounds[n], bounds[n + 1]
        top = begin + np.searchsorted(mjd[begin:end], when[n])
        while top < end and np.isnan(smooth[top]):
            top += 1
        if top < end and smooth[top] > 0.0:
            for k in range(len(shares)):
                for side in range(2):
                    days = _days_until(
                        shares[k] * smooth[top], top, 2 * side - 1, begin, end, mjd, smooth
                    )
                    out[n, 2 * k + side] = days / stretch[n]
    return out


@compiled_forgiving
def course(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    detected: NDArray[np.bool_],
    band_flux: FloatArray,
    band_mean: FloatArray,
    when: FloatArray,
    stretch: FloatArray,
) -> FloatArray:
    """Return the `COURSE` of all passbands together around the joint peak, ``(N, 14)``."""
    out = np.full((len(bounds) - 1, len(COURSE)), np.nan)
    for n in range(len(bounds) - 1):
        begin, end = bounds[n], bounds[n + 1]
        if begin == end:
            continue
        first, last, gap, last_empty = np.nan, np.nan, np.nan, np.nan
        last_before, next_after = np.nan, np.nan
        signal = near = early = 0.0
        total = moment = square = 0.0
        negative = changes = pairs = 0
        products = previous = 0.0
        for row in range(begin, end):
            phase = (mjd[row] - when[n]) / stretch[n]
            if phase < 0.0:
                last_before = phase
            elif phase > 0.0 and np.isnan(next_after):
                next_after = phase
            if detected[row]:
                if np.isnan(first):
                    first = phase
                    gap = phase - last_empty
                last = phase
            elif np.isnan(first):
                last_empty = phase
            ratio = flux[row] / flux_err[row]
            negative += int(ratio < -3.0)
            if ratio > 3.0:
                ratio *= ratio
                signal += ratio
                near += ratio * int(abs(phase) < _NEAR)
                early += ratio * int(phase < 0.0)
            scale = band_flux[n, passband[row]]
            if scale > 0.0:
                # Of what is over the noise, no matter how well it is measured.
                height = min(flux[row] - 2.0 * flux_err[row], scale) / scale
                if height > 0.0:
                    total += height
                    moment += height * phase
                    square += height * phase * phase
            residual = (flux[row] - band_mean[n, passband[row]]) / flux_err[row]
            if row > begin:
                changes += int((residual > 0.0) != (previous > 0.0))
                if mjd[row] - mjd[row - 1] < _TOGETHER:
                    pairs += 1
                    size = np.sqrt(abs(residual)) * np.sqrt(abs(previous))
                    products += size if (residual > 0.0) == (previous > 0.0) else -size
            previous = residual
        size_of = end - begin
        out[n, 0] = first
        out[n, 1] = last
        out[n, 2] = gap
        out[n, 3] = -last_before
        out[n, 4] = next_after
        out[n, 5] = (mjd[begin] - when[n]) / stretch[n]
        out[n, 6] = (mjd[end - 1] - when[n]) / stretch[n]
        out[n, 7] = near / signal
        out[n, 8] = early / signal
        centroid = moment / total
        out[n, 9] = centroid
        out[n, 10] = np.sqrt(max(square / total - centroid * centroid, 0.0))
        out[n, 11] = negative / size_of
        if size_of > 1:
            out[n, 12] = changes / (size_of - 1)
        out[n, 13] = products / pairs
    return out
