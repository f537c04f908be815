"""Features of the Bazin function fitted to the rise and fall about an object's brightest time.

The function A exp(-(t - t0) / fall) / (1 + exp(-(t - t0) / rise)) + B is fitted in each passband
with observations enough, and once in all of them together, each in units of its own root mean
square, since surveys such as LSST have few observations of one passband. The fits are those of
the package light-curve (Levenberg-Marquardt).

References:
    Bazin et al. 2009, A&A 499, 653; Malanchev et al. 2021, MNRAS 502, 5147 (light-curve).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.representations.features.observed import Observed
from lcclassify.schema import Passbands

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Days before and after the most significant observation.
_BEFORE: Final = 150.0
_AFTER: Final = 300.0
_FEWEST: Final = 7  # observations of a fit of five numbers
_ITERATIONS: Final = 20

TOGETHER: Final = "together"
_OF_FIT: Final = (
    "amplitude",
    "baseline",
    "day",  # t0, from the most significant observation
    "rise_time",
    "fall_time",
    "chi_square",  # reduced
    "peak",  # above the baseline
    "peak_day",  # from t0
    "half_rise",  # days from half of the peak to it
    "half_fall",  # and from it to half
)
_LONGEST: Final = 1000.0  # days that half of the peak is looked for in
_HALVINGS: Final = 40


def names(passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns, ``10 B + 10``."""
    return tuple(
        f"bazin_{name}_{band}" for band in (*passbands.names, TOGETHER) for name in _OF_FIT
    )


def matrix(observed: Observed, *, with_redshift: bool) -> FloatArray:
    """Return the features ``(N, F) float64``: fluxes, days of the rest frame, and plain numbers.

    Args:
        observed: N objects.
        with_redshift: Whether days are those of the rest frame, of objects with a redshift.

    Returns:
        The columns of `names`, NaN where undefined: of fewer than seven observations, where a
        fit fails, and the peak of a function that falls faster than it rises.
    """
    from light_curve import BazinFit

    n_groups = len(observed.passbands) + 1
    stretch = observed.stretch(with_redshift=with_redshift)
    curves, places = [], []
    for n in range(len(observed)):
        for group, curve in _curves(observed, n, float(stretch[n])):
            curves.append(curve)
            places.append(n * n_groups + group)
    fits = np.full((len(observed) * n_groups, len(_OF_FIT)), np.nan)
    if curves:
        # Threads are the business of who prepares, and the answer is the same with any number.
        fit = BazinFit("lmsder", lmsder_niter=_ITERATIONS)
        found = fit.many(curves, n_jobs=1, fill_value=np.nan, sorted=True, check=False)
        found[~np.isfinite(found).all(axis=1)] = np.nan
        fits[places] = np.concatenate([found, _derived(found)], axis=1)
    return fits.reshape(len(observed), -1)


def _curves(
    observed: Observed, n: int, stretch: float
) -> list[tuple[int, tuple[FloatArray, FloatArray, FloatArray]]]:
    """Return what is fitted of an object: a group's number with days, fluxes and errors."""
    n_bands = len(observed.passbands)
    rows = slice(observed.bounds[n], observed.bounds[n + 1])
    if rows.stop - rows.start < _FEWEST:
        return []
    mjd, flux, flux_err = observed.mjd[rows], observed.flux[rows], observed.flux_err[rows]
    days = mjd - mjd[np.argmax(flux / flux_err)]
    near = (days >= -_BEFORE) & (days <= _AFTER)
    days = days[near] / stretch
    flux, flux_err, passband = flux[near], flux_err[near], observed.passband[rows][near]
    found = []
    value, error = np.full(len(days), np.nan), np.ones(len(days))
    for band in range(n_bands):
        own = passband == band
        count = np.count_nonzero(own)
        if count >= _FEWEST:
            found.append((band, (days[own], flux[own], flux_err[own])))
        if count:
            unit = np.abs(flux[own]).max() or 1.0
            size = unit * np.sqrt(np.mean((flux[own] / unit) ** 2))
            if 0 < size < np.inf:
                value[own], error[own] = flux[own] / size, flux_err[own] / size
    own = np.isfinite(value)
    if np.count_nonzero(own) >= _FEWEST:
        found.append((n_bands, (days[own], value[own], error[own])))
    return found


def _derived(found: FloatArray) -> FloatArray:
    """Return peak, its day, and the days from half of it and to half of it, ``(n, 4)``.

    Args:
        found: ``(n, 6)`` amplitude, baseline, t0, rise, fall, chi-square.
    """
    amplitude, rise, fall = np.abs(found[:, 0]), np.abs(found[:, 3]), np.abs(found[:, 4])

    def function(day: FloatArray) -> FloatArray:
        # In logarithms: early and late either exponential is beyond all numbers.
        value: FloatArray = np.exp(-day / fall - np.logaddexp(0.0, -day / rise))
        return value

    with np.errstate(all="ignore"):
        day = rise * np.log(fall / rise - 1)
        day[~(fall > rise)] = np.nan
        highest = function(day)
        half = []
        for sign in (-1.0, 1.0):
            # The function falls on either side of its peak: halve the interval again and again.
            near, far = np.zeros(len(day)), np.full(len(day), _LONGEST)
            for _ in range(_HALVINGS):
                middle = (near + far) / 2
                above = function(day + sign * middle) > highest / 2
                near, far = np.where(above, middle, near), np.where(above, far, middle)
            reached = np.isfinite(highest) & (far < _LONGEST)
            half.append(np.where(reached, far, np.nan))
    return np.stack([amplitude * highest, day, *half], axis=1)
