"""The meta-head: trained on the probabilities that frozen members hold out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lcclassify.nn.batching import TensorSet
from lcclassify.nn.build import build_head, build_loss
from lcclassify.schema import Batch
from lcclassify.training.data import LightCurveDataModule
from lcclassify.training.fit import fit_network
from lcclassify.training.members import TrainingContext
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import MemberSettings

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

HEAD_FOLDS = 5
MARKER = "head.json"  # written last: the fit is finished
WEIGHTS = "head.safetensors"


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
class FittedHead:
    """A meta-head and what it says of the objects it learned from.

    Attributes:
        head: The head trained on all of them.
        cross_fitted: ``(n, K) float64``, probabilities of each object by a head that
            was trained on the other folds.
    """

    head: nn.Module
    cross_fitted: FloatArray


def fit_head(
    context: TrainingContext,
    settings: MemberSettings,
    member_probabilities: FloatArray,
    rows: IntArray,
    *,
    cross_fit: bool,
) -> FittedHead:
    """Train the meta-head on held-out probabilities.

    Args:
        context: What all fits of the run share.
        settings: The head and its training.
        member_probabilities: ``(n, M, K) float64``, of rows no member trained on.
        rows: ``(n,)`` rows they belong to.
        cross_fit: Whether to fit it over folds as well, for an honest score where no
            test objects are at hand; otherwise `cross_fitted` is empty.
    """
    targets = context.targets[rows]
    everything = np.arange(len(rows))
    head = _fit(context, settings, member_probabilities, targets, everything, "all")
    crossed = np.zeros((len(rows) if cross_fit else 0, len(context.taxonomy)))
    if cross_fit:
        rng = np.random.default_rng(derive_seed(context.seed, "head folds"))
        folds = rng.permutation(everything % HEAD_FOLDS)
        for fold in range(HEAD_FOLDS):
            held = np.flatnonzero(folds == fold)
            if len(held) == 0 or len(held) == len(rows):
                continue
            kept = np.flatnonzero(folds != fold)
            other = _fit(context, settings, member_probabilities, targets, kept, f"fold_{fold}")
            with torch.inference_mode():
                logits = other(torch.as_tensor(member_probabilities[held]))
            crossed[held] = torch.softmax(logits.to(torch.float64), dim=1).numpy()
    return FittedHead(head, crossed)


def _fit(
    context: TrainingContext,
    settings: MemberSettings,
    probabilities: FloatArray,
    targets: IntArray,
    kept: IntArray,
    label: str,
) -> nn.Module:
    n_objects, n_members, n_classes = probabilities.shape
    folder = context.folder / settings.name / label
    seed = derive_seed(context.seed, "fit", settings.name, label)
    torch.manual_seed(derive_seed(seed, "initialisation"))
    head = build_head(settings.network, n_members, n_classes)
    name = f"{settings.name} {label.replace('_', ' ')}"
    if (folder / MARKER).is_file() and _load(head, folder):
        context.reporter.kept(name)
        return head.eval()
    folder.mkdir(parents=True, exist_ok=True)
    tensors = TensorSet(
        features=torch.as_tensor(probabilities).flatten(1),
        context=torch.zeros((n_objects, 0), dtype=torch.float64),
        sequences=torch.zeros((n_objects, 0)),
        offsets=torch.arange(n_objects + 1),
        targets=torch.as_tensor(targets),
    )
    counts = np.bincount(targets[kept], minlength=n_classes).tolist()
    weights = context.taxonomy.weight_vector().tolist()
    loss = build_loss(settings.loss, n_classes, class_counts=counts, metric_weights=weights)
    tensorboard = context.tensorboard
    fit_network(
        HeadNetwork(head, n_members),
        loss,
        LightCurveDataModule(tensors, kept, kept[:0], settings.fit.batch_size, seed),
        name=name,
        optimizer=settings.optimizer,
        settings=settings.fit,
        n_classes=n_classes,
        folder=folder,
        tensorboard=None if tensorboard is None else tensorboard / settings.name / label,
        trainer_config=context.trainer,
        reporter=context.reporter,
        seed=seed,
    )
    save_file(head.state_dict(), folder / WEIGHTS)
    (folder / MARKER).write_text(json.dumps(settings.network))
    return head.eval()


def _load(head: nn.Module, folder: Path) -> bool:
    """Load the weights of a finished fit; False if they are missing or damaged."""
    try:
        head.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError):
        return False
    return True
