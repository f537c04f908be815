"""One fit of a member, whatever its kind: what it is given, and what it leaves."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lcclassify.cores import in_threads
from lcclassify.errors import ConfigError
from lcclassify.files import replaced_file, write_json
from lcclassify.nn.batching import TensorSet, length_sorted_batches
from lcclassify.nn.build import build_loss
from lcclassify.nn.devices import device_of
from lcclassify.nn.submodel import Submodel
from lcclassify.schema import Batch, PlainConfig
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.context import Transforms
from lcclassify.training.fit import FitResult, load_history
from lcclassify.training.settings import AnyMember
from lcclassify.training.streams import DrawnStream
from lcclassify.training.tensorboard import Snapshot

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

PREDICTION_BATCH: Final = 1024

_WEIGHTS: Final = "submodel.safetensors"
_CONFIG: Final = "submodel.json"
_HELD_OUT: Final = "held_out.safetensors"


@dataclass(frozen=True)
class MemberFit(ABC):
    """One fit of a member, to be trained in this process or another.

    Attributes:
        member: The network or the trees, and how they are trained.
        label: Its name among the member's fits, such as ``fold_0``.
        folder: Where what it leaves is kept.
        tensorboard: Where its event files go, or None.
        has_graph: Whether TensorBoard shows its graph; one fit of a member does.
        tensors: All objects.
        train_rows: Rows that it trains on.
        validation_rows: Rows that watch it; may be empty.
        held_out_rows: Rows whose probabilities are kept, which it has not seen.
        transforms: Input transforms fitted on its training rows.
        class_weights: ``(K,)`` weights of the classes in the metric.
        max_length: Longest training sequence in nights.
        trainer: Arguments of Lightning's Trainer.
        snapshot: Draws the validation for TensorBoard.
        seed: Seed of all that is random in it.
        stream: Draws the training objects anew for each epoch, or None.
        held_out_draws: Draws of each held-out row whose probabilities are kept as well.
        draw_seed: Seed of these draws, which all members have in common.
    """

    member: AnyMember
    label: str
    folder: Path
    tensorboard: Path | None
    has_graph: bool
    tensors: TensorSet
    train_rows: IntArray
    validation_rows: IntArray
    held_out_rows: IntArray
    transforms: Transforms
    class_weights: tuple[float, ...]
    max_length: int
    trainer: PlainConfig
    snapshot: Snapshot | None
    seed: int
    stream: DrawnStream | None
    held_out_draws: int
    draw_seed: int

    @property
    def name(self) -> str:
        """What is trained, for the user."""
        return f"{self.member.name} {self.label.replace('_', ' ')}"

    @abstractmethod
    def cost(self) -> float:
        """Return about how much there is to compute: numbers read times parameters."""

    def result(self) -> FitOutcome | None:
        """Return what the fit left.

        None where the fit is unfinished or a file is damaged.
        """
        submodel, history = _load_submodel(self.folder), load_history(self.folder)
        held_out = self._load_held_out()
        if submodel is None or history is None or held_out is None:
            return None
        return FitOutcome(submodel, history, *held_out)

    def run(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
        """Train the network, from where an interrupted run stopped.

        Raises:
            TrainingError: A loss diverged.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        submodel = _load_submodel(self.folder)
        if submodel is None or load_history(self.folder) is None:
            (self.folder / _CONFIG).unlink(missing_ok=True)
            submodel = self._trained(reporter, watcher)
        held_out, drawn = self._of_held_out(submodel)
        # The configuration is written last and marks the fit as finished.
        _write_tensors(
            {"held_out": torch.as_tensor(held_out), "drawn": torch.as_tensor(drawn)},
            self.folder / _HELD_OUT,
        )
        state = {k: v.contiguous() for k, v in submodel.state_dict().items()}
        _write_tensors(state, self.folder / _WEIGHTS)
        write_json(self.folder / _CONFIG, submodel.config())

    def _of_held_out(self, submodel: Submodel) -> tuple[FloatArray, FloatArray]:
        """Return the probabilities of the held-out rows and of their draws."""
        rows, n_draws = self.held_out_rows, self.held_out_draws
        if not len(rows):
            nothing = np.zeros((0, len(self.class_weights)))
            return nothing, np.zeros((n_draws, *nothing.shape))
        device = device_of(self.trainer)
        submodel.to(device)
        held_out = predict_rows(submodel.predict_proba, self.tensors.to(device), rows)
        drawn = np.zeros((n_draws, *held_out.shape))
        if self.stream is not None and n_draws:
            stream = self.stream.of(submodel.needs)
            tensors = stream.tensors(rows, self.draw_seed, range(n_draws)).to(device)
            values = predict_rows(submodel.predict_proba, tensors, np.arange(len(tensors)))
            drawn = values.reshape(drawn.shape)
        submodel.cpu()
        return held_out, drawn

    def _loss(self) -> nn.Module:
        """Return the member's loss, which knows the classes of the training rows."""
        n_classes = len(self.class_weights)
        targets = self.tensors.targets.cpu().numpy()[self.train_rows]
        return build_loss(
            self.member.loss,
            n_classes,
            class_counts=np.bincount(targets, minlength=n_classes).tolist(),
            metric_weights=self.class_weights,
        )

    @abstractmethod
    def _trained(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> Submodel:
        """Train, from where an interrupted run stopped, and leave the history."""

    def _load_held_out(self) -> tuple[FloatArray, FloatArray] | None:
        wanted = (len(self.held_out_rows), len(self.class_weights))
        try:
            stored = load_file(self.folder / _HELD_OUT)
            held_out, drawn = stored["held_out"].numpy(), stored["drawn"].numpy()
        except (OSError, KeyError, SafetensorError):
            return None
        fits = held_out.shape == wanted and drawn.shape == (self.held_out_draws, *wanted)
        return (held_out, drawn) if fits else None


@dataclass(frozen=True)
class FitOutcome:
    """What a finished fit of a member left.

    Attributes:
        submodel: The network.
        history: Of its training.
        held_out: ``(n, K)`` probabilities of the held-out rows.
        drawn: ``(D, n, K)`` of draws of them.
    """

    submodel: Submodel
    history: FitResult
    held_out: FloatArray
    drawn: FloatArray


def _write_tensors(tensors: dict[str, Tensor], file: Path) -> None:
    with replaced_file(file) as partial:
        save_file(tensors, partial)


def _load_submodel(folder: Path) -> Submodel | None:
    try:
        submodel = Submodel.from_config(json.loads((folder / _CONFIG).read_text(encoding="utf-8")))
        submodel.load_state_dict(load_file(folder / _WEIGHTS))
    except (OSError, ValueError, SafetensorError, RuntimeError):
        return None
    return submodel.eval()


def predict_rows(
    probabilities: Callable[[Batch], Tensor],
    tensors: TensorSet,
    rows: IntArray,
    batch_size: int = PREDICTION_BATCH,
    threads: int = 1,
) -> FloatArray:
    """Call a function of batches for some rows, in batches of similar length.

    Args:
        probabilities: Called with a batch of n objects, returns ``(n, ...)``.
        tensors: All objects.
        rows: ``(n,)`` rows wanted.
        batch_size: Largest number of objects a call.
        threads: Calls at a time on a CPU; the result does not depend on it.

    Returns:
        ``(n, ...) float64`` in the order of `rows`.
    """
    batches = length_sorted_batches(tensors.lengths.numpy()[rows], batch_size)
    if not batches:
        raise ConfigError("there are no rows to predict")

    def of(batch: IntArray) -> FloatArray:
        with torch.inference_mode():  # holds for its thread alone
            values = probabilities(tensors.batch(torch.as_tensor(rows[batch])))
            return values.to(torch.float64).cpu().numpy()

    parts = in_threads(of, batches, threads if tensors.device.type == "cpu" else 1)
    result = np.zeros((len(rows), *parts[0].shape[1:]))
    for batch, part in zip(batches, parts, strict=True):
        result[batch] = part
    return result
