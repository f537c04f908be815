"""Whether classified objects are like the training objects, and what accuracy to expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.inference.conditions import (
    Difference,
    TrainingConditions,
    differences,
    quantities,
    told,
)
from lcclassify.inference.expected import ExpectedAccuracy, expected_accuracy
from lcclassify.inference.predictions import CLASS_PREFIX, REASON
from lcclassify.inference.told_apart import ToldApart, merged, sampled, told_apart
from lcclassify.jobs.result import ChunkedResult
from lcclassify.parquet import read_parquet
from lcclassify.schema import FLUX, FLUX_ERR, OBJECT_ID, LightCurves
from lcclassify.tasks.classify_job import COMPARED

if TYPE_CHECKING:
    from lcclassify.inference.bundle import Bundle
    from lcclassify.inference.predictor import Predictor
    from lcclassify.inference.training_objects import TrainingObjects
    from lcclassify.tasks.inputs import TrainingInputs
    from lcclassify.training.context import TrainingContext

_MOST_READ: Final = 50_000  # objects whose probabilities are looked at
_FEWEST: Final = 100  # objects that are compared before training, at least
_MOST_FORETOLD: Final = 20_000  # and at most
_SIGNIFICANCE: Final = "flux_ratio_sq_max"  # the feature of this name
_WARNING: Final = 0.2  # distance of distributions from which a survey is said to be another one
_CURE: Final = (
    "A training with experiment=at_large sees its objects as they would look in the survey to be "
    "classified."
)
_BEGINNINGS: Final = (
    "What was known of them so early is compared with whole light curves; a training with "
    "augment=early learns from such beginnings."
)


@dataclass(frozen=True)
class Shift:
    """How classified objects differ from those that were trained on.

    Attributes:
        differences: Of quantities, the largest first; none where the bundle is older.
        expected: The accuracy to be expected; None where nothing was classified.
        apart: How well a classifier tells the two apart; None where the bundle keeps no
            training objects, or of few.
        who: What the objects are, to begin a sentence with.
        is_drawn: Whether the training objects were drawn as they would look in a target survey.
        classes: The K labels; none where nothing is expected.
        early: Whether the objects are looked at before all of them was observed.
    """

    differences: Sequence[Difference]
    expected: ExpectedAccuracy | None
    apart: ToldApart | None = None
    who: str = "These objects"
    is_drawn: bool = False
    classes: tuple[str, ...] = ()
    early: bool = False

    @property
    def distance(self) -> float:
        """Largest difference of a quantity's distribution, 0 to 1."""
        return max((one.distance for one in self.differences), default=0.0)

    def warning(self) -> str | None:
        """Return a warning where objects are unlike the training objects."""
        if self.distance < _WARNING:
            return None
        return (
            f"{self.who} are unlike the training objects: probabilities, sets and accuracies found "
            "there need not hold here."
        )

    def advice(self) -> list[str]:
        """Return the warning, if there is one, and what to do."""
        if (warning := self.warning()) is None:
            return []
        if self.early:
            return [warning, _BEGINNINGS]
        return [warning] if self.is_drawn else [warning, _CURE]

    def sentences(self, accuracy: float | None) -> list[str]:
        """Return everything in words.

        Args:
            accuracy: The one that was found, where there are labels.
        """
        said = self.advice()
        if beyond := told(self.differences):
            said += ["Beside the training objects:", *(f"  {sentence}" for sentence in beyond)]
        if self.apart is not None:
            said.append(self.apart.sentence(self.who[0].lower() + self.who[1:]))
        if self.expected is not None:
            found = "" if accuracy is None else f"; found: {accuracy:.3f}"
            said.append(
                f"Expected accuracy: {self.expected.low:.3f} to {self.expected.high:.3f} (95 %), "
                f"depending on the shares of the classes{found}."
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the manifest."""
        expected = self.expected
        return {
            "distance": self.distance,
            "warning": " ".join(self.advice()) or None,
            "auc": None if self.apart is None else self.apart.auc,
            "auc_by_chance": None if self.apart is None else self.apart.by_chance,
            "sentences": told(self.differences),
            "rows": [
                {
                    "what": one.quantity.what,
                    "distance": one.distance,
                    "below_training": one.below,
                    "above_training": one.above,
                    "missing": one.undefined,
                }
                for one in self.differences
            ],
            "expected_accuracy": (
                None if expected is None else [expected.value, expected.low, expected.high]
            ),
            "estimated_shares": (
                None
                if expected is None
                else dict(zip(self.classes, expected.shares.tolist(), strict=True))
            ),
        }


def shift_of(
    run: ChunkedResult, paths: Sequence[Path], predictor: Predictor, *, early: bool
) -> Shift | None:
    """Compare what was classified with the training objects.

    Args:
        run: What was classified.
        paths: Its predictions.
        predictor: What classified it.
        early: Whether only the beginnings of light curves were looked at.

    Returns:
        None where the bundle is of a format that does not tell what it was trained on.
    """
    bundle = predictor.bundle
    conditions = bundle.conditions
    if conditions is None:
        return None
    sums: dict[str, NDArray[np.int64]] = {}
    for record in run.records:
        for name, counts in record.account.get("conditions", {}).items():
            sums[name] = sums.get(name, np.zeros(len(counts), np.int64)) + np.array(counts)
    fitted = bundle.representation
    compared = quantities(fitted.feature_names, fitted.metadata, fitted.redshift)
    found = differences(
        conditions, {name: counts.tolist() for name, counts in sums.items()}, compared
    )
    probabilities = _some(paths, bundle.taxonomy.classes)
    expected = None
    if len(probabilities) and predictor.shares is not None:
        sets = bundle.classifier.sets
        distance = max((one.distance for one in found), default=0.0)
        expected = expected_accuracy(
            probabilities, predictor.shares, 0 if sets is None else len(sets.given), distance
        )
    return Shift(
        found,
        expected,
        _apart(run, bundle),
        is_drawn=_is_drawn(bundle),
        classes=bundle.taxonomy.classes,
        early=early,
    )


def shift_of_test(
    context: TrainingContext,
    inputs: TrainingInputs,
    conditions: TrainingConditions,
    kept: TrainingObjects | None,
    *,
    is_drawn: bool,
) -> Shift | None:
    """Compare the test objects of a training run with its training objects.

    Args:
        context: With the features of all objects.
        inputs: With their ids.
        conditions: What the training objects are like.
        kept: Some of them, if any are kept.
        is_drawn: Whether they were drawn as they would look among the test objects.

    Returns:
        None without test objects.
    """
    import torch

    rows = context.split.rows("test")
    if not len(rows):
        return None
    fitted = inputs.representation
    names = fitted.feature_names
    features = context.tensors.features[torch.as_tensor(rows)].cpu()[:, : len(names)].numpy()
    compared = quantities(names, fitted.metadata, fitted.redshift)
    found = differences(conditions, conditions.counts(features, names), compared)
    apart = None
    if kept is not None:
        here = sampled(kept, inputs.objects[OBJECT_ID][rows], features, names)
        apart = told_apart(kept, here)
    return Shift(found, None, apart, who="The test objects", is_drawn=is_drawn)


def foretold(
    curves: LightCurves, training: pl.Series, others: pl.Series, redshift: str | None
) -> Shift | None:
    """Compare objects with the training objects before anything is prepared.

    Args:
        curves: All light curves.
        training: Ids of the training objects.
        others: Ids of the objects to be classified, with a class or without.
        redshift: Column of the photometric redshift.

    Returns:
        Differences in significance and redshift; None where there are few objects of either.
    """
    if min(len(training), len(others)) < _FEWEST:
        return None
    names = [_SIGNIFICANCE, *([] if redshift is None else [redshift])]
    known, new = (_measured(curves, ids, names) for ids in (training, others))
    conditions = TrainingConditions.of(known, names, names)
    compared = quantities(names, (), redshift)
    found = differences(conditions, conditions.counts(new, names), compared)
    return Shift(found, None, who="The objects to be classified")


def _measured(curves: LightCurves, ids: pl.Series, names: Sequence[str]) -> NDArray[np.float64]:
    """Return features of some of the objects, ``(n, F)``, NaN where undefined."""
    ids = ids.gather_every(-(-len(ids) // _MOST_FORETOLD))
    chosen = curves.observations.filter(pl.col(OBJECT_ID).is_in(ids.implode()))
    ratio = (pl.col(FLUX) / pl.col(FLUX_ERR)) ** 2
    significance = chosen.group_by(OBJECT_ID).agg(ratio.max().alias(_SIGNIFICANCE))
    table = curves.objects.filter(pl.col(OBJECT_ID).is_in(ids.implode()))
    table = table.join(significance, on=OBJECT_ID, how="left")
    return table.select(pl.col(names).cast(pl.Float64).fill_null(np.nan)).to_numpy()


def _apart(run: ChunkedResult, bundle: Bundle) -> ToldApart | None:
    kept = bundle.training_objects
    if kept is None:
        return None
    here = merged(read_parquet(path) for path in run.store.paths(run.records, COMPARED))
    return None if here is None else told_apart(kept, here)


def _is_drawn(bundle: Bundle) -> bool:
    """Whether a bundle's training objects were drawn as they would look in a target survey."""
    augmentation = bundle.provenance.get("augmentation") or {}
    return isinstance(augmentation, dict) and augmentation.get("target", "none") != "none"


def _some(paths: Sequence[Path], classes: Sequence[str]) -> NDArray[np.float64]:
    """Return probabilities ``(n, K)`` of objects from all over, some tens of thousands at most."""
    names = [f"{CLASS_PREFIX}{label}" for label in classes]
    most = max(_MOST_READ // max(len(paths), 1), 1)
    parts = [np.zeros((0, len(names)))]
    for path in paths:
        table = read_parquet(path, columns=[*names, REASON]).filter(pl.col(REASON).is_null())
        step = -(-len(table) // most) if len(table) else 1
        parts.append(table.select(names).gather_every(step).to_numpy())
    return np.concatenate(parts)
