"""Parts the good lines of a damaged text table from those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import (
    REJECT_COUNT,
    REJECT_FILE,
    REJECT_LINE,
    REJECT_REASON,
    REJECT_ROW,
    REJECT_SCHEMA,
)
from lcclassify.surveys.columns import TEXT_TYPES, Kind, is_absent, text_to_number
from lcclassify.surveys.texttable import TextColumns

_LINE = "line"
_REASON = "reason"


def sift_lines(
    content: bytes,
    separator: str,
    text: TextColumns,
    faults: Callable[[pl.DataFrame], pl.Series],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read lines one by one, as text.

    A line is bad if it has too many fields, text where a number belongs, nothing in a
    filled column, or a fault that `faults` tells. Missing fields at its end count as
    absent values, as they do where whole files are read.

    Args:
        content: Lines without a header.
        separator: One character.
        text: The file's columns.
        faults: Tells why each row cannot be used, null if it can.

    Returns:
        The good rows under the new names, and the bad ones as a table of rejects, the
        first line being number 1.
    """
    lines = content.decode("utf-8", errors="replace").split("\n")
    table = (
        pl.DataFrame({_LINE: lines})
        .with_row_index("number", offset=1)
        .filter(pl.col(_LINE).str.strip_chars() != "")
        .with_columns(pl.col(_LINE).str.strip_chars_end("\r").str.split(separator).alias("fields"))
    )
    width = len(text.header)
    too_many = pl.format(
        "{} fields, but the header names {}", pl.col("fields").list.len(), pl.lit(width)
    )
    reasons = [pl.when(pl.col("fields").list.len() > width).then(too_many)]
    columns = []
    for new, (position, column) in text.found.items():
        name = text.header[position].strip()
        value = (
            pl.col("fields")
            .list.get(position, null_on_oob=True)
            .str.strip_chars()
            .str.strip_chars('"')
        )
        dtype = TEXT_TYPES[column.kind]
        if dtype == pl.String:
            columns.append(value.replace("", None).alias(new))
        else:
            number = text_to_number(value, dtype)
            wrong = ~is_absent(value) & number.is_null()
            said = pl.format(f"column '{name}' must hold {_kind(column.kind)}, got '{{}}'", value)
            reasons.append(pl.when(wrong).then(said))
            columns.append(pl.when(~is_absent(value)).then(number).alias(new))
        if column.filled:
            missing = is_absent(value) if dtype != pl.String else value.is_null() | (value == "")
            reasons.append(pl.when(missing).then(pl.lit(f"column '{name}' is empty")))
    identity, _ = text.found[OBJECT_ID]
    written = pl.col("fields").list.get(identity, null_on_oob=True).str.strip_chars()
    table = table.select(
        "number", pl.coalesce(reasons).alias(_REASON), written.alias("written"), *columns
    )
    told = faults(table)
    table = table.with_columns(pl.coalesce(pl.col(_REASON), told).alias(_REASON))
    bad = table.filter(pl.col(_REASON).is_not_null())
    rejects = bad.select(
        pl.lit(None, pl.String).alias(REJECT_FILE),
        pl.col("number").cast(pl.Int64).alias(REJECT_LINE),
        pl.lit(None, pl.Int64).alias(REJECT_ROW),
        pl.lit(1, pl.Int64).alias(REJECT_COUNT),
        pl.col("written").replace("", None).alias(OBJECT_ID),
        pl.col(_REASON).alias(REJECT_REASON),
    )
    good = table.filter(pl.col(_REASON).is_null()).select(list(text.found))
    return good, rejects.select(REJECT_SCHEMA)


def _kind(kind: Kind) -> str:
    return "an integer" if kind == "integer" else "a number"
