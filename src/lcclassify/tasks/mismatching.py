"""Gives training objects the redshifts of others: what no class of theirs looks like."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.files import replaced_folder
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.schema import LightCurves, redshift_columns
from lcclassify.tasks.augmenting import select
from lcclassify.training.mismatch import FEWEST, Mismatched

_DRAWS: Final = 2  # of other objects for each
_MOST: Final = 5_000  # objects of a draw
_NEAR: Final = 0.02  # difference of ln(1 + z) below which redshifts are as good as the same


def mismatched_objects(
    curves: LightCurves,
    objects: pl.DataFrame,
    rows: NDArray[np.int64],
    representation: FittedRepresentation,
    seed: int,
) -> Mismatched | None:
    """Return features of training objects with the redshifts of other training objects.

    All metadata that tell the redshift go with it. An object of the Galaxy, at redshift
    0, may get one that is not, and the other way round.

    Args:
        curves: Light curves of all N objects of the run, or more.
        objects: Their table, ascending by id.
        rows: Rows of the training objects in it, ascending.
        representation: Fitted on the training objects.
        seed: Of who gets whose redshift.

    Returns:
        None where no redshift is an input, or too few objects have one.
    """
    name = representation.redshift
    if name is None or name not in representation.metadata:
        return None
    columns = redshift_columns(name, representation.metadata)
    redshift = objects[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    rows = rows[np.isfinite(redshift[rows]) & (redshift[rows] > -1)]
    rng = np.random.default_rng(seed)
    features, owners = [], []
    for _ in range(_DRAWS):
        own = np.sort(rng.choice(rows, min(len(rows), _MOST), replace=False))
        other = rng.permutation(own)
        apart = np.abs(np.log1p(redshift[own]) - np.log1p(redshift[other])) > _NEAR
        differs = apart | ((redshift[own] == 0) != (redshift[other] == 0))
        own, other = own[differs], other[differs]
        given = objects[own].with_columns(objects[other].select(columns))
        if len(own):
            features.append(representation.prepare(select(curves, given)).features)
            owners.append(own)
    if sum(map(len, owners)) < FEWEST:
        return None
    return Mismatched(np.concatenate(features), np.concatenate(owners))


def cached(folder: Path, make: Callable[[], Mismatched | None]) -> Mismatched | None:
    """Return what a folder of the cache holds, or else what is made, which it then holds."""
    files = [folder / "features.npy", folder / "owners.npy"]
    with suppress(OSError, ValueError, EOFError):  # not there, or damaged
        return Mismatched(*(np.load(file) for file in files))
    made = make()
    if made is not None:
        with suppress(OSError), replaced_folder(folder) as partial:  # it only saves time
            for file, array in zip(files, (made.features, made.owners), strict=True):
                np.save(partial / file.name, array)
    return made
