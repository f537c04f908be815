"""What a run says at its end: tables for the terminal, metrics.json for everything else."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from lcclassify.errors import DataError, one_line
from lcclassify.evaluation import published
from lcclassify.evaluation.metrics import Evaluation
from lcclassify.files import write_result
from lcclassify.terminal import show_table, terminal

MISSING = "-"


class Column(NamedTuple):
    """A column of the comparison table.

    Attributes:
        metric: Name in `Evaluation.scalars`.
        header: As printed.
        higher_is_better: Which end is printed bold.
    """

    metric: str
    header: str
    higher_is_better: bool


COMPARED = (
    Column("accuracy", "accuracy", True),
    Column("balanced_accuracy", "balanced\naccuracy", True),
    Column("macro_f1", "macro\nF1", True),
    Column("log_loss", "log-\nloss", False),
    Column("weighted_log_loss", "weighted\nlog-loss", False),
    Column("macro_roc_auc", "macro\nAUC", True),
    Column("ece", "calib.\nerror", False),
)
PER_CLASS = (
    ("precision", "precision"),
    ("recall", "recall"),
    ("f1", "F1"),
    ("roc_auc", "ROC\nAUC"),
    ("average_precision", "avg.\nprec."),
)

# Of names, below which they are no longer told apart.
NAME_WIDTH = 14


def comparison_table(evaluations: Mapping[str, Evaluation], title: str = "") -> Table:
    """Set submodels and stack side by side, the best value of each column bold.

    Args:
        evaluations: By model name, in the order to be printed; at least one.
        title: Printed above; nothing if empty.

    Raises:
        DataError: If there is no evaluation.
    """
    if not evaluations:
        raise DataError("at least one evaluation is needed for the comparison, got none")
    table = new_table(title, _objects(list(evaluations.values())))
    table.add_column("model", overflow="fold", min_width=NAME_WIDTH)
    for column in COMPARED:
        table.add_column(column.header, justify="right", no_wrap=True)
    best = {column.metric: _best(evaluations, column) for column in COMPARED}
    for name, evaluation in evaluations.items():
        cells = []
        for column in COMPARED:
            value = evaluation.scalars[column.metric]
            bold = value is not None and len(evaluations) > 1 and value == best[column.metric]
            cells.append(Text(_number(value), style="bold" if bold else ""))
        table.add_row(Text(name), *cells)
    return table


def per_class_table(evaluation: Evaluation, title: str = "") -> Table:
    """Print each class's objects, predictions and scores; a dash where undefined."""
    table = new_table(title, _objects([evaluation]))
    table.add_column("class", overflow="fold", min_width=NAME_WIDTH)
    table.add_column("objects", justify="right", no_wrap=True)
    table.add_column("pre-\ndicted", justify="right", no_wrap=True)
    for _, header in PER_CLASS:
        table.add_column(header, justify="right", no_wrap=True)
    predicted = evaluation.confusion.sum(axis=0)
    for k, label in enumerate(evaluation.classes):
        table.add_row(
            Text(_class_name(evaluation, k)),
            f"{evaluation.objects_per_class[label]:,}",
            f"{int(predicted[k]):,}",
            *(_number(evaluation.scalars[f"{metric}/{label}"]) for metric, _ in PER_CLASS),
        )
    return table


def is_of_plasticc(evaluation: Evaluation) -> bool:
    """Tell whether published figures exist for these classes."""
    return set(evaluation.classes) == set(published.PLASTICC_CLASSES)


def paper_comparison(
    evaluation: Evaluation, cv_accuracy: Mapping[str, float] | None = None
) -> Table:
    """Set a run on PLAsTiCC beside the figures published for the reference system.

    The published test figures are those of the full test set; the caption states the
    objects of the run's own evaluation, which may be another set.

    Args:
        evaluation: Of a model of PLAsTiCC's 15 classes.
        cv_accuracy: The run's own cross-validation accuracies; "2DSubM" and "3DSubM" are
            set beside Table 3, other names stand without a published value.

    Raises:
        DataError: If the classes are not PLAsTiCC's 15.
    """
    if not is_of_plasticc(evaluation):
        raise DataError(
            f"published figures exist for PLAsTiCC's 15 classes "
            f"({', '.join(published.PLASTICC_CLASSES)}), got {', '.join(evaluation.classes)}"
        )
    table = new_table(
        f"beside {published.SOURCE}",
        f"published: {published.TEST_OBJECTS:,} test objects; this run: {_objects([evaluation])}",
    )
    table.add_column("figure", overflow="fold")
    table.add_column("published", justify="right", no_wrap=True)
    table.add_column("this run", justify="right", no_wrap=True)
    names = {label: _class_name(evaluation, k) for k, label in enumerate(evaluation.classes)}
    for group in published.beside_published(evaluation.scalars, names, cv_accuracy):
        for what, theirs, own, digits in group:
            table.add_row(Text(what), _number(theirs, digits), _number(own, digits))
        table.add_section()
    return table


def text_of(table: Table, width: int = 100) -> str:
    """Return a table as plain text for a file, of `width` columns at most if that is enough."""
    buffer = io.StringIO()
    console = terminal(
        file=buffer, width=width, color_system=None, force_terminal=False, legacy_windows=False
    )
    show_table(console, table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> Path:
    """Write metrics as JSON, whole or not at all.

    Args:
        path: Of the file, such as ``metrics.json``.
        metrics: Plain values, nested mappings and lists, NumPy numbers and arrays, and
            `Evaluation` objects, which are written as their `to_dict`.

    Returns:
        The path written.

    Raises:
        DataError: If a value is NaN, infinite or of a type that JSON does not know.
        OutputError: If the file cannot be written.
    """
    text = json.dumps(_plain(metrics, "metrics"), indent=2, ensure_ascii=False, allow_nan=False)
    return write_result(path, (text + "\n").encode())


def new_table(title: str, caption: str) -> Table:
    """Return a table without rows, such as all of a report are."""
    # As Text, so that a model's name with brackets is not read as markup.
    # Without vertical lines seven columns of figures fit a terminal of 80 columns.
    return Table(
        title=Text(title, style="bold") if title else None,
        caption=Text(caption),
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Evaluation):
        value = value.to_dict()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, f"{where}[{i}]") for i, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{where} must be finite or None to be written as JSON, got {value}")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DataError(f"{where} must be a number, text, list or mapping, got {type(value).__name__}")


def _best(evaluations: Mapping[str, Evaluation], column: Column) -> float | None:
    values = [
        value
        for evaluation in evaluations.values()
        if (value := evaluation.scalars[column.metric]) is not None
    ]
    if not values:
        return None
    return max(values) if column.higher_is_better else min(values)


def _objects(evaluations: Sequence[Evaluation]) -> str:
    numbers = sorted({evaluation.n_objects for evaluation in evaluations})
    empty = {
        label
        for evaluation in evaluations
        for label, number in evaluation.objects_per_class.items()
        if number == 0
    }
    text = " to ".join(f"{n:,}" for n in dict.fromkeys((numbers[0], numbers[-1]))) + " objects"
    if empty:
        listed = [label for label in evaluations[0].classes if label in empty]
        text += f"; left out of the means, without objects: {', '.join(listed)}"
    return text


def class_name(label: str, name: str) -> str:
    """Return what a class is called: its label and its name, where that does not say it.

    Example:
        >>> class_name("II", "SN II"), class_name("90", "SN Ia")
        ('SN II', '90 SN Ia')
    """
    label, name = one_line(label), one_line(name)
    return name if label == name or label in name.split() else f"{label} {name}"


def _class_name(evaluation: Evaluation, position: int) -> str:
    return class_name(evaluation.classes[position], evaluation.names[position])


def _number(value: float | None, digits: int = 4) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"
