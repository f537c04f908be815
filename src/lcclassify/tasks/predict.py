"""Classifies a survey's objects with a bundle and writes the result to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Final

import polars as pl
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from lcclassify.build import instantiate
from lcclassify.errors import ConfigError, DataError
from lcclassify.evaluation.metrics import Evaluation, evaluate
from lcclassify.evaluation.report import (
    comparison_table,
    is_of_plasticc,
    paper_comparison,
    per_class_table,
    write_metrics,
)
from lcclassify.inference.predictions import Predictions
from lcclassify.inference.predictor import Predictor
from lcclassify.inference.writer import check_writable, output_format, write_predictions
from lcclassify.schema import FLUX, FLUX_ERR, LABEL, OBJECT_ID, SUBSET
from lcclassify.surveys.base import Survey, SurveyData

ENSEMBLE: Final = "ensemble"
TABLE_WIDTH: Final = 100  # columns of a table in a file or a pipe, which have no width

_MANDATORY: Final = {
    "bundle": "the folder of a trained bundle, such as bundle=outputs/run/bundle",
    "survey": "what to classify, such as survey=snphotcc survey.root=FOLDER",
    "output": "the file to write, such as output=predictions.parquet",
}


@dataclass(frozen=True)
class PredictResult:
    """What a prediction left behind.

    Attributes:
        output: File of the predictions.
        metrics: File of the metrics, or None if nothing was evaluated.
        n_objects: Rows written.
        n_scored: Objects with probabilities.
        n_unscored: Objects with a reason instead.
        evaluation: Of the ensemble, or None where there are no labels or none are
            to be looked at.
        elapsed: Seconds from reading to the written file.
        sentences: What was left out, converted or not evaluated.
    """

    output: Path
    metrics: Path | None
    n_objects: int
    n_scored: int
    n_unscored: int
    evaluation: Evaluation | None
    elapsed: float
    sentences: tuple[str, ...]


def predict(cfg: DictConfig) -> PredictResult:
    """Classify every object of a survey.

    With labels at hand it also evaluates the ensemble and each member, on the objects
    that have probabilities and a label that is one of the bundle's classes. Objects of
    other classes are classified like all others and left out of the evaluation. Where
    the survey itself marks test objects, these alone are evaluated.

    Args:
        cfg: `conf/predict.yaml`, composed.

    Raises:
        ConfigError: A mandatory key is missing, or a value invalid.
        BundleError: The bundle cannot be used.
        DataError: The survey's files are not as described, or do not fit the bundle.
        OutputError: The result cannot be written.
    """
    begin = perf_counter()
    require(cfg, _MANDATORY)
    output = Path(str(cfg.output)).expanduser().absolute()
    # Whatever can be refused is refused before the long work.
    form = output_format(output, cfg.format)
    check_writable(output)
    predictor = Predictor.load(
        str(cfg.bundle), accelerator=cfg.accelerator, batch_size=cfg.batch_size
    )
    survey: Survey = instantiate(cfg.survey)
    data = survey.read(labels=bool(cfg.evaluate))
    data, unit_sentences = in_units_of(data, predictor.bundle.zeropoint)
    sentences = [*data.report.sentences(), *unit_sentences]
    objects = data.light_curves.objects
    labelled = bool(cfg.evaluate) and objects[LABEL].null_count() < len(objects)
    with _progress(len(objects), f"classifying {survey.name}") as advance:
        predictions = predictor.predict(
            data.light_curves,
            orphan_ids=data.report.orphan_ids,
            keep_members=labelled,
            progress=advance,
        )
    sentences += write_predictions(predictions.to_frame(predictor.classes), output, form)
    elapsed = perf_counter() - begin

    evaluations: dict[str, Evaluation] = {}
    metrics = None
    if labelled:
        evaluations, more = _evaluations(predictor, predictions, objects)
        sentences += more
    beside = output.with_name(f"{output.stem}.metrics.json")
    if evaluations:
        metrics = write_metrics(beside, evaluations)
    elif beside.exists():
        beside.unlink()
        sentences.append(f"{beside.name} was of the replaced predictions and is removed.")
    n_scored = int(predictions.scored.sum())
    result = PredictResult(
        output=output,
        metrics=metrics,
        n_objects=len(predictions),
        n_scored=n_scored,
        n_unscored=len(predictions) - n_scored,
        evaluation=evaluations.get(ENSEMBLE),
        elapsed=elapsed,
        sentences=tuple(sentences),
    )
    _say(result, evaluations)
    return result


def require(cfg: DictConfig, meanings: dict[str, str]) -> None:
    """Refuse a configuration in which a key is missing, null or empty.

    Args:
        cfg: The configuration.
        meanings: What to pass, by key.

    Raises:
        ConfigError: A key has no value; the message says what to pass.
    """
    for key, meaning in meanings.items():
        if key not in cfg or OmegaConf.is_missing(cfg, key) or cfg[key] in (None, ""):
            raise ConfigError(f"{key} is missing: pass {meaning}")


def in_units_of(data: SurveyData, zeropoint: float | None) -> tuple[SurveyData, list[str]]:
    """Bring a survey's fluxes to the units of another zero-point.

    Args:
        data: What was read.
        zeropoint: AB magnitude of flux 1 in the wanted units, or None if not known.

    Returns:
        The data with converted fluxes, and sentences that say so.
    """
    own = data.zeropoint
    if own == zeropoint:
        return data, []
    if own is None or zeropoint is None:
        known, other = ("bundle", "survey") if own is None else ("survey", "bundle")
        return data, [
            f"The {known} states a zero-point ({zeropoint if own is None else own:g}) and the "
            f"{other} none: the fluxes are taken to be in the same units."
        ]
    factor = 10 ** (0.4 * (zeropoint - own))
    curves = data.light_curves
    scaled = curves.observations.with_columns(pl.col(FLUX) * factor, pl.col(FLUX_ERR) * factor)
    sentence = (
        f"The fluxes were multiplied by {factor:.6g}, from the survey's zero-point {own:g} to the "
        f"bundle's {zeropoint:g}."
    )
    return replace(data, light_curves=replace(curves, observations=scaled)), [sentence]


def _evaluations(
    predictor: Predictor, predictions: Predictions, objects: pl.DataFrame
) -> tuple[dict[str, Evaluation], list[str]]:
    """Evaluate the members and the ensemble, each by name; say what is left out."""
    classes = predictor.classes
    truth = pl.DataFrame({OBJECT_ID: predictions.object_ids}).join(
        objects.select(OBJECT_ID, LABEL, SUBSET), on=OBJECT_ID, how="left", maintain_order="left"
    )
    label = truth[LABEL]
    sentences = []
    known = label.is_in(list(classes)).fill_null(False)
    foreign = truth.filter(label.is_not_null() & ~known)[LABEL]
    if len(foreign):
        kinds = ", ".join(foreign.unique().sort().to_list())
        who = "1 object has" if len(foreign) == 1 else f"{len(foreign):,} objects have"
        sentences.append(
            f"{who} a label that is none of the bundle's classes ({kinds}): classified, and left "
            "out of the evaluation."
        )
    used = known.to_numpy() & predictions.scored
    is_test = (truth[SUBSET] == "test").fill_null(False).to_numpy()
    if (used & is_test).any() and not is_test[used].all():
        sentences.append(
            f"The evaluation is of the {int((used & is_test).sum()):,} objects that the survey "
            "marks as test objects."
        )
        used &= is_test
    if not used.any():
        sentences.append("Nothing was evaluated: no object has probabilities and a known label.")
        return {}, sentences
    without = int((label.is_null() & pl.Series(predictions.scored)).sum())
    if without:
        sentences.append(f"{without:,} objects without a label are left out of the evaluation.")
    if predictions.members is None:
        raise DataError("the members' probabilities are needed for the evaluation")
    targets = (
        label.filter(pl.Series(used))
        .replace_strict(list(classes), list(range(len(classes))), return_dtype=pl.Int64)
        .to_numpy()
    )
    taxonomy = predictor.bundle.taxonomy
    evaluations = {}
    if len(predictor.bundle.member_names) > 1:
        for m, name in enumerate(predictor.bundle.member_names):
            evaluations[name] = evaluate(predictions.members[used, m], targets, taxonomy)
    evaluations[ENSEMBLE] = evaluate(predictions.probabilities[used], targets, taxonomy)
    return evaluations, sentences


class _ObjectsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} objects/s" if speed else "")


@contextmanager
def _progress(total: int, description: str) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal's standard error, and yield what moves it on."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _ObjectsPerSecond(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.advance(task, done)


def _say(result: PredictResult, evaluations: dict[str, Evaluation]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for sentence in result.sentences:
        line(sentence)
    if result.evaluation is not None:
        console.print(comparison_table(evaluations, title="evaluation"))
        console.print(per_class_table(result.evaluation, title=ENSEMBLE))
        if is_of_plasticc(result.evaluation):
            console.print(paper_comparison(result.evaluation))
    line(
        f"{result.n_objects:,} objects in {result.elapsed:.1f} s "
        f"({result.n_objects / max(result.elapsed, 1e-9):,.0f} objects/s, reading included): "
        f"{result.n_scored:,} classified, {result.n_unscored:,} not."
    )
    line(f"Predictions: {result.output}")
    if result.metrics is not None:
        line(f"Metrics: {result.metrics}")
