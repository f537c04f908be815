"""Parts the good lines of a damaged text table from those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import (
    REJECT_COUNT,
    REJECT_FILE,
    REJECT_LINE,
    REJECT_REASON,
    REJECT_ROW,
    REJECT_SCHEMA,
)
from lcclassify.surveys.columns import SHOWN, TEXT_TYPES, is_absent, text_to_number, wanted
from lcclassify.surveys.texttable import TextColumns

_INDEX: Final = "index"
_RAW: Final = "raw:"  # prefix of columns as they stand in the file
_BLANK: Final = b' \t\r"'

Faults = Callable[[pl.DataFrame], pl.Series]


def sift_lines(
    content: bytes, separator: str, text: TextColumns, faults: Faults
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read what can be read of lines, and list the others.

    A line is bad if it has too many fields, lacks one that is wanted, is no text, opens a
    quote that it does not close, holds text where a number belongs or nothing in a filled
    column, or has a fault that `faults` tells. The verdict on a line depends on it alone.

    Args:
        content: Lines without a header.
        separator: One character.
        text: The file's columns.
        faults: Tells why each row cannot be used, null if it can.

    Returns:
        The good rows under the new names, and the bad ones as a table of rejects, the
        first line being number 1.
    """
    lines = _Lines(content, separator, text)
    frame, bad = _parsed(lines, text, separator)
    told = faults(frame.select(list(text.found)))
    if told.null_count() < len(told):
        faulty = told.is_not_null()
        rows = frame.filter(faulty)
        bad.append(
            pl.DataFrame(
                {
                    _INDEX: rows[_INDEX],
                    OBJECT_ID: rows[OBJECT_ID].cast(pl.String),
                    REJECT_REASON: told.filter(faulty),
                }
            )
        )
        frame = frame.filter(~faulty)
    listed = pl.concat([lines.rejected(), *bad]).sort(_INDEX)
    rejects = listed.select(
        pl.lit(None, pl.String).alias(REJECT_FILE),
        (pl.col(_INDEX) + 1).alias(REJECT_LINE),
        pl.lit(None, pl.Int64).alias(REJECT_ROW),
        pl.lit(1, pl.Int64).alias(REJECT_COUNT),
        OBJECT_ID,
        REJECT_REASON,
    )
    return frame.select(list(text.found)), rejects.select(list(REJECT_SCHEMA))


class _Lines:
    """Lines as bytes, those that are no row of fields told apart without parsing them."""

    def __init__(self, content: bytes, separator: str, text: TextColumns) -> None:
        self._text = text
        self._separator = separator.encode()
        self._content = content if content.endswith(b"\n") else content + b"\n"
        self._values = np.frombuffer(self._content, dtype=np.uint8)
        self._ends = np.flatnonzero(self._values == 10)
        self._starts = np.concatenate([[0], self._ends[:-1] + 1]) if len(self._ends) else self._ends
        self._bad: dict[int, str] = {}
        self.quoted = b'"' in content
        fields = self._fields()
        width = len(text.header)
        needed = max(position for position, _ in text.found.values()) + 1
        blank = self._blank(fields, width)
        for line in np.flatnonzero((fields > width) & ~blank):
            said = f"{fields[line]} fields, but the header names {width}"
            self._bad.setdefault(int(line), said)  # a quote is why, if there is one
        for line in np.flatnonzero((fields < needed) & ~blank):
            said = f"{fields[line]} fields, too few: the header names {width}"
            self._bad.setdefault(int(line), said)
        self._find_unreadable()
        keep = ~blank
        keep[list(self._bad)] = False
        self.index: NDArray[np.int64] = np.flatnonzero(keep).astype(np.int64)

    def bytes_of(self, lines: NDArray[np.int64]) -> bytes:
        """Return some lines, in their order."""
        if len(lines) == len(self._ends):
            return self._content
        keep = np.zeros(len(self._ends), dtype=bool)
        keep[lines] = True
        lengths = self._ends - self._starts + 1
        return bytes(self._values[np.repeat(keep, lengths)])

    def rejected(self) -> pl.DataFrame:
        """Return the lines that are no rows: their index, id and reason."""
        position = self._text.found[OBJECT_ID][0]
        order = sorted(self._bad)
        ids = []
        for line in order:
            words = self._line(line).split(self._separator)
            word = words[position].strip(_BLANK) if position < len(words) else b""
            readable = word and b"\0" not in word and _is_text(word)
            ids.append(word.decode() if readable else None)
        return pl.DataFrame(
            {_INDEX: order, OBJECT_ID: ids, REJECT_REASON: [self._bad[line] for line in order]},
            schema={_INDEX: pl.Int64, OBJECT_ID: pl.String, REJECT_REASON: pl.String},
        )

    def _line(self, line: int) -> bytes:
        return self._content[self._starts[line] : self._ends[line]]

    def _fields(self) -> NDArray[np.int64]:
        """Return the number of fields of each line; quotes hide separators."""
        separators = self._values == self._separator[0]
        if self.quoted:
            quotes = np.cumsum(self._values == 34, dtype=np.int64)
            before = np.concatenate([[0], quotes[self._ends[:-1]]])
            lengths = self._ends - self._starts + 1
            separators &= (quotes - np.repeat(before, lengths)) % 2 == 0
            for line in np.flatnonzero((quotes[self._ends] - before) % 2):
                self._bad[int(line)] = "a quote is opened and not closed in its line"
        before_end = np.searchsorted(np.flatnonzero(separators), self._ends)
        fields: NDArray[np.int64] = np.diff(before_end, prepend=0).astype(np.int64) + 1
        return fields

    def _blank(self, fields: NDArray[np.int64], width: int) -> NDArray[np.bool_]:
        """Say which lines hold nothing but blanks, quotes and separators."""
        blank = np.zeros(len(fields), dtype=bool)
        nothing = _BLANK + self._separator
        first = self._values[self._starts]
        for line in np.flatnonzero(np.isin(first, list(nothing + b"\n"))):
            blank[line] = not self._line(int(line)).strip(nothing)
        return blank

    def _find_unreadable(self) -> None:
        for place in np.flatnonzero(self._values == 0) if b"\0" in self._content else ():
            self._bad[int(np.searchsorted(self._ends, place))] = "it holds zero bytes"
        if _is_text(self._content):
            return
        strange = np.unique(np.searchsorted(self._ends, np.flatnonzero(self._values >= 128)))
        for line in strange:
            if not _is_text(self._line(int(line))):
                self._bad[int(line)] = "it is not UTF-8 text"


def _parsed(
    lines: _Lines, text: TextColumns, separator: str
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the rows of lines with the lines' index, and the rows that are none."""
    loaded = _load(lines.bytes_of(lines.index), separator, text, lines.quoted, typed=True)
    loaded = loaded.with_columns(pl.Series(_INDEX, lines.index))
    values = []
    for new, (position, column) in text.found.items():
        value = pl.col(str(position))
        if TEXT_TYPES[column.kind] == pl.String:
            value = value.str.strip_chars().replace("", None)
        values.append(value.cast(TEXT_TYPES[column.kind], strict=False).alias(new))
    frame = loaded.select(_INDEX, *values)
    # Polars leaves null where a value is absent, written in another way or wrong.
    absent = frame.select(pl.any_horizontal(pl.all().is_null())).to_series()
    if not absent.any():
        return frame, []
    again = frame[_INDEX].filter(absent).to_numpy()
    words = _load(lines.bytes_of(again), separator, text, lines.quoted, typed=False)
    sifted = _sift_words(words, text).with_columns(pl.Series(_INDEX, again))
    wrong = pl.col(REJECT_REASON).is_not_null()
    bad = sifted.filter(wrong).select(
        _INDEX, pl.col(_RAW + OBJECT_ID).alias(OBJECT_ID), REJECT_REASON
    )
    good = sifted.filter(~wrong).select(frame.columns)
    return pl.concat([frame.filter(~absent), good]).sort(_INDEX), [bad]


def _load(
    content: bytes, separator: str, text: TextColumns, quoted: bool, *, typed: bool
) -> pl.DataFrame:
    positions = sorted({position for position, _ in text.found.values()})
    schema: dict[str, type[pl.DataType]] = {str(n): pl.String for n in range(len(text.header))}
    if typed:
        for position, column in text.found.values():
            # A column that is wanted twice in two types comes as text.
            others = {c.kind for p, c in text.found.values() if p == position}
            schema[str(position)] = TEXT_TYPES[column.kind] if len(others) == 1 else pl.String
    if not content:
        return pl.DataFrame(schema={str(n): schema[str(n)] for n in positions})
    return pl.read_csv(
        content,
        columns=positions,
        separator=separator,
        has_header=False,
        schema=schema,
        quote_char='"' if quoted else None,
        ignore_errors=True,
        glob=False,
    )


def _sift_words(words: pl.DataFrame, text: TextColumns) -> pl.DataFrame:
    """Return the values of fields that came as text, and why a row is none."""
    values, reasons = [], []
    for new, (position, column) in text.found.items():
        name = text.header[position].strip()
        word = pl.col(str(position)).str.strip_chars().replace("", None)
        dtype = TEXT_TYPES[column.kind]
        absent = word.is_null()
        value = word
        if dtype != pl.String:
            absent = is_absent(word)
            number = text_to_number(word, dtype)
            value = pl.when(~absent).then(number)
            said = pl.format(
                f"column '{{}}' must hold {wanted(column.kind)}, got '{{}}'",
                pl.lit(name),
                word.str.slice(0, SHOWN),
            )
            reasons.append(pl.when(~absent & number.is_null()).then(said))
        if column.filled:
            reasons.append(pl.when(absent).then(pl.lit(f"column '{name}' is empty")))
        values += [value.alias(new)]
        if new == OBJECT_ID:
            values += [word.alias(_RAW + new)]
    reason = pl.coalesce(reasons) if reasons else pl.lit(None, pl.String)
    return words.select(*values, reason.alias(REJECT_REASON))


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
