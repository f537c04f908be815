"""One-vs-rest ROC and precision-recall curves of every class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from lcclassify.errors import DataError
from lcclassify.evaluation.figures.style import (
    GREY,
    LEGEND_SIZE,
    PALE_GREY,
    class_style,
    dress,
    new_figure,
    plain,
    unit_square,
)
from lcclassify.evaluation.inputs import check_labelled
from lcclassify.schema import Taxonomy

ZOOM_FROM = 0.9  # area above which no curve comes near the inset
ZOOM = 0.2  # the inset shows rates of 0..ZOOM against 1-ZOOM..1
MAX_POINTS = 2000  # vertices of a drawn curve; more than a printed figure resolves
HEIGHT = 5.0  # inches


def roc_figure(
    probabilities: ArrayLike, targets: ArrayLike, taxonomy: Taxonomy, title: str = ""
) -> Figure:
    """Draw the ROC curve of each class against all others, its area in the legend.

    A class without objects, or without others beside it, has no curve and says so in
    the legend. Where all areas are above 0.9, an inset enlarges the upper left corner.

    Args:
        probabilities: ``(N, K) float64``.
        targets: ``(N,) int64``.
        taxonomy: The K classes.
        title: Printed above; nothing if empty.

    Raises:
        DataError: If the arrays are unusable (see `check_labelled`) or K is not the taxonomy's.
    """
    p, y = _checked(probabilities, targets, taxonomy)
    figure = new_figure(_width(taxonomy), HEIGHT)
    axes = figure.add_subplot()
    dress(axes, "false positive rate", "true positive rate", title)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":", label="chance, 0.500")
    curves: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    areas: list[float] = []
    for k, name in enumerate(taxonomy.display_names()):
        is_class = y == k
        if is_class.any() and not is_class.all():
            false, true, _ = roc_curve(is_class, p[:, k])
            areas.append(float(roc_auc_score(is_class, p[:, k])))
            curves[k] = false, true
            _draw(axes, false, true, k, f"{name}, {areas[-1]:.3f}")
        else:
            _draw_nothing(axes, k, name)
    unit_square(axes)
    if areas and min(areas) > ZOOM_FROM:
        _zoom(axes, curves)
    _legend(figure, "class, area under curve")
    return figure


def precision_recall_figure(
    probabilities: ArrayLike, targets: ArrayLike, taxonomy: Taxonomy, title: str = ""
) -> Figure:
    """Draw precision against recall of each class, its average precision in the legend.

    Arguments, classes without a curve and errors are as in `roc_figure`.
    """
    p, y = _checked(probabilities, targets, taxonomy)
    figure = new_figure(_width(taxonomy), HEIGHT)
    axes = figure.add_subplot()
    dress(axes, "recall (completeness)", "precision (purity)", title)
    for k, name in enumerate(taxonomy.display_names()):
        is_class = y == k
        if is_class.any() and not is_class.all():
            precision, recall, _ = precision_recall_curve(is_class, p[:, k])
            area = average_precision_score(is_class, p[:, k])
            _draw(axes, recall, precision, k, f"{name}, {area:.3f}")
        else:
            _draw_nothing(axes, k, name)
    unit_square(axes)
    _legend(figure, "class, average precision")
    return figure


def thin(
    x: NDArray[np.float64], y: NDArray[np.float64], n_points: int = MAX_POINTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return at most `n_points` vertices of a curve, evenly spaced along it, ends kept.

    Curves of millions of objects would otherwise take minutes to draw.

    Args:
        x: ``(M,) float64``.
        y: ``(M,) float64``.
        n_points: At least 2.
    """
    if x.size <= n_points:
        return x, y
    way = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))))
    marks = np.linspace(0, way[-1], n_points)
    chosen = np.unique(np.concatenate((np.searchsorted(way, marks)[:-1], [x.size - 1])))
    return x[chosen], y[chosen]


def _checked(
    probabilities: ArrayLike, targets: ArrayLike, taxonomy: Taxonomy
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    p, y = check_labelled(probabilities, targets)
    if p.shape[1] != len(taxonomy):
        raise DataError(
            f"probabilities must have a column for each of the taxonomy's {len(taxonomy)} classes, "
            f"got {p.shape[1]} columns"
        )
    return p, y


def _width(taxonomy: Taxonomy) -> float:
    """Return inches for square axes and a legend with the longest class name."""
    return 6.2 + 0.08 * max(len(name) for name in taxonomy.display_names())


def _draw(
    axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], position: int, label: str
) -> None:
    style = class_style(position)
    axes.plot(
        *thin(x, y), color=style.color, linestyle=style.dashes, linewidth=1.5, label=plain(label)
    )


def _zoom(
    axes: Axes, curves: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> None:
    inset = axes.inset_axes((0.42, 0.12, 0.54, 0.54))
    for position, (false, true) in curves.items():
        _draw(inset, false, true, position, "_")
    inset.set_xlim(0, ZOOM)
    inset.set_ylim(1 - ZOOM, 1)
    inset.set_xticks([0, ZOOM / 2, ZOOM])
    inset.set_yticks([1 - ZOOM, 1 - ZOOM / 2, 1])
    inset.tick_params(labelsize=LEGEND_SIZE)
    inset.grid(True, color=PALE_GREY, linewidth=0.6)
    axes.indicate_inset_zoom(inset, edgecolor=GREY, linewidth=0.8)


def _draw_nothing(axes: Axes, position: int, name: str) -> None:
    style = class_style(position)
    axes.plot([], [], color=style.color, linestyle=style.dashes, label=plain(f"{name}, undefined"))


def _legend(figure: Figure, title: str) -> None:
    figure.legend(
        loc="outside right upper",
        title=title,
        fontsize=LEGEND_SIZE,
        title_fontsize=LEGEND_SIZE,
        alignment="left",
        frameon=False,
        handlelength=2.6,
    )
