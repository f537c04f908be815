"""Light curves of evaluated objects, on disk while a run trains: a few are shown at its end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from lcclassify.jobs.shards import write_shard_file
from lcclassify.parquet import scan_parquet
from lcclassify.schema import OBJECT_ID, LightCurves
from lcclassify.tables.sortedids import within
from lcclassify.tasks.report_folder import measured, named_curves, no_curves, quantity_names

# Objects whose light curves are kept; of more, so many are drawn.
MOST_KEPT: Final = 50_000

_FOLDER: Final = ".light_curves.partial"
_PART: Final = 50_000  # objects at a time


@dataclass(frozen=True, eq=False)
class KeptCurves:
    """Light curves that the report's examples are chosen among.

    Attributes:
        files: Of the observations, as `named_curves` gives them.
        passbands: Their names.
        names: What the quantities are called, by column of `quantities`.
        quantities: As `measured` gives them, of all evaluated objects.
        ids: Of the objects whose light curves are kept.
        sentences: What is to be told of that.
    """

    files: tuple[Path, ...]
    passbands: tuple[str, ...]
    names: dict[str, str]
    quantities: pl.DataFrame
    ids: pl.Series
    sentences: tuple[str, ...]

    def of(self, ids: pl.Series) -> pl.DataFrame:
        """Return the observations of a few objects."""
        if not self.files:
            return no_curves()
        wanted = ids.to_frame(OBJECT_ID).lazy()
        found = scan_parquet(self.files).join(
            wanted, on=OBJECT_ID, how="semi", maintain_order="left"
        )
        return found.collect()


def keep_curves(
    folder: Path,
    curves: LightCurves,
    ids: pl.Series,
    redshift: str | None,
    zeropoint: float | None,
    seed: int,
) -> KeptCurves:
    """Write the light curves of objects that will be evaluated.

    Args:
        folder: The run's folder.
        curves: All light curves.
        ids: Of the objects, ascending.
        redshift: Column of their redshift, or None.
        zeropoint: AB magnitude of flux 1, or None.
        seed: Draws which are kept, where there are more than `MOST_KEPT`.

    Raises:
        OSError: They cannot be written.
    """
    kept, sentences = ids, []
    if len(ids) > MOST_KEPT:
        rows = np.sort(np.random.default_rng(seed).choice(len(ids), MOST_KEPT, replace=False))
        kept = ids[rows]
        sentences.append(
            f"Light curves were kept of {MOST_KEPT:,} of the {len(ids):,} evaluated objects, drawn "
            "at random; those shown are chosen among these."
        )
    place = folder / _FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    files, parts = [], []
    for number, part in enumerate(curves.parts(_PART)):
        inside = pl.Series(within(part.observations[OBJECT_ID], ids))
        evaluated = LightCurves(part.observations.filter(inside), part.objects, part.passbands)
        parts.append(measured(evaluated, redshift, zeropoint))
        chosen = named_curves(evaluated, kept)
        if len(chosen):
            files.append(place / f"{number:06}.parquet")
            write_shard_file(chosen, files[-1])
    return KeptCurves(
        tuple(files),
        curves.passbands.names,
        quantity_names(redshift, zeropoint),
        pl.concat(parts),
        kept,
        tuple(sentences),
    )


@contextmanager
def removed_at_end(folder: Path) -> Iterator[None]:
    """Remove what `keep_curves` wrote when the run ends, however it does."""
    try:
        yield
    finally:
        shutil.rmtree(folder / _FOLDER, ignore_errors=True)
