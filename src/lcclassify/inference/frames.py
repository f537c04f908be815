"""Tables in memory, of whatever library, as Polars has them, and back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import polars as pl

from lcclassify.errors import DataError, did_you_mean
from lcclassify.schema import FLUX, FLUX_ERR, MJD
from lcclassify.surveys.plasticc import OTHER_NAMES
from lcclassify.tables.astropy_tables import (
    array_series,
    astropy_frame,
    astropy_table,
    flux_zeropoints,
    mixed,
    text_of_bytes,
    times_to_mjd,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from astropy.table import Table

# What is returned is of the same library as what was given.
Frame = TypeVar("Frame", pl.DataFrame, "pd.DataFrame", "pa.Table", "Table")

# Whoever has such a table has imported its library already.
_KINDS: Final = (
    ("pandas", "DataFrame"),
    ("pyarrow", "Table"),
    ("pyarrow", "RecordBatch"),
    ("astropy.table", "Table"),
    ("astropy.io.fits", "FITS_rec"),
)
_PLAIN: Final = frozenset(
    (
        *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32),
        *(pl.UInt64, pl.UInt128, pl.Float16, pl.Float32, pl.Float64, pl.Boolean, pl.String),
        pl.Null,
    )
)
_FAULTS: Final = (
    *(TypeError, ValueError, NotImplementedError, ImportError, OverflowError),
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException),
)


def to_polars(
    frame: object,
    argument: str,
    wanted: Sequence[str],
    *,
    needed: Sequence[str] = (),
    zeropoint: float | None = None,
) -> pl.DataFrame:
    """Return the wanted columns that a table has, as numbers, text and truth values.

    Args:
        frame: Table of Polars, pandas, pyarrow or astropy.
        argument: What the caller calls it, for messages.
        wanted: Names of columns; one that is missing may have PLAsTiCC's other name. Dates
            and times of `mjd` become MJD.
        needed: Those of them without which there is nothing to do.
        zeropoint: AB magnitude of flux 1 in the result, for fluxes that have a unit.

    Raises:
        DataError: It is another kind of table, or a column is missing, is there twice or
            cannot be converted.
    """
    kind = kind_of(frame)
    columns = _columns(frame, kind, argument)
    sources = {ours: name for ours in wanted if (name := name_in(columns, ours)) is not None}
    for name in needed:
        if name not in sources:
            if kind == "pandas" and name in frame.index.names:  # type: ignore[attr-defined]
                raise DataError(
                    f"{argument} has '{name}' in its index: reset_index() makes a column of it"
                )
            raise DataError(f"{argument} has no column '{name}'; {did_you_mean(name, columns)}")
    names = list(sources.values())
    for name in names:
        if columns.count(name) > 1:
            raise DataError(f"{argument} has {columns.count(name)} columns named '{name}'")
    table = _selected(frame, kind, argument, names)
    if names != list(sources):
        table.columns = list(sources)
    if kind == "astropy":
        table = _with_fluxes(table, frame, sources, argument, zeropoint)
    if all(type(dtype) in _PLAIN for dtype in table.dtypes):
        return table
    return pl.DataFrame([_plain(column, argument) for column in table])


def like(frame: object, result: pl.DataFrame) -> Any:
    """Return a result as a table of the library that a table is of."""
    kind = kind_of(frame)
    if kind == "pandas":
        return result.to_pandas()
    if kind == "pyarrow":
        return result.to_arrow()
    return astropy_table(result) if kind == "astropy" else result


def kind_of(frame: object) -> str | None:
    """Return the library of a table; None where it is of none that is known."""
    if isinstance(frame, pl.DataFrame):
        return "polars"
    for module, name in _KINDS:
        if module in sys.modules and isinstance(frame, getattr(sys.modules[module], name, ())):
            return module.partition(".")[0]
    return None


def name_in(columns: Collection[str], name: str) -> str | None:
    """Return what a table calls a column: its name, PLAsTiCC's other one, or None."""
    if name in columns:
        return name
    other = OTHER_NAMES.get(name)
    return other if other in columns else None


def flux_ratio(own: float, wanted: float) -> float:
    """Return what fluxes are multiplied by to have another AB magnitude of flux 1."""
    return float(10 ** (0.4 * (wanted - own)))


def _columns(frame: Any, kind: str | None, argument: str) -> list[str]:
    if kind in ("polars", "pandas"):
        return list(frame.columns)
    if kind == "pyarrow":
        return list(frame.schema.names)
    if kind == "astropy":
        return list(frame.colnames if hasattr(frame, "colnames") else frame.names)
    raise DataError(
        f"{argument} must be a table of Polars, pandas, pyarrow or astropy, got "
        f"{type(frame).__name__}"
    )


def _selected(frame: Any, kind: str | None, argument: str, names: list[str]) -> pl.DataFrame:
    """Return columns as Polars takes them from each library."""
    if kind == "polars":
        table: pl.DataFrame = frame[names]
        return table
    if kind == "astropy":
        return astropy_frame(frame, names, argument)
    convert = pl.from_pandas if kind == "pandas" else pl.from_arrow
    try:
        return pl.DataFrame(convert(frame[names] if kind == "pandas" else frame.select(names)))
    except _FAULTS:
        return pl.DataFrame([_column(frame[name], name, argument, convert) for name in names])


def _column(column: Any, name: str, argument: str, convert: Callable[[Any], Any]) -> pl.Series:
    """Return a column, which may be the one that cannot be converted (swapped bytes, say)."""
    try:
        return pl.Series(name, convert(column))
    except _FAULTS as error:
        try:
            array = np.asarray(column)
        except _FAULTS:
            raise mixed(name, argument, error) from error
        return array_series(name, array, argument)


def _with_fluxes(
    table: pl.DataFrame,
    frame: Any,
    sources: Mapping[str, str],
    argument: str,
    zeropoint: float | None,
) -> pl.DataFrame:
    """Return fluxes that have a unit in the bundle's."""
    fluxes = [name for name in (FLUX, FLUX_ERR) if name in sources]
    found = flux_zeropoints(frame, fluxes, argument)
    stated = {name: own for name, own in found.items() if own is not None}
    if not stated:
        return table
    if len(stated) < len(found):
        raise DataError(
            f"columns '{FLUX}' and '{FLUX_ERR}' of {argument} must both have a unit or none, and "
            f"'{next(iter(stated))}' alone has one"
        )
    if zeropoint is None:
        raise DataError(
            f"column '{FLUX}' of {argument} has a unit of flux density, which cannot be converted "
            "because the bundle states no zero-point: if the values are in the units of the "
            "bundle's survey, set the units to None"
        )
    return table.with_columns(
        pl.col(name).cast(pl.Float64) * flux_ratio(own, zeropoint) for name, own in stated.items()
    )


def _plain(column: pl.Series, argument: str) -> pl.Series:
    """Return one column as numbers, text or truth values."""
    dtype = column.dtype
    try:
        if isinstance(dtype, pl.Categorical | pl.Enum):
            return column.cast(pl.String)
        if isinstance(dtype, pl.Decimal):
            return column.cast(pl.Float64 if dtype.scale else pl.Int128)
        if dtype == pl.Binary:
            return text_of_bytes(column)
        if column.name == MJD and dtype in (pl.Date, pl.Datetime):
            return times_to_mjd(column)
    except pl.exceptions.PolarsError as error:
        raise mixed(column.name, argument, error) from error
    if type(dtype) in _PLAIN:
        return column
    raise DataError(
        f"column '{column.name}' of {argument} must hold numbers or text, got values of type "
        f"{dtype}"
    )
