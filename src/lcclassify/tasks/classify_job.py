"""What is done with one chunk of a survey that is classified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lcclassify.inference.decisions import Decisions
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.predictions import NO_OBJECT_ROW, NO_OBSERVATION, with_unscored
from lcclassify.inference.told_apart import sampled
from lcclassify.jobs.account import Stages, account_of, account_tables
from lcclassify.jobs.shards import ShardRecord, ShardStore
from lcclassify.schema import LABEL, OBJECT_ID
from lcclassify.surveys.chunks import SurveyChunks
from lcclassify.tasks.prediction_examples import example_curves
from lcclassify.tasks.scores import SCORES, scores
from lcclassify.tasks.surveying import so_far, with_flux_factor

# Tables of a shard.
PREDICTIONS: Final = "predictions"
EXAMPLES: Final = "examples"  # light curves that the report may show
COMPARED: Final = "compared"  # quantities of some objects, to set beside training objects


@dataclass(frozen=True, eq=False)
class ClassifyJob:
    """Classifies the objects of a chunk.

    Attributes:
        chunks: The survey.
        store: Where the shards go.
        bundle: Folder of the bundle; every process loads it once.
        flux_factor: What the survey's fluxes are multiplied by.
        keep_scores: Whether to keep what an evaluation needs of labelled objects.
        accelerator: As in `Predictor`.
        batch_size: As in `Predictor`.
        precision: As in `Predictor`.
        threads: As in `Predictor`; all chunks that a process works on share them.
        decisions: What is said beside the probabilities.
        expectations: As in `Predictor`.
        keep_examples: Whether to keep light curves that a report may show.
        days: After an object's first detection, as in `so_far`; None for all.
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
    expectations: Expectations
    keep_examples: bool = False
    days: float | None = None

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
            self.expectations,
        )
        with stages("read"):
            chunk = self.chunks.read(index)
            curves = so_far(with_flux_factor(chunk.light_curves, self.flux_factor), self.days)
        predictor.check(curves)
        objects = curves.objects
        labelled = self.keep_scores and objects[LABEL].null_count() < len(objects)
        with stages("prepare"):
            prepared = predictor.prepare(curves)
        with stages("infer"):
            predictions = predictor.score(prepared, objects[OBJECT_ID], keep_members=labelled)
        tables = account_tables(chunk)
        if labelled:
            tables[SCORES] = scores(predictor, predictions, curves)
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
        account = {**account_of(chunk), "scored": int(predictions.scored.sum())}
        conditions = predictor.bundle.conditions
        if conditions is not None and prepared is not None:
            account["conditions"] = conditions.counts(prepared.features, prepared.feature_names)
        kept = predictor.bundle.training_objects
        if kept is not None and prepared is not None:
            tables[COMPARED] = sampled(
                kept, prepared.object_ids, prepared.features, prepared.feature_names
            )
        return self.store.write(index, tables, account, stages.seconds)
