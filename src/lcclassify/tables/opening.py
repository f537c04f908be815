"""Opens the files of a table, whatever their formats, and reads small ones whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from lcclassify.errors import ConfigError, DataError
from lcclassify.tables.astropyfile import AstropyRows, format_of
from lcclassify.tables.columns import Column as Column
from lcclassify.tables.content import packing
from lcclassify.tables.header import text_columns
from lcclassify.tables.parquetfile import ListRows, ParquetRows, holds_lists
from lcclassify.tables.rejects import refuse
from lcclassify.tables.rowfile import RowFile
from lcclassify.tables.textfile import TextRows
from lcclassify.tables.textform import TextForm
from lcclassify.terminal import tracked

CHUNK_ROWS: Final = 250_000  # observations of a chunk, about: a hundred megabytes
Unreadable = dict[Path, str]  # why files cannot be read
_LARGE: Final = 50_000_000  # bytes of files that take a while to be looked through


def open_files(
    files: Sequence[Path],
    columns: Mapping[str, Column],
    form: TextForm | None = None,
    *,
    rows: int = CHUNK_ROWS,
    unreadable: Unreadable | None = None,
) -> list[RowFile]:
    """Return files of which any part can be read.

    Args:
        files: `.parquet` and `.pq` are Parquet, with a row an observation or lists in a row an
            object; `.fits`, `.ecsv` and `.vot` what they are called; all others text. All but
            Parquet may be compressed.
        columns: Wanted columns by their new names.
        form: Of the text files; by default without comments, and the separator is found in
            each file.
        rows: Rows of a chunk, about.
        unreadable: Where to note files that cannot be opened, which are then left out.

    Raises:
        DataError: A file is empty, damaged or lacks a required column; or all files are and do.
        ConfigError: Names of columns are stated for a file that is no text.
    """
    form = form or TextForm()
    found: list[RowFile] = []
    first: Exception | None = None
    steps: Iterable[Path] = files
    if any(file.stat().st_size > _LARGE and packing(file) for file in files):
        steps = tracked(files, len(files), "looking through compressed files", "files")
    for file in steps:
        try:
            found.append(_opened(file, columns, form, rows))
        except (DataError, OSError) as error:
            if unreadable is None:
                raise
            first = first or error
            unreadable[file] = str(error)
    if first is not None and not found:
        raise first
    return found


def _opened(file: Path, columns: Mapping[str, Column], form: TextForm, rows: int) -> RowFile:
    parquet = _is_parquet(file)
    if form.names and (parquet or format_of(file)):
        raise ConfigError(
            f"survey.names is of text files without names of columns, and {file} is none"
        )
    if parquet:
        kind = ListRows if holds_lists(file, columns) else ParquetRows
        return kind(file, columns, rows)
    if format_of(file):
        return AstropyRows(file, columns, rows)
    return TextRows(file, text_columns(file, columns, form))


def has_lists(
    files: Sequence[Path], columns: Mapping[str, Column], *, lenient: bool = False
) -> bool:
    """Say whether files are of one row an object, with wanted columns in lists.

    Args:
        files: The files of a table.
        columns: Wanted columns by their new names.
        lenient: Whether files that cannot be read say nothing.

    Raises:
        DataError: A file is empty or damaged.
    """
    for file in files:
        try:
            if _is_parquet(file) and holds_lists(file, columns):
                return True
        except (DataError, OSError):
            if not lenient:
                raise
    return False


def _is_parquet(file: Path) -> bool:
    if file.stat().st_size == 0:
        raise DataError(f"{file} is empty")
    with file.open("rb") as stream:
        begin = stream.read(4)
    return begin == b"PAR1" or file.suffix.lower() in (".parquet", ".pq")


def read_columns(
    files: Sequence[Path], columns: Mapping[str, Column], form: TextForm | None = None
) -> pl.DataFrame:
    """Read the same columns of several files, one below the other; see `open_files`.

    Returns:
        The columns under their new names, in the order of `columns`. An optional
        column that no file has is absent, one that some files have is null in the
        others.

    Raises:
        DataError: If a file is empty, damaged, lacks a required column, holds text in a
            number column or nothing in a filled one (file, line and value are named), or
            if no file has a row.
    """
    frames: list[pl.DataFrame] = []
    first: dict[str, tuple[pl.DataType, Path]] = {}
    parts = [
        (file, part) for file in open_files(files, columns, form) for part in file.parts(CHUNK_ROWS)
    ]
    for file, part in tracked(parts, len(parts), f"reading {files[0].parent.name}", "parts"):
        rows = file.read(part.begin, part.end)
        refuse(rows.rejects)
        frames.append(rows.frame)
        for name, dtype in rows.frame.schema.items():
            expected, where = first.setdefault(name, (dtype, file.path))
            if dtype != expected:
                raise DataError(
                    f"column '{name}' is {dtype} in {file.path} but {expected} in {where}: the "
                    "files of one table must agree"
                )
    if not sum(frame.height for frame in frames):
        raise no_rows(files)
    table = pl.concat(frames, how="diagonal", rechunk=True)
    return table.select(name for name in columns if name in table.columns)


def no_rows(files: Sequence[Path]) -> DataError:
    """Return the error of files without a row."""
    return DataError(f"{listed(files)} holds column names but no rows")


def listed(files: Sequence[Path]) -> str:
    """Return how the files of a table are called in messages."""
    return str(files[0]) if len(files) == 1 else f"{files[0]} (and {len(files) - 1} more)"
