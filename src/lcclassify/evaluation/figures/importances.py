"""What features are worth, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from matplotlib.figure import Figure

from lcclassify.errors import DataError
from lcclassify.evaluation.figures.style import (
    BLUE,
    LABEL_SIZE,
    TICK_SIZE,
    dress,
    new_figure,
    plain,
)

MOST: Final = 25  # bars


def importances_figure(rises: Mapping[str, float], title: str = "") -> Figure:
    """Draw by how much the log-loss rises without each quantity, the highest first.

    Args:
        rises: By name of the quantity; those after the first `MOST` are not drawn.
        title: Printed above; nothing if empty.

    Raises:
        DataError: There is none.
    """
    if not rises:
        raise DataError("at least one importance is needed, got none")
    shown = sorted(rises.items(), key=lambda item: -item[1])[:MOST]
    figure = new_figure(6.4, 1.2 + 0.24 * len(shown))
    axes = figure.subplots()
    places = range(len(shown))
    axes.barh(places, [rise for _, rise in shown], color=BLUE, height=0.7)
    dress(axes, "rise of the log-loss of held-out objects", "")
    axes.set_yticks(places, [plain(name) for name, _ in shown], fontsize=TICK_SIZE)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    if title:
        figure.suptitle(plain(title), fontsize=LABEL_SIZE)
    return figure
