"""Statistics of the form of a passband's light curve, whatever the object is.

References:
    Stetson 1996, PASP 108, 851 (K).
    von Neumann 1941, Annals of Mathematical Statistics 12, 367 (eta).
    Ellaway 1978, Electroencephalography and Clinical Neurophysiology 45, 302 (cusum).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.nights import FloatArray, IntArray

STATISTICS: Final = (
    "weighted_mean",
    "negative",  # share of observations below zero by more than 3 errors
    "red_chi2",  # about the weighted mean
    "excess_variance",  # over that of the errors, relative to the squared mean
    "stetson_k",
    "beyond_1_std",
    "cusum",  # range of the summed deviations from the mean
    "trend",  # of the weighted straight line, end to end, in standard deviations
    "eta",
    "eta_noise",  # the same relative to the errors
    "range_25_75",  # error-weighted percentiles, relative to that from 5 to 95
    "median_position",  # between the percentiles 5 and 95
    "crossings",  # share of neighbours on different sides of the median
)


@compiled_forgiving
def sort_pairs(values: FloatArray, others: FloatArray) -> None:
    """Sort values in place, and the others with them (Shell 1959, CACM 2, 30)."""
    n = len(values)
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for place in range(gap, n):
            value, other = values[place], others[place]
            before = place - gap
            while before >= 0 and values[before] > value:
                values[before + gap] = values[before]
                others[before + gap] = others[before]
                before -= gap
            values[before + gap] = value
            others[before + gap] = other
        gap //= 3


@compiled_forgiving
def _percentile(values: FloatArray, weights: FloatArray, total: float, share: float) -> float:
    """Return the value below which a share of the weights lies, linear between values."""
    wanted = share * total
    reached = 0.5 * weights[0]
    if wanted <= reached:
        return float(values[0])
    for k in range(1, len(values)):
        step = 0.5 * (weights[k - 1] + weights[k])
        if reached + step >= wanted:
            return float(values[k - 1] + (values[k] - values[k - 1]) * ((wanted - reached) / step))
        reached += step
    return float(values[-1])


@compiled_forgiving
def _describe(
    time: FloatArray,
    flux: FloatArray,
    err: FloatArray,
    ordered: FloatArray,
    weights: FloatArray,
    out: FloatArray,
) -> None:
    """Put the `STATISTICS` of at least one observation in order of time into `out`.

    Args:
        time: ``(n,)``, days.
        flux: ``(n,)``.
        err: ``(n,)``, positive.
        ordered: ``(n,)``, overwritten.
        weights: ``(n,)``, overwritten.
        out: ``(13,)``, NaN where nothing is put.
    """
    n = len(time)
    total = weighted = plain = noise = 0.0
    negative = 0
    for k in range(n):
        ordered[k] = flux[k]
        weights[k] = 1.0 / (err[k] * err[k])
        total += weights[k]
        weighted += weights[k] * flux[k]
        plain += flux[k]
        noise += err[k] * err[k]
        negative += int(flux[k] < -3.0 * err[k])
    centre = weighted / total
    mean = plain / n
    noise /= n
    out[0] = centre
    out[1] = negative / n
    if n < 2:
        return
    middle = 0.5 * (time[0] + time[-1])
    chi2 = absolute = variance = 0.0
    moment = moment2 = lever = 0.0
    for k in range(n):
        ratio = (flux[k] - centre) / err[k]
        chi2 += ratio * ratio
        absolute += abs(ratio)
        variance += (flux[k] - mean) * (flux[k] - mean)
        since = weights[k] * (time[k] - middle)
        moment += since
        moment2 += since * (time[k] - middle)
        lever += since * (flux[k] - centre)
    variance /= n
    std = np.sqrt(variance)
    # Of two observations each is one deviation from their mean, which rounding must not decide.
    limit = std * (1 + 1e-9)
    slope = lever / (moment2 - moment * moment / total)
    running = lowest = highest = 0.0
    steps = steps_noise = 0.0
    beyond = 0
    for k in range(n):
        running += flux[k] - mean
        lowest = min(lowest, running)
        highest = max(highest, running)
        beyond += int(abs(flux[k] - mean) > limit)
        if k > 0:
            step = flux[k] - flux[k - 1]
            steps += step * step
            steps_noise += step * step / (err[k] * err[k] + err[k - 1] * err[k - 1])
    out[2] = chi2 / (n - 1)
    out[3] = (variance - noise) / (mean * mean + noise)
    out[4] = absolute / n / np.sqrt(chi2 / n)
    out[5] = beyond / n
    out[6] = (highest - lowest) / (n * std)
    out[7] = slope * (time[-1] - time[0]) / std
    out[8] = steps / (n - 1) / variance
    out[9] = steps_noise / (n - 1)
    sort_pairs(ordered, weights)
    low = _percentile(ordered, weights, total, 0.05)
    quarter = _percentile(ordered, weights, total, 0.25)
    half = _percentile(ordered, weights, total, 0.5)
    upper = _percentile(ordered, weights, total, 0.75)
    high = _percentile(ordered, weights, total, 0.95)
    out[10] = (upper - quarter) / (high - low)
    out[11] = (half - low) / (high - low)
    crossings = 0
    for k in range(1, n):
        crossings += int((flux[k] > half) != (flux[k - 1] > half))
    out[12] = crossings / (n - 1)


@compiled_forgiving
def band_statistics(
    starts: IntArray, mjd: FloatArray, flux: FloatArray, flux_err: FloatArray
) -> FloatArray:
    """Return the `STATISTICS` of each passband, ``(N, B, 13) float64``."""
    n_objects, n_bands = starts.shape[0], starts.shape[1] - 1
    longest = 0
    for n in range(n_objects):
        for band in range(n_bands):
            longest = max(longest, starts[n, band + 1] - starts[n, band])
    ordered, weights = np.empty(longest), np.empty(longest)
    out = np.full((n_objects, n_bands, len(STATISTICS)), np.nan)
    for n in range(n_objects):
        for band in range(n_bands):
            begin, end = starts[n, band], starts[n, band + 1]
            if end > begin:
                _describe(
                    mjd[begin:end],
                    flux[begin:end],
                    flux_err[begin:end],
                    ordered[: end - begin],
                    weights[: end - begin],
                    out[n, band],
                )
    return out
