"""What a finished job left: its shards, and an account of the whole survey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from lcclassify.errors import DataError
from lcclassify.inference.writer import write_table
from lcclassify.jobs.account import ORPHANS, REJECTS
from lcclassify.jobs.shards import ShardRecord, ShardStore
from lcclassify.parquet import read_parquet
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.base import ReadReport
from lcclassify.surveys.canonical import check_common
from lcclassify.surveys.chunks import REJECT_COUNT, SurveyChunks
from lcclassify.surveys.report import counted

_MAX_MESSAGES: Final = 20  # what surveys say about single chunks, told in all


@dataclass(frozen=True, eq=False)
class ChunkedResult:
    """What a job left behind, to be brought into its final form.

    Attributes:
        chunks: The survey; regrouped if its rows had to be.
        store: The shards.
        records: Of all chunks, in their order.
        sentences: On what was found and what was done.
        seconds: Sum over the chunks of what each stage took.
        elapsed: Seconds that this call took.
        n_made: Chunks that this call made.
    """

    chunks: SurveyChunks
    store: ShardStore
    records: list[ShardRecord]
    sentences: list[str]
    seconds: dict[str, float]
    elapsed: float
    n_made: int

    def ids(self, table: str) -> pl.Series:
        """Return all ids of a table, in the order of the shards."""
        paths = self.store.paths(self.records, table)
        if not paths:
            return pl.Series(OBJECT_ID, [], pl.Int64)
        return pl.concat([read_parquet(path, columns=[OBJECT_ID]) for path in paths])[OBJECT_ID]

    @cached_property
    def n_rejects(self) -> int:
        """The rows of the files that could not be read."""
        return sum(
            int(read_parquet(path, columns=[REJECT_COUNT])[REJECT_COUNT].sum())
            for path in self.store.paths(self.records, REJECTS)
        )

    def report(self, n_unobserved: int) -> ReadReport:
        """Return the account of the whole survey.

        Args:
            n_unobserved: Objects of the object table without a usable row.

        Raises:
            DataError: The tables have no object in common.
        """
        counts: dict[str, int] = {"rows_read": 0}
        messages: list[str] = []
        for record in self.records:
            part = record.account["report"]
            for field in fields(ReadReport):
                if isinstance(part.get(field.name), int):
                    counts[field.name] = counts.get(field.name, 0) + part[field.name]
            messages += [text for text in part["messages"] if text not in messages]
        if len(messages) > _MAX_MESSAGES:
            more = len(messages) - _MAX_MESSAGES
            messages = [*messages[:_MAX_MESSAGES], f"And {more:,} further remarks of this kind."]
        counts["objects_without_observations"] = n_unobserved
        report = ReadReport(**counts, orphan_ids=self.ids(ORPHANS).sort(), messages=tuple(messages))
        if self.chunks.objects is not None:
            check_common(report, self.chunks.objects)
        return report

    def check(self) -> None:
        """Check that no row was lost and none counted twice.

        Raises:
            DataError: The files have other numbers of rows than the chunks.
        """
        expected = self.chunks.count_rows()
        if expected is None:
            return
        read = sum(record.account["report"]["rows_read"] for record in self.records)
        rejected = self.n_rejects
        if read + rejected != expected:
            raise DataError(
                f"the files hold {expected:,} rows, but {read:,} were read and {rejected:,} "
                "rejected: they were changed meanwhile, or have rows that span lines"
            )

    def account(self, table: str, sentences: Sequence[str]) -> Account:
        """Check that all rows are accounted for, and return the account of the whole survey.

        Args:
            table: The shards' table with one row an object.
            sentences: On what was found before the chunks.

        Raises:
            DataError: The tables have no object in common, or rows are missing.
        """
        objects, ids = self.chunks.objects, self.ids(table)
        if objects is None:
            unobserved = ids.clear()
        elif not len(ids):
            unobserved = objects[OBJECT_ID]
        else:
            observed = ids.to_frame()
            missing = objects.select(OBJECT_ID).join(observed, on=OBJECT_ID, how="anti")
            unobserved = missing[OBJECT_ID]
        report = self.report(len(unobserved))
        self.check()
        said = [*report.sentences(), *sentences, *self.sentences]
        return Account(self, report, unobserved, said)


@dataclass(frozen=True, eq=False)
class Account:
    """What became of a survey's rows, as the end of a job tells it.

    Attributes:
        run: The finished job.
        report: Of the whole survey.
        unobserved: Ids of the object table that no chunk had.
        sentences: On what was found and done; what comes later is appended.
    """

    run: ChunkedResult
    report: ReadReport
    unobserved: pl.Series
    sentences: list[str]

    def write_rejects(self, path: Path) -> Path | None:
        """Write the list of rejected rows, if there are any, and say so.

        Args:
            path: File to write; one of an earlier run is removed.
        """
        files = self.run.store.paths(self.run.records, REJECTS)
        if not files:
            path.unlink(missing_ok=True)
            return None
        write_table((read_parquet(file) for file in files), path, "csv")
        told = []
        if self.run.n_rejects:
            told.append(counted(self.run.n_rejects, "row of the files", "rows of the files"))
        # An entry of no row is of a file that could not be opened.
        counts = pl.concat([read_parquet(file, columns=[REJECT_COUNT]) for file in files])
        if unopened := int((counts[REJECT_COUNT] == 0).sum()):
            told.append(counted(unopened, "whole file", "whole files"))
        self.sentences.append(f"{' and '.join(told)} could not be read: see {path.name}.")
        return path

    def counts(self) -> dict[str, Any]:
        """Return the counts of rows and objects."""
        counts = {
            field.name: getattr(self.report, field.name)
            for field in fields(ReadReport)
            if isinstance(getattr(self.report, field.name), int)
        }
        return {
            **counts,
            "rows_used": self.report.rows_kept,
            "rows_rejected": self.run.n_rejects,
            "chunks": len(self.run.records),
        }

    def manifest(self, rejects: Path | None, elapsed: float) -> dict[str, Any]:
        """Return what every manifest ends with.

        Args:
            rejects: File of the rejected rows, if there are any.
            elapsed: Seconds that the command took.
        """
        return {
            "rejects": None if rejects is None else rejects.name,
            "elapsed_seconds": round(elapsed, 3),
            "stage_seconds": {stage: round(value, 3) for stage, value in self.run.seconds.items()},
            "sentences": self.sentences,
        }


def stage_shares(seconds: Mapping[str, float]) -> str:
    """Return the share of each stage, such as ``read 20 %, write 80 %``."""
    total = sum(seconds.values()) or 1.0
    return ", ".join(f"{stage} {value / total:.0%}" for stage, value in seconds.items())
