"""The bundle of a training run, and what it says of where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lcclassify.evaluation.metrics import Evaluation
from lcclassify.inference.bundle import Bundle, save
from lcclassify.inference.conditions import TrainingConditions
from lcclassify.inference.training_objects import TrainingObjects
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.tasks.card_figures import card_figures
from lcclassify.tasks.inputs import TrainingInputs
from lcclassify.tasks.last_steps import LastSteps
from lcclassify.tasks.runs import Run
from lcclassify.training.members import FittedMember


def save_bundle(
    run: Run,
    inputs: TrainingInputs,
    classifier: EnsembleClassifier,
    fitted: list[FittedMember],
    evaluations: Mapping[str, Evaluation],
    evaluated_on: str,
    steps: LastSteps,
    conditions: TrainingConditions,
    sample: TrainingObjects | None,
) -> Path:
    """Write the bundle of a run.

    Args:
        run: The run, whose results are written.
        inputs: What was trained on.
        classifier: The ensemble.
        fitted: Its members.
        evaluations: Of every model, by name.
        evaluated_on: The objects they were evaluated on, in words.
        steps: What follows the head.
        conditions: What the training objects were like.
        sample: Training objects to keep, or None.

    Returns:
        The bundle's folder.

    Raises:
        OutputError: It cannot be written.
    """
    training = inputs.objects[inputs.split.rows("train")]
    counts = training["label"].value_counts()
    shown = (
        *("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "weighted_log_loss"),
        *("ece", "classwise_ece", "aurc"),
    )
    return save(
        Bundle(
            representation=inputs.representation,
            taxonomy=inputs.taxonomy,
            classifier=classifier,
            member_names=tuple(member.name for member in fitted),
            provenance={
                "survey": inputs.survey_name,
                "class_counts": dict(zip(counts["label"], counts["count"], strict=True)),
                "seeds": {"seed": run.plan.seed},
                "metrics": {
                    name: {key: evaluation.scalars[key] for key in shown}
                    for name, evaluation in evaluations.items()
                },
                "augmentation": inputs.augment.described(),
                **steps.provenance(),
                "evaluation": card_figures(run.folder),
                "notes": [f"The scores are of {evaluated_on}."],
            },
            zeropoint=inputs.zeropoint,
            detections_stated=inputs.detections_stated,
            conditions=conditions,
            training_objects=sample,
        ),
        run.bundle,
    )
