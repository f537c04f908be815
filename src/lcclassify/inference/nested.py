"""Classifies partitions of nested-pandas frames, which LSDB catalogues are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lcclassify.checks import check_keys
from lcclassify.errors import ConfigError, DataError, did_you_mean
from lcclassify.inference.door import light_curves
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.frames import flux_ratio, name_in, to_polars
from lcclassify.inference.loaded import loaded_predictor
from lcclassify.inference.nested_frames import (
    arrow_array,
    frame_ids,
    kept_columns,
    nested_library,
    nested_lists,
    plain_columns,
    with_nested_type,
)
from lcclassify.inference.predictions import CLASS_PREFIX, PREDICTED_CLASS, REASON, UNKNOWN
from lcclassify.inference.predictor import Predictor
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    MJD,
    OBJECT_ID,
    OBSERVATION_COLUMNS,
    PASSBAND,
)
from lcclassify.surveys.brightness import MAX_ZEROPOINT
from lcclassify.surveys.objecttable import identifiers

SLICE_ROWS: Final = 1_000_000  # observations of a partition worked on at a time, about
_ROW: Final = "__row"  # position in the frame; unlike ids and indices it never repeats


def classify_nested(
    frame: pd.DataFrame,
    *,
    bundle: str | Path,
    sources: str = "sources",
    columns: Mapping[str, str] | None = None,
    metadata: Mapping[str, str | None] | None = None,
    passbands: Mapping[Any, str | None] | None = None,
    zeropoint: float | None = None,
    keep: Sequence[str] | None = None,
    accelerator: str = "cpu",
    batch_size: int | None = None,
    precision: str = "32",
    unknown_fraction: float | None = None,
    priors: Mapping[str, float] | str | None = None,
) -> pd.DataFrame:
    """Classify the rows of a NestedFrame, such as a partition of an LSDB catalogue.

    It is made for ``catalog.map_partitions(classify_nested, bundle=...)``. A process loads
    the bundle once. An empty frame gives an empty table of the same columns, so that LSDB
    and Dask find the ``meta`` of the result by themselves.

    Args:
        frame: One row an object, with a nested column of its observations.
        bundle: Folder of a bundle, which every worker can read.
        sources: The nested column.
        columns: Names in the frame by our names where they differ: `mjd` (days, dates or
            times), `passband`, `flux`, `flux_err`, maybe `detected` in the nested column,
            `object_id` among the others, else the index. Ids may repeat: each row is an
            object of its own.
        metadata: Columns by the bundle's metadata names where they differ; None for one
            that is missing for every object.
        passbands: The bundle's passbands by what stands in the frame, where they differ;
            None leaves observations in this passband out. Numbers need them, unless the
            bundle's survey has these numbers.
        zeropoint: AB magnitude of flux 1 in the frame, 31.4 for Rubin's nJy: fluxes are
            converted to the bundle's units. None takes them to be in these.
        keep: Columns to keep; None for all that are not nested, such as coordinates.
        accelerator: As in `Predictor`.
        batch_size: As in `Predictor`.
        precision: As in `Predictor`.
        unknown_fraction: As in `Predictor`.
        priors: As in `Predictor`.

    Returns:
        A NestedFrame with a row for every row, in the same order and with the same index:
        the kept columns, ``class_<label>`` (double) for every class, `predicted_class` and
        `reason` (string), of Arrow types. An object that cannot be scored has a reason and
        no probabilities.

    Raises:
        ConfigError: nested-pandas is not installed, or an argument is invalid.
        BundleError: The bundle cannot be used.
        DataError: A column is missing or of the wrong type, or a passband unknown.

    Example:
        >>> catalog = lsdb.open_catalog("hats")  # doctest: +SKIP
        >>> scores = catalog.map_partitions(  # doctest: +SKIP
        ...     classify_nested, bundle="outputs/run/bundle", sources="lc", zeropoint=31.4
        ... )
        >>> scores.write_catalog("classified")  # doctest: +SKIP
    """
    nested_pandas = nested_library()
    predictor = loaded_predictor(
        bundle,
        accelerator,
        batch_size,
        precision,
        expectations=Expectations.stated(unknown_fraction, priors),
    )
    frame = with_nested_type(frame, sources, columns or {})
    reading = _reading(frame, predictor, sources, columns, metadata, passbands, zeropoint)
    told = () if predictor.bundle.classifier.unknown is None else (UNKNOWN,)
    classes = (f"{CLASS_PREFIX}{label}" for label in predictor.classes)
    new = [*classes, *told, PREDICTED_CLASS, REASON]
    kept = kept_columns(frame, keep, new)
    scores = _scores(predictor, reading)
    added = {column.name: arrow_array(column) for column in scores.iter_columns()}
    # A NestedFrame's own assignment would look for a nested column before a point in a name.
    result: pd.DataFrame = nested_pandas.NestedFrame(pd.DataFrame(frame[kept]).assign(**added))
    return result


@dataclass(frozen=True, eq=False)
class _Reading:
    """What of a frame is read, as whom.

    Attributes:
        objects: ``(N,)`` ids and metadata.
        lists: ``(N,)`` Arrow structs of lists, the observations.
        fields: Names in `lists` by ours.
        passbands: The bundle's passbands by the frame's, None for those left out.
        factor: What fluxes are multiplied by.
    """

    objects: pl.DataFrame
    lists: pa.ChunkedArray
    fields: Mapping[str, str]
    passbands: Mapping[str, str | None]
    factor: float


def _reading(
    frame: pd.DataFrame,
    predictor: Predictor,
    sources: str,
    columns: Mapping[str, str] | None,
    metadata: Mapping[str, str | None] | None,
    passbands: Mapping[Any, str | None] | None,
    zeropoint: float | None,
) -> _Reading:
    """Check the arguments against the frame and the bundle."""
    fitted = predictor.bundle.representation
    columns, metadata, passbands = columns or {}, metadata or {}, passbands or {}
    check_keys("columns", columns, OBSERVATION_COLUMNS)
    check_keys("metadata", metadata, fitted.metadata)
    for theirs, ours in passbands.items():
        if ours is not None and ours not in fitted.passbands.names:
            raise ConfigError(
                f"passbands['{theirs}'] cannot be '{ours}', which is no passband of the bundle: "
                f"{did_you_mean(str(ours), fitted.passbands.names)}"
            )
    lists, names = nested_lists(frame, sources)
    fields = {
        name: columns.get(name, name_in(names, name) or name) for name in OBSERVATION_COLUMNS[1:]
    }
    if DETECTED not in columns and fields[DETECTED] not in names:
        del fields[DETECTED]
    for ours, theirs in fields.items():
        if theirs not in names:
            raise DataError(
                f"the nested column '{sources}' has no column '{theirs}', which columns['{ours}'] "
                f"may name otherwise; {did_you_mean(theirs, names)}"
            )
    table: dict[str, Any] = {OBJECT_ID: frame_ids(frame, columns.get(OBJECT_ID)).array}
    for name in fitted.metadata:
        theirs = metadata.get(name, name_in(frame.columns, name) or name)
        if theirs is None:
            table[name] = None
        elif theirs not in frame.columns:
            raise DataError(
                f"the frame has no column '{theirs}' for the bundle's metadata '{name}', which "
                f"metadata['{name}'] may name otherwise, or None for missing; "
                f"{did_you_mean(str(theirs), plain_columns(frame))}"
            )
        else:
            table[name] = frame[theirs].array
    objects = to_polars(pd.DataFrame(table), "the frame", list(table))
    return _Reading(
        objects=objects.with_columns(identifiers(objects[OBJECT_ID], "frame")),
        lists=lists,
        fields=fields,
        passbands={_word(theirs): ours for theirs, ours in passbands.items()},
        factor=_flux_factor(zeropoint, predictor.bundle.zeropoint),
    )


def _word(passband: Any) -> str:
    """Return how a passband reads in a column of integers or text."""
    if isinstance(passband, float) and passband.is_integer():
        passband = int(passband)
    return str(passband).strip()


def _flux_factor(own: float | None, wanted: float | None) -> float:
    if own is None:
        return 1.0
    is_number = isinstance(own, int | float | np.number) and not isinstance(own, bool)
    if not is_number or not abs(own) <= MAX_ZEROPOINT:
        raise ConfigError(
            f"zeropoint must be a number from -{MAX_ZEROPOINT} to {MAX_ZEROPOINT} or None, got "
            f"{own!r}"
        )
    if wanted is None:
        raise ConfigError(
            f"zeropoint={own:g} cannot be converted, because the bundle states none: leave it out "
            "if the fluxes are in the units of the bundle's survey"
        )
    return flux_ratio(float(own), wanted)


# --- scoring ------------------------------------------------------------------------


def _scores(predictor: Predictor, reading: _Reading) -> pl.DataFrame:
    """Return the result's new columns, a row for every row of the frame."""
    parts = []
    for rows, ids in _distinct(reading.objects[OBJECT_ID], predictor):
        whole = len(rows) == len(reading.objects)
        lists = reading.lists if whole else reading.lists.take(pa.array(rows))
        lengths = _lengths(lists, reading.fields[MJD])
        for start, stop in _slices(lengths):
            length = stop - start
            observations = _observations(reading, lists.slice(start, length))
            owner = np.repeat(np.arange(start, stop), lengths[start:stop])
            part = _predicted(
                predictor,
                observations.with_columns(ids.gather(owner)),
                reading.objects[rows[start:stop]].with_columns(ids.slice(start, length)),
                reading,
            )
            # The answer is in the order of the ids.
            order = ids.slice(start, length).arg_sort().to_numpy().astype(np.int64)
            parts.append(part.with_columns(pl.Series(_ROW, rows[start + order])))
    return pl.concat(parts).sort(_ROW).drop(_ROW, OBJECT_ID)


def _distinct(
    ids: pl.Series, predictor: Predictor
) -> Iterator[tuple[NDArray[np.int64], pl.Series]]:
    """Yield positions without a repeated id among them, and what to call their objects."""
    rows = np.arange(len(ids))
    if not ids.is_duplicated().any():
        yield rows, ids
    elif predictor.bundle.representation.settings.noise == 0:
        # Only the noise depends on what an object is called.
        yield rows, pl.Series(OBJECT_ID, rows)
    else:
        occurrence = ids.to_frame().select(pl.int_range(pl.len()).over(OBJECT_ID)).to_series()
        table = pl.DataFrame({_ROW: rows, "occurrence": occurrence})
        for _, group in table.group_by("occurrence", maintain_order=True):
            chosen = group[_ROW].to_numpy()
            yield chosen, ids.gather(chosen)


def _lengths(lists: pa.ChunkedArray, field: str) -> NDArray[np.int64]:
    counts = pc.list_value_length(pc.struct_field(lists, field))
    lengths: NDArray[np.int64] = pc.fill_null(counts, 0).to_numpy().astype(np.int64)
    return lengths


def _slices(lengths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield runs of objects, at least one, with at most `SLICE_ROWS` and one object's rows."""
    begins = np.cumsum(lengths) - lengths
    cuts = np.flatnonzero(np.diff(begins // SLICE_ROWS)) + 1
    return pairwise([0, *cuts.tolist(), len(lengths)])


def _observations(reading: _Reading, lists: pa.ChunkedArray) -> pl.DataFrame:
    """Return the columns of a slice's observations by our names, without the ids."""
    columns = {
        ours: pc.list_flatten(pc.struct_field(lists, theirs))
        for ours, theirs in reading.fields.items()
    }
    return to_polars(pa.table(columns), "the observations", list(columns))


def _predicted(
    predictor: Predictor, observations: pl.DataFrame, objects: pl.DataFrame, reading: _Reading
) -> pl.DataFrame:
    """Return the predictions for every object, in the order of the ids."""
    if reading.passbands:
        column = observations[PASSBAND]
        if column.dtype.is_float():
            whole = column.cast(pl.Int64, strict=False)
            column = whole if whole.cast(column.dtype).equals(column) else column
        words = column.cast(pl.String).str.strip_chars()
        kept = {theirs: ours for theirs, ours in reading.passbands.items() if ours is not None}
        dropped = [theirs for theirs in reading.passbands if theirs not in kept]
        if kept:  # else numbers stay numbers
            observations = observations.with_columns(words.replace(kept).alias(PASSBAND))
        if dropped:
            observations = observations.filter(~words.is_in(dropped).fill_null(False))
    name = predictor.bundle.representation.passbands.names[0]
    cure = f"say what they stand for, such as passbands={{0: '{name}'}} if 0 stands for {name}"
    curves, _ = light_curves(predictor.bundle, observations, objects, cure)
    if reading.factor != 1.0:
        converted = (pl.col(FLUX) * reading.factor, pl.col(FLUX_ERR) * reading.factor)
        curves = replace(curves, observations=curves.observations.with_columns(*converted))
    return predictor.predict_light_curves(curves)
