"""Tables of astropy and FITS, and columns as NumPy has them, as plain Polars columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.schema import MJD

MJD_OF_1970: Final = 40587  # days
ZEROPOINT_OF_NJY: Final = 31.4  # AB magnitude of 1 nJy

_PER_DAY: Final = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_PADDING: Final = " \0"


def astropy_frame(
    table: Any, names: Sequence[str], where: str = "the table", times: Sequence[str] = (MJD,)
) -> pl.DataFrame:
    """Return columns of an astropy table as numbers, text and truth values.

    Masked values become null, padding goes from the end of text, a `Time` becomes MJD in
    UTC, and `times` that have a unit become days. Other units are dropped: see
    `flux_zeropoints`.

    Args:
        table: `Table`, `QTable` or `FITS_rec`.
        names: The columns; those that it does not have are left out.
        where: What the table is called in messages.
        times: Columns that hold times.

    Raises:
        DataError: A column has more than a value a row, values without a plain type, or
            is a time in a unit that is none.
    """
    from astropy.io import fits
    from astropy.table import Table

    if isinstance(table, fits.FITS_rec):  # with its units and marks of absence
        table = Table.read(fits.BinTableHDU(table), unit_parse_strict="silent")
    return pl.DataFrame(
        [
            _series(table[name], name, where, is_time=name in times)
            for name in names
            if name in table.colnames
        ]
    )


class BrightnessUnit(NamedTuple):
    """The unit of a column of fluxes, magnitudes or their errors.

    Attributes:
        text: As a message has it.
        is_magnitude: Whether it is of magnitudes.
        zeropoint: AB magnitude of flux 1; None where it is no flux density.
    """

    text: str
    is_magnitude: bool
    zeropoint: float | None


def brightness_units(table: Any, names: Sequence[str]) -> dict[str, BrightnessUnit]:
    """Return the units of those columns that have one.

    Args:
        table: As in `astropy_frame`.
        names: Columns of the table.
    """
    import astropy.units as u

    found: dict[str, BrightnessUnit] = {}
    for name in names:
        unit = _unit(table.columns[name])
        if unit is None:
            continue
        is_magnitude = isinstance(unit, u.function.FunctionUnitBase) or unit in (u.mag, u.dex, u.dB)
        factor = None if is_magnitude else _factor(unit, u.nJy)
        zeropoint = None if factor is None else ZEROPOINT_OF_NJY - 2.5 * math.log10(factor)
        found[name] = BrightnessUnit(str(unit), is_magnitude, zeropoint)
    return found


def flux_zeropoints(
    table: Any, names: Sequence[str], where: str = "the table"
) -> dict[str, float | None]:
    """Return the AB magnitude of flux 1 in the units of columns of fluxes.

    Args:
        table: As in `astropy_frame`.
        names: Columns of the table.
        where: What the table is called in messages.

    Returns:
        By name; None for a column without a unit.

    Raises:
        DataError: A unit is of magnitudes, or of no flux density.
    """
    found: dict[str, float | None] = dict.fromkeys(names)
    for name, unit in brightness_units(table, names).items():
        if unit.is_magnitude:
            raise DataError(
                f"column '{name}' of {where} has the unit '{unit.text}', and magnitudes are not "
                "fluxes: convert them, AB magnitudes m with an error e to fluxes "
                "10**((31.4 - m) / 2.5) in nJy with an error of 0.921 * flux * e"
            )
        if unit.zeropoint is None:
            raise DataError(
                f"column '{name}' of {where} has the unit '{unit.text}', which is none of flux "
                "density such as nJy: if the values are in the bundle's units, set its unit to None"
            )
        found[name] = unit.zeropoint
    return found


def astropy_table(frame: pl.DataFrame) -> Any:
    """Return a Polars table of numbers and text as a `Table` in which null is masked."""
    from astropy.table import MaskedColumn, Table

    def column(series: pl.Series) -> Any:
        filled = series.fill_null("" if series.dtype == pl.String else 0).to_numpy()
        values = filled.astype(str) if series.dtype == pl.String else filled
        return MaskedColumn(values, name=series.name, mask=series.is_null().to_numpy())

    return Table([column(series) for series in frame])


def times_to_mjd(times: pl.Series) -> pl.Series:
    """Return dates, or times of day in UTC or a stated zone, as MJD in days.

    Args:
        times: Date or Datetime; one without a zone is in UTC.
    """
    if times.dtype == pl.Date:
        return (times.to_physical() + MJD_OF_1970).cast(pl.Float64)
    unit = times.dtype.time_unit if isinstance(times.dtype, pl.Datetime) else None
    if unit is None:
        raise TypeError(f"times must be Date or Datetime, got {times.dtype}")
    ticks = times.to_physical()  # since 1970 in UTC, whatever the zone
    # Whole days apart from the rest, which keeps its digits.
    return (ticks // _PER_DAY[unit] + MJD_OF_1970) + (ticks % _PER_DAY[unit]) / _PER_DAY[unit]


def array_series(name: str, array: NDArray[Any], where: str) -> pl.Series:
    """Return a NumPy array as a column of numbers, text, truth values or times.

    Args:
        name: Its name.
        array: ``(N,)`` of any byte order; bytes are text, objects what they are in Python.
        where: What the table is called in messages.

    Raises:
        DataError: It has other dimensions, or mixed values, or values without a plain type.
    """
    if array.ndim != 1:
        raise DataError(
            f"column '{name}' of {where} must hold one value a row, got the shape {array.shape}"
        )
    kind, size = array.dtype.kind, array.dtype.itemsize
    try:
        if kind == "O":
            import pyarrow as pa

            # Of mixed values it makes what they have in common, or nothing.
            series = pl.Series(name, pa.array(array, from_pandas=True))
            if series.dtype.is_nested() and series.dtype != pl.List:
                raise TypeError("it has mappings")
        elif kind == "M":
            series = pl.Series(name, array.astype("M8[us]") if size != 8 or _odd(array) else array)
        elif kind in "biufSU":
            array = array.astype(
                "f8" if kind == "f" and size > 8 else array.dtype.newbyteorder("=")
            )
            series = pl.Series(name, array, nan_to_null=True)
        else:
            raise TypeError(f"values of type {array.dtype} are no numbers, text or times")
        if series.dtype == pl.Binary or kind == "U":
            series = text_of_bytes(series)
    except (
        *(TypeError, ValueError, NotImplementedError, OverflowError),
        pl.exceptions.PolarsError,
    ) as error:
        raise mixed(name, where, error) from error
    if series.dtype == pl.List:  # in FITS files "P" and "Q"
        raise DataError(
            f"column '{name}' of {where} must hold one value a row, got arrays of variable length"
        )
    return series


def text_of_bytes(column: pl.Series) -> pl.Series:
    """Return text or bytes of UTF-8 as text without padding at the end."""
    return column.cast(pl.String).str.strip_chars_end(_PADDING)


def mixed(name: str, where: str, error: BaseException) -> DataError:
    """Return what to raise where a library cannot convert a column."""
    reason = " ".join(str(error).split())
    return DataError(f"column '{name}' of {where} holds mixed or unusable types: {reason}")


def _odd(array: NDArray[Any]) -> bool:
    """Say whether Polars lacks the resolution or byte order of times."""
    unit, count = np.datetime_data(array.dtype)
    return unit not in ("D", "ms", "us", "ns") or count != 1 or not array.dtype.isnative


def _series(column: Any, name: str, where: str, *, is_time: bool) -> pl.Series:
    from astropy.time import ScaleValueError, Time

    unit = _unit(column)
    if isinstance(column, Time):
        try:
            column, unit = column.utc.mjd, None
        except (ScaleValueError, IndexError) as error:  # a local time, or UT1 beyond what is known
            raise DataError(
                f"column '{name}' of {where} has the time scale '{column.scale}', which cannot be "
                "converted to UTC"
            ) from error
    mask = getattr(column, "mask", False)
    array = np.asarray(getattr(column, "unmasked", column))
    if array.dtype.kind == "O" and np.any(mask):  # what is masked may be of any type
        array = array.copy()
        array[mask] = None
    series = array_series(name, array, where)
    if np.any(mask):
        series = series.set(pl.Series(np.broadcast_to(mask, len(series))), None)
    if is_time and unit is not None and str(unit).lower() != "mjd":
        import astropy.units as u

        factor = _factor(unit, u.day)
        if factor is None:
            raise DataError(
                f"column '{name}' of {where} must hold times in days (MJD), got the unit '{unit}'"
            )
        if factor != 1:
            series = series * factor
    return series


def _unit(column: Any) -> Any:
    """Return the unit of a column of a table or a FITS header, None where it has none."""
    import astropy.units as u

    stated = getattr(column, "unit", None)
    if stated is None or stated in ("", u.dimensionless_unscaled):
        return None
    return u.Unit(stated, parse_strict="silent")


def _factor(unit: Any, wanted: Any) -> float | None:
    """Return how many of a unit one of another is; None where they are of different kinds."""
    import astropy.units as u

    try:
        return float(unit.to(wanted))
    except (u.UnitsError, TypeError, ValueError):
        return None
