"""What is wanted of the columns of a file, and how their values are told from absent ones."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn

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
GZIP_FAULTS = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True)
class Column:
    """One column to read.

    Attributes:
        sources: Names in the file, the first one present is taken.
        kind: ``number`` (Float64), ``integer`` (Int64), ``text`` (String) or ``id``
            (String from CSV, the file's own integers or strings from Parquet).
        required: Whether a file without it is an error.
        filled: Whether a row without it is an error.
    """

    sources: tuple[str, ...]
    kind: Kind
    required: bool = True
    filled: bool = False


def text_to_number(column: pl.Expr, dtype: type[pl.DataType] = pl.Float64) -> pl.Expr:
    """Return text as numbers: null where it is no number, markers of absence included."""
    return column.str.strip_chars().cast(dtype, strict=False)


def is_absent(column: pl.Expr) -> pl.Expr:
    """Say whether text stands for an absent number: null, blank, ``NA``, ``nan``..."""
    return column.is_null() | column.str.strip_chars().str.to_lowercase().is_in(NO_NUMBER)


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
                raise DataError(
                    f"{file} has no column '{column.sources[0]}' (for {new_name}); "
                    f"{did_you_mean(column.sources[0], stripped)}"
                    + (
                        "; where lines with # are comments: 'survey.comment=\"#\"'"
                        if comment
                        else ""
                    )
                )
            continue
        if stripped.count(source) > 1:
            raise DataError(f"{file} has {stripped.count(source)} columns named '{source}'")
        found[new_name] = (stripped.index(source), column)
    return found


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Turn whatever a damaged file raises into one sentence."""
    try:
        yield
    except pl.exceptions.NoDataError as fault:
        raise DataError(f"{file} is empty") from fault
    except GZIP_FAULTS as fault:
        raise DataError(f"{file} is truncated or not a whole gzip file: {fault}") from fault
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as fault:
        # Polars panics, outside of Exception, on some damaged Parquet pages.
        reason = str(fault).strip().split("\n")[0]
        raise DataError(f"{file} is damaged or cannot be read: {reason}") from fault
    except UnicodeDecodeError as fault:
        raise DataError(f"{file} is not UTF-8 text: {fault.reason}") from fault
    except csv.Error as fault:
        raise DataError(f"{file} is not a text table: {fault}") from fault


def blame(where: str, column: str, kind: Kind, value: object) -> NoReturn:
    """Raise a DataError that names a value of the wrong kind.

    Args:
        where: The file, and the line or row.
        column: Name in the file.
        kind: What was wanted.
        value: What came.
    """
    limit = " below 2^63" if kind == "integer" and str(value).strip().lstrip("+-").isdigit() else ""
    raise DataError(
        f"{where}: column '{column}' must hold {wanted(kind)}{limit}, got '{shown(value)}'"
    )


def shown(value: object) -> str:
    """Return a bad value as messages show it: on one line and not without end."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def wanted(kind: Kind) -> str:
    """Return how messages call a number of a kind."""
    return "an integer" if kind == "integer" else "a number"
