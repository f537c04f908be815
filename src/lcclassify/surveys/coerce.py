"""Casts single columns of a user's table to the canonical types, or names the bad value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import polars as pl

from lcclassify.errors import DataError, did_you_mean
from lcclassify.schema import OBJECT_ID, PASSBAND, Passbands
from lcclassify.surveys.columns import NO_NUMBER, is_absent, text_to_number

_TRUE: Final = ("1", "1.0", "true", "t", "yes", "y")
_FALSE: Final = ("0", "0.0", "false", "f", "no", "n")


def number(table: pl.DataFrame, name: str, what: str) -> pl.Series:
    """Return a column as Float64, null where it is absent.

    Args:
        table: Table with the column and `object_id`.
        name: Name of the column.
        what: Name of the table, for messages.

    Returns:
        The numbers; -0.0 becomes 0.0 so that equal values are equal bits.

    Raises:
        DataError: If the column holds text that is no number, or no numbers at all.
    """
    column = table[name]
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        text = pl.lit(column)
        parsed = table.select(
            value=pl.when(~is_absent(text)).then(text_to_number(text)), absent=is_absent(text)
        )
        _refuse(table, name, parsed["value"].is_null() & ~parsed["absent"], what, "numbers")
        column = parsed["value"].alias(name)
    elif not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DataError(
            f"column '{name}' of the {what} must hold numbers, got values of type {column.dtype}"
        )
    return column.cast(pl.Float64) + 0.0


def finite_or_null(column: pl.Series) -> pl.Series:
    """Return a Float64 column with null in place of NaN and infinities."""
    values = column.to_numpy()  # a null becomes NaN
    finite = np.isfinite(values)
    if finite.all():
        return column
    return pl.Series(column.name, np.where(finite, values, np.nan), nan_to_null=True)


def boolean(table: pl.DataFrame, name: str) -> pl.Series:
    """Return a flag of the observation table as Boolean, null where it is absent.

    Raises:
        DataError: If a value is neither true nor false (1 or 0, in numbers or text).
    """
    if table.schema[name] == pl.Boolean:
        return table[name]
    truth, bad, absent = _flags(table, name)
    _refuse(table, name, bad, "observation table", "0 or 1")
    return truth.set(absent, None).alias(name)


def boolean_faults(table: pl.DataFrame, name: str) -> pl.Series:
    """Say of each flag that `boolean` would refuse why it would, null otherwise."""
    _, bad, _ = _flags(table, name)
    if not bad.any():
        return pl.Series([None], dtype=pl.String).new_from_index(0, table.height)
    said = pl.format("column '{}' must hold 0 or 1, got '{}'", pl.lit(name), pl.col(name))
    return table.select(pl.when(bad).then(said)).to_series()


def _flags(table: pl.DataFrame, name: str) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return which flags are true, which are neither true nor false, and which are absent."""
    column = table[name]
    if column.dtype == pl.Boolean:
        never = pl.Series([False]).new_from_index(0, len(column))
        return column, never, column.is_null()
    if column.dtype == pl.String:
        words = column.str.strip_chars().str.to_lowercase()
        absent = table.select(is_absent(pl.lit(column))).to_series()
        truth, false = words.is_in(_TRUE), words.is_in(_FALSE)
    else:
        numbers = number(table, name, "observation table")
        absent = numbers.is_null() | numbers.is_nan()
        truth, false = numbers == 1, numbers == 0
    truth, false = truth.fill_null(False), false.fill_null(False)
    return truth, ~(truth | false | absent), absent


def passband_index(table: pl.DataFrame, passbands: Passbands) -> pl.Series:
    """Return the passband column of the observation table as indices.

    Text stands for names. Integers stand for indices, unless they are the names
    themselves (as in a survey whose passbands are called 1, 2 and 3).

    Args:
        table: Observation table.
        passbands: The known passbands.

    Returns:
        UInt8 positions in `passbands.names`.

    Raises:
        DataError: If a value is missing or unknown.
    """
    column = table[PASSBAND]
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        column = whole if whole.cast(column.dtype).equals(column) else column
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    known = _known_passbands(column, passbands)
    words = column.cast(pl.String)
    exact = words.cast(pl.Enum(known), strict=False)
    if not exact.null_count():
        return exact.to_physical().cast(pl.UInt8)
    words = words.str.strip_chars()
    index = words.replace_strict(
        list(known), range(len(known)), default=None, return_dtype=pl.UInt8
    )
    if index.null_count():
        _unknown_passband(table, words.filter(index.is_null()), words, passbands, known)
    return index.alias(PASSBAND)


def passband_faults(column: pl.Series, passbands: Passbands) -> pl.Series:
    """Say of each passband that `passband_index` would refuse why it would, null otherwise."""
    known = list(_known_passbands(column, passbands))
    words = column.cast(pl.String).str.strip_chars()
    said = pl.format("unknown passband '{}', known: {}", words, pl.lit(", ".join(known)))
    return pl.select(pl.when(~words.is_in(known)).then(said)).to_series()


def _known_passbands(column: pl.Series, passbands: Passbands) -> Sequence[str]:
    if column.dtype.is_integer() and not all(name.isdecimal() for name in passbands.names):
        return [str(index) for index in range(len(passbands))]
    return passbands.names


def _unknown_passband(
    table: pl.DataFrame,
    unknown: pl.Series,
    words: pl.Series,
    passbands: Passbands,
    known: Sequence[str],
) -> None:
    if unknown.null_count():
        example = table[OBJECT_ID].filter(words.is_null()).sort()[0]
        raise DataError(
            f"{_counted(unknown.null_count(), 'observation')} with no passband, the first of "
            f"object {example}"
        )
    word = str(unknown.min())
    example = table[OBJECT_ID].filter(words == word).sort()[0]
    others = unknown.n_unique() - 1
    also = f" ({others} other unknown passbands follow)" if others else ""
    indices = "" if known is passbands.names else f" (indices of {', '.join(passbands.names)})"
    raise DataError(
        f"unknown passband '{word}' in {_counted(int((unknown == word).sum()), 'observation')}, "
        f"the first of object {example}{also}; {did_you_mean(word, known)}{indices}"
    )


def label_text(column: pl.Series, known: Collection[str] = ()) -> pl.Series:
    """Return labels as String, null where absent; 90 and 90.0, in text as well, give ``"90"``.

    Args:
        column: The labels.
        known: Words that are labels, though they look like an absent one or a number.
    """
    if column.dtype.is_float():
        column = column.set(~column.is_finite(), None)
        whole = column.cast(pl.Int64, strict=False)
        column = whole if whole.cast(column.dtype).equals(column) else column
    words = column.cast(pl.String).str.strip_chars()
    different = words.unique().drop_nulls()
    others = different.filter(~different.is_in(list(known)))
    absent = others.filter(others.str.to_lowercase().is_in(NO_NUMBER))
    numbers = others.filter(others.str.contains(r"^-?\d{1,15}\.0*$"))
    return words.replace(
        [*absent, *numbers], [*[None] * len(absent), *numbers.str.replace(r"\.0*$", "")]
    )


def _refuse(table: pl.DataFrame, name: str, bad: pl.Series, what: str, expected: str) -> None:
    if bad.any():
        row = bad.arg_max() or 0
        raise DataError(
            f"column '{name}' of the {what} must hold {expected}, got '{table[name][row]}' in row "
            f"{row + 1} (object {table[OBJECT_ID][row]})"
        )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
