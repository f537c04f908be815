"""Nights: an object's observations grouped into rows of one night each.

A night starts at its first observation and takes every observation of the same object
up to its length after that start. Compiled loops go over the flat arrays of many
objects; no Python loop runs over objects or nights.

References:
    Chaini & Kumar 2020, arXiv:2006.12333, section 3 (the 3D input).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.compiled import compiled
from lcclassify.errors import DataError
from lcclassify.schema import DETECTED, FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND, LightCurves
from lcclassify.tables.sortedids import positions, run_starts, within

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


def object_bounds(light_curves: LightCurves) -> IntArray:
    """Return where each object's observations begin and end, ``(N + 1,) int64``.

    Raises:
        DataError: The observations are not sorted by object as canonical tables are, or
            are of objects that the object table does not have.
    """
    ids = light_curves.objects[OBJECT_ID]
    rows = light_curves.observations[OBJECT_ID]
    starts = run_starts(rows)
    counts = np.zeros(len(ids), dtype=np.int64)
    counts[_positions(rows[starts], ids)] = np.diff(starts, append=len(rows))
    return np.concatenate([[0], np.cumsum(counts)])


@compiled
def _unsorted(bounds: IntArray, mjd: FloatArray) -> int:
    """Return a row whose successor is of the same object and earlier, or -1."""
    for n in range(len(bounds) - 1):
        for row in range(bounds[n], bounds[n + 1] - 1):
            if mjd[row + 1] < mjd[row]:
                return row
    return -1


@compiled
def _night_offsets(bounds: IntArray, mjd: FloatArray, length: float) -> IntArray:
    """Return how many nights lie before each object."""
    offsets = np.zeros(len(bounds), np.int64)
    for n in range(len(bounds) - 1):
        nights = 0
        start = 0.0
        for row in range(bounds[n], bounds[n + 1]):
            # The difference, as the definition has it: start + length rounds otherwise.
            if row == bounds[n] or mjd[row] - start > length:
                start = mjd[row]
                nights += 1
        offsets[n + 1] = offsets[n] + nights
    return offsets


@compiled
def _fill_nights(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    detected: NDArray[np.bool_],
    length: float,
    n_nights: int,
    n_bands: int,
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
    starts = np.empty(n_nights)
    best = np.full((n_nights, n_bands), np.nan)
    best_err = np.full((n_nights, n_bands), np.nan)
    found = np.zeros(n_nights, np.bool_)
    night = -1
    for n in range(len(bounds) - 1):
        for row in range(bounds[n], bounds[n + 1]):
            if row == bounds[n] or mjd[row] - starts[night] > length:
                night += 1
                starts[night] = mjd[row]
            band = passband[row]
            # Of equal errors the earliest observation stays.
            if not flux_err[row] >= best_err[night, band]:
                best[night, band] = flux[row]
                best_err[night, band] = flux_err[row]
            if detected[row]:
                found[night] = True
    return starts, best, best_err, found


def _positions(run_ids: pl.Series, ids: pl.Series) -> IntArray:
    """Return where in the object table each run of observations belongs."""
    if not len(run_ids):
        return np.zeros(0, dtype=np.int64)
    # Neighbouring runs differ: sorted ones are all of other objects.
    if not ids.is_sorted() or not run_ids.is_sorted():
        raise DataError(
            f"the light curves are not sorted by {OBJECT_ID}: canonicalise the tables first"
        )
    unknown = run_ids.filter(~within(run_ids, ids))
    if len(unknown):
        raise DataError(
            f"{len(unknown):,} objects have observations but no row in the object table, the "
            f"first is object {unknown[0]}"
        )
    return positions(run_ids, ids)


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
    bounds = object_bounds(light_curves)
    mjd = observations[MJD].to_numpy()
    backwards = _unsorted(bounds, mjd)
    if backwards >= 0:
        raise DataError(
            f"the observations of object {observations[OBJECT_ID][backwards]} are not "
            "sorted by time: canonicalise the tables first"
        )
    offsets = _night_offsets(bounds, mjd, length)
    start, flux, flux_err, detected = _fill_nights(
        bounds,
        mjd,
        observations[PASSBAND].to_numpy(),
        observations[FLUX].to_numpy(),
        observations[FLUX_ERR].to_numpy(),
        observations[DETECTED].to_numpy(),
        length,
        int(offsets[-1]),
        n_bands,
    )
    return Nights(offsets=offsets, start=start, flux=flux, flux_err=flux_err, detected=detected)
