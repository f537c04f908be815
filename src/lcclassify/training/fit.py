"""One fit: a network trained with Lightning, resumable, with a fixed outcome."""

from __future__ import annotations

import json
import logging
import signal
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerStatus
from torch import nn

from lcclassify.errors import ConfigError, TrainingError
from lcclassify.schema import PlainConfig
from lcclassify.training.callbacks import History, ProgressCallback, ProgressReporter
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.module import ClassifierModule
from lcclassify.training.settings import FitSettings

LAST = "last.ckpt"
HISTORY = "history.json"

# Said once a fit by Lightning, and beside the point for tensors in memory or a
# run that trains dozens of small networks.
_BESIDE_THE_POINT = (
    ".*does not have many workers.*",
    ".*number of training batches.*smaller than the logging interval.*",
    ".*Checkpoint directory.*exists and is not empty.*",
    ".*treespec, LeafSpec.*",
    ".*No positive samples.*",
    ".*`isinstance\\(treespec.*",
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ".*Total length of `DataLoader` across ranks is zero.*",
    ".*lr_scheduler.step\\(\\)` before `optimizer.step\\(\\)`.*",
)


@dataclass(frozen=True)
class FitResult:
    """What a fit leaves.

    Attributes:
        history: One mapping an epoch, see `History`.
        best_epoch: Position in `history` of the epoch whose weights were kept.
    """

    history: list[dict[str, float]]
    best_epoch: int


def fit_network(
    network: nn.Module,
    loss: nn.Module,
    data: LightCurveDataModule,
    *,
    name: str,
    optimizer: PlainConfig,
    settings: FitSettings,
    n_classes: int,
    folder: Path,
    tensorboard: Path | None,
    trainer_config: PlainConfig,
    reporter: ProgressReporter,
    seed: int,
) -> FitResult:
    """Train a network in place and load its chosen epoch's weights.

    A folder that holds a checkpoint of an interrupted fit is continued from there,
    with the same result as if it had not been interrupted.

    Args:
        network: Called with a batch, returns logits.
        loss: Called with logits and targets.
        data: Batches.
        name: What is trained, for messages.
        optimizer: Plain configuration of the optimiser.
        settings: Epochs, patience and the like.
        n_classes: K.
        folder: Where checkpoints and the history go.
        tensorboard: Folder of the event files, or None for none.
        trainer_config: Arguments of Lightning's Trainer.
        reporter: Told about the progress.
        seed: Seed of batches, dropout and noise.

    Raises:
        TrainingError: The loss is not finite.
        ConfigError: The Trainer refuses its arguments.
        KeyboardInterrupt: The user stopped it; the last finished epoch is kept.
    """
    validated = len(data.validation_rows) > 0
    kept = settings.checkpoint if validated else "last"
    history = History(name)
    callbacks: list[Callback] = [
        history,
        ProgressCallback(name, reporter, len(data.train_rows)),
    ]
    if validated and settings.patience is not None:
        callbacks.append(EarlyStopping("val/loss", patience=settings.patience, mode="min"))
    if tensorboard is not None:
        callbacks.append(LearningRateMonitor(logging_interval="epoch"))
    best = ModelCheckpoint(
        folder,
        filename="best",
        monitor=None if kept == "last" else kept,
        mode="max" if kept == "val/accuracy" else "min",
        save_last=True,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    callbacks.append(best)
    module = ClassifierModule(network, loss, optimizer, settings.schedule, n_classes, seed)
    with warnings.catch_warnings():
        for pattern in _BESIDE_THE_POINT:
            warnings.filterwarnings("ignore", pattern)
        trainer = _build_trainer(settings, trainer_config, callbacks, tensorboard)
        _run(trainer, module, data, folder / LAST)
    chosen = folder / LAST if kept == "last" else Path(best.best_model_path)
    if not chosen.is_file():
        raise TrainingError(f"training of {name} left no checkpoint in {folder}")
    state = torch.load(chosen, map_location="cpu", weights_only=True)
    module.load_state_dict(state["state_dict"])
    network.eval().cpu()
    result = FitResult(history.epochs, int(state["epoch"]))
    (folder / HISTORY).write_text(json.dumps({"best": result.best_epoch, "epochs": result.history}))
    return result


def load_history(folder: Path) -> FitResult:
    """Return what a finished fit left in its folder."""
    stored = json.loads((folder / HISTORY).read_text())
    return FitResult(stored["epochs"], stored["best"])


def _build_trainer(
    settings: FitSettings,
    config: PlainConfig,
    callbacks: list[Callback],
    tensorboard: Path | None,
) -> Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    logger: Any = False
    if tensorboard is not None:
        logger = TensorBoardLogger(
            tensorboard.parent, name=tensorboard.name, version="", default_hp_metric=False
        )
    try:
        return Trainer(
            max_epochs=settings.epochs,
            gradient_clip_val=settings.gradient_clip,
            callbacks=callbacks,
            logger=logger,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            **config,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the trainer refuses its settings: {error}") from error


def _run(
    trainer: Trainer, module: ClassifierModule, data: LightCurveDataModule, last: Path
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(
            module,
            datamodule=data,
            ckpt_path=str(last) if last.is_file() else None,
            weights_only=True,
        )
    except SystemExit as stop:
        # Lightning turns ctrl-C into an exit and leaves the signal ignored.
        if trainer.state.status == TrainerStatus.INTERRUPTED:
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from stop
        raise
