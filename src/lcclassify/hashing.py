"""Random numbers as hashes, so that what an object gets depends on nothing but itself.

A hash of (seed, object id, what is drawn, position) needs no state: neither the order of
rows or files nor the size of a chunk changes it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)

Keys = NDArray[np.uint64]


def mix(x: Keys) -> Keys:
    """The splitmix64 finaliser (Steele, Lea & Flood 2014), on whole arrays."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def digest(text: str) -> np.uint64:
    """Return 64 bits that stand for a text, the same in every process."""
    return np.uint64(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little"))


def object_keys(ids: pl.Series, seed: int) -> Keys:
    """Return a key for each id, ``(n,) uint64``.

    Args:
        ids: Integer or text ids.
        seed: Any integer.
    """
    if ids.dtype == pl.String:
        words = np.array([digest(str(i)) for i in ids], dtype=np.uint64)
    else:
        words = ids.cast(pl.Int64).to_numpy().astype(np.int64).view(np.uint64)
    # Added outside the inner hash, so that seed and id cannot stand in for one another.
    return mix(mix(words + GOLDEN) + np.uint64(seed % 2**64))


def uniform(keys: Keys) -> NDArray[np.float64]:
    """Return numbers between 0 and 1, neither of them included."""
    # 53 random bits; half a step above zero keeps logarithms finite.
    return ((mix(keys) >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53


def normal(keys: Keys) -> NDArray[np.float64]:
    """Return standard normal numbers, by the Box-Muller transform of two hashes each."""
    radius = np.sqrt(-2 * np.log(uniform(keys)))
    deviate: NDArray[np.float64] = radius * np.cos(2 * np.pi * uniform(keys + GOLDEN))
    return deviate
