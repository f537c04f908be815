"""One fit: a network trained with Lightning, resumable, with a fixed outcome."""

from __future__ import annotations

import json
import signal
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.trainer.states import TrainerStatus
from torch import nn
from torch.multiprocessing.spawn import ProcessRaisedException

from lcclassify.build import instantiate
from lcclassify.errors import ConfigError, TrainingError
from lcclassify.files import write_json
from lcclassify.schema import PlainConfig
from lcclassify.training.averaging import AveragedWeights
from lcclassify.training.callbacks import (
    EpochWatcher,
    History,
    ProgressCallback,
    ProgressReporter,
    Watched,
)
from lcclassify.training.checkpoints import (
    BEST,
    LAST,
    EpochCheckpoint,
    Patience,
    read_checkpoint,
    to_go_on_from,
)
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.hush import HushedProcesses, hush
from lcclassify.training.module import ClassifierModule
from lcclassify.training.settings import FitSettings
from lcclassify.training.tensorboard import (
    EpochLogger,
    FitEvents,
    Snapshot,
    open_events,
)

HISTORY = "history.json"


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
    watcher: EpochWatcher | None = None,
    snapshot: Snapshot | None = None,
    has_graph: bool = False,
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
        trainer_config: Arguments of Lightning's Trainer; its ``callbacks`` are configurations
            by name, of which this fit builds its own.
        reporter: Told about the progress.
        seed: Seed of batches, dropout and noise.
        watcher: Told of every epoch, and may end the fit.
        snapshot: Draws the validation for TensorBoard.
        has_graph: Whether TensorBoard is given the network's graph.

    Raises:
        PrunedError: The watcher ended the fit.
        TrainingError: The loss is not finite.
        ConfigError: The Trainer refuses its arguments.
        KeyboardInterrupt: The user stopped it; the last finished epoch is kept.
    """
    validated = len(data.validation_rows) > 0
    kept = settings.checkpoint if validated else "last"
    callbacks: list[Callback] = [
        HushedProcesses(),
        History(name),
        ProgressCallback(name, reporter, data.objects_per_epoch),
    ]
    if validated and settings.patience is not None:
        callbacks.append(Patience(settings.patience))
    if settings.averaging is not None:
        callbacks.append(AveragedWeights(settings.averaging))
    callbacks.append(EpochCheckpoint(folder, kept, averaged=settings.averaging is not None))
    if tensorboard is not None:
        callbacks.append(FitEvents(snapshot))
    if watcher is not None:
        callbacks.append(Watched(name, watcher))
    module = ClassifierModule(network, loss, optimizer, settings.schedule, n_classes, seed)
    resumed = to_go_on_from(folder, kept)
    logger = None
    if tensorboard is not None:
        checkpoint = None if resumed is None else read_checkpoint(resumed)
        finished = 0 if checkpoint is None else checkpoint["epoch"] + 1
        few = data.few() if has_graph else None
        logger = open_events(tensorboard, finished, network, few)
    with warnings.catch_warnings():
        hush()
        trainer = _build_trainer(settings, trainer_config, callbacks, logger)
        _run(trainer, module, data, resumed, own=bool(trainer_config.get("callbacks")))
    # From the files rather than from the callbacks: spawned processes had their own.
    last = read_checkpoint(folder / LAST)
    chosen = last if kept == "last" else read_checkpoint(folder / BEST)
    if last is None or chosen is None:
        raise TrainingError(f"training of {name} left no checkpoint in {folder}")
    module.load_state_dict(chosen["state_dict"])
    network.eval().cpu()
    result = FitResult(
        last["callbacks"]["History"]["epochs"], last["callbacks"]["EpochCheckpoint"]["best_epoch"]
    )
    write_history(result, folder)
    reporter.finished(name, in_words(result, data.objects_per_epoch))
    return result


def write_history(result: FitResult, folder: Path) -> None:
    """Write what a fit left into its folder, whole or not at all."""
    write_json(folder / HISTORY, {"best": result.best_epoch, "epochs": result.history})


def load_history(folder: Path) -> FitResult | None:
    """Return what a finished fit left in its folder; None if it is missing or damaged."""
    try:
        stored = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
        return FitResult(stored["epochs"], stored["best"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_trainer(config: PlainConfig) -> None:
    """Refuse arguments that Lightning's Trainer would refuse at the first fit.

    Raises:
        ConfigError: It refuses them.
    """
    with warnings.catch_warnings():
        hush()
        _build_trainer(FitSettings(epochs=1, batch_size=1), config, [], None)


def in_words(result: FitResult, n_objects: int, unit: str = "epochs") -> str:
    """Return a fit's outcome for its line in the terminal."""
    epochs = result.history
    seconds = sum(epoch["seconds"] for epoch in epochs)
    kept = f" (kept {result.best_epoch + 1})" if result.best_epoch + 1 < len(epochs) else ""
    words = [
        f"{len(epochs)} {unit}{kept}",
        f"{len(epochs) * n_objects / max(seconds, 1e-9):,.0f} objects/s",
    ]
    if epochs:
        # Where nothing was left to split, trees stop without telling the last round.
        last = next((e for e in epochs if e["epoch"] == result.best_epoch), epochs[-1])
        words += [f"{key} {last[key]:.4f}" for key in ("train/loss", "val/loss") if key in last]
    return ", ".join(words)


def _build_trainer(
    settings: FitSettings,
    config: PlainConfig,
    callbacks: list[Callback],
    logger: EpochLogger | None,
) -> Trainer:
    arguments = dict(config)
    own = _built(arguments.pop("callbacks", {}))
    try:
        return Trainer(
            max_epochs=settings.epochs,
            gradient_clip_val=settings.gradient_clip,
            callbacks=[*own, *callbacks],  # so that a checkpoint has what they change
            logger=logger or False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            **arguments,
        )
    except (TypeError, ValueError, MisconfigurationException) as error:
        reason = " ".join(str(error).replace("Trainer.__init__() ", "it ").split())
        raise ConfigError(f"the trainer refuses its settings: {reason}") from error


def _built(configs: Mapping[str, Any]) -> list[Callback]:
    """Build callbacks of Lightning, each by its name."""
    found = []
    for name, config in configs.items():
        if not isinstance(config, Mapping):
            raise ConfigError(f"callbacks.{name} must be a mapping with _target_, got {config!r}")
        callback = instantiate(dict(config))
        if not isinstance(callback, Callback):
            raise ConfigError(
                f"callbacks.{name} must be a callback of Lightning, and {config['_target_']} is "
                f"a {type(callback).__name__}"
            )
        found.append(callback)
    return found


def _run(
    trainer: Trainer,
    module: ClassifierModule,
    data: LightCurveDataModule,
    resumed: Path | None,
    *,
    own: bool,
) -> None:
    """Train; `own` says whether there are callbacks of the user's, which may raise anything."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(
            module,
            datamodule=data,
            ckpt_path=None if resumed is None else str(resumed),
            weights_only=True,
        )
    except SystemExit as stop:
        # Lightning turns ctrl-C into an exit and leaves the signal ignored.
        if trainer.state.status == TrainerStatus.INTERRUPTED:
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from stop
        raise
    except MisconfigurationException as error:  # of a callback, which only a fit asks
        reason = " ".join(str(error).split())
        raise ConfigError(f"the trainer refuses its settings: {reason}") from error
    except RuntimeError as error:
        if not own or isinstance(error, torch.OutOfMemoryError):
            raise
        reason = " ".join(str(error).split())
        raise TrainingError(f"training with the configured callbacks failed: {reason}") from error
    except ProcessRaisedException as error:
        # A spawned process tells its error as the text of a traceback.
        kind, _, reason = str(error).strip().splitlines()[-1].partition(": ")
        if kind.rsplit(".", 1)[-1] in ("TrainingError", "ConfigError"):
            raise TrainingError(reason) from error
        raise
