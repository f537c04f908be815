"""Ids of objects: integers or text, and never floating-point numbers that have lost digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID

EXACT: Final = 2**53  # from here on not every integer is a 64-bit floating-point number

# As programs write floating-point numbers: 600.0, 1.69e+17, 1.69e17. Not 007.0, nor 6e2, which
# may be a name.
_AS_FLOAT: Final = r"^-?(0|[1-9]\d*)(\.\d*|(\.\d*)?[eE][+-]\d+|\.\d+[eE]\d+)$"


def identifier(column: pl.Series, what: str) -> pl.Series:
    """Return object ids as Int64 or String.

    Args:
        column: The ids.
        what: Name of the table, for messages.

    Returns:
        The ids without loss: integers stay integers, text stays text. Floating-point numbers
        that are whole and below 2^53 are the integers.

    Raises:
        DataError: If an id is missing, is neither an integer nor text, or may have lost digits.
    """
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype.is_float():
        column = column.fill_nan(None)
        whole = of_floats(column, f"the {what}")
        if whole is None:
            odd = column.filter((column != column.floor()) | column.is_infinite())
            raise DataError(
                f"column '{column.name}' of the {what} must hold integers or strings, got {odd[0]}"
            )
        column = whole
    dtype = column.dtype
    if not (dtype.is_integer() or dtype == pl.String or (dtype == pl.Null and not len(column))):
        raise DataError(
            f"column '{column.name}' of the {what} must hold integers or strings, got {dtype}"
        )
    missing = column.null_count()
    if missing:
        row = (column.is_null().arg_max() or 0) + 1
        rows = f"{missing:,} row{'' if missing == 1 else 's'}"
        raise DataError(f"{rows} of the {what} with no {column.name}, the first is row {row}")
    if dtype == pl.String:
        return column
    try:
        return column.cast(pl.Int64)
    except pl.exceptions.PolarsError as fault:
        raise DataError(
            f"column '{column.name}' of the {what} holds {column.sort()[-1]}, too large for a "
            "signed 64-bit integer: pass the ids as strings"
        ) from fault


def of_floats(column: pl.Series, where: str) -> pl.Series | None:
    """Return ids that came as floating-point numbers as the integers that they are.

    Args:
        column: Float32 or Float64, null where an id is missing.
        where: What they are of, for the message.

    Returns:
        Int64; None where one of them is no whole number.

    Raises:
        DataError: One is so large that it may have been another integer before it was stored.
    """
    numbers = column.cast(pl.Float64)
    exact = EXACT if column.dtype == pl.Float64 else 2**24
    large = (numbers.abs() >= exact) & numbers.is_finite()
    if large.any():
        raise DataError(lost_digits(column.name, where, str(numbers.filter(large)[0])))
    whole = numbers.cast(pl.Int64, strict=False)
    if (whole.is_null() & numbers.is_not_null()).any() or (whole.cast(pl.Float64) != numbers).any():
        return None
    return whole


def lost_digits(name: str, where: str, value: str) -> str:
    """Return what is wrong with ids such as a value."""
    return (
        f"column '{name}' of {where} holds floating-point numbers such as {value}, which have "
        "lost digits, so that objects can no longer be told apart: store the ids as integers or "
        "strings (in pandas read them with dtype='int64' or dtype=str)"
    )


def same_ids(tables: Sequence[pl.DataFrame], id_type: str) -> list[pl.DataFrame]:
    """Return tables with their `object_id` all as integers or all as text.

    Args:
        tables: Tables whose ids are integers or text.
        id_type: ``integer``, ``string``, or ``auto`` for integers if every id of every
            table reads back as it was written, which 007 does not, or is a whole number
            written like 600.0.

    Returns:
        The tables in their order.

    Raises:
        DataError: If an id is no integer but must be one, or has lost digits.
    """
    if id_type == "string":
        return [table.with_columns(pl.col(OBJECT_ID).cast(pl.String)) for table in tables]
    written = [table[OBJECT_ID] for table in tables if table.schema[OBJECT_ID] == pl.String]
    readings = [read_integers(ids, exact=id_type == "auto") for ids in written]
    for ids, reading in zip(written, readings, strict=True):
        if reading.is_text.any():
            if id_type == "auto":
                return list(tables)
            word = ids.filter(reading.is_text)[0]
            raise DataError(
                f"column '{OBJECT_ID}' must hold integers (survey.id_type), got '{word}'"
            )
    for ids, reading in zip(written, readings, strict=True):
        reading.refuse_lost(ids)
    values = iter(reading.values for reading in readings)
    typed = []
    for table in tables:
        ids = table[OBJECT_ID]
        whole = next(values) if ids.dtype == pl.String else ids.cast(pl.Int64)
        typed.append(table.with_columns(whole.alias(OBJECT_ID)))
    return typed


class Integers(NamedTuple):
    """Ids in text, read as integers.

    Attributes:
        values: Int64, null for what is none.
        is_text: Whether an id is none.
        is_lost: Whether an id is a floating-point number too large to have kept its digits.
    """

    values: pl.Series
    is_text: pl.Series
    is_lost: pl.Series

    def refuse_lost(self, ids: pl.Series) -> None:
        """Check that no digits are lost.

        Raises:
            DataError: Some are.
        """
        if self.is_lost.any():
            raise DataError(lost_digits(OBJECT_ID, "the tables", str(ids.filter(self.is_lost)[0])))


def read_integers(ids: pl.Series, *, exact: bool) -> Integers:
    """Read ids in text as integers, those written as floating-point numbers among them.

    Args:
        ids: String; null where an id is missing.
        exact: Whether what would read back otherwise, such as 007, is text.
    """
    plain = ids.cast(pl.Int64, strict=False)
    is_plain = (plain.cast(pl.String) == ids) if exact else plain.is_not_null()
    is_plain = is_plain.fill_null(False)
    if (is_plain | ids.is_null()).all():
        never = pl.Series([False]).new_from_index(0, len(ids))
        return Integers(plain.alias(ids.name), never, never)
    as_float = ids.str.contains(_AS_FLOAT).fill_null(False) & ~is_plain
    number = ids.set(~as_float, None).cast(pl.Float64, strict=False)
    is_whole = (number == number.floor()).fill_null(False)
    is_lost = is_whole & (number.abs() >= EXACT).fill_null(False)
    of_float = number.set(~is_whole | is_lost, None).cast(pl.Int64)
    values = plain.set(~is_plain, None).fill_null(of_float)
    return Integers(
        values.alias(ids.name), ids.is_not_null() & values.is_null() & ~is_lost, is_lost
    )
