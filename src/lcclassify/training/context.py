"""What all fits of a run share: objects, split, input transforms, folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.cores import n_cores
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.devices import device_of
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.schema import PlainConfig, Taxonomy
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.seeds import derive_seed
from lcclassify.training.splits import Split, stratified_pair
from lcclassify.training.streams import DrawnStream
from lcclassify.training.tensorboard import Snapshot

IntArray = NDArray[np.int64]


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
        stream: Draws the training objects anew for each epoch, or None.
        held_out_draws: Draws of every held-out object that the head learns from, with a
            stream.
        workers: Fits, or batches of objects to classify, at a time. No result depends
            on it.
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
    stream: DrawnStream | None = None
    held_out_draws: int = 0
    workers: int = 1
    _transforms: dict[int, Transforms] = field(default_factory=dict)

    @property
    def targets(self) -> IntArray:
        """Class index of every object, ``(N,) int64``."""
        return self.tensors.targets.cpu().numpy()

    def on_device(self) -> TensorSet:
        """Return the objects where the run computes; with several workers they lie elsewhere."""
        return self.tensors.to(device_of(self.trainer))

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

    @property
    def draw_seed(self) -> int:
        """Seed of the draws of held-out rows, which all members have in common."""
        return derive_seed(self.seed, "held-out draws")

    def transforms(self, fold: int | None) -> Transforms:
        """Return the transforms fitted on a fold's training rows, fitted once a run."""
        key = -1 if fold is None else fold
        if key not in self._transforms:
            rows, _ = self.fold_rows(fold)
            tensors, chosen = self.tensors, torch.as_tensor(rows)
            if self.stream is not None:
                # Of drawn objects, as all are that the networks will see.
                seed = derive_seed(self.seed, "transforms", key)
                tensors = self.stream.sample(rows, self.stream.passes, seed, threads=n_cores())
                chosen = torch.arange(len(tensors))
            nights = np.concatenate(
                [np.arange(*tensors.offsets[row : row + 2].tolist()) for row in chosen.tolist()]
            )
            settings = self.transform_settings
            self._transforms[key] = Transforms(
                FeatureTransform.fitted(
                    tensors.features[chosen].cpu().numpy(), **settings.get("features", {})
                ),
                FeatureTransform.fitted(
                    tensors.context[chosen].cpu().numpy(),
                    **settings.get("context", {"kind": "none"}),
                ),
                SequenceTransform.fitted(
                    tensors.sequences[torch.as_tensor(nights)].cpu().numpy(),
                    **settings.get("sequences", {"kind": "none"}),
                ),
            )
        return self._transforms[key]
