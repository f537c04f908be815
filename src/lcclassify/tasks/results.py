"""What a training run leaves for people: metrics, figures, tables, TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch.utils.tensorboard import SummaryWriter

from lcclassify.errors import OutputError
from lcclassify.evaluation.figures import (
    LearningCurve,
    importances_figure,
    learning_figure,
    make_figures,
)
from lcclassify.evaluation.figures import write_figures as save_figures
from lcclassify.evaluation.intervals import intervals
from lcclassify.evaluation.metrics import Evaluation, each_log_loss, evaluate
from lcclassify.evaluation.report import (
    comparison_table,
    is_of_plasticc,
    paper_comparison,
    per_class_table,
    text_of,
    write_metrics,
)
from lcclassify.evaluation.tensorboard import log_hparams, log_images, log_pr_curves
from lcclassify.evaluation.worth import StackWorth, beside_members
from lcclassify.files import write_text
from lcclassify.schema import PlainConfig, Taxonomy
from lcclassify.tasks.inputs import TrainingInputs
from lcclassify.tasks.last_steps import LastSteps, coverage_of
from lcclassify.tasks.redshift import JoinedRedshifts
from lcclassify.tasks.run_probabilities import Scored, write_probabilities
from lcclassify.tasks.runs import Run
from lcclassify.tasks.shift import Shift
from lcclassify.terminal import show_table, working
from lcclassify.training.importances import Importance
from lcclassify.training.members import FittedMember
from lcclassify.training.tensorboard import remove_event_files

IntArray = NDArray[np.int64]

# The members that Table 3 of the paper is about, by the names its YAMLs give them.
TABLE_3: Final = {"paper_dense": "2DSubM", "paper_bigru": "3DSubM"}


@dataclass(frozen=True)
class CrossValidation:
    """How a member does on training objects that it did not train on.

    Attributes:
        accuracy: Mean over the folds.
        deviation: Standard deviation over the folds.
        evaluation: Of all folds' objects together.
    """

    accuracy: float
    deviation: float
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """Return the plain values for `metrics.json`."""
        accuracy = {"mean": self.accuracy, "std": self.deviation}
        return {"accuracy_of_folds": accuracy, "all_folds": self.evaluation.defined()}


def cross_validation(
    member: FittedMember, targets: IntArray, folds: IntArray, taxonomy: Taxonomy
) -> CrossValidation:
    """Score what the networks of a cross-validated member say of their own folds."""
    own, fold = targets[member.rows], folds[member.rows]
    correct = member.held_out.argmax(axis=1) == own
    scores = np.array([correct[fold == number].mean() for number in np.unique(fold)])
    return CrossValidation(
        float(scores.mean()),
        float(scores.std(ddof=1)) if len(scores) > 1 else 0.0,
        evaluate(member.held_out, own, taxonomy),
    )


def report(
    run: Run,
    scored: Scored,
    held_out: Scored | None,
    inputs: TrainingInputs,
    taxonomy: Taxonomy,
    crossed: Mapping[str, CrossValidation],
    members: list[FittedMember],
    importances: Mapping[str, Sequence[Importance]],
    steps: LastSteps,
    worth: StackWorth | None,
    redshifts: JoinedRedshifts | None,
    shift: Shift | None,
    console: Console,
) -> dict[str, Evaluation]:
    """Evaluate, write everything under the run's folder and show the tables.

    Args:
        run: The run.
        scored: Probabilities to evaluate.
        held_out: Those of objects that the survey holds out and that are drawn like the
            training objects, where the test objects are not.
        inputs: What was trained on.
        taxonomy: The classes.
        crossed: Cross-validated members.
        members: The members, for their learning curves.
        importances: Of features to members that are trees.
        steps: What follows the head.
        worth: What the members are worth to the stack, or None where that is not known.
        redshifts: Estimates that joined the inputs, or None.
        shift: How the test objects differ from training objects, or None.
        console: Where the tables go.

    Returns:
        The evaluations by model.

    Raises:
        OutputError: A file cannot be written.
    """
    evaluations = _evaluations(scored, taxonomy)
    main = list(evaluations)[-1]
    final = evaluations[main]
    alike = {} if held_out is None else _evaluations(held_out, taxonomy)
    tables = [
        *([] if held_out is None else _tables(alike, held_out)),
        *_tables(evaluations, scored),
        *([] if worth is None else [worth.table("members of the stack")]),
    ]
    if inputs.published and is_of_plasticc(final):
        published = {TABLE_3.get(name, name): cv.accuracy for name, cv in crossed.items()}
        tables.append(paper_comparison(final, published))
    try:
        write_metrics(
            run.folder / "metrics.json",
            {
                "evaluated_on": scored.what,
                "intervals": _intervals(scored, taxonomy),
                "held_out_intervals": {} if held_out is None else _intervals(held_out, taxonomy),
                "models": evaluations,
                "held_out": alike,
                "cross_validation": {name: cv.to_dict() for name, cv in crossed.items()},
                "importances": {
                    name: {item.name: item.loss for item in found}
                    for name, found in importances.items()
                },
                "augmentation": inputs.augment.described(),
                "calibration": steps.provenance().get("calibration"),
                "unknown": steps.provenance().get("unknown"),
                "sets": _coverage(scored, steps, taxonomy),
                "held_out_sets": None if held_out is None else _coverage(held_out, steps, taxonomy),
                "shift": None if shift is None else shift.to_dict(),
                "worth": None if worth is None else worth.to_dict(),
                "redshift": None if redshifts is None else redshifts.to_dict(),
            },
        )
        advice = [] if worth is None else worth.sentences()
        advice += [] if shift is None else shift.advice()
        text = [
            *(inputs.line, "", *_spaced(remarks(inputs, steps.sentences(taxonomy)))),
            *([] if redshifts is None else redshifts.sentences()),
            *(text_of(table) for table in tables),
            *advice,
        ]
        write_text(run.folder / "report.txt", "\n".join(text))
        write_probabilities(run, [scored, *([] if held_out is None else [held_out])], taxonomy)
        images: list[Path] = []
        if run.config["evaluation"]["figures"]:
            with working(console, "drawing figures"):
                figures = make_figures(
                    scored.probabilities[main], scored.targets, taxonomy, title=main
                )
                if held_out is not None:
                    title = f"{main}, held-out objects"
                    alike_figures = make_figures(
                        held_out.probabilities[main], held_out.targets, taxonomy, title=title
                    )
                    figures |= {f"held_out_{name}": one for name, one in alike_figures.items()}
                figures |= _learning_figures(run, members)
                figures |= {
                    f"importances_{name}": importances_figure(
                        {item.name: item.loss for item in found},
                        title=f"{name}: what features in all passbands are worth",
                    )
                    for name, found in importances.items()
                    if found
                }
                figures |= {} if inputs.drawn is None else inputs.drawn.figures()
                images = save_figures(figures, run.figures)
        if run.tensorboard is not None:
            _to_tensorboard(run.tensorboard, run.config, scored, taxonomy, final, images)
    except OSError as error:
        raise OutputError(f"the results cannot be written to '{run.folder}': {error}") from error
    for table in tables:
        show_table(console, table)
    for sentence in advice:
        console.print(f"  {sentence}", highlight=False, soft_wrap=True)
    for name, cv in crossed.items():
        console.print(
            f"  {name}: cross-validated accuracy {cv.accuracy:.4f} ± {cv.deviation:.4f} "
            "(s.d. of folds)",
            highlight=False,
        )
    return evaluations


def remarks(inputs: TrainingInputs, sentences: Sequence[str]) -> list[str]:
    """Return how training objects were drawn, and what was made of the probabilities."""
    augment = inputs.augment
    used = "metadata, brightness and cadences" if augment.target == "metadata" else "nothing"
    drawn = (
        f"Training objects were drawn anew for every epoch (augment={augment.name}); of the "
        f"objects to be classified {used} went into that."
    )
    return [
        *([drawn] if augment.steps else []),
        *inputs.notes,
        *sentences,
    ]


def _spaced(sentences: list[str]) -> list[str]:
    """Return sentences with an empty line behind them, if there are any."""
    return [*sentences, ""] if sentences else []


def _evaluations(scored: Scored, taxonomy: Taxonomy) -> dict[str, Evaluation]:
    found = {
        name: evaluate(values, scored.targets, taxonomy)
        for name, values in scored.probabilities.items()
    }
    losses = [each_log_loss(values, scored.targets) for values in scored.probabilities.values()]
    return beside_members(found, losses)


def _intervals(scored: Scored, taxonomy: Taxonomy) -> dict[str, Any]:
    """Return intervals of the reported model's metrics, by its name."""
    main = list(scored.probabilities)[-1]
    return {main: intervals(scored.probabilities[main], scored.targets, taxonomy)}


def _coverage(scored: Scored, steps: LastSteps, taxonomy: Taxonomy) -> dict[str, Any] | None:
    main = list(scored.probabilities)[-1]
    return coverage_of(steps.sets, scored.probabilities[main], scored.targets, taxonomy)


def _tables(evaluations: Mapping[str, Evaluation], scored: Scored) -> list[Table]:
    main = list(evaluations)[-1]
    return [
        comparison_table(evaluations, title=f"{len(scored.targets):,} {scored.what}"),
        per_class_table(evaluations[main], title=f"{main}, {scored.what}"),
    ]


def _learning_figures(run: Run, members: list[FittedMember]) -> dict[str, Any]:
    figures = {}
    for member in members:
        curves = []
        for label, fit in member.fits.items():
            if not fit.history:
                continue
            keys = sorted({key for epoch in fit.history for key in epoch if "/" in key})
            curves.append(
                LearningCurve(
                    label.replace("_", " "),
                    [int(epoch["epoch"]) + 1 for epoch in fit.history],
                    {key: [epoch.get(key, float("nan")) for epoch in fit.history] for key in keys},
                )
            )
        if curves:
            watched = all("val/loss" in curve.values for curve in curves)
            monitor = "val/loss" if watched else "train/loss"
            figures[f"learning_{member.name}"] = learning_figure(
                curves, monitor=monitor, mode="min", title=member.name
            )
    return figures


def _to_tensorboard(
    folder: Path,
    config: PlainConfig,
    scored: Scored,
    taxonomy: Taxonomy,
    final: Evaluation,
    images: Sequence[Path],
) -> None:
    # Of a resumed run: its final values replace the earlier ones.
    remove_event_files(folder)
    writer = SummaryWriter(str(folder))
    try:
        # By name the metrics of all classes together come first.
        metrics = {
            f"{'final_per_class' if '/' in name else 'final'}/{name}": value
            for name, value in final.defined().items()
        }
        log_images(writer, images)
        main = list(scored.probabilities)[-1]
        log_pr_curves(writer, scored.probabilities[main], scored.targets, taxonomy)
        log_hparams(writer, _hyperparameters(config), metrics)
    finally:
        writer.close()


def _hyperparameters(config: PlainConfig) -> PlainConfig:
    kept = ("seed", "model", "representation", "split", "stacking")
    return {key: config[key] for key in kept}
