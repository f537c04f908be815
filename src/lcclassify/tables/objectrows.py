"""Chunks of whole objects out of files of one row an observation.

The files are one long table, cut at some of its rows. A chunk passes over the rows at its
beginning that belong to the object of the row before, and reads on behind its end as long
as the object stays the same: whoever reads a chunk needs no other one, and every row of
files sorted by object is in exactly one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID
from lcclassify.tables.opening import no_rows
from lcclassify.tables.rejects import (
    REJECT_LINE,
    REJECT_REASON,
    REJECT_ROW,
    as_rejects,
    refuse,
)
from lcclassify.tables.rowfile import RowFile, Rows

_WIDER: Final = 8  # times as many rows are looked at when too few were

# Gives rows with ids of one type, and why each of them cannot be used, None if all can.
Convert = Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.Series | None]]
Taken = tuple[pl.DataFrame, pl.DataFrame]  # converted rows, and the rejects


class FileRows:
    """Ranges of rows, with whole objects.

    Args:
        files: The files in their order.
        rows: Rows of a chunk, about.
        convert: What the rows mean; picklable.
        lenient: Whether rows that cannot be read are rejected; else the first one is an error.

    Raises:
        DataError: There is no row.
    """

    def __init__(
        self, files: Sequence[RowFile], rows: int, convert: Convert, *, lenient: bool
    ) -> None:
        self.files = list(files)
        self._convert = convert
        self._lenient = lenient
        self._ranges = _ranges(self.files, rows)
        self._stamps = [file.stamp() for file in self.files]
        # Columns that any file has.
        self._types: dict[str, pl.DataType] = {}
        seen: set[tuple[tuple[str, pl.DataType], ...]] = set()
        for file in self.files:
            empty = file.read(file.first, file.first).frame
            if (columns := tuple(empty.schema.items())) not in seen:
                seen.add(columns)
                self._types = {**self._convert(empty)[0].schema, **self._types}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows."""
        return tuple(self._types)

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self._ranges)

    def read(self, index: int) -> Taken:
        """Return all rows of the objects of a chunk."""
        first, begin, last, end = self._ranges[index]
        end += self._known_to_follow(last, end)
        frame, rejects = self._range(first, begin, last, end)
        if len(frame):
            before = self._id_before(first, begin)
            if before is not None:
                frame = frame[_run_length(frame[OBJECT_ID], before) :]
        if len(frame):
            frame = pl.concat([frame, *self._following(last, end, frame[OBJECT_ID][-1])])
        return frame, rejects

    def raw(self, index: int) -> Taken:
        """Return the rows of a chunk's range alone, whatever their objects."""
        return self._range(*self._ranges[index])

    def count_rows(self) -> int | None:
        """Return the rows of all files, None if one is compressed."""
        counts = [file.count_rows() for file in self.files]
        return None if None in counts else sum(count or 0 for count in counts)

    def _range(self, first: int, begin: int, last: int, end: int) -> Taken:
        starts = [begin, *(file.first for file in self.files[first + 1 : last + 1])]
        ends = [*(file.end for file in self.files[first:last]), end]
        return self._read(list(zip(range(first, last + 1), starts, ends, strict=True)))

    def _read(self, ranges: Sequence[tuple[int, int, int]]) -> Taken:
        """Return the rows of ranges of positions: number of the file, begin and end of each."""
        rows = []
        for number, begin, end in ranges:
            rows.append(
                (self.files[number], self.files[number].read(begin, end, lenient=self._lenient))
            )
            self._check_unchanged(number)
        # Thousands of small files are converted at once, as far as their columns are alike.
        alike = groupby(rows, key=lambda one: one[1].frame.schema)
        frames, rejects = zip(*(self._converted(list(some)) for _, some in alike), strict=True)
        return pl.concat(frames), pl.concat(rejects)

    def _converted(self, files: Sequence[tuple[RowFile, Rows]]) -> Taken:
        """Return what rows of files with the same columns mean."""
        frame, reasons = self._convert(pl.concat(rows.frame for _, rows in files))
        rejects = [rows.rejects for _, rows in files]
        if reasons is not None:
            frame = frame.filter(reasons.is_null())
            stop = 0
            for number, (file, rows) in enumerate(files):
                start, stop = stop, stop + rows.frame.height
                rejects[number] = _rejected(file, rows, reasons[start:stop])
        if not self._lenient:
            refuse(pl.concat(rejects))
        missing = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in self._types.items()
            if name not in frame.columns
        ]
        return frame.with_columns(missing).select(list(self._types)), pl.concat(rejects)

    def _ids(self, number: int, begin: int, end: int) -> pl.Series | None:
        """Return ids of rows if they can be had alone; faults of other columns then stay."""
        frame = None if self._lenient else self.files[number].ids(begin, end)
        self._check_unchanged(number)
        return None if frame is None else self._convert(frame)[0][OBJECT_ID]

    def _check_unchanged(self, number: int) -> None:
        """Refuse rows of a file that is no longer the one that was cut into chunks."""
        if self.files[number].stamp() != self._stamps[number]:
            raise DataError(f"{self.files[number].path} was changed while it was read")

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
                    ids = self._read([(number, start, position)])[0][OBJECT_ID]
                if len(ids):
                    return ids[-1]
                position = start
                step *= _WIDER
            if number == 0:
                return None
            number -= 1
            position = self.files[number].end

    def _following(self, number: int, position: int, object_id: object) -> Iterator[pl.DataFrame]:
        """Yield the rows behind a position as long as they are of an object."""
        while True:
            file = self.files[number]
            step = file.step
            while position < file.end:
                stop = min(file.end, position + step)
                ids = self._ids(number, position, min(position + 1, stop))
                if ids is not None and _run_length(ids, object_id) == 0:
                    return
                frame, _ = self._read([(number, position, stop)])
                length = _run_length(frame[OBJECT_ID], object_id)
                yield frame[:length]
                if length < len(frame):
                    return
                position = stop
                step *= _WIDER
            number += 1
            if number == len(self.files):
                return
            position = self.files[number].first


def _rejected(file: RowFile, rows: Rows, reasons: pl.Series) -> pl.DataFrame:
    """Return the rejects of a file, with those of its good rows that have a reason now."""
    bad = reasons.is_not_null()
    if not bad.any():
        return rows.rejects
    found = {
        **rows.place(bad.arg_true().to_numpy()),
        OBJECT_ID: rows.frame[OBJECT_ID].filter(bad).cast(pl.String),
        REJECT_REASON: reasons.filter(bad),
    }
    return pl.concat([rows.rejects, as_rejects(file.name, found)]).sort(REJECT_LINE, REJECT_ROW)


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
