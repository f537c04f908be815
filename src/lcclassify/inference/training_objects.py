"""Some of a classifier's training objects, to be set beside what is classified."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from lcclassify.errors import BundleError, LcclassifyError
from lcclassify.hashing import object_keys
from lcclassify.nn.space import FeatureSpace, principal_space
from lcclassify.nn.unknown import UnknownDetector
from lcclassify.schema import OBJECT_ID

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FILE: Final = "training_objects.safetensors"

_FEWEST: Final = 20  # of a class, where it has as many
_SEED: Final = 7  # the same objects are chosen from the same training set
_SPACE: Final = "space."


@dataclass(frozen=True)
class Neighbour:
    """A training object near an object.

    Attributes:
        object_id: Its id.
        target: Position of its class.
        distance: From the object; 1 is the median distance of a kept training object from the
            nearest other one.
    """

    object_id: int | str
    target: int
    distance: float


@dataclass(frozen=True, eq=False)
class TrainingObjects:
    """n of the training objects.

    Attributes:
        ids: ``(n,)`` their ids, Int64 or String.
        targets: ``(n,)`` positions of their classes.
        counts: ``(K,)`` training objects of each class, of which these were drawn.
        places: ``(n, D) float32`` where they lie in a space.
        unit: Median distance from one of them to the nearest other one.
        quantities: ``(n, Q) float32`` features that have a word, NaN where undefined.
        quantity_names: Names of the Q features.
        space: The space; None for that of the classifier's detector of unknown objects.
    """

    ids: pl.Series
    targets: IntArray
    counts: IntArray
    places: NDArray[np.float32]
    unit: float
    quantities: NDArray[np.float32]
    quantity_names: tuple[str, ...]
    space: FeatureSpace | None

    @classmethod
    def of(
        cls,
        ids: pl.Series,
        targets: IntArray,
        counts: IntArray,
        features: FloatArray,
        feature_names: Sequence[str],
        compared: Sequence[str],
        detector: UnknownDetector | None,
    ) -> TrainingObjects:
        """Keep objects, in the detector's space or, without one, in one of their own.

        Args:
            ids: ``(n,)``, at least one.
            targets: ``(n,)``.
            counts: ``(K,)`` training objects of each class.
            features: ``(n, F)``, not finite where undefined.
            feature_names: Names of the F features.
            compared: Those to be kept.
            detector: What tells unknown objects, if anything does.
        """
        space = principal_space(features) if detector is None else detector
        places = space.components(torch.as_tensor(features))
        columns = [list(feature_names).index(name) for name in compared]
        kept = places.to(torch.float32).numpy()
        return cls(
            ids.rename(OBJECT_ID),
            targets,
            counts,
            kept,
            _typical_distance(kept.astype(np.float64)),
            _as_float32(np.where(np.isfinite(features), features, np.nan)[:, columns]),
            tuple(compared),
            space if detector is None else None,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def weights(self) -> FloatArray:
        """How many training objects each stands for, ``(n,)``."""
        kept = np.bincount(self.targets, minlength=len(self.counts))
        return np.asarray(self.counts[self.targets] / kept[self.targets], dtype=np.float64)

    def nearest(
        self, features: FloatArray, detector: UnknownDetector | None, number: int = 5
    ) -> tuple[Neighbour, ...]:
        """Return those nearest to an object, the nearest first.

        Args:
            features: ``(F,)`` of the object.
            detector: The classifier's.
            number: How many, if there are as many.
        """
        space = detector if self.space is None else self.space
        if space is None:
            raise BundleError(
                "training objects are kept in the space of a detector that is missing"
            )
        given = torch.as_tensor(features[None], device=space.projection.device)
        place = space.components(given)[0].cpu().numpy()
        distances = np.linalg.norm(self.places - place, axis=1) / self.unit
        return tuple(
            Neighbour(self.ids[int(i)], int(self.targets[i]), float(distances[i]))
            for i in np.argsort(distances, kind="stable")[:number]
        )

    def check(
        self, feature_names: Sequence[str], n_classes: int, detector: UnknownDetector | None
    ) -> None:
        """Refuse a bundle that they are not of.

        Raises:
            BundleError: They have other features, classes or another space.
        """
        space = detector if self.space is None else self.space
        fits = (
            len(self.counts) == n_classes
            and (self.targets < n_classes).all()
            and set(self.quantity_names) <= set(feature_names)
            and space is not None
            and space.n_features == len(feature_names)
            and space.projection.shape[1] == self.places.shape[1]
        )
        if not fits:
            raise BundleError("the training objects that the bundle keeps are of another bundle")

    def to_bytes(self) -> bytes:
        """Return the file of a bundle."""
        tensors = {
            "targets": torch.as_tensor(self.targets, dtype=torch.int32),
            "counts": torch.as_tensor(self.counts, dtype=torch.int64),
            "places": torch.as_tensor(self.places),
            "unit": torch.tensor(self.unit, dtype=torch.float64),
            "quantities": torch.as_tensor(self.quantities),
        }
        if self.ids.dtype == pl.String:
            texts = [text.encode() for text in self.ids]
            tensors["id_text"] = torch.tensor(list(b"".join(texts)), dtype=torch.uint8)
            tensors["id_ends"] = torch.tensor(np.cumsum([len(text) for text in texts]))
        else:
            tensors["ids"] = torch.as_tensor(self.ids.cast(pl.Int64).to_numpy().copy())
        if self.space is not None:
            tensors |= {f"{_SPACE}{k}": v for k, v in self.space.state_dict().items()}
        content: bytes = save_tensors({k: v.contiguous() for k, v in tensors.items()})
        return content

    def describe(self, content: bytes) -> dict[str, Any]:
        """Return plain values on the file for the bundle's document."""
        return {
            "sha256": hashlib.sha256(content).hexdigest(),
            "objects": len(self),
            "of": int(self.counts.sum()),
            "bytes": len(content),
            "quantities": list(self.quantity_names),
        }

    @classmethod
    def from_bytes(cls, content: bytes, described: Any) -> TrainingObjects:
        """Read what `to_bytes` gave.

        Args:
            content: Of the file.
            described: What `describe` gave.

        Raises:
            BundleError: It is damaged, or another file.
        """
        try:
            if hashlib.sha256(content).hexdigest() != described["sha256"]:
                raise BundleError(f"{FILE} is not the file that the bundle was written with")
            tensors = load_tensors(content)
            names = tuple(str(name) for name in described["quantities"])
            made = cls(
                _ids(tensors),
                tensors["targets"].numpy().astype(np.int64),
                tensors["counts"].numpy(),
                tensors["places"].numpy(),
                float(tensors["unit"]),
                tensors["quantities"].numpy(),
                names,
                _space(tensors),
            )
            n = len(made)
            good = (
                n > 0
                and made.targets.shape == (n,)
                and made.counts.ndim == 1
                and made.places.ndim == 2
                and len(made.places) == n
                and made.quantities.shape == (n, len(names))
                and made.targets.min() >= 0
                and np.isfinite(made.places).all()
                and np.isfinite(made.unit)
                and made.unit > 0
            )
        except BundleError:
            raise
        except (SafetensorError, LcclassifyError, KeyError, TypeError, ValueError, RuntimeError,
                AttributeError) as error:  # fmt: skip
            reason = " ".join(str(error).split())
            raise BundleError(f"{FILE} is damaged: {reason}") from error
        if not good:
            raise BundleError(f"{FILE} is damaged: its parts do not fit together")
        return made


def chosen(ids: pl.Series, targets: IntArray, most: int) -> IntArray:
    """Return positions of the objects to keep, ascending.

    Of each class its share of `most`, and 20 at least where it has as many; which ones, the ids
    alone decide.

    Args:
        ids: ``(N,)``.
        targets: ``(N,)``.
        most: About how many.
    """
    if len(ids) <= most:
        return np.arange(len(ids))
    classes, counts = np.unique(targets, return_counts=True)
    fewest = min(_FEWEST, most // len(classes))
    keys = object_keys(ids, _SEED)
    kept = []
    for k, count in zip(classes, counts, strict=True):
        own = np.flatnonzero(targets == k)
        number = max(round(most * count / len(ids)), fewest)
        kept.append(own[np.argsort(keys[own], kind="stable")[:number]])
    found: IntArray = np.sort(np.concatenate(kept))
    return found


def _typical_distance(places: FloatArray) -> float:
    """Return the median distance to the nearest other place, 1 where that tells nothing."""
    from scipy.spatial import KDTree

    if len(places) < 2:
        return 1.0
    distances, _ = KDTree(places).query(places, k=2)
    return float(np.median(distances[:, 1])) or 1.0


def _ids(tensors: dict[str, Tensor]) -> pl.Series:
    if "ids" in tensors:
        return pl.Series(OBJECT_ID, tensors["ids"].numpy())
    text = tensors["id_text"].numpy().tobytes()
    ends = tensors["id_ends"].tolist()
    texts = [text[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
    return pl.Series(OBJECT_ID, texts, dtype=pl.String)


def _space(tensors: dict[str, Tensor]) -> FeatureSpace | None:
    state = {k.removeprefix(_SPACE): v for k, v in tensors.items() if k.startswith(_SPACE)}
    if not state:
        return None
    made = FeatureSpace(*state["projection"].shape)
    made.load_state_dict(state)
    return made.eval()


def _as_float32(values: FloatArray) -> NDArray[np.float32]:
    """Return values with the largest number in place of what is beyond it; NaN stays."""
    most = np.finfo(np.float32).max
    return np.clip(values, -most, most).astype(np.float32)
