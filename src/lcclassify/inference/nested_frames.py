"""Frames with a nested column, as nested-pandas has them: what they hold, and in which types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

from lcclassify.errors import ConfigError, DataError, did_you_mean
from lcclassify.schema import OBJECT_ID, OBSERVATION_COLUMNS


def nested_library() -> Any:
    """Return the module `nested_pandas`.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import nested_pandas
    except ImportError as fault:
        raise ConfigError(
            'classify_nested needs nested-pandas: pip install "lcclassify[catalogs]"'
        ) from fault
    return nested_pandas


def with_nested_type(frame: pd.DataFrame, sources: str, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return the frame with a nested column `sources` where LSDB left out its type.

    It does so in the empty margin of a catalogue that was made of a frame.
    """
    if not frame.columns.is_unique:
        repeated = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"the frame has several columns named '{repeated}'")
    if len(frame) or frame.dtypes.get(sources) != pd.ArrowDtype(pa.null()):
        return frame
    fields = {columns.get(name, name): pa.list_(pa.float64()) for name in OBSERVATION_COLUMNS[1:]}
    kind = nested_library().NestedDtype(pa.struct(fields))
    empty = pd.Series([], index=frame.index, dtype=kind)
    return pd.DataFrame(frame).assign(**{sources: empty})


def plain_columns(frame: pd.DataFrame) -> list[Any]:
    """Return the columns that are not nested."""
    nested = nested_library().NestedDtype
    return [name for name, kind in frame.dtypes.items() if not isinstance(kind, nested)]


def kept_columns(frame: pd.DataFrame, keep: Sequence[str] | None, new: Sequence[str]) -> list[Any]:
    """Return the columns to keep, all that are not nested if `keep` is None.

    Raises:
        ConfigError: `keep` is no list.
        DataError: The frame has no such column, or one is called like a new one.
    """
    if isinstance(keep, str):
        raise ConfigError(f"keep must be a list of columns, got the text '{keep}'")
    for name in keep or ():
        if name not in frame.columns:
            raise DataError(
                f"keep names the column '{name}', which the frame does not have; "
                f"{did_you_mean(str(name), frame.columns)}"
            )
    names = plain_columns(frame) if keep is None else list(dict.fromkeys(keep))
    taken = [name for name in names if name in new]
    if taken:
        raise DataError(
            f"the frame has a column '{taken[0]}' already, which the result is to have: rename "
            "it, or leave it out by listing in keep the others that shall stay"
        )
    return names


def nested_lists(frame: pd.DataFrame, sources: str) -> tuple[pa.ChunkedArray, list[str]]:
    """Return the observations as Arrow structs of lists, and the names of the lists.

    Raises:
        DataError: `sources` is no nested column.
    """
    plain = plain_columns(frame)
    nested = [str(name) for name in frame.columns if name not in plain]
    if sources not in nested:
        found = "is not nested" if sources in frame.columns else "does not exist"
        raise DataError(
            f"sources must name a nested column of the frame, and '{sources}' {found}; "
            f"{did_you_mean(sources, nested)}"
        )
    array: Any = frame[sources].array
    return array.struct_array, list(array.field_names)


def frame_ids(frame: pd.DataFrame, column: str | None) -> pd.Series[Any] | pd.Index[Any]:
    """Return the ids of a named column, of `object_id`, or else the index.

    Raises:
        DataError: There is no such column, or the index is not one id a row.
    """
    if column is None and OBJECT_ID in frame.columns:
        column = OBJECT_ID
    if column is not None and column in frame.columns:
        return frame[column]
    if column is not None and column != frame.index.name:
        raise DataError(
            f"the frame has no column '{column}' for columns['{OBJECT_ID}']; "
            f"{did_you_mean(column, plain_columns(frame))}"
        )
    if frame.index.nlevels > 1:
        raise DataError(
            f"the frame's index has {frame.index.nlevels} levels, so that columns['{OBJECT_ID}'] "
            "must name the column of the ids"
        )
    return frame.index


def arrow_array(column: pl.Series) -> pd.arrays.ArrowExtensionArray:
    """Return a column as LSDB has its own; an Arrow string has 32-bit offsets."""
    kind = pa.float64() if column.dtype == pl.Float64 else pa.string()
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([column.to_arrow().cast(kind)]))
