"""What files say of their own columns, which the options of a survey must not contradict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lcclassify.errors import ConfigError
from lcclassify.schema import FLUX, FLUX_ERR
from lcclassify.surveys.brightness import Brightness
from lcclassify.tables.astropy_tables import BrightnessUnit
from lcclassify.tables.astropyfile import AstropyRows
from lcclassify.tables.columnar import ColumnarRows
from lcclassify.tables.rowfile import RowFile

_SAME: Final = 0.01  # magnitudes by which zero-points may differ, which are rounded


def check_stated(
    files: Iterable[RowFile], brightness: Brightness, time_offset: float, *, own: bool
) -> None:
    """Refuse files whose dates and units the options contradict.

    Args:
        files: Of observations.
        brightness: What their brightness is said to be.
        time_offset: Days added to times.
        own: Whether rows state zero-points of their own.

    Raises:
        ConfigError: They do.
    """
    for file in files:
        if time_offset and isinstance(file, ColumnarRows) and file.has_dates:
            raise ConfigError(
                f"survey.time_offset is of numbers, and {file.path} has dates, which become "
                "MJD by themselves: set it to 0"
            )
        if isinstance(file, AstropyRows):
            units = file.units((FLUX, FLUX_ERR))
            _check_units(units, str(file.path), brightness, own=own)


def _check_units(
    units: Mapping[str, BrightnessUnit], where: str, brightness: Brightness, *, own: bool
) -> None:
    """Refuse units of a file's brightness and its error that do not go with each other or it."""
    stated = brightness.zeropoint if brightness.kind == "flux" and not own else None
    for name, unit in units.items():
        has = f"column '{name}' of {where} has the unit '{unit.text}'"
        if brightness.kind == "flux" and unit.is_magnitude:
            raise ConfigError(f"{has}: set survey.brightness=magnitude")
        if brightness.kind != "flux" and unit.zeropoint is not None:
            raise ConfigError(f"{has}, and survey.brightness is {brightness.kind}: set it to flux")
        zeropoint = unit.zeropoint
        if stated is None or zeropoint is None or abs(zeropoint - stated) <= _SAME:
            continue
        raise ConfigError(
            f"{has}, whose zero-point is {zeropoint:.4g}, and survey.zeropoint is {stated:g}"
        )
    scales = {unit.text if unit.zeropoint is None else unit.zeropoint for unit in units.values()}
    if brightness.kind == "flux" and len(scales) > 1:
        told = " and ".join(f"'{name}' in '{unit.text}'" for name, unit in units.items())
        raise ConfigError(f"{where} holds {told}: a flux and its error must be in one unit")
