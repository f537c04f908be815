"""Classifies a survey's objects with a bundle and writes the result to a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from omegaconf import DictConfig

from lcclassify.build import instantiate, make_survey
from lcclassify.checks import check_flag, check_not_negative
from lcclassify.codestamp import code_stamp
from lcclassify.evaluation.metrics import Evaluation
from lcclassify.evaluation.report import (
    comparison_table,
    is_of_plasticc,
    paper_comparison,
    per_class_table,
    write_metrics,
)
from lcclassify.importing import uncollected
from lcclassify.inference.decisions import Decisions
from lcclassify.inference.document import fingerprint, read_document
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.predictions import NO_OBSERVATION, Predictions
from lcclassify.inference.writer import (
    check_writable,
    output_format,
    sorted_parts,
    write_predictions,
)
from lcclassify.jobs.chunked import remove_work, run_chunks, working_folder
from lcclassify.jobs.engines import Engine
from lcclassify.jobs.result import ChunkedResult, stage_shares
from lcclassify.jobs.shards import ShardStore
from lcclassify.surveys.base import Survey
from lcclassify.surveys.chunks import SurveyChunks
from lcclassify.tasks.classify_job import PREDICTIONS, ClassifyJob
from lcclassify.tasks.input_line import input_line
from lcclassify.tasks.prediction_report import beside
from lcclassify.tasks.report_folder import FOLDER, REPORT
from lcclassify.tasks.reporting import remove_report, report_prediction
from lcclassify.tasks.scores import SCORES, evaluations, models_of
from lcclassify.tasks.shift import shift_of
from lcclassify.tasks.surveying import check_apart, flux_factor, output_of, require
from lcclassify.terminal import say, show_table, terminal

if TYPE_CHECKING:
    from lcclassify.inference.predictor import Predictor

# Ends of the names of the files beside the predictions.
MANIFEST: Final = "manifest.json"
METRICS: Final = "metrics.json"
REJECTS: Final = "rejects.csv"

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
        rejects: File of the rows that could not be read, or None if there are none.
        n_objects: Rows written.
        n_scored: Objects with probabilities.
        n_unscored: Objects with a reason instead.
        evaluation: Of the stack, or of the only network; None where there are no labels or
            none are to be looked at.
        report: File of the report, or None where none was made.
        elapsed: Seconds from reading to the written file.
        stages: Seconds of each stage, summed over the chunks; several are worked on at
            a time.
        sentences: What was left out, converted or not evaluated.
    """

    output: Path
    metrics: Path | None
    rejects: Path | None
    report: Path | None
    n_objects: int
    n_scored: int
    n_unscored: int
    evaluation: Evaluation | None
    elapsed: float
    stages: dict[str, float]
    sentences: tuple[str, ...]


def predict(cfg: DictConfig) -> PredictResult:
    """Classify every object of a survey.

    With labels at hand it also evaluates the stack and each member, on the objects
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
    output = output_of(cfg)
    bundle = Path(str(cfg.bundle)).expanduser()
    # Whatever can be refused is refused before the long work, and before torch is there.
    form = output_format(output, cfg.format)
    check_writable(output)
    evaluate, restart = (check_flag(key, cfg[key]) for key in ("evaluate", "restart"))
    decisions = Decisions.from_config(cfg.sets, cfg.sets_by, cfg.abstain)
    expected = Expectations.from_config(cfg)
    document = read_document(bundle)
    expected.check(document)
    decisions.check_document(document)
    report = check_flag("report", cfg["report"])
    days = None if cfg.days is None else check_not_negative("days", cfg.days)
    survey: Survey = make_survey(cfg)
    others = [beside(output, kind) for kind in (MANIFEST, METRICS, REJECTS, REPORT, FOLDER)]
    check_apart([output, *others], [*survey.files(), bundle])
    engine: Engine = instantiate(cfg.engine)
    with uncollected():
        from lcclassify.inference.loaded import loaded_predictor

    # The same that the chunks will ask for.
    predictor = loaded_predictor(
        bundle,
        cfg.accelerator,
        cfg.batch_size,
        str(cfg.precision),
        engine.threads,
        expected,
    )
    work = output.with_name(f"{output.name}.work")
    with working_folder(work):
        chunks = survey.chunks(labels=evaluate, rows=cfg.chunk_rows, on_error=cfg.on_error)
        used = predictor.bundle.representation
        say(input_line(survey, used, chunks.zeropoint, chunks.objects))
        factor, sentences = flux_factor(chunks.zeropoint, predictor.bundle.zeropoint)
        if predictor.bundle.detections_stated and not chunks.states_detections:
            sentences.append(
                "The bundle was trained with the detections that its survey states, and here none "
                "are: the detection_snr of the survey tells, and probabilities change with that."
            )
        if days is not None:
            sentences.append(
                f"Objects are looked at until {days:g} days after their first detection, those "
                "never detected as a whole."
            )
        sentences += expected.sentences(predictor.bundle)
        key = fingerprint(bundle)

        def job(chunks: SurveyChunks, store: ShardStore) -> ClassifyJob:
            return ClassifyJob(
                chunks=chunks,
                store=store,
                bundle=bundle.absolute(),
                flux_factor=factor,
                keep_scores=evaluate,
                accelerator=cfg.accelerator,
                batch_size=cfg.batch_size,
                precision=predictor.precision,
                threads=engine.threads,
                decisions=decisions,
                expectations=expected,
                keep_examples=report,
                days=days,
            )

        description = {
            "survey": survey.fingerprint(),
            "bundle": key,
            "evaluate": evaluate,
            "report": report,
            "chunk_rows": cfg.chunk_rows,
            "on_error": cfg.on_error,
            "batch_size": predictor.batch_size,
            "days": days,
            "precision": predictor.precision,
            **asdict(decisions),
            "unknown.fraction": predictor.unknown_fraction,
            "priors": expected.described(),
            "device": predictor.device.type,
            "code": code_stamp("inference", "nn", "representations", "tasks"),
        }
        run = run_chunks(
            chunks,
            job,
            engine=engine,
            work=work,
            description=description,
            table=PREDICTIONS,
            title=f"classifying {survey.name}",
            restart=restart,
        )
        result, found = _finish(
            run, predictor, decisions, output, form, begin, sentences, {"inputs": description}
        )
        if report:
            file, said = report_prediction(
                run, predictor, survey, bundle, output, evaluated=result.metrics is not None
            )
            more = () if file else (said,)
            result = replace(result, report=file, sentences=(*result.sentences, *more))
        remove_work(work)
    _say(result, found, survey.published)
    return result


def _finish(
    run: ChunkedResult,
    predictor: Predictor,
    decisions: Decisions,
    output: Path,
    form: str,
    begin: float,
    sentences: list[str],
    manifest: dict[str, Any],
) -> tuple[PredictResult, dict[str, Evaluation]]:
    """Bring the shards into their final form: the table, the metrics, the manifest."""
    account = run.account(PREDICTIONS, sentences)
    sentences = account.sentences
    n_objects = sum(record.rows.get(PREDICTIONS, 0) for record in run.records)
    n_objects += len(account.unobserved)
    n_scored = sum(record.account["scored"] for record in run.records)

    sentences += write_predictions(
        sorted_parts(
            run.store.paths(run.records, PREDICTIONS),
            _without_probabilities(account.unobserved, predictor, decisions),
        ),
        output,
        form,
    )
    rejects = account.write_rejects(beside(output, REJECTS))

    found: dict[str, Evaluation] = {}
    scores = run.store.paths(run.records, SCORES)
    if scores:
        found, more = evaluations(
            scores, predictor.bundle.taxonomy, models_of(predictor.bundle), n_scored
        )
        sentences += more
    metrics = beside(output, METRICS)
    if found:
        write_metrics(metrics, found)
    elif metrics.exists():
        metrics.unlink()
        sentences.append(f"{metrics.name} was of the replaced predictions and is removed.")
    shift = shift_of(
        run,
        run.store.paths(run.records, PREDICTIONS),
        predictor,
        early=manifest["inputs"]["days"] is not None,
    )
    if shift is not None:
        whole = found[list(found)[-1]].scalars["accuracy"] if found else None
        sentences += shift.sentences(whole)
        manifest["shift"] = shift.to_dict()
    remove_report(output)
    elapsed = perf_counter() - begin
    result = PredictResult(
        output=output,
        metrics=metrics if found else None,
        rejects=rejects,
        report=None,
        n_objects=n_objects,
        n_scored=n_scored,
        n_unscored=n_objects - n_scored,
        evaluation=list(found.values())[-1] if found else None,
        elapsed=elapsed,
        stages=run.seconds,
        sentences=tuple(sentences),
    )
    content = {
        "output": output.name,
        "objects": n_objects,
        "objects_scored": n_scored,
        **account.counts(),
        **account.manifest(rejects, elapsed),
        **manifest,
    }
    write_metrics(beside(output, MANIFEST), content)
    return result, found


def _without_probabilities(
    ids: pl.Series, predictor: Predictor, decisions: Decisions
) -> pl.DataFrame:
    """Return the rows of objects without an observation."""
    has_unknown = predictor.bundle.classifier.unknown is not None
    nothing = Predictions(
        object_ids=ids,
        probabilities=np.full((len(ids), len(predictor.classes)), np.nan),
        reasons=pl.Series([NO_OBSERVATION] * len(ids), dtype=pl.String),
        unknown=np.full(len(ids), np.nan) if has_unknown else None,
    )
    return predictor.decided(nothing, decisions)


def _say(result: PredictResult, found: dict[str, Evaluation], published: bool) -> None:
    console = terminal()
    if not console.is_terminal:
        console = terminal(width=TABLE_WIDTH)
    for sentence in result.sentences:
        say(sentence)
    if result.evaluation is not None:
        show_table(console, comparison_table(found, title="evaluation"))
        show_table(console, per_class_table(result.evaluation, title=list(found)[-1]))
        if published and is_of_plasticc(result.evaluation):
            show_table(console, paper_comparison(result.evaluation))
    say(
        f"{result.n_objects:,} objects in {result.elapsed:.1f} s "
        f"({result.n_objects / max(result.elapsed, 1e-9):,.0f} objects/s, reading included): "
        f"{result.n_scored:,} classified, {result.n_unscored:,} not."
    )
    say(f"Time: {stage_shares(result.stages)}.")
    say(f"Predictions: {result.output}")
    if result.metrics is not None:
        say(f"Metrics: {result.metrics}")
    if result.report is not None:
        say(f"Report: {result.report}")
