"""The prepared set: arrays of many objects, in memory and on disk.

On disk it is a folder of three files that hold no code: `arrays.safetensors`,
`objects.parquet` and `names.json`. Labels are not part of it, so that a truth
column cannot reach a network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.files import replaced_folder, sha256, write_json
from lcclassify.parquet import read_parquet
from lcclassify.representations.arrays import map_arrays, write_arrays
from lcclassify.schema import OBJECT_ID

# Raise when the files change, or what the same settings put into them.
FORMAT_VERSION: Final = 3

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

    @classmethod
    def together(cls, parts: Iterable[PreparedSet], n_objects: int, n_nights: int) -> PreparedSet:
        """Return sets of further and further objects as one, with little more memory than it takes.

        Args:
            parts: At least one.
            n_objects: No fewer than they have.
            n_nights: Likewise; what is not needed costs nothing.
        """
        first: PreparedSet | None = None
        ids: list[pl.Series] = []
        offsets = [np.zeros(1, dtype=np.int64)]
        n = r = 0
        for part in parts:
            if first is None:
                first = part
                features = np.empty((n_objects, part.features.shape[1]))
                context = np.empty((n_objects, part.context.shape[1]))
                sequences = np.empty((n_nights, part.sequences.shape[1]), dtype=np.float32)
            features[n : n + len(part)] = part.features
            context[n : n + len(part)] = part.context
            sequences[r : r + len(part.sequences)] = part.sequences
            ids.append(part.object_ids)
            offsets.append(part.offsets[1:] + r)
            n, r = n + len(part), r + len(part.sequences)
        if first is None:
            raise ValueError("there is no set")
        return replace(
            first,
            object_ids=pl.concat(ids, rechunk=True),
            features=features[:n],
            context=context[:n],
            sequences=sequences[:r],
            offsets=np.concatenate(offsets),
        )

    def save(self, folder: Path) -> None:
        """Write the set to a folder, see `save_parts`.

        Raises:
            OSError: The folder cannot be written.
        """
        self.save_parts([self], folder)

    @staticmethod
    def save_parts(parts: Iterable[PreparedSet], folder: Path) -> None:
        """Write sets of further and further objects as one to a folder.

        It appears whole or not at all. A set that is there already is replaced, and stays if
        writing fails. One part is in memory at a time.

        Args:
            parts: At least one.
            folder: Where to.

        Raises:
            OSError: The folder cannot be written.
        """
        ids: list[pl.Series] = []
        names: dict[str, Any] = {"format_version": FORMAT_VERSION}

        def arrays() -> Iterator[dict[str, NDArray[Any]]]:
            rows = 0
            for part in parts:
                yield {
                    "features": part.features,
                    "context": part.context,
                    "sequences": part.sequences,
                    "offsets": part.offsets[1:] + rows if ids else part.offsets,
                }
                rows += len(part.sequences)
                ids.append(part.object_ids)
                names["features"] = part.feature_names
                names["context"] = part.context_names
                names["channels"] = part.channel_names

        with replaced_folder(folder) as partial:
            write_arrays(partial / ARRAYS, arrays())
            pl.concat(ids).to_frame(OBJECT_ID).write_parquet(partial / OBJECTS)
            names["sha256"] = {name: sha256(partial / name) for name in (ARRAYS, OBJECTS)}
            write_json(partial / NAMES, names)

    @classmethod
    def load(cls, folder: Path, *, check: bool = True) -> PreparedSet | None:
        """Map a saved set into memory; None if there is none or it is damaged.

        Args:
            folder: Where it is.
            check: Whether to look for damage, which takes as long as reading it.
        """
        try:
            names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
            if names["format_version"] != FORMAT_VERSION:
                return None
            files = (ARRAYS, OBJECTS) if check else ()
            if any(sha256(folder / name) != names["sha256"][name] for name in files):
                return None
            arrays = map_arrays(folder / ARRAYS)
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


def cache_key(parts: dict[str, Any]) -> str:
    """Return a short name for everything that made a prepared set.

    Args:
        parts: Plain values: the survey's fingerprint, the representation's state, the
            version of the code; anything that is not JSON is an error, so that nothing
            is left out silently.
    """
    text = json.dumps(parts, sort_keys=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
