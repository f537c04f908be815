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
from tempfile import mkdtemp
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lcclassify.schema import OBJECT_ID

FORMAT_VERSION = 1


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
        """Write the set to a new folder, which appears whole or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        try:
            save_file(
                {
                    "features": self.features,
                    "context": self.context,
                    "sequences": self.sequences,
                    "offsets": self.offsets,
                },
                partial / "arrays.safetensors",
            )
            self.object_ids.to_frame(OBJECT_ID).write_parquet(partial / "objects.parquet")
            names = {
                "format_version": FORMAT_VERSION,
                "features": self.feature_names,
                "context": self.context_names,
                "channels": self.channel_names,
            }
            (partial / "names.json").write_text(json.dumps(names))
            if folder.exists():
                rmtree(folder)
            partial.rename(folder)
        finally:
            rmtree(partial, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> PreparedSet | None:
        """Read a saved set; None if there is none or it is damaged."""
        try:
            names = json.loads((folder / "names.json").read_text())
            arrays = load_file(folder / "arrays.safetensors")
            ids = pl.read_parquet(folder / "objects.parquet")[OBJECT_ID]
        except (OSError, ValueError, SafetensorError, pl.exceptions.PolarsError):
            return None
        consistent = (
            names.get("format_version") == FORMAT_VERSION
            and arrays["features"].shape == (len(ids), len(names["features"]))
            and arrays["context"].shape == (len(ids), len(names["context"]))
            and arrays["sequences"].shape == (arrays["offsets"][-1], len(names["channels"]))
            and len(arrays["offsets"]) == len(ids) + 1
        )
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


def cache_key(parts: dict[str, Any]) -> str:
    """Return a short name for everything that made a prepared set.

    Args:
        parts: Plain values: the survey's fingerprint, the representation's state, the
            version of the code; anything that is not JSON is an error, so that nothing
            is left out silently.
    """
    text = json.dumps(parts, sort_keys=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
