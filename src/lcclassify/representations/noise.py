"""Seeded flux noise that depends on the object and the observation alone.

A random number here is a hash of (seed, object id, position of the observation in
its object), so that neither the order of rows or files nor the size of a chunk
changes what an object gets.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify import hashing
from lcclassify.schema import FLUX, FLUX_ERR, OBJECT_ID, LightCurves


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
    key = np.repeat(hashing.object_keys(runs["value"], seed), lengths)
    step = 2 * position.astype(np.uint64) + np.uint64(1)
    return hashing.normal(key + hashing.GOLDEN * step)


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
