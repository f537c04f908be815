"""Statistics of runs of observations: of objects, of their passbands, of their detections.

One pass over the flat arrays of many objects. Beside Polars' `group_by` with one
expression a feature this takes about half the time (`benchmarks/preparing.py`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The last axis of the tables of statistics.
STATISTICS: Final = ("min", "max", "mean", "median", "std", "sum", "skew")
_MIN, _MAX, _MEAN, _MEDIAN, _STD, _SUM, _SKEW = range(7)


@compiled
def _select(values: FloatArray, k: int) -> None:
    """Order values so far that the k-th smallest is at k and no greater one before it.

    Pivots at pseudo-random positions: no order that light curves come in, rising and
    falling ones included, is a slow one. Partitions without a branch that depends on a
    value, which processors guess wrongly half of the time. Together a tenth of the time of
    sorting. With a NaN among the values the order means nothing.

    References:
        Hoare 1961, Communications of the ACM 4, 321 (algorithm 65, FIND).
    """
    low, high = 0, len(values) - 1
    state = 1
    while low < high:
        state = (state * 1103515245 + 12345) % 2147483648
        pivot = values[low + state % (high - low + 1)]
        split = low
        for position in range(low, high + 1):
            value = values[position]
            values[position] = values[split]
            values[split] = value
            split += int(value < pivot)
        if k < split:
            high = split - 1
        elif split > low:
            low = split
        else:  # The pivot is the smallest: all that equal it leave together.
            if pivot != pivot:
                return  # no order; statistics of such values are NaN anyway
            for position in range(low, high + 1):
                value = values[position]
                values[position] = values[split]
                values[split] = value
                split += int(value <= pivot)
            if k < split:
                return
            low = split


@compiled
def _median(values: FloatArray) -> float:
    """Return the median of at least one value, which are reordered."""
    n = len(values)
    middle = n // 2
    _select(values, middle)
    if n % 2 == 1:
        return float(values[middle])
    below = values[:middle].max()
    return float((below + values[middle]) / 2)


@compiled
def _describe(values: FloatArray, out: FloatArray) -> None:
    """Put the statistics of at least one value, but the median, into ``out (7,)``."""
    n = len(values)
    low = high = values[0]
    total = 0.0
    for value in values:
        total += value
        if value < low:
            low = value
        if value > high:
            high = value
    mean = total / n
    out[_MIN] = low
    out[_MAX] = high
    out[_MEAN] = mean
    out[_SUM] = total
    if n < 2:
        return
    # Equal values differ from their mean by rounding, which alone gives a skewness of
    # about 1: they are told by their extremes.
    if low == high:
        out[_STD] = 0.0
        return
    first = second = third = 0.0
    for value in values:
        deviation = value - mean
        square = deviation * deviation
        first += deviation
        second += square
        third += square * deviation
    # Not 0 where the mean is far above the deviations and so rounded to many of them.
    first /= n
    second = second / n - first * first
    third = third / n - first * (3 * second + first * first)
    out[_STD] = np.sqrt(second * n / (n - 1))
    spread = second**1.5
    # Adjusted Fisher-Pearson G1; differences of 1e-108 and less have no cube in floats.
    if n >= 3 and spread > 0.0:
        out[_SKEW] = third / spread * np.sqrt(n * (n - 1.0)) / (n - 2)


@compiled
def statistics(
    bounds: IntArray,
    passband: NDArray[np.uint8],
    detected: NDArray[np.bool_],
    mjd: FloatArray,
    columns: FloatArray,
    medians: NDArray[np.bool_],
    n_bands: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Describe all observations of each object, those in each passband, and the detected.

    Args:
        bounds: ``(N + 1,) int64``; object n has the rows ``bounds[n]:bounds[n + 1]``.
        passband: ``(M,) uint8``, below B.
        detected: ``(M,) bool``.
        mjd: ``(M,) float64``.
        columns: ``(D, M) float64``, the quantities to describe.
        medians: ``(D, 2) bool``, whether their medians are wanted in each passband, and
            of all observations; they are NaN otherwise.
        n_bands: B.

    Returns:
        ``(N, B + 2, D, 7) float64`` with the passbands' statistics, then those of all
        observations, then those of the detected ones: NaN where undefined, that is of no
        value, the deviation of one and the skewness of one, two or equal values;
        ``(N, B + 2) float64``, the numbers of observations, likewise;
        ``(N, B + 1) float64``, the days between the first and the last detection in each
        passband and in all: 0 where observed and never detected, NaN where not observed.
    """
    n_objects = len(bounds) - 1
    n_columns = len(columns)
    every, found = n_bands, n_bands + 1
    out = np.full((n_objects, n_bands + 2, n_columns, 7), np.nan)
    counts = np.zeros((n_objects, n_bands + 2))
    spans = np.full((n_objects, n_bands + 1), np.nan)
    longest = 0
    for n in range(n_objects):
        longest = max(longest, bounds[n + 1] - bounds[n])
    place = np.empty(longest, np.int64)
    gathered = np.empty(longest)
    fill = np.empty(n_bands + 1, np.int64)
    first = np.empty(n_bands + 1)
    last = np.empty(n_bands + 1)
    for n in range(n_objects):
        begin, end = bounds[n], bounds[n + 1]
        if begin == end:
            continue
        first[:] = np.nan
        count = counts[n]
        for row in range(begin, end):
            own = np.int64(passband[row])
            count[own] += 1
            if detected[row]:
                count[found] += 1
                for group in (own, np.int64(every)):
                    if np.isnan(first[group]):
                        first[group] = mjd[row]
                    last[group] = mjd[row]
        count[every] = end - begin
        for seen in range(n_bands + 1):
            if count[seen] > 0:
                spans[n, seen] = 0.0 if np.isnan(first[seen]) else last[seen] - first[seen]
        # Rows sorted by passband, each passband's in order of time.
        position = 0
        for band in range(n_bands):
            fill[band] = position
            position += int(count[band])
        for row in range(begin, end):
            place[fill[passband[row]]] = row
            fill[passband[row]] += 1
        for column in range(n_columns):
            values = columns[column]
            stop = 0
            for band in range(n_bands):
                start, stop = stop, stop + int(count[band])
                if stop > start:
                    for k in range(start, stop):
                        gathered[k] = values[place[k]]
                    own_values = gathered[start:stop]
                    _describe(own_values, out[n, band, column])
                    if medians[column, 0]:
                        out[n, band, column, _MEDIAN] = _median(own_values)
            _describe(values[begin:end], out[n, every, column])
            if medians[column, 1]:
                every_value = gathered[: end - begin]
                every_value[:] = values[begin:end]
                out[n, every, column, _MEDIAN] = _median(every_value)
            if count[found] > 0:
                size = 0
                for row in range(begin, end):
                    if detected[row]:
                        gathered[size] = values[row]
                        size += 1
                _describe(gathered[:size], out[n, found, column])
    return out, counts, spans
