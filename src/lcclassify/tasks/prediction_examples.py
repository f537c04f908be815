"""The light curves of a prediction's report: some of every chunk, then some of these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from lcclassify.evaluation.examples import choose_examples
from lcclassify.inference.predictions import CLASS_PREFIX, REASON
from lcclassify.parquet import read_parquet
from lcclassify.schema import LABEL, OBJECT_ID, LightCurves
from lcclassify.tasks.report_folder import named_curves, targets_of, unknown_of


def example_curves(
    curves: LightCurves, predictions: pl.DataFrame, classes: Sequence[str], *, labelled: bool
) -> pl.DataFrame:
    """Return the light curves of a chunk that a report may show.

    Args:
        curves: The chunk's light curves.
        predictions: Of its objects, a row each, as in `Predictions.to_frame`.
        classes: The K labels.
        labelled: Whether labels count.

    Returns:
        As in `named_curves`, with `label`, null where it does not count.
    """
    labels = curves.objects[LABEL] if labelled else pl.lit(None, dtype=pl.String).alias(LABEL)
    table = predictions.with_columns(labels).filter(pl.col(REASON).is_null())
    known = _chosen(table, classes).select(OBJECT_ID, LABEL)
    return named_curves(curves, known[OBJECT_ID]).join(
        known, on=OBJECT_ID, how="left", maintain_order="left"
    )


def chosen_curves(
    examples: Sequence[Path], predictions: Sequence[Path], classes: Sequence[str]
) -> pl.DataFrame:
    """Return the light curves that a report shows, of those that the chunks kept.

    Args:
        examples: Files of `example_curves`, one a chunk.
        predictions: Files of predictions.
        classes: The K labels.

    Returns:
        As in `named_curves`, by object.
    """
    kept = pl.concat([read_parquet(path) for path in examples])
    candidates = kept.select(OBJECT_ID, LABEL).unique(OBJECT_ID, keep="first").sort(OBJECT_ID)
    said = [read_parquet(path).join(candidates, on=OBJECT_ID, how="semi") for path in predictions]
    table = candidates.join(pl.concat(said), on=OBJECT_ID, how="inner", maintain_order="left")
    shown = _chosen(table, classes).select(OBJECT_ID)
    return (
        kept.join(shown, on=OBJECT_ID, how="semi", maintain_order="left")
        .drop(LABEL)
        .sort(OBJECT_ID, maintain_order=True)
    )


def _chosen(table: pl.DataFrame, classes: Sequence[str]) -> pl.DataFrame:
    """Return the rows of classified objects that a report shows."""
    probabilities = table.select(f"{CLASS_PREFIX}{label}" for label in classes).to_numpy()
    targets = targets_of(table[LABEL], list(classes))
    chosen = choose_examples(probabilities, targets, unknown_of(table), by_prediction=True)
    return table[np.unique([example.row for example in chosen]).astype(np.int64)]
