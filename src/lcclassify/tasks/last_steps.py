"""The last steps of a classifier: calibration, unknown objects, prediction sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from lcclassify.evaluation.calibration import (
    classwise_calibration_error,
    expected_calibration_error,
)
from lcclassify.evaluation.coverage import coverage
from lcclassify.inference.conditions import TrainingConditions, quantities
from lcclassify.nn.conformal import PredictionSets
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.schema import Taxonomy
from lcclassify.tasks.inputs import TrainingInputs
from lcclassify.tasks.plan import Plan
from lcclassify.terminal import working
from lcclassify.training.calibrating import Calibrated, calibrated
from lcclassify.training.context import TrainingContext
from lcclassify.training.member_fit import predict_rows
from lcclassify.training.members import FittedMember
from lcclassify.training.seeds import derive_seed
from lcclassify.training.stacking import FittedHead
from lcclassify.training.unknown_fit import FittedUnknown, fit_unknown


@dataclass(frozen=True)
class LastSteps:
    """What follows the head.

    Attributes:
        calibration: How sure the classifier is, and for what shares of the classes, or None.
        unknown: What tells objects of no known class, or None.
        sets: What prediction sets are made with, or None.
    """

    calibration: Calibrated | None
    unknown: FittedUnknown | None
    sets: PredictionSets | None

    def provenance(self) -> dict[str, Any]:
        """Return plain values for the bundle."""
        found = {}
        if self.calibration is not None:
            found["calibration"] = self.calibration.summary
        if self.unknown is not None:
            found["unknown"] = self.unknown.summary()
        return found

    def sentences(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Return the same in words."""
        calibration = () if self.calibration is None else self.calibration.sentences
        unknown = () if self.unknown is None else self.unknown.sentences(taxonomy)
        return (*calibration, *unknown)


def coverage_of(
    sets: PredictionSets | None,
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    taxonomy: Taxonomy,
    level: float = 0.9,
    by: str = "class",
) -> dict[str, Any] | None:
    """Return how often sets hold the classes of objects, those of classes in no set left out."""
    if sets is None:
        return None
    promised = sets.thresholds(level, by).isfinite().numpy()[targets]
    if not promised.any():
        return None
    found = sets.sets(torch.as_tensor(probabilities[promised]), level, by).numpy()
    return coverage(found, targets[promised], taxonomy, level, by)


def detect_unknown(
    context: TrainingContext,
    plan: Plan,
    inputs: TrainingInputs,
    classifier: EnsembleClassifier,
    console: Console,
) -> FittedUnknown | None:
    """Give a classifier what tells objects of no known class, and say how well it does."""
    if plan.unknown is None:
        return None
    rows = context.split.rows("train")
    n_features = len(inputs.representation.feature_names)
    features = context.tensors.features[torch.as_tensor(rows)].cpu()[:, :n_features]
    settings = context.transform_settings.get("features", {})
    is_fitted = plan.mode == "holdout" and context.stream is None and settings != {"kind": "none"}
    with working(console, "leaving out classes in turn, to tell unknown objects"):
        found = fit_unknown(
            features,
            context.targets[rows],
            rows,
            context.taxonomy,
            plan.unknown,
            derive_seed(plan.seed, "unknown"),
            context.transforms(None).features if is_fitted else None,
            inputs.mismatched,
        )
    if found is not None:
        classifier.unknown = found.detector
        if classifier.calibration is not None:
            classifier.calibration.unseen.zero_()  # the detector deals their shares out
        for sentence in found.sentences(context.taxonomy):
            console.print(f"  {sentence}", highlight=False, soft_wrap=True)
    return found


def prediction_sets(
    context: TrainingContext,
    plan: Plan,
    classifier: EnsembleClassifier,
    fitted: list[FittedMember],
    meta: FittedHead | None,
    calibrated: Calibrated | None,
) -> PredictionSets | None:
    """Return what a classifier said of held-out objects, or None where none are held out."""
    drawn, rows = of_draws(context, fitted), fitted[0].rows
    if len(rows) == 0:
        return None
    if drawn is not None:
        values, owner = drawn
        probabilities, rows = _one_round(classifier, values), rows[owner]
    elif meta is not None and len(meta.cross_fitted):
        probabilities = meta.cross_fitted
    else:
        each = np.stack([member.held_out for member in fitted], axis=1)
        probabilities = _one_round(classifier, each)
    given = torch.as_tensor(probabilities)
    ratios = np.zeros(len(context.taxonomy))
    blind = None if calibrated is None else calibrated.held_out()
    if blind is not None:
        given = torch.as_tensor(blind)
    elif classifier.calibration is not None:
        given = classifier.calibration(given)
    if classifier.calibration is not None:
        ratios = classifier.calibration.log_ratios.numpy()
    present = torch.as_tensor(known_shares(context) > 0)
    given = given * present
    given = given / given.sum(1, keepdim=True)
    return PredictionSets.fitted(
        given, torch.as_tensor(context.targets[rows]), np.exp(ratios).tolist()
    )


def training_conditions(context: TrainingContext, inputs: TrainingInputs) -> TrainingConditions:
    """Return what the training objects are like, for comparison with what is classified."""
    fitted = inputs.representation
    compared = quantities(fitted.feature_names, fitted.metadata, fitted.redshift)
    rows = torch.as_tensor(context.split.rows("train"))
    features = context.tensors.features[rows].cpu()[:, : len(fitted.feature_names)]
    return TrainingConditions.of(features.numpy(), fitted.feature_names, list(compared))


def of_draws(
    context: TrainingContext, fitted: Sequence[FittedMember]
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """Return probabilities of draws of the held-out rows, ``(m, M, K)``, and the rows' positions.

    None where nothing is drawn.
    """
    rows, drawn = fitted[0].rows, np.stack([member.drawn for member in fitted], axis=2)
    if context.stream is None or not len(drawn) or not len(rows):
        return None
    number, owner = context.stream.resampled(rows, len(drawn), context.draw_seed)
    return drawn[number, owner], owner


def _one_round(
    classifier: EnsembleClassifier, probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what the head makes of members' probabilities ``(n, M, K)``, as it learned them."""
    one = EnsembleClassifier(classifier.first_round(), classifier.head)
    with torch.inference_mode():
        return one.combine(torch.as_tensor(probabilities[:, None])).numpy()


def calibrate(
    context: TrainingContext,
    plan: Plan,
    classifier: EnsembleClassifier,
    fitted: list[FittedMember],
    meta: FittedHead | None,
    known: NDArray[np.float64],
    console: Console,
) -> Calibrated | None:
    """Give a classifier its last step, where there is one, and say how that came about."""
    priors = plan.priors
    rows, drawn = fitted[0].rows, of_draws(context, fitted)
    held_out: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None
    owners = np.arange(len(rows))
    if drawn is not None:
        values, owners = drawn
        held_out = _one_round(classifier, values), context.targets[rows[owners]]
    elif _is_calibrated(plan) and meta is not None and len(meta.cross_fitted):
        held_out = meta.cross_fitted, context.targets[rows]
    elif context.stream is None and priors.kind == "training":
        return None
    unlabelled = None
    if priors.estimated:
        roles = [context.split.rows(role) for role in ("test", "unlabelled")]
        others = np.sort(np.concatenate(roles))
        if len(others):
            with working(console, "classifying the objects that shares are estimated from"):
                tensors = context.on_device()
                classifier.to(tensors.device)
                unlabelled = predict_rows(
                    classifier.forward, tensors, others, threads=context.workers
                )
                classifier.cpu()
    seed = derive_seed(plan.seed, "priors")
    n_training = len(context.split.rows("train"))
    found = calibrated(
        priors, context.taxonomy, known, n_training, held_out, unlabelled, seed, owners
    )
    if held_out is not None and found.chosen is not None and found.is_scaled:
        found.summary["reliability"] = {
            "before": _reliability(*held_out),
            "after": _reliability(found.chosen.out_of_fold, held_out[1]),
        }
    if context.stream is not None or priors.kind != "training" or found.is_scaled:
        classifier.calibration = found.calibration
    for sentence in found.sentences:
        console.print(f"  {sentence}", highlight=False, soft_wrap=True)
    return found


def _is_calibrated(plan: Plan) -> bool:
    """Tell whether probabilities of held-out objects as they are may be scaled.

    Those of a head that is trained by epochs are not, such as the paper's.
    """
    return plan.head is not None and plan.head.shrinkage is not None


def _reliability(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64]
) -> dict[str, float]:
    return {
        "ece": expected_calibration_error(probabilities, targets),
        "classwise_ece": classwise_calibration_error(probabilities, targets),
    }


def known_shares(context: TrainingContext) -> NDArray[np.float64]:
    """Return the shares of the classes among the training objects, ``(K,)``."""
    training = context.split.rows("train")
    return np.bincount(context.targets[training], minlength=len(context.taxonomy)) / len(training)
