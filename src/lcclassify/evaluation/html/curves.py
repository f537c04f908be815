"""Curves by class, reliability, accuracy along a quantity and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.evaluation.calibration import class_reliabilities, top_label_reliability
from lcclassify.evaluation.html.objects import ReportObjects
from lcclassify.evaluation.html.svg import Axis, Chart, Series, bar_chart, xy_chart
from lcclassify.evaluation.risk_coverage import risk_coverage

FloatArray = NDArray[np.float64]

_UNIT: Final = (-0.01, 1.01)
_BINS: Final = 10  # of equally many objects
_FEWEST: Final = 10  # objects of such a bin
_Z: Final = 1.0  # standard errors of the bars
_VERTICES: Final = 400  # of a curve; more than a chart resolves
_KEPT: Final = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)  # shares in a table


def roc_chart(objects: ReportObjects, names: Sequence[str]) -> Chart:
    """Draw each class's ROC curve against all others, for labelled objects."""
    from sklearn.metrics import roc_curve

    series = []
    for k, own in _classes(objects):
        false, true, _ = roc_curve(own, objects.probabilities[:, k])
        series.append(Series(names[k], false, true, k))
    return xy_chart(
        "ROC",
        f"ROC curves of {len(series)} classes; areas stand in the table of classes.",
        Axis("false-positive rate", *_UNIT),
        Axis("true-positive rate", *_UNIT),
        series,
        diagonal=True,
        note=_without(objects, names),
    )


def precision_recall_chart(objects: ReportObjects, names: Sequence[str]) -> Chart:
    """Draw each class's precision over recall, for labelled objects."""
    from sklearn.metrics import precision_recall_curve

    series = []
    for k, own in _classes(objects):
        precision, recall, _ = precision_recall_curve(own, objects.probabilities[:, k])
        series.append(Series(names[k], recall, precision, k))
    return xy_chart(
        "Precision and recall",
        f"Precision over recall of {len(series)} classes; average precisions stand in the table.",
        Axis("recall", *_UNIT),
        Axis("precision", *_UNIT),
        series,
        note=_without(objects, names),
    )


def reliability_charts(objects: ReportObjects, names: Sequence[str]) -> list[Chart]:
    """Draw how often probabilities come true: the highest one, and each class's."""
    p, y = objects.probabilities, objects.targets
    top = top_label_reliability(p, y)
    filled = top.counts > 0
    low, high = wilson(top.observed[filled] * top.counts[filled], top.counts[filled])
    one = xy_chart(
        "Reliability of the predicted class",
        f"How often the predicted class is right, by its probability; calibration error "
        f"{top.calibration_error:.4f}.",
        Axis("probability of the predicted class", *_UNIT),
        Axis("share that is right", *_UNIT),
        [Series("", top.predicted[filled], top.observed[filled], marks=True, low=low, high=high)],
        diagonal=True,
        note=f"On the line probabilities are what they say. Expected calibration error "
        f"{top.calibration_error:.4f}; bars are 68 % intervals.",
        table=[["probability", "right", "objects"]]
        + [
            [f"{a:.3f}", f"{b:.3f}", f"{n:,}"]
            for a, b, n in zip(
                top.predicted[filled], top.observed[filled], top.counts[filled], strict=True
            )
        ],
    )
    series = []
    for k, curve in enumerate(class_reliabilities(p, y)):
        filled = curve.counts >= _FEWEST
        if filled.sum() > 1 and (y == k).any():
            x, seen = curve.predicted[filled], curve.observed[filled]
            series.append(Series(names[k], x, seen, k, marks=True))
    each = xy_chart(
        "Reliability by class",
        f"How often a class is the true one, by its probability, for {len(series)} classes.",
        Axis("probability of the class", *_UNIT),
        Axis("share that is of the class", *_UNIT),
        series,
        diagonal=True,
        note=f"Bins of fewer than {_FEWEST} objects are left out.",
    )
    return [one, each] if series else [one]


def accuracy_chart(objects: ReportObjects, quantity: str) -> Chart | None:
    """Draw the share of right predictions along a quantity, None without enough values."""
    values = objects.quantities[quantity]
    rows = np.flatnonzero(np.isfinite(values))
    bins = min(_BINS, len(rows) // _FEWEST)
    if bins < 2 or np.ptp(values[rows]) == 0:
        return None
    rows = rows[np.argsort(values[rows], kind="stable")]
    parts = np.array_split(rows, bins)
    right = objects.predicted == objects.targets
    hits = np.array([right[part].sum() for part in parts], dtype=np.float64)
    counts = np.array([len(part) for part in parts], dtype=np.float64)
    middle = np.array([np.median(values[part]) for part in parts])
    low, high = wilson(hits, counts)
    missing = len(values) - len(rows)
    note = "Bins of equally many objects, at their medians; bars are 68 % intervals."
    if missing:
        note += f" {missing:,} {'object has' if missing == 1 else 'objects have'} no value."
    return xy_chart(
        f"Accuracy by {quantity}",
        f"Accuracy in {bins} bins of {quantity}, from {hits[0] / counts[0]:.2f} at "
        f"{middle[0]:.3g} to {hits[-1] / counts[-1]:.2f} at {middle[-1]:.3g}.",
        Axis.around(quantity, middle),
        # From a round value below all bars, so that differences are seen.
        Axis("share that is right", max(0.0, np.floor(10 * low.min()) / 10) - 0.01, 1.01),
        [Series("", middle, hits / counts, marks=True, low=low, high=high)],
        note=note,
        table=[["from", "to", "objects", "right", "accuracy"]]
        + [
            [
                *(f"{values[part].min():.4g}", f"{values[part].max():.4g}"),
                *(f"{len(part):,}", f"{int(hit):,}", f"{hit / len(part):.4f}"),
            ]
            for part, hit in zip(parts, hits, strict=True)
        ],
    )


def risk_coverage_chart(objects: ReportObjects) -> Chart:
    """Draw the error of the objects left as the least sure ones are left out."""
    curve = risk_coverage(objects.probabilities, objects.targets)
    first = min(_FEWEST, len(objects)) - 1
    shown = np.unique(np.linspace(first, len(objects) - 1, _VERTICES).astype(np.int64))
    numbers = [max(int(np.ceil(share * len(objects))), 1) - 1 for share in _KEPT]
    highest = float(curve.error[shown].max())
    return xy_chart(
        "Error of the surest objects",
        f"Share misclassified among the objects kept as the least sure are left out: area "
        f"{curve.area:.4f}, at least {curve.ideal_area:.4f} with so many errors.",
        Axis("share of objects kept, the surest first", *_UNIT),
        Axis("share of these misclassified", -0.02 * highest, max(1.15 * highest, 0.01)),
        [
            Series("this classifier", curve.kept[shown], curve.error[shown]),
            Series("all errors left out first", curve.kept[shown], curve.ideal[shown], 1),
        ],
        note=f"Area {curve.area:.4f}; with all errors left out first {curve.ideal_area:.4f}.",
        table=[["kept", "probability of at least", "misclassified"]]
        + [
            [f"{share:.0%}", f"{curve.least[i]:.3f}", f"{curve.error[i]:.2%}"]
            for share, i in zip(_KEPT, numbers, strict=True)
        ],
    )


def top_probability_chart(top: FloatArray) -> Chart:
    """Draw how the highest probabilities are distributed."""
    counts, edges = np.histogram(top, bins=20, range=(0.0, 1.0))
    return bar_chart(
        "Probability of the predicted class",
        f"Histogram of the highest probability of {len(top):,} objects, median "
        f"{np.median(top):.2f}.",
        Axis("probability of the predicted class", *_UNIT),
        edges,
        counts.astype(np.float64),
    )


def learning_charts(member: str, fits: Mapping[str, Mapping[str, Any]]) -> list[Chart]:
    """Draw what a member's fits logged after every epoch, one chart a quantity.

    Args:
        member: Its name.
        fits: By fit what its ``history.json`` holds: ``best``, an epoch, and ``epochs``.
    """
    logged = [history["epochs"] for history in fits.values() if history.get("epochs")]
    keys = {key for epochs in logged for epoch in epochs for key in epoch if "/" in key}
    quantities = sorted({key.partition("/")[2] for key in keys}, key=lambda q: (q != "loss", q))
    charts = []
    for quantity in quantities:
        series = []
        for style, (subset, name) in enumerate((("train", "training"), ("val", "validation"))):
            for epochs in logged:
                found = [
                    (float(epoch["epoch"]) + 1, float(epoch[f"{subset}/{quantity}"]))
                    for epoch in epochs
                    if epoch.get(f"{subset}/{quantity}") is not None
                ]
                if found:
                    x, y = np.array(found).T
                    series.append(Series(name, x, y, style, marks=len(found) == 1))
        if not series:
            continue
        best = [int(h["best"]) + 1 for h in fits.values() if h.get("best") is not None]
        kept = ", ".join(str(epoch) for epoch in best[:8]) + (", …" if len(best) > 8 else "")
        many = f"{len(logged)} fits. " if len(logged) > 1 else ""
        charts.append(
            xy_chart(
                f"{member}: {quantity}",
                f"{quantity} of {member} by epoch, in training and validation.",
                Axis.around("epoch", np.concatenate([s.x for s in series]), whole=True),
                Axis.around(quantity, np.concatenate([s.y for s in series])),
                series,
                note=f"{many}Epoch kept: {kept}." if best else many,
            )
        )
    return charts


def wilson(hits: FloatArray, counts: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Return the ends of Wilson's score interval of one standard error, ``(M,)`` each.

    References:
        Wilson 1927, J. Am. Stat. Assoc. 22, 209.
    """
    share = hits / counts
    centre = (share + _Z**2 / (2 * counts)) / (1 + _Z**2 / counts)
    spread = _Z * np.sqrt(share * (1 - share) / counts + _Z**2 / (4 * counts**2))
    half = spread / (1 + _Z**2 / counts)
    return centre - half, centre + half


def _classes(objects: ReportObjects) -> list[tuple[int, NDArray[np.bool_]]]:
    """Return the classes that have objects and others beside them."""
    k = objects.probabilities.shape[1]
    own = [(c, objects.targets == c) for c in range(k)]
    return [(c, is_class) for c, is_class in own if is_class.any() and not is_class.all()]


def _without(objects: ReportObjects, names: Sequence[str]) -> str:
    having = {c for c, _ in _classes(objects)}
    absent = [name for c, name in enumerate(names) if c not in having]
    return (
        f"Without a curve, having no objects or no others: {', '.join(absent)}." if absent else ""
    )
