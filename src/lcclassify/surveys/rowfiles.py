"""Files of one row an observation, of which any part can be read without the rest.

A part is a range of positions: bytes of a text file, rows of a Parquet file. It holds the
rows that begin in it, so that ranges side by side share no row and miss none.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import pairwise
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
from lcclassify.surveys.columns import TEXT_TYPES, Column, readable
from lcclassify.surveys.delimited import Record, split
from lcclassify.surveys.parquettable import REASON, ROW, parquet_rows, parquet_values
from lcclassify.surveys.rawbytes import GzipBytes, LineCount, PlainBytes
from lcclassify.surveys.sifting import sift_lines
from lcclassify.surveys.texttable import TextColumns, parse_lines, parse_text, read_text

_SAMPLE: Final = 1 << 20  # bytes from which the length of a row is told

Faults = Callable[[pl.DataFrame], pl.Series]  # why each row cannot be used, null if it can


class Rows(NamedTuple):
    """Rows under their new names, and those that could not be read."""

    frame: pl.DataFrame
    rejects: pl.DataFrame


class Part(NamedTuple):
    """A range of positions, and how many rows it holds, about."""

    begin: int
    end: int
    rows: float


class RowFile(ABC):
    """A file of rows; picklable.

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

    def ids(self, begin: int, end: int) -> pl.DataFrame | None:
        """Return the ids alone of the rows that begin in a range; a row is one position.

        None where that takes as long as reading the rows.
        """
        return None

    @abstractmethod
    def parts(self, rows: int) -> list[Part]:
        """Cut the file into ranges of about so many rows at most."""

    @abstractmethod
    def count_rows(self) -> int | None:
        """Return the number of rows, None where that takes as long as reading them."""


class TextRows(RowFile):
    """A text file with one character between fields and no field over several lines.

    Args:
        path: The file, plain or gzip.
        text: Its columns.
    """

    step = 1 << 15

    def __init__(self, path: Path, text: TextColumns) -> None:
        self.path = path
        self.text = text
        self.separator = text.form.separator or ","
        with path.open("rb") as stream:
            zipped = stream.read(2) == b"\x1f\x8b"
        self._bytes = GzipBytes(path) if zipped else PlainBytes(path)
        self.end = self._bytes.size
        self.first = 0
        for _ in range(text.header_line):
            self.first = self._bytes.line_start(self.first + 1)
        self._lines = LineCount(self._bytes, self.first, self.separator)

    def read(self, begin: int, end: int, faults: Faults | None = None) -> Rows:
        """Return the rows of the lines that begin in a range of bytes."""
        start, stop = self._line_start(begin), self._line_start(end)
        content = self._bytes.read(start, stop)
        if faults is not None:
            frame, rejects = sift_lines(content, self.separator, self.text, faults)
            if len(rejects):
                rejects = rejects.with_columns(
                    pl.lit(str(self.path)).alias(REJECT_FILE),
                    pl.col(REJECT_LINE) + self._number_before(start),
                )
            return Rows(frame, rejects)
        if not content.strip():
            empty = parse_text(b"", self.separator, self.text.header, self.text.found)
            return Rows(empty, no_rejects())
        if b'"' in content:
            self._check_quotes(content, start)
        frame = parse_lines(
            self.path,
            self.text,
            content,
            self.separator,
            lambda: self._records(content, start),
        )
        return Rows(frame, no_rejects())

    def spans_lines(self) -> bool:
        """Say whether, as its beginning has it, quoted fields spread over lines.

        A quote that is damage makes rows of other lengths, or numbers of several lines.
        """
        sample = self._sample()
        whole = sample[: sample.rfind(b"\n") + 1]
        if not any(line.count(b'"') % 2 for line in whole.split(b"\n")):
            return False
        numbers = [
            p for p, column in self.text.found.values() if TEXT_TYPES[column.kind] != pl.String
        ]
        try:
            for record in self._records(whole, self.first):
                if (
                    record.last_line > record.first_line
                    and len(record.fields) == len(self.text.header)
                    and not any("\n" in record.fields[position] for position in numbers)
                    and any("\n" in field for field in record.fields)
                ):
                    return True
        except csv.Error:  # such as a field of many lines
            pass
        return False

    def parts(self, rows: int) -> list[Part]:
        """Cut the file into ranges of about so many rows at most."""
        sample = self._sample()
        length = len(sample) / max(sample.count(b"\n"), 1)
        total = (self.end - self.first) / max(length, 1.0)
        number = max(round(total / rows + 0.49), 1)
        cuts = [self.first + (self.end - self.first) * k // number for k in range(number + 1)]
        return [Part(a, b, total / number) for a, b in pairwise(cuts) if a < b]

    def count_rows(self) -> int | None:
        """Return the number of lines behind the header that are not blank."""
        return None if isinstance(self._bytes, GzipBytes) else self._lines.rows()

    def _sample(self) -> bytes:
        return self._bytes.read(self.first, min(self.first + _SAMPLE, self.end))

    def _line_start(self, position: int) -> int:
        """Return where the first line begins that begins at or behind a position."""
        if position <= self.first:
            return self.first
        return self._bytes.line_start(position) if position < self.end else self.end

    def _number_before(self, start: int) -> int:
        """Return the number of the line before one that begins at a position."""
        return self.text.header_line + self._lines.before(start)

    def _records(self, content: bytes, start: int) -> Iterator[Record]:
        stream = io.BytesIO(content)
        lines = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        return split(lines, self.text.form, before=self._number_before(start))

    def _check_quotes(self, content: bytes, start: int) -> None:
        """Check that every quote is closed in its line, so that cuts are between rows."""
        values = np.frombuffer(content, dtype=np.uint8)
        ends = np.flatnonzero(values == 10)
        quotes = np.searchsorted(np.flatnonzero(values == 34), ends)
        odd = np.flatnonzero(quotes % 2)
        if len(odd):
            line = self._number_before(start) + int(odd[0]) + 1
            raise DataError(
                f"{self.path}, line {line}: a quote is opened and not closed in its line, as it "
                "must be in files that are read in parts"
            )


class WholeText(RowFile):
    """A text file that cannot be cut: with comments, whitespace or fields of several lines.

    Its one position is that of all its rows. Its lines cannot be told apart: text where a
    number belongs is always an error, and other faults are listed without a line.

    Args:
        path: The file.
        text: Its columns.
    """

    first = 0
    end = 1
    step = 1

    def __init__(self, path: Path, text: TextColumns) -> None:
        self.path = path
        self.text = text

    def read(self, begin: int, end: int, faults: Faults | None = None) -> Rows:
        """Return all rows, or none."""
        if begin >= end:
            return Rows(parse_text(b"", ",", self.text.header, self.text.found), no_rejects())
        frame = read_text(self.path, self.text)
        reasons = None if faults is None else faults(frame)
        if reasons is None or reasons.null_count() == len(reasons):
            return Rows(frame, no_rejects())
        bad = frame.with_columns(reasons.alias(REJECT_REASON)).filter(reasons.is_not_null())
        rejects = bad.select(
            pl.lit(str(self.path)).alias(REJECT_FILE),
            pl.lit(None, pl.Int64).alias(REJECT_LINE),
            pl.lit(None, pl.Int64).alias(REJECT_ROW),
            pl.lit(1, pl.Int64).alias(REJECT_COUNT),
            pl.col(OBJECT_ID).cast(pl.String),
            REJECT_REASON,
        )
        return Rows(frame.filter(reasons.is_null()), rejects)

    def parts(self, rows: int) -> list[Part]:
        """Return the one part there is."""
        return [Part(0, 1, float(rows))]

    def count_rows(self) -> int | None:
        """Return None."""
        return None


class ParquetRows(RowFile):
    """A Parquet file.

    What is damaged of it is rejected in whole row groups, or those parts of larger ones
    that chunks may begin with.

    Args:
        path: The file.
        found: Name in the file of each wanted column, by new name.
        rows: Rows of a chunk, about.
    """

    first = 0
    step = 1 << 10

    def __init__(self, path: Path, found: dict[str, tuple[str, Column]], rows: int) -> None:
        self.path = path
        self.found = found
        self._rows = rows
        self._units = self._find_units()
        self.end = self._units[-1]

    def __getstate__(self) -> dict[str, Any]:
        # Of large surveys there are too many of them to be sent with every task.
        return {**self.__dict__, "_units": []}

    def read(self, begin: int, end: int, faults: Faults | None = None) -> Rows:
        """Return a range of rows."""
        if faults is None:
            return Rows(parquet_rows(self.path, self.found, begin, end - begin), no_rejects())
        units = self._overlapping(begin, end)
        frames, rejects = [], [no_rejects()]
        for start, stop in units:
            try:
                frame, wrong = parquet_values(self.path, self.found, start, stop - start)
            except DataError as fault:
                low, high = max(start, begin), min(stop, end)
                rejects.append(self._rejects([low], [high - low], [None], [str(fault)]))
                continue
            frame, bad = self._sifted(frame, wrong, start, faults)
            inside = pl.col(REJECT_ROW).is_between(begin, end - 1)
            rejects.append(bad.filter(inside))
            here = pl.col(REJECT_ROW).is_between(begin, end - 1)
            frames.append(frame.filter(here).drop(REJECT_ROW))
        if not frames:
            frames = [parquet_rows(self.path, self.found, 0, 0)]
        return Rows(pl.concat(frames), pl.concat(rejects))

    def ids(self, begin: int, end: int) -> pl.DataFrame:
        """Return the ids alone of a range of rows."""
        return parquet_rows(self.path, {OBJECT_ID: self.found[OBJECT_ID]}, begin, end - begin)

    def parts(self, rows: int) -> list[Part]:
        """Cut the file into ranges of about so many rows at most."""
        cuts = [0]
        for unit in self._units[1:]:
            if unit - cuts[-1] >= 0.75 * rows or unit == self.end:
                cuts.append(unit)
        return [Part(a, b, float(b - a)) for a, b in pairwise(cuts) if a < b]

    def count_rows(self) -> int | None:
        """Return the number of rows that the file states."""
        return self.end

    def _find_units(self) -> list[int]:
        """Return where row groups begin, and parts of those larger than a chunk."""
        with readable(self.path):
            try:
                metadata = pq.read_metadata(self.path)
            except pa.ArrowException as fault:
                raise OSError(str(fault)) from fault
        units = [0]
        for group in range(metadata.num_row_groups):
            size = metadata.row_group(group).num_rows
            number = max(-(-size // self._rows), 1)
            start = units[-1]
            units += [start + size * k // number for k in range(1, number + 1)]
        return units

    def _overlapping(self, begin: int, end: int) -> list[tuple[int, int]]:
        if not self._units:
            self._units = self._find_units()
        first = max(int(np.searchsorted(self._units, begin, side="right")) - 1, 0)
        last = int(np.searchsorted(self._units, end, side="left"))
        return [(a, b) for a, b in pairwise(self._units[first : last + 1]) if a < b]

    def _sifted(
        self, frame: pl.DataFrame, wrong: pl.DataFrame, start: int, faults: Faults
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the good rows with their position, and the rejects."""
        rows = pl.int_range(start, start + frame.height, dtype=pl.Int64, eager=True)
        reasons = faults(frame)
        frame = frame.with_columns(rows.alias(REJECT_ROW))
        if not wrong.height and reasons.null_count() == frame.height:
            return frame, no_rejects()
        first = wrong.unique(ROW, keep="first", maintain_order=True)
        said = frame.select(REJECT_ROW).join(
            first, left_on=REJECT_ROW, right_on=ROW, how="left", maintain_order="left"
        )[REASON]
        reasons = said.zip_with(said.is_not_null(), reasons)
        bad = frame.with_columns(reasons.alias(REJECT_REASON)).filter(reasons.is_not_null())
        rejects = self._rejects(
            bad[REJECT_ROW].to_list(),
            [1] * bad.height,
            bad[OBJECT_ID].cast(pl.String).to_list(),
            bad[REJECT_REASON].to_list(),
        )
        return frame.filter(reasons.is_null()), rejects

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
