"""The probabilities that a training run is evaluated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.files import replaced_file
from lcclassify.inference.predictions import UNKNOWN
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.schema import LABEL, OBJECT_ID, Taxonomy
from lcclassify.tasks.last_steps import of_draws
from lcclassify.tasks.plan import Plan
from lcclassify.tasks.runs import Run
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
class Scored:
    """Objects whose probabilities are evaluated.

    Attributes:
        what: What they are, in words for titles, such as "test objects".
        ids: ``(n,)`` object ids.
        targets: ``(n,) int64`` class indices.
        probabilities: ``(n, K) float64`` by model, the one to report on last.
        unknown: ``(n,)`` that one's probability of no known class, where it is told.
    """

    what: str
    ids: pl.Series
    targets: NDArray[np.int64]
    probabilities: Mapping[str, NDArray[np.float64]]
    unknown: NDArray[np.float64] | None = None


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


def write_probabilities(run: Run, sets: Sequence[Scored], taxonomy: Taxonomy) -> None:
    """Write ``probabilities.parquet`` of a run: a row for every model and object."""
    frames = []
    for scored in sets:
        for name, values in scored.probabilities.items():
            n = len(values)
            frames.append(
                pl.DataFrame(
                    {
                        "model": pl.repeat(name, n, eager=True, dtype=pl.String),
                        "evaluated_on": pl.repeat(scored.what, n, eager=True, dtype=pl.String),
                        OBJECT_ID: scored.ids,
                        LABEL: [taxonomy.classes[target] for target in scored.targets],
                        UNKNOWN: _unknown_column(scored, name),
                        **{f"class_{c}": values[:, k] for k, c in enumerate(taxonomy.classes)},
                    }
                )
            )
    path = run.folder / "probabilities.parquet"
    with replaced_file(path) as partial:
        pl.concat(frames).write_parquet(partial)


def _unknown_column(scored: Scored, model: str) -> pl.Series:
    """Return the probabilities of no known class, null where a model does not tell them."""
    if scored.unknown is None or model != list(scored.probabilities)[-1]:
        return pl.repeat(None, len(scored.targets), eager=True, dtype=pl.Float64)
    return pl.Series(scored.unknown)
