"""Splits text tables into fields: separators, comment lines, and lines with their numbers."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from lcclassify.errors import DataError

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
        return self.comment is None and self.separator != WHITESPACE


class Record(NamedTuple):
    """A row of a text table; a quoted field may spread it over several lines."""

    first_line: int
    last_line: int
    fields: list[str]


def records(file: Path, form: TextForm, errors: str = "strict") -> Iterator[Record]:
    """Yield the rows of a text table, the header among them, blank lines left out.

    Args:
        file: Text, plain or gzip.
        form: With a separator; quotes have no meaning where it is `WHITESPACE`.
        errors: What is done about bytes that are no text, as of `open`.
    """
    with file.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    with (
        gzip.open(file, "rt", encoding="utf-8-sig", errors=errors, newline="")
        if zipped
        else file.open(encoding="utf-8-sig", errors=errors, newline="")
    ) as lines:
        yield from split(lines, form)


def split(lines: Iterable[str], form: TextForm, before: int = 0) -> Iterator[Record]:
    """Yield the rows of lines of text, blank lines left out.

    Args:
        lines: With their ends.
        form: As of `records`.
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
        return tried, next(
            records(file, tried, errors="replace"), Record(0, 0, [])
        )  # rows may be damaged

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


def as_plain(file: Path, form: TextForm) -> bytes:
    """Return a table without comments, header and runs of blanks, its fields tab-separated.

    Args:
        file: Text, plain or gzip.
        form: With a separator.

    Raises:
        DataError: Where whitespace separates, and a row has not as many fields as the header.
    """
    rows = records(file, form)
    width = len(next(rows, Record(0, 0, [])).fields)
    lines = []
    for number, _, fields in rows:
        # A missing field shifts the ones behind it, which only its neighbours could tell.
        if len(fields) > width or (form.separator == WHITESPACE and len(fields) != width):
            raise DataError(
                f"{file}, line {number}: {len(fields)} fields, but the header names {width}"
            )
        cells = ('"' + field.replace('"', '""') + '"' for field in fields)
        lines.append("\t".join(cells))
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _is_comment(line: str, form: TextForm) -> bool:
    return form.comment is not None and line.lstrip().startswith(form.comment)
