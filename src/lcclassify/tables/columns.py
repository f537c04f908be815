"""What is wanted of the columns of a file, and how their values are told from absent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from lcclassify.errors import DataError, did_you_mean

Kind = Literal["number", "integer", "text", "id"]

TEXT_TYPES: Final[dict[Kind, type[pl.DataType]]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "id": pl.String,
}
Found = Mapping[str, tuple[int, "Column"]]  # position in the file by new name

SHOWN: Final = 80  # characters of a bad value that are told
NO_NUMBER: Final = ("", "na", "n/a", "nan", "null", "none", "--", "-")


@dataclass(frozen=True)
class Column:
    """One column to read.

    Attributes:
        sources: Names in the file, the first one present is taken.
        kind: ``number`` (Float64), ``integer`` (Int64), ``text`` (String) or ``id``
            (String from text, the file's own integers or strings otherwise).
        required: Whether a file without it is an error.
        filled: Whether a row without it is an error.
        missing: Words in lower case that stand for no value, besides `NO_NUMBER`.
    """

    sources: tuple[str, ...]
    kind: Kind
    required: bool = True
    filled: bool = False
    missing: tuple[str, ...] = ()


def text_to_number(column: pl.Expr, dtype: type[pl.DataType] = pl.Float64) -> pl.Expr:
    """Return text as numbers: null where it is no number, markers of absence included."""
    return column.str.strip_chars().cast(dtype, strict=False)


def is_absent(column: pl.Expr, missing: Sequence[str] = ()) -> pl.Expr:
    """Say whether text stands for an absent number: null, blank, ``NA``, ``nan``..."""
    words = column.str.strip_chars().str.to_lowercase()
    return column.is_null() | words.is_in([*NO_NUMBER, *missing])


def parsed(
    word: pl.Expr, name: str, kind: Kind, missing: Sequence[str] = ()
) -> tuple[pl.Expr, pl.Expr]:
    """Return text as numbers, null where one is absent or wrong, and what is wrong with it."""
    absent, number = is_absent(word, missing), text_to_number(word, TEXT_TYPES[kind])
    wrong = ~absent & number.is_null()
    return pl.when(~absent).then(number), pl.when(wrong).then(must_hold(name, kind, word))


def said_where(bad: pl.Series, reason: pl.Expr) -> pl.Series:
    """Return a sentence for each bad row, null for the others."""
    return pl.select(pl.when(bad).then(reason)).to_series()


def plain(column: pl.Series) -> pl.Series:
    """Return a column of categories as text, any other as it is."""
    is_category = isinstance(column.dtype, pl.Categorical | pl.Enum)
    return column.cast(pl.String) if is_category else column


def must_hold(name: str, kind: Kind, value: pl.Expr) -> pl.Expr:
    """Return what is wrong with text that is no number of a kind."""
    wanted = pl.lit("an integer" if kind == "integer" else "a number")
    if kind == "integer":
        large = value.str.contains(r"^[+-]?\d+$")
        wanted = pl.when(large).then(pl.lit("an integer below 2^63")).otherwise(wanted)
    return pl.format("column '{}' must hold {}, got '{}'", pl.lit(name), wanted, shown(value))


def shown(value: pl.Expr) -> pl.Expr:
    """Return text that is not too long for a sentence."""
    cut = pl.format("{}...", value.str.slice(0, SHOWN))
    return pl.when(value.str.len_chars() > SHOWN).then(cut).otherwise(value)


def find_columns(
    header: Sequence[str], columns: Mapping[str, Column], file: Path
) -> dict[str, tuple[int, Column]]:
    """Return the position in the file of every wanted column that it has."""
    stripped = [name.strip() for name in header]
    found: dict[str, tuple[int, Column]] = {}
    for new_name, column in columns.items():
        source = next((name for name in column.sources if name in stripped), None)
        if source is None:
            if column.required:
                comment = stripped[0].startswith("#") and column.sources[0] != stripped[0][1:]
                hint = "; where lines with # are comments: 'survey.comment=\"#\"'"
                raise DataError(
                    f"{file} has no column '{column.sources[0]}' (for {new_name}); "
                    f"{did_you_mean(column.sources[0], stripped)}{hint if comment else ''}"
                )
            continue
        if stripped.count(source) > 1:
            raise DataError(f"{file} has {stripped.count(source)} columns named '{source}'")
        found[new_name] = (stripped.index(source), column)
    return found
