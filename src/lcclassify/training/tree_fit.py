"""One fit of a member that is gradient-boosted trees: what it leaves is a network's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from lcclassify.errors import ConfigError
from lcclassify.nn.losses import CrossEntropyLoss
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.submodel import Submodel
from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import InputSizes
from lcclassify.training.boosting import Rows, grow
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.fit import FitResult, in_words, write_history
from lcclassify.training.member_fit import FloatArray, IntArray, MemberFit
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import TreeSettings
from lcclassify.training.tensorboard import EpochLogger, remove_event_files

# What a tree costs an object and feature, in products of a network: as measured, roughly.
_PRODUCTS: Final = 100.0


@dataclass(frozen=True)
class TreeFit(MemberFit):
    """The trees of one fit; they are grown from the beginning where they were interrupted.

    Attributes:
        member: The trees and how they are grown.
    """

    member: TreeSettings

    def cost(self) -> float:
        """Return about how much there is to compute, in a network's products."""
        draws = self.member.boosting.draws if self._is_drawn else 1
        trees = self.member.boosting.rounds * len(self.class_weights)
        values = draws * len(self.train_rows) * self.tensors.features.shape[1]
        return _PRODUCTS * trees * values * self.member.boosting.feature_share

    def _trained(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> Submodel:
        boosting = self.member.boosting
        training = self._rows(self.train_rows, "draws")
        validation = self._rows(self.validation_rows, "validation draws")
        n_objects = len(training.targets)
        history: list[dict[str, float]] = []
        logger = None
        if self.tensorboard is not None:
            remove_event_files(self.tensorboard)
            logger = EpochLogger(self.tensorboard)
        reporter.started(self.name, boosting.rounds * n_objects, 0)
        started = last = time.perf_counter()

        def after_round(number: int, told: Mapping[str, float]) -> None:
            nonlocal last
            now = time.perf_counter()
            history.append({"epoch": number, "seconds": now - last, **told})
            last = now
            loss = told.get("val/loss", told["train/loss"])
            rate = (number + 1) * n_objects / max(now - started, 1e-9)
            note = f"round {number + 1}/{boosting.rounds}  loss {loss:.4f}, {rate:,.0f} objects/s"
            reporter.advanced(self.name, n_objects, note)
            if logger is not None:
                logger.log_metrics({**told, "epoch": number})
            if watcher is not None:
                watcher.epoch_ended(self.name, number, told)

        sizes = self._sizes()
        try:
            trees = grow(boosting, sizes, training, validation, self.seed, after_round)
        finally:
            reporter.stopped(self.name)
            if logger is not None:
                logger.experiment.close()
        result = FitResult(history, trees.n_rounds - 1)
        write_history(result, self.folder)
        reporter.finished(self.name, in_words(result, n_objects, "rounds"))
        return self._as_submodel(trees)

    @property
    def _is_drawn(self) -> bool:
        """Whether trees are grown on draws of the training objects."""
        stream = self.stream
        return stream is not None and (self.held_out_draws > 0 or stream.grows_trees)

    def _rows(self, rows: IntArray, draws: str) -> Rows:
        """Return objects as trees take them, drawn anew a few times where they are to be."""
        chosen = self.tensors.features[torch.as_tensor(rows)]
        targets = self.tensors.targets[torch.as_tensor(rows)]
        if self.stream is not None and self._is_drawn and len(rows):
            seed = derive_seed(self.seed, draws)
            drawn = self.stream.sample(rows, self.member.boosting.draws, seed)
            chosen, targets = drawn.features, drawn.targets
        classes = targets.cpu().numpy()
        return Rows(chosen.cpu().numpy(), classes, loss_weights(self._loss())[classes])

    def _sizes(self) -> InputSizes:
        return InputSizes(
            n_features=self.tensors.features.shape[1],
            n_context=self.tensors.context.shape[1],
            n_channels=self.tensors.sequences.shape[1],
            n_classes=len(self.class_weights),
            max_length=self.max_length,
        )

    def _as_submodel(self, trees: BoostedTrees) -> Submodel:
        sizes = self._sizes()
        submodel = Submodel(
            trees.config(),
            features=FeatureTransform(sizes.n_features, kind="none"),
            context=FeatureTransform(sizes.n_context, kind="none"),
            sequences=SequenceTransform(sizes.n_channels, kind="none"),
            n_classes=sizes.n_classes,
            max_length=sizes.max_length,
        )
        submodel.network.load_state_dict(trees.state_dict())
        return submodel.eval()


def loss_weights(loss: nn.Module) -> FloatArray:
    """Return the weights of the classes, ``(K,) float64``, in a loss that trees can minimise.

    Raises:
        ConfigError: It is another than a cross-entropy of unsmoothed targets.
    """
    if not isinstance(loss, CrossEntropyLoss) or loss.label_smoothing > 0:
        raise ConfigError(
            "trees minimise a cross-entropy, its classes weighted or not: set loss to "
            "cross_entropy or weighted_log_loss, with label_smoothing 0"
        )
    return loss.weight.to(torch.float64).numpy()
