"""Random numbers that a light curve needs at its observations, kept among the parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lcclassify import hashing
from lcclassify.simulation.draws import Draws

FloatArray = NDArray[np.float64]


def seed_of(draws: Draws, name: str) -> FloatArray:
    """Return a seed an object as a parameter, ``(n,)``: whole numbers below 2^53."""
    return np.floor(draws.uniform(name) * 2.0**53)


def draws_of(seed: FloatArray) -> Draws:
    """Return the random numbers that belong to these seeds."""
    return Draws(hashing.mix(seed.astype(np.uint64)))
