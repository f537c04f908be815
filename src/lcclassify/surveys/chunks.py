"""A survey as chunks of whole objects, each read on its own and in any order.

What is too large for the memory is prepared and classified a chunk at a time, and
chunks share nothing: any process can read any of them, again if need be. What is read at
once is all of them together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol

import polars as pl

from lcclassify.checks import check_choice, check_whole
from lcclassify.errors import DataError
from lcclassify.schema import DETECTED, OBJECT_ID, LightCurves, Passbands, Taxonomy
from lcclassify.surveys.canonical import check_common, clean_rows
from lcclassify.surveys.objecttable import (
    canonical_objects,
    implausible_metadata,
    objects_of,
)
from lcclassify.surveys.photometry import IS_LIMIT
from lcclassify.surveys.report import ReadReport
from lcclassify.tables.held import Held
from lcclassify.tables.objectrows import FileRows
from lcclassify.tables.opening import CHUNK_ROWS as CHUNK_ROWS
from lcclassify.tables.opening import listed
from lcclassify.tables.regrouped import Buckets
from lcclassify.tables.rejects import REJECT_COUNT as REJECT_COUNT
from lcclassify.tables.rejects import REJECT_REASON, as_rejects, no_rejects
from lcclassify.tables.rejects import REJECT_SCHEMA as REJECT_SCHEMA
from lcclassify.tables.sortedids import distinct_sorted, positions, within
from lcclassify.terminal import tracked

OnError = Literal["stop", "quarantine"]
ON_ERROR: Final[tuple[OnError, ...]] = ("stop", "quarantine")


class Meaning(Protocol):
    """What of a survey says what its rows mean, see `Survey`."""

    passbands: Passbands
    metadata: Any
    detection_snr: float
    cure: str

    @property
    def zeropoint(self) -> float | None:
        """AB magnitude of flux 1."""

    def remarks(self, frame: pl.DataFrame) -> tuple[str, ...]:
        """Return what is to be told of rows."""


def check_on_error(on_error: str, rows: int) -> None:
    """Check the arguments of `Survey.chunks`.

    Raises:
        ConfigError: One is none of those possible.
    """
    check_choice("on_error", on_error, ON_ERROR)
    check_whole("chunk_rows", rows, 1)


@dataclass(frozen=True)
class SurveyData:
    """The result of reading a survey.

    Attributes:
        light_curves: Canonical tables.
        report: What was read and what was left out.
        taxonomy: The classes of the labels, in output order.
        zeropoint: AB magnitude of flux 1, or None where the survey's units have none.
    """

    light_curves: LightCurves
    report: ReadReport
    taxonomy: Taxonomy
    zeropoint: float | None


class WholeTable(NamedTuple):
    """What is known of all objects of a survey.

    Attributes:
        objects: The canonical object table, None where the observations carry it.
        taxonomy: The classes.
        messages: What is to be told of the survey as a whole.
    """

    objects: pl.DataFrame | None
    taxonomy: Taxonomy
    messages: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        objects: pl.DataFrame,
        survey: Meaning,
        labels: bool,
        taxonomy: Taxonomy,
        messages: tuple[str, ...] = (),
        files: Sequence[Path] = (),
    ) -> WholeTable:
        """Return what is known from an object table of some files, see `canonical_objects`."""
        metadata = tuple(survey.metadata)
        try:
            table = canonical_objects(objects, taxonomy if labels else None, metadata)
        except DataError as error:
            raise DataError(f"{listed(files)}: {error}" if files else str(error)) from error
        return cls(
            table, taxonomy, (*messages, *implausible_metadata(table, metadata, survey.cure))
        )


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some whole objects of a survey.

    Attributes:
        light_curves: Their observations and their rows of the object table; no object
            of it is without an observation.
        report: What was read of the files for them and what was left out; its
            `orphan_ids` are objects without a row in the object table.
        rejects: Rows that could not be read, columns `REJECT_SCHEMA`. They are not in
            ``report.rows_read``: the file rows of this chunk are that and the sum of
            the rejects' counts.
        unobserved_ids: Objects of these rows without a usable one, where the survey has no
            object table that would tell them (`SurveyChunks.objects` is None).
    """

    light_curves: LightCurves
    report: ReadReport
    rejects: pl.DataFrame = field(default_factory=no_rejects)
    unobserved_ids: pl.Series = field(default_factory=lambda: pl.Series(OBJECT_ID, [], pl.Int64))


class SurveyChunks:
    """The chunks of a survey; small enough to be pickled and sent to other processes.

    Args:
        survey: What the rows mean.
        labels: As in `Survey.read`.
        rows: The rows of the observation files.
        table: What is known of all objects.
        unreadable: Why other files of observations are left out; the first chunk's rejects
            have them.

    Attributes:
        taxonomy: The classes of the labels.
        zeropoint: AB magnitude of flux 1, or None where the survey's units have none.
    """

    def __init__(
        self,
        survey: Meaning,
        labels: bool,
        rows: FileRows,
        table: Held[WholeTable],
        unreadable: Mapping[Path, str],
    ) -> None:
        self._survey = survey
        self._labels = labels
        self._files = rows
        self._rows: FileRows | Buckets = rows
        self._table = table
        self._unreadable = dict(unreadable)
        self.taxonomy = table.get().taxonomy
        self.zeropoint = survey.zeropoint

    @property
    def objects(self) -> pl.DataFrame | None:
        """The canonical object table of the whole survey, None where observations carry it."""
        return self._table.get().objects

    @property
    def states_detections(self) -> bool:
        """Whether a file has a column that says what is a detection."""
        return DETECTED in self._files.columns

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self._rows)

    def read(self, index: int) -> Chunk:
        """Read one chunk; the first one tells what there is to tell of all.

        Every row of the files is in exactly one chunk, and which one depends on nothing
        but the files and the options.

        Raises:
            DataError: A file is damaged or does not hold what was described.
        """
        frame, rejects = self._rows.read(index)
        curves, report, unobserved = self._canonical(frame)
        observed = distinct_sorted(curves.observations[OBJECT_ID])
        own = curves.objects[positions(observed, curves.objects[OBJECT_ID])]
        table = self._table.get()
        if index == 0:
            report = replace(
                report, messages=(*report.messages, *table.messages, *self._left_out())
            )
            rejects = pl.concat([rejects, *self._unreadable_files()])
        if table.objects is not None:
            unobserved = unobserved.clear()
        return Chunk(replace(curves, objects=own), report, rejects, unobserved)

    def _left_out(self) -> list[str]:
        """Return what is said of files that cannot be read."""
        if not self._unreadable:
            return []
        first = next(iter(self._unreadable.values()))
        count = len(self._unreadable)
        if count == 1:
            return [f"1 file of observations cannot be read and is left out: {first}."]
        return [
            f"{count:,} files of observations cannot be read and are left out, such as: {first}."
        ]

    def _unreadable_files(self) -> list[pl.DataFrame]:
        """Return a reject for each of them, of no row, as none could be counted."""
        return [
            as_rejects(
                os.fsencode(path).decode(errors="replace"),
                {REJECT_REASON: [reason], REJECT_COUNT: [0]},
            )
            for path, reason in self._unreadable.items()
        ]

    def together(self, title: str) -> SurveyData:
        """Read all chunks at once.

        Args:
            title: What is being done.

        Raises:
            DataError: As in `read`, or there is no object with an observation.
        """
        files = self._files
        parts = [files.raw(k)[0] for k in tracked(range(len(files)), len(files), title, "chunks")]
        frame = pl.concat(parts, rechunk=True)
        del parts
        curves, report, _ = self._canonical(frame)
        check_common(report, curves.objects)
        unobserved = curves.objects.height - len(distinct_sorted(curves.observations[OBJECT_ID]))
        report = replace(
            report,
            objects_without_observations=unobserved,
            messages=(*report.messages, *self._table.get().messages),
        )
        return SurveyData(curves, report, self.taxonomy, self.zeropoint)

    def regrouped(self, folder: Path) -> SurveyChunks:
        """Return chunks of the same survey in which the rows of an object are together.

        For files in which they are not: all rows are written anew, sorted by object into
        Parquet files in a folder, which must live as long as these chunks do.

        Args:
            folder: Empty, missing or what an earlier call made of it.

        Raises:
            DataError: A file cannot be read.
            OutputError: The folder cannot be written to.
        """
        other, files = copy(self), self._files
        if not isinstance(self._rows, Buckets):
            other._rows = Buckets(map(files.raw, range(len(files))), len(files), folder)
        return other

    def count_rows(self) -> int | None:
        """Return the rows of the observation files, counted without reading their values.

        None where that takes as long as reading them.
        """
        return self._files.count_rows()

    def _canonical(self, frame: pl.DataFrame) -> tuple[LightCurves, ReadReport, pl.Series]:
        """Return rows with all objects that are known, and the ids of those without a good row."""
        survey = self._survey
        table = self._table.get().objects
        told = list(survey.remarks(frame))
        if table is None:
            metadata = tuple(survey.metadata)
            carried, absent = objects_of(frame, metadata)
            table = canonical_objects(carried, self.taxonomy if self._labels else None, metadata)
            told += [*absent, *implausible_metadata(table, metadata, survey.cure)]
        seen = distinct_sorted(frame[OBJECT_ID].cast(table.schema[OBJECT_ID]))
        rows, report = clean_rows(frame, table, survey.detection_snr)
        observed = distinct_sorted(rows[OBJECT_ID])
        unobserved = seen.filter(~within(seen, observed) & ~within(seen, report.orphan_ids))
        report = replace(
            report,
            objects_without_observations=len(unobserved),
            limits=int(frame[IS_LIMIT].sum() or 0) if IS_LIMIT in frame.columns else 0,
            messages=(*told, *report.messages),
        )
        return LightCurves(rows, table, survey.passbands), report, unobserved
