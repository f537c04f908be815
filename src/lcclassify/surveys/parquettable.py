"""Reads named columns of Parquet files exactly, or says in which row they are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from lcclassify.errors import DataError
from lcclassify.surveys.columns import (
    TEXT_TYPES,
    Column,
    Kind,
    blame,
    find_columns,
    is_absent,
    readable,
    text_to_number,
)


def parquet_columns(file: Path, columns: Mapping[str, Column]) -> dict[str, tuple[str, Column]]:
    """Return the name in a Parquet file of every wanted column that it has.

    Raises:
        DataError: The file is damaged or lacks a required column.
    """
    if file.stat().st_size == 0:
        raise DataError(f"{file} is empty")
    with readable(file):
        header = list(pl.read_parquet_schema(file))
    found = find_columns(header, columns, file)
    return {new: (header[position], column) for new, (position, column) in found.items()}


def parquet_rows(
    file: Path,
    found: Mapping[str, tuple[str, Column]],
    first: int = 0,
    count: int | None = None,
) -> pl.DataFrame:
    """Read rows of a Parquet file under the new names of their columns.

    Args:
        file: The file.
        found: What `parquet_columns` gave.
        first: First row.
        count: Number of rows; None for all that follow.

    Raises:
        DataError: The file is damaged, or a column of another kind.
    """
    names = list(dict.fromkeys(name for name, _ in found.values()))
    with readable(file):
        if first == 0 and count is None:
            table = pl.read_parquet(file, columns=names, glob=False)
        else:
            lazy = pl.scan_parquet(file, glob=False).slice(first, count)
            table = lazy.select(names).collect()
    return table.select(
        converted(table[name], column.kind, file).alias(new)
        for new, (name, column) in found.items()
    )


def converted(series: pl.Series, kind: Kind, file: Path) -> pl.Series:
    """Return a Parquet column as the type of its kind."""
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    dtype = series.dtype
    if kind in ("text", "id"):
        if dtype.is_integer() and kind == "id":
            return series
        if dtype.is_float():  # class 90 may be stored as 90.0
            whole = series.fill_nan(None).cast(pl.Int64, strict=False)
            if whole.cast(dtype).equals(series.fill_nan(None)):
                return whole if kind == "id" else whole.cast(pl.String)
        if not (dtype.is_numeric() or dtype in (pl.String, pl.Boolean, pl.Null)):
            raise DataError(f"{file}: column '{series.name}' must hold text, got {dtype}")
        return series.cast(pl.String)
    if dtype == pl.String:
        frame = series.to_frame("value")
        absent = is_absent(pl.col("value"))
        number = text_to_number(pl.col("value"), TEXT_TYPES[kind])
        parsed = frame.select(pl.when(~absent).then(number), bad=~absent & number.is_null())
        if parsed["bad"].any():
            row = parsed["bad"].arg_max() or 0
            blame(f"{file}, row {row + 1}", series.name, kind, series[row])
        series = parsed["value"].alias(series.name)
    elif not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"{file}: column '{series.name}' must hold numbers, got {dtype}")
    if kind == "number":
        return series.cast(pl.Float64)
    series = series.fill_nan(None) if series.dtype.is_float() else series
    whole = series.cast(pl.Int64, strict=False)
    wrong = (whole.is_null() & series.is_not_null()) | (whole.cast(series.dtype) != series)
    if wrong.any():
        row = wrong.fill_null(False).arg_max() or 0
        blame(f"{file}, row {row + 1}", series.name, kind, series[row])
    return whole
