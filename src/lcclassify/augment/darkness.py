"""When transients are seen to be dark: what is known of them where nobody looked."""

from __future__ import annotations

from typing import Final

import numpy as np

from lcclassify.augment.curves import BoolArray, Curves, FloatArray, IntArray
from lcclassify.compiled import compiled

_DARK: Final = 0.1  # of the flux of the most significant observation
_ERRORS: Final = 3.0


def dark_sides(curves: Curves, days: float) -> tuple[BoolArray, BoolArray]:
    """Tell at which observations objects are dark, seen from before and from after.

    An object is dark where its mean flux over some days, of all passbands and by inverse
    variance, is less than three of its errors, and both are less than a tenth of the flux of the
    object's most significant observation.

    Args:
        curves: M observations of N objects.
        days: How many; 0: nothing is said to be dark.

    Returns:
        ``(M,)`` whether an object was dark in the days up to an observation, and ``(M,)``
        whether it was from there on.
    """
    before, after = np.zeros(len(curves.mjd), np.bool_), np.zeros(len(curves.mjd), np.bool_)
    if days > 0:
        _dark_sides(curves.bounds, curves.mjd, curves.flux, curves.flux_err, days, before, after)
    return before, after


@compiled
def _dark_sides(
    bounds: IntArray,
    mjd: FloatArray,
    flux: FloatArray,
    flux_err: FloatArray,
    days: float,
    before: BoolArray,
    after: BoolArray,
) -> None:
    for n in range(len(bounds) - 1):
        first, end = bounds[n], bounds[n + 1]
        best, bright = -np.inf, 0.0
        for row in range(first, end):
            if flux[row] / flux_err[row] > best:
                best, bright = flux[row] / flux_err[row], flux[row]
        # The window of an observation is that of the last one, moved.
        since, weight, total = first, 0.0, 0.0
        for row in range(first, end):
            weight += flux_err[row] ** -2
            total += flux[row] * flux_err[row] ** -2
            while mjd[since] < mjd[row] - days:
                weight -= flux_err[since] ** -2
                total -= flux[since] * flux_err[since] ** -2
                since += 1
            before[row] = _is_dark(total, weight, bright)
        until, weight, total = end - 1, 0.0, 0.0
        for row in range(end - 1, first - 1, -1):
            weight += flux_err[row] ** -2
            total += flux[row] * flux_err[row] ** -2
            while mjd[until] > mjd[row] + days:
                weight -= flux_err[until] ** -2
                total -= flux[until] * flux_err[until] ** -2
                until -= 1
            after[row] = _is_dark(total, weight, bright)


@compiled
def _is_dark(total: float, weight: float, bright: float) -> bool:
    mean, error = total / weight, 1 / np.sqrt(weight)
    return bool(mean < _ERRORS * error and max(mean, error) < _DARK * bright)


def plausible(
    true: FloatArray,
    fades: BoolArray,
    reach: FloatArray,
    since: FloatArray,
    until: FloatArray,
) -> FloatArray:
    """Return fluxes of what only brightens without what a process knows no better.

    Away from observations draws become noise of the object's own size. What was never
    seen significantly below zero never is; outside of the time in which it was observed,
    and in long gaps, it dies away.
    """
    inside = np.isfinite(since) & np.isfinite(until)
    beyond = np.minimum(since, until) - np.where(inside, reach, 0.0)
    fading = np.exp(-0.5 * (np.maximum(beyond, 0.0) / reach) ** 2)
    return np.where(fades, true, np.maximum(true, 0) * fading)
