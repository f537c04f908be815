"""Brings any table of one row an object into the canonical form of `lcclassify.schema`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

from lcclassify.errors import ConfigError, DataError, did_you_mean
from lcclassify.schema import LABEL, OBJECT_ID, SUBSET, Taxonomy
from lcclassify.surveys.casts import finite_or_null, label_text, numbers, refuse
from lcclassify.tables.ids import cast_ids
from lcclassify.tables.sortedids import is_distinct_sorted

SENTINELS: Final = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)  # no values, often

_SUBSETS: Final = ("train", "held_out", "test")
_FARTHEST: Final = 50.0  # redshift beyond which there is nothing, and above magnitudes in z
_MEASURED: Final = re.compile(r"mag|flux|err", re.IGNORECASE)  # in z, or of a redshift
_REDSHIFT: Final = re.compile(r"redshift|photo.?z|spec.?z|^z(_|$)", re.IGNORECASE)


def objects_of(
    observations: pl.DataFrame, metadata: Sequence[str]
) -> tuple[pl.DataFrame, list[str]]:
    """Return one row an object from the observations, and what they do not tell."""
    require(observations, (OBJECT_ID,), "observation table")
    carried = [name for name in (LABEL, SUBSET, *metadata) if name in observations.columns]
    absent = [name for name in metadata if name not in carried]
    messages = []
    if absent:
        messages.append(
            f"There is no object table: {', '.join(absent)} "
            f"{'is' if len(absent) == 1 else 'are'} missing for every object."
        )
    objects = observations.select(OBJECT_ID, *carried).unique()
    return objects.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent), messages


def canonical_objects(
    objects: pl.DataFrame, taxonomy: Taxonomy | None, metadata: Sequence[str]
) -> pl.DataFrame:
    """Sort, check and cast an object table, as `canonicalise` does.

    Raises:
        ConfigError: If a metadata name is reserved.
        DataError: If a class or subset is unknown, or two rows contradict each other.
    """
    metadata = checked_metadata(metadata)
    require(objects, (OBJECT_ID, *metadata), "object table")

    def text(name: str, known: Sequence[str]) -> pl.Series:
        if name in objects.columns:
            return label_text(objects[name], known)
        return pl.Series(name, [None] * objects.height, pl.String)

    ids = identifiers(objects[OBJECT_ID], "object table")
    columns = [ids, text(LABEL, taxonomy.classes if taxonomy else ()), text(SUBSET, _SUBSETS)]
    for name in metadata:
        values, faults = numbers(objects[name], "object table")
        refuse(faults, ids, "object table")
        columns.append(finite_or_null(values))
    table = pl.DataFrame(columns)
    if taxonomy is not None:
        _check_words(table, LABEL, taxonomy.classes, "class")
    _check_words(table, SUBSET, _SUBSETS, "subset")
    if not is_distinct_sorted(table[OBJECT_ID]):
        table = table.unique().sort(OBJECT_ID)
        _check_no_contradiction(table)
    return table


def _check_words(table: pl.DataFrame, column: str, known: Sequence[str], what: str) -> None:
    if table[column].null_count() == table.height:
        return
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
    words = rows[column].unique().sort().to_list()[:2]
    values = " and ".join("none" if word is None else f"'{word}'" for word in words)
    raise DataError(
        f"object {object_id} has {rows.height} rows in the object table whose '{column}' "
        f"contradict each other: {values}"
    )


def checked_metadata(metadata: Sequence[str]) -> tuple[str, ...]:
    """Return the names of metadata columns.

    Raises:
        ConfigError: If one is reserved or given twice.
    """
    names = tuple(metadata)
    for name in names:
        if name in (OBJECT_ID, LABEL, SUBSET):
            raise ConfigError(f"metadata cannot contain '{name}', which has a meaning of its own")
    if len(set(names)) != len(names):
        raise ConfigError(f"the metadata columns must be distinct, got {list(names)}")
    return names


def require(table: pl.DataFrame, names: Sequence[str], what: str) -> None:
    """Check that a table has columns.

    Raises:
        DataError: It lacks one.
    """
    for name in names:
        if name not in table.columns:
            raise DataError(
                f"the {what} has no column '{name}'; {did_you_mean(name, table.columns)}"
            )


def identifiers(column: pl.Series, what: str) -> pl.Series:
    """Return object ids as Int64 or String, each as it is.

    Raises:
        DataError: If one is missing, is neither an integer nor text, or may have lost digits.
    """
    ids, faults = cast_ids(column, where=f"the {what}")
    if faults is not None:
        raise DataError(f"the {what}: {faults.drop_nulls()[0]}")
    if ids.dtype == pl.String:
        ids = ids.set(ids.str.strip_chars() == "", None)
    missing = ids.null_count()
    if missing:
        row = (ids.is_null().arg_max() or 0) + 1
        rows = f"{missing:,} row{'' if missing == 1 else 's'}"
        raise DataError(f"{rows} of the {what} with no {ids.name}, the first is row {row}")
    return ids


def implausible_metadata(objects: pl.DataFrame, names: Sequence[str], cure: str) -> list[str]:
    """Return what is to be told of values that are hardly any, once a metadata column.

    Args:
        objects: The object table.
        names: Its metadata columns.
        cure: What is to be done about a value that stands for none, the value as ``{}``.
    """
    told = []
    for name in names:
        values = objects[name].drop_nulls()
        is_redshift = _REDSHIFT.search(name) is not None
        if is_redshift and not _MEASURED.search(name) and _are_far(values):
            told.append(
                f"Metadata column '{name}' holds redshifts above {_FARTHEST:g}, which are hardly "
                "any: velocities have to be divided by that of light."
            )
        if not len(values) or ((values > -1.0).all() and (values < 99.0).all()):
            continue
        odd = values.filter(values.is_in(SENTINELS))
        if is_redshift:
            odd = pl.concat([odd, values.filter(values <= -1.0)])
        elif len(odd) < 2:  # once it may be measured
            continue
        if len(odd):
            value = f"{odd.mode().sort()[0]:g}"
            told.append(
                f"Metadata column '{name}' holds values such as {value}: if that stands for a "
                f"missing one, {cure.format(value)}."
            )
    return told


def _are_far(redshifts: pl.Series) -> bool:
    return bool(((redshifts > _FARTHEST) & ~redshifts.is_in(SENTINELS)).any())
