"""The error of the objects that are left as the least sure ones are left out."""

from __future__ import annotations

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lcclassify.evaluation.figures.curves import thin
from lcclassify.evaluation.figures.style import (
    BLUE,
    DASHES,
    GREY,
    LEGEND_SIZE,
    VERMILLION,
    dress,
    new_figure,
)
from lcclassify.evaluation.risk_coverage import risk_coverage

FEWEST = 10  # objects: the error of fewer says nothing


def risk_coverage_figure(probabilities: ArrayLike, targets: ArrayLike, title: str = "") -> Figure:
    """Draw the error of the objects kept over their share, beside the least possible.

    Args:
        probabilities: ``(N, K) float64``.
        targets: ``(N,) int64``.
        title: Printed above; nothing if empty.

    Raises:
        DataError: The arrays are unusable.
    """
    curve = risk_coverage(probabilities, targets)
    figure = new_figure(5.2, 4.4)
    axes = figure.add_subplot()
    dress(axes, "share of objects kept, the surest first", "share of these misclassified", title)
    lines = (
        (curve.error, BLUE, "-", f"this classifier, area {curve.area:.4f}"),
        (curve.ideal, VERMILLION, DASHES[1], f"all errors left out first, {curve.ideal_area:.4f}"),
    )
    first = min(FEWEST, len(curve.kept)) - 1
    for values, color, dashes, label in lines:
        x, y = thin(curve.kept[first:], values[first:])
        axes.plot(x, y, color=color, linestyle=dashes, linewidth=1.5, label=label)
    axes.axhline(curve.error[-1], color=GREY, linewidth=0.8, linestyle=":", label="all objects")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(bottom=0, top=max(1.35 * float(curve.error[first:].max()), 0.01))
    axes.legend(loc="upper left", fontsize=LEGEND_SIZE, frameon=False)
    return figure
