"""What is done with one chunk of a survey: classified, or prepared and written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from lcclassify.inference.decisions import Decisions
from lcclassify.inference.predictions import (
    NO_OBJECT_ROW,
    NO_OBSERVATION,
    Predictions,
    with_unscored,
)
from lcclassify.inference.shards import ShardRecord, ShardStore
from lcclassify.inference.told_apart import sampled
from lcclassify.schema import FLUX, FLUX_ERR, LABEL, OBJECT_ID, STACK, SUBSET, LightCurves
from lcclassify.surveys.chunks import Chunk, SurveyChunks
from lcclassify.tasks.prediction_examples import example_curves
from lcclassify.tasks.report_folder import measured

if TYPE_CHECKING:
    from lcclassify.inference.bundle import Bundle
    from lcclassify.inference.predictor import Predictor
    from lcclassify.representations.prepared import PreparedSet
    from lcclassify.representations.representation import FittedRepresentation

# Tables of a shard.
PREDICTIONS: Final = "predictions"
SCORES: Final = "scores"  # label, subset and every model's probabilities, of labelled objects
FEATURES: Final = "features"
CONTEXT: Final = "context"
SEQUENCES: Final = "sequences"
ORPHANS: Final = "orphans"  # ids of objects without a row in the object table
REJECTS: Final = "rejects"
EXAMPLES: Final = "examples"  # light curves that the report may show
COMPARED: Final = "compared"  # quantities of some objects, to set beside training objects

NIGHT: Final = "night"

STAGES: Final = ("read", "prepare", "infer", "write")


class Stages:
    """Seconds spent in each stage of a chunk."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what is done inside towards a stage."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - begin


@dataclass(frozen=True, eq=False)
class ClassifyJob:
    """Classifies the objects of a chunk.

    Attributes:
        chunks: The survey.
        store: Where the shards go.
        bundle: Folder of the bundle; every process loads it once.
        flux_factor: What the survey's fluxes are multiplied by.
        keep_scores: Whether to keep what an evaluation needs of labelled objects.
        accelerator: As of `Predictor`.
        batch_size: As of `Predictor`.
        precision: As of `Predictor`.
        threads: As of `Predictor`; all chunks that a process works on share them.
        decisions: What is said beside the probabilities.
        unknown_fraction: As of `Predictor`.
        keep_examples: Whether to keep light curves that a report may show.
    """

    chunks: SurveyChunks
    store: ShardStore
    bundle: Path
    flux_factor: float
    keep_scores: bool
    accelerator: str
    batch_size: int | None
    precision: str
    threads: int
    decisions: Decisions
    unknown_fraction: float | None = None
    keep_examples: bool = False

    def process(self, index: int) -> ShardRecord:
        """Take one chunk from the survey's files to its shard."""
        from lcclassify.inference.loaded import loaded_predictor

        stages = Stages()
        predictor = loaded_predictor(
            self.bundle,
            self.accelerator,
            self.batch_size,
            self.precision,
            self.threads,
            self.unknown_fraction,
        )
        with stages("read"):
            chunk = self.chunks.read(index)
            curves = with_flux_factor(chunk.light_curves, self.flux_factor)
        predictor.check(curves)
        objects = curves.objects
        labelled = self.keep_scores and objects[LABEL].null_count() < len(objects)
        with stages("prepare"):
            prepared = predictor.prepare(curves)
        with stages("infer"):
            predictions = predictor.score(prepared, objects[OBJECT_ID], keep_members=labelled)
        tables = _account_tables(chunk)
        if labelled:
            tables[SCORES] = _scores(predictor, predictions, curves)
        if self.keep_examples:
            tables[EXAMPLES] = example_curves(
                curves,
                predictions.to_frame(predictor.classes),
                predictor.classes,
                labelled=labelled,
            )
        if len(chunk.unobserved_ids):
            predictions = with_unscored(predictions, chunk.unobserved_ids, NO_OBSERVATION)
        if len(chunk.report.orphan_ids):
            predictions = with_unscored(predictions, chunk.report.orphan_ids, NO_OBJECT_ROW)
        tables[PREDICTIONS] = predictor.decided(predictions, self.decisions)
        account = {**_account(chunk), "scored": int(predictions.scored.sum())}
        conditions = predictor.bundle.conditions
        if conditions is not None and prepared is not None:
            account["conditions"] = conditions.counts(prepared.features, prepared.feature_names)
        kept = predictor.bundle.training_objects
        if kept is not None and prepared is not None:
            tables[COMPARED] = sampled(
                kept, prepared.object_ids, prepared.features, prepared.feature_names
            )
        return self.store.write(index, tables, account, stages.seconds)


@dataclass(frozen=True, eq=False)
class PrepareJob:
    """Writes the features, context and sequences of a chunk.

    Attributes:
        chunks: The survey.
        store: Where the shards go.
        representation: How light curves become arrays.
        flux_factor: What the survey's fluxes are multiplied by.
    """

    chunks: SurveyChunks
    store: ShardStore
    representation: FittedRepresentation
    flux_factor: float

    def process(self, index: int) -> ShardRecord:
        """Take one chunk from the survey's files to its shard."""
        stages = Stages()
        with stages("read"):
            chunk = self.chunks.read(index)
            curves = with_flux_factor(chunk.light_curves, self.flux_factor)
        tables = _account_tables(chunk)
        account = _account(chunk)
        if not curves.observations.is_empty():
            with stages("prepare"):
                prepared = self.representation.prepare(curves)
                tables |= prepared_tables(prepared)
            account["longest"] = int(prepared.lengths.max())
        return self.store.write(index, tables, account, stages.seconds)


def with_flux_factor(curves: LightCurves, factor: float) -> LightCurves:
    """Return light curves with fluxes and errors multiplied by a factor."""
    if factor == 1.0:
        return curves
    scaled = curves.observations.with_columns(pl.col(FLUX) * factor, pl.col(FLUX_ERR) * factor)
    return replace(curves, observations=scaled)


def models_of(bundle: Bundle) -> tuple[str, ...]:
    """Return what of a bundle is evaluated, the whole last: members and stack, or one network."""
    names = bundle.member_names
    return names if len(names) == 1 and bundle.classifier.head is None else (*names, STACK)


def score_column(model: str, label: str) -> str:
    """Return the column of a model's probability of a class in the table of scores."""
    return f"{model}:{label}"


def prepared_tables(prepared: PreparedSet) -> dict[str, pl.DataFrame]:
    """Return a prepared set as tables: one row an object, and one row a night."""
    ids = prepared.object_ids.alias(OBJECT_ID)
    tables = {FEATURES: _with_ids(ids, prepared.features, prepared.feature_names)}
    if prepared.context_names:
        tables[CONTEXT] = _with_ids(ids, prepared.context, prepared.context_names)
    lengths = prepared.lengths
    owner = np.repeat(np.arange(len(prepared)), lengths)
    night = np.arange(len(owner)) - np.repeat(prepared.offsets[:-1], lengths)
    tables[SEQUENCES] = pl.DataFrame(
        {
            OBJECT_ID: ids.gather(owner),
            NIGHT: night.astype(np.int32),
            **{name: prepared.sequences[:, c] for c, name in enumerate(prepared.channel_names)},
        }
    )
    return tables


def _with_ids(
    ids: pl.Series, values: np.ndarray[Any, np.dtype[np.float64]], names: Sequence[str]
) -> pl.DataFrame:
    columns = {name: values[:, column] for column, name in enumerate(names)}
    return pl.DataFrame({OBJECT_ID: ids, **columns}).with_columns(
        pl.col(name).fill_nan(None) for name in names
    )


def _scores(predictor: Predictor, predictions: Predictions, curves: LightCurves) -> pl.DataFrame:
    """Return label, subset, quantities and probabilities of labelled objects that have them."""
    objects, bundle = curves.objects, predictor.bundle
    quantities = measured(
        curves, bundle.representation.settings.sequences.redshift, bundle.zeropoint
    )
    *members, whole = models_of(predictor.bundle)
    models = {whole: predictions.probabilities}
    if predictions.members is not None:
        models |= {name: predictions.members[:, m] for m, name in enumerate(members)}
    columns = {
        score_column(model, label): values[:, k]
        for model, values in models.items()
        for k, label in enumerate(predictor.classes)
    }
    used = pl.Series(predictions.scored) & objects[LABEL].is_not_null()
    known = objects.select(OBJECT_ID, LABEL, SUBSET).with_columns(**columns).filter(used)
    return known.join(quantities, on=OBJECT_ID, how="left", maintain_order="left")


def _account_tables(chunk: Chunk) -> dict[str, pl.DataFrame]:
    tables = {}
    if len(chunk.report.orphan_ids):
        tables[ORPHANS] = chunk.report.orphan_ids.to_frame(OBJECT_ID)
    if len(chunk.rejects):
        tables[REJECTS] = chunk.rejects
    return tables


def _account(chunk: Chunk) -> dict[str, Any]:
    report = asdict(replace(chunk.report, orphan_ids=pl.Series(OBJECT_ID, [], pl.Int64)))
    del report["orphan_ids"]
    report["messages"] = list(chunk.report.messages)
    return {"report": report}
