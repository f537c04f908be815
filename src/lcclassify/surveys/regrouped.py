"""Chunks of files in which the rows of an object lie apart: all rows are sorted first."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import numpy as np
import polars as pl

from lcclassify import hashing
from lcclassify.errors import DataError, OutputError
from lcclassify.growing import GrowingTable
from lcclassify.parquet import read_parquet
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import Chunk, SurveyChunks, no_rejects
from lcclassify.surveys.progress import tracked

if TYPE_CHECKING:
    from lcclassify.surveys.rowchunks import RowChunks

_REJECTS: Final = "rejects.parquet"
_COMPLETE: Final = "complete"
_MOST_BUCKETS: Final = 400  # files that are open at the same time


class RegroupedChunks(SurveyChunks):
    """Chunks that are files of their own, with all rows of some objects each.

    Which one an object is in depends on a hash of its id. The folder appears whole, and a
    complete one is used as it is.

    Args:
        chunks: The files as they are.
        folder: Empty, missing or complete.

    Raises:
        DataError: A file cannot be read.
        OutputError: The folder cannot be written to.
    """

    def __init__(self, chunks: RowChunks, folder: Path) -> None:
        self._chunks = chunks
        self._folder = folder
        self._size = min(len(chunks), _MOST_BUCKETS)
        self.taxonomy = chunks.taxonomy
        self.zeropoint = chunks.zeropoint
        if not (folder / _COMPLETE).is_file():
            try:
                _regroup(chunks, folder, self._size)
            except OSError as error:
                reason = error.strerror or error
                raise OutputError(f"'{folder}' cannot be written: {reason}") from error

    @property
    def objects(self) -> pl.DataFrame | None:  # type: ignore[override]
        """The canonical object table."""
        return self._chunks.objects

    def __len__(self) -> int:
        """Return the number of chunks."""
        return self._size

    def read(self, index: int) -> Chunk:
        """Read one chunk and its share of the rejects."""
        frame = _kept(self._folder / _bucket(index))
        if frame is None:  # no object fell into it
            frame = read_parquet(next(self._folder.glob(_bucket("*")))).clear()
        rejects = _kept(self._folder / _REJECTS)
        if rejects is None:
            rejects = no_rejects()
        start, stop = (len(rejects) * k // self._size for k in (index, index + 1))
        table = self._chunks.table.get()
        if index:
            table = table._replace(messages=())
        try:
            return self._chunks.source.chunk(frame, table, rejects[start:stop])
        except DataError as fault:
            raise self._chunks.located(fault, range(len(self._chunks))) from fault

    def regrouped(self, folder: Path) -> SurveyChunks:
        """Return these chunks: no object is in two of them."""
        return self

    def count_rows(self) -> int | None:
        """Return the rows of the files that were regrouped."""
        return self._chunks.count_rows()


def _regroup(chunks: RowChunks, folder: Path, buckets: int) -> None:
    """Write the folder beside its place, then rename it."""
    beside = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.partial")
    try:
        beside.mkdir(parents=True)
        with ExitStack() as stack:
            files = [
                stack.enter_context(GrowingTable(beside / _bucket(number)))
                for number in range(buckets)
            ]
            rejected = stack.enter_context(GrowingTable(beside / _REJECTS))
            order = tracked(range(len(chunks)), len(chunks), "regrouping rows by object", "chunks")
            frame = None
            for index in order:
                frame, rejects = chunks.raw(index)
                for bucket, part in _by_bucket(frame, buckets):
                    files[bucket].write(part)
                if len(rejects):
                    rejected.write(rejects)
            if frame is not None:  # there is a bucket even if no row is good
                files[0].write(frame.clear())
        (beside / _COMPLETE).touch()
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


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
