"""A stacking head that is trained by epochs, as a member is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lcclassify.nn.batching import TensorSet
from lcclassify.schema import Batch, PlainConfig
from lcclassify.training.callbacks import ProgressReporter
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.fit import fit_network
from lcclassify.training.head_fit import HeadFit
from lcclassify.training.settings import FitSettings


class HeadNetwork(nn.Module):
    """A stacking head that reads the members' probabilities from a batch's features.

    The submodels themselves are not part of it: they stay frozen because the only
    thing that is trained here never sees them.

    Args:
        head: Takes ``(N, M, K)`` to logits ``(N, K)``.
        n_members: M.
    """

    def __init__(self, head: nn.Module, n_members: int) -> None:
        super().__init__()
        self.head = head
        self.n_members = n_members

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits ``(N, K)``."""
        n_objects = len(batch.features)
        logits: Tensor = self.head(batch.features.reshape(n_objects, self.n_members, -1))
        return logits


@dataclass(frozen=True)
class EpochFit(HeadFit):
    """A training of a head by epochs, which resumes where it was interrupted.

    Attributes:
        optimizer: Plain configuration of the optimiser.
        training: Epochs and the like.
    """

    optimizer: PlainConfig
    training: FitSettings

    def passes(self) -> int:
        """Return how many times the fit reads its objects."""
        return self.training.epochs

    def fit(self, head: nn.Module, loss: nn.Module, reporter: ProgressReporter) -> None:
        """Train a new head in place."""
        n_objects, n_members, n_classes = self.probabilities.shape
        tensors = TensorSet(
            features=torch.as_tensor(self.probabilities).flatten(1),
            context=torch.zeros((n_objects, 0), dtype=torch.float64),
            sequences=torch.zeros((n_objects, 0)),
            offsets=torch.arange(n_objects + 1),
            targets=torch.as_tensor(self.targets),
        )
        batch_size = self.training.batch_size
        fit_network(
            HeadNetwork(head, n_members),
            loss,
            LightCurveDataModule(tensors, self.rows, self.rows[:0], batch_size, self.seed),
            name=self.name,
            optimizer=self.optimizer,
            settings=self.training,
            n_classes=n_classes,
            folder=self.folder,
            tensorboard=self.tensorboard,
            has_graph=self.label == "all",
            trainer_config=self.trainer,
            reporter=reporter,
            seed=self.seed,
        )
