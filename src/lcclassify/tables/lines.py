"""Reads lines of text tables: the good ones as columns, and what is wrong with the others.

The fast path lets Polars parse the types that are wanted. Only where something is unusual
are the lines looked at one by one, which understands markers such as ``NA`` in number columns
and parts the good lines from those that cannot be read. Both come to the same.
"""

from __future__ import annotations

import csv
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.schema import OBJECT_ID
from lcclassify.tables.columns import TEXT_TYPES, is_absent, parsed
from lcclassify.tables.content import BLANK, BOM, blank_lines, line_bounds
from lcclassify.tables.rejects import REJECT_REASON
from lcclassify.tables.textform import TextColumns

INDEX: Final = "index"  # position of a line, from 0
_RAW: Final = "raw:"  # prefix of columns as they stand in the file


class Lines(NamedTuple):
    """What lines hold.

    Attributes:
        frame: The good rows under the new names.
        lines: ``(n,) int64``, positions of their lines, or None if all lines are good.
        bad: The others: `INDEX`, `OBJECT_ID` as it stands there and `REJECT_REASON`.
    """

    frame: pl.DataFrame
    lines: NDArray[np.int64] | None
    bad: pl.DataFrame


def read_lines(content: bytes, separator: str, text: TextColumns) -> Lines:
    """Read what can be read of lines without a header, and list the others.

    A line is bad if it has too many fields, lacks one that is wanted, is no text, opens a
    quote that it does not close, holds text where a number belongs or nothing in a filled
    column. The verdict on a line depends on it alone.
    """
    nothing = _bad({})
    if not content:
        columns = {new: TEXT_TYPES[column.kind] for new, (_, column) in text.found.items()}
        return Lines(pl.DataFrame(schema=columns), None, nothing)
    frame = _strict(content, separator, text)
    if frame is not None:
        return Lines(frame, None, nothing)
    lines = _Lines(content, separator, text)
    frame, bad = _sifted(lines, text, separator)
    index = frame[INDEX].to_numpy()
    return Lines(frame.drop(INDEX), index, pl.concat([lines.rejected(), *bad]).sort(INDEX))


def _strict(content: bytes, separator: str, text: TextColumns) -> pl.DataFrame | None:
    """Return lines as columns if nothing about any of them is unusual."""
    quoted = b'"' in content
    if b"\0" in content or not _is_text(content) or (quoted and _odd_quotes(content, separator)):
        return None
    try:
        loaded = _load(content, separator, text, quoted, ignore_errors=False)
    except pl.exceptions.PolarsError:
        return None
    if not _even(content, separator, text, loaded, quoted):
        return None
    values = []
    for new, (position, column) in text.found.items():
        value = pl.col(str(position))
        if TEXT_TYPES[column.kind] == pl.String:
            value = _word(position)
        elif loaded.schema[str(position)] == pl.String:  # wanted as text as well
            return None
        values.append(value.alias(new))
    frame = loaded.select(values)
    # Blank lines come as rows of nulls.
    filled = [new for new, (_, column) in text.found.items() if column.filled]
    if any(frame[new].null_count() for new in (frame.columns[0], *filled)):
        return None
    return frame


def _even(
    content: bytes, separator: str, text: TextColumns, loaded: pl.DataFrame, quoted: bool
) -> bool:
    """Say whether all lines became rows and have the fields that they must have.

    Polars leaves out what a line has too many, unless it reads all columns, and fills up what
    one lacks.
    """
    width = len(text.header)
    values = np.frombuffer(content if content.endswith(b"\n") else content + b"\n", np.uint8)
    ends = np.flatnonzero(values == 10)
    if loaded.height != len(ends):
        return False
    if not loaded[str(width - 1)].null_count():  # no line is short
        separators = values == separator.encode()[0]
        if quoted:  # each is closed in its line
            separators &= _parity(values) == 0
        if np.count_nonzero(separators) == loaded.height * (width - 1):
            return True
    fields, _ = _count_fields(values, ends, separator.encode(), quoted)
    few, many = _uneven(fields, text)
    return not (few | many).any()


def _parity(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 where an odd number of quotes stands up to there, and 0 elsewhere."""
    return np.cumsum(values == 34, dtype=np.uint8) & np.uint8(1)  # which overflows and stays right


def _uneven(
    fields: NDArray[np.int64], text: TextColumns
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which lines lack a field, and which have another number of them than they must."""
    width = len(text.header)
    needed = max(position for position, _ in text.found.values()) + 1
    return fields < needed, fields != width if text.form.whole else fields > width


def _count_fields(
    values: NDArray[np.uint8], ends: NDArray[np.int64], separator: bytes, quoted: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of fields of each line, and whether a quote stays open in it."""
    separators = values == separator[0]
    odd = np.zeros(len(ends), dtype=bool)
    if quoted:  # quotes hide separators
        parity = _parity(values)
        after = parity[ends]
        before = np.concatenate([np.zeros(1, np.uint8), after[:-1]])
        odd = after != before
        if odd.any():
            parity ^= np.repeat(before, np.diff(ends, prepend=-1))
        separators &= parity == 0
    before_end = np.searchsorted(np.flatnonzero(separators), ends)
    return np.diff(before_end, prepend=0).astype(np.int64) + 1, odd


def _odd_quotes(content: bytes, separator: str) -> bool:
    """Say whether a quote is not closed in its line, so that lines are no rows, or within a field.

    What Polars makes of the latter depends on the lines around and the columns that are read.
    """
    values = np.frombuffer(content, dtype=np.uint8)
    places = np.flatnonzero(values == 34)
    closed = np.searchsorted(places, np.flatnonzero(values == 10))
    opening = places[::2][places[::2] > 0]
    closing = places[1::2][places[1::2] + 1 < len(values)]
    around = np.concatenate([values[opening - 1], values[closing + 1]])
    beside = np.zeros(256, dtype=bool)
    beside[list(b'\r\n"' + separator.encode())] = True
    return bool((closed % 2).any()) or not beside[around].all() or len(places) % 2 == 1


def _bad(reasons: dict[int, tuple[str | None, str]]) -> pl.DataFrame:
    """Return a table of bad lines: the id and the reason by position."""
    order = sorted(reasons)
    return pl.DataFrame(
        {
            INDEX: order,
            OBJECT_ID: [reasons[line][0] for line in order],
            REJECT_REASON: [reasons[line][1] for line in order],
        },
        schema={INDEX: pl.Int64, OBJECT_ID: pl.String, REJECT_REASON: pl.String},
    )


class _Lines:
    """Lines as bytes, those that are no row of fields told apart without parsing them."""

    def __init__(self, content: bytes, separator: str, text: TextColumns) -> None:
        self._text = text
        self._separator = separator.encode()
        self._content = content if content.endswith(b"\n") else content + b"\n"
        self._values = np.frombuffer(self._content, dtype=np.uint8)
        self._starts, self._ends = line_bounds(self._values)
        self._bad: dict[int, str] = {}
        self.quoted = b'"' in content
        fields, odd = _count_fields(self._values, self._ends, self._separator, self.quoted)
        width = len(text.header)
        blank = blank_lines(self._content, self._starts, self._ends, self._separator)
        few, many = _uneven(fields, text)
        for lines, said in (
            (odd, "a quote is opened and not closed in its line"),
            (few & ~blank, "{} fields, too few: the header names {}"),
            (many & ~blank, "{} fields, but the header names {}"),
        ):
            for line in np.flatnonzero(lines).tolist():  # a quote is why, if there is one
                self._bad.setdefault(line, said.format(fields[line], width))
        self._find_unreadable()
        if self.quoted:
            self._find_stray_quotes(fields, blank)
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
        position, _ = self._text.found.get(OBJECT_ID, (-1, None))
        reasons: dict[int, tuple[str | None, str]] = {}
        for line, reason in self._bad.items():
            words = self._line(line).split(self._separator)
            word = words[position].strip(BLANK) if 0 <= position < len(words) else b""
            readable = word and b"\0" not in word and _is_text(word)
            reasons[line] = (word.decode() if readable else None, reason)
        return _bad(reasons)

    def _line(self, line: int) -> bytes:
        return self._content[self._starts[line] : self._ends[line]]

    def _find_stray_quotes(self, fields: NDArray[np.int64], blank: NDArray[np.bool_]) -> None:
        quoted = np.unique(np.searchsorted(self._ends, np.flatnonzero(self._values == 34)))
        for line in quoted.tolist():
            if line in self._bad or blank[line]:
                continue
            words = self._line(line).rstrip(b"\r").decode()
            try:
                split = next(csv.reader([words], delimiter=self._separator.decode(), strict=True))
            except csv.Error:
                split = []
            if len(split) != fields[line]:
                self._bad[line] = "a quote stands within a field"

    def _find_unreadable(self) -> None:
        for place in np.flatnonzero(self._values == 0) if b"\0" in self._content else ():
            self._bad[int(np.searchsorted(self._ends, place))] = "it holds zero bytes"
        if _is_text(self._content):
            return
        strange = np.unique(np.searchsorted(self._ends, np.flatnonzero(self._values >= 128)))
        for line in strange:
            if not _is_text(self._line(int(line))):
                self._bad[int(line)] = "it is not UTF-8 text"


def _sifted(
    lines: _Lines, text: TextColumns, separator: str
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the rows of lines with the lines' index, and the rows that are none."""
    loaded = _load(lines.bytes_of(lines.index), separator, text, lines.quoted, ignore_errors=True)
    loaded = loaded.with_columns(pl.Series(INDEX, lines.index))
    values = []
    for new, (position, column) in text.found.items():
        is_text = TEXT_TYPES[column.kind] == pl.String
        value = _word(position) if is_text else pl.col(str(position))
        values.append(value.cast(TEXT_TYPES[column.kind], strict=False).alias(new))
    frame = loaded.select(INDEX, *values)
    # Polars leaves null where a value is absent, written in another way or wrong.
    absent = frame.select(pl.any_horizontal(pl.all().is_null())).to_series()
    if not absent.any():
        return frame, []
    again = frame[INDEX].filter(absent).to_numpy()
    words = _load(lines.bytes_of(again), separator, text, lines.quoted, ignore_errors=None)
    sifted = _sift_words(words, text).with_columns(pl.Series(INDEX, again))
    wrong = pl.col(REJECT_REASON).is_not_null()
    raw = pl.col(_RAW + OBJECT_ID) if OBJECT_ID in text.found else pl.lit(None, pl.String)
    bad = sifted.filter(wrong).select(INDEX, raw.alias(OBJECT_ID), REJECT_REASON)
    good = sifted.filter(~wrong).select(frame.columns)
    return pl.concat([frame.filter(~absent), good]).sort(INDEX), [bad]


def _load(
    content: bytes, separator: str, text: TextColumns, quoted: bool, *, ignore_errors: bool | None
) -> pl.DataFrame:
    """Parse lines; what cannot be parsed is an error, or null, or (None) all comes as text."""
    positions = sorted({position for position, _ in text.found.values()})
    schema: dict[str, Any] = {str(n): pl.String for n in range(len(text.header))}
    if ignore_errors is not None:
        for position, column in text.found.values():
            # A column that is wanted twice in two types comes as text.
            kinds = {TEXT_TYPES[c.kind] for p, c in text.found.values() if p == position}
            schema[str(position)] = TEXT_TYPES[column.kind] if len(kinds) == 1 else pl.String
    if ignore_errors is False:  # Polars does not look behind the last column that it reads
        positions = sorted({*positions, len(text.header) - 1})
    if not content:
        return pl.DataFrame(schema={str(n): schema[str(n)] for n in positions})
    return pl.read_csv(
        # Polars takes one away, though these lines may lie anywhere in the file.
        BOM + content if content.startswith(BOM) else content,
        columns=positions,
        separator=separator,
        has_header=False,
        schema=schema,
        quote_char='"' if quoted else None,
        ignore_errors=bool(ignore_errors),
        glob=False,
        # Polars takes the fields of the first line, maybe a short one, for those of all.
        missing_columns="insert",
    )


def _sift_words(words: pl.DataFrame, text: TextColumns) -> pl.DataFrame:
    """Return the values of fields that came as text, and why a row is none."""
    values, reasons = [], []
    for new, (position, column) in text.found.items():
        name = text.header[position].strip()
        value = word = _word(position)
        absent = word.is_null()
        if TEXT_TYPES[column.kind] != pl.String:
            absent = is_absent(word, column.missing)
            value, said = parsed(word, name, column.kind, column.missing)
            reasons.append(said)
        if column.filled:
            reasons.append(pl.when(absent).then(pl.lit(f"column '{name}' is empty")))
        values += [value.alias(new)]
        if new == OBJECT_ID:
            values += [word.alias(_RAW + new)]
    reason = pl.coalesce(reasons) if reasons else pl.lit(None, pl.String)
    return words.select(*values, reason.alias(REJECT_REASON))


def _word(position: int) -> pl.Expr:
    """Return a column of text without blanks around it, null where nothing else is there."""
    return pl.col(str(position)).str.strip_chars().replace("", None)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
