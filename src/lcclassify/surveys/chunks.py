"""A survey as chunks of whole objects, each read on its own and in any order.

What is too large for the memory is prepared and classified a chunk at a time, and
chunks share nothing: any process can read any of them, again if need be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from lcclassify.schema import OBJECT_ID, LightCurves, Taxonomy
from lcclassify.surveys import options
from lcclassify.surveys.report import ReadReport

OnError = Literal["stop", "quarantine"]
ON_ERROR: Final[tuple[OnError, ...]] = ("stop", "quarantine")

CHUNK_ROWS: Final = 250_000  # observations of a chunk, about: a hundred megabytes

# Columns of the table of rejects, one row a rejected row of a file or a rejected object.
REJECT_FILE: Final = "file"  # String; null where no one file is to blame
REJECT_LINE: Final = "line"  # Int64, counted from 1, of text files; null otherwise
REJECT_ROW: Final = "row"  # Int64, counted from 0, of Parquet files; null otherwise
REJECT_COUNT: Final = "rows"  # Int64, rows of the file that this entry stands for
REJECT_REASON: Final = "reason"  # String, a sentence
REJECT_SCHEMA: Final = {
    REJECT_FILE: pl.String,
    REJECT_LINE: pl.Int64,
    REJECT_ROW: pl.Int64,
    REJECT_COUNT: pl.Int64,
    OBJECT_ID: pl.String,  # as it stands in the file, null where it cannot be told
    REJECT_REASON: pl.String,
}


def place_of(reject: Mapping[str, Any]) -> str:
    """Return the file and the line or row of an entry of a table of rejects."""
    if reject[REJECT_LINE] is not None:
        return f"{reject[REJECT_FILE]}, line {reject[REJECT_LINE]}"
    return f"{reject[REJECT_FILE]}, row {reject[REJECT_ROW]}"


def no_rejects() -> pl.DataFrame:
    """Return an empty table of rejects."""
    return pl.DataFrame(schema=REJECT_SCHEMA)


def check_on_error(on_error: str, rows: int) -> None:
    """Check the arguments of `Survey.chunks`.

    Raises:
        ConfigError: One is none of those possible.
    """
    options.choice(on_error, ON_ERROR, "on_error")
    options.whole(rows, "chunk_rows", 1)


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


class SurveyChunks(ABC):
    """The chunks of a survey; small enough to be pickled and sent to other processes.

    Attributes:
        objects: The canonical object table of the whole survey, or None where the
            observations carry it.
        taxonomy: The classes of the labels.
        zeropoint: AB magnitude of flux 1, or None where the survey's units have none.
    """

    objects: pl.DataFrame | None
    taxonomy: Taxonomy
    zeropoint: float | None

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of chunks."""

    @abstractmethod
    def read(self, index: int) -> Chunk:
        """Read one chunk.

        Every row of the files is in exactly one chunk, and which one depends on nothing
        but the files and the options.

        Raises:
            DataError: A file is damaged or does not hold what was described.
        """

    @abstractmethod
    def regrouped(self, folder: Path) -> SurveyChunks:
        """Return chunks of the same survey in which the rows of an object are together.

        For files in which they are not: all rows are written anew, sorted by object into
        Parquet files in a folder, which must live as long as these chunks do.

        Args:
            folder: Empty or missing.

        Raises:
            DataError: A file cannot be read.
            OutputError: The folder cannot be written to.
        """

    def count_rows(self) -> int | None:
        """Return the rows of the observation files, counted without reading their values.

        None where that takes as long as reading them.
        """
        return None
