"""What the rows of a table survey mean when they are read in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import DETECTED, OBJECT_ID, PASSBAND, LightCurves
from lcclassify.surveys.canonical import canonicalise_part
from lcclassify.surveys.coerce import boolean_faults, passband_faults
from lcclassify.surveys.ids import Integers, read_integers, same_ids
from lcclassify.surveys.objecttable import canonical_objects
from lcclassify.surveys.report import ReadReport
from lcclassify.surveys.rowchunks import RowSource, WholeTable
from lcclassify.surveys.rowfiles import RowFile

if TYPE_CHECKING:
    from lcclassify.surveys.table import TableSurvey


def common_id_type(
    survey: TableSurvey, files: Sequence[RowFile], ids: pl.DataFrame | None, lenient: bool
) -> pl.DataType:
    """Return the type of all ids, Int64 or String.

    Args:
        survey: The survey.
        files: Its observation files.
        ids: The ids of the object table, if there is one.
        lenient: Whether single ids may be damaged.

    Raises:
        DataError: The tables' ids are of different types.
    """
    if survey.id_type != "auto":
        return pl.String() if survey.id_type == "string" else pl.Int64()
    heads = [_head(file) for file in files]
    written = [head for head in heads if head.schema[OBJECT_ID] == pl.String and head.height]
    if ids is not None:
        decided = same_ids([ids], "auto")[0].schema[OBJECT_ID]
        if decided == pl.String and any(head.schema[OBJECT_ID] != pl.String for head in heads):
            raise DataError(
                "object_id must be of one type in both tables, but they are integers in the "
                f"observation table and strings in the object table (such as {ids[OBJECT_ID][0]!r})"
            )
        return decided
    text = [read_integers(head[OBJECT_ID], exact=True).is_text for head in written]
    share = [1.0 - float(is_text.mean() or 0.0) for is_text in text]  # type: ignore[arg-type]
    if all(value > 0.5 if lenient else value == 1.0 for value in share):
        return pl.Int64()
    return pl.String()


class TableRows(RowSource):
    """What the rows of the observation table mean.

    Args:
        survey: The survey.
        object_files: Files of its object table, none if there is none.
        labels: As of `Survey.chunks`.
        id_type: Of all ids.
    """

    def __init__(
        self,
        survey: TableSurvey,
        object_files: Sequence[Path],
        labels: bool,
        id_type: pl.DataType,
    ) -> None:
        self._survey = survey
        self._object_files = object_files
        self._labels = labels
        self._id_type = id_type
        self.zeropoint = survey.brightness.zeropoint

    def whole_table(self) -> WholeTable:
        """Read the object table."""
        survey = self._survey
        if not self._object_files:
            return WholeTable(None, survey.taxonomy)
        table = self.typed(survey.object_table(self._object_files))
        table, taxonomy, messages = survey.object_values(table, labels=self._labels)
        known = taxonomy if self._labels else None
        objects = canonical_objects(table, known, tuple(survey.metadata))
        return WholeTable(objects, taxonomy, messages)

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows with ids of the type that they have in the whole survey."""
        ids = frame[OBJECT_ID]
        if self._id_type == pl.String or ids.dtype != pl.String:
            return frame.with_columns(ids.cast(self._id_type))
        reading = self._integers(ids)
        if reading.is_text.any():
            bad = ids.filter(reading.is_text)[0]
            if self._survey.id_type == "integer":
                raise DataError(
                    f"column '{OBJECT_ID}' must hold integers (survey.id_type), got '{bad}'"
                )
            raise DataError(
                f"the ids are integers except '{bad}': where that is meant, set "
                "survey.id_type=string"
            )
        reading.refuse_lost(ids)
        return frame.with_columns(reading.values)

    def faults(self, frame: pl.DataFrame) -> pl.Series:
        """Tell why each row cannot be used."""
        named = frame[PASSBAND].replace(self._survey.aliases)
        found = [passband_faults(named, self._survey.passbands)]
        if DETECTED in frame.columns:
            found.append(boolean_faults(frame, DETECTED))
        ids = frame[OBJECT_ID]
        if self._id_type != pl.String and ids.dtype == pl.String:
            reading = self._integers(ids)
            said = pl.format("the id '{}' is no integer, as the others are", ids)
            lost = pl.format("the id '{}' is a floating-point number that has lost digits", ids)
            reason = pl.when(reading.is_text).then(said).when(reading.is_lost).then(lost)
            found.insert(0, pl.select(reason).to_series())
        return pl.select(pl.coalesce(found)).to_series()

    def canonical(
        self, frame: pl.DataFrame, table: WholeTable
    ) -> tuple[LightCurves, ReadReport, pl.Series]:
        """Return what `canonicalise_part` makes of rows."""
        survey = self._survey
        rows = survey.with_flux(frame)
        if table.objects is None:
            rows, _, _ = survey.object_values(rows, labels=False)
        return canonicalise_part(
            rows,
            table.objects,
            survey.passbands,
            table.taxonomy if self._labels else None,
            tuple(survey.metadata),
            detection_snr=survey.detection_snr,
            messages=table.messages,
        )

    def _integers(self, ids: pl.Series) -> Integers:
        return read_integers(ids, exact=self._survey.id_type == "auto")


def _head(file: RowFile) -> pl.DataFrame:
    """Return some of the first rows; bad ones are passed over."""

    def anything(frame: pl.DataFrame) -> pl.Series:
        return pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)

    return file.read(file.first, min(file.end, file.first + file.step), anything).frame
