"""Finds what the columns of a text table are called, and what separates them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from lcclassify.errors import DataError
from lcclassify.tables.columns import Column, find_columns
from lcclassify.tables.content import readable
from lcclassify.tables.textform import (
    SEPARATORS,
    WHITESPACE,
    Record,
    TextColumns,
    TextForm,
    is_comment,
    lines_of,
    records,
    split,
)

# A single blank as separator is for files with empty fields, which their author must tell.
_TRIED: Final = (",", "\t", ";", "|", WHITESPACE)

_MARK: Final = "#"  # of comments, where nothing is said
_COMMENTS: Final = 200  # before the first row that are looked at

Spellings = Sequence[Sequence[str]]  # for every column that must be there the names it may have


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


def find_header(file: Path, form: TextForm, wanted: Spellings) -> tuple[TextForm, Record]:
    """Find the line of column names, and the separator if the form has none.

    It is the first line that is no comment, maybe behind a ``#``, or the last comment before that
    has the names.

    Args:
        file: Text, plain or compressed.
        form: What is known of its form.
        wanted: See `Spellings`.

    Returns:
        The form with its separator, and the header; one without fields for a file
        without a line, one of no line where the form has the names.

    Raises:
        DataError: The separator of the form is not that of the file, or this is no text.
    """
    tabbed = {".tsv", ".tab"} & {suffix.lower() for suffix in file.suffixes}
    usual = form.separator or ("\t" if tabbed else ",")
    usual_form, found, fits = _read(file, replace(form, separator=usual), wanted)
    if fits:
        return usual_form, found
    if any("\0" in field for field in found.fields):
        raise DataError(f"{file} is not a text table: its first line holds zero bytes")
    for separator in _TRIED:
        if separator == usual:
            continue
        other_form, other, fits = _read(file, replace(form, separator=separator), wanted)
        if not fits:
            continue
        if form.separator is None:
            return other_form, other
        named = {character: word for word, character in SEPARATORS.items()}
        raise DataError(
            f"{file} is separated by {named[separator]}, not by "
            f"{named.get(usual, repr(usual))} as stated: set survey.separator={named[separator]}, "
            "or null to find it in each file"
        )
    if form.names and found.fields:
        raise DataError(
            f"{file} has no line of {len(form.names)} fields at its beginning, as survey.names says"
        )
    return usual_form, found


def _read(file: Path, form: TextForm, wanted: Spellings) -> tuple[TextForm, Record, bool]:
    """Return the header as a separator has it, and whether it and the line below it fit.

    Where the header is behind a mark, other lines with one are comments.
    """
    rows = list(islice(records(file, form), 2))
    first = rows[0] if rows else Record(0, 0, [])
    if form.names:
        names = list(form.names) if rows else []
        return form, Record(0, 0, names), len(first.fields) == len(form.names)
    for header in _candidates(file, form, first, rows[1:]):
        found = {field.strip() for field in header.fields}
        if all(found.intersection(spellings) for spellings in wanted):
            below = next((row for row in rows if row.first_line > header.last_line), None)
            fits = below is None or len(header.fields) == 1 or _goes_with(below, header, form)
            marked = header.fields != first.fields and first.fields[0].startswith(_MARK)
            if marked and form.comment is None:
                form = replace(form, comment=_MARK)
            return form, header, fits
    return form, first, False


def _goes_with(row: Record, header: Record, form: TextForm) -> bool:
    """Say whether a row has the separator of the names.

    Names may have commas between them where values have blanks, of which one holds commas, as
    ZTF's procstatus of 57,61 does.
    """
    words = (form.separator or "").join(row.fields).split()
    return len(row.fields) > 1 and not len(row.fields) < len(header.fields) == len(words)


def _candidates(
    file: Path, form: TextForm, first: Record, below: Sequence[Record]
) -> Iterator[Record]:
    """Yield what the header may be, the likeliest first."""
    bare = first._replace(fields=_bare(first.fields, _MARK))
    # A mark that stands alone is no name where the row below has a field less.
    if not (below and len(below[0].fields) == len(bare.fields) < len(first.fields)):
        yield first
    yield bare
    if form.comment is not None:
        yield from _comments_above(file, form)


def _comments_above(file: Path, form: TextForm) -> Iterator[Record]:
    """Yield the comments before the first row as names of columns, the last one first."""
    comments = []
    with lines_of(file) as lines:
        for number, line in enumerate(lines, start=1):
            if is_comment(line, form):
                comments.append((number, line))
            elif line.strip():
                break
    for number, line in reversed(comments[-_COMMENTS:]):
        text = line.lstrip().lstrip(form.comment)
        for found in split([text], replace(form, comment=None)):
            yield Record(number, number, _bare(found.fields, ""))


def _bare(fields: Sequence[str], mark: str) -> list[str]:
    """Return names without marks of a comment before them or commas between them."""
    names = list(fields)
    if names and mark and names[0].startswith(mark):
        names[0] = names[0].lstrip(mark).strip()
        names = names if names[0] else names[1:]
    if len(names) > 1 and all(name.endswith(",") for name in names[:-1]):
        names = [name.rstrip(",") for name in names]
    return names
