"""All passbands of a variable source as one curve, each in units of its own scatter.

Stars that pulsate, and pairs that eclipse, do the same in all passbands but for an amplitude.
A dozen observations in each of six passbands are then seventy of one curve, whose period
needs no other free numbers than one passband's would (the shared phases of the models of
VanderPlas & Ivezić 2015).

References:
    VanderPlas & Ivezić 2015, ApJ 812, 18; von Neumann 1941, Annals of Mathematical
    Statistics 12, 367 (differences of successive observations against their variance).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving

FloatArray = NDArray[np.float64]

# Variance that no smooth curve explains, in units of the scatter's: without it the few most
# exact observations would decide alone.
SOFTENING: Final = 0.2
# Days between observations that are compared: a supernova hardly changes, short periods pass.
_GAP: Final = 10.0


@compiled_forgiving
def one_curve(
    flux: FloatArray,
    flux_err: FloatArray,
    passband: NDArray[np.uint8],
    scatter: FloatArray,
    value: FloatArray,
    variance: FloatArray,
) -> None:
    """Write an object's fluxes from their passband's mean, in units of its scatter.

    Args:
        flux: ``(n,)``.
        flux_err: ``(n,)``, positive.
        passband: ``(n,)``, below B.
        scatter: ``(B,)``, written to: the standard deviation beyond the errors, NaN of
            fewer than three observations, 0 where the errors explain all.
        value: ``(n,)``, written to, 0 in passbands without scatter.
        variance: ``(n,)``, written to: of the errors alone, infinite in such passbands.
    """
    n = len(flux)
    value[:] = 0.0
    variance[:] = np.inf
    for band in range(len(scatter)):
        # Relative to the largest, squares neither overflow nor vanish.
        unit, count, mean = 0.0, 0, 0.0
        for i in range(n):
            if passband[i] == band:
                unit = max(unit, abs(flux[i]), flux_err[i])
                count += 1
        scatter[band] = np.nan
        if count < 3:
            continue
        for i in range(n):
            if passband[i] == band:
                mean += flux[i] / unit
        mean /= count
        square, noise = 0.0, 0.0
        for i in range(n):
            if passband[i] == band:
                square += (flux[i] / unit - mean) ** 2
                noise += (flux_err[i] / unit) ** 2
        excess = square / (count - 1) - noise / count
        if not excess > 1e-24:  # rounding of a mean far above what varies
            scatter[band] = 0.0
            continue
        weights, mean = 0.0, 0.0
        for i in range(n):
            if passband[i] == band:
                weight = 1 / ((flux_err[i] / unit) ** 2 + excess)
                weights += weight
                mean += weight * (flux[i] / unit)
        mean /= weights
        own = np.sqrt(excess)
        scatter[band] = own * unit
        for i in range(n):
            if passband[i] == band:
                value[i] = (flux[i] / unit - mean) / own
                variance[i] = (flux_err[i] / unit) ** 2 / excess


@compiled_forgiving
def fast_part(mjd: FloatArray, value: FloatArray, variance: FloatArray) -> tuple[float, float]:
    """Return how much of a curve's variance is there within days, and how surely.

    Args:
        mjd: ``(n,)``, in order of time.
        value: ``(n,)`` of `one_curve`.
        variance: ``(n,)``, likewise.

    Returns:
        The share of the variance beyond the errors that successive observations, less than
        ten days apart, differ by: about 1 of short periods and of eruptions, about 0 of what
        changes slowly. And by how many standard deviations these differences are beyond
        those of the errors. Both are NaN without such observations.
    """
    last = -1
    pairs = 0
    fast, total, excess = 0.0, 0.0, 0.0
    for i in range(len(mjd)):
        if not variance[i] < np.inf:
            continue
        if last >= 0 and 0 < mjd[i] - mjd[last] < _GAP:
            noise = variance[last] + variance[i]
            difference = (value[i] - value[last]) ** 2
            weight = 1 / (noise + 2)
            fast += weight * (difference - noise)
            total += weight * (value[i] ** 2 + value[last] ** 2 - noise)
            if noise > 0:
                excess += difference / noise - 1
            pairs += 1
        last = i
    if not pairs:
        return np.nan, np.nan
    share = fast / total if total > 0 else np.nan
    return share, excess / np.sqrt(2.0 * pairs)


@compiled_forgiving
def standardised_moments(value: FloatArray, variance: FloatArray) -> tuple[float, float]:
    """Return skewness and kurtosis of a curve's values, weighted as for a search."""
    total, mean = 0.0, 0.0
    for i in range(len(value)):
        weight = 1 / (variance[i] + SOFTENING)
        total += weight
        mean += weight * value[i]
    mean /= total
    second, third, fourth = 0.0, 0.0, 0.0
    for i in range(len(value)):
        weight = 1 / (variance[i] + SOFTENING)
        deviation = value[i] - mean
        square = deviation * deviation
        second += weight * square
        third += weight * square * deviation
        fourth += weight * square * square
    second /= total
    return third / total / second**1.5, fourth / total / second**2
