"""Splits text tables into fields: separators, comment lines, and lines with their numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.tables.columns import Column, Found, find_columns
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
# A single blank as separator is for files with empty fields, which their author must tell.
_TRIED: Final = (",", "\t", ";", "|", WHITESPACE)


@dataclass(frozen=True)
class TextForm:
    """How the lines of a text table become fields.

    Attributes:
        separator: One character, `WHITESPACE`, or None for the one of comma, tab,
            semicolon, pipe and whitespace that gives the columns that are looked for.
        comment: Lines that begin with it are left out; None: there are none.
    """

    separator: str | None = None
    comment: str | None = None

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


def text_columns(file: Path, columns: Mapping[str, Column], form: TextForm) -> TextColumns:
    """Find the wanted columns of a text file.

    Raises:
        DataError: The file is empty, damaged or lacks a required column.
    """
    wanted = [column.sources for column in columns.values() if column.required]
    with readable(file):
        form, (_, header_line, header) = find_header(file, form, wanted)
    if not header:
        raise DataError(f"{file} is empty: a line of column names was expected")
    return TextColumns(form, header_line, tuple(header), find_columns(header, columns, file))


def records(file: Path, form: TextForm) -> Iterator[Record]:
    """Yield the rows of a text table, the header among them, blank lines left out.

    Args:
        file: Text, plain or compressed; bytes that are no text come as surrogates.
        form: With a separator; quotes have no meaning where it is `WHITESPACE`.
    """
    with (
        open_unpacked(file) as content,
        io.TextIOWrapper(
            content, encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as lines,
    ):
        yield from split(lines, form)


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
            if fields and not _is_comment(line, form):
                yield Record(number, number, fields)
        return
    reader = csv.reader(
        # A comment leaves a blank line behind, so that the numbers stay right.
        ("\n" if _is_comment(line, form) else line for line in lines),
        delimiter=form.separator or ",",
    )
    last = 0
    for fields in reader:
        if any(field.strip() for field in fields):
            yield Record(before + last + 1, before + reader.line_num, fields)
        last = reader.line_num


def find_header(
    file: Path, form: TextForm, wanted: Sequence[Sequence[str]]
) -> tuple[TextForm, Record]:
    """Find the line of column names, and the separator if the form has none.

    Args:
        file: Text, plain or gzip.
        form: What is known of its form.
        wanted: For every column that must be there the names it may have.

    Returns:
        The form with its separator, and the header; one without fields for a file
        without a line.

    Raises:
        DataError: The separator of the form is not that of the file, or this is no text.
    """

    def read(separator: str) -> tuple[TextForm, Record]:
        tried = replace(form, separator=separator)
        return tried, next(records(file, tried), Record(0, 0, []))

    def fits(header: Record) -> bool:
        names = {field.strip() for field in header.fields}
        return all(names.intersection(spellings) for spellings in wanted)

    tabbed = {".tsv", ".tab"} & {suffix.lower() for suffix in file.suffixes}
    usual = form.separator or ("\t" if tabbed else ",")
    found = read(usual)
    if fits(found[1]):
        return found
    if any("\0" in field for field in found[1].fields):
        raise DataError(f"{file} is not a text table: its first line holds zero bytes")
    for separator in _TRIED:
        other = read(separator)
        if separator == usual or not fits(other[1]):
            continue
        if form.separator is None:
            return other
        named = {character: word for word, character in SEPARATORS.items()}
        raise DataError(
            f"{file} is separated by {named[separator]}, not by "
            f"{named.get(usual, repr(usual))} as stated: set survey.separator={named[separator]}, "
            "or null to find it in each file"
        )
    return found


def one_line_a_row(file: Path, form: TextForm) -> tuple[bytes, NDArray[np.int64]]:
    """Return a table's rows without comments and runs of blanks, and the line of each.

    Args:
        file: Text, plain or compressed.
        form: With a separator.

    Returns:
        The rows behind the header, tab-separated, all fields quoted and each row in one line;
        and the number of the line in which each row begins, ``(n,) int64``.
    """
    lines, numbers = [], []
    with readable(file):
        for number, _, fields in records(file, form):
            cells = (" ".join(field.splitlines()).replace('"', '""') for field in fields)
            lines.append('"' + '"\t"'.join(cells) + '"\n')
            numbers.append(number)
    content = "".join(lines[1:]).encode("utf-8", "surrogateescape")
    return content, np.array(numbers[1:], dtype=np.int64)


def _is_comment(line: str, form: TextForm) -> bool:
    return form.comment is not None and line.lstrip().startswith(form.comment)
