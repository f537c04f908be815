"""Callbacks of a fit: its history, its progress and a stop for diverged losses."""

from __future__ import annotations

import math
import time
from typing import Any, Protocol

from lightning.pytorch import Callback, LightningModule, Trainer

from lcclassify.errors import TrainingError

METRICS = ("train/loss", "val/loss", "val/accuracy")


class History(Callback):
    """Keeps each epoch's metrics, across interruptions, and stops a diverged fit.

    Attributes:
        epochs: One mapping an epoch: `epoch` (from 0), `seconds` and what was logged.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.epochs: list[dict[str, float]] = []
        self._started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the epoch.

        Raises:
            TrainingError: The training loss is not finite.
        """
        logged = {k: float(v) for k, v in trainer.callback_metrics.items() if k in METRICS}
        if not math.isfinite(logged.get("train/loss", 0.0)):
            raise TrainingError(
                f"training of {self.name} diverged in epoch {trainer.current_epoch + 1}: the loss "
                f"is {logged['train/loss']}; lower its optimizer.lr or set fit.gradient_clip"
            )
        record: dict[str, float] = {"epoch": trainer.current_epoch}
        record["seconds"] = time.perf_counter() - self._started
        record["lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        self.epochs.append(record | logged)

    def state_dict(self) -> dict[str, Any]:
        """Return the history, for a checkpoint."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the history of the checkpoint that training goes on from."""
        self.epochs = list(state_dict["epochs"])


class ProgressReporter(Protocol):
    """Where a fit tells how far it is; `tasks` shows it to the user."""

    def started(self, name: str, total_steps: int, done_steps: int) -> None:
        """A fit begins, or goes on after `done_steps`."""

    def advanced(self, steps: int, note: str) -> None:
        """Some steps were done; `note` is the latest state in words."""

    def finished(self, name: str, note: str) -> None:
        """The fit is over."""


class ProgressCallback(Callback):
    """Tells a `ProgressReporter` about every batch.

    Args:
        name: What is trained, for the user.
        reporter: Where to tell it.
        objects_per_epoch: Training objects, for the rate.
    """

    def __init__(self, name: str, reporter: ProgressReporter, objects_per_epoch: int) -> None:
        self.name = name
        self.reporter = reporter
        self.objects = objects_per_epoch
        self._note = ""
        self._epoch_started = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Announce the fit."""
        per_epoch = int(trainer.num_training_batches)
        total = per_epoch * (trainer.max_epochs or 0)
        self.reporter.started(self.name, total, per_epoch * trainer.current_epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch_started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Advance by one batch."""
        self.reporter.advanced(1, f"epoch {trainer.current_epoch + 1} {self._note}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the epoch's figures into words."""
        logged = trainer.callback_metrics
        rate = self.objects / max(time.perf_counter() - self._epoch_started, 1e-9)
        words = [
            f"{key} {float(logged[key]):.4f}" for key in ("train/loss", "val/loss") if key in logged
        ]
        self._note = ", ".join([*words, f"{rate:,.0f} objects/s"])

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the fit's line."""
        epochs = trainer.current_epoch
        self.reporter.finished(self.name, f"{epochs} epochs: {self._note}")
