"""What a smooth light curve in several passbands looks like: peaks, widths, slopes, colours."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving

FloatArray = NDArray[np.float64]

# The first two are fluxes, the next four days, the others relative to the passband's peak.
OF_BAND: Final = (
    "peak",
    "lowest",
    "peak_day",
    "rise",
    "fall",
    "fluence_days",
    "at_-20",
    "at_20",
    "at_50",
)
_RELATIVE_DAYS: Final = np.array([-20.0, 20.0, 50.0])
_COLOUR_DAYS: Final = np.array([0.0, 10.0, 20.0, 50.0])


@compiled_forgiving
def describe(table: FloatArray, step: float, out: FloatArray) -> int:
    """Describe fluxes at even times, about the time at which all passbands together peak.

    Args:
        table: ``(G, B)`` fluxes.
        step: Days from one time to the next.
        out: ``(len(OF_BAND) B + 4 (B - 1),)``, written to: `OF_BAND` of each passband, name
            after name: the highest and the lowest flux, the days of the highest from the peak
            of all, the days from half of it and until half of it, the sum of what is above zero
            in days of the highest, and fluxes at days from the peak of all over the highest.
            Then (f_a - f_b) / (|f_a| + |f_b|) of neighbouring passbands, 0, 10, 20 and 50 days
            from the peak of all. NaN where the times do not reach, and what is relative to a
            peak that is not above zero.

    Returns:
        The position of the peak of all.
    """
    n_times, n_bands = table.shape
    peak, brightest = 0, -np.inf
    for k in range(n_times):
        total = 0.0
        for band in range(n_bands):
            total += table[k, band]
        if total > brightest:
            peak, brightest = k, total
    for band in range(n_bands):
        top, low, fluence = 0, 0, 0.0
        for k in range(n_times):
            here = table[k, band]
            if here > table[top, band]:
                top = k
            if here < table[low, band]:
                low = k
            if here > 0:
                fluence += here
        highest = table[top, band]
        out[band] = highest
        out[n_bands + band] = table[low, band]
        out[2 * n_bands + band] = (top - peak) * step
        if not highest > 0:
            continue
        before = top
        while before >= 0 and table[before, band] > highest / 2:
            before -= 1
        if before >= 0:
            out[3 * n_bands + band] = (top - before) * step
        after = top
        while after < n_times and table[after, band] > highest / 2:
            after += 1
        if after < n_times:
            out[4 * n_bands + band] = (after - top) * step
        out[5 * n_bands + band] = fluence / highest * step
        for j in range(len(_RELATIVE_DAYS)):
            place = peak + _RELATIVE_DAYS[j] / step
            if 0 <= place <= n_times - 1:
                out[(6 + j) * n_bands + band] = _between(table, band, place) / highest
    begin = len(OF_BAND) * n_bands
    for j in range(len(_COLOUR_DAYS)):
        place = peak + _COLOUR_DAYS[j] / step
        if place <= n_times - 1:
            for band in range(n_bands - 1):
                blue, red = _between(table, band, place), _between(table, band + 1, place)
                out[begin + j * (n_bands - 1) + band] = (blue - red) / (abs(blue) + abs(red))
    return peak


@compiled_forgiving
def _between(table: FloatArray, band: int, place: float) -> float:
    """Return a passband's flux between two times, on the straight line through them."""
    k = min(int(place), len(table) - 2)
    if k < 0:
        return float(table[0, band])
    share = place - k
    return float((1 - share) * table[k, band] + share * table[k + 1, band])
