"""The training objects that a run's bundle keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lcclassify.inference.training_objects import TrainingObjects, chosen
from lcclassify.nn.unknown import UnknownDetector
from lcclassify.schema import OBJECT_ID
from lcclassify.tasks.inputs import TrainingInputs
from lcclassify.tasks.plan import Plan
from lcclassify.training.context import TrainingContext


def training_sample(
    context: TrainingContext,
    inputs: TrainingInputs,
    detector: UnknownDetector | None,
    compared: Sequence[str],
    plan: Plan,
) -> TrainingObjects | None:
    """Return some of the training objects, as they are and not as they are drawn.

    Args:
        context: With the features of all objects.
        inputs: With their ids.
        detector: In whose space they are placed, if there is one.
        compared: Features whose values are kept.
        plan: Says how many.

    Returns:
        None where the plan keeps none.
    """
    if plan.training_objects == 0:
        return None
    names = inputs.representation.feature_names
    rows = context.split.rows("train")
    counts = np.bincount(context.targets[rows], minlength=len(context.taxonomy))
    rows = rows[
        chosen(inputs.objects[OBJECT_ID][rows], context.targets[rows], plan.training_objects)
    ]
    features = context.tensors.features[torch.as_tensor(rows)].cpu()[:, : len(names)]
    return TrainingObjects.of(
        inputs.objects[OBJECT_ID][rows],
        context.targets[rows],
        counts,
        features.numpy().astype(np.float64),
        names,
        compared,
        detector,
    )
