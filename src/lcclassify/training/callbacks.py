"""Callbacks of a fit: its history, its progress and a stop for diverged losses."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

from lightning.pytorch import Callback, LightningModule, Trainer

from lcclassify.errors import TrainingError
from lcclassify.schema import Batch

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
        """Take the history of the checkpoint that training resumes from."""
        self.epochs = list(state_dict["epochs"])


class ProgressReporter(Protocol):
    """Where fits tell how far they are; `tasks` shows it to the user.

    Several may run at a time, each known by its name. How far one is, is counted in
    objects: those of an epoch times the epochs.
    """

    def planned(self, costs: Mapping[str, float]) -> None:
        """These fits will run; each costs about so much, in a unit of their own."""

    def started(self, fit: str, total: int, done: int) -> None:
        """A fit begins, or resumes after `done` of `total` objects."""

    def advanced(self, fit: str, objects: int, note: str) -> None:
        """Some more objects were trained on; `note` is the latest state in words."""

    def stopped(self, fit: str) -> None:
        """The fit no longer runs, finished or not."""

    def finished(self, fit: str, note: str) -> None:
        """The fit is over; `note` is its outcome in words."""

    def kept(self, fit: str) -> None:
        """A fit that was finished before is used as it is."""


class EpochWatcher(Protocol):
    """Who is told of every epoch of every fit, such as a search that may stop it."""

    def epoch_ended(self, fit: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch, counted from 0, is over and kept.

        Raises:
            PrunedError: The run is not worth continuing.
        """


class Watched(Callback):
    """Tells an `EpochWatcher` about every epoch."""

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
        objects_per_epoch: Training objects, of all processes that share the fit.
    """

    def __init__(self, name: str, reporter: ProgressReporter, objects_per_epoch: int) -> None:
        self.name = name
        self.reporter = reporter
        self.objects = objects_per_epoch
        self._note = ""
        self._epoch_started = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Announce the fit."""
        if trainer.is_global_zero:
            total = self.objects * (trainer.max_epochs or 0)
            self.reporter.started(self.name, total, self.objects * trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the epoch's clock."""
        if batch_idx == 0:
            self._epoch_started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, idx: int
    ) -> None:
        """Advance by one batch."""
        if trainer.is_global_zero:
            objects = len(batch.targets) * trainer.world_size
            self.reporter.advanced(self.name, objects, self._words(trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the epoch's figures into words."""
        logged = trainer.callback_metrics
        rate = self.objects / max(time.perf_counter() - self._epoch_started, 1e-9)
        loss = logged.get("val/loss", logged.get("train/loss"))
        words = [] if loss is None else [f"loss {float(loss):.4f}"]
        self._note = ", ".join([*words, f"{rate:,.0f} objects/s"])

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that it no longer runs."""
        self.reporter.stopped(self.name)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Say that it no longer runs."""
        self.reporter.stopped(self.name)

    def _words(self, trainer: Trainer) -> str:
        return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {self._note}"
