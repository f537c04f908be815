"""Reads SNANA's FITS files: a HEAD table of objects points into a PHOT table of observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.errors import DataError, did_you_mean
from lcclassify.schema import FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND
from lcclassify.surveys.report import counted
from lcclassify.surveys.snana_files import (
    COLUMNS,
    N_OBS,
    PHOTFLAG,
    SYNONYMS,
    VERSION,
    WHERE,
    ZP_KEY,
    flux_factor,
    photometry_of,
    text_of,
)
from lcclassify.surveys.snana_versions import Versions
from lcclassify.tables.astropyfile import read_astropy, undamaged

_END: Final = -777  # MJD of the row that SNANA writes behind each light curve
_FIRST, _LAST = "PTROBS_MIN", "PTROBS_MAX"  # rows of the PHOT table, from 1, both included
_WHOLE: Final = (_FIRST, _LAST, N_OBS, PHOTFLAG)
# What asks for a column.
_INPUT: Final = "of survey.metadata, where null for its name leaves it out"
_REDSHIFT: Final = "survey.spectroscopic_redshift"
_Columns = dict[str, NDArray[Any]]
_Pair = tuple[pl.DataFrame, pl.DataFrame, list[str]]


def read_pairs(
    heads: Iterable[Path],
    label: str | None,
    numbers: Mapping[str, bool],
    versions: Versions,
    unreadable: dict[str, str] | None = None,
) -> list[_Pair]:
    """Read HEAD files and their PHOT files, as `read_texts` does.

    Args:
        heads: The HEAD files.
        label: As in `read_texts`.
        numbers: Likewise.
        versions: Likewise.
        unreadable: Takes why pairs are left out that are damaged, by the file that is; None
            refuses them.

    Returns:
        Of each pair observations, in the order of the objects; objects; and sentences on what
        was left out.

    Raises:
        DataError: If a file is damaged, lacks a column or contradicts the other.
    """
    found = []
    for head in heads:
        try:
            found.append(_read_pair(head, label, numbers, versions.of(head)))
        except DataError as fault:
            if unreadable is None:
                raise
            reason, phot = str(fault), photometry_of(head)
            # Either may be to blame, and neither can be used without the other.
            unreadable[text_of(phot if reason.startswith(str(phot)) else head)] = reason
    return found


def _read_pair(head: Path, label: str | None, numbers: Mapping[str, bool], version: str) -> _Pair:
    """Read a HEAD file and its PHOT file, both of a version."""
    texts = [OBJECT_ID, *filter(None, [label])]
    keys = (*texts[1:], *numbers, _FIRST, _LAST, ZP_KEY)
    names = {OBJECT_ID: "SNID", N_OBS: "NOBS", **dict(zip(keys, keys, strict=True))}
    optional = (N_OBS, ZP_KEY, *(key for key, must in numbers.items() if not must))
    asked = {key: _INPUT if must else _REDSHIFT for key, must in numbers.items()}
    if label is not None:
        asked[label] = "survey.label_column, null for no labels"
    objects = _columns(head, names, texts, optional, asked)
    phot = photometry_of(head)
    names = {new: name for new, (name, _) in COLUMNS.items()}
    rows = _columns(phot, names, (PASSBAND,), (PHOTFLAG,), {})
    places = [f"{text_of(head)}, row {row}" for row in range(1, len(objects[_FIRST]) + 1)]
    blank = np.flatnonzero(objects[OBJECT_ID] == "")
    if len(blank):
        raise DataError(f"{places[blank[0]]} has no SNID")
    taken, objects[N_OBS] = _rows_of(objects, rows[MJD], places, phot)
    left = len(rows[MJD]) - len(taken) - int((np.delete(rows[MJD], taken) == _END).sum())
    said = counted(left, "observation", "observations")
    rows = {name: values[taken] for name, values in rows.items()}
    if ZP_KEY in objects:
        factors = [flux_factor(zeropoint) for zeropoint in objects[ZP_KEY]]
        rows |= {name: rows[name] * np.repeat(factors, objects[N_OBS]) for name in (FLUX, FLUX_ERR)}
    table = pl.DataFrame({**objects, WHERE: places}).drop(_FIRST, _LAST)
    away = text_of(f"{said} of {phot.name} left out: of no object of {head.name}.")
    return (
        pl.DataFrame(rows),
        table.with_columns(pl.lit(version).alias(VERSION)),
        [away] if left else [],
    )


def _columns(
    file: Path,
    wanted: Mapping[str, str],
    texts: Sequence[str],
    optional: Sequence[str],
    asked: Mapping[str, str],
) -> _Columns:
    """Return columns of a file's first table by new name: text, Int64 or Float64.

    Args:
        file: A FITS file.
        wanted: Names in the file by the new ones.
        texts: New names of columns of text, or of integers that are names.
        optional: Those that the file may lack.
        asked: For what others are read, for the message.
    """
    table = read_astropy(file)
    names = list(table.dtype.names)
    found: _Columns = {}
    with undamaged(file):
        for new, name in wanted.items():
            for written in (name, SYNONYMS.get(name, name)):
                if written in names and new not in found:
                    _check_one_value(table[written], file, f"'{written}'{_why(new, asked)}")
                    values = np.array(table[written])
                    absent = values == table.columns[written].null
                    if np.any(absent) and values.dtype.kind in "iu":
                        text = new in texts
                        values = np.where(absent, "" if text else np.nan, values)
                    found[new] = values
    for new, name in wanted.items():
        if new not in found and new not in optional:
            absent = f"{file} has no column '{name}'{_why(new, asked)}"
            raise DataError(f"{absent}; {did_you_mean(name, names)}")
    for new, values in found.items():
        kinds, kind = ("Uiu", "text or integers") if new in texts else ("fiub", "numbers")
        if new in _WHOLE:
            kinds, kind = "iu", "integers"
        if values.dtype.kind not in kinds:
            column = f"'{wanted[new]}'{_why(new, asked)}"
            raise DataError(f"{file}: column {column} must hold {kind}, got {values.dtype}")
        if new in texts:
            found[new] = np.strings.strip(values.astype(str))
        else:
            found[new] = values.astype(np.int64 if new in _WHOLE else np.float64)
    return found


def _why(new: str, asked: Mapping[str, str]) -> str:
    """Return what asks for a column, in brackets, if it is known."""
    return f" ({asked[new]})" if new in asked else ""


def _check_one_value(values: NDArray[Any], file: Path, column: str) -> None:
    """Refuse a column of vectors, or of arrays whose lengths differ (``P`` and ``Q``)."""
    if values.ndim == 1 and values.dtype.kind != "O":
        return
    got = "arrays of variable length"
    if values.dtype.kind != "O":
        got = f"arrays of {' x '.join(map(str, values.shape[1:]))} values"
    raise DataError(f"{file}: column {column} must hold one value a row, got {got}")


def _rows_of(
    objects: _Columns, mjd: NDArray[Any], places: list[str], phot: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of PHOT, from 0, object after object, and how many each has."""
    first, last = objects[_FIRST], objects[_LAST]
    stated = objects.get(N_OBS, last - first + 1)
    counts = np.where(stated == 0, 0, last - first + 1)  # no pointers to nothing
    bad = (counts != stated) | (counts < 0) | ((counts > 0) & ((first < 1) | (last > len(mjd))))
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{places[row]}: {_FIRST}={first[row]}, {_LAST}={last[row]} and NOBS={stated[row]} do "
            f"not describe rows of {phot}, which has {len(mjd):,}; is it truncated?"
        )
    owners = np.repeat(np.arange(len(counts)), counts)
    taken = np.arange(counts.sum()) + np.repeat(first - 1 - (np.cumsum(counts) - counts), counts)
    _, once = np.unique(taken, return_index=True)
    for faults, fault in (
        (np.delete(np.arange(len(taken)), once), "another object has as well"),
        (np.flatnonzero(mjd[taken] == _END), f"ends a light curve (MJD {_END})"),
    ):
        if len(faults):
            row = taken[faults[0]] + 1
            raise DataError(f"{places[owners[faults[0]]]}: row {row} of {phot}, its own, {fault}")
    return taken, counts
