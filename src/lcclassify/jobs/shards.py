"""The finished chunks of a long job, on disk: what a killed job need not do again.

A shard is the tables of one chunk as Parquet files and a record, written last, with
their checksums and an account of what was done. Everything is written beside its place
and renamed, so several processes may write shards of one job; a shard is there if its
record is, and counts if the files are what the record says.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import polars as pl

from lcclassify.errors import ConfigError
from lcclassify.files import (
    remove_unfinished,
    replaced_file,
    sha256,
    unfinished,
    unwritable,
    write_json,
)

_JOB: Final = "job.json"
_RECORD: Final = ".json"


@dataclass(frozen=True)
class ShardRecord:
    """What is known of a finished shard.

    Attributes:
        index: Number of the chunk.
        rows: Rows of each table.
        sha256: Checksum of each table's file.
        account: Plain values that the job wants back, such as counts.
        seconds: What each stage of the work took.
    """

    index: int
    rows: dict[str, int]
    sha256: dict[str, str]
    account: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class ShardStore:
    """A folder of shards; cheap to make anew in another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, job: Mapping[str, Any], *, restart: bool = False) -> None:
        """Make the folder, or accept one that holds shards of the very same job.

        Args:
            job: JSON-able; all that decides what the shards hold.
            restart: Whether to remove shards of any earlier job.

        Raises:
            ConfigError: The folder holds shards of another job.
            OutputError: It cannot be written to.
        """
        wanted = json.loads(json.dumps(job))
        try:
            if restart:
                self.remove()
            path = self.folder / _JOB
            if path.is_file() and self.begun():
                self._compare(path, wanted)
                remove_unfinished(self.folder)
                return
            # Without its job nobody can tell what shards are of.
            self.remove()
            self.folder.mkdir(parents=True)
            write_json(path, wanted)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def write(
        self,
        index: int,
        tables: Mapping[str, pl.DataFrame],
        account: Mapping[str, Any],
        seconds: Mapping[str, float],
    ) -> ShardRecord:
        """Write one shard; one that is there is replaced.

        Args:
            index: Number of the chunk.
            tables: Tables by name; empty ones are not written.
            account: Plain values that the job wants back.
            seconds: What the stages before writing took.

        Raises:
            OutputError: It cannot be written; no part of it then counts.
        """
        sums = {}
        begin = perf_counter()
        tables = {name: table for name, table in tables.items() if len(table)}
        try:
            for name, table in tables.items():
                path = self.path(index, name)
                with replaced_file(path) as partial:
                    write_shard_file(table, partial)
                    sums[name] = sha256(partial)
            rows = {name: len(table) for name, table in tables.items()}
            taken = {**seconds, "write": perf_counter() - begin}
            record = ShardRecord(index, rows, sums, dict(account), taken)
            write_json(self._record(index), asdict(record))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise unwritable(self.folder, error) from error
        return record

    def finished(self) -> tuple[dict[int, ShardRecord], list[int]]:
        """Return the whole shards by index, and the indices of damaged ones.

        A damaged shard's record is removed: the shard is to be made again.
        """
        whole, damaged = {}, []
        for path in sorted(self.folder.glob(f"*{_RECORD}")):
            if not path.stem.isdigit():
                continue
            record = self._read(path)
            if record is None:
                damaged.append(int(path.stem))
                path.unlink(missing_ok=True)
            else:
                whole[record.index] = record
        return whole, damaged

    def begun(self) -> bool:
        """Say whether there is a record of any shard."""
        return any(path.stem.isdigit() for path in self.folder.glob(f"*{_RECORD}"))

    def path(self, index: int, table: str) -> Path:
        """Return the file of a shard's table."""
        return self.folder / f"{index:06}.{table}.parquet"

    def paths(self, records: Iterable[ShardRecord], table: str) -> list[Path]:
        """Return the files of a table of those shards that have it, in their order."""
        return [self.path(record.index, table) for record in records if table in record.rows]

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        if self.folder.exists():
            # Renamed first: half a folder would look like one with damaged shards.
            doomed = unfinished(self.folder)
            self.folder.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)

    def _record(self, index: int) -> Path:
        return self.folder / f"{index:06}{_RECORD}"

    def _read(self, path: Path) -> ShardRecord | None:
        try:
            record = ShardRecord(**json.loads(path.read_text(encoding="utf-8")))
            if record.index != int(path.stem):
                return None
            for name, expected in record.sha256.items():
                if sha256(self.path(record.index, name)) != expected:
                    return None
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        return record

    def _compare(self, path: Path, wanted: dict[str, Any]) -> None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise ConfigError(f"'{path}' is damaged: pass restart=true to begin anew") from None
        if found == wanted:
            return
        keys = ", ".join(_differences(found, wanted))
        raise ConfigError(
            f"'{self.folder}' holds a begun job with another {keys}: resume with what it was begun "
            "with, or pass restart=true to begin anew"
        )


def write_shard_file(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, quickly: compressing its numbers saves less than a tenth."""
    table.write_parquet(path, compression="uncompressed", statistics=True)


def _differences(found: Any, wanted: Any, prefix: str = "") -> list[str]:
    """Return the dotted keys in which two plain values differ."""
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return [prefix or "description"]
    keys = sorted(set(found) | set(wanted), key=str)
    differing: list[str] = []
    for key in keys:
        if key not in found or key not in wanted or found[key] != wanted[key]:
            dotted = f"{prefix}.{key}" if prefix else str(key)
            differing += _differences(found.get(key), wanted.get(key), dotted)
    return differing
