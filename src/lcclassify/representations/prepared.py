"""The prepared set: arrays of many objects, in memory and on disk.

On disk it is a folder of three files that hold no code: `arrays.safetensors`,
`objects.parquet` and `names.json`. Labels are not part of it, so that a truth
column cannot reach a network.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Final
from uuid import uuid4

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lcclassify.parquet import read_parquet
from lcclassify.schema import OBJECT_ID

# Raise when the files change, or what the same settings put into them.
FORMAT_VERSION: Final = 2

ARRAYS: Final = "arrays.safetensors"
OBJECTS: Final = "objects.parquet"
NAMES: Final = "names.json"


@dataclass(frozen=True)
class PreparedSet:
    """Arrays of N objects with at least one observation each.

    Attributes:
        object_ids: ``(N,)`` ids, ascending.
        features: ``(N, F) float64``, NaN where undefined.
        feature_names: F names.
        context: ``(N, S) float64``, NaN where missing.
        context_names: S names.
        sequences: ``(R, C) float32``, the nights of all objects one after another.
        offsets: ``(N + 1,) int64``; object n has the rows ``offsets[n]:offsets[n + 1]``.
        channel_names: C names.
    """

    object_ids: pl.Series
    features: NDArray[np.float64]
    feature_names: tuple[str, ...]
    context: NDArray[np.float64]
    context_names: tuple[str, ...]
    sequences: NDArray[np.float32]
    offsets: NDArray[np.int64]
    channel_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.object_ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Nights of each object, ``(N,) int64``."""
        return np.diff(self.offsets)

    def save(self, folder: Path) -> None:
        """Write the set to a folder, which appears whole or not at all.

        A set that is there already is replaced, and stays if writing fails.

        Raises:
            OSError: The folder cannot be written.
        """
        partial = folder.with_name(f".{folder.name}.{uuid4().hex}.part")
        replaced = partial.with_suffix(".old")
        partial.mkdir(parents=True)
        try:
            arrays: dict[str, NDArray[Any]] = {
                "features": self.features,
                "context": self.context,
                "sequences": self.sequences,
                "offsets": self.offsets,
            }
            # safetensors writes the memory as it lies, whatever the strides say.
            arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            save_file(arrays, partial / ARRAYS)
            self.object_ids.to_frame(OBJECT_ID).write_parquet(partial / OBJECTS)
            names = {
                "format_version": FORMAT_VERSION,
                "sha256": {name: _digest(partial / name) for name in (ARRAYS, OBJECTS)},
                "features": self.feature_names,
                "context": self.context_names,
                "channels": self.channel_names,
            }
            (partial / NAMES).write_text(json.dumps(names), encoding="utf-8")
            if folder.exists():
                folder.rename(replaced)
            try:
                partial.rename(folder)
            except BaseException:
                if replaced.exists():
                    replaced.rename(folder)
                raise
        except SafetensorError as error:  # a full disk comes as this
            raise OSError(f"{folder} cannot be written: {error}") from error
        finally:
            rmtree(partial, ignore_errors=True)
            rmtree(replaced, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> PreparedSet | None:
        """Read a saved set; None if there is none or it is damaged."""
        try:
            names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
            if names["format_version"] != FORMAT_VERSION:
                return None
            if any(_digest(folder / name) != names["sha256"][name] for name in (ARRAYS, OBJECTS)):
                return None
            arrays = load_file(folder / ARRAYS)
            ids = read_parquet(folder / OBJECTS)[OBJECT_ID]
            consistent = (
                arrays["features"].shape == (len(ids), len(names["features"]))
                and arrays["context"].shape == (len(ids), len(names["context"]))
                and arrays["sequences"].shape == (arrays["offsets"][-1], len(names["channels"]))
            )
        except (OSError, ValueError, LookupError, TypeError):
            return None
        if not consistent:
            return None
        return cls(
            object_ids=ids,
            features=arrays["features"],
            feature_names=tuple(names["features"]),
            context=arrays["context"],
            context_names=tuple(names["context"]),
            sequences=arrays["sequences"],
            offsets=arrays["offsets"],
            channel_names=tuple(names["channels"]),
        )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cache_key(parts: dict[str, Any]) -> str:
    """Return a short name for everything that made a prepared set.

    Args:
        parts: Plain values: the survey's fingerprint, the representation's state, the
            version of the code; anything that is not JSON is an error, so that nothing
            is left out silently.
    """
    text = json.dumps(parts, sort_keys=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
