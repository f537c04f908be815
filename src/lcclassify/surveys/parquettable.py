"""Reads named columns of Parquet files exactly, or says in which row they are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from lcclassify.errors import DataError
from lcclassify.parquet import parquet_schema, read_parquet, scan_parquet
from lcclassify.surveys.columns import (
    TEXT_TYPES,
    Column,
    Kind,
    find_columns,
    is_absent,
    readable,
    text_to_number,
    wanted,
)
from lcclassify.surveys.ids import of_floats

ROW: Final = "row"
REASON: Final = "reason"


def parquet_columns(file: Path, columns: Mapping[str, Column]) -> dict[str, tuple[str, Column]]:
    """Return the name in a Parquet file of every wanted column that it has.

    Raises:
        DataError: The file is damaged or lacks a required column.
    """
    if file.stat().st_size == 0:
        raise DataError(f"{file} is empty")
    with readable(file):
        header = list(parquet_schema(file))
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
        DataError: The file is damaged, a column of another kind, a value is none of its
            column's kind or absent in a filled one; file, row (from 1) and value are named.
    """
    frame, faults = parquet_values(file, found, first, count)
    if faults.height:
        raise DataError(f"{file}, row {faults[ROW][0] + 1}: {faults[REASON][0]}")
    return frame


def parquet_values(
    file: Path,
    found: Mapping[str, tuple[str, Column]],
    first: int = 0,
    count: int | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read rows of a Parquet file, and tell which of them hold what they must not.

    Only the pages of these rows are decoded, also of a file of one row group.

    Args:
        file: As of `parquet_rows`, with the other arguments.
        found: Likewise.
        first: Likewise.
        count: Likewise.

    Returns:
        The columns; and one row for each bad value, in the order of rows: `ROW` in the
        file, counted from 0, and `REASON`.

    Raises:
        DataError: The file is damaged, or a column of another kind.
    """
    names = list(dict.fromkeys(name for name, _ in found.values()))
    with readable(file):
        if first == 0 and count is None:
            table = read_parquet(file, columns=names)
        else:
            lazy = scan_parquet(file).slice(first, count)
            table = lazy.select(names).collect()
    values, faults = [], [pl.DataFrame(schema={ROW: pl.Int64, REASON: pl.String})]
    for new, (name, column) in found.items():
        series, bad = _converted(table[name], column.kind, file)
        values.append(series.alias(new))
        if bad is not None and bad.any():
            faults.append(_faults(bad, first, name, wanted(column.kind), table[name]))
        if column.filled and series.null_count():
            absent = series.is_null() if bad is None else series.is_null() & ~bad
            faults.append(_faults(absent, first, name, None, table[name]))
    return pl.DataFrame(values), pl.concat(faults).sort(ROW, maintain_order=True)


def _faults(
    bad: pl.Series, first: int, name: str, expected: str | None, values: pl.Series
) -> pl.DataFrame:
    rows = bad.arg_true()
    if expected is None:
        reason = pl.Series([f"column '{name}' is empty"]).new_from_index(0, len(rows))
    else:
        words = values.gather(rows).cast(pl.String)
        reason = pl.select(
            pl.format("column '{}' must hold {}, got '{}'", pl.lit(name), pl.lit(expected), words)
        ).to_series()
    return pl.DataFrame({ROW: rows.cast(pl.Int64) + first, REASON: reason})


def _converted(series: pl.Series, kind: Kind, file: Path) -> tuple[pl.Series, pl.Series | None]:
    """Return a Parquet column as the type of its kind, and which values are none of it."""
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    dtype = series.dtype
    if kind in ("text", "id"):
        if dtype.is_integer() and kind == "id":
            return series, None
        if dtype.is_float() and kind == "id":
            ids = of_floats(series.fill_nan(None), str(file))
            if ids is not None:
                return ids, None
        elif dtype.is_float():  # class 90 may be stored as 90.0
            whole = series.fill_nan(None).cast(pl.Int64, strict=False)
            if whole.cast(dtype).equals(series.fill_nan(None)):
                return whole.cast(pl.String), None
        if not (dtype.is_numeric() or dtype in (pl.String, pl.Boolean, pl.Null)):
            raise DataError(f"{file}: column '{series.name}' must hold text, got {dtype}")
        return series.cast(pl.String), None
    bad = None
    if dtype == pl.String:
        frame = series.to_frame("value")
        absent = is_absent(pl.col("value"))
        number = text_to_number(pl.col("value"), TEXT_TYPES[kind])
        parsed = frame.select(pl.when(~absent).then(number), bad=~absent & number.is_null())
        series, bad = parsed["value"].alias(series.name), parsed["bad"]
    elif not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"{file}: column '{series.name}' must hold numbers, got {dtype}")
    if kind == "number":
        return series.cast(pl.Float64), bad
    if bad is not None or series.dtype == pl.Int64:
        return series, bad
    series = series.fill_nan(None) if series.dtype.is_float() else series
    whole = series.cast(pl.Int64, strict=False)
    wrong = (whole.is_null() & series.is_not_null()) | (whole.cast(series.dtype) != series)
    return whole.set(wrong.fill_null(False), None), wrong.fill_null(False)
