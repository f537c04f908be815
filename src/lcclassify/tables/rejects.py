"""The table of what could not be read: one row a rejected row of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID

REJECT_FILE: Final = "file"  # String; null where no one file is to blame
REJECT_LINE: Final = "line"  # Int64, counted from 1, of text files; null otherwise
REJECT_ROW: Final = "row"  # Int64, counted from 0, of other files; null otherwise
REJECT_COUNT: Final = "rows"  # Int64, rows of the file that this entry stands for
REJECT_REASON: Final = "reason"  # String, a sentence
REJECT_SCHEMA: Final = {
    REJECT_FILE: pl.String,
    REJECT_LINE: pl.Int64,
    REJECT_ROW: pl.Int64,
    REJECT_COUNT: pl.Int64,
    OBJECT_ID: pl.String,  # as it stands in the file, null where it cannot be told
    REJECT_REASON: pl.String,
}

UNKNOWN_PASSBAND: Final = "unknown passband '{}'{}"  # the reason; behind it what is known
_UNKNOWN: Final = rf"^{UNKNOWN_PASSBAND.format('(.*?)', '(?:;|, known)')}"
_TOLD: Final = 50  # unknown passbands that are listed; a damaged file may have thousands


def no_rejects() -> pl.DataFrame:
    """Return an empty table of rejects."""
    return pl.DataFrame(schema=REJECT_SCHEMA)


def as_rejects(file: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """Return rejects of a file, of one row each and without a place where nothing is said."""
    frame = pl.DataFrame(columns).with_columns(pl.lit(file).alias(REJECT_FILE))
    absent = [
        pl.lit(1 if name == REJECT_COUNT else None, dtype).alias(name)
        for name, dtype in REJECT_SCHEMA.items()
        if name not in frame.columns
    ]
    table = frame.with_columns(absent).select(
        pl.col(name).cast(dtype) for name, dtype in REJECT_SCHEMA.items()
    )
    line = pl.col(REJECT_REASON).str.replace_all(r"\s", " ").str.replace_all(r"\pC", "\ufffd")
    return table.with_columns(line)


def all_unknown(reasons: pl.Series) -> str:
    """Return all unknown passbands among some reasons, so that they are mended at once.

    Returns:
        A clause for behind the first of them; nothing where that is something else or the only one.
    """
    found = reasons.drop_nulls()
    name = found.str.extract(_UNKNOWN)
    if not len(name) or name[0] is None or name.n_unique() - (name.null_count() > 0) < 2:
        return ""
    counts = name.drop_nulls().alias("name").value_counts(name="n")
    told = [
        f"'{word}' ({count:,} row{'' if count == 1 else 's'})"
        for word, count in counts.sort("n", "name", descending=[True, False]).head(_TOLD).rows()
    ]
    more = [f"and {len(counts) - _TOLD:,} more"] if len(counts) > _TOLD else []
    return f"; unknown in the rows that were looked at: {', '.join([*told, *more])}"


def refuse(rejects: pl.DataFrame) -> None:
    """Raise a DataError with the first of some rejects, if there is one.

    Raises:
        DataError: There is.
    """
    for first in rejects.head(1).iter_rows(named=True):
        reason = first[REJECT_REASON]
        line, row = first[REJECT_LINE], first[REJECT_ROW]
        if reason.startswith(str(first[REJECT_FILE])):  # the file itself is damaged
            raise DataError(reason)
        place = f"line {line}" if line is not None else f"row {row + 1}"
        raise DataError(
            f"{first[REJECT_FILE]}, {place}: {reason}{all_unknown(rejects[REJECT_REASON])}"
        )
