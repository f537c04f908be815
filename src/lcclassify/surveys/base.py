"""What every survey gives: canonical light curves and an account of how they were read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, Self

import polars as pl

from lcclassify.schema import LABEL, OBJECT_ID, Passbands, Taxonomy
from lcclassify.surveys.canonical import DETECTION_SNR, cast_observations
from lcclassify.surveys.chunks import (
    CHUNK_ROWS,
    OnError,
    SurveyChunks,
    SurveyData,
    WholeTable,
    check_on_error,
)
from lcclassify.surveys.report import ReadReport as ReadReport
from lcclassify.tables.held import Held
from lcclassify.tables.objectrows import FileRows
from lcclassify.tables.rowfile import FrameRows, RowFile

UNREADABLE: Final = "unreadable"  # of `MemorySurvey.tables`


class Opened(NamedTuple):
    """The files of a survey.

    Attributes:
        observations: Files of one row an observation.
        table: Reads the object table; picklable.
        id_type: Of all ids, Int64 or String; None for that of the object table.
        unreadable: Why other files of observations are left out.
    """

    observations: list[RowFile]
    table: Callable[[], WholeTable]
    id_type: pl.DataType | None = None
    unreadable: Mapping[Path, str] = MappingProxyType({})


def from_snr(limit: float) -> str:
    """Return in words that a signal-to-noise ratio makes an observation a detection."""
    return f"from flux / flux_err >= {limit:g}"


class Survey(ABC):
    """A set of raw files together with the knowledge of how to read them; picklable.

    Constructing a survey only checks its options; files are touched by `read`, `chunks` and
    `fingerprint`.

    Attributes:
        name: Short name, used in messages and folder names.
        passbands: The ordered passbands.
        taxonomy: The ordered classes; empty where only the files tell them, in which
            case `SurveyData.taxonomy` of `read` holds them.
        metadata: Names of the metadata columns.
        redshift: Metadata column of the redshift that all objects may have, for rest-frame
            times; None where there is none.
        detection_snr: flux / flux_err from which an observation is a detection if the files
            do not state it.
        zeropoint: AB magnitude of flux 1, or None where the survey's units have none.
        detections: Where it comes from whether an observation is a detection, in words.
        published: Whether these are the very objects that figures were published of.
        spectroscopic_redshift: Column of the catalogue with the best redshift of training
            objects, for augmentation alone; None where the survey has none that is known.
        cure: What is to be done where a value of metadata, ``{}``, stands for none; messages
            name no setting that the survey lacks.
    """

    name: str
    passbands: Passbands
    taxonomy: Taxonomy
    metadata: Any
    redshift: str | None = None
    detection_snr: float = DETECTION_SNR
    zeropoint: float | None = None
    detections: str = "as stated"
    published: bool = False
    spectroscopic_redshift: ClassVar[str | None] = None
    cure: str = "leave {} out of its files"

    def with_column(self, name: str) -> Self:
        """Return the same survey with another metadata column, last of all.

        Args:
            name: A column of the survey's catalogue; not one that is metadata already.
        """
        other = copy(self)
        other._add_column(name)
        return other

    def _add_column(self, name: str) -> None:
        self.metadata = (*self.metadata, name)

    def read(self, *, labels: bool = True) -> SurveyData:
        """Read all files into canonical tables.

        Args:
            labels: Whether the classes matter. False where nothing is learned or scored:
                an unknown class is then no error.

        Returns:
            The light curves, the report, the classes and the zero-point.

        Raises:
            DataError: If a file is missing, damaged or does not hold what was described.
            ConfigError: If the options contradict each other or the files.
        """
        return self.chunks(labels=labels).together(f"reading {self.name}")

    def chunks(
        self, *, labels: bool = True, rows: int = CHUNK_ROWS, on_error: OnError = "stop"
    ) -> SurveyChunks:
        """Return the survey as chunks of whole objects, for what the memory cannot hold.

        Args:
            labels: As in `read`.
            rows: Observations of a chunk, about. An object is never cut.
            on_error: ``stop`` raises on a row or a file of observations that cannot be read;
                ``quarantine`` lists it in a chunk's rejects and continues.

        Raises:
            DataError: If a file is missing, damaged or does not hold what was described.
            ConfigError: If the options contradict each other or the files.
        """
        check_on_error(on_error, rows)
        lenient = on_error == "quarantine"
        opened = self.open(labels, rows, lenient=lenient)
        table = Held(opened.table)
        objects = table.get().objects
        id_type = opened.id_type or (pl.Int64() if objects is None else objects.schema[OBJECT_ID])
        convert = partial(self.convert, id_type)
        files = FileRows(opened.observations, rows, convert, lenient=lenient)
        return SurveyChunks(self, labels, files, table, opened.unreadable)

    @abstractmethod
    def open(self, labels: bool, rows: int, *, lenient: bool) -> Opened:
        """Find the files of the survey and look into them.

        Args:
            labels: As in `chunks`.
            rows: Likewise.
            lenient: Whether files that cannot be read are left out.
        """

    def convert(
        self, id_type: pl.DataType, frame: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.Series | None]:
        """Return rows as `cast_observations` does, with ids of the type that all have."""
        return cast_observations(frame, self.passbands, id_type)

    def remarks(self, frame: pl.DataFrame) -> tuple[str, ...]:
        """Return what is to be told of rows that `convert` gave, apart from their numbers."""
        return ()

    def files(self) -> list[Path]:
        """Return the files or folders that are read, which no output may replace."""
        return []

    @abstractmethod
    def fingerprint(self) -> dict[str, Any]:
        """Describe everything that decides what `read` returns, for cache keys.

        Returns:
            A JSON-able description: the input files with their sizes and times of
            last change in nanoseconds, and all options.

        Raises:
            DataError: If an input file is missing.
        """


class MemorySurvey(Survey):
    """A survey of a format that is read whole, before any chunk of it.

    Attributes:
        root: Where its files are; None if there are none.
    """

    root: Path | None = None

    def open(self, labels: bool, rows: int, *, lenient: bool) -> Opened:
        """Make the tables, once in every process that asks for them."""
        tables: Held[dict[str, pl.DataFrame]] = Held(partial(self.tables, labels, lenient))
        place = self.root or Path(self.name)  # as messages call it
        files: list[RowFile] = [FrameRows(tables, "observations", place)]
        bad = tables.get().get(UNREADABLE, pl.DataFrame()) if lenient else pl.DataFrame()
        unreadable = {Path(file): reason for file, reason in bad.iter_rows()}
        table = partial(self._whole_table, tables, labels)
        return Opened(files, table, unreadable=unreadable)

    def _whole_table(self, tables: Held[dict[str, pl.DataFrame]], labels: bool) -> WholeTable:
        made = tables.get()
        taxonomy = self.taxonomy
        if labels and not len(taxonomy):
            classes = made["objects"][LABEL].drop_nulls().unique().sort()
            taxonomy = Taxonomy(tuple(classes.to_list()))
        messages = tuple(made["messages"]["message"])
        return WholeTable.of(made["objects"], self, labels, taxonomy, messages)

    @abstractmethod
    def tables(self, labels: bool, lenient: bool) -> dict[str, pl.DataFrame]:
        """Return ``observations`` and ``objects``, as `canonicalise` takes them.

        And ``messages``, a column ``message`` of what there is to say of them; and maybe
        `UNREADABLE`, columns ``file`` and ``reason`` of files that are left out.

        Args:
            labels: As in `chunks`.
            lenient: Whether observations without a meaning stay, to be rejected one by one, and
                damaged files are left out; else both may be refused.
        """
