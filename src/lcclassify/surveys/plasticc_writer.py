"""Writes simulated objects as PLAsTiCC's files, chunk by chunk, under either naming."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import polars as pl

from lcclassify.checks import check_choice, check_whole
from lcclassify.files import GrowingTable
from lcclassify.schema import DETECTED, OBJECT_ID
from lcclassify.simulation.tables import TARGET, Chunk
from lcclassify.surveys.plasticc import MISSING, NUMBERED, STEMS, UNKNOWN, UNLABELLED

NAMINGS: Final = ("zenodo", "kaggle")
FORMATS: Final = ("parquet", "csv", "csv.gz")


class PlasticcWriter:
    """The files of one part of a survey, to be used in a `with` statement.

    Light curves go to one file, or to numbered ones of `objects_per_file` objects. The
    metadata have Zenodo's columns, truth included, or Kaggle's; Kaggle's test set has no
    labels, so there the truth is a file of its own, which no reader takes for data.

    Args:
        folder: An existing folder.
        part: ``train`` or ``test``.
        naming: ``zenodo`` or ``kaggle``.
        form: ``parquet``, ``csv`` or ``csv.gz``.
        n_objects: Objects that will come in all.
        objects_per_file: Most objects of a light-curve file.

    Raises:
        ConfigError: A choice is unknown.
        OSError: A file cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        part: str,
        naming: str,
        form: str,
        n_objects: int,
        objects_per_file: int = 320_000,
    ) -> None:
        self.part = check_choice("part", part, ("train", "test"))
        self.naming = check_choice("naming", naming, NAMINGS)
        self.form = check_choice("format", form, FORMATS)
        self.objects_per_file = check_whole("objects_per_file", objects_per_file, 1)
        self._several = n_objects > objects_per_file
        self._folder = folder
        one, metadata = STEMS[naming, part]
        self._stem = one + NUMBERED[naming] if self._several else one
        self._metadata = GrowingTable(self._path(metadata))
        self._truth: GrowingTable | None = None
        if naming == "kaggle":
            self._truth = GrowingTable(self._path(f"truth_{one}"))
        self._number = 0
        self._left = 0
        self._curves: GrowingTable | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for table in (self._metadata, self._truth, self._curves):
            if table is not None:
                table.close()

    def write(self, chunk: Chunk) -> None:
        """Append objects to the files."""
        zenodo = self.naming == "zenodo"
        objects, truth = chunk.objects, chunk.truth
        label = pl.col(TARGET).replace({int(name): 99 for name in UNKNOWN})
        if zenodo:
            target = label if self.part == "train" else pl.lit(int(UNLABELLED))
            self._metadata.write(
                objects.drop("gal_l", "gal_b")
                .rename({"ddf": "ddf_bool"})
                .hstack(truth.select(target.cast(pl.Int64).alias("target"), pl.exclude(OBJECT_ID)))
                .with_columns(pl.col(pl.Float64).fill_null(MISSING))  # Kaggle's are empty
            )
        else:
            labels = truth.select(label.alias("target")) if self.part == "train" else truth.select()
            self._metadata.write(objects.hstack(labels))
        if self._truth is not None:
            self._truth.write(truth)
        rows = chunk.observations.rename({DETECTED: "detected_bool"} if zenodo else {})
        self._write_curves(rows, objects[OBJECT_ID])

    def _write_curves(self, rows: pl.DataFrame, ids: pl.Series) -> None:
        """Write light curves, whole objects to a file."""
        while len(ids):
            if self._curves is None or (self._several and self._left == 0):
                self._number += 1
                if self._curves is not None:
                    self._curves.close()
                self._curves = GrowingTable(self._path(self._stem.format(self._number)))
                self._left = self.objects_per_file
            here, ids = ids[: self._left], ids[self._left :]
            self._left -= len(here)
            if len(ids):
                cut = int((rows[OBJECT_ID] == ids[0]).arg_max() or 0)
                self._curves.write(rows[:cut])
                rows = rows[cut:]
            else:
                self._curves.write(rows)

    def _path(self, stem: str) -> Path:
        return self._folder / f"{stem}.{self.form}"
