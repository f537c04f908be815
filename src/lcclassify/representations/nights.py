"""Nights: an object's observations grouped into rows of one night each.

Everything is a NumPy operation over the flat arrays of many objects, so that no
Python loop runs over objects or nights.

References:
    Chaini & Kumar 2020, arXiv:2006.12333, section 3 (the 3D input).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.schema import DETECTED, FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND, LightCurves

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NIGHT_LENGTH = 0.33  # days; the reference's "8 hours" as its code has it


@dataclass(frozen=True)
class Nights:
    """The nights of N objects, flat, objects one after another.

    Attributes:
        offsets: ``(N + 1,) int64``; object n has the rows ``offsets[n]:offsets[n + 1]``.
        start: ``(R,) float64``, MJD of each night's first observation.
        flux: ``(R, B) float64``, the night's observation with the smallest error in
            each passband, NaN where the passband was not observed.
        flux_err: ``(R, B) float64``, its error.
        detected: ``(R,) bool``, whether any observation of the night is a detection.
    """

    offsets: IntArray
    start: FloatArray
    flux: FloatArray
    flux_err: FloatArray
    detected: NDArray[np.bool_]


def night_starts(mjd: FloatArray, first: NDArray[np.bool_], length: float) -> NDArray[np.bool_]:
    """Mark the observations that start a night.

    A night starts at its first observation and takes every observation of the same
    object up to `length` after that start.

    Args:
        mjd: ``(M,) float64``, days, ascending within an object.
        first: ``(M,) bool``, true at each object's first observation.
        length: Longest night in days.

    Returns:
        ``(M,) bool``.
    """
    # A gap longer than a night always starts one; only the rare stretches without
    # such a gap that last longer than a night need to be walked through.
    starts = first.copy()
    starts[1:] |= np.diff(mjd) > length
    start = np.flatnonzero(starts)
    end = np.append(start, len(mjd))[1:]
    while True:
        longer = mjd[end - 1] - mjd[start] > length
        start, end = start[longer], end[longer]
        if len(start) == 0:
            return starts
        # In every stretch the first observation too late for this night starts the
        # next one. The bisection compares differences, as the definition does:
        # start + length rounds otherwise.
        low, high = start + 1, end - 1
        while (low < high).any():
            middle = (low + high) // 2
            late = mjd[middle] - mjd[start] > length
            low, high = np.where(late, low, middle + 1), np.where(late, middle, high)
        starts[high] = True
        start = high


def _positions(run_ids: pl.Series, ids: pl.Series) -> IntArray:
    """Return where in the object table each run of observations belongs."""
    if not len(run_ids):
        return np.zeros(0, dtype=np.int64)
    if not ids.is_sorted() or not run_ids.is_sorted() or run_ids.n_unique() < len(run_ids):
        raise DataError(
            f"the light curves are not sorted by {OBJECT_ID}: canonicalise the tables first"
        )
    unknown = run_ids.filter(~run_ids.is_in(ids.implode()))
    if len(unknown):
        raise DataError(
            f"{len(unknown):,} objects have observations but no row in the object table, the "
            f"first is object {unknown[0]}"
        )
    return ids.search_sorted(run_ids).to_numpy().astype(np.int64)


def group_nights(light_curves: LightCurves, length: float = NIGHT_LENGTH) -> Nights:
    """Group the observations of every object into nights.

    Args:
        light_curves: Canonical tables of N objects with B passbands.
        length: Longest night in days.

    Returns:
        The nights; an object without observations has none.

    Raises:
        DataError: The observations are not sorted as canonical tables are, or are of
            objects that the object table does not have.
    """
    observations = light_curves.observations
    n_bands = len(light_curves.passbands)
    ids = light_curves.objects[OBJECT_ID]
    runs = observations[OBJECT_ID].rle().struct.unnest()
    owner = _positions(runs["value"], ids)
    counts = np.zeros(len(ids), dtype=np.int64)
    counts[owner] = runs["len"].to_numpy()
    bounds = np.concatenate([[0], np.cumsum(counts)])

    mjd = observations[MJD].to_numpy()
    band = observations[PASSBAND].to_numpy().astype(np.int64)
    flux = observations[FLUX].to_numpy()
    flux_err = observations[FLUX_ERR].to_numpy()
    first = np.zeros(len(mjd), dtype=bool)
    first[bounds[:-1][counts > 0]] = True
    backwards = np.flatnonzero((np.diff(mjd) < 0) & ~first[1:])
    if len(backwards):
        raise DataError(
            f"the observations of object {observations[OBJECT_ID][int(backwards[0])]} are not "
            "sorted by time: canonicalise the tables first"
        )
    starts = night_starts(mjd, first, length)
    night = np.cumsum(starts) - 1
    n_nights = int(night[-1]) + 1 if len(night) else 0

    cell = night * n_bands + band
    smallest = np.full(n_nights * n_bands, np.inf)
    np.minimum.at(smallest, cell, flux_err)
    # Assigned backwards, so that of equal errors the earliest observation stays.
    best = np.flatnonzero(flux_err == smallest[cell])[::-1]
    chosen = np.full(n_nights * n_bands, -1, dtype=np.int64)
    chosen[cell[best]] = best
    seen = chosen >= 0
    shape = (n_nights, n_bands)
    detected = np.zeros(n_nights, dtype=bool)
    detected[night[observations[DETECTED].to_numpy()]] = True
    return Nights(
        offsets=np.concatenate([[0], np.cumsum(starts)])[bounds],
        start=mjd[starts],
        flux=np.where(seen, flux[chosen], np.nan).reshape(shape),
        flux_err=np.where(seen, flux_err[chosen], np.nan).reshape(shape),
        detected=detected,
    )
