"""The probabilities that a training run is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.tasks.last_steps import of_draws
from lcclassify.tasks.plan import Plan
from lcclassify.tasks.results import Scored
from lcclassify.training.calibrating import Calibrated
from lcclassify.training.context import TrainingContext
from lcclassify.training.member_fit import predict_rows
from lcclassify.training.members import FittedMember
from lcclassify.training.stacking import FittedHead
from lcclassify.training.unknown_fit import FittedUnknown

WHAT: Final = {
    "test": "test objects",
    "held_out": "held-out objects, drawn like the training ones",
}


@dataclass(frozen=True)
class Scoring:
    """A finished training and the objects it can be scored on.

    Attributes:
        context: What the members were trained with.
        plan: The run's plan.
        ids: Object ids of all rows.
        classifier: The final classifier.
        fitted: Its members.
        meta: Its head, if it has one.
        unknown: What tells objects of no known class, if anything does.
        calibrated: How the last step came about, if there is one.
    """

    context: TrainingContext
    plan: Plan
    ids: pl.Series
    classifier: EnsembleClassifier
    fitted: Sequence[FittedMember]
    meta: FittedHead | None
    unknown: FittedUnknown | None
    calibrated: Calibrated | None

    def of(self, role: str) -> Scored:
        """Return what the classifier says of the objects of a role, one of `WHAT`."""
        rows = self.context.split.rows(role)
        tensors = self.context.on_device()
        self.classifier.to(tensors.device)
        rounds = predict_rows(
            self.classifier.round_probabilities, tensors, rows, threads=self.context.workers
        )
        features = self.context.tensors.features[torch.as_tensor(rows)].cpu()
        unknown = self.classifier.cpu().unknown_probabilities(features)
        whole = self.classifier.combine(torch.as_tensor(rounds), unknown).detach().numpy()
        strange = None if unknown is None else unknown.numpy()
        return self._scored(WHAT[role], rows, rounds.mean(axis=1), whole, strange)

    def of_training(self) -> Scored:
        """Return what was said of training objects by networks that did not train on them.

        Raises:
            DataError: Every training object was trained on by all networks.
        """
        rows = self.fitted[0].rows
        if len(rows) == 0:
            raise DataError(
                "there is nothing to evaluate on: set split.test_fraction or "
                "split.validation_fraction above 0, or stacking.mode=oof"
            )
        each = np.stack([member.held_out for member in self.fitted], axis=1)
        whole = each.mean(axis=1) if self.meta is None else self.meta.cross_fitted
        blind = None if self.calibrated is None else self.calibrated.held_out()
        if blind is not None and of_draws(self.context, self.fitted) is None:
            whole = blind
        elif self.classifier.calibration is not None:
            whole = self.classifier.calibration(torch.as_tensor(whole)).numpy()
        strange = None
        if self.unknown is not None:
            strange = np.full(len(rows), self.unknown.detector.fraction)
            _, here, there = np.intersect1d(rows, self.unknown.rows, return_indices=True)
            strange[here] = self.unknown.held_out[there]
            whole = self.unknown.detector.shared_out(
                torch.as_tensor(whole), torch.as_tensor(strange)
            ).numpy()
        what = (
            "training objects, out of fold"
            if self.plan.mode == "oof"
            else "validation objects (they also chose the checkpoints)"
        )
        return self._scored(what, rows, each, whole, strange)

    def _scored(
        self,
        what: str,
        rows: NDArray[np.int64],
        each: NDArray[np.float64],
        whole: NDArray[np.float64],
        unknown: NDArray[np.float64] | None,
    ) -> Scored:
        probabilities = {member.name: each[:, m] for m, member in enumerate(self.fitted)}
        if self.plan.stacked or self.classifier.calibration is not None or unknown is not None:
            probabilities[self.plan.name] = whole
        targets = self.context.targets[rows]
        return Scored(what, self.ids[rows], targets, probabilities, unknown)
