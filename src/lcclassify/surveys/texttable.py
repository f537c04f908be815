"""Reads named columns of text tables exactly, or says in which line they are wrong.

The fast path lets Polars parse the types that are wanted. Only where that fails are
the lines read again as text, which understands markers such as ``NA`` in number
columns and otherwise finds the line to blame.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from lcclassify.errors import DataError
from lcclassify.surveys.columns import (
    GZIP_FAULTS,
    NO_NUMBER,
    TEXT_TYPES,
    Column,
    Found,
    Kind,
    blame,
    find_columns,
    is_absent,
    readable,
    text_to_number,
)
from lcclassify.surveys.delimited import Record, TextForm, as_plain, find_header, records


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


def read_text(file: Path, text: TextColumns) -> pl.DataFrame:
    """Read the wanted columns of a whole text file.

    Raises:
        DataError: A line, which is named, or the file as a whole cannot be read.
    """
    form = text.form
    content: Path | bytes = file
    if not form.plain:
        with readable(file):
            content = as_plain(file, form)
    separator = form.separator or "," if form.plain else "\t"
    skip = text.header_line if form.plain else 0

    def lines() -> Iterator[Record]:
        return islice(records(file, form), 1, None)

    return parse_lines(file, text, content, separator, lines, skip_lines=skip)


def parse_lines(
    file: Path,
    text: TextColumns,
    content: Path | bytes,
    separator: str,
    lines: Callable[[], Iterator[Record]],
    *,
    skip_lines: int = 0,
) -> pl.DataFrame:
    """Parse lines of a text file, or name the first bad one.

    Args:
        file: The file.
        text: Its columns.
        content: The lines, or a file of them.
        separator: One character.
        lines: Gives the same lines with their numbers, for the message.
        skip_lines: Lines of the content to pass over.

    Raises:
        DataError: A line has too many fields, text in a number column or nothing in a
            filled one.
    """
    header, found = text.header, text.found
    try:
        with readable(file):
            table = parse_text(content, separator, header, found, skip_lines=skip_lines)
    except NotANumberError as fault:
        _blame_line(file, lines, header, found)
        raise DataError(f"{file} holds text in the number column '{fault.column}'") from fault
    except DataError:
        _blame_line(file, lines, header, found)
        raise
    filled = [new for new, (_, column) in found.items() if column.filled]
    if any(table[new].null_count() for new in (next(iter(found)), *filled)):
        # Blank lines come as rows of nulls.
        table = table.filter(~pl.all_horizontal(pl.all().is_null()))
    if any(table[new].null_count() for new in filled):
        _blame_line(file, lines, header, found)
    return table


class NotANumberError(Exception):
    """A number column holds text.

    Attributes:
        column: Its name.
    """

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def parse_text(
    content: Path | bytes,
    separator: str,
    header: Sequence[str],
    found: Found,
    *,
    skip_lines: int = 0,
) -> pl.DataFrame:
    """Parse lines of separated fields, without a header, into columns.

    Args:
        content: A file, or its bytes.
        separator: One character.
        header: Names of all fields.
        found: Position of each wanted column, by new name.
        skip_lines: Lines to pass over.

    Returns:
        The columns under their new names; a blank line is a row of nulls.

    Raises:
        NotANumberError: A number column holds text that stands for no number.
        PolarsError: A line has more fields than the header.
    """
    positions = sorted({position for position, _ in found.values()})
    names = {position: str(position) for position in range(len(header))}
    types: dict[str, type[pl.DataType]] = {}
    for position, column in found.values():  # a column wanted twice in two types comes as text
        dtype = TEXT_TYPES[column.kind]
        types[names[position]] = dtype if types.get(names[position], dtype) == dtype else pl.String

    def load(schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
        types = {name: schema.get(name, pl.String) for name in names.values()}
        if not content:
            return pl.DataFrame(
                schema={names[position]: types[names[position]] for position in positions}
            )
        return pl.read_csv(
            content,
            columns=positions,
            separator=separator,
            has_header=False,
            skip_lines=skip_lines,
            schema=types,
            glob=False,
            # Polars takes the fields of the first line, maybe a short one, for those of all.
            missing_columns="insert",
        )

    try:
        table = load(types)
    except pl.exceptions.ComputeError:
        table = load({})
    expressions = []
    for new, (position, column) in found.items():
        expression = pl.col(names[position])
        if table.schema[names[position]] == pl.String:
            dtype = TEXT_TYPES[column.kind]
            if dtype == pl.String:
                expression = expression.str.strip_chars().replace("", None)
            else:
                absent = is_absent(expression)
                number = text_to_number(expression, dtype)
                if table.select((~absent & number.is_null()).any()).item():
                    raise NotANumberError(header[position])
                expression = pl.when(~absent).then(number)
        expressions.append(expression.alias(new))
    return table.select(expressions)


def _blame_line(
    file: Path, lines: Callable[[], Iterator[Record]], header: Sequence[str], found: Found
) -> None:
    """Raise a DataError that names the first bad line, if this is a matter of lines."""
    checked = sorted(found.values(), key=lambda item: item[0])
    try:
        for line, last_line, record in lines():
            if last_line > line and len(record) < len(header):
                raise DataError(f"{file}, line {line}: a quote is opened and never closed")
            if len(record) > len(header):
                raise DataError(
                    f"{file}, line {line}: {len(record)} fields, but the header names {len(header)}"
                )
            for position, column in checked:
                value = record[position] if position < len(record) else ""
                if column.filled and not value.strip():
                    raise DataError(
                        f"{file}, line {line}: column '{header[position].strip()}' is empty"
                    )
                if column.kind in ("number", "integer") and not _is_number(value, column.kind):
                    blame(f"{file}, line {line}", header[position].strip(), column.kind, value)
    except (*GZIP_FAULTS, OSError, UnicodeDecodeError, csv.Error):
        return  # not a matter of lines: the reader's own message stands


def _is_number(value: str, kind: Kind) -> bool:
    text = value.strip()
    if text.lower() in NO_NUMBER:
        return True
    try:
        if kind == "integer":
            return "_" not in text and -(2**63) <= int(text) < 2**63
        float(text)
    except ValueError:
        return False
    return "_" not in text
