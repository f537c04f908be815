"""The meta-head: trained on the probabilities that frozen members hold out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lcclassify.errors import TrainingError
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.build import build_head, build_loss
from lcclassify.nn.devices import device_of
from lcclassify.schema import Batch, PlainConfig
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.context import TrainingContext
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.fit import fit_network
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import MemberSettings
from lcclassify.training.workers import run_fits

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

HEAD_FOLDS = 5
MARKER = "head.json"  # written last: the fit is finished
WEIGHTS = "head.safetensors"


class HeadNetwork(nn.Module):
    """A stacking head that reads the members' probabilities from a batch's features.

    The submodels themselves are not part of it: they stay frozen because the only
    thing that is trained here never sees them.

    Args:
        head: Takes ``(N, M, K)`` to logits ``(N, K)``.
        n_members: M.
    """

    def __init__(self, head: nn.Module, n_members: int) -> None:
        super().__init__()
        self.head = head
        self.n_members = n_members

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits ``(N, K)``."""
        n_objects = len(batch.features)
        logits: Tensor = self.head(batch.features.reshape(n_objects, self.n_members, -1))
        return logits


@dataclass(frozen=True)
class FittedHead:
    """A meta-head and what it says of the objects it learned from.

    Attributes:
        head: The head trained on all of them.
        cross_fitted: ``(n, K) float64``, probabilities of each object by a head that
            was trained on the other folds.
    """

    head: nn.Module
    cross_fitted: FloatArray


@dataclass(frozen=True)
class HeadFit:
    """One fit of a meta-head, in this process or another.

    Attributes:
        settings: The head and its training.
        label: ``all``, or ``fold_0`` and so on.
        folder: Where what it leaves is kept.
        tensorboard: Where its event files go, or None.
        probabilities: ``(n, M, K) float64`` of the members.
        targets: ``(n,)`` classes.
        rows: Rows of these that it trains on.
        class_weights: ``(K,)`` weights of the classes in the metric.
        trainer: Arguments of Lightning's Trainer.
        seed: Seed of all that is random in it.
    """

    settings: MemberSettings
    label: str
    folder: Path
    tensorboard: Path | None
    probabilities: FloatArray
    targets: IntArray
    rows: IntArray
    class_weights: tuple[float, ...]
    trainer: PlainConfig
    seed: int

    @property
    def name(self) -> str:
        """What is trained, for the user."""
        return f"{self.settings.name} {self.label.replace('_', ' ')}"

    def cost(self) -> float:
        """Return about how much there is to compute: objects read times parameters."""
        n_parameters = sum(parameter.numel() for parameter in self._new_head().parameters())
        return float(self.settings.fit.epochs * len(self.rows) * n_parameters)

    def is_finished(self) -> bool:
        """Tell whether an earlier run has left all of it."""
        return self.result() is not None

    def result(self) -> nn.Module | None:
        """Return the head, or None where the fit is unfinished or a file is damaged."""
        head = self._new_head()
        try:
            if not (self.folder / MARKER).is_file():
                return None
            head.load_state_dict(load_file(self.folder / WEIGHTS))
        except (OSError, SafetensorError, RuntimeError):
            return None
        return head.eval()

    def run(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
        """Train the head, going on where an interrupted run stopped; no watcher is told."""
        n_objects, n_members, n_classes = self.probabilities.shape
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(derive_seed(self.seed, "initialisation"))
        head = self._new_head()
        tensors = TensorSet(
            features=torch.as_tensor(self.probabilities).flatten(1),
            context=torch.zeros((n_objects, 0), dtype=torch.float64),
            sequences=torch.zeros((n_objects, 0)),
            offsets=torch.arange(n_objects + 1),
            targets=torch.as_tensor(self.targets),
        )
        loss = build_loss(
            self.settings.loss,
            n_classes,
            class_counts=np.bincount(self.targets[self.rows], minlength=n_classes).tolist(),
            metric_weights=self.class_weights,
        )
        settings = self.settings.fit
        fit_network(
            HeadNetwork(head, n_members),
            loss,
            LightCurveDataModule(tensors, self.rows, self.rows[:0], settings.batch_size, self.seed),
            name=self.name,
            optimizer=self.settings.optimizer,
            settings=settings,
            n_classes=n_classes,
            folder=self.folder,
            tensorboard=self.tensorboard,
            has_graph=self.label == "all",
            trainer_config=self.trainer,
            reporter=reporter,
            seed=self.seed,
        )
        save_file(head.state_dict(), self.folder / WEIGHTS)
        (self.folder / MARKER).write_text(json.dumps(self.settings.network), encoding="utf-8")

    def _new_head(self) -> nn.Module:
        return build_head(self.settings.network, *self.probabilities.shape[1:])


def fit_head(
    context: TrainingContext,
    settings: MemberSettings,
    probabilities: FloatArray,
    rows: IntArray,
    drawn: tuple[FloatArray, IntArray] | None = None,
    *,
    cross_fit: bool,
) -> FittedHead:
    """Train the meta-head on held-out probabilities.

    Args:
        context: What all fits of the run share.
        settings: The head and its training.
        probabilities: ``(n, M, K) float64``, of rows no member trained on.
        rows: ``(n,)`` rows they belong to.
        drawn: ``(m, M, K) float64``, of draws of them, which the head then learns from
            instead, and ``(m,)`` positions of their rows.
        cross_fit: Whether to fit it over folds as well, for an honest score where no
            test objects are at hand; otherwise `cross_fitted` is empty.
    """
    n_rows = len(rows)
    learned, owners = (probabilities, np.arange(n_rows)) if drawn is None else drawn
    targets = context.targets[rows[owners]]

    def fit(label: str, kept: IntArray) -> HeadFit:
        tensorboard = context.tensorboard
        return HeadFit(
            settings=settings,
            label=label,
            folder=context.folder / settings.name / label,
            tensorboard=None if tensorboard is None else tensorboard / settings.name / label,
            probabilities=learned,
            targets=targets,
            rows=kept,
            class_weights=tuple(context.taxonomy.weight_vector().tolist()),
            trainer=_without_gpu(context.trainer),
            seed=derive_seed(context.seed, "fit", settings.name, label),
        )

    whole = fit("all", np.arange(len(learned)))
    crossed: list[tuple[HeadFit, IntArray]] = []
    if cross_fit:
        rng = np.random.default_rng(derive_seed(context.seed, "head folds"))
        folds = rng.permutation(np.arange(n_rows) % HEAD_FOLDS)
        for fold in range(HEAD_FOLDS):
            held = np.flatnonzero(folds == fold)
            if 0 < len(held) < n_rows:
                # All draws of an object are of its fold.
                kept = np.flatnonzero(folds[owners] != fold)
                crossed.append((fit(f"fold_{fold}", kept), held))
    run_fits([whole, *(other for other, _ in crossed)], context.workers, context.reporter)
    cross_fitted = np.zeros((n_rows if cross_fit else 0, len(context.taxonomy)))
    for other, held in crossed:
        with torch.inference_mode():
            logits = _result(other)(torch.as_tensor(probabilities[held]))
        cross_fitted[held] = torch.softmax(logits.to(torch.float64), dim=1).numpy()
    return FittedHead(_result(whole), cross_fitted)


def _without_gpu(trainer: PlainConfig) -> PlainConfig:
    """Return a trainer's arguments for a CPU, where so small a network is done sooner."""
    if device_of(trainer).type == "cpu":
        return trainer
    one = {"accelerator": "cpu", "devices": 1, "strategy": "auto", "precision": "32-true"}
    return {**trainer, **one}


def _result(fit: HeadFit) -> nn.Module:
    head = fit.result()
    if head is None:
        raise TrainingError(f"what {fit.name} left in '{fit.folder}' has been damaged since")
    return head
