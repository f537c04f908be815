"""What the report of any labelled set of objects shows: tables, matrix and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lcclassify.evaluation.html.confusion import matrix_of
from lcclassify.evaluation.html.curves import (
    accuracy_chart,
    precision_recall_chart,
    reliability_charts,
    risk_coverage_chart,
    roc_chart,
)
from lcclassify.evaluation.html.objects import ReportObjects
from lcclassify.evaluation.html.svg import Chart
from lcclassify.evaluation.html.tables import TableBlock, class_names, class_table, models_table


def evaluated_section(
    key: str,
    title: str,
    models: Mapping[str, Any],
    objects: ReportObjects | None,
    intervals: Mapping[str, Any] | None = None,
    published: TableBlock | None = None,
) -> dict[str, Any]:
    """Return the section of one evaluated set.

    Args:
        key: Its anchor.
        title: What the objects are.
        models: By model, what `Evaluation.to_dict` gives, the reported one last.
        objects: The objects with what that model says, or None where they are not known one
            by one; those without a label are left out.
        intervals: By model and metric ``[low, high]``.
        published: Published figures beside these.
    """
    main = list(models)[-1]
    evaluation = models[main]
    labelled = None if objects is None else objects.labelled()
    if labelled is not None and not len(labelled):
        labelled = None
    charts: list[Chart] = []
    if labelled is not None:
        names = class_names(evaluation)
        charts = [
            roc_chart(labelled, names),
            precision_recall_chart(labelled, names),
            *reliability_charts(labelled, names),
            risk_coverage_chart(labelled),
            *(
                chart
                for quantity in labelled.quantities
                if (chart := accuracy_chart(labelled, quantity)) is not None
            ),
        ]
    return {
        "key": key,
        "title": title,
        "main": main,
        "figures": headline(evaluation),
        "models": models_table(models, "Models side by side", intervals),
        "published": published,
        "classes": class_table(evaluation, f"{main} by class", (intervals or {}).get(main)),
        "matrix": matrix_of(evaluation["confusion"], class_names(evaluation), labelled),
        "charts": charts,
    }


def headline(evaluation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the few figures that a report begins with."""
    metrics = evaluation["metrics"]
    shares = [("right", "accuracy"), ("mean recall of classes", "balanced_accuracy")]
    numbers = [
        ("log-loss", "log_loss"),
        ("macro AUC", "macro_roc_auc"),
        ("calibration error", "ece"),
    ]
    found = [(name, f"{v:.1%}") for name, key in shares if (v := metrics.get(key)) is not None]
    return found + [
        (name, f"{v:.3f}") for name, key in numbers if (v := metrics.get(key)) is not None
    ]


def class_summaries(evaluation: Mapping[str, Any]) -> list[str]:
    """Return a line on each class."""
    found = []
    for label in evaluation["classes"]:
        n = evaluation["objects_per_class"][label]
        words = [f"{n:,} object{'' if n == 1 else 's'}"]
        for metric in ("recall", "precision"):
            value = evaluation["metrics"].get(f"{metric}/{label}")
            if value is not None:
                words.append(f"{metric} {value:.3f}")
        found.append(", ".join(words))
    return found


def predicted_counts(objects: ReportObjects, names: Sequence[str]) -> dict[str, float]:
    """Return how many objects each class is given."""
    counts = np.bincount(objects.predicted, minlength=len(names))
    return {name: float(count) for name, count in zip(names, counts, strict=True)}
