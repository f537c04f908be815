"""Objects on their way to being drawn, and random numbers for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lcclassify import hashing
from lcclassify.augment.curves import Curves, FloatArray, IntArray

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Drawn:
    """N objects as they are drawn.

    Attributes:
        curves: Their observations.
        columns: Their metadata by name, ``(N,) float64`` each, NaN where missing.
        sources: ``(N,) int64``, the training object that each is drawn from.
    """

    curves: Curves
    columns: Mapping[str, FloatArray]
    sources: IntArray

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: IntArray) -> Self:
        """Return some of the objects."""
        return replace(
            self,
            curves=self.curves.take(rows),
            columns={name: values[rows] for name, values in self.columns.items()},
            sources=self.sources[rows],
        )

    def followed_by(self, others: Self) -> Self:
        """Return these objects and others after them."""
        return replace(
            self,
            curves=joined(self.curves, others.curves),
            columns={
                name: np.concatenate([values, others.columns[name]])
                for name, values in self.columns.items()
            },
            sources=np.concatenate([self.sources, others.sources]),
        )

    def with_others(self, rows: Sequence[IntArray], others: Sequence[Self]) -> Self:
        """Return the objects with others in their places, of several for a row the last.

        Args:
            rows: Rows of these objects that each of some sets of others takes the places of.
            others: The sets.
        """
        if not others:
            return self  # not even a copy: this is done for every draw
        place, first = np.arange(len(self)), len(self)
        for own in rows:
            place[own] = first + np.arange(len(own))
            first += len(own)
        return reduce(type(self).followed_by, others, self).take(place)


def joined(first: Curves, second: Curves) -> Curves:
    """Return the objects of both, one after the other."""
    return Curves(
        np.concatenate([first.bounds, first.bounds[-1] + second.bounds[1:]]),
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("mjd", "passband", "flux", "flux_err", "detected")
        ),
    )


def uniform(keys: Keys, purpose: str, number: int = 0) -> FloatArray:
    """Return a number between 0 and 1 for each object and purpose, ``(N,)``."""
    return hashing.uniform(_own(keys, purpose, number))


def normal(keys: Keys, purpose: str, number: int = 0) -> FloatArray:
    """Return a standard normal number for each object and purpose, ``(N,)``."""
    return hashing.normal(_own(keys, purpose, number))


def row_keys(curves: Curves, keys: Keys, purpose: str) -> Keys:
    """Return a key for each observation and purpose, ``(M,)``, by its place in its object."""
    place = np.arange(len(curves.mjd)) - np.repeat(curves.bounds[:-1], curves.counts)
    step = hashing.GOLDEN * (2 * place.astype(np.uint64) + np.uint64(1))
    return np.repeat(_own(keys, purpose, 0), curves.counts) + step


def _own(keys: Keys, purpose: str, number: int) -> Keys:
    with np.errstate(over="ignore"):
        return hashing.mix(keys + hashing.digest(purpose) + hashing.GOLDEN * np.uint64(number))
