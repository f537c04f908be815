"""Chunks of surveys whose observations are rows of text or Parquet files.

The files are one long table, cut at some of its rows. A chunk passes over the rows at its
beginning that belong to the object of the row before, and reads on behind its end as long
as the object stays the same: whoever reads a chunk needs no other one, and every row of
files sorted by object is in exactly one.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import polars as pl

from lcclassify import hashing
from lcclassify.errors import DataError, OutputError
from lcclassify.growing import GrowingTable
from lcclassify.schema import OBJECT_ID, LightCurves, Taxonomy
from lcclassify.surveys.chunks import (
    Chunk,
    OnError,
    SurveyChunks,
    no_rejects,
)
from lcclassify.surveys.columns import Column
from lcclassify.surveys.delimited import TextForm
from lcclassify.surveys.held import Held
from lcclassify.surveys.parquettable import parquet_columns
from lcclassify.surveys.progress import tracked
from lcclassify.surveys.report import ReadReport
from lcclassify.surveys.rowfiles import ParquetRows, RowFile, Rows, TextRows
from lcclassify.surveys.tabular import is_parquet, no_rows
from lcclassify.surveys.texttable import text_columns

_REJECTS: Final = "rejects.parquet"
_WIDER: Final = 8  # times as many rows are looked at when too few were


class RowSource(ABC):
    """What a survey knows of its rows; picklable."""

    zeropoint: float | None

    @abstractmethod
    def object_table(self) -> tuple[pl.DataFrame | None, Taxonomy]:
        """Return the canonical object table, if there is one, and the classes."""

    @abstractmethod
    def canonical(
        self, frame: pl.DataFrame, objects: pl.DataFrame | None
    ) -> tuple[LightCurves, ReadReport, pl.Series]:
        """Return what `canonicalise_part` makes of rows of the files."""

    @abstractmethod
    def faults(self, frame: pl.DataFrame) -> pl.Series:
        """Tell why each row cannot be used, null if it can."""


def row_files(
    files: Sequence[Path], columns: Mapping[str, Column], form: TextForm | None = None
) -> list[RowFile] | None:
    """Return files of which any part can be read; None if that is not true of one.

    It is not of compressed text, of text with comments or separated by whitespace, and of
    text with quotes, which may hold ends of lines.

    Raises:
        DataError: A file is damaged or lacks a required column.
    """
    found: list[RowFile] = []
    for file in files:
        if is_parquet(file):
            found.append(ParquetRows(file, parquet_columns(file, columns)))
            continue
        with file.open("rb") as stream:
            sample = stream.read(1 << 20)
        if sample[:2] == b"\x1f\x8b" or b'"' in sample:
            return None
        text = text_columns(file, columns, form or TextForm())
        if not text.form.plain:
            return None
        found.append(TextRows(file, text))
    return found


class RowChunks(SurveyChunks):
    """Ranges of rows, with whole objects.

    Args:
        source: What the rows mean.
        files: The files in their order.
        columns: New names of all wanted columns that any file has.
        rows: Rows of a chunk, about.
        on_error: As of `Survey.chunks`.

    Raises:
        DataError: There is no row.
    """

    def __init__(
        self,
        source: RowSource,
        files: Sequence[RowFile],
        rows: int,
        on_error: OnError,
    ) -> None:
        self._source = source
        self._files = list(files)
        self._faults = None if on_error == "stop" else source.faults
        self._table = Held(partial(_object_table, source))
        self.taxonomy = self._table.get()[1]
        self.zeropoint = source.zeropoint
        self._ranges = []
        for number, file in enumerate(self._files):
            begins = file.positions(rows)
            ends = [*begins[1:], file.end]
            self._ranges += [(number, a, b) for a, b in zip(begins, ends, strict=True) if a < b]
        if not self._ranges:
            raise no_rows([file.path for file in self._files])
        self._types = self._column_types()

    @property
    def objects(self) -> pl.DataFrame | None:  # type: ignore[override]
        """The canonical object table."""
        return self._table.get()[0]

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self._ranges)

    def read(self, index: int) -> Chunk:
        """Read one chunk."""
        number, begin, end = self._ranges[index]
        frame, rejects = self._read(number, begin, end)
        if len(frame):
            before = self._id_before(number, begin)
            if before is not None:
                other = (frame[OBJECT_ID] != before).arg_max() or 0
                all_same = bool((frame[OBJECT_ID] == before).all())
                frame = frame.clear() if all_same else frame[other:]
        if len(frame):
            frame = pl.concat([frame, *self._following(number, end, frame[OBJECT_ID][-1])])
        return self._chunk(frame, rejects)

    def regrouped(self, folder: Path) -> SurveyChunks:
        """Return chunks of the same rows, each with all those of its objects."""
        if not folder.exists():
            self._regroup(folder)
        return RegroupedChunks(self._source, self._table, folder, len(self))

    def count_rows(self) -> int | None:
        """Return the rows of all files."""
        return sum(file.count_rows() for file in self._files)

    def _chunk(self, frame: pl.DataFrame, rejects: pl.DataFrame) -> Chunk:
        return _chunk(self._source, self._table.get()[0], frame, rejects)

    def _column_types(self) -> dict[str, pl.DataType]:
        """Return the columns that any file has, with the types of the first that has them."""
        types: dict[str, pl.DataType] = {}
        where: dict[str, Path] = {}
        for file in self._files:
            for name, dtype in file.read(file.first, file.first).frame.schema.items():
                if types.setdefault(name, dtype) != dtype:
                    raise DataError(
                        f"column '{name}' is {dtype} in {file.path} but {types[name]} in "
                        f"{where[name]}: the files of one table must agree"
                    )
                where.setdefault(name, file.path)
        return types

    def _read(self, number: int, begin: int, end: int) -> Rows:
        rows = self._files[number].read(begin, end, self._faults)
        missing = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in self._types.items()
            if name not in rows.frame.columns
        ]
        return Rows(rows.frame.with_columns(missing).select(list(self._types)), rows.rejects)

    def _id_before(self, number: int, position: int) -> object:
        """Return the object of the last row before a position, None if there is none."""
        while True:
            file = self._files[number]
            step = file.step
            while position > file.first:
                frame = self._read(number, max(file.first, position - step), position).frame
                if len(frame):
                    return frame[OBJECT_ID][-1]
                if position - step <= file.first:
                    break
                step *= _WIDER
            if number == 0:
                return None
            number -= 1
            position = self._files[number].end

    def _following(self, number: int, position: int, object_id: object) -> list[pl.DataFrame]:
        """Return the rows behind a position as long as they are of an object."""
        found: list[pl.DataFrame] = []
        while number < len(self._files):
            file = self._files[number]
            position = max(position, file.first)
            step = file.step
            while position < file.end:
                stop = min(file.end, position + step)
                frame = self._read(number, position, stop).frame
                other = (frame[OBJECT_ID] != object_id).arg_max()
                if other is not None and frame[OBJECT_ID][other] != object_id:
                    return [*found, frame[:other]]
                found.append(frame)
                position = stop
                step *= _WIDER
            number += 1
            position = 0
        return found

    def _regroup(self, folder: Path) -> None:
        partial_folder = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.partial")
        buckets = len(self)
        try:
            partial_folder.mkdir(parents=True)
            rejected = [no_rejects()]
            with ExitStack() as stack:
                files = [
                    stack.enter_context(GrowingTable(partial_folder / _bucket(number)))
                    for number in range(buckets)
                ]
                ranges = tracked(self._ranges, buckets, "regrouping rows by object", "chunks")
                for number, begin, end in ranges:
                    frame, rejects = self._read(number, begin, end)
                    rejected.append(rejects)
                    for bucket, part in _by_bucket(frame, buckets):
                        files[bucket].write(part)
            pl.concat(rejected).write_parquet(partial_folder / _REJECTS)
            partial_folder.rename(folder)
        except OSError as error:
            raise OutputError(f"'{folder}' cannot be written: {error.strerror or error}") from error
        finally:
            shutil.rmtree(partial_folder, ignore_errors=True)


class RegroupedChunks(SurveyChunks):
    """Chunks that are files of their own, with all rows of some objects each."""

    def __init__(self, source: RowSource, table: Held[Any], folder: Path, size: int) -> None:
        self._source = source
        self._table = table
        self._folder = folder
        self._size = size
        self.taxonomy = table.get()[1]
        self.zeropoint = source.zeropoint

    @property
    def objects(self) -> pl.DataFrame | None:  # type: ignore[override]
        """The canonical object table."""
        table: pl.DataFrame | None = self._table.get()[0]
        return table

    def __len__(self) -> int:
        """Return the number of chunks."""
        return self._size

    def read(self, index: int) -> Chunk:
        """Read one chunk; the first one has all rejects."""
        path = self._folder / _bucket(index)
        rejects = no_rejects()
        if index == 0:
            rejects = pl.read_parquet(self._folder / _REJECTS)
        if not path.is_file():  # no object fell into it
            other = next(self._folder.glob(_bucket("*")))
            frame = pl.read_parquet(other, n_rows=0)
        else:
            frame = pl.read_parquet(path)
        return _chunk(self._source, self._table.get()[0], frame, rejects)

    def regrouped(self, folder: Path) -> SurveyChunks:
        """Return these chunks: no object is in two of them."""
        return self


def _object_table(source: RowSource) -> tuple[pl.DataFrame | None, Taxonomy]:
    return source.object_table()


def _chunk(
    source: RowSource, objects: pl.DataFrame | None, frame: pl.DataFrame, rejects: pl.DataFrame
) -> Chunk:
    curves, report, unobserved = source.canonical(frame, objects)
    if objects is not None:
        unobserved = unobserved.clear()
    report = replace(report, objects_without_observations=len(unobserved))
    return Chunk(curves, report, rejects, unobserved)


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
