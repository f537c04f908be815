"""Light curves as flat arrays, which compiled loops go over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    MJD,
    OBJECT_ID,
    PASSBAND,
    LightCurves,
    Passbands,
)
from lcclassify.tables.sortedids import positions, run_starts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def rows_of(bounds: IntArray, objects: IntArray) -> tuple[IntArray, IntArray]:
    """Return the rows of some objects of a table of runs, one object after the other.

    Args:
        bounds: ``(N + 1,)``; object n has the rows ``bounds[n]:bounds[n + 1]``.
        objects: ``(n,)`` positions, in any order and repeated or not.

    Returns:
        ``(n + 1,)`` bounds of their rows, and ``(R,)`` the rows.
    """
    counts = np.diff(bounds)[objects]
    own = np.concatenate([[0], np.cumsum(counts)])
    rows: IntArray = np.arange(own[-1]) + np.repeat(bounds[objects] - own[:-1], counts)
    return own, rows


@dataclass(frozen=True)
class Curves:
    """The observations of N objects, objects one after another, each sorted by time.

    Attributes:
        bounds: ``(N + 1,) int64``; object n has the rows ``bounds[n]:bounds[n + 1]``.
        mjd: ``(M,) float64``, days.
        passband: ``(M,) uint8``.
        flux: ``(M,) float64``.
        flux_err: ``(M,) float64``.
        detected: ``(M,) bool``.
    """

    bounds: IntArray
    mjd: FloatArray
    passband: NDArray[np.uint8]
    flux: FloatArray
    flux_err: FloatArray
    detected: BoolArray

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def counts(self) -> IntArray:
        """Observations of each object, ``(N,) int64``."""
        return np.diff(self.bounds)

    @property
    def objects(self) -> IntArray:
        """Position of the object of each observation, ``(M,) int64``."""
        return np.repeat(np.arange(len(self)), self.counts)

    @classmethod
    def of(cls, light_curves: LightCurves) -> Self:
        """Return the arrays of canonical light curves, in the order of their object table."""
        rows = light_curves.observations
        ids = light_curves.objects[OBJECT_ID]
        starts = run_starts(rows[OBJECT_ID])
        counts = np.zeros(len(ids), dtype=np.int64)
        if len(starts):
            counts[positions(rows[OBJECT_ID][starts], ids)] = np.diff(starts, append=len(rows))
        return cls(
            np.concatenate([[0], np.cumsum(counts)]),
            rows[MJD].to_numpy(writable=True),
            rows[PASSBAND].to_numpy(writable=True),
            rows[FLUX].to_numpy(writable=True),
            rows[FLUX_ERR].to_numpy(writable=True),
            rows[DETECTED].to_numpy(writable=True),
        )

    def to_light_curves(self, objects: pl.DataFrame, passbands: Passbands) -> LightCurves:
        """Return canonical light curves with a row of an object table for each object.

        Args:
            objects: ``N`` rows, sorted by id.
            passbands: What the indices mean.
        """
        order = self._canonical_order()
        rows = pl.DataFrame(
            {
                OBJECT_ID: objects[OBJECT_ID].gather(self.objects),
                MJD: self.mjd[order],
                PASSBAND: self.passband[order],
                FLUX: self.flux[order],
                FLUX_ERR: self.flux_err[order],
                DETECTED: self.detected[order],
            }
        )
        return LightCurves(rows, objects, passbands)

    def _canonical_order(self) -> IntArray:
        """Return the order of rows of canonical tables, by object, time, passband and so on."""
        columns = (self.flux, self.flux_err, self.passband, self.mjd, self.objects)
        *_, mjd, objects = columns
        alike = objects[1:] == objects[:-1]
        if (alike & (mjd[1:] < mjd[:-1])).any():
            return np.lexsort(columns)
        # Nearly always only few rows have the time of another one.
        tied = np.zeros(len(mjd), dtype=np.bool_)
        pairs = alike & (mjd[1:] == mjd[:-1])
        tied[1:] |= pairs
        tied[:-1] |= pairs
        rows = np.flatnonzero(tied)
        order = np.arange(len(mjd))
        order[rows] = rows[np.lexsort(tuple(column[rows] for column in columns))]
        return order

    def select(self, keep: BoolArray) -> Self:
        """Return some of the observations, ``(M,)``; an object may be left without any."""
        return self._of(np.concatenate([[0], np.cumsum(keep)])[self.bounds], keep)

    def take(self, objects: IntArray) -> Self:
        """Return some of the objects, by their positions, in any order and repeated or not."""
        return self._of(*rows_of(self.bounds, objects))

    def _of(self, bounds: IntArray, rows: IntArray | BoolArray) -> Self:
        """Return these rows under new bounds."""
        return replace(
            self,
            bounds=bounds,
            mjd=self.mjd[rows],
            passband=self.passband[rows],
            flux=self.flux[rows],
            flux_err=self.flux_err[rows],
            detected=self.detected[rows],
        )
