"""What a run says where there is nothing to learn, or a member has learned nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from lcclassify.nn.trees import BoostedTrees
from lcclassify.tasks.inputs import TrainingInputs
from lcclassify.training.context import TrainingContext
from lcclassify.training.members import FittedMember
from lcclassify.training.settings import AnyMember, TreeSettings


def noted(inputs: TrainingInputs, notes: Sequence[str], console: Console) -> TrainingInputs:
    """Return inputs with further notes, which the report has too, after saying them."""
    for sentence in notes:
        console.print(f"  {sentence}", highlight=False, soft_wrap=True)
    return replace(inputs, notes=(*inputs.notes, *notes))


def alike_notes(context: TrainingContext) -> tuple[str, ...]:
    """Return a sentence where no feature tells any two training objects apart, else nothing."""
    rows = context.split.rows("train")
    features = context.tensors.features
    # A few tell most surveys apart; of all a copy is made.
    if (
        len(rows) < 2
        or not features.shape[1]
        or not all(
            _are_alike(features[torch.as_tensor(part)].cpu().numpy()) for part in (rows[:100], rows)
        )
    ):
        return ()
    return (
        f"All {len(rows):,} training objects have the same features: nothing tells their "
        "classes apart. Are the light curves those of different objects?",
    )


def _are_alike(features: NDArray[np.float32]) -> bool:
    return np.array_equal(features, np.broadcast_to(features[0], features.shape), equal_nan=True)


def constant_notes(
    members: Sequence[AnyMember], fitted: Sequence[FittedMember], *, stacked: bool
) -> tuple[str, ...]:
    """Return a sentence for each member of trees that says the same of every object.

    Args:
        members: The settings of the members.
        fitted: What became of them, in the same order.
        stacked: Whether they are parts of an ensemble, which one can be left out of.
    """
    found = []
    for member, trained in zip(members, fitted, strict=True):
        if not isinstance(member, TreeSettings) or not _is_constant(trained):
            continue
        left_out = f", or leave it out (~model.members.{member.name})" if stacked else ""
        found.append(
            f"{member.name} says the same of every object: no split of its trees leaves "
            f"{member.boosting.min_objects} training objects, or draws of them, on either side. "
            f"Set boosting.min_objects lower{left_out}."
        )
    return tuple(found)


def _is_constant(trained: FittedMember) -> bool:
    """Tell whether the trees that classify, or those that taught the head, have no split."""
    networks = [submodel.network for submodel in trained.submodels]
    if all(isinstance(one, BoostedTrees) and not len(one.feature) for one in networks):
        return True
    teachers = sum(not label.startswith("all_") for label in trained.fits)
    # Each of these says one thing of its own objects.
    distinct = len(np.unique(trained.held_out, axis=0))
    return len(trained.held_out) > teachers >= distinct > 0
