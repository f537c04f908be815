"""The confusion matrix, in the form of Fig. 5 of Chaini & Kumar 2020."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lcclassify.errors import DataError
from lcclassify.evaluation.figures.style import (
    GREY,
    LABEL_SIZE,
    PALE_GREY,
    TICK_SIZE,
    new_figure,
    plain,
)

CELL = 0.52  # inches; holds "0.97" at 8 points with room around


def confusion_figure(counts: ArrayLike, names: Sequence[str], title: str = "") -> Figure:
    """Draw the row-normalised confusion matrix.

    Rows are true classes and sum to 1, so that the diagonal is the recall. An empty cell
    held no object at all, 0.00 a few; a grey row is a class without objects. The number
    of objects of each class stands at the right.

    Args:
        counts: ``(K, K) int64``, true class in rows, predicted class in columns.
        names: K readable class names.
        title: Printed above; nothing if empty.

    Raises:
        DataError: If `counts` is not a K x K table of numbers that are not negative.
    """
    table = np.asarray(counts)
    k = len(names)
    if table.shape != (k, k) or k == 0 or (table < 0).any():
        raise DataError(
            f"counts must be a table of {k} x {k} numbers that are not negative, one row and "
            f"column for each class name, got shape {table.shape}"
        )
    objects = table.sum(axis=1)
    fractions = np.full(table.shape, np.nan)
    np.divide(table, objects[:, np.newaxis], out=fractions, where=objects[:, np.newaxis] > 0)

    side = max(k * CELL, 2.4)
    figure = new_figure(side + 3.2, side + 1.4)
    axes = figure.add_subplot()
    colors = colormaps["Blues"].with_extremes(bad=PALE_GREY)
    image = axes.imshow(np.ma.masked_invalid(fractions), cmap=colors, vmin=0, vmax=1)
    _annotate(axes, table, fractions, size=8.5 if k > 5 else 11)
    _label(axes, names, objects, title)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=28, pad=0.03)
    bar.set_label("fraction of the true class", fontsize=LABEL_SIZE)
    bar.ax.tick_params(labelsize=TICK_SIZE)
    return figure


def _annotate(
    axes: Axes, counts: NDArray[np.int64], fractions: NDArray[np.float64], size: float
) -> None:
    for row, column in np.argwhere(counts > 0).tolist():
        value = fractions[row, column]
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=size,
            color="white" if value > 0.55 else "black",
        )
    for row in np.flatnonzero(counts.sum(axis=1) == 0).tolist():
        middle = (counts.shape[1] - 1) / 2
        axes.text(middle, row, "no objects", ha="center", va="center", fontsize=size, color=GREY)


def _label(axes: Axes, names: Sequence[str], objects: NDArray[np.int64], title: str) -> None:
    positions = np.arange(len(names))
    slanted = len(names) > 5 or max(len(name) for name in names) > 10
    axes.set_xticks(
        positions,
        [plain(name) for name in names],
        rotation=45 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor",
        fontsize=TICK_SIZE,
    )
    axes.set_yticks(positions, [plain(name) for name in names], fontsize=TICK_SIZE)
    axes.set_xlabel("predicted class", fontsize=LABEL_SIZE)
    axes.set_ylabel("true class", fontsize=LABEL_SIZE)
    axes.set_xticks(positions[:-1] + 0.5, minor=True)
    axes.set_yticks(positions[:-1] + 0.5, minor=True)
    axes.grid(which="minor", color=PALE_GREY, linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    # Plain text, since a second axis would not be counted by the layout.
    for row, number in enumerate(objects):
        axes.text(len(names) - 0.4, row, f"{number:,}", va="center", fontsize=TICK_SIZE)
    axes.text(len(names) - 0.4, -0.6, "objects", va="bottom", fontsize=TICK_SIZE)
    if title:
        axes.set_title(plain(title), fontsize=LABEL_SIZE)
