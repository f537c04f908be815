"""Reliability diagrams: predicted probability against how often it came true."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.evaluation.calibration import Reliability
from lcclassify.evaluation.figures.style import (
    BLUE,
    GREY,
    LABEL_SIZE,
    LEGEND_SIZE,
    TICK_SIZE,
    VERMILLION,
    dress,
    new_figure,
    plain,
)


def reliability_figure(curve: Reliability, title: str = "") -> Figure:
    """Draw the top-label reliability above a histogram of the confidences.

    Bars are standard errors of the observed fraction; empty bins have no point.

    Args:
        curve: As `top_label_reliability` makes it.
        title: Printed above; nothing if empty.
    """
    figure = new_figure(4.8, 5.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    dress(upper, "", "fraction classified rightly", title)
    _draw(upper, curve, BLUE)
    upper.text(
        0.03,
        0.97,
        f"expected calibration error {curve.calibration_error:.3f}\n"
        f"{int(curve.counts.sum()):,} objects",
        transform=upper.transAxes,
        va="top",
        fontsize=LEGEND_SIZE,
    )
    upper.legend(loc="lower right", fontsize=LEGEND_SIZE, frameon=False)
    dress(lower, "confidence (probability of the most probable class)", "objects in bin")
    widths = np.diff(curve.edges)
    lower.bar(curve.edges[:-1], curve.counts, width=widths, align="edge", color=BLUE, edgecolor="w")
    lower.set_yscale("symlog", linthresh=1)
    lower.set_ylim(bottom=0)
    lower.set_xlim(-0.01, 1.01)
    return figure


def class_reliability_figure(
    curves: Sequence[Reliability], names: Sequence[str], title: str = ""
) -> Figure:
    """Draw one small reliability diagram a class, with its calibration error.

    Args:
        curves: K curves, as `class_reliabilities` makes them.
        names: K readable class names.
        title: Printed above; nothing if empty.

    Raises:
        DataError: If there is not one curve a name.
    """
    k = len(names)
    if len(curves) != k or k == 0:
        raise DataError(f"one curve a class is needed, got {len(curves)} for {k} names")
    columns = min(k, 3 if k <= 9 else 5)
    rows = math.ceil(k / columns)
    figure = new_figure(2.1 * columns + 0.6, 2.2 * rows + 0.6)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[k:]:
        axes.set_visible(False)
    for axes, curve, name in zip(grid.flat, curves, names, strict=False):
        dress(axes, "", "", name)
        _draw(axes, curve, BLUE)
        axes.text(
            0.04,
            0.96,
            f"error {curve.calibration_error:.3f}",
            transform=axes.transAxes,
            va="top",
            fontsize=LEGEND_SIZE,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        axes.tick_params(labelsize=TICK_SIZE)
    for column in range(columns):  # a column may end above the last row
        last = grid[(k - 1 - column) // columns, column]
        last.tick_params(labelbottom=True)
    figure.supxlabel("predicted probability of the class", fontsize=LABEL_SIZE)
    figure.supylabel("fraction of the class", fontsize=LABEL_SIZE)
    if title:
        figure.suptitle(plain(title), fontsize=LABEL_SIZE)
    return figure


def _draw(axes: Axes, curve: Reliability, color: str) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":", label="perfect calibration")
    filled = curve.counts > 0
    predicted, observed = curve.predicted[filled], curve.observed[filled]
    axes.vlines(predicted, predicted, observed, color=VERMILLION, linewidth=1.2, label="gap")
    axes.errorbar(
        predicted,
        observed,
        yerr=_standard_errors(observed, curve.counts[filled]),
        color=color,
        marker="o",
        markersize=3.5,
        linewidth=1.3,
        elinewidth=0.8,
        label="observed",
    )
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)


def _standard_errors(
    observed: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    # Agresti & Coull's two added successes and failures keep bins of 0 or 1 from
    # claiming certainty.
    smoothed = (observed * counts + 2) / (counts + 4)
    return np.asarray(np.sqrt(smoothed * (1 - smoothed) / (counts + 4)), dtype=np.float64)
