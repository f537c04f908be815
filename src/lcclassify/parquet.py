"""Parquet files by their very paths.

Polars takes brackets, stars and question marks in a path for a pattern, and a folder called
``key=value`` for a column, where it is not told otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from lcclassify.errors import DataError


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Return a file's table, or some of its columns."""
    wanted = None if columns is None else list(columns)
    return pl.read_parquet(path, columns=wanted, glob=False, hive_partitioning=False)


def scan_parquet(paths: Path | Sequence[Path]) -> pl.LazyFrame:
    """Return the tables of one or more files, one after the other, to be read when asked for."""
    files = [paths] if isinstance(paths, Path) else list(paths)
    return pl.scan_parquet(files, glob=False, hive_partitioning=False)


def parquet_schema(path: Path) -> dict[str, pl.DataType]:
    """Return the columns of a file and their types.

    Raises:
        DataError: Polars cannot be told the path.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as fault:
        raise DataError(
            f"{path} is Parquet under a path that is no text in this locale: set LC_ALL=C.UTF-8, "
            "or rename it"
        ) from fault
    with path.open("rb") as file:
        return pl.read_parquet_schema(file)
