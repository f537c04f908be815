"""What every survey gives: canonical light curves and an account of how they were read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from lcclassify.schema import LightCurves, Passbands, Taxonomy
from lcclassify.surveys.chunks import CHUNK_ROWS, OnError, SurveyChunks, check_on_error
from lcclassify.surveys.report import ReadReport as ReadReport
from lcclassify.surveys.whole import WholeChunks


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


class Survey(ABC):
    """A set of raw files together with the knowledge of how to read them.

    Constructing a survey only checks its options; files are touched by `read` and
    `fingerprint`.

    Attributes:
        name: Short name, used in messages and folder names.
        passbands: The ordered passbands.
        taxonomy: The ordered classes; empty where only the files tell them, in which
            case `SurveyData.taxonomy` of `read` holds them.
        metadata: Names of the metadata columns.
        spectroscopic_redshift: Column of the catalogue with the best redshift of training
            objects, for augmentation alone; None where the survey has none that is known.
    """

    name: str
    passbands: Passbands
    taxonomy: Taxonomy
    metadata: Any
    spectroscopic_redshift: ClassVar[str | None] = None

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

    @abstractmethod
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

    def chunks(
        self, *, labels: bool = True, rows: int = CHUNK_ROWS, on_error: OnError = "stop"
    ) -> SurveyChunks:
        """Return the survey as chunks of whole objects, for what the memory cannot hold.

        This one reads everything first; a survey that can do with less overrides it.

        Args:
            labels: As of `read`.
            rows: Observations of a chunk, about. An object is never cut.
            on_error: ``stop`` raises on a row that cannot be read; ``quarantine`` lists it
                in the chunk's rejects and goes on.

        Raises:
            DataError: If a file is missing, damaged or does not hold what was described.
            ConfigError: If the options contradict each other or the files.
        """
        check_on_error(on_error, rows)
        return WholeChunks(self, labels=labels, rows=rows)

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
