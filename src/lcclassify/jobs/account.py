"""What a shard tells of its chunk: rows that were not used, and what each stage took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from time import perf_counter
from typing import Any, Final

import polars as pl

from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import Chunk

# Tables of a shard.
ORPHANS: Final = "orphans"  # ids of objects without a row in the object table
REJECTS: Final = "rejects"

STAGES: Final = ("read", "prepare", "infer", "write")


class Stages:
    """Seconds spent in each stage of a chunk."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what is done inside towards a stage."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - begin


def account_tables(chunk: Chunk) -> dict[str, pl.DataFrame]:
    """Return the tables of what is wrong with a chunk, none where nothing is."""
    tables = {}
    if len(chunk.report.orphan_ids):
        tables[ORPHANS] = chunk.report.orphan_ids.to_frame(OBJECT_ID)
    if len(chunk.rejects):
        tables[REJECTS] = chunk.rejects
    return tables


def account_of(chunk: Chunk) -> dict[str, Any]:
    """Return the plain values of a chunk's report."""
    report = asdict(replace(chunk.report, orphan_ids=pl.Series(OBJECT_ID, [], pl.Int64)))
    del report["orphan_ids"]
    report["messages"] = list(chunk.report.messages)
    return {"report": report}
