"""Random numbers of simulated objects, each a hash of the object and of what is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify import hashing

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of n objects.

    A number depends on the object's key, on the name of what is drawn and on a counter,
    never on the other objects: any subset of the objects gets the same numbers.

    Attributes:
        keys: ``(n,) uint64``, one key an object.
    """

    keys: hashing.Keys

    @classmethod
    def of(cls, seed: int, ids: NDArray[np.int64]) -> Draws:
        """Return the numbers of objects by their ids."""
        return cls(hashing.object_keys(pl.Series(ids), seed))

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.intp] | IntArray) -> Draws:
        """Return the numbers of the objects at these positions, which may repeat."""
        return Draws(self.keys[rows])

    def branch(self, number: IntArray) -> Draws:
        """Return other, independent numbers, such as those of an object's next attempt.

        Args:
            number: ``(n,)`` a nonnegative integer an object.
        """
        return Draws(hashing.mix(self.keys + hashing.GOLDEN * (number.astype(np.uint64) + 1)))

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> FloatArray:
        """Return ``(n,)`` numbers between `low` and `high`."""
        return low + (high - low) * hashing.uniform(self._stream(name))

    def normal(self, name: str, mean: float = 0.0, deviation: float = 1.0) -> FloatArray:
        """Return ``(n,)`` normally distributed numbers."""
        return mean + deviation * hashing.normal(self._stream(name))

    def exponential(self, name: str, mean: float = 1.0) -> FloatArray:
        """Return ``(n,)`` exponentially distributed numbers."""
        return -mean * np.log(hashing.uniform(self._stream(name)))

    def uniform_at(self, name: str, rows: NDArray[np.intp], counter: IntArray) -> FloatArray:
        """Return ``(M,)`` numbers between 0 and 1 of single observations.

        Args:
            name: What is drawn.
            rows: ``(M,)`` position of each one's object.
            counter: ``(M,)`` what tells an object's numbers apart, such as the position of
                the observation in the object, or a day.
        """
        return hashing.uniform(self._counted(name, rows, counter))

    def normal_at(self, name: str, rows: NDArray[np.intp], counter: IntArray) -> FloatArray:
        """Return ``(M,)`` standard normal numbers of single observations, likewise."""
        return hashing.normal(self._counted(name, rows, counter))

    def _stream(self, name: str) -> hashing.Keys:
        return hashing.mix(self.keys ^ hashing.digest(name))

    def _counted(self, name: str, rows: NDArray[np.intp], counter: IntArray) -> hashing.Keys:
        step = 2 * counter.astype(np.uint64) + np.uint64(1)
        return self._stream(name)[rows] + hashing.GOLDEN * step
