"""Keeps parsed tables as Parquet, so that slow formats are parsed once.

An entry is a folder named by the key of what made it. It appears whole (written
beside, then renamed) and carries the checksums of its files; whatever does not match
them is not used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from lcclassify.files import replaced_folder, sha256, write_json
from lcclassify.parquet import read_parquet

_CHECKSUMS: Final = "checksums.json"


def kept(
    folder: Path | None,
    name: str,
    description: Mapping[str, Any],
    make: Callable[[], Mapping[str, pl.DataFrame]],
) -> dict[str, pl.DataFrame]:
    """Return tables from the cache, or make them and keep them there.

    Args:
        folder: Folder of the cache; None makes them every time.
        name: What the entry's name begins with.
        description: JSON-able; all that decides what `make` returns.
        make: Makes the tables ``observations`` and ``objects``, and maybe others.

    Returns:
        The tables, and one called ``messages`` of what there is to tell.
    """
    told: list[str] = []
    if folder is None:
        tables = make()
    else:
        text = json.dumps(description, sort_keys=True)
        entry = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
        found = load(entry)
        if found is not None and {"observations", "objects"} <= set(found):
            tables = found
        else:
            tables = make()
            try:
                store(entry, tables)
            except OSError as fault:
                told = [f"The tables could not be kept in {entry}: {fault}."]
    if "messages" in tables:
        told = [*tables["messages"]["message"], *told]
    return {**tables, "messages": pl.DataFrame({"message": told}, {"message": pl.String})}


def load(entry: Path) -> dict[str, pl.DataFrame] | None:
    """Return the tables of an entry, or None if it is absent, incomplete or damaged."""
    try:
        checksums = json.loads((entry / _CHECKSUMS).read_text(encoding="utf-8"))
        tables = {}
        for name, checksum in checksums.items():
            file = entry / f"{name}.parquet"
            if sha256(file) != checksum:
                return None
            tables[name] = read_parquet(file)
    except (OSError, ValueError, AttributeError, pl.exceptions.PolarsError):
        return None
    return tables


def store(entry: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    """Write an entry whole, in place of a damaged one if there is any.

    Raises:
        OSError: If it cannot be written; an entry half written never has its name.
    """
    with replaced_folder(entry) as beside:
        checksums = {}
        for name, table in tables.items():
            table.write_parquet(beside / f"{name}.parquet")
            checksums[name] = sha256(beside / f"{name}.parquet")
        write_json(beside / _CHECKSUMS, checksums)
