"""Which periods a curve may have: the spectrum proposes, Fourier series decide."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.features.harmonics import HARMONICS, adjusted, moments, series
from lcclassify.representations.features.onecurve import SOFTENING
from lcclassify.representations.features.periodogram import (
    OVERSAMPLING,
    highest_peaks,
    power_spectrum,
    summed_harmonics,
)

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

FOUND: Final = (
    "period_log_false_alarm",
    "period_peak_snr",
    "period_second_peak",
    "period_power_1",
    "period_power_2",
    "period_power_4",
    "narrow_power",
)

# Cycles a day. Contact binaries have two equal minima in as little as a fifth of a day.
_HIGHEST: Final = 10.0
_FEWEST_CYCLES: Final = 2  # in the span
# Places of the spectrum: ten years to 10 cycles a day. Longer spans are searched less high.
_MOST_PLACES: Final = 400_000
_PER_CYCLE: Final = 2 * OVERSAMPLING  # places of the spectrum
_PROPOSALS: Final = 8  # of each order
_ALMOST: Final = 0.9  # of what the best series explains
# Harmonics that are summed for a proposal, and of the series that decide.
_ORDERS: Final = np.array([1, 2, HARMONICS])


@compiled_forgiving
def search(
    place: FloatArray,
    value: FloatArray,
    weight: FloatArray,
    span: float,
    count: int,
    out: FloatArray,
) -> tuple[float, float]:
    """Return the frequencies with the best series of two harmonics and of four.

    Args:
        place: ``(n,)`` times from the middle of the span, divided by it.
        value: ``(n,)``.
        weight: ``(n,)``, not negative.
        span: Days.
        count: How many weights are positive.
        out: ``(7,)``, written to: the columns `FOUND`.

    Returns:
        Both in cycles per span, NaN without a peak.
    """
    last = int(min(_HIGHEST * span * _PER_CYCLE, _MOST_PLACES)) + 1
    first = _FEWEST_CYCLES * _PER_CYCLE
    best, narrow = np.nan, np.nan
    if last < 2 * first:
        return best, narrow
    mean, weights = 0.0, 0.0
    for i in range(len(place)):
        weights += weight[i]
        mean += weight[i] * value[i]
    mean /= weights
    chi_square, noise = 0.0, 0.0
    weighted = np.empty(len(place))
    for i in range(len(place)):
        weighted[i] = weight[i] * (value[i] - mean)
        chi_square += weighted[i] * (value[i] - mean)
        if weight[i] > 0:
            noise += 1 - SOFTENING * weight[i]  # weight times the errors' variance
    power = power_spectrum(place, weighted, 0, last)
    power[:first] = 0.0
    proposed = np.empty(_PROPOSALS)
    sums = np.empty((4, 2 * HARMONICS + 1))
    coefficients = np.empty(2 * HARMONICS + 1)
    explained = np.empty(len(_ORDERS))
    for order in _ORDERS:
        n_peaks = highest_peaks(summed_harmonics(power, order), first + 1, proposed)
        if order == 1 and n_peaks:
            out[1], out[2] = _stand_out(power, first, proposed[:n_peaks])
        for k in range(n_peaks):
            frequency = proposed[k] / _PER_CYCLE
            moments(place, value, weight, frequency, sums)
            for j in range(len(_ORDERS)):
                drop = series(sums, _ORDERS[j], coefficients)
                explained[j] = adjusted(drop, chi_square, count, _ORDERS[j])
            if not explained[1] <= out[4]:
                best, out[4] = frequency, explained[1]
            if not explained[2] <= out[6]:
                narrow, out[6] = frequency, explained[2]
    if best > 0 and narrow > 0:
        best, out[4] = _shortest(place, value, weight, best, chi_square, count, 1, out[4])
        narrow, out[6] = _shortest(place, value, weight, narrow, chi_square, count, 2, out[6])
        moments(place, value, weight, best, sums)
        for j in range(len(_ORDERS)):
            drop = series(sums, _ORDERS[j], coefficients)
            out[3 + j] = adjusted(drop, chi_square, count, _ORDERS[j])
    # As many independent frequencies as there are cycles, each of an F distribution.
    left = (1 - out[3]) * (count - 3) / (count - 1)
    out[0] = (np.log(last / _PER_CYCLE) + (count - 3) / 2 * np.log(max(left, 1e-12))) / np.log(10.0)
    # The errors' part, which no series explains, would make faint stars unlike bright ones.
    out[3:7] *= chi_square / max(chi_square - noise, 0.1 * chi_square)
    return best, narrow


@compiled_forgiving
def _shortest(
    place: FloatArray,
    value: FloatArray,
    weight: FloatArray,
    frequency: float,
    chi_square: float,
    count: int,
    position: int,
    explained: float,
) -> tuple[float, float]:
    """Return the highest multiple of a frequency that does almost as well.

    Any series has its equal at a half and a third of its frequency: which of them wins is chance.

    Args:
        place: As in `search`, like the others that are not mentioned.
        value: ``(n,)``.
        weight: ``(n,)``.
        frequency: The one that won.
        chi_square: Against a constant.
        count: Positive weights.
        position: Of the order of the series in `_ORDERS`.
        explained: By that series.

    Returns:
        The frequency and what its series explains.
    """
    order = _ORDERS[position]
    sums = np.empty((4, 2 * HARMONICS + 1))
    coefficients = np.empty(2 * HARMONICS + 1)
    found = frequency
    share = explained
    for multiple in range(2, order + 1):
        moments(place, value, weight, multiple * frequency, sums)
        here = adjusted(series(sums, order, coefficients), chi_square, count, order)
        if here >= _ALMOST * explained:
            found, share = multiple * frequency, here
    return found, share


@compiled_forgiving
def _stand_out(power: SingleArray, first: int, places: FloatArray) -> tuple[float, float]:
    """Return the highest peak's signal to noise, and the second's height relative to it."""
    total, square = 0.0, 0.0
    for k in range(first, len(power)):
        total += power[k]
        square += np.float64(power[k]) * power[k]
    count = len(power) - first
    mean = total / count
    deviation = np.sqrt(max(square / count - mean * mean, 0.0))
    highest = np.float64(power[int(places[0] + 0.5)])
    second = power[int(places[1] + 0.5)] / highest if len(places) > 1 else np.nan
    return (highest - mean) / deviation, second
