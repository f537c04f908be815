"""Rows of objects that lie apart: all are sorted into files by object first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from lcclassify import hashing
from lcclassify.files import GrowingTable, replaced_folder, unwritable
from lcclassify.parquet import read_parquet
from lcclassify.schema import OBJECT_ID
from lcclassify.tables.rejects import no_rejects
from lcclassify.terminal import tracked

_REJECTS: Final = "rejects.parquet"
_COMPLETE: Final = "complete"
_MOST_BUCKETS: Final = 400  # files that are open at the same time


class Buckets:
    """Files with all rows of some objects each, and a file of rejects; picklable.

    Which one an object is in depends on a hash of its id. The folder appears whole, and a
    complete one is used as it is.

    Args:
        parts: Gives frames of rows and tables of rejects.
        size: How many.
        folder: Empty, missing or complete.

    Raises:
        DataError: A file cannot be read.
        OutputError: The folder cannot be written to.
    """

    def __init__(
        self, parts: Iterator[tuple[pl.DataFrame, pl.DataFrame]], size: int, folder: Path
    ) -> None:
        self._size = min(size, _MOST_BUCKETS)
        self._folder = folder
        if not (folder / _COMPLETE).is_file():
            try:
                self._write(tracked(parts, size, "regrouping rows by object", "chunks"))
            except OSError as error:
                raise unwritable(folder, error) from error

    def __len__(self) -> int:
        """Return the number of files."""
        return self._size

    def read(self, index: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of a bucket and its share of the rejects."""
        frame = _kept(self._folder / _bucket(index))
        if frame is None:  # no object fell into it
            frame = read_parquet(next(self._folder.glob(_bucket("*")))).clear()
        rejects = _kept(self._folder / _REJECTS)
        if rejects is None:
            return frame, no_rejects()
        start, stop = (len(rejects) * k // self._size for k in (index, index + 1))
        return frame, rejects[start:stop]

    def _write(self, parts: Iterator[tuple[pl.DataFrame, pl.DataFrame]]) -> None:
        """Write the folder beside its place, then rename it."""
        folder = self._folder
        with replaced_folder(folder) as beside:
            with ExitStack() as stack:
                files = [
                    stack.enter_context(GrowingTable(beside / _bucket(number)))
                    for number in range(self._size)
                ]
                rejected = stack.enter_context(GrowingTable(beside / _REJECTS))
                frame = None
                for frame, rejects in parts:
                    for bucket, part in _by_bucket(frame, self._size):
                        files[bucket].write(part)
                    if len(rejects):
                        rejected.write(rejects)
                if frame is not None:  # there is a bucket even if no row is good
                    files[0].write(frame.clear())
            (beside / _COMPLETE).touch()


def _kept(path: Path) -> pl.DataFrame | None:
    return read_parquet(path) if path.is_file() else None


def _bucket(number: object) -> str:
    return f"bucket-{number}.parquet"


def _by_bucket(frame: pl.DataFrame, buckets: int) -> list[tuple[int, pl.DataFrame]]:
    """Return the rows by the bucket that a hash puts their object into."""
    if frame.is_empty():
        return []
    runs = frame[OBJECT_ID].rle().struct.unnest()
    keys = hashing.object_keys(runs["value"], 0) % np.uint64(buckets)
    bucket = np.repeat(keys.astype(np.int64), runs["len"].to_numpy())
    order = np.argsort(bucket, kind="stable")
    ordered = frame[order]
    present, starts = np.unique(bucket[order], return_index=True)
    stops = [*starts[1:].tolist(), len(bucket)]
    return [
        (int(one), ordered[start:stop])
        for one, start, stop in zip(present, starts.tolist(), stops, strict=True)
    ]
