"""Splits text tables into fields: separators, comment lines, and lines with their numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcclassify.tables.columns import Found
from lcclassify.tables.content import open_unpacked, readable

WHITESPACE: Final = "whitespace"  # any run of blanks and tabs
SEPARATORS: Final = {
    "comma": ",",
    "tab": "\t",
    "semicolon": ";",
    "pipe": "|",
    "space": " ",
    WHITESPACE: WHITESPACE,
}


@dataclass(frozen=True)
class TextForm:
    """How the lines of a text table become fields.

    Attributes:
        separator: One character, `WHITESPACE`, or None for the one of comma, tab,
            semicolon, pipe and whitespace that gives the columns that are looked for.
        comment: Lines that begin with it are left out; None: there are none.
        names: Of the columns, where no line holds them.
    """

    separator: str | None = None
    comment: str | None = None
    names: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether every line but blank ones holds fields, with one character between them."""
        return self.comment is None and not self.whole

    @property
    def whole(self) -> bool:
        """Whether a row must have all fields: one that lacks shifts the ones behind it."""
        return self.separator == WHITESPACE


class Record(NamedTuple):
    """A row of a text table; a quoted field may spread it over several lines."""

    first_line: int
    last_line: int
    fields: list[str]


@dataclass(frozen=True)
class TextColumns:
    """Where the wanted columns of a text file are.

    Attributes:
        form: With the file's separator.
        header_line: Lines up to the end of the header.
        header: Names of all fields.
        found: Position of each wanted column that the file has.
    """

    form: TextForm
    header_line: int
    header: tuple[str, ...]
    found: Found


def records(file: Path, form: TextForm) -> Iterator[Record]:
    """Yield the rows of a text table, the header among them, blank lines left out.

    Args:
        file: Text, plain or compressed; bytes that are no text come as surrogates.
        form: With a separator; quotes have no meaning where it is `WHITESPACE`.
    """
    with lines_of(file) as lines:
        yield from split(lines, form)


@contextmanager
def lines_of(file: Path) -> Iterator[Iterable[str]]:
    """Open a text file, plain or compressed, of which bytes that are no text come as surrogates."""
    with (
        open_unpacked(file) as content,
        io.TextIOWrapper(
            content, encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as lines,
    ):
        yield lines


def split(lines: Iterable[str], form: TextForm, before: int = 0) -> Iterator[Record]:
    """Yield the rows of lines of text, blank lines left out.

    Args:
        lines: With their ends.
        form: As in `records`.
        before: Number of the line before the first.
    """
    if form.separator == WHITESPACE:
        for number, line in enumerate(lines, start=before + 1):
            fields = line.split()
            if fields and not is_comment(line, form):
                yield Record(number, number, fields)
        return
    reader = csv.reader(
        # A comment leaves a blank line behind, so that the numbers stay right.
        ("\n" if is_comment(line, form) else line for line in lines),
        delimiter=form.separator or ",",
    )
    last = 0
    for fields in reader:
        if any(field.strip() for field in fields):
            yield Record(before + last + 1, before + reader.line_num, fields)
        last = reader.line_num


def one_line_a_row(file: Path, form: TextForm, header_line: int) -> tuple[bytes, NDArray[np.int64]]:
    """Return a table's rows without comments and runs of blanks, and the line of each.

    Args:
        file: Text, plain or compressed.
        form: With a separator.
        header_line: Lines up to the end of the header.

    Returns:
        The rows behind the header, tab-separated, all fields quoted and each row in one line;
        and the number of the line in which each row begins, ``(n,) int64``.
    """
    lines, numbers = [], []
    with readable(file):
        for number, _, fields in records(file, form):
            if number <= header_line:
                continue
            cells = (" ".join(field.splitlines()).replace('"', '""') for field in fields)
            lines.append('"' + '"\t"'.join(cells) + '"\n')
            numbers.append(number)
    content = "".join(lines).encode("utf-8", "surrogateescape")
    return content, np.array(numbers, dtype=np.int64)


def is_comment(line: str, form: TextForm) -> bool:
    """Say whether a line is left out."""
    return form.comment is not None and line.lstrip().startswith(form.comment)
