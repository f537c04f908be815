"""Trains the members of a run and the head over them, evaluates them and writes the bundle."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from lcclassify.errors import DataError
from lcclassify.evaluation.metrics import Evaluation
from lcclassify.evaluation.tensorboard import ValidationLog
from lcclassify.evaluation.worth import StackWorth
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.devices import device_of, float32_products
from lcclassify.nn.priors import wanted_shares
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.representations.prepared import PreparedSet
from lcclassify.schema import OBJECT_ID
from lcclassify.tasks.augmenting import is_moved
from lcclassify.tasks.class_counts import class_notes
from lcclassify.tasks.console import FitConsole
from lcclassify.tasks.inputs import TrainingInputs, read_inputs
from lcclassify.tasks.kept_curves import removed_at_end
from lcclassify.tasks.last_steps import (
    LastSteps,
    calibrate,
    detect_unknown,
    known_shares,
    of_draws,
    prediction_sets,
    training_conditions,
)
from lcclassify.tasks.plan import Plan, is_alone, trainer_arguments, worker_count
from lcclassify.tasks.redshift import with_redshifts
from lcclassify.tasks.results import cross_validation, remarks, report
from lcclassify.tasks.run_bundle import save_bundle
from lcclassify.tasks.run_notes import alike_notes, constant_notes, noted
from lcclassify.tasks.run_probabilities import Scoring
from lcclassify.tasks.run_reporting import finish_report
from lcclassify.tasks.runs import Run
from lcclassify.tasks.shift import shift_of_test
from lcclassify.tasks.training_sample import training_sample
from lcclassify.terminal import terminal, working
from lcclassify.training.callbacks import EpochWatcher
from lcclassify.training.context import TrainingContext
from lcclassify.training.head_settings import HeadSettings
from lcclassify.training.importances import Importance, importances
from lcclassify.training.mapped import mapped
from lcclassify.training.members import (
    FittedMember,
    collected,
    held_out_fits,
    members_for,
    refits,
    refitted,
    settled_mode,
)
from lcclassify.training.processes import one_thread, warm_up
from lcclassify.training.stacking import HEAD_FOLDS, FittedHead, fit_head
from lcclassify.training.tree_fit import TreeFit
from lcclassify.training.unknown_fit import can_leave_classes_out
from lcclassify.training.workers import run_fits
from lcclassify.training.worth import worth_to_mean


@dataclass(frozen=True)
class TrainResult:
    """What a training run leaves.

    Attributes:
        folder: The run's folder.
        bundle: The bundle in it.
        evaluations: Evaluation of every member and of the whole, which comes last.
        evaluated_on: The objects they were evaluated on, in words.
        seconds: Time it took.
        report: The report as HTML, or None where none was made.
    """

    folder: Path
    bundle: Path
    evaluations: Mapping[str, Evaluation]
    evaluated_on: str
    seconds: float
    report: Path | None = None


def train_ensemble(
    run: Run, console: Console, watcher: EpochWatcher | None, said: set[str]
) -> TrainResult:
    """Train what a run's plan says, from where an earlier process stopped.

    Args:
        run: The run.
        console: Where to show progress and tables.
        watcher: Told of every epoch of the members' fits; may end the run.
        said: Lines of inputs that other runs of a sweep have said.

    Raises:
        LcclassifyError: The input cannot be used.
        KeyboardInterrupt: The user stopped it; the run can be resumed.
    """
    started = time.perf_counter()
    workers = worker_count(run.config["trainer"])
    if workers > 1:
        warm_up(ValidationLog.__module__)
    with ExitStack() as stack:
        stack.enter_context(removed_at_end(run.folder))
        inputs, prepared = read_inputs(run, console, said)
        run, inputs = _settled(run, inputs, console)
        stack.enter_context(one_thread())
        context = stack.enter_context(_context(run, inputs, prepared, workers))
        del prepared  # fits share their own copy
        context.watcher = watcher
        inputs = noted(inputs, alike_notes(context), console)
        known = known_shares(context)
        wanted_shares(run.plan.priors, context.taxonomy, known)  # before anything is trained
        redshifts = stack.enter_context(
            with_redshifts(
                context, run.plan.redshift, inputs.redshift, inputs.representation, console
            )
        )
        with FitConsole(console) as reporter:
            context.reporter = reporter
            fitted, crossed, meta = _fit_all(context, run.plan, reporter)
        constant = constant_notes(run.plan.members, fitted, stacked=run.plan.stacked)
        inputs = noted(inputs, constant, console)
        classifier = EnsembleClassifier(
            [member.submodels for member in fitted],
            None if meta is None else meta.head,
            n_rounds=1 if run.plan.mode == "holdout" else run.plan.refit or run.plan.split.folds,
        )
        last_step = calibrate(context, run.plan, classifier, fitted, meta, known, console)
        found_unknown = detect_unknown(context, run.plan, inputs, classifier, console)
        classifier.sets = prediction_sets(context, run.plan, classifier, fitted, meta, last_step)
        scoring = Scoring(
            context,
            run.plan,
            inputs.objects[OBJECT_ID],
            classifier,
            fitted,
            meta,
            found_unknown,
            last_step,
        )
        with working(console, "classifying test objects"):
            scored = scoring.of("test") if _has_test(context, run.plan) else scoring.of_training()
            has_held_out = run.plan.test and len(inputs.split.rows("held_out")) > 0
            held_out = scoring.of("held_out") if has_held_out else None
        worth = _worth(context, fitted, meta) if run.plan.stacked else None
        joined = () if redshifts is None else redshifts.column_names
        what_trees_use = _importances(context, run.plan, inputs, joined)
        steps = LastSteps(last_step, found_unknown, classifier.sets)
        conditions = training_conditions(context, inputs)
        sample = training_sample(
            context, inputs, classifier.unknown, list(conditions.quantiles), run.plan
        )
        shift = None
        if run.plan.test:
            is_drawn = inputs.augment.target != "none"
            shift = shift_of_test(context, inputs, conditions, sample, is_drawn=is_drawn)
        taxonomy = inputs.taxonomy
        validations = {
            member.name: cross_validation(member, context.targets, inputs.split.folds, taxonomy)
            for member in crossed
        }
        evaluations = report(
            run,
            scored,
            held_out,
            inputs,
            taxonomy,
            validations,
            fitted,
            what_trees_use,
            steps,
            worth,
            redshifts,
            shift,
            console,
        )
        # From here on what it is given has no estimates yet.
        classifier.redshift = None if redshifts is None else redshifts.estimator
        folder = save_bundle(
            run, inputs, classifier, fitted, evaluations, scored.what, steps, conditions, sample
        )
        seconds = time.perf_counter() - started
        said_of_it = remarks(inputs, steps.sentences(taxonomy))
        page = finish_report(run, inputs, seconds, said_of_it, console)
    return TrainResult(run.folder, folder, evaluations, scored.what, seconds, page)


def _settled(run: Run, inputs: TrainingInputs, console: Console) -> tuple[Run, TrainingInputs]:
    """Return a run whose plan holds what depends on its training objects, and words on it."""
    plan = run.plan
    trained = inputs.targets[inputs.split.rows("train")]
    moved = is_moved(inputs.stream)
    redshift = inputs.representation.redshift
    members, notes = members_for(
        plan.members, len(trained), moved=moved, with_redshift=redshift is not None
    )
    mode = settled_mode(plan.mode, trained, plan.split.folds)
    of_classes = class_notes(
        inputs.targets,
        inputs.split,
        inputs.taxonomy,
        plan.split.folds,
        (plan.mode, mode),
        unknown_told=plan.unknown is not None and can_leave_classes_out(trained),
    )
    settled = replace(run, plan=replace(plan, mode=mode, members=members))
    return settled, noted(inputs, (*notes, *of_classes), console)


@contextmanager
def _context(
    run: Run, inputs: TrainingInputs, prepared: PreparedSet, workers: int
) -> Iterator[TrainingContext]:
    config = run.config
    trainer = trainer_arguments(config)
    device = device_of(trainer)
    tensors = TensorSet.from_prepared(prepared, inputs.targets)
    context = TrainingContext(
        tensors=tensors,
        split=inputs.split,
        taxonomy=inputs.taxonomy,
        max_length=inputs.representation.max_length,
        transform_settings=inputs.representation.settings.transforms,
        validation_fraction=run.plan.split.validation_fraction,
        n_folds=run.plan.split.folds,
        folder=run.fits,
        tensorboard=run.tensorboard,
        trainer=trainer,
        reporter=FitConsole(terminal(quiet=True)),
        seed=run.plan.seed,
        snapshot=ValidationLog(inputs.taxonomy),
        stream=inputs.stream,
        held_out_draws=inputs.augment.held_out_draws,
        workers=workers,
    )
    with ExitStack() as stack:
        if device.type != "cpu":
            stack.enter_context(float32_products(str(config["matmul_precision"])))
        if workers > 1:
            context.tensors = stack.enter_context(mapped(tensors, run.folder))
        elif is_alone(trainer):  # spawned processes move a copy each, as they cannot share these
            context.tensors = tensors.to(device)
        del prepared, tensors
        yield context


def _has_test(context: TrainingContext, plan: Plan) -> bool:
    return plan.test and len(context.split.rows("test")) > 0


def _is_cross_fitted(context: TrainingContext, plan: Plan, head: HeadSettings) -> bool:
    """Tell whether the head is fitted over folds as well: for a score, or prediction sets.

    Sets that are made with draws need no such fits, and with epochs they would take too long.
    """
    is_drawn = context.stream is not None and context.held_out_draws > 0
    return not _has_test(context, plan) or (head.shrinkage is not None and not is_drawn)


def _fit_all(
    context: TrainingContext, plan: Plan, console: FitConsole
) -> tuple[list[FittedMember], list[FittedMember], FittedHead | None]:
    """Return the members that classify, the cross-validated ones, and the head."""
    holdout = plan.mode == "holdout"
    fits = [held_out_fits(context, member, plan.mode) for member in plan.members]
    others = fits
    if holdout:
        folds = plan.members if plan.cross_validate else ()
        others = [held_out_fits(context, member, "oof") for member in folds]
    anew = [refits(context, member, 0 if holdout else plan.refit) for member in plan.members]
    distinct = {fit.folder: fit for part in (*fits, *others, *anew) for fit in part}
    cross_fit = plan.head is not None and _is_cross_fitted(context, plan, plan.head)
    head_fits = 0 if plan.head is None else 1 + HEAD_FOLDS * cross_fit
    console.expected(len(distinct) + head_fits)
    run_fits(list(distinct.values()), context.workers, context.reporter, context.watcher)
    members = [collected(m, part) for m, part in zip(plan.members, fits, strict=True)]
    crossed = members
    if holdout:
        crossed = [collected(part[0].member, part) for part in others]
    meta = _fit_head(context, plan.head, members, cross_fit=cross_fit)
    members = [refitted(member, part) for member, part in zip(members, anew, strict=True)]
    return members, crossed, meta


def _importances(
    context: TrainingContext, plan: Plan, inputs: TrainingInputs, joined: tuple[str, ...]
) -> dict[str, list[Importance]]:
    """Return what features are worth to the members that are trees, by member."""
    representation = inputs.representation
    bands = list(representation.passbands.names)
    if representation.settings.feature_bands == "numbers":
        bands += [str(number) for number in range(len(bands))]
    found = {}
    for member in plan.members:
        fits = [f for f in held_out_fits(context, member, plan.mode) if isinstance(f, TreeFit)]
        if fits:
            found[member.name] = importances(fits, (*representation.feature_names, *joined), bands)
    return found


def _fit_head(
    context: TrainingContext,
    head: HeadSettings | None,
    fitted: list[FittedMember],
    *,
    cross_fit: bool,
) -> FittedHead | None:
    if head is None:
        return None
    rows = fitted[0].rows
    if len(rows) == 0:
        raise DataError(
            "the head learns from objects that no member trained on, and there are none: "
            "set split.validation_fraction above 0 or stacking.mode=oof"
        )
    probabilities = np.stack([member.held_out for member in fitted], axis=1)
    return fit_head(
        context, head, probabilities, rows, of_draws(context, fitted), cross_fit=cross_fit
    )


def _worth(
    context: TrainingContext, fitted: list[FittedMember], meta: FittedHead | None
) -> StackWorth | None:
    """Return what members are worth, where they held objects out and a head can tell it."""
    rows = fitted[0].rows
    if meta is not None:
        worth = meta.worth
    elif len(rows):
        held_out = np.stack([member.held_out for member in fitted], axis=1)
        worth = worth_to_mean(held_out, context.targets[rows])
    else:
        worth = None
    if worth is None:
        return None
    names = [member.name for member in fitted]
    return StackWorth.of(names, worth.stack, worth.own, worth.without)
