"""Brings any observation and object tables into the canonical form of `lcclassify.schema`.

The result does not depend on the order of the rows nor on how they were spread over
files: everything is sorted, ties included, and exact duplicates go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import polars as pl

from lcclassify.errors import ConfigError, DataError, did_you_mean
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    LABEL,
    MJD,
    OBJECT_ID,
    OBSERVATION_COLUMNS,
    PASSBAND,
    SUBSET,
    LightCurves,
    Passbands,
    Taxonomy,
)
from lcclassify.surveys.base import ReadReport
from lcclassify.surveys.coerce import (
    boolean,
    finite_or_null,
    identifier,
    label_text,
    number,
    passband_index,
)

DETECTION_SNR: Final = 5.0  # flux / flux_err from which an observation counts as a detection

_SUBSETS: Final = ("train", "held_out", "test")
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
    metadata = _checked_metadata(metadata)
    snr = _checked_snr(detection_snr)
    messages: list[str] = []
    _require(observations, (OBJECT_ID, MJD, PASSBAND, FLUX, FLUX_ERR), "observation table")
    if objects is None:
        objects, absent = _objects_of(observations, metadata)
        if absent:
            messages.append(
                f"There is no object table: {', '.join(absent)} "
                f"{'is' if len(absent) == 1 else 'are'} missing for every object."
            )
    _require(objects, (OBJECT_ID, *metadata), "object table")

    rows = observations.select(
        identifier(observations[OBJECT_ID], "observation table"),
        *(number(observations, name, "observation table") for name in (MJD, FLUX, FLUX_ERR)),
        passband_index(observations, passbands),
        *([boolean(observations, DETECTED)] if DETECTED in observations.columns else []),
    )
    table = _object_table(objects, taxonomy, metadata)
    rows, table = _same_id_type(rows, table)
    rows, orphan_ids, orphan_rows = _without_orphans(rows, table)
    rows, dropped = _cleaned(rows)
    rows, unstated = _with_detections(rows, snr)
    if unstated:
        messages.append(
            f"{unstated:,} observations without a value of 'detected' count as detected from "
            f"flux / flux_err = {snr:g} on."
        )
    clean = rows.height
    rows = _sorted_distinct(rows)
    report = ReadReport(
        rows_read=observations.height,
        **dropped,
        duplicates=clean - rows.height,
        orphan_rows=orphan_rows,
        orphan_ids=orphan_ids,
        objects_without_observations=table.height - rows[OBJECT_ID].n_unique(),
        messages=tuple(messages),
    )
    return LightCurves(rows, table, passbands), report


def _checked_metadata(metadata: Sequence[str]) -> tuple[str, ...]:
    names = tuple(metadata)
    for name in names:
        if name in (OBJECT_ID, LABEL, SUBSET):
            raise ConfigError(f"metadata cannot contain '{name}', which has a meaning of its own")
    if len(set(names)) != len(names):
        raise ConfigError(f"the metadata columns must be distinct, got {list(names)}")
    return names


def _checked_snr(detection_snr: float) -> float:
    try:
        snr = float(detection_snr)
    except (TypeError, ValueError):
        snr = math.nan
    if not math.isfinite(snr):
        raise ConfigError(f"detection_snr must be a finite number, got {detection_snr!r}")
    return snr


def _require(table: pl.DataFrame, names: Sequence[str], what: str) -> None:
    for name in names:
        if name not in table.columns:
            raise DataError(
                f"the {what} has no column '{name}'; {did_you_mean(name, table.columns)}"
            )


# --- objects ------------------------------------------------------------------------


def _objects_of(
    observations: pl.DataFrame, metadata: Sequence[str]
) -> tuple[pl.DataFrame, list[str]]:
    """Return one row an object from the observations, and the metadata they do not carry."""
    carried = [name for name in (LABEL, SUBSET, *metadata) if name in observations.columns]
    absent = [name for name in metadata if name not in carried]
    objects = observations.select(OBJECT_ID, *carried).unique()
    return objects.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent), absent


def _object_table(
    objects: pl.DataFrame, taxonomy: Taxonomy | None, metadata: Sequence[str]
) -> pl.DataFrame:
    def text(name: str) -> pl.Series:
        if name in objects.columns:
            return label_text(objects[name])
        return pl.Series(name, [None] * objects.height, pl.String)

    table = pl.DataFrame(
        [
            identifier(objects[OBJECT_ID], "object table"),
            text(LABEL),
            text(SUBSET),
            *(finite_or_null(number(objects, name, "object table")) for name in metadata),
        ]
    )
    if taxonomy is not None:
        _check_words(table, LABEL, taxonomy.classes, "class")
    _check_words(table, SUBSET, _SUBSETS, "subset")
    table = table.unique().sort(OBJECT_ID)
    _check_no_contradiction(table)
    return table


def _check_words(table: pl.DataFrame, column: str, known: Sequence[str], what: str) -> None:
    unknown = table.filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(list(known)))
    if unknown.height:
        word = str(unknown[column].min())
        holders = unknown.filter(pl.col(column) == word)
        others = unknown[column].n_unique() - 1
        also = f" ({others} other unknown {what} values follow)" if others else ""
        raise DataError(
            f"unknown {what} '{word}' of {holders.height:,} rows of the object table, the first "
            f"object {holders[OBJECT_ID].sort()[0]}{also}; {did_you_mean(word, known)}"
        )


def _check_no_contradiction(table: pl.DataFrame) -> None:
    repeated = table.filter(table[OBJECT_ID].is_duplicated())
    if not repeated.height:
        return
    object_id = repeated[OBJECT_ID][0]
    rows = repeated.filter(pl.col(OBJECT_ID) == object_id)
    column = next(name for name in rows.columns if rows[name].n_unique() > 1)
    values = " and ".join(f"'{value}'" for value in rows[column].unique().sort().to_list()[:2])
    raise DataError(
        f"object {object_id} has {rows.height} rows in the object table whose '{column}' "
        f"contradict each other: {values}"
    )


# --- observations -------------------------------------------------------------------


def _same_id_type(rows: pl.DataFrame, table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return both tables if their ids are of one type; an empty table has none of its own."""
    ours, theirs = rows.schema[OBJECT_ID], table.schema[OBJECT_ID]
    if ours == theirs:
        return rows, table
    if not rows.height:
        return rows.cast({OBJECT_ID: theirs}), table
    if not table.height:
        return rows, table.cast({OBJECT_ID: ours})
    kinds = {pl.Int64(): "integers", pl.String(): "strings"}
    raise DataError(
        f"object_id must be of one type in both tables, but they are {kinds[ours]} in the "
        f"observation table (such as {rows[OBJECT_ID][0]!r}) and {kinds[theirs]} in the object "
        f"table (such as {table[OBJECT_ID][0]!r})"
    )


def _without_orphans(
    rows: pl.DataFrame, table: pl.DataFrame
) -> tuple[pl.DataFrame, pl.Series, int]:
    """Return the rows of known objects, the ids of the others and how many rows they had."""
    ids = rows.select(OBJECT_ID).unique()
    orphans = ids.join(table, on=OBJECT_ID, how="anti")[OBJECT_ID].sort()
    if not len(orphans):
        return rows, orphans, 0
    if len(orphans) == ids.height and table.height:
        raise DataError(
            f"the observation table ({ids.height:,} objects, such as {orphans[0]}) and the object "
            f"table ({table.height:,} objects, such as {table[OBJECT_ID][0]}) have no object in "
            "common"
        )
    known = rows.join(table.select(OBJECT_ID), on=OBJECT_ID, how="semi")
    return known, orphans, rows.height - known.height


def _cleaned(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Drop rows that no numerics can use; a row counts under its first fault only."""
    time, flux = pl.col(MJD).is_finite(), pl.col(FLUX).is_finite()
    error = pl.col(FLUX_ERR).is_finite() & (pl.col(FLUX_ERR) > 0)
    time, flux, error = (test.fill_null(False) for test in (time, flux, error))
    counts = rows.select(
        bad_mjd=(~time).sum(),
        nan_flux=(time & ~flux).sum(),
        bad_flux_err=(time & flux & ~error).sum(),
    ).row(0, named=True)
    if any(counts.values()):
        rows = rows.filter(time & flux & error)
    return rows, {name: int(count) for name, count in counts.items()}


def _with_detections(rows: pl.DataFrame, snr: float) -> tuple[pl.DataFrame, int]:
    """Fill `detected` from the signal-to-noise ratio where the survey does not state it."""
    significant = (pl.col(FLUX) / pl.col(FLUX_ERR)) >= snr
    if DETECTED not in rows.columns:
        return rows.with_columns(significant.alias(DETECTED)), 0
    unstated = rows[DETECTED].null_count()
    if unstated:
        rows = rows.with_columns(pl.col(DETECTED).fill_null(significant))
    return rows, unstated


def _sorted_distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by all columns, so that exact duplicates are neighbours, and keep one of each."""
    rows = rows.select(OBSERVATION_COLUMNS).sort(_SORT_ORDER)
    repeats = rows.select(pl.all_horizontal(pl.all() == pl.all().shift(1))).to_series()
    repeats = repeats.fill_null(False)
    return rows.filter(~repeats) if repeats.any() else rows
