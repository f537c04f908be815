"""The meta-head: fitted on the probabilities that frozen members hold out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lcclassify.errors import TrainingError
from lcclassify.nn.devices import device_of
from lcclassify.schema import PlainConfig
from lcclassify.training.context import TrainingContext
from lcclassify.training.head_epochs import EpochFit
from lcclassify.training.head_fit import HeadFit, ShrunkFit
from lcclassify.training.head_settings import HeadSettings
from lcclassify.training.seeds import derive_seed
from lcclassify.training.workers import result_of, run_fits
from lcclassify.training.worth import Worth

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

HEAD_FOLDS: Final = 5


@dataclass(frozen=True)
class FittedHead:
    """A meta-head and what it says of the objects it learned from.

    Attributes:
        head: The head fitted on all of them.
        cross_fitted: ``(n, K) float64``, probabilities of each object by a head that
            was fitted on the other folds, its shrinkage chosen there, too.
        worth: What each member is worth to the head; None of a head trained by epochs.
    """

    head: nn.Module
    cross_fitted: FloatArray
    worth: Worth | None


def fit_head(
    context: TrainingContext,
    settings: HeadSettings,
    probabilities: FloatArray,
    rows: IntArray,
    drawn: tuple[FloatArray, IntArray] | None = None,
    *,
    cross_fit: bool,
) -> FittedHead:
    """Fit the meta-head on held-out probabilities.

    Args:
        context: What all fits of the run share.
        settings: The head and how it is fitted.
        probabilities: ``(n, M, K) float64``, of rows no member trained on.
        rows: ``(n,)`` rows they belong to.
        drawn: ``(m, M, K) float64``, of draws of them, which the head then learns from
            instead, and ``(m,)`` positions of their rows.
        cross_fit: Whether to fit it over folds as well, for an honest score where no
            test objects are at hand; otherwise `cross_fitted` is empty.
    """
    n_rows = len(rows)
    learned, owners = (probabilities, np.arange(n_rows)) if drawn is None else drawn

    def fit(label: str, kept: IntArray) -> HeadFit:
        return _fit(context, settings, label, learned, context.targets[rows[owners]], owners, kept)

    whole = fit("all", np.arange(len(learned)))
    crossed: list[tuple[HeadFit, IntArray]] = []
    if cross_fit:
        rng = np.random.default_rng(derive_seed(context.seed, "head folds"))
        folds = rng.permutation(np.arange(n_rows) % HEAD_FOLDS)
        for fold in range(HEAD_FOLDS):
            held = np.flatnonzero(folds == fold)
            if 0 < len(held) < n_rows:
                # All draws of an object are of its fold.
                kept = np.flatnonzero(folds[owners] != fold)
                crossed.append((fit(f"fold_{fold}", kept), held))
    run_fits([whole, *(other for other, _ in crossed)], context.workers, context.reporter)
    cross_fitted = np.zeros((n_rows if cross_fit else 0, len(context.taxonomy)))
    for other, held in crossed:
        with torch.inference_mode():
            logits = result_of(other)(torch.as_tensor(probabilities[held]))
        cross_fitted[held] = torch.softmax(logits.to(torch.float64), dim=1).numpy()
    return FittedHead(result_of(whole), cross_fitted, whole.worth())


def _fit(
    context: TrainingContext,
    settings: HeadSettings,
    label: str,
    probabilities: FloatArray,
    targets: IntArray,
    owners: IntArray,
    kept: IntArray,
) -> HeadFit:
    """Return a fit of the kind that the settings ask for."""
    tensorboard = context.tensorboard
    common = (
        settings,
        label,
        context.folder / settings.name / label,
        None if tensorboard is None else tensorboard / settings.name / label,
        probabilities,
        targets,
        owners,
        kept,
        tuple(context.taxonomy.weight_vector().tolist()),
        _without_gpu(context.trainer),
        derive_seed(context.seed, "fit", settings.name, label),
    )
    if settings.shrinkage is not None:
        return ShrunkFit(*common, shrinkage=settings.shrinkage)
    if settings.optimizer is None or settings.fit is None:
        raise TrainingError(f"the head '{settings.name}' has neither shrinkage nor epochs")
    return EpochFit(*common, optimizer=settings.optimizer, training=settings.fit)


def _without_gpu(trainer: PlainConfig) -> PlainConfig:
    """Return a trainer's arguments for a CPU, where so small a network is done sooner."""
    if device_of(trainer).type == "cpu":
        return trainer
    one = {"accelerator": "cpu", "devices": 1, "strategy": "auto", "precision": "32-true"}
    return {**trainer, **one}
