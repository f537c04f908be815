"""The training task: survey files in, a bundle and its evaluation out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from omegaconf import DictConfig
from rich.console import Console

from lcclassify.errors import DataError
from lcclassify.tasks.console import FitConsole
from lcclassify.tasks.plan import is_alone, trainer_arguments
from lcclassify.tasks.runs import Run, open_run
from lcclassify.training.settings import MemberSettings

# The configuration is checked before what takes seconds to import is.
if TYPE_CHECKING:
    from lcclassify.evaluation.metrics import Evaluation
    from lcclassify.nn.stack import EnsembleClassifier
    from lcclassify.tasks.inputs import TrainingInputs
    from lcclassify.training.callbacks import EpochWatcher
    from lcclassify.training.members import FittedMember, TrainingContext
    from lcclassify.training.stacking import FittedHead


@dataclass(frozen=True)
class TrainResult:
    """What a training run leaves.

    Attributes:
        folder: The run's folder.
        bundle: The bundle in it.
        evaluations: Evaluation of every member and of the whole, which comes last.
        evaluated_on: The objects they were evaluated on, in words.
        seconds: Time it took.
    """

    folder: Path
    bundle: Path
    evaluations: Mapping[str, Evaluation]
    evaluated_on: str
    seconds: float


def train(
    cfg: DictConfig,
    overrides: Sequence[str] = (),
    console: Console | None = None,
    watcher: EpochWatcher | None = None,
) -> TrainResult:
    """Train a model or an ensemble as configured.

    Args:
        cfg: The composed configuration, see `conf/train.yaml`.
        overrides: The user's own words on the command line, for `resume`.
        console: Where to show progress and tables.
        watcher: Told of every epoch of the members' fits; may end the run.

    Raises:
        LcclassifyError: The input or the configuration cannot be used.
        KeyboardInterrupt: The user stopped it; what is finished can be gone on with.
    """
    started = time.perf_counter()
    console = console or Console()
    run = open_run(cfg, overrides)
    from lcclassify.nn.stack import EnsembleClassifier
    from lcclassify.surveys.plasticc import PlasticcSurvey
    from lcclassify.tasks.inputs import read_inputs
    from lcclassify.tasks.results import cross_validation, report
    from lcclassify.tasks.scoring import Scoring
    from lcclassify.training.members import fit_member, refit_member
    from lcclassify.training.stacking import HEAD_FOLDS

    members, head, mode = run.plan.members, run.plan.head, run.plan.mode
    inputs = read_inputs(run, console)
    crossing = mode == "holdout" and run.plan.cross_validate
    has_test = run.plan.test and len(inputs.split.rows("test")) > 0
    n_folds = run.plan.split.folds
    refit = run.plan.refit if mode == "oof" else 0
    per_member = (n_folds + refit if mode == "oof" else 1) + (n_folds if crossing else 0)
    n_fits = sum(member.replicas for member in members) * per_member
    if head is not None:
        n_fits += 1 if has_test else 1 + HEAD_FOLDS
    with FitConsole(console, n_fits) as reporter:
        context = _context(run, inputs, reporter)
        context.watcher = watcher
        fitted = [fit_member(context, member, mode) for member in members]
        crossed = fitted if mode == "oof" else []
        if crossing:
            crossed = [fit_member(context, member, "oof") for member in members]
        meta = _fit_head(context, head, fitted, cross_fit=not has_test)
        if refit:
            fitted = [
                refit_member(context, member, before, refit)
                for member, before in zip(members, fitted, strict=True)
            ]
    classifier = EnsembleClassifier(
        [member.submodels for member in fitted],
        None if meta is None else meta.head,
        n_rounds=1 if mode == "holdout" else refit or n_folds,
    )
    scoring = Scoring(context, run.plan, inputs.prepared.object_ids, classifier, fitted, meta)
    scored = scoring.of("test") if has_test else scoring.of_training()
    has_held_out = run.plan.test and len(inputs.split.rows("held_out")) > 0
    held_out = scoring.of("held_out") if has_held_out else None
    taxonomy = inputs.survey.taxonomy
    validations = {
        member.name: cross_validation(member, context.targets, inputs.split.folds, taxonomy)
        for member in crossed
    }
    plasticc = inputs.survey_name == PlasticcSurvey.name
    evaluations = report(run, scored, held_out, plasticc, taxonomy, validations, fitted, console)
    seconds = time.perf_counter() - started
    folder = _save_bundle(run, inputs, classifier, fitted, evaluations, scored.what)
    return TrainResult(run.folder, folder, evaluations, scored.what, seconds)


def _context(run: Run, inputs: TrainingInputs, reporter: FitConsole) -> TrainingContext:
    import torch

    from lcclassify.evaluation.tensorboard import ValidationLog
    from lcclassify.nn.batching import TensorSet
    from lcclassify.training.members import TrainingContext
    from lcclassify.training.splits import encode_labels

    config = run.config
    trainer = trainer_arguments(config["trainer"])
    on_cuda = trainer["accelerator"] in ("cuda", "gpu")
    if on_cuda:
        torch.set_float32_matmul_precision(str(config["matmul_precision"]))
    targets = encode_labels(inputs.objects["label"], inputs.survey.taxonomy)
    # Spawned processes cannot share a GPU's tensors, so each moves its own copy.
    device = torch.device("cuda" if on_cuda and is_alone(trainer) else "cpu")
    return TrainingContext(
        tensors=TensorSet.from_prepared(inputs.prepared, targets).to(device),
        split=inputs.split,
        taxonomy=inputs.survey.taxonomy,
        max_length=inputs.representation.max_length,
        transform_settings=inputs.representation.settings.transforms,
        validation_fraction=run.plan.split.validation_fraction,
        n_folds=run.plan.split.folds,
        folder=run.fits,
        tensorboard=run.tensorboard,
        trainer=trainer,
        reporter=reporter,
        seed=run.plan.seed,
        snapshot=ValidationLog(inputs.survey.taxonomy),
    )


def _fit_head(
    context: TrainingContext,
    head: MemberSettings | None,
    fitted: list[FittedMember],
    *,
    cross_fit: bool,
) -> FittedHead | None:
    if head is None:
        return None
    from lcclassify.training.stacking import fit_head

    rows = fitted[0].rows
    if len(rows) == 0:
        raise DataError(
            "the head learns from objects that no member trained on, and there are none: "
            "set split.validation_fraction above 0 or stacking.mode=oof"
        )
    probabilities = np.stack([member.held_out for member in fitted], axis=1)
    return fit_head(context, head, probabilities, rows, cross_fit=cross_fit)


def _save_bundle(
    run: Run,
    inputs: TrainingInputs,
    classifier: EnsembleClassifier,
    fitted: list[FittedMember],
    evaluations: Mapping[str, Evaluation],
    evaluated_on: str,
) -> Path:
    from lcclassify.inference import bundle as bundles

    training = inputs.objects[inputs.split.rows("train")]
    counts = training["label"].value_counts()
    shown = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "weighted_log_loss", "ece")
    return bundles.save(
        bundles.Bundle(
            representation=inputs.representation,
            taxonomy=inputs.survey.taxonomy,
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
                "notes": [f"The scores are of {evaluated_on}."],
            },
            zeropoint=inputs.survey.zeropoint,
        ),
        run.bundle,
    )
