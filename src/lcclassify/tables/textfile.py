"""Text files of one row an observation, read in ranges of bytes."""

from __future__ import annotations

import csv
import io
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID
from lcclassify.tables.columns import TEXT_TYPES
from lcclassify.tables.content import (
    BOM,
    HeldBytes,
    LineCount,
    PackedBytes,
    PlainBytes,
    RawBytes,
    packing,
)
from lcclassify.tables.held import Held
from lcclassify.tables.lines import INDEX, read_lines
from lcclassify.tables.rejects import (
    REJECT_LINE,
    REJECT_REASON,
    as_rejects,
    no_rejects,
)
from lcclassify.tables.rowfile import Part, RowFile, Rows
from lcclassify.tables.textform import TextColumns, one_line_a_row, split

_SAMPLE: Final = 1 << 20  # bytes from which the length of a row is told


class TextRows(RowFile):
    """A text file, plain or compressed.

    One with comments, separated by whitespace or with quotes around ends of lines is brought
    into memory with a line a row.
    """

    step = 1 << 15

    def __init__(self, path: Path, text: TextColumns) -> None:
        self.path = path
        self.text = text
        self.separator = text.form.separator or ","
        self._rewritten: Held[tuple[bytes, NDArray[np.int64]]] | None = None
        self._set(PlainBytes(path) if packing(path) is None else PackedBytes(path))
        self.first = len(BOM) if self._bytes.read(0, len(BOM)) == BOM else 0
        for _ in range(text.header_line):
            self.first = self._bytes.line_start(self.first + 1)
        if text.form.plain and b"\r" in self._bytes.read(0, self.first).replace(b"\r\n", b"\n"):
            raise DataError(
                f"{path} ends lines with carriage returns alone, as old Macs did: convert it, such "
                "as with tr '\\r' '\\n'"
            )
        if not text.form.plain or self._spans_lines():
            self._rewritten = Held(partial(one_line_a_row, path, text.form, text.header_line))
            self.separator, self.first = "\t", 0
            self._set(HeldBytes(path, self._rewritten))
        self._lines = LineCount(self._bytes, self.first, self.separator)

    def _set(self, content: RawBytes) -> None:
        self._bytes, self.end = content, content.size

    def read(self, begin: int, end: int, *, lenient: bool = False) -> Rows:
        """Return the rows of the lines that begin in a range of bytes."""
        start, stop = self._line_start(begin), self._line_start(end)
        frame, index, bad = read_lines(self._bytes.read(start, stop), self.separator, self.text)

        def place(rows: NDArray[np.int64]) -> dict[str, object]:
            return {REJECT_LINE: self._numbers(start, rows if index is None else index[rows])}

        if not len(bad):
            return Rows(frame, no_rejects(), place)
        columns = {
            REJECT_LINE: self._numbers(start, bad[INDEX].to_numpy()),
            OBJECT_ID: bad[OBJECT_ID],
            REJECT_REASON: bad[REJECT_REASON],
        }
        return Rows(frame, as_rejects(self.name, columns), place)

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
        return None if isinstance(self._bytes, PackedBytes) else self._lines.rows()

    def _sample(self) -> bytes:
        return self._bytes.read(self.first, min(self.first + _SAMPLE, self.end))

    def _line_start(self, position: int) -> int:
        """Return where the first line begins that begins at or behind a position."""
        if position <= self.first:
            return self.first
        return self._bytes.line_start(position) if position < self.end else self.end

    def _numbers(self, start: int, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers in the file of lines so many lines behind a position."""
        behind = self._lines.before(start) + offsets
        if self._rewritten is not None:
            numbers: NDArray[np.int64] = self._rewritten.get()[1][behind]
            return numbers
        return behind + self.text.header_line + 1

    def _spans_lines(self) -> bool:
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
        text = io.TextIOWrapper(io.BytesIO(whole), "utf-8", errors="replace", newline="")
        try:
            for record in split(text, self.text.form):
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
