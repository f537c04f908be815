"""Reads named columns of CSV, TSV and Parquet files exactly, or says where they are wrong.

The fast path lets Polars parse the types that are wanted. Only where that fails is
the file read again as text, which understands markers such as ``NA`` in number
columns and otherwise finds the line to blame.
"""

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
from lcclassify.surveys.delimited import TextForm, as_plain, find_header, records
from lcclassify.surveys.progress import tracked

Kind = Literal["number", "integer", "text", "id"]

_CSV_TYPES: Final[dict[Kind, type[pl.DataType]]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "id": pl.String,
}
_NO_NUMBER: Final = ("", "na", "n/a", "nan", "null", "none", "--", "-")
_GZIP_FAULTS = (EOFError, gzip.BadGzipFile, zlib.error)


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


def read_columns(
    files: Sequence[Path], columns: Mapping[str, Column], form: TextForm | None = None
) -> pl.DataFrame:
    """Read the same columns of several files, one below the other.

    Args:
        files: CSV, TSV (both plain or gzip) or Parquet files; `.parquet` and `.pq`
            are Parquet, all others text.
        columns: Wanted column by its new name.
        form: Separator and comments of text files; by default none of the latter, and
            the separator is found in each file.

    Returns:
        The columns under their new names, in the order of `columns`. An optional
        column that no file has is absent, one that some files have is null in the
        others.

    Raises:
        DataError: If a file is empty, damaged, lacks a required column, holds text in a
            number column or nothing in a filled one (file, line and value are named), or
            if no file has a row.
    """
    frames = []
    steps: Sequence[Path] | Iterator[Path] = files
    if len(files) > 1 or sum(file.stat().st_size for file in files) > 50_000_000:
        steps = tracked(files, len(files), f"reading {files[0].parent.name}", "files")
    for file in steps:
        frame = _read_parquet(file, columns) if _is_parquet(file) else None
        frames.append(_read_csv(file, columns, form or TextForm()) if frame is None else frame)
    _check_same_types(files, frames)
    table = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")
    if table.height == 0:
        raise DataError(f"{_listed(files)} holds column names but no rows")
    return table.select(name for name in columns if name in table.columns)


def text_to_number(column: pl.Expr, dtype: type[pl.DataType] = pl.Float64) -> pl.Expr:
    """Return text as numbers: null where it is no number, markers of absence included."""
    return column.str.strip_chars().cast(dtype, strict=False)


def is_absent(column: pl.Expr) -> pl.Expr:
    """Say whether text stands for an absent number: null, blank, ``NA``, ``nan``..."""
    return column.is_null() | column.str.strip_chars().str.to_lowercase().is_in(_NO_NUMBER)


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() in (".parquet", ".pq")


def _listed(files: Sequence[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"{files[0]} (and {len(files) - 1} more files)"


def _check_same_types(files: Sequence[Path], frames: Sequence[pl.DataFrame]) -> None:
    first: dict[str, tuple[pl.DataType, Path]] = {}
    for file, frame in zip(files, frames, strict=True):
        for name, dtype in frame.schema.items():
            expected, where = first.setdefault(name, (dtype, file))
            if dtype != expected:
                raise DataError(
                    f"column '{name}' is {dtype} in {file} but {expected} in {where}: "
                    "the files of one table must agree"
                )


def _find(
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
def _readable(file: Path) -> Iterator[None]:
    """Turn whatever a damaged file raises into one sentence."""
    try:
        yield
    except pl.exceptions.NoDataError as fault:
        raise DataError(f"{file} is empty") from fault
    except _GZIP_FAULTS as fault:
        raise DataError(f"{file} is truncated or not a whole gzip file: {fault}") from fault
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as fault:
        # Polars panics, outside of Exception, on some damaged Parquet pages.
        reason = str(fault).strip().split("\n")[0]
        raise DataError(f"{file} is damaged or cannot be read: {reason}") from fault
    except UnicodeDecodeError as fault:
        raise DataError(f"{file} is not UTF-8 text: {fault.reason}") from fault
    except csv.Error as fault:
        raise DataError(f"{file} is not a text table: {fault}") from fault


# --- text ---------------------------------------------------------------------------


def _read_csv(file: Path, columns: Mapping[str, Column], form: TextForm) -> pl.DataFrame:
    wanted = [column.sources for column in columns.values() if column.required]
    with _readable(file):
        form, (_, header_line, header) = find_header(file, form, wanted)
    if not header:
        raise DataError(f"{file} is empty: a line of column names was expected")
    found = _find(header, columns, file)
    table = _parse_csv(file, form, header_line, header, found)
    filled = [new for new, (_, column) in found.items() if column.filled]
    if any(table[new].null_count() for new in (next(iter(found)), *filled)):
        # Blank lines come as rows of nulls.
        table = table.filter(~pl.all_horizontal(pl.all().is_null()))
    if any(table[new].null_count() for new in filled):
        _blame_line(file, form, header, found)
    return table


def _parse_csv(
    file: Path,
    form: TextForm,
    header_line: int,
    header: Sequence[str],
    found: Mapping[str, tuple[int, Column]],
) -> pl.DataFrame:
    positions = sorted({position for position, _ in found.values()})
    names = {position: str(position) for position in range(len(header))}
    types: dict[str, type[pl.DataType]] = {}
    for position, column in found.values():  # a column wanted twice in two types comes as text
        dtype = _CSV_TYPES[column.kind]
        types[names[position]] = dtype if types.get(names[position], dtype) == dtype else pl.String
    picked = {new: pl.col(names[position]) for new, (position, _) in found.items()}
    content: Path | bytes = file
    if not form.plain:
        with _readable(file):
            content = as_plain(file, form)

    def load(schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
        types = {name: schema.get(name, pl.String) for name in names.values()}
        if not content:
            return pl.DataFrame(schema=types)
        return pl.read_csv(
            content,
            columns=positions,
            separator=form.separator or "," if form.plain else "\t",
            has_header=False,
            skip_lines=header_line if form.plain else 0,
            schema=types,
            glob=False,
        )

    try:
        with _readable(file):
            try:
                table = load(types)
            except pl.exceptions.ComputeError:
                table = load({})
    except DataError:
        _blame_line(file, form, header, found)
        raise
    expressions = []
    for new, (position, column) in found.items():
        expression = picked[new]
        if table.schema[names[position]] == pl.String:
            dtype = _CSV_TYPES[column.kind]
            if dtype == pl.String:
                expression = expression.str.strip_chars().replace("", None)
            else:
                absent = is_absent(expression)
                number = text_to_number(expression, dtype)
                if table.select((~absent & number.is_null()).any()).item():
                    _blame_line(file, form, header, found)
                    raise DataError(f"{file} holds text in the number column '{header[position]}'")
                expression = pl.when(~absent).then(number)
        expressions.append(expression.alias(new))
    return table.select(expressions)


def _blame_line(
    file: Path, form: TextForm, header: Sequence[str], found: Mapping[str, tuple[int, Column]]
) -> None:
    """Raise a DataError that names the first bad line, if this is a matter of lines."""
    checked = sorted(found.values(), key=lambda item: item[0])
    try:
        lines = records(file, form)
        next(lines)
        for line, last_line, record in lines:
            if last_line > line and len(record) < len(header):
                raise DataError(f"{file}, line {line}: a quote is opened and never closed")
            if len(record) > len(header):
                raise DataError(
                    f"{file}, line {line}: {len(record)} fields, but the header names {len(header)}"
                )
            for position, column in checked:
                value = record[position] if position < len(record) else ""
                if column.filled and not value.strip():
                    raise DataError(
                        f"{file}, line {line}: column '{header[position].strip()}' is empty"
                    )
                if column.kind in ("number", "integer") and not _is_number(value, column.kind):
                    _blame(f"{file}, line {line}", header[position].strip(), column.kind, value)
    except (*_GZIP_FAULTS, OSError, UnicodeDecodeError, csv.Error):
        return  # not a matter of lines: the reader's own message stands


def _blame(where: str, column: str, kind: Kind, value: object) -> NoReturn:
    expected = "an integer" if kind == "integer" else "a number"
    raise DataError(f"{where}: column '{column}' must hold {expected}, got '{value}'")


def _is_number(value: str, kind: Kind) -> bool:
    text = value.strip()
    if text.lower() in _NO_NUMBER:
        return True
    try:
        if kind == "integer":
            return "_" not in text and -(2**63) <= int(text) < 2**63
        float(text)
    except ValueError:
        return False
    return "_" not in text


# --- Parquet ------------------------------------------------------------------------


def _read_parquet(file: Path, columns: Mapping[str, Column]) -> pl.DataFrame:
    if file.stat().st_size == 0:
        raise DataError(f"{file} is empty")
    with _readable(file):
        header = list(pl.read_parquet_schema(file))
    found = _find(header, columns, file)
    names = {new: header[position] for new, (position, _) in found.items()}
    with _readable(file):
        table = pl.read_parquet(file, columns=list(dict.fromkeys(names.values())), glob=False)
    return table.select(
        _converted(table[names[new]], column.kind, file).alias(new)
        for new, (_, column) in found.items()
    )


def _converted(series: pl.Series, kind: Kind, file: Path) -> pl.Series:
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
        number = text_to_number(pl.col("value"), _CSV_TYPES[kind])
        parsed = frame.select(pl.when(~absent).then(number), bad=~absent & number.is_null())
        if parsed["bad"].any():
            row = parsed["bad"].arg_max() or 0
            _blame(f"{file}, row {row + 1}", series.name, kind, series[row])
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
        _blame(f"{file}, row {row + 1}", series.name, kind, series[row])
    return whole
