"""Casts columns of a user's table to the canonical types, and says which values are wrong.

Each cast returns the values, null where one is absent or wrong, and a sentence for each wrong
one, or None if there is none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import polars as pl

from lcclassify.errors import DataError, did_you_mean
from lcclassify.schema import OBJECT_ID, PASSBAND, Passbands
from lcclassify.tables.columns import (
    NO_NUMBER,
    is_absent,
    must_hold,
    plain,
    said_where,
    shown,
    text_to_number,
)
from lcclassify.tables.rejects import UNKNOWN_PASSBAND, all_unknown

Cast = tuple[pl.Series, pl.Series | None]

TRUE: Final = ("1", "1.0", "true", "t", "yes", "y")
_GUESSED: Final = 100  # unknown passbands that the nearest known one is looked for
FALSE: Final = ("0", "0.0", "false", "f", "no", "n")


def numbers(column: pl.Series, what: str = "observation table") -> Cast:
    """Return a column as Float64; -0.0 becomes 0.0 so that equal values are equal bits.

    Raises:
        DataError: If its type has no numbers at all.
    """
    column, faults = plain(column), None
    if column.dtype == pl.String:
        word = pl.lit(column)
        read = pl.select(value=text_to_number(word), absent=is_absent(word))
        bad = read["value"].is_null() & ~read["absent"]
        faults = _told(bad, must_hold(column.name, "number", word))
        column = read["value"].set(read["absent"], None).alias(column.name)
    elif not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DataError(
            f"column '{column.name}' of the {what} must hold numbers, got values of type "
            f"{column.dtype}"
        )
    values = column.cast(pl.Float64)
    zero = values == 0
    return values.set(zero, 0.0) if zero.any() else values, faults


def finite_or_null(column: pl.Series) -> pl.Series:
    """Return a Float64 column with null in place of NaN and infinities."""
    values = column.to_numpy()  # a null becomes NaN
    finite = np.isfinite(values)
    if finite.all():
        return column
    return pl.Series(column.name, np.where(finite, values, np.nan), nan_to_null=True)


def flags(column: pl.Series) -> Cast:
    """Return flags, 1 or 0 in numbers or words for true and false, as Boolean."""
    if column.dtype in (pl.Boolean, pl.Null):
        return column.cast(pl.Boolean), None
    if column.dtype.is_integer() and column.null_count() == 0 and column.is_between(0, 1).all():
        return column.cast(pl.Boolean), None
    if column.dtype == pl.String:
        words = column.str.strip_chars().str.to_lowercase()
        absent = pl.select(is_absent(pl.lit(column))).to_series()
        true, false = words.is_in(TRUE), words.is_in(FALSE)
    else:
        values, _ = numbers(column)
        absent = values.is_null() | values.is_nan()
        true, false = values == 1, values == 0
    true, false = true.fill_null(False), false.fill_null(False)
    value = shown(pl.lit(column.cast(pl.String)))
    said = pl.format("column '{}' must hold 0 or 1, got '{}'", pl.lit(column.name), value)
    faults = _told(~(true | false | absent), said)
    return true.set(~(true | false), None).alias(column.name), faults


def passband_indices(column: pl.Series, passbands: Passbands) -> Cast:
    """Return passbands as UInt8 positions in `passbands.names`.

    Text stands for names. Integers stand for positions, unless they are the names
    themselves (as in a survey whose passbands are called 1, 2 and 3).
    """
    is_position = column.dtype.is_integer() and not _numbered(passbands)
    inside = is_position and column.is_between(0, len(passbands) - 1).all()
    if inside and not column.null_count():
        return column.cast(pl.UInt8), None
    column = plain(_whole(column))
    known = passbands.names
    if column.dtype.is_integer() and not _numbered(passbands):
        known = tuple(str(index) for index in range(len(passbands)))
    words = column.cast(pl.String)
    exact = words.cast(pl.Enum(known), strict=False)
    if not exact.null_count():
        return exact.to_physical().cast(pl.UInt8).alias(PASSBAND), None
    words = words.str.strip_chars()
    index = words.replace_strict(
        list(known), range(len(known)), default=None, return_dtype=pl.UInt8
    )
    if not index.null_count():
        return index.alias(PASSBAND), None
    unknown = words.filter(index.is_null()).drop_nulls().unique().head(_GUESSED)
    near = {word: f"; {did_you_mean(word, known)}" for word in unknown if not word.isdecimal()}
    hint = words.replace_strict(
        near, default=f", known: {', '.join(known)}", return_dtype=pl.String
    )
    said = pl.format(UNKNOWN_PASSBAND, shown(pl.lit(words)), hint).fill_null(
        pl.lit("there is no passband")
    )
    return index.alias(PASSBAND), _told(index.is_null(), said)


def _whole(column: pl.Series) -> pl.Series:
    """Return floating-point numbers as integers if all of them are, others as they are."""
    if not column.dtype.is_float():
        return column
    whole = column.cast(pl.Int64, strict=False)
    return whole if whole.cast(column.dtype).equals(column) else column


def _numbered(passbands: Passbands) -> bool:
    return all(name.isdecimal() for name in passbands.names)


def label_text(column: pl.Series, known: Collection[str] = ()) -> pl.Series:
    """Return labels as String, null where absent; 90 and 90.0, in text as well, give ``"90"``.

    Args:
        column: The labels.
        known: Words that are labels, though they look like an absent one or a number.
    """
    if column.dtype.is_float():
        column = _whole(column.set(~column.is_finite(), None))
    words = column.cast(pl.String).str.strip_chars()
    different = words.unique().drop_nulls()
    others = different.filter(~different.is_in(list(known)))
    absent = others.filter(others.str.to_lowercase().is_in(NO_NUMBER))
    numbers = others.filter(others.str.contains(r"^-?\d{1,15}\.0*$"))
    return words.replace(
        [*absent, *numbers], [*[None] * len(absent), *numbers.str.replace(r"\.0*$", "")]
    )


def first_of(faults: list[pl.Series | None]) -> pl.Series | None:
    """Return the first sentence on each row, None if there is none on any."""
    found = [one for one in faults if one is not None]
    return pl.select(pl.coalesce(found)).to_series() if found else None


def refuse(faults: pl.Series | None, ids: pl.Series, what: str) -> None:
    """Raise a DataError with the first of some sentences on rows, if a cast gave one.

    Raises:
        DataError: It did; the sentence names the table, the row and its object.
    """
    if faults is None:
        return
    bad = faults.is_not_null()
    row = bad.arg_max() or 0
    owner = "" if ids.name != OBJECT_ID or ids[row] is None else f", object {ids[row]}"
    others = int(bad.sum()) - 1
    more = "" if not others else f" (and {others:,} more such row{'' if others == 1 else 's'})"
    unknown = all_unknown(faults)
    raise DataError(f"row {row + 1} of the {what}{owner}: {faults[row]}{more}{unknown}")


def _told(bad: pl.Series, reason: pl.Expr) -> pl.Series | None:
    return said_where(bad, reason) if bad.any() else None
