"""Seeded flux noise that depends on the object and the observation alone.

A random number here is a hash of (seed, object id, position of the observation in
its object), so that neither the order of rows or files nor the size of a chunk
changes what an object gets.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.schema import FLUX, FLUX_ERR, OBJECT_ID, LightCurves

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The splitmix64 finaliser (Steele, Lea & Flood 2014), on whole arrays."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _object_keys(ids: pl.Series, seed: int) -> NDArray[np.uint64]:
    if ids.dtype == pl.String:
        digests = b"".join(blake2b(str(i).encode(), digest_size=8).digest() for i in ids)
        words = np.frombuffer(digests, dtype="<u8").astype(np.uint64)
    else:
        words = ids.cast(pl.Int64).to_numpy().astype(np.int64).view(np.uint64)
    # Added outside the inner hash, so that seed and id cannot stand in for one another.
    return _mix(_mix(words + _GOLDEN) + np.uint64(seed % 2**64))


def standard_normals(ids: pl.Series, seed: int) -> NDArray[np.float64]:
    """Draw one standard normal number for every row.

    Args:
        ids: ``(M,)`` object ids, equal ids in one run.
        seed: Any integer.

    Returns:
        ``(M,) float64``, by the Box-Muller transform of two hashes a row.
    """
    if len(ids) == 0:
        return np.zeros(0)
    runs = ids.rle().struct.unnest()
    lengths = runs["len"].to_numpy().astype(np.int64)
    position = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    key = np.repeat(_object_keys(runs["value"], seed), lengths)
    counter = key + _GOLDEN * (2 * position.astype(np.uint64) + np.uint64(1))
    # 53 random bits; half a step above zero keeps the logarithm finite.
    first = (_mix(counter) >> np.uint64(11)).astype(np.float64) + 0.5
    second = (_mix(counter + _GOLDEN) >> np.uint64(11)).astype(np.float64)
    normals: NDArray[np.float64] = np.sqrt(-2 * np.log(first / 2**53)) * np.cos(
        2 * np.pi * second / 2**53
    )
    return normals


def add_flux_noise(light_curves: LightCurves, factor: float, seed: int) -> LightCurves:
    """Draw every flux anew from N(flux, (factor * flux_err)^2).

    Args:
        light_curves: Canonical tables.
        factor: Standard deviation in units of flux_err; 0 changes nothing. The
            reference uses 2/3.
        seed: Seed of the noise.

    Returns:
        The same tables with another `flux` column.
    """
    if factor == 0:
        return light_curves
    observations = light_curves.observations
    noise = standard_normals(observations[OBJECT_ID], seed)
    observations = observations.with_columns(
        (pl.col(FLUX) + factor * pl.col(FLUX_ERR) * pl.Series(noise)).alias(FLUX)
    )
    return LightCurves(observations, light_curves.objects, light_curves.passbands)
