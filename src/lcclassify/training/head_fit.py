"""One fit of a stacking head, in this process or another."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lcclassify.files import write_json
from lcclassify.nn.build import build_head, build_loss
from lcclassify.nn.losses import ClassificationLoss
from lcclassify.nn.stack import LinearStackingHead
from lcclassify.schema import PlainConfig
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.chosen_pool import ChosenPool, chosen_pool
from lcclassify.training.head_settings import HeadSettings, ShrinkageSettings
from lcclassify.training.observed import Observed
from lcclassify.training.seeds import derive_seed
from lcclassify.training.worth import Worth, worth_to_pool

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

MARKER: Final = "head.json"  # written last: the fit is finished
WEIGHTS: Final = "head.safetensors"
WORTH: Final = "worth.safetensors"
_STEPS: Final = 20  # of one minimisation, about


@dataclass(frozen=True)
class HeadFit(ABC):
    """One fit of a stacking head.

    Attributes:
        settings: The head and how it is fitted.
        label: ``all``, or ``fold_0`` and so on.
        folder: Where what it leaves is kept.
        tensorboard: Where its event files go, or None.
        probabilities: ``(n, M, K) float64`` of the members.
        targets: ``(n,)`` classes.
        owners: ``(n,)`` number of the object that each is of.
        rows: Rows of these that it learns from.
        class_weights: ``(K,)`` weights of the classes in the metric.
        trainer: Arguments of Lightning's Trainer.
        seed: Seed of all that is random in it.
    """

    settings: HeadSettings
    label: str
    folder: Path
    tensorboard: Path | None
    probabilities: FloatArray
    targets: IntArray
    owners: IntArray
    rows: IntArray
    class_weights: tuple[float, ...]
    trainer: PlainConfig
    seed: int

    @property
    def name(self) -> str:
        """What is fitted, for the user."""
        return f"{self.settings.name} {self.label.replace('_', ' ')}"

    @abstractmethod
    def passes(self) -> int:
        """Return about how many times the fit reads its objects."""

    @abstractmethod
    def fit(self, head: nn.Module, loss: nn.Module, reporter: ProgressReporter) -> None:
        """Fit a new head in place."""

    def cost(self) -> float:
        """Return about how much there is to compute: objects read times parameters."""
        n_parameters = sum(parameter.numel() for parameter in self._new_head().parameters())
        return float(self.passes() * len(self.rows) * n_parameters)

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

    def worth(self) -> Worth | None:
        """Return what each member is worth, or None where the fit has not told it."""
        try:
            stored = load_file(self.folder / WORTH)
            return Worth(**{name: values.numpy() for name, values in stored.items()})
        except (OSError, SafetensorError, TypeError):
            return None

    def run(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
        """Fit the head; no watcher is told."""
        n_classes = self.probabilities.shape[2]
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(derive_seed(self.seed, "initialisation"))
        head = self._new_head()
        loss = build_loss(
            self.settings.loss,
            n_classes,
            class_counts=np.bincount(self.targets[self.rows], minlength=n_classes).tolist(),
            metric_weights=self.class_weights,
        )
        self.fit(head, loss, reporter)
        save_file(head.state_dict(), self.folder / WEIGHTS)
        write_json(self.folder / MARKER, self.settings.network)

    def _new_head(self) -> nn.Module:
        return build_head(self.settings.network, *self.probabilities.shape[1:])


@dataclass(frozen=True)
class ShrunkFit(HeadFit):
    """A fit of a linear head that is drawn to the equal pool.

    Attributes:
        shrinkage: How.
    """

    shrinkage: ShrinkageSettings

    def passes(self) -> int:
        """Return about how many times the fit reads its objects."""
        return _STEPS * self.shrinkage.folds * len(self.shrinkage.deviations)

    def fit(self, head: nn.Module, loss: nn.Module, reporter: ProgressReporter) -> None:
        """Fit a new head in place, and tell what each member is worth to the final one."""
        if not isinstance(head, LinearStackingHead) or not isinstance(loss, ClassificationLoss):
            raise TypeError(f"{type(head).__name__} cannot be drawn to the equal pool")
        reporter.started(self.name, len(self.rows), 0)
        started = time.perf_counter()
        observed = Observed.of(
            self.probabilities[self.rows], self.targets[self.rows], self.owners[self.rows]
        )
        is_full, seed = head.form == "full", derive_seed(self.seed, "folds")
        chosen = chosen_pool(observed, loss, self.shrinkage, is_full=is_full, seed=seed)
        head.set_pool(*chosen.pool)
        if self.label == "all":
            worth = worth_to_pool(observed, loss, chosen, is_full=is_full)
            values = {name: torch.as_tensor(value) for name, value in vars(worth).items()}
            save_file(values, self.folder / WORTH)
        reporter.stopped(self.name)
        reporter.finished(self.name, _in_words(chosen, time.perf_counter() - started))


def _in_words(chosen: ChosenPool, seconds: float) -> str:
    held_out = chosen.losses[chosen.deviation]
    return f"deviation {chosen.deviation:g}, held-out loss {held_out:.4f}, {seconds:.1f} s"
