"""Statistics of the form of a light curve, of each passband and of all of them together.

References:
    Stetson 1996, PASP 108, 851 (J, K).
    von Neumann 1941, Annals of Mathematical Statistics 12, 367 (eta).
    Ellaway 1978, Electroencephalography and Clinical Neurophysiology 45, 302 (cusum).
    Otsu 1979, IEEE Transactions on Systems, Man and Cybernetics 9, 62 (the split).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_quick
from lcclassify.representations.nights import FloatArray, IntArray

STATISTICS: Final = (
    "weighted_mean",
    "red_chi2",
    "excess_variance",
    "stetson_k",
    "stetson_j",
    "eta",
    "eta_noise",
    "kurtosis",
    "beyond_1_std",
    "cusum",
    "trend",
    "trend_significance",
    "max_slope",
    "otsu_difference",
    "otsu_lower",
    "otsu_variance",
    "range_5_95",
    "range_25_75",
    "median_position",
    "negative",
    "crossings",
    "asymmetry",
)
_SHORTEST: Final = 0.02  # days between two observations that a slope is taken of


@compiled_quick
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


@compiled_quick
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


@compiled_quick
def describe(
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
        out: ``(22,)``, NaN where nothing is put.
    """
    n = len(time)
    total = weighted = plain = noise = 0.0
    negative = 0
    for k in range(n):
        weight = 1.0 / (err[k] * err[k])
        total += weight
        weighted += weight * flux[k]
        plain += flux[k]
        noise += err[k] * err[k]
        negative += int(flux[k] < -3.0 * err[k])
    centre = weighted / total
    mean = plain / n
    noise /= n
    out[0] = centre
    out[19] = negative / n
    if n < 2:
        return
    middle = 0.5 * (time[0] + time[-1])
    chi2 = absolute = second = third = fourth = 0.0
    st = stt = stf = 0.0
    for k in range(n):
        ratio = (flux[k] - centre) / err[k]
        chi2 += ratio * ratio
        absolute += abs(ratio)
        deviation = flux[k] - mean
        square = deviation * deviation
        second += square
        third += square * deviation
        fourth += square * square
        weight = 1.0 / (err[k] * err[k])
        since = time[k] - middle
        st += weight * since
        stt += weight * since * since
        stf += weight * since * (flux[k] - centre)
    second /= n
    std = np.sqrt(second)
    out[1] = chi2 / (n - 1)
    out[2] = (second - noise) / (mean * mean + noise)
    out[3] = absolute / n / np.sqrt(chi2 / n)
    # The slope of the weighted straight line, times the time it is seen for.
    determinant = stt - st * st / total
    slope = stf / determinant
    span = time[-1] - time[0]
    out[10] = slope * span / std
    out[11] = stf / np.sqrt(determinant)
    pairs = joint = steps = steps_noise = 0.0
    steepest = 0.0
    total_sum = lowest = highest = 0.0
    beyond = crossings = 0
    for k in range(n):
        total_sum += flux[k] - mean
        lowest = min(lowest, total_sum)
        highest = max(highest, total_sum)
        beyond += int(abs(flux[k] - mean) > std)
        if k + 1 == n:
            break
        change = flux[k + 1] - flux[k]
        apart = time[k + 1] - time[k]
        steps += change * change
        steps_noise += change * change / (err[k] * err[k] + err[k + 1] * err[k + 1])
        product = (flux[k] - centre) / err[k] * ((flux[k + 1] - centre) / err[k + 1])
        closeness = np.exp(-apart / 5.0)
        pairs += closeness
        joint += closeness * (np.sqrt(abs(product)) if product > 0.0 else -np.sqrt(abs(product)))
        if apart > _SHORTEST:
            significance = abs(change) / np.sqrt(
                err[k] * err[k] + err[k + 1] * err[k + 1] + 0.01 * change * change
            )
            steepest = max(steepest, significance / apart)
    out[4] = joint / pairs * np.sqrt(n / (n - 1.0))
    out[5] = steps / (n - 1) / second
    out[6] = steps_noise / (n - 1)
    out[7] = fourth / n / (second * second)
    out[8] = beyond / n
    out[9] = (highest - lowest) / (n * std)
    out[12] = steepest
    for k in range(n):
        ordered[k] = flux[k]
        weights[k] = 1.0 / (err[k] * err[k])
    sort_pairs(ordered, weights)
    low = _percentile(ordered, weights, total, 0.05)
    quarter = _percentile(ordered, weights, total, 0.25)
    half = _percentile(ordered, weights, total, 0.5)
    upper = _percentile(ordered, weights, total, 0.75)
    high = _percentile(ordered, weights, total, 0.95)
    out[16] = (high - low) / np.sqrt(noise)
    out[17] = (upper - quarter) / (high - low)
    out[18] = (half - low) / (high - low)
    above = below = 0.0
    for k in range(n):
        if flux[k] > half:
            above += (flux[k] - half) * (flux[k] - half)
        else:
            below += (flux[k] - half) * (flux[k] - half)
        if k > 0:
            crossings += int((flux[k] > half) != (flux[k - 1] > half))
    out[20] = crossings / (n - 1)
    out[21] = (above - below) / (above + below)
    # The split of the sorted values with the greatest variance between its parts.
    best, split = -1.0, 1
    running = 0.0
    for k in range(1, n):
        running += ordered[k - 1] - mean
        between = running * running / (k * (n - k))
        if between > best:
            best, split = between, k
    running = 0.0
    for k in range(split):
        running += ordered[k] - mean
    out[13] = -running * n / (split * (n - split) * std)
    out[14] = split / n
    out[15] = best / second


@compiled_quick
def band_statistics(
    starts: IntArray, mjd: FloatArray, flux: FloatArray, flux_err: FloatArray
) -> FloatArray:
    """Return the `STATISTICS` of each passband, ``(N, B, 22) float64``."""
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
                describe(
                    mjd[begin:end],
                    flux[begin:end],
                    flux_err[begin:end],
                    ordered[: end - begin],
                    weights[: end - begin],
                    out[n, band],
                )
    return out


@compiled_quick
def joint_statistics(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    band_flux: FloatArray,
) -> FloatArray:
    """Return the `STATISTICS` of the fluxes relative to each passband's peak, ``(N, 22)``.

    Passbands without light take no part.
    """
    longest = 0
    for n in range(len(bounds) - 1):
        longest = max(longest, bounds[n + 1] - bounds[n])
    gathered = np.empty((5, longest))
    out = np.full((len(bounds) - 1, len(STATISTICS)), np.nan)
    for n in range(len(bounds) - 1):
        size = 0
        for row in range(bounds[n], bounds[n + 1]):
            scale = band_flux[n, passband[row]]
            if scale > 0.0:
                gathered[0, size] = mjd[row]
                gathered[1, size] = flux[row] / scale
                gathered[2, size] = flux_err[row] / scale
                size += 1
        if size > 0:
            describe(
                gathered[0, :size],
                gathered[1, :size],
                gathered[2, :size],
                gathered[3, :size],
                gathered[4, :size],
                out[n],
            )
    return out
