"""Chunks of surveys whose observations are rows of text or Parquet files.

The files are one long table, cut at some of its rows. A chunk passes over the rows at its
beginning that belong to the object of the row before, and reads on behind its end as long
as the object stays the same: whoever reads a chunk needs no other one, and every row of
files sorted by object is in exactly one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from lcclassify.errors import DataError
from lcclassify.parquet import parquet_schema
from lcclassify.schema import OBJECT_ID, LightCurves, Taxonomy
from lcclassify.surveys.chunks import (
    REJECT_LINE,
    REJECT_REASON,
    REJECT_ROW,
    Chunk,
    OnError,
    SurveyChunks,
    place_of,
)
from lcclassify.surveys.columns import Column
from lcclassify.surveys.delimited import TextForm
from lcclassify.surveys.held import Held
from lcclassify.surveys.parquettable import parquet_columns
from lcclassify.surveys.progress import tracked
from lcclassify.surveys.regrouped import RegroupedChunks
from lcclassify.surveys.report import ReadReport
from lcclassify.surveys.rowfiles import ParquetRows, RowFile, Rows, TextRows, WholeText
from lcclassify.surveys.tabular import is_parquet, no_rows
from lcclassify.surveys.texttable import text_columns

_WIDER: Final = 8  # times as many rows are looked at when too few were
_LARGE: Final = 50_000_000  # bytes of files that take a while to be looked through


class WholeTable(NamedTuple):
    """What is known of all objects of a survey.

    Attributes:
        objects: The canonical object table, None where the observations carry it.
        taxonomy: The classes.
        messages: What is to be told of the survey as a whole.
    """

    objects: pl.DataFrame | None
    taxonomy: Taxonomy
    messages: tuple[str, ...] = ()


class RowSource(ABC):
    """What a survey knows of its rows; picklable."""

    zeropoint: float | None

    @abstractmethod
    def whole_table(self) -> WholeTable:
        """Read the object table."""

    @abstractmethod
    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows with ids of the type that they have in the whole survey.

        Raises:
            DataError: An id cannot have it.
        """

    @abstractmethod
    def faults(self, frame: pl.DataFrame) -> pl.Series:
        """Tell why each row of a file cannot be used, null if it can."""

    @abstractmethod
    def canonical(
        self, frame: pl.DataFrame, table: WholeTable
    ) -> tuple[LightCurves, ReadReport, pl.Series]:
        """Return what `canonicalise_part` makes of rows that are typed."""

    def chunk(self, frame: pl.DataFrame, table: WholeTable, rejects: pl.DataFrame) -> Chunk:
        """Return rows of whole objects as a chunk."""
        curves, report, unobserved = self.canonical(frame, table)
        if table.objects is not None:
            unobserved = unobserved.clear()
        return Chunk(curves, report, rejects, unobserved)


def row_files(
    files: Sequence[Path],
    columns: Mapping[str, Column],
    form: TextForm | None = None,
    *,
    rows: int,
) -> list[RowFile] | None:
    """Return files of which any part can be read, if that is true of all.

    Text with comments, separated by whitespace or with quotes around ends of lines can be
    read whole only, one file after the other. Parquet files with ids or names in
    floating-point columns cannot be read in parts at all: what 90.0 means, an integer or
    not, depends on all other values.

    Args:
        files: The files in their order.
        columns: Wanted columns by their new names.
        form: Of the text files.
        rows: Rows of a chunk, about.

    Raises:
        DataError: A file is damaged or lacks a required column.
    """
    found: list[RowFile] = []
    steps: Sequence[Path] | Iterator[Path] = files
    if any(file.suffix == ".gz" and file.stat().st_size > _LARGE for file in files):
        steps = tracked(files, len(files), "looking through compressed files", "files")
    for file in steps:
        if is_parquet(file):
            parquet = parquet_columns(file, columns)
            types = parquet_schema(file)
            if any(c.kind in ("id", "text") and types[n].is_float() for n, c in parquet.values()):
                return None
            found.append(ParquetRows(file, parquet, rows))
            continue
        text = text_columns(file, columns, form or TextForm())
        if not text.form.plain:
            found.append(WholeText(file, text))
            continue
        plain = TextRows(file, text)
        found.append(WholeText(file, text) if plain.spans_lines() else plain)
    return found


class RowChunks(SurveyChunks):
    """Ranges of rows, with whole objects.

    Args:
        source: What the rows mean.
        files: The files in their order.
        rows: Rows of a chunk, about.
        on_error: As of `Survey.chunks`.

    Raises:
        DataError: There is no row, or files differ in the types of their columns.
    """

    def __init__(
        self, source: RowSource, files: Sequence[RowFile], rows: int, on_error: OnError
    ) -> None:
        self.source = source
        self.files = list(files)
        self._faults = None if on_error == "stop" else source.faults
        self._ranges = _ranges(self.files, rows)
        self._types = self._column_types()
        self.table = Held(source.whole_table)
        self.taxonomy = self.table.get().taxonomy
        self.zeropoint = source.zeropoint

    @property
    def objects(self) -> pl.DataFrame | None:  # type: ignore[override]
        """The canonical object table."""
        return self.table.get().objects

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self._ranges)

    def read(self, index: int) -> Chunk:
        """Read one chunk; the first one tells what there is to tell of all."""
        first, begin, last, end = self._ranges[index]
        end += self._known_to_follow(last, end)
        frame, rejects = self._range(first, begin, last, end)
        if len(frame):
            before = self._id_before(first, begin)
            if before is not None:
                frame = frame[_run_length(frame[OBJECT_ID], before) :]
        if len(frame):
            frame = pl.concat([frame, *self._following(last, end, frame[OBJECT_ID][-1])])
        try:
            return self.source.chunk(frame, self._told(index), rejects)
        except DataError as fault:
            raise self.located(fault, range(index, min(index + 2, len(self)))) from fault

    def raw(self, index: int) -> Rows:
        """Return the rows of a chunk's range alone, whatever their objects."""
        return self._range(*self._ranges[index])

    def located(self, fault: DataError, indices: Iterable[int]) -> DataError:
        """Return an error that names the file and line of the first bad row of some chunks.

        Args:
            fault: What was found; returned itself if no row is to blame.
            indices: The chunks.
        """
        for index in indices:
            for number, begin, end in self._spans(*self._ranges[index]):
                try:
                    rejects = self.files[number].read(begin, end, self.source.faults).rejects
                except DataError:
                    return fault
                for row in rejects.head(1).iter_rows(named=True):
                    if row[REJECT_LINE] is not None or row[REJECT_ROW] is not None:
                        return DataError(f"{place_of(row)}: {row[REJECT_REASON]}")
        return fault

    def _spans(self, first: int, begin: int, last: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield the files of a range, each with where the range begins and ends in it."""
        for number in range(first, last + 1):
            file = self.files[number]
            start = begin if number == first else file.first
            yield number, start, end if number == last else file.end

    def _range(self, first: int, begin: int, last: int, end: int) -> Rows:
        parts = [self._read(*span) for span in self._spans(first, begin, last, end)]
        if len(parts) == 1:
            return parts[0]
        return Rows(pl.concat(one.frame for one in parts), pl.concat(one.rejects for one in parts))

    def regrouped(self, folder: Path) -> SurveyChunks:
        """Return chunks of the same rows, each with all those of its objects."""
        return RegroupedChunks(self, folder)

    def count_rows(self) -> int | None:
        """Return the rows of all files, None if one is compressed or cannot be cut."""
        total = 0
        for file in self.files:
            count = file.count_rows()
            if count is None:
                return None
            total += count
        return total

    def _told(self, index: int) -> WholeTable:
        table = self.table.get()
        return table if index == 0 else table._replace(messages=())

    def _column_types(self) -> dict[str, pl.DataType]:
        """Return the columns that any file has, with the types that all must have."""
        types: dict[str, pl.DataType] = {}
        where: dict[str, Path] = {}
        for file in self.files:
            for name, dtype in file.read(file.first, file.first).frame.schema.items():
                if types.setdefault(name, dtype) != dtype:
                    raise DataError(
                        f"column '{name}' is {dtype} in {file.path} but {types[name]} in "
                        f"{where[name]}: the files of one table must agree"
                    )
                where.setdefault(name, file.path)
        return types

    def _read(self, number: int, begin: int, end: int) -> Rows:
        file = self.files[number]
        frame, rejects = file.read(begin, end, self._faults)
        missing = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in self._types.items()
            if name not in frame.columns
        ]
        frame = frame.with_columns(missing).select(list(self._types))
        try:
            return Rows(self.source.typed(frame), rejects)
        except DataError as fault:
            raise DataError(f"{file.path}: {fault}") from fault

    def _ids(self, number: int, begin: int, end: int) -> pl.Series | None:
        """Return ids of rows if they can be had alone; faults of other columns then stay."""
        if self._faults is not None:
            return None
        frame = self.files[number].ids(begin, end)
        return None if frame is None else self.source.typed(frame)[OBJECT_ID]

    def _known_to_follow(self, number: int, position: int) -> int:
        """Return how many rows behind a position are of the object before, if that costs little."""
        file = self.files[number]
        ids = self._ids(number, position - 1, min(position + file.step, file.end))
        return 0 if ids is None else _run_length(ids[1:], ids[0])

    def _id_before(self, number: int, position: int) -> object:
        """Return the object of the last good row before a position, None if there is none."""
        while True:
            file = self.files[number]
            step = file.step
            while position > file.first:
                start = max(file.first, position - step)
                ids = self._ids(number, start, position)
                if ids is None:
                    ids = self._read(number, start, position).frame[OBJECT_ID]
                if len(ids):
                    return ids[-1]
                position = start
                step *= _WIDER
            if number == 0:
                return None
            number -= 1
            position = self.files[number].end

    def _following(self, number: int, position: int, object_id: object) -> list[pl.DataFrame]:
        """Return the rows behind a position as long as they are of an object."""
        found: list[pl.DataFrame] = []
        while True:
            file = self.files[number]
            step = file.step
            while position < file.end:
                stop = min(file.end, position + step)
                ids = self._ids(number, position, min(position + 1, stop))
                if ids is not None and _run_length(ids, object_id) == 0:
                    return found
                frame = self._read(number, position, stop).frame
                length = _run_length(frame[OBJECT_ID], object_id)
                found.append(frame[:length])
                if length < len(frame):
                    return found
                position = stop
                step *= _WIDER
            number += 1
            if number == len(self.files):
                return found
            position = self.files[number].first


def _ranges(files: Sequence[RowFile], rows: int) -> list[tuple[int, int, int, int]]:
    """Cut files into chunks, small neighbours together: first file, begin, last file, end."""
    ranges: list[tuple[int, int, int, int]] = []
    held = 0.0
    for number, file in enumerate(files):
        for part in file.parts(rows):
            if ranges and held + part.rows <= rows:
                first, begin, _, _ = ranges[-1]
                ranges[-1] = (first, begin, number, part.end)
                held += part.rows
            else:
                ranges.append((number, part.begin, number, part.end))
                held = part.rows
    if not ranges:
        raise no_rows([file.path for file in files])
    return ranges


def _run_length(ids: pl.Series, object_id: object) -> int:
    """Return how many rows at the beginning are of an object."""
    others = ids != object_id
    first = others.arg_max()
    return first if first is not None and others[first] else len(ids)
