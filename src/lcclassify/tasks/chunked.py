"""Runs a job over all chunks of a survey so that a kill loses only the chunks begun."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final

import polars as pl

from lcclassify.errors import ConfigError, DataError, OutputError
from lcclassify.inference.shards import ShardRecord, ShardStore
from lcclassify.locking import Lock
from lcclassify.parquet import read_parquet
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.base import ReadReport
from lcclassify.surveys.canonical import check_common
from lcclassify.surveys.chunks import REJECT_COUNT, SurveyChunks
from lcclassify.tasks.engines import ChunkJob, Engine
from lcclassify.tasks.jobs import ORPHANS, REJECTS, STAGES
from lcclassify.terminal import progress_bar

_SHARDS: Final = "shards"
_REGROUPED: Final = "regrouped"
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

    def n_rejects(self) -> int:
        """Return the rows of the files that could not be read."""
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
        rejected = self.n_rejects()
        if read + rejected != expected:
            raise DataError(
                f"the files hold {expected:,} rows, but {read:,} were read and {rejected:,} "
                "rejected: they were changed meanwhile, or have rows that span lines"
            )


def run_chunks(
    chunks: SurveyChunks,
    make_job: Callable[[SurveyChunks, ShardStore], ChunkJob],
    *,
    engine: Engine,
    work: Path,
    description: Mapping[str, Any],
    table: str,
    title: str,
    restart: bool,
) -> ChunkedResult:
    """Have every chunk worked on that is not finished already.

    Args:
        chunks: The survey.
        make_job: Gives the job for a survey's chunks and a place for shards.
        engine: Who works.
        work: Folder for what a later call resumes from. The caller removes it with
            `remove_work` when it has what it wants.
        description: JSON-able; all that decides what the shards hold.
        table: The shards' table with one row an object.
        title: What is being done, such as ``classifying plasticc``.
        restart: Whether to begin anew where an earlier call was stopped.

    Returns:
        What the shards are.

    Raises:
        ConfigError: The folder holds a begun job of another description, or another
            process works on it.
        DataError: The survey's files are not as described.
        OutputError: The folder cannot be written to.
    """
    begin = perf_counter()
    sentences: list[str] = []
    store = ShardStore(work / _SHARDS)
    store.begin(description, restart=restart)
    regrouped = _place_of_regrouped(work, description)
    apart = regrouped.exists()
    if apart:
        chunks = chunks.regrouped(regrouped)
    while True:
        records, damaged = store.finished()
        if damaged:
            sentences.append(
                f"{len(damaged):,} damaged {'shard was' if len(damaged) == 1 else 'shards were'} "
                "made again."
            )
        if records:
            sentences.append(f"{len(records):,} of {len(chunks):,} chunks were there already.")
        n_before = len(records)
        clash = _run(make_job(chunks, store), chunks, records, engine, store, table, title)
        if clash is None:
            break
        if apart:
            raise DataError(f"the rows of object {clash} are in several chunks, though regrouped")
        # Its rows lie further apart than a chunk reaches: nothing of it can be right.
        sentences.append(
            f"The rows of object {clash} lie apart in the files: they were regrouped by object "
            "first."
        )
        store.begin(description, restart=True)
        chunks, apart = chunks.regrouped(regrouped), True
    ordered = [records[index] for index in sorted(records)]
    seconds = {stage: sum(record.seconds.get(stage, 0.0) for record in ordered) for stage in STAGES}
    return ChunkedResult(
        chunks=chunks,
        store=store,
        records=ordered,
        sentences=sentences,
        seconds={stage: value for stage, value in seconds.items() if value},
        elapsed=perf_counter() - begin,
        n_made=len(ordered) - n_before,
    )


def _place_of_regrouped(work: Path, description: Mapping[str, Any]) -> Path:
    """Return the folder of regrouped rows, and remove those of other jobs and killed ones."""
    words = json.dumps(description, sort_keys=True).encode()
    place = work / f"{_REGROUPED}-{hashlib.sha256(words).hexdigest()[:16]}"
    for folder in [*work.glob(f"{_REGROUPED}-*"), *work.glob(f".{_REGROUPED}-*")]:
        if folder != place:
            shutil.rmtree(folder, ignore_errors=True)
    return place


@contextmanager
def working_folder(work: Path) -> Iterator[None]:
    """Hold a folder that no other process may work in at the same time.

    It stays if something is in it that a later call can resume from.

    Raises:
        ConfigError: Another process has it.
        OutputError: It cannot be made; or one raised inside, which then says how to resume.
    """
    lock = Lock(work / "lock")
    try:
        taken = lock.acquire(wait=False)
    except OSError as error:
        raise OutputError(f"'{work}' cannot be written: {error.strerror or error}") from error
    if not taken:
        raise ConfigError(f"another process is writing to '{work}'")
    try:
        yield
    except OutputError as error:
        if not ShardStore(work / _SHARDS).begun():
            raise
        raise OutputError(
            f"{error}; what is finished stays in '{work}', and the same command resumes from it"
        ) from error
    finally:
        # Once the lock is released the folder may be another process's.
        if lock.holds() and not ShardStore(work / _SHARDS).begun():
            remove_work(work)
        lock.release()


def remove_work(work: Path) -> None:
    """Remove a job's folder when its result is in its place."""
    ShardStore(work).remove()


def stage_shares(seconds: Mapping[str, float]) -> str:
    """Return the share of each stage, such as ``read 20 %, write 80 %``."""
    total = sum(seconds.values()) or 1.0
    return ", ".join(f"{stage} {value / total:.0%}" for stage, value in seconds.items())


class _Ledger:
    """The ids of finished chunks, to notice one that is in two of them."""

    def __init__(self) -> None:
        self._parts: list[tuple[Any, Any, pl.Series]] = []

    def add(self, ids: pl.Series) -> object:
        """Add a chunk's ids; return one that was there already, or None."""
        if not len(ids):
            return None
        low, high = ids.min(), ids.max()
        for other_low, other_high, others in self._parts:
            if low <= other_high and other_low <= high:
                both = ids.filter(ids.is_in(others.implode()))
                if len(both):
                    return both[0]
        self._parts.append((low, high, ids))
        return None


def _run(
    job: ChunkJob,
    chunks: SurveyChunks,
    records: dict[int, ShardRecord],
    engine: Engine,
    store: ShardStore,
    table: str,
    title: str,
) -> object:
    """Complete the records; return an object that is in two chunks, or None."""
    ledger = _Ledger()

    def ids_of(record: ShardRecord) -> pl.Series:
        if table not in record.rows:
            return pl.Series(OBJECT_ID, [], pl.Int64)
        return read_parquet(store.path(record.index, table), columns=[OBJECT_ID])[OBJECT_ID]

    total = None if chunks.objects is None else len(chunks.objects)
    with progress_bar(total, title, "objects") as advance:
        for record in records.values():
            clash = ledger.add(ids_of(record))
            if clash is not None:
                return clash
            advance(record.rows.get(table, 0))
        missing = [index for index in range(len(chunks)) if index not in records]
        running = engine.run(job, missing)
        try:
            for record in running:
                records[record.index] = record
                clash = ledger.add(ids_of(record))
                if clash is not None:
                    return clash
                advance(record.rows.get(table, 0))
        except KeyboardInterrupt as stop:
            try:  # noqa: SIM105, no call may come before it is tried
                sleep(0)
            except KeyboardInterrupt:
                pass  # where Polars raised the first one, Python's own comes after it
            raise KeyboardInterrupt(
                f"interrupted; {len(records):,} of {len(chunks):,} chunks are finished, and the "
                "same command resumes with the others"
            ) from stop
        finally:
            close = getattr(running, "close", None)
            if close is not None:
                close()
    return None


def account_of(result: ChunkedResult, report: ReadReport) -> dict[str, Any]:
    """Return the counts of a job's manifest."""
    counts = {
        field.name: getattr(report, field.name)
        for field in fields(ReadReport)
        if isinstance(getattr(report, field.name), int)
    }
    return {
        **counts,
        "rows_used": report.rows_kept,
        "rows_rejected": result.n_rejects(),
        "chunks": len(result.records),
    }


def concatenated_rejects(result: ChunkedResult) -> Sequence[Path]:
    """Return the files of the tables of rejects."""
    return result.store.paths(result.records, REJECTS)
