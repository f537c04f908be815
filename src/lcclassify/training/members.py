"""The fits of an ensemble's members: over all folds, or once against a validation share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.nn.submodel import Submodel
from lcclassify.training.context import TrainingContext
from lcclassify.training.fit import FitResult
from lcclassify.training.member_fit import MemberFit
from lcclassify.training.network_fit import NetworkFit
from lcclassify.training.seeds import derive_seed
from lcclassify.training.settings import AUTO_MODE, MODES, OCCASIONS, AnyMember, TreeSettings
from lcclassify.training.splits import check_folds
from lcclassify.training.tree_fit import TreeFit
from lcclassify.training.workers import result_of, run_fits

_FEW: Final = 3_000  # training objects below which all should be learned from

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


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
        drawn: ``(D, n, K) float64``, the same of D draws of those objects; D is 0 where
            none are drawn.
        fits: What each fit left, by its label such as ``fold_0``.
    """

    name: str
    submodels: list[Submodel]
    rows: IntArray
    held_out: FloatArray
    drawn: FloatArray
    fits: dict[str, FitResult]


def settled_mode(mode: str, targets: IntArray, folds: int) -> str:
    """Return how the head's training data come about, of `MODES`.

    Args:
        mode: The same, or `AUTO_MODE`: "oof" where a share that is kept from learning would be
            missed, and every class has an object for each fold.
        targets: ``(n,)`` classes of the training objects.
        folds: Number of folds.
    """
    if mode != AUTO_MODE:
        return mode
    smallest = np.unique(targets, return_counts=True)[1].min(initial=folds)
    return "oof" if len(targets) < _FEW and smallest >= folds else "holdout"


def members_for(
    members: Sequence[AnyMember], n_objects: int, *, moved: bool, with_redshift: bool
) -> tuple[tuple[AnyMember, ...], tuple[str, ...]]:
    """Return the members that are for a run's training objects, and sentences on the others.

    Args:
        members: Of the model, each with what it is for.
        n_objects: Number of training objects.
        moved: Whether draws of them are moved to where the objects to be classified are.
        with_redshift: Whether redshifts are among the inputs.

    Raises:
        ConfigError: None is left.
    """
    occasion = "moved" if moved else "few" if n_objects < _FEW else "many"
    found = {occasion} if with_redshift else {occasion, f"{occasion}_without_redshift"}
    kept = tuple(one for one in members if found & set(one.only_if or OCCASIONS))
    if not kept:
        raise ConfigError(
            f"no member of the model is for training objects that are {occasion}: "
            "change what their only_if says"
        )
    if len(kept) == len(members):
        return kept, ()
    left_out = ", ".join(one.name for one in members if one not in kept)
    why = "draws of training objects are moved"
    if not moved:
        blind = "" if with_redshift else " and without redshift"
        why = f"{n_objects:,} training objects, whose draws stay, are {occasion}{blind}"
    return kept, (
        f"Members: {', '.join(one.name for one in kept)}, because {why}; not {left_out}.",
    )


def held_out_fits(context: TrainingContext, member: AnyMember, mode: str) -> list[MemberFit]:
    """Return the fits of a member that teach the head.

    Args:
        context: What all fits share.
        member: The network and its training.
        mode: "oof": one network a fold, each blind to its fold. "holdout": one
            network, blind to the validation share.

    Raises:
        ConfigError: The mode is unknown.
        TrainingError: A class is smaller than the number of folds.
    """
    if mode not in MODES:
        raise ConfigError(f"stacking.mode is '{mode}': {did_you_mean(mode, MODES)}")
    training = context.split.rows("train")
    if mode == "holdout":
        labels = _replicas("holdout", member)
        return [_fit(context, member, None, x, context.split.validation) for x in labels]
    check_folds(context.targets[training], context.n_folds, context.taxonomy)
    fits = []
    for fold in range(context.n_folds):
        own = training[context.split.folds[training] == fold]
        fits += [_fit(context, member, fold, x, own) for x in _replicas(f"fold_{fold}", member)]
    return fits


def refits(context: TrainingContext, member: AnyMember, times: int) -> list[MemberFit]:
    """Return so many fits of a cross-validated member on all training objects, to classify with.

    The folds' networks taught the head and are not needed any more. Each of the new ones has
    another seed, and has seen a quarter more objects, the validation share excepted.
    """
    nothing = np.zeros(0, dtype=np.int64)
    labels = [f"all_{number}" for number in range(times * member.replicas)]
    return [_fit(context, member, None, label, nothing) for label in labels]


def collected(member: AnyMember, fits: Sequence[MemberFit]) -> FittedMember:
    """Return a member whose fits, those of `held_out_fits`, are all finished."""
    results = [result_of(fit) for fit in fits]
    rows = np.unique(np.concatenate([fit.held_out_rows for fit in fits]))
    held_out = np.zeros((len(rows), len(fits[0].class_weights)))
    drawn = np.zeros((fits[0].held_out_draws, *held_out.shape))
    for fit, result in zip(fits, results, strict=True):
        own = np.searchsorted(rows, fit.held_out_rows)
        held_out[own] += result.held_out
        drawn[:, own] += result.drawn
    return FittedMember(
        member.name,
        [result.submodel for result in results],
        rows,
        held_out / member.replicas,
        drawn / member.replicas,
        {fit.label: result.history for fit, result in zip(fits, results, strict=True)},
    )


def refitted(fitted: FittedMember, fits: Sequence[MemberFit]) -> FittedMember:
    """Return a member with the networks of its finished `refits`.

    The held-out probabilities stay those of the networks that it had before.
    """
    if not fits:
        return fitted
    results = [result_of(fit) for fit in fits]
    histories = {fit.label: result.history for fit, result in zip(fits, results, strict=True)}
    submodels = [result.submodel for result in results]
    return replace(fitted, submodels=submodels, fits=dict(fitted.fits) | histories)


def fit_member(context: TrainingContext, member: AnyMember, mode: str) -> FittedMember:
    """Train a single member, from where an interrupted run stopped.

    Raises:
        ConfigError: The mode is unknown.
        TrainingError: A class is smaller than the number of folds, or a loss diverged.
    """
    fits = held_out_fits(context, member, mode)
    run_fits(fits, context.workers, context.reporter, context.watcher)
    return collected(member, fits)


def _replicas(label: str, member: AnyMember) -> list[str]:
    if member.replicas == 1:
        return [label]
    return [f"{label}_seed_{number}" for number in range(member.replicas)]


def _fit(
    context: TrainingContext,
    member: AnyMember,
    fold: int | None,
    label: str,
    held_out_rows: IntArray,
) -> MemberFit:
    train_rows, validation_rows = context.fold_rows(fold)
    tensorboard = context.tensorboard
    kind = TreeFit if isinstance(member, TreeSettings) else NetworkFit
    return kind(
        member=member,  # type: ignore[arg-type]  # each kind its own
        label=label,
        folder=context.folder / member.name / label,
        tensorboard=None if tensorboard is None else tensorboard / member.name / label,
        has_graph=label in (*_replicas("fold_0", member)[:1], *_replicas("holdout", member)[:1]),
        tensors=context.tensors,
        train_rows=train_rows,
        validation_rows=validation_rows,
        held_out_rows=held_out_rows,
        transforms=context.transforms(fold),
        class_weights=tuple(context.taxonomy.weight_vector().tolist()),
        max_length=context.max_length,
        trainer=context.trainer,
        snapshot=context.snapshot,
        seed=derive_seed(context.seed, "fit", member.name, label),
        stream=context.stream,
        held_out_draws=context.held_out_draws,
        draw_seed=context.draw_seed,
    )
