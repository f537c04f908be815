"""Runs a job over all chunks of a survey so that a kill loses only the chunks begun."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final

import polars as pl

from lcclassify.errors import ConfigError, DataError, OutputError
from lcclassify.files import unwritable
from lcclassify.jobs.account import STAGES
from lcclassify.jobs.engines import ChunkJob, Engine
from lcclassify.jobs.result import ChunkedResult
from lcclassify.jobs.shards import ShardRecord, ShardStore
from lcclassify.locking import Lock
from lcclassify.parquet import read_parquet
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import SurveyChunks
from lcclassify.terminal import progress_bar

_SHARDS: Final = "shards"
_REGROUPED: Final = "regrouped"


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
        raise unwritable(work, error) from error
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
