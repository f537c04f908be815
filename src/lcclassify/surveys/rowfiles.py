"""Files of one row an observation, of which any part can be read without the rest.

A part is a range of positions: bytes of a text file, rows of a Parquet file. It holds the
rows that begin in it, so that ranges side by side share no row and miss none.
"""

from __future__ import annotations

import io
import itertools
import mmap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import (
    REJECT_COUNT,
    REJECT_FILE,
    REJECT_LINE,
    REJECT_REASON,
    REJECT_ROW,
    REJECT_SCHEMA,
    no_rejects,
)
from lcclassify.surveys.columns import Column, readable
from lcclassify.surveys.delimited import Record, split
from lcclassify.surveys.parquettable import parquet_rows
from lcclassify.surveys.sifting import sift_lines
from lcclassify.surveys.texttable import NotANumberError, TextColumns, parse_lines, parse_text

_BLOCK: Final = 1 << 25  # bytes whose lines are counted at a time

Faults = Callable[[pl.DataFrame], pl.Series]  # why each row cannot be used, null if it can


class Rows(NamedTuple):
    """Rows under their new names, and those that could not be read."""

    frame: pl.DataFrame
    rejects: pl.DataFrame


class RowFile(ABC):
    """A file of rows.

    Attributes:
        path: The file.
        first: Position of the first row.
        end: Position behind the last row.
        step: What a look at some few rows takes.
    """

    path: Path
    first: int
    end: int
    step: int

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Return the new names of the wanted columns that the file has."""

    @abstractmethod
    def read(self, begin: int, end: int, faults: Faults | None = None) -> Rows:
        """Return the rows that begin in a range.

        Args:
            begin: First position.
            end: Position behind the last.
            faults: Tells unusable rows, which are rejected as unreadable ones are; None
                raises at the first row that cannot be read and checks nothing else.

        Raises:
            DataError: The file is damaged, or without `faults` a row.
        """

    @abstractmethod
    def positions(self, rows: int) -> list[int]:
        """Return where ranges of about so many rows begin."""

    @abstractmethod
    def count_rows(self) -> int:
        """Return the number of rows, blank lines not counted."""


class TextRows(RowFile):
    """A plain text file with one character between fields and no field over several lines.

    Args:
        path: The file.
        text: Its columns.
    """

    step = 1 << 16

    def __init__(self, path: Path, text: TextColumns) -> None:
        self.path = path
        self.text = text
        self.separator = text.form.separator or ","
        self.end = path.stat().st_size
        with path.open("rb") as stream:
            for _ in range(text.header_line):
                stream.readline()
            self.first = stream.tell()
        self._lines_before = [text.header_line]  # of each block behind the header

    def columns(self) -> tuple[str, ...]:
        """Return the new names of the wanted columns that the file has."""
        return tuple(self.text.found)

    def read(self, begin: int, end: int, faults: Faults | None = None) -> Rows:
        """Return the rows of the lines that begin in a range of bytes."""
        with _mapped(self.path) as content:
            start = self._line_start(content, begin)
            piece = bytes(content[start : self._line_start(content, end)])
        if not piece.strip():
            empty = parse_text(b"", self.separator, self.text.header, self.text.found)
            return Rows(empty, no_rejects())
        if faults is None:
            frame = parse_lines(
                self.path,
                self.text,
                piece,
                self.separator,
                lambda: self._records(piece, start),
            )
            return Rows(frame, no_rejects())
        good = self._all_good(piece, faults)
        if good is not None:
            return Rows(good, no_rejects())
        frame, rejects = sift_lines(piece, self.separator, self.text, faults)
        rejects = rejects.with_columns(
            pl.lit(str(self.path)).alias(REJECT_FILE),
            pl.col(REJECT_LINE) + self._lines_until(start),
        )
        return Rows(frame, rejects.select(REJECT_SCHEMA))

    def positions(self, rows: int) -> list[int]:
        """Return where ranges of about so many rows begin."""
        with self.path.open("rb") as stream:
            stream.seek(self.first)
            sample = stream.read(1 << 20)
        length = len(sample) / max(sample.count(b"\n"), 1)
        return list(range(self.first, self.end, max(int(rows * length), 1)))

    def count_rows(self) -> int:
        """Return the number of lines behind the header that are not blank."""
        rows = 0
        with _mapped(self.path) as content:
            last = b"\n"
            for start in range(self.first, self.end, _BLOCK):
                piece = last + content[start : min(start + _BLOCK, self.end)]
                piece = piece.replace(b"\r", b"")
                values = np.frombuffer(piece, dtype=np.uint8)
                # A row begins where something follows the end of a line.
                rows += int(np.count_nonzero((values[1:] != 10) & (values[:-1] == 10)))
                last = piece[-1:]
        return rows

    def _all_good(self, piece: bytes, faults: Faults) -> pl.DataFrame | None:
        try:
            frame = parse_text(piece, self.separator, self.text.header, self.text.found)
        except (NotANumberError, pl.exceptions.PolarsError, UnicodeDecodeError):
            return None
        bad = faults(frame).is_not_null()
        for new, (_, column) in self.text.found.items():
            if column.filled:
                bad |= frame[new].is_null()
        return None if bad.any() else frame

    def _line_start(self, content: mmap.mmap, position: int) -> int:
        """Return where the first line begins that begins at or behind a position."""
        if position <= self.first:
            return self.first
        if position >= self.end:
            return self.end
        found = content.find(b"\n", position - 1)
        return self.end if found < 0 else found + 1

    def _records(self, piece: bytes, start: int) -> Iterator[Record]:
        text = io.TextIOWrapper(io.BytesIO(piece), encoding="utf-8", newline="")
        return split(text, self.text.form, before=self._lines_until(start))

    def _lines_until(self, position: int) -> int:
        """Return the number of lines before a position at which a line begins."""
        whole, rest = divmod(position - self.first, _BLOCK)
        with _mapped(self.path) as content:
            while len(self._lines_before) <= whole:
                start = self.first + (len(self._lines_before) - 1) * _BLOCK
                lines = content[start : start + _BLOCK].count(b"\n")
                self._lines_before.append(self._lines_before[-1] + lines)
            return self._lines_before[whole] + content[position - rest : position].count(b"\n")


class ParquetRows(RowFile):
    """A Parquet file.

    Args:
        path: The file.
        found: Name in the file of each wanted column, by new name.
    """

    step = 1 << 12

    def __init__(self, path: Path, found: dict[str, tuple[str, Column]]) -> None:
        self.path = path
        self.found = found
        self.first = 0
        with readable(path):
            try:
                metadata = pq.read_metadata(path)
            except pa.ArrowException as fault:
                raise OSError(str(fault)) from fault
        self.end = metadata.num_rows
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._groups = [0, *np.cumsum(sizes).tolist()]

    def columns(self) -> tuple[str, ...]:
        """Return the new names of the wanted columns that the file has."""
        return tuple(self.found)

    def read(self, begin: int, end: int, faults: Faults | None = None) -> Rows:
        """Return a range of rows."""
        if faults is None:
            return Rows(parquet_rows(self.path, self.found, begin, end - begin), no_rejects())
        frames, rejects = [], []
        for start, stop in self._within_groups(begin, end):
            try:
                frame = parquet_rows(self.path, self.found, start, stop - start)
            except DataError as fault:
                rejects.append(self._rejects([start], [stop - start], [None], [str(fault)]))
                continue
            reasons = faults(frame)
            for new, (name, column) in self.found.items():
                if column.filled:
                    empty = pl.Series([f"column '{name}' is empty"])
                    reasons = reasons.zip_with(
                        reasons.is_not_null() | frame[new].is_not_null(), empty
                    )
            bad = reasons.is_not_null()
            if bad.any():
                rows = bad.arg_true()
                rejects.append(
                    self._rejects(
                        (rows + start).to_list(),
                        [1] * len(rows),
                        frame[OBJECT_ID].cast(pl.String).gather(rows).to_list(),
                        reasons.gather(rows).to_list(),
                    )
                )
                frame = frame.filter(~bad)
            frames.append(frame)
        if not frames:
            frames = [parquet_rows(self.path, self.found, 0, 0)]
        return Rows(pl.concat(frames), pl.concat([no_rejects(), *rejects]))

    def positions(self, rows: int) -> list[int]:
        """Return where ranges of about so many rows begin."""
        return list(range(0, self.end, rows))

    def count_rows(self) -> int:
        """Return the number of rows that the file states."""
        return self.end

    def _within_groups(self, begin: int, end: int) -> list[tuple[int, int]]:
        """Cut a range where row groups end: damage is seldom wider than one."""
        cuts = [begin, *(cut for cut in self._groups if begin < cut < end), end]
        return [(start, stop) for start, stop in itertools.pairwise(cuts) if start < stop]

    def _rejects(
        self, rows: list[int], counts: list[int], ids: list[Any], reasons: list[Any]
    ) -> pl.DataFrame:
        return pl.DataFrame(
            {
                REJECT_FILE: [str(self.path)] * len(rows),
                REJECT_LINE: [None] * len(rows),
                REJECT_ROW: rows,
                REJECT_COUNT: counts,
                OBJECT_ID: ids,
                REJECT_REASON: reasons,
            },
            schema=REJECT_SCHEMA,
        )


class _mapped:  # noqa: N801, a context manager that reads like a function
    """The bytes of a file, read where they are looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> mmap.mmap:
        with readable(self._path):
            self._stream = self._path.open("rb")
            try:
                self._map = mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as fault:
                self._stream.close()
                raise OSError("it is empty") from fault
        return self._map

    def __exit__(self, *_: object) -> None:
        self._map.close()
        self._stream.close()
