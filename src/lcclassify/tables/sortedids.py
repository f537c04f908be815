"""Object ids that lie in order: where they change, and which of them are among others.

Single objects come by the million, one call each, and an expression of Polars costs a tenth of
a millisecond however few rows it has. What follows is done with comparisons of whole columns
and NumPy, which cost a hundredth of that and for long tables no more than expressions do.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


def run_starts(ids: pl.Series) -> NDArray[np.int64]:
    """Return the positions at which a column without nulls begins or changes its value."""
    if not len(ids):
        return np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero((ids[1:] != ids[:-1]).to_numpy()) + 1
    return np.concatenate([[0], changes]).astype(np.int64)


def is_distinct_sorted(ids: pl.Series) -> bool:
    """Say whether each id is greater than the one before it."""
    return bool((ids[1:] > ids[:-1]).all())


def distinct_sorted(ids: pl.Series) -> pl.Series:
    """Return the distinct ids in their order; those of a sorted table cost little."""
    if ids.is_sorted():
        return ids[run_starts(ids)]
    return ids.unique().sort()


def positions(ids: pl.Series, among: pl.Series) -> NDArray[np.int64]:
    """Return where sorted ids stand, or would stand, among other sorted ones, ``(n,) int64``."""
    if ids.equals(among):
        return np.arange(len(ids))
    return among.search_sorted(ids).to_numpy().astype(np.int64)


def within(ids: pl.Series, among: pl.Series) -> NDArray[np.bool_]:
    """Say of each of some sorted ids whether it is one of other sorted ones, ``(n,) bool``.

    A few ids are looked for in a long table, so bisection costs less than a join.
    """
    if ids.equals(among):
        return np.ones(len(ids), dtype=bool)
    if not len(among) or not len(ids):
        return np.zeros(len(ids), dtype=bool)
    found = np.minimum(positions(ids, among), len(among) - 1)
    same: NDArray[np.bool_] = (among[found] == ids).to_numpy()
    return same
