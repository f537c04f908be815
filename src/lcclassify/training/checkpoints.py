"""What a fit keeps on disk while it runs: its last epoch, and the chosen one's weights.

Lightning's `ModelCheckpoint` is not used: it writes the last epoch only where the
monitored value improved, knows the best one by its absolute path, so that a run that
was moved forgets it, and may leave half a file behind when it is killed.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any, Final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping

from lcclassify.schema import PlainConfig

LAST: Final = "last.ckpt"
BEST: Final = "best.ckpt"


class EpochCheckpoint(Checkpoint):
    """Writes a checkpoint after every epoch, and another one after the best.

    Args:
        folder: Where to.
        kept: Which epoch's weights are kept: the best "val/loss" or "val/accuracy",
            or the "last".
        averaged: Whether `AveragedWeights` decides which weights these are.

    Attributes:
        best_epoch: The epoch kept so far, from 0; -1 before the first.
        best_value: Its monitored value; None for "last".
    """

    def __init__(self, folder: Path, kept: str, *, averaged: bool = False) -> None:
        self.folder = folder
        self.kept = kept
        self.averaged = averaged
        self.best_epoch = -1
        self.best_value: float | None = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what this epoch left."""
        if self.kept == "last":
            self.best_epoch = trainer.current_epoch
        elif self.kept in trainer.callback_metrics:
            value = float(trainer.callback_metrics[self.kept])
            if self._is_better(value):
                self.best_epoch, self.best_value = trainer.current_epoch, value
                # Lightning asks no callback for its weights where it writes weights only.
                self._write(trainer, BEST, weights_only=not self.averaged)
        self._write(trainer, LAST)

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch so far, for a checkpoint."""
        return {"best_epoch": self.best_epoch, "best_value": self.best_value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the best epoch of the checkpoint that training resumes from."""
        self.best_epoch = state_dict["best_epoch"]
        self.best_value = state_dict["best_value"]

    def _is_better(self, value: float) -> bool:
        if self.best_value is None:
            return True
        return value > self.best_value if self.kept == "val/accuracy" else value < self.best_value

    def _write(self, trainer: Trainer, name: str, *, weights_only: bool = False) -> None:
        partial = self.folder / f".{name}.partial"  # of a name that all processes know
        trainer.save_checkpoint(partial, weights_only=weights_only)
        if trainer.is_global_zero:
            os.replace(partial, self.folder / name)


class Patience(EarlyStopping):
    """Stops where the validation loss no longer falls, and stays stopped.

    A fit that was killed between its last epoch and its end has nothing left to
    train: Lightning by itself would train one epoch more.
    """

    def __init__(self, patience: int) -> None:
        super().__init__("val/loss", patience=patience, mode="min")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once where the patience was at its end before."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


def read_checkpoint(path: Path) -> PlainConfig | None:
    """Return a checkpoint's content, or None if there is none or it is damaged."""
    try:
        content: PlainConfig = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError):
        return None
    return content


def to_go_on_from(folder: Path, kept: str) -> Path | None:
    """Return the checkpoint of an interrupted fit, or None where it must begin anew."""
    needed = (LAST,) if kept == "last" else (LAST, BEST)
    content = [read_checkpoint(folder / name) for name in needed]
    if content[0] is None:
        return None
    best = content[0].get("callbacks", {}).get("EpochCheckpoint")
    if best is None or (kept != "last" and best["best_epoch"] >= 0 and content[1] is None):
        return None
    return folder / LAST
