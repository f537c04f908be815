"""Callbacks of a fit: its history, its progress and a stop for diverged losses."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

from lightning.pytorch import Callback, LightningModule, Trainer

from lcclassify.errors import TrainingError

METRICS = ("lr", "train/loss", "val/loss", "val/accuracy")


class History(Callback):
    """Keeps each epoch's metrics, across interruptions, and stops a diverged fit.

    Attributes:
        epochs: One mapping an epoch: `epoch` (from 0), `seconds` and what was logged.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.epochs: list[dict[str, float]] = []
        self._started = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the epoch's clock.

        Not in `on_train_epoch_start`, which Lightning leaves out in the first epoch
        after it went on from a checkpoint.
        """
        if batch_idx == 0:
            self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the epoch.

        Raises:
            TrainingError: The training or the validation loss is not finite.
        """
        logged = {k: float(v) for k, v in trainer.callback_metrics.items() if k in METRICS}
        for key in ("train/loss", "val/loss"):
            if not math.isfinite(logged.get(key, 0.0)):
                raise TrainingError(
                    f"training of {self.name} diverged in epoch {trainer.current_epoch + 1}: its "
                    f"{key} is {logged[key]}; lower its optimizer.lr or set fit.gradient_clip"
                )
        record: dict[str, float] = {"epoch": trainer.current_epoch}
        record["seconds"] = time.perf_counter() - self._started
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

    def stopped(self) -> None:
        """The fit no longer runs, finished or not."""

    def finished(self, name: str, note: str) -> None:
        """The fit is over; `note` is its outcome in words."""

    def kept(self, name: str) -> None:
        """A fit that was finished before is used as it is."""


class EpochWatcher(Protocol):
    """Who is told of every epoch of every fit, such as a search that may stop it."""

    def epoch_ended(self, fit: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch, counted from 0, is over and kept.

        Raises:
            PrunedError: The run is not worth going on with.
        """


class Watched(Callback):
    """Tells an `EpochWatcher` about every epoch.

    Args:
        name: What is trained.
        watcher: Whom to tell.
    """

    def __init__(self, name: str, watcher: EpochWatcher) -> None:
        self.name = name
        self.watcher = watcher

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell of the epoch; what the watcher raises ends the fit."""
        logged = {k: float(v) for k, v in trainer.callback_metrics.items() if k in METRICS}
        self.watcher.epoch_ended(self.name, trainer.current_epoch, logged)


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
        if not trainer.is_global_zero:
            return
        per_epoch = int(trainer.num_training_batches)
        total = per_epoch * (trainer.max_epochs or 0)
        self.reporter.started(self.name, total, per_epoch * trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the epoch's clock."""
        if batch_idx == 0:
            self._epoch_started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Advance by one batch."""
        self.reporter.advanced(1, f"epoch {trainer.current_epoch + 1}  {self._note}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the epoch's figures into words."""
        logged = trainer.callback_metrics
        rate = self.objects / max(time.perf_counter() - self._epoch_started, 1e-9)
        loss = logged.get("val/loss", logged.get("train/loss"))
        words = [] if loss is None else [f"loss {float(loss):.4f}"]
        self._note = ", ".join([*words, f"{rate:,.0f} objects/s"])

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the fit's bar."""
        self.reporter.stopped()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close the fit's bar."""
        self.reporter.stopped()
