"""Reads named columns of CSV, TSV and Parquet files, one below the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from lcclassify.errors import DataError
from lcclassify.surveys.columns import Column as Column
from lcclassify.surveys.delimited import TextForm
from lcclassify.surveys.parquettable import parquet_columns, parquet_rows
from lcclassify.surveys.progress import tracked
from lcclassify.surveys.texttable import read_text, text_columns


def read_columns(
    files: Sequence[Path], columns: Mapping[str, Column], form: TextForm | None = None
) -> pl.DataFrame:
    """Read the same columns of several files, one below the other.

    Args:
        files: CSV, TSV (both plain or gzip) or Parquet files; `.parquet` and `.pq`
            are Parquet, all others text.
        columns: Wanted column by its new name.
        form: Separator and comments of text files; by default none of the latter, and
            the separator is found in each file.

    Returns:
        The columns under their new names, in the order of `columns`. An optional
        column that no file has is absent, one that some files have is null in the
        others.

    Raises:
        DataError: If a file is empty, damaged, lacks a required column, holds text in a
            number column or nothing in a filled one (file, line and value are named), or
            if no file has a row.
    """
    frames = []
    steps: Sequence[Path] | Iterator[Path] = files
    if len(files) > 1 or sum(file.stat().st_size for file in files) > 50_000_000:
        steps = tracked(files, len(files), f"reading {files[0].parent.name}", "files")
    for file in steps:
        if is_parquet(file):
            frames.append(parquet_rows(file, parquet_columns(file, columns)))
        else:
            frames.append(read_text(file, text_columns(file, columns, form or TextForm())))
    check_same_types(files, frames)
    table = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")
    if table.height == 0:
        raise no_rows(files)
    return table.select(name for name in columns if name in table.columns)


def no_rows(files: Sequence[Path]) -> DataError:
    """Return the error of files without a row."""
    which = str(files[0]) if len(files) == 1 else f"{files[0]} (and {len(files) - 1} more files)"
    return DataError(f"{which} holds column names but no rows")


def is_parquet(file: Path) -> bool:
    """Say whether a file's name is that of a Parquet file."""
    return file.suffix.lower() in (".parquet", ".pq")


def check_same_types(files: Sequence[Path], frames: Sequence[pl.DataFrame]) -> None:
    """Check that the columns of several files are of the same types.

    Raises:
        DataError: Two files differ.
    """
    first: dict[str, tuple[pl.DataType, Path]] = {}
    for file, frame in zip(files, frames, strict=True):
        for name, dtype in frame.schema.items():
            expected, where = first.setdefault(name, (dtype, file))
            if dtype != expected:
                raise DataError(
                    f"column '{name}' is {dtype} in {file} but {expected} in {where}: "
                    "the files of one table must agree"
                )
