"""What a fit writes for TensorBoard; a step is a finished epoch, which all runs have alike."""

from __future__ import annotations

import contextlib
import io
import math
import time
import warnings
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from lcclassify.schema import Batch

SNAPSHOTS: Final = 3  # of the validation a fit; drawing them must stay cheap beside training

_EVENT_FILES: Final = "events.out.tfevents.*"


class Snapshot(Protocol):
    """Draws what a network says of its validation objects; `tasks` provides one."""

    def __call__(
        self,
        writer: SummaryWriter,
        probabilities: NDArray[np.float64],
        targets: NDArray[np.int64],
        step: int,
    ) -> None:
        """Write ``(N, K)`` probabilities and ``(N,)`` classes as figures and curves."""


class EpochLogger(TensorBoardLogger):
    """Writes metrics by epoch, at once, so that little is lost with a killed process.

    Args:
        folder: Where the event files go.
        finished: Epochs that a resumed fit has behind it. TensorBoard
            forgets what was written of later ones.
    """

    def __init__(self, folder: Path, finished: int = 0) -> None:
        super().__init__(
            folder.parent,
            name=folder.name,
            version="",
            default_hp_metric=False,
            purge_step=finished + 1,  # also at first: it is the second such mark that counts
        )

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Write metrics, among which Lightning puts the `epoch` from 0, callbacks maybe not."""
        scalars = dict(metrics)
        epoch = scalars.pop("epoch", None)
        super().log_metrics(scalars, step if epoch is None else int(epoch) + 1)
        self.experiment.flush()


class FitEvents(Callback):
    """Logs the gradient's norm, the throughput and, a few times, the validation.

    The norm is that of all parameters before clipping, the mean of the epoch; the
    throughput counts training alone.

    Args:
        snapshot: Draws the validation; None for no drawing.
    """

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        self._norms: list[Tensor] = []
        self._objects = 0
        self._started = 0.0
        self._validated: list[tuple[Tensor, Tensor]] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Start the epoch's clock; `on_train_epoch_start` is left out after a resume."""
        if batch_idx == 0:
            self._norms, self._objects, self._started = [], 0, time.perf_counter()

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Keep the norm of the gradient, which is clipped after this."""
        groups = optimizer.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        self._norms.append(nn.utils.get_total_norm(gradients))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, idx: int
    ) -> None:
        """Log the epoch's means after its last batch."""
        self._objects += len(batch.targets) * trainer.world_size
        if trainer.is_last_batch and trainer.logger is not None:
            # Reading the norm waits for the device, so the clock is read after it.
            norm = float(torch.stack(self._norms).mean())
            seconds = max(time.perf_counter() - self._started, 1e-9)
            trainer.logger.log_metrics(
                {
                    "train/gradient_norm": norm,
                    "train/objects_per_second": self._objects / seconds,
                    "epoch": trainer.current_epoch,
                }
            )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the epoch before."""
        self._validated = []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what the network says of a batch."""
        self._validated.append((outputs, batch.targets))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the validation, if it is this epoch's turn."""
        if trainer.current_epoch + 1 in snapshot_epochs(trainer.max_epochs or 0):
            self._draw(trainer, trainer.current_epoch + 1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the last epoch of a fit that stopped early."""
        self._draw(trainer, trainer.current_epoch)

    def _draw(self, trainer: Trainer, step: int) -> None:
        seen, self._validated = self._validated, []
        if not seen or self.snapshot is None or not isinstance(trainer.logger, EpochLogger):
            return
        if trainer.is_global_zero:
            probabilities, targets = (torch.cat(parts).cpu() for parts in zip(*seen, strict=True))
            writer = trainer.logger.experiment
            self.snapshot(writer, probabilities.double().numpy(), targets.numpy(), step)
            writer.flush()


def snapshot_epochs(epochs: int) -> set[int]:
    """Return the epochs, from 1, after which the validation is drawn: the last is one.

    Example:
        >>> sorted(snapshot_epochs(14))
        [5, 10, 14]
    """
    return {math.ceil(epochs * part / SNAPSHOTS) for part in range(1, SNAPSHOTS + 1)}


def open_events(folder: Path, finished: int, network: nn.Module, few: Batch | None) -> EpochLogger:
    """Return the logger of a fit.

    Args:
        folder: Where the event files go: the fit's, within its member's.
        finished: Epochs that the fit has behind it; 0 removes what is left of an
            earlier attempt.
        network: Called with a batch.
        few: A few objects to draw its graph with, or None for no graph.
    """
    if not finished:
        remove_event_files(folder)
    logger = EpochLogger(folder, finished)
    if few is not None and not finished:
        write_graph(logger.experiment, network, few)
    return logger


def remove_event_files(folder: Path) -> None:
    """Remove the event files of an earlier attempt, lest its curves come twice."""
    for file in folder.glob(_EVENT_FILES):
        file.unlink()


class Network(nn.Module):
    """Takes a batch's tensors one by one, as tracing wants them; TensorBoard shows the name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor) -> Tensor:
        """Return the logits ``(N, K)``."""
        logits: Tensor = self.network(Batch(*tensors))
        return logits


def write_graph(writer: SummaryWriter, network: nn.Module, batch: Batch) -> None:
    """Write a network's graph, or a table of its layers if it cannot be traced.

    Args:
        writer: Open writer of the fit.
        network: Called with a batch; a copy of it is traced on the CPU, so that its
            mode, its weights and the random state stay as they are.
        batch: A few objects.
    """
    copy = deepcopy(network).cpu().eval()
    # Tracing looks at the network twice, the second time without gradients, and wants
    # the same operations both times.
    with (
        torch.no_grad(),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            writer.add_graph(Network(copy), tuple(tensor.cpu() for tensor in batch))
        except Exception:  # whatever a network does that tracing cannot follow
            writer.add_text("layers", layer_table(copy))


def layer_table(network: nn.Module) -> str:
    """Return a Markdown table of a network's layers and their numbers of parameters."""
    rows = ["| layer | kind | parameters |", "|---|---|---:|"]
    total = 0
    for name, module in network.named_modules():
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        total += own
        if own:
            rows.append(f"| {name or 'network'} | {type(module).__name__} | {own:,} |")
    return "\n".join([*rows, f"| all | | {total:,} |"])
