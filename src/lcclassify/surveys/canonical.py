"""Brings any observation and object tables into the canonical form of `lcclassify.schema`.

The result does not depend on the order of the rows nor on how they were spread over
files: everything is sorted, ties included, and exact duplicates go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    MJD,
    OBJECT_ID,
    OBSERVATION_COLUMNS,
    PASSBAND,
    LightCurves,
    Passbands,
    Taxonomy,
)
from lcclassify.surveys.casts import Cast, first_of, flags, numbers, passband_indices, refuse
from lcclassify.surveys.cuts import IS_CUT
from lcclassify.surveys.objecttable import (
    canonical_objects,
    checked_metadata,
    identifiers,
    objects_of,
    require,
)
from lcclassify.surveys.report import ReadReport
from lcclassify.tables.ids import cast_ids
from lcclassify.tables.sortedids import distinct_sorted, within

DETECTION_SNR: Final = 5.0  # flux / flux_err from which an observation counts as a detection

# Beyond them no unit has a measurement, and squares, ratios or 32 bits end.
_LARGEST: Final = 1e30  # flux and flux error
_SMALLEST_ERROR: Final = 1e-60
_LATEST: Final = 1e20  # days; nanoseconds since 1970 are 1e18, and said
_PLAUSIBLE: Final = 1e15  # flux
_SURE: Final = 1e9  # flux / flux error that nothing is measured with

_ABSURD: Final = (
    f"Fluxes or their errors beyond {_LARGEST:g}, errors below {_SMALLEST_ERROR:g} and times "
    f"beyond {_LATEST:g} days, which nothing has, count as not finite."
)
_CENTURIES: Final = 100_000.0  # days between observations that no survey has; plates reach 50,000

_SORT_ORDER: Final = (OBJECT_ID, MJD, PASSBAND, FLUX_ERR, FLUX, DETECTED)


def canonicalise(
    observations: pl.DataFrame,
    objects: pl.DataFrame | None,
    passbands: Passbands,
    taxonomy: Taxonomy | None = None,
    metadata: Sequence[str] = (),
    *,
    detection_snr: float = DETECTION_SNR,
) -> tuple[LightCurves, ReadReport]:
    """Sort, check, clean and cast tables into canonical light curves.

    Args:
        observations: One row an observation, columns `object_id`, `mjd` (days),
            `passband` (names or indices), `flux`, `flux_err` and optionally
            `detected`; other columns are ignored.
        objects: One row an object, column `object_id`, the `metadata` columns and
            optionally `label` and `subset`. None builds it from the observations,
            which may then carry label, subset and metadata columns themselves;
            metadata that they do not carry are missing.
        passbands: What names or indices mean.
        taxonomy: The known classes; None takes labels as they are.
        metadata: Columns of the object table to keep as Float64.
        detection_snr: An observation without a `detected` value is a detection if
            flux / flux_err is at least this.

    Returns:
        The light curves and the account of what was left out.

    Raises:
        ConfigError: If a metadata name is reserved or the detection limit no number.
        DataError: If a column is missing or of the wrong type, a passband, class or
            subset unknown, an id missing, the ids of the tables of different types or
            without a common value, or two rows of an object contradict each other.

    Example:
        >>> observations = pl.DataFrame(
        ...     {"object_id": [7, 7], "mjd": [2.0, 1.0], "passband": ["r", "g"],
        ...      "flux": [9.0, 1.0], "flux_err": [1.0, 1.0]}
        ... )
        >>> curves, report = canonicalise(observations, None, Passbands(("g", "r")))
        >>> curves.observations["detected"].to_list(), report.rows_read
        ([False, True], 2)
    """
    metadata = checked_metadata(metadata)
    snr = _checked_snr(detection_snr)
    messages: list[str] = []
    require(observations, (OBJECT_ID, MJD, PASSBAND, FLUX, FLUX_ERR), "observation table")
    ids = identifiers(observations[OBJECT_ID], "observation table")
    if objects is None:
        objects, messages = objects_of(observations, metadata)
    table = canonical_objects(objects, taxonomy, metadata)
    if not table.height:  # it has no type of its own
        table = table.cast({OBJECT_ID: ids.dtype})
    rows, faults = cast_observations(observations.with_columns(ids), passbands)
    refuse(faults, ids, "observation table")
    rows, report = clean_rows(_with_id_type(rows, table), table, snr)
    check_common(report, table)
    unobserved = table.height - rows[OBJECT_ID].n_unique()
    report = replace(
        report,
        objects_without_observations=unobserved,
        messages=(*messages, *report.messages),
    )
    return LightCurves(rows, table, passbands), report


def cast_observations(
    frame: pl.DataFrame, passbands: Passbands, id_type: pl.DataType | None = None
) -> tuple[pl.DataFrame, pl.Series | None]:
    """Cast the columns of an observation table to canonical types, where it has them.

    Args:
        frame: Columns as in `canonicalise`; others stay as they are.
        passbands: As in `canonicalise`.
        id_type: Of all ids; None for that of these.

    Returns:
        The columns, null where a value is absent or wrong; and what is wrong with each row,
        None if nothing is.

    Raises:
        DataError: A column is of a wrong type.
    """
    casts: dict[str, Cast] = {
        name: numbers(frame[name]) for name in (MJD, FLUX, FLUX_ERR) if name in frame.columns
    }
    casts[OBJECT_ID] = cast_ids(frame[OBJECT_ID], id_type)
    if PASSBAND in frame.columns:
        casts[PASSBAND] = passband_indices(frame[PASSBAND], passbands)
    if DETECTED in frame.columns:
        casts[DETECTED] = flags(frame[DETECTED])
    order = (OBJECT_ID, PASSBAND, MJD, FLUX, FLUX_ERR, DETECTED)
    faults = first_of([casts[name][1] for name in order if name in casts])
    return frame.with_columns(values for values, _ in casts.values()), faults


def clean_rows(
    rows: pl.DataFrame, table: pl.DataFrame, snr: float
) -> tuple[pl.DataFrame, ReadReport]:
    """Return the usable rows of known objects in canonical form, and what was left out.

    Args:
        rows: What `cast_observations` gave.
        table: The canonical object table.
        snr: As `detection_snr` of `canonicalise`.
    """
    n_rows = rows.height
    if IS_CUT in rows.columns:
        rows = rows.filter(~pl.col(IS_CUT))
    n_cut = n_rows - rows.height
    rows = rows.select(name for name in OBSERVATION_COLUMNS if name in rows.columns)
    rows, orphan_ids, orphan_rows = _without_orphans(rows, table)
    rows, dropped, absurd = _cleaned(rows)
    rows, unstated = _with_detections(rows, snr)
    clean = rows.height
    rows = _sorted_distinct(rows)
    return rows, ReadReport(
        rows_read=n_rows,
        cut=n_cut,
        **dropped,
        duplicates=clean - rows.height,
        orphan_rows=orphan_rows,
        orphan_ids=orphan_ids,
        unstated_detections=unstated,
        messages=(*absurd, *_implausible_times(rows[MJD]), *_implausible_errors(rows)),
    )


def _checked_snr(detection_snr: float) -> float:
    try:
        snr = float(detection_snr)
    except (TypeError, ValueError):
        snr = math.nan
    if not math.isfinite(snr):
        raise ConfigError(f"detection_snr must be a finite number, got {detection_snr!r}")
    return snr


def _with_id_type(rows: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Return the rows if their ids are of the table's type; without rows they have none."""
    ours, theirs = rows.schema[OBJECT_ID], table.schema[OBJECT_ID]
    if ours == theirs:
        return rows
    if not rows.height:
        return rows.cast({OBJECT_ID: theirs})
    kinds = {pl.Int64(): "integers", pl.String(): "strings"}
    such = f" (such as {table[OBJECT_ID][0]!r})" if table.height else ""
    raise DataError(
        f"object_id must be of one type in both tables, but they are {kinds[ours]} in the "
        f"observation table (such as {rows[OBJECT_ID][0]!r}) and {kinds[theirs]} in the object "
        f"table{such}"
    )


def _without_orphans(
    rows: pl.DataFrame, table: pl.DataFrame
) -> tuple[pl.DataFrame, pl.Series, int]:
    """Return the rows of known objects, the ids of the others and how many rows they had."""
    ids = distinct_sorted(rows[OBJECT_ID])
    orphans = ids.filter(~within(ids, table[OBJECT_ID]))
    if not len(orphans):
        return rows, orphans, 0
    known = rows.filter(~rows[OBJECT_ID].is_in(orphans.implode()))
    return known, orphans, rows.height - known.height


def check_common(report: ReadReport, table: pl.DataFrame) -> None:
    """Refuse a survey of which no observation is of an object of the object table.

    Raises:
        DataError: There are observations and objects, and no object has an observation.
    """
    orphans = report.orphan_ids
    if len(orphans) and report.orphan_rows == report.rows_read - report.cut and table.height:
        left = "the observation table" if not report.cut else "what survey.cuts leaves"
        raise DataError(
            f"{left} ({len(orphans):,} objects, such as {orphans[0]!r}) and the "
            f"object table ({table.height:,} objects, such as {table[OBJECT_ID][0]!r}) have no "
            "object in common"
        )


def _cleaned(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int], tuple[str, ...]]:
    """Drop rows that no numerics can use; a row counts under its first fault only.

    Returns:
        The others, the counts, and what is to be told of finite values among the faults.
    """
    # A null becomes NaN, which no comparison holds for.
    values = [rows[name].to_numpy() for name in (MJD, FLUX, FLUX_ERR)]
    limits = (_LATEST, _LARGEST, _LARGEST)
    time, flux, error = (np.abs(one) <= most for one, most in zip(values, limits, strict=True))
    error = error & (values[2] >= _SMALLEST_ERROR)
    counts = {
        "bad_mjd": int((~time).sum()),
        "nan_flux": int((time & ~flux).sum()),
        "bad_flux_err": int((time & flux & ~error).sum()),
    }
    if not any(counts.values()):
        return rows, counts, ()
    absurd = any(
        (np.isfinite(one) & ~fits).any() for one, fits in zip(values[:2], (time, flux), strict=True)
    )
    absurd = absurd or bool((np.isfinite(values[2]) & (values[2] > 0) & ~error).any())
    return rows.filter(time & flux & error), counts, (_ABSURD,) if absurd else ()


def _implausible_times(mjd: pl.Series) -> tuple[str, ...]:
    """Return what is to be told of times that are hardly days, the same of any part."""
    if not len(mjd) or np.ptp(mjd.to_numpy()) <= _CENTURIES:
        return ()
    return (
        f"Times are more than {_CENTURIES:,.0f} days apart, which is centuries: seconds, or days "
        "that are counted from different beginnings, have to be converted.",
    )


def _implausible_errors(rows: pl.DataFrame) -> tuple[str, ...]:
    """Return what is to be told of errors that nothing is measured with, the same of any part."""
    flux, error = rows[FLUX].to_numpy(), rows[FLUX_ERR].to_numpy()
    size = np.abs(flux)
    if not ((size > _SURE * error) & (size <= _PLAUSIBLE)).any():  # else the flux is the odd one
        return ()
    return (
        f"Fluxes are more than {_SURE:g} times their errors, which nothing measures: where such "
        "errors stand for missing ones, leave these observations out.",
    )


def _with_detections(rows: pl.DataFrame, snr: float) -> tuple[pl.DataFrame, int]:
    """Fill `detected` from the signal-to-noise ratio where the survey does not state it."""
    significant = (rows[FLUX] / rows[FLUX_ERR] >= snr).alias(DETECTED)
    if DETECTED not in rows.columns:
        return rows.hstack([significant]), 0
    unstated = rows[DETECTED].null_count()
    if unstated:
        rows = rows.with_columns(pl.col(DETECTED).fill_null(significant))
    return rows, unstated


def _sorted_distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by all columns, so that exact duplicates are neighbours, and keep one of each."""
    rows = rows[list(OBSERVATION_COLUMNS)]
    if _strictly_ascending(rows):
        return rows.replace_column(0, rows[OBJECT_ID].set_sorted())
    rows = rows.sort(_SORT_ORDER)
    repeats = rows.select(pl.all_horizontal(pl.all() == pl.all().shift(1))).to_series()
    repeats = repeats.fill_null(False)
    return rows.filter(~repeats) if repeats.any() else rows


def _strictly_ascending(rows: pl.DataFrame) -> bool:
    """Say whether rows are sorted without a duplicate, which costs less than sorting them."""
    tied = pl.Series([True]).new_from_index(0, max(rows.height - 1, 0))
    for name in _SORT_ORDER:
        before, after = rows[name][:-1], rows[name][1:]
        if (tied & (after < before)).any():
            return False
        tied &= after == before
        if not tied.any():
            return True
    return False
