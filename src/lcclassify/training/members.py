"""Fits one member of an ensemble: over all folds, or once against a validation share."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.nn.batching import TensorSet, length_sorted_batches
from lcclassify.nn.build import build_loss
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.submodel import Submodel
from lcclassify.schema import Batch, PlainConfig, Taxonomy
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.fit import FitResult, fit_network, load_history
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import MODES, MemberSettings
from lcclassify.training.splits import Split, check_folds, stratified_pair
from lcclassify.training.tensorboard import Snapshot

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

PREDICTION_BATCH: Final = 1024


@dataclass(frozen=True)
class Transforms:
    """Input transforms fitted on one set of training rows."""

    features: FeatureTransform
    context: FeatureTransform
    sequences: SequenceTransform


@dataclass
class TrainingContext:
    """What all fits of a run share.

    Attributes:
        tensors: All usable objects, targets included.
        split: Roles and folds of the same objects.
        taxonomy: The classes.
        max_length: Longest training sequence in nights.
        transform_settings: Arguments of the input transforms by kind.
        validation_fraction: Share of a fold's training rows that watches its fits.
        n_folds: Number of folds.
        folder: Where the fits are kept.
        tensorboard: Where the event files go, or None.
        trainer: Arguments of Lightning's Trainer.
        reporter: Told about the progress.
        seed: The run's seed.
        watcher: Told of every epoch of the members' fits; may end the run.
        snapshot: Draws the validation of the members' fits for TensorBoard.
    """

    tensors: TensorSet
    split: Split
    taxonomy: Taxonomy
    max_length: int
    transform_settings: dict[str, dict[str, Any]]
    validation_fraction: float
    n_folds: int
    folder: Path
    tensorboard: Path | None
    trainer: PlainConfig
    reporter: ProgressReporter
    seed: int
    watcher: EpochWatcher | None = None
    snapshot: Snapshot | None = None
    _transforms: dict[int, Transforms] = field(default_factory=dict)

    @property
    def targets(self) -> IntArray:
        """Class index of every object, ``(N,) int64``."""
        return self.tensors.targets.cpu().numpy()

    def fold_rows(self, fold: int | None) -> tuple[IntArray, IntArray]:
        """Return the training and validation rows of a fold, or of the holdout mode.

        A fold's own objects are in neither, so that what a member says of them is
        untouched by early stopping and the choice of a checkpoint.
        """
        training = self.split.rows("train")
        if fold is None:
            validation = self.split.validation
            return np.setdiff1d(training, validation), validation
        others = training[self.split.folds[training] != fold]
        return stratified_pair(
            others,
            self.targets,
            self.taxonomy,
            self.validation_fraction,
            derive_seed(self.seed, "fold validation", fold),
            f"split.validation_fraction (of the training objects outside fold {fold})",
        )

    def transforms(self, fold: int | None) -> Transforms:
        """Return the transforms fitted on a fold's training rows, fitted once a run."""
        key = -1 if fold is None else fold
        if key not in self._transforms:
            rows, _ = self.fold_rows(fold)
            batch_rows = torch.as_tensor(rows)
            nights = np.concatenate(
                [np.arange(*self.tensors.offsets[row : row + 2].tolist()) for row in rows]
            )
            settings = self.transform_settings
            self._transforms[key] = Transforms(
                FeatureTransform.fitted(
                    self.tensors.features[batch_rows].cpu().numpy(), **settings.get("features", {})
                ),
                FeatureTransform.fitted(
                    self.tensors.context[batch_rows].cpu().numpy(),
                    **settings.get("context", {"kind": "none"}),
                ),
                SequenceTransform.fitted(
                    self.tensors.sequences[torch.as_tensor(nights)].cpu().numpy(),
                    **settings.get("sequences", {"kind": "none"}),
                ),
            )
        return self._transforms[key]


@dataclass(frozen=True)
class FittedMember:
    """A member after training.

    Attributes:
        name: Its name.
        submodels: Its networks, of all folds and replicas, on the CPU in eval mode.
        rows: Rows with held-out probabilities: all training rows in mode "oof", the
            validation rows in mode "holdout".
        held_out: ``(n, K) float64``, probabilities of those rows by networks that did
            not train on them.
        fits: What each fit left, by its label such as ``fold_0``.
    """

    name: str
    submodels: list[Submodel]
    rows: IntArray
    held_out: FloatArray
    fits: dict[str, FitResult]


def fit_member(context: TrainingContext, member: MemberSettings, mode: str) -> FittedMember:
    """Train a member, going on where an interrupted run stopped.

    Args:
        context: What all fits share.
        member: The network and its training.
        mode: "oof": one network a fold, each blind to its fold. "holdout": one
            network, blind to the validation share.

    Raises:
        ConfigError: The mode is unknown.
        TrainingError: A class is smaller than the number of folds, or a loss diverged.
    """
    if mode not in MODES:
        raise ConfigError(f"stacking.mode is '{mode}': {did_you_mean(mode, MODES)}")
    training = context.split.rows("train")
    if mode == "oof":
        check_folds(context.targets[training], context.n_folds, context.taxonomy)
    folds: list[int | None] = list(range(context.n_folds)) if mode == "oof" else [None]
    submodels: list[Submodel] = []
    fits: dict[str, FitResult] = {}
    held_out = np.zeros((len(context.tensors), len(context.taxonomy)))
    for fold in folds:
        if fold is None:
            rows = context.split.validation
        else:
            rows = training[context.split.folds[training] == fold]
        for replica in range(member.replicas):
            label = "holdout" if fold is None else f"fold_{fold}"
            if member.replicas > 1:
                label = f"{label}_seed_{replica}"
            submodel, fits[label] = _fit_one(context, member, fold, label)
            submodels.append(submodel)
            if len(rows):
                submodel.to(context.tensors.device)
                held_out[rows] += predict_rows(submodel.predict_proba, context.tensors, rows)
                submodel.cpu()
    rows = training if mode == "oof" else context.split.validation
    return FittedMember(member.name, submodels, rows, held_out[rows] / member.replicas, fits)


def refit_member(
    context: TrainingContext, member: MemberSettings, fitted: FittedMember, times: int
) -> FittedMember:
    """Train a cross-validated member anew on all training objects, to classify with.

    The folds' networks taught the head and are not needed any more. Each of the new ones
    has seen a quarter more objects, the validation share excepted.

    Args:
        context: What all fits share.
        member: The network and its training.
        fitted: What the cross-validation left.
        times: Number of trainings, each from another seed.

    Returns:
        The member with the new networks and the held-out probabilities of the old ones.
    """
    submodels: list[Submodel] = []
    fits = dict(fitted.fits)
    for number in range(times * member.replicas):
        label = f"all_{number}"
        submodel, fits[label] = _fit_one(context, member, None, label)
        submodels.append(submodel)
    return replace(fitted, submodels=submodels, fits=fits)


def _fit_one(
    context: TrainingContext, member: MemberSettings, fold: int | None, label: str
) -> tuple[Submodel, FitResult]:
    folder = context.folder / member.name / label
    name = f"{member.name} {label.replace('_', ' ')}"
    finished, history = _load_submodel(folder), load_history(folder)
    if finished is not None and history is not None:
        context.reporter.kept(name)
        return finished, history
    folder.mkdir(parents=True, exist_ok=True)
    # Its own copy: members must not share modules that move between devices.
    transforms = deepcopy(context.transforms(fold))
    train_rows, validation_rows = context.fold_rows(fold)
    n_classes = len(context.taxonomy)
    seed = derive_seed(context.seed, "fit", member.name, label)
    torch.manual_seed(derive_seed(seed, "initialisation"))
    submodel = Submodel(
        member.network,
        features=transforms.features,
        context=transforms.context,
        sequences=transforms.sequences,
        n_classes=n_classes,
        max_length=context.max_length,
    )
    counts = np.bincount(context.targets[train_rows], minlength=n_classes)
    loss = build_loss(
        member.loss,
        n_classes,
        class_counts=counts.tolist(),
        metric_weights=context.taxonomy.weight_vector().tolist(),
    )
    tensorboard = context.tensorboard
    result = fit_network(
        submodel,
        loss,
        LightCurveDataModule(
            context.tensors,
            train_rows,
            validation_rows,
            member.fit.batch_size,
            seed,
            sequences="sequences" in submodel.reads,
        ),
        name=name,
        optimizer=member.optimizer,
        settings=member.fit,
        n_classes=n_classes,
        folder=folder,
        tensorboard=None if tensorboard is None else tensorboard / member.name / label,
        trainer_config=context.trainer,
        reporter=context.reporter,
        seed=seed,
        watcher=context.watcher,
        snapshot=context.snapshot,
    )
    _save_submodel(submodel, folder)
    return submodel.eval(), result


def _save_submodel(submodel: Submodel, folder: Path) -> None:
    # The configuration is written last and marks the fit as finished.
    save_file(
        {k: v.contiguous() for k, v in submodel.state_dict().items()},
        folder / "submodel.safetensors",
    )
    partial = folder / ".submodel.json.part"
    partial.write_text(json.dumps(submodel.config()))
    partial.replace(folder / "submodel.json")


def _load_submodel(folder: Path) -> Submodel | None:
    try:
        submodel = Submodel.from_config(json.loads((folder / "submodel.json").read_text()))
        submodel.load_state_dict(load_file(folder / "submodel.safetensors"))
    except (OSError, ValueError, SafetensorError, RuntimeError):
        return None
    return submodel.eval()


@torch.inference_mode()
def predict_rows(
    probabilities: Callable[[Batch], Tensor],
    tensors: TensorSet,
    rows: IntArray,
    batch_size: int = PREDICTION_BATCH,
) -> FloatArray:
    """Call a function of batches for some rows, in batches of similar length.

    Args:
        probabilities: Called with a batch of n objects, returns ``(n, ...)``.
        tensors: All objects.
        rows: ``(n,)`` rows wanted.
        batch_size: Largest number of objects a call.

    Returns:
        ``(n, ...) float64`` in the order of `rows`.
    """
    result: FloatArray | None = None
    for batch in length_sorted_batches(tensors.lengths.numpy()[rows], batch_size):
        values = probabilities(tensors.batch(torch.as_tensor(rows[batch])))
        part = values.to(torch.float64).cpu().numpy()
        if result is None:
            result = np.zeros((len(rows), *part.shape[1:]))
        result[batch] = part
    if result is None:
        raise ConfigError("there are no rows to predict")
    return result
