"""All figures of an evaluation, and their PNG files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lcclassify.evaluation.calibration import class_reliabilities, top_label_reliability
from lcclassify.evaluation.figures.confusion import confusion_figure
from lcclassify.evaluation.figures.curves import precision_recall_figure, roc_figure
from lcclassify.evaluation.figures.learning import LearningCurve, learning_figure
from lcclassify.evaluation.figures.reliability import (
    class_reliability_figure,
    reliability_figure,
)
from lcclassify.evaluation.figures.risk_coverage import risk_coverage_figure
from lcclassify.evaluation.metrics import confusion_matrix
from lcclassify.files import write_result
from lcclassify.schema import Taxonomy

DPI = 200


def make_figures(
    probabilities: ArrayLike,
    targets: ArrayLike,
    taxonomy: Taxonomy,
    *,
    learning: Sequence[LearningCurve] = (),
    monitor: str = "val/accuracy",
    mode: Literal["min", "max"] = "max",
    title: str = "",
) -> dict[str, Figure]:
    """Draw every figure of an evaluation.

    Args:
        probabilities: ``(N, K) float64``, rows sum to 1.
        targets: ``(N,) int64`` in 0..K-1, no unlabelled object.
        taxonomy: The K classes.
        learning: Curves of the runs or folds behind the model; no figure if empty.
        monitor: The logged value that decided the best epoch.
        mode: Whether `monitor` is best when lowest or highest.
        title: Printed above each figure, such as the model's name; nothing if empty.

    Returns:
        Figures by name: `confusion_matrix`, `roc`, `precision_recall`, `reliability`,
        `reliability_per_class`, `risk_coverage`, and `learning_curves` if there are any.

    Raises:
        DataError: If the arrays or curves are unusable, or K is not the taxonomy's.
    """
    names = taxonomy.display_names()
    figures = {
        "confusion_matrix": confusion_figure(
            confusion_matrix(probabilities, targets), names, title
        ),
        "roc": roc_figure(probabilities, targets, taxonomy, title),
        "precision_recall": precision_recall_figure(probabilities, targets, taxonomy, title),
        "reliability": reliability_figure(top_label_reliability(probabilities, targets), title),
        "reliability_per_class": class_reliability_figure(
            class_reliabilities(probabilities, targets), names, title
        ),
        "risk_coverage": risk_coverage_figure(probabilities, targets, title),
    }
    if learning:
        figures["learning_curves"] = learning_figure(learning, monitor, mode, title)
    return figures


def write_figures(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as ``<folder>/<name>.png`` at 200 dpi, whole or not at all.

    Raises:
        OutputError: If a file cannot be written.
    """
    paths = []
    for name, figure in figures.items():
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.08)
        paths.append(write_result(folder / f"{name}.png", image.getvalue()))
    return paths


def save_figures(
    probabilities: ArrayLike,
    targets: ArrayLike,
    taxonomy: Taxonomy,
    folder: Path,
    *,
    learning: Sequence[LearningCurve] = (),
    monitor: str = "val/accuracy",
    mode: Literal["min", "max"] = "max",
    title: str = "",
) -> list[Path]:
    """Draw every figure of an evaluation and write them; see `make_figures`.

    Returns:
        The PNG files written.

    Raises:
        DataError: If the arrays or curves are unusable.
        OutputError: If a file cannot be written.
    """
    figures = make_figures(
        probabilities,
        targets,
        taxonomy,
        learning=learning,
        monitor=monitor,
        mode=mode,
        title=title,
    )
    return write_figures(figures, folder)
