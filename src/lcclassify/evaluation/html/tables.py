"""Tables of a report: cells of text, with what is best and where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lcclassify.evaluation import published
from lcclassify.evaluation.report import COMPARED, PER_CLASS, class_name

DASH: Final = "–"  # noqa: RUF001, where there is no value


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes:
        text: The value.
        note: Small print below it.
        best: Whether it is the best of its column.
        bar: Length of a bar behind it, from 0 to 1, or None.
        why: Why there is no value.
    """

    text: str
    note: str = ""
    best: bool = False
    bar: float | None = None
    why: str = ""


@dataclass(frozen=True)
class TableBlock:
    """A table.

    Attributes:
        caption: What it is of.
        columns: Headers; the first column names its row.
        rows: Cells, as many as columns.
        note: A sentence below.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = field(default="")


def number(value: float | None, digits: int = 4) -> str:
    """Return a value as text, a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}"


def class_names(evaluation: Mapping[str, Any]) -> list[str]:
    """Return what the classes of an evaluation are called, in order."""
    return [
        class_name(label, name)
        for label, name in zip(evaluation["classes"], evaluation["names"], strict=True)
    ]


def models_table(
    evaluations: Mapping[str, Any], caption: str, intervals: Mapping[str, Any] | None = None
) -> TableBlock:
    """Set models side by side.

    Args:
        evaluations: By model, what `Evaluation.to_dict` gives.
        caption: What they were evaluated on.
        intervals: By model and metric ``[low, high]``, where they are known.
    """
    intervals = intervals or {}
    best = {}
    for column in COMPARED:
        values = [
            value
            for each in evaluations.values()
            if (value := each["metrics"].get(column.metric)) is not None
        ]
        if len(evaluations) > 1 and values:
            best[column.metric] = max(values) if column.higher_is_better else min(values)
    rows = []
    for model, each in evaluations.items():
        cells = [Cell(model)]
        for column in COMPARED:
            value = each["metrics"].get(column.metric)
            note = _ends(intervals.get(model), column.metric)
            is_best = value is not None and value == best.get(column.metric)
            why = each.get("undefined", {}).get(column.metric, "")
            cells.append(Cell(number(value), note, best=is_best, why=why))
        rows.append(cells)
    headers = ["model", *(_header(column.header) for column in COMPARED)]
    empty = _empty_classes(next(iter(evaluations.values())))
    note = f"Left out of means over classes, being without objects: {empty}." if empty else ""
    return TableBlock(caption, headers, rows, note)


def class_table(
    evaluation: Mapping[str, Any], caption: str, intervals: Mapping[str, Any] | None = None
) -> TableBlock:
    """Return objects, predictions and scores of each class.

    Args:
        evaluation: What `Evaluation.to_dict` gives.
        caption: Of the table.
        intervals: By metric, such as ``recall/II``, ``[low, high]``.
    """
    names = class_names(evaluation)
    confusion = evaluation["confusion"]
    rows = []
    for k, label in enumerate(evaluation["classes"]):
        predicted = sum(row[k] for row in confusion)
        cells = [
            Cell(names[k]),
            Cell(f"{evaluation['objects_per_class'][label]:,}"),
            Cell(f"{predicted:,}"),
        ]
        for metric, _ in PER_CLASS:
            value = evaluation["metrics"].get(f"{metric}/{label}")
            why = evaluation.get("undefined", {}).get(f"{metric}/{label}", "")
            bar = value if metric in ("precision", "recall", "f1") else None
            note = _ends(intervals, f"{metric}/{label}")
            cells.append(Cell(number(value), note, bar=bar, why=why))
        rows.append(cells)
    headers = ["class", "objects", "predicted", *(_header(header) for _, header in PER_CLASS)]
    return TableBlock(caption, headers, rows)


def published_table(evaluation: Mapping[str, Any], cv_accuracy: Mapping[str, float]) -> TableBlock:
    """Set a run on PLAsTiCC beside published figures, see `published.beside_published`."""
    names = dict(zip(evaluation["classes"], class_names(evaluation), strict=True))
    rows = [
        [Cell(one.what), Cell(number(one.published, one.digits)), Cell(number(one.own, one.digits))]
        for group in published.beside_published(evaluation["metrics"], names, cv_accuracy)
        for one in group
    ]
    return TableBlock(
        f"Beside {published.SOURCE}",
        ["figure", "published", "this run"],
        rows,
        f"The published figures are of {published.TEST_OBJECTS:,} test objects.",
    )


def bar_table(
    caption: str, columns: Sequence[str], values: Mapping[str, float], digits: int | None = None
) -> TableBlock:
    """Return named values with a bar each, counts where no digits are asked for."""
    highest = max([abs(value) for value in values.values()], default=0.0) or 1.0
    rows = [
        [
            Cell(name),
            Cell(
                f"{int(value):,}" if digits is None else f"{value:.{digits}f}",
                bar=max(value, 0.0) / highest,
            ),
        ]
        for name, value in values.items()
    ]
    return TableBlock(caption, columns, rows)


def _ends(intervals: Mapping[str, Any] | None, metric: str) -> str:
    ends = (intervals or {}).get(metric)
    return f"{ends[0]:.4f}\u2013{ends[1]:.4f}" if ends else ""


def _header(text: str) -> str:
    """Return a terminal's header on one line."""
    joined = text.replace("-\n", "-").replace("\n", " ")
    return {"calib. error": "calibration error", "avg. prec.": "average precision"}.get(
        joined, joined
    )


def _empty_classes(evaluation: Mapping[str, Any]) -> str:
    empty = [label for label, n in evaluation["objects_per_class"].items() if not n]
    return ", ".join(empty)
