"""Ids of objects: integers or text, and never floating-point numbers that have lost digits."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

import polars as pl

from lcclassify.errors import DataError
from lcclassify.tables.columns import plain, said_where, shown

EXACT: Final = 2**53  # from here on not every integer is a 64-bit floating-point number

_SEARCHED: Final = 20_000  # ids among which the nearest text is looked for, in half a second

# As programs write what is missing; objects are not called so.
_MISSING: Final = ("nan", "NaN", "NAN", "None", "null", "NULL", "NA", "N/A", "<NA>")

# As programs write floating-point numbers: 600.0, 1.69e+17, 1.69e17. Not 007.0, nor 6e2, which
# may be a name.
_AS_FLOAT: Final = r"^-?(0|[1-9]\d*)(\.\d*|(\.\d*)?[eE][+-]\d+|\.\d+[eE]\d+)$"
_DIGITS: Final = r"^[+-]?\d+$"


def cast_ids(
    column: pl.Series,
    wanted: pl.DataType | None = None,
    *,
    exact: bool = True,
    where: str = "the table",
) -> tuple[pl.Series, pl.Series | None]:
    """Return object ids as Int64 or String, and what is wrong with some of them.

    Args:
        column: The ids, null where one is missing.
        wanted: The type of all ids of a survey; None leaves integers and text as they are.
        exact: Whether text that would read back otherwise, such as 007, is no integer.
        where: What they are of, for messages.

    Returns:
        The ids without loss, floating-point numbers that are whole and below 2^53 as integers,
        null where one is missing or wrong; and a sentence for each wrong one, None if there
        is none.

    Raises:
        DataError: They are no ids at all, or integers where the others are text.
    """
    column, faults = plain(column), None
    if column.dtype.is_float():
        column, faults = of_floats(column, where)
    dtype = column.dtype
    if not (dtype.is_integer() or dtype in (pl.String, pl.Null)):
        raise DataError(
            f"column '{column.name}' of {where} must hold integers or strings, got {dtype}"
        )
    if dtype == pl.Null:
        return column.cast(wanted or pl.Int64), faults
    if dtype == pl.String:
        if wanted != pl.Int64:
            missing = column.is_in(_MISSING)
            if not missing.any():
                return column, faults
            said = pl.format("the id '{}' stands for a missing one", column)
            return column.set(missing, None), said_where(missing, said)
        reading = read_integers(column, exact=exact)
        if not (reading.is_text.any() or reading.is_lost.any()):
            return reading.values, faults
        said = pl.format(
            "the id '{}' is no integer, as the others are: where that is meant, set "
            "survey.id_type=string{}"
            if exact
            else "column 'object_id' must hold integers (survey.id_type), got '{}'{}",
            shown(pl.lit(column)),
            pl.when(pl.lit(column).str.contains(_DIGITS) & exact)
            .then(pl.lit(", or integer where zeros before a number say nothing"))
            .otherwise(pl.lit("")),
        )
        lost = _lost_digits(column.name, where, pl.lit(column))
        reason = pl.when(reading.is_text).then(said).when(reading.is_lost).then(lost)
        return reading.values, pl.select(reason).to_series()
    if wanted == pl.String:
        return column.cast(pl.String), faults
    try:
        return column.cast(pl.Int64), faults
    except pl.exceptions.PolarsError as fault:
        raise DataError(
            f"column '{column.name}' holds {column.sort()[-1]}, too large for a signed 64-bit "
            "integer: pass the ids as strings"
        ) from fault


def of_floats(column: pl.Series, where: str) -> tuple[pl.Series, pl.Series | None]:
    """Return ids that came as floating-point numbers as the integers that they are.

    Args:
        column: Float32 or Float64, null or NaN where an id is missing.
        where: What they are of, for the message.

    Returns:
        Int64, null where one is missing or no whole number; and a sentence for each of the
        latter, None if there is none.

    Raises:
        DataError: One is so large that it may have been another integer before it was stored.
    """
    column = column.fill_nan(None)
    numbers = column.cast(pl.Float64)
    exact = EXACT if column.dtype == pl.Float64 else 2**24 if column.dtype == pl.Float32 else 2**11
    large = (numbers.abs() >= exact) & numbers.is_finite()
    if large.any():
        value = pl.lit(str(numbers.filter(large)[0]))
        raise DataError(pl.select(_lost_digits(column.name, where, value)).item())
    whole = numbers.cast(pl.Int64, strict=False)
    odd = (whole.cast(pl.Float64) != numbers).fill_null(True) & numbers.is_not_null()
    if not odd.any():
        return whole, None
    said = pl.format(
        "column '{}' must hold integers or strings, got {}", pl.lit(column.name), column
    )
    return whole.set(odd, None), said_where(odd, said)


def _lost_digits(name: str, where: str, value: pl.Expr) -> pl.Expr:
    """Return what is wrong with ids such as a value."""
    return pl.format(
        "column '{}' of {} holds floating-point numbers such as {}, which have lost digits, so "
        "that objects can no longer be told apart: store the ids as integers or strings (in pandas "
        "read them with dtype='int64' or dtype=str)",
        pl.lit(name),
        pl.lit(where),
        value,
    )


def common_type(samples: Sequence[pl.Series], *, complete: bool) -> pl.DataType:
    """Return the type of all ids of a survey whose text may stand for integers.

    Args:
        samples: Some ids, or all; those that are no text do not count.
        complete: Whether these are all, so that a single one that is no integer decides;
            else it may be damage, unless it is one like 007, which has its meaning in text
            alone.

    Returns:
        Int64 or String.
    """
    for ids in samples:
        if ids.dtype != pl.String:
            continue
        ids = ids.filter(~ids.is_in(_MISSING))
        if not len(ids):
            continue
        is_text = read_integers(ids, exact=True).is_text
        padded = is_text & ids.str.contains(_DIGITS).fill_null(False)
        if padded.any() or (is_text.any() if complete else 2 * is_text.sum() >= len(ids)):
            return pl.String()
    return pl.Int64()


def similar_ids(wanted: str, ids: pl.Series, most: int = 3) -> list[str]:
    """Return ids that may be meant by another: the same number first, then the nearest text.

    Args:
        wanted: What none of the ids is.
        ids: Int64 or String.
        most: How many are returned at most.
    """
    texts = ids.drop_nulls().unique().sort().cast(pl.String)
    found: list[str] = []
    number = pl.Series([wanted.replace("_", "")]).cast(pl.Float64, strict=False)[0]
    if number is not None:
        same = texts.str.replace_all("_", "", literal=True).cast(pl.Float64, strict=False) == number
        found = texts.filter(same.fill_null(False)).head(most).to_list()
    searched = texts.head(_SEARCHED).to_list()
    near = get_close_matches(wanted, searched, most, cutoff=0.75) if len(wanted) > 2 else []
    alike = texts.filter(_bare(texts) == _bare(pl.Series([wanted]))[0]).to_list()[:most]
    return list(dict.fromkeys([*found, *alike, *near]))[:most]


def _bare(ids: pl.Series) -> pl.Series:
    """Return ids without what is easily typed otherwise: case, blanks and lines, leading zeros."""
    bare = ids.str.to_lowercase().str.replace_all(r"[\s_-]", "")
    return bare.str.replace_all(r"(^|[^\d.])0+(\d)", "$1$2")


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
