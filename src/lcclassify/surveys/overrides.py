"""A table of better metadata or labels that is laid over the object table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.report import counted
from lcclassify.tables.columns import Column
from lcclassify.tables.opening import read_columns
from lcclassify.tables.textform import TextForm


def overridden(
    table: pl.DataFrame,
    files: Sequence[Path],
    columns: Mapping[str, Column],
    form: TextForm,
    cast: Callable[[pl.Series, pl.DataType], tuple[pl.Series, pl.Series | None]],
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the object table with the values of another one where that has any.

    Args:
        table: The object table.
        files: Of the other one.
        columns: Of the object table.
        form: Of the files, if they are text.
        cast: Gives ids of a type, and what is wrong with them.

    Raises:
        DataError: A file cannot be read, an object is there twice, or there is no column but ids.
    """
    columns = {
        name: replace(column, required=name == OBJECT_ID) for name, column in columns.items()
    }
    other = read_columns(files, columns, form)
    ids, faults = cast(other[OBJECT_ID], table.schema[OBJECT_ID])
    other = other.with_columns(ids)
    twice = ids.filter(ids.is_duplicated())
    if faults is not None or len(twice):
        what = f"object {twice[0]} is there twice" if faults is None else faults.drop_nulls()[0]
        raise DataError(f"{files[0]}: {what}")
    if other.width == 1:
        raise DataError(
            f"{files[0]} has no column of the object table but its ids: "
            f"{', '.join(column.sources[0] for column in columns.values())} are known"
        )
    values = [name for name in other.columns if name != OBJECT_ID]
    clash = [name for name in values if other.schema[name] != table.schema.get(name)]
    other = other.cast({name: table.schema[name] for name in clash})
    unknown = int((~ids.is_in(table[OBJECT_ID].implode())).sum())
    are = counted(unknown, "of its ids is", "of its ids are")
    also = f"; {are} not in the object table" if unknown else ""
    has = counted(len(ids) - unknown, "object has", "objects have")
    said = f"{has} values of survey.overrides{also}."
    return table.update(other, on=OBJECT_ID, how="left"), (said,)
