"""Learning curves of one run or of several folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from lcclassify.errors import DataError, did_you_mean
from lcclassify.evaluation.figures.style import (
    BLUE,
    GREY,
    LABEL_SIZE,
    VERMILLION,
    dress,
    legend_below,
    new_figure,
    plain,
)

SUBSET_STYLES = {"train": (BLUE, "--", "training"), "val": (VERMILLION, "-", "validation")}


@dataclass(frozen=True)
class LearningCurve:
    """What one run or fold logged after every epoch.

    Attributes:
        name: Of the run, such as "fold 0".
        epochs: E epoch numbers, rising.
        values: For each logged name, such as ``train/loss`` or ``val/accuracy``, E
            values; NaN where nothing was logged.
    """

    name: str
    epochs: Sequence[int]
    values: Mapping[str, Sequence[float]]

    def __post_init__(self) -> None:
        if len(self.epochs) == 0 or (np.diff(self.epochs) <= 0).any():
            raise DataError(
                f"epochs of the learning curve '{self.name}' must rise and be at least one, "
                f"got {list(self.epochs)}"
            )
        for key, values in self.values.items():
            subset, _, quantity = key.partition("/")
            if subset not in SUBSET_STYLES or not quantity:
                raise DataError(
                    f"a learning curve's values are named train/... or val/..., got '{key}' "
                    f"in '{self.name}'"
                )
            if len(values) != len(self.epochs):
                raise DataError(
                    f"'{key}' of the learning curve '{self.name}' must have one value an epoch "
                    f"({len(self.epochs)}), got {len(values)}"
                )

    def best_epoch(self, monitor: str, mode: Literal["min", "max"]) -> int:
        """Return the first epoch at which `monitor` was lowest or highest.

        Raises:
            DataError: If `monitor` was not logged.
        """
        if monitor not in self.values:
            raise DataError(
                f"'{monitor}' is not in the learning curve '{self.name}': "
                f"{did_you_mean(monitor, self.values)}"
            )
        values = np.asarray(self.values[monitor], dtype=np.float64)
        if np.isnan(values).all():
            raise DataError(f"'{monitor}' of the learning curve '{self.name}' has no value at all")
        place = np.nanargmin(values) if mode == "min" else np.nanargmax(values)
        return int(self.epochs[int(place)])


def learning_figure(
    runs: Sequence[LearningCurve],
    monitor: str = "val/accuracy",
    mode: Literal["min", "max"] = "max",
    title: str = "",
) -> Figure:
    """Draw training and validation values against epoch, one panel a quantity.

    Several runs are drawn faintly with their mean on top. The mean covers the epochs
    that every run reached, so that it never jumps because a run stopped early. Each
    run's best epoch is marked on its validation curve.

    Args:
        runs: At least one.
        monitor: The value that decides the best epoch.
        mode: Whether `monitor` is best when lowest or highest.
        title: Printed above; nothing if empty.

    Raises:
        DataError: If there is no run, or one did not log `monitor`.
    """
    if not runs:
        raise DataError("at least one learning curve is needed, got none")
    best = [run.best_epoch(monitor, mode) for run in runs]
    quantities = _quantities(runs)
    figure = new_figure(4.6 * len(quantities) + 0.4, 3.9)
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, quantity in zip(panels, quantities, strict=True):
        dress(axes, "epoch", quantity.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        for subset in SUBSET_STYLES:
            _draw_subset(axes, runs, f"{subset}/{quantity}")
        _mark_best(axes, runs, best, quantity)
        axes.margins(x=0.02)
    if title:
        figure.suptitle(plain(title), fontsize=LABEL_SIZE)
    legend_below(figure, panels[0].get_legend_handles_labels()[0])
    return figure


def _quantities(runs: Sequence[LearningCurve]) -> list[str]:
    found = dict.fromkeys(key.partition("/")[2] for run in runs for key in run.values)
    return sorted(found, key=lambda quantity: quantity != "loss")  # the loss first


def _draw_subset(axes: Axes, runs: Sequence[LearningCurve], key: str) -> None:
    color, dashes, subset = SUBSET_STYLES[key.partition("/")[0]]
    having = [run for run in runs if key in run.values]
    several = len(having) > 1
    for run in having:
        x, y = _logged(run, key)
        axes.plot(
            x,
            y,
            color=color,
            linestyle=dashes,
            linewidth=0.8 if several else 1.6,
            alpha=0.35 if several else 1.0,
            label="_" if several else subset,
        )
    if several:
        x, y = _mean(having, key)
        label = f"{subset}, mean of {len(having)}"
        axes.plot(x, y, color=color, linestyle=dashes, linewidth=2.0, label=label)


def _logged(run: LearningCurve, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = np.asarray(run.epochs, dtype=np.float64)
    y = np.asarray(run.values[key], dtype=np.float64)
    there = ~np.isnan(y)
    return x[there], y[there]


def _mean(
    runs: Sequence[LearningCurve], key: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    logged = [dict(zip(*_logged(run, key), strict=True)) for run in runs]
    epochs = sorted(set(logged[0]).intersection(*logged[1:]))
    means = [np.mean([values[epoch] for values in logged]) for epoch in epochs]
    return np.array(epochs), np.array(means)


def _mark_best(
    axes: Axes, runs: Sequence[LearningCurve], best: Sequence[int], quantity: str
) -> None:
    key = f"val/{quantity}"
    points = []
    for run, epoch in zip(runs, best, strict=True):
        if key in run.values:
            points.append((epoch, run.values[key][list(run.epochs).index(epoch)]))
    if not points:
        return
    label = f"best epoch ({best[0]})" if len(runs) == 1 else "best epoch of a run"
    if len(runs) == 1:
        axes.axvline(best[0], color=GREY, linewidth=0.8, linestyle=":")
    axes.plot(
        *zip(*points, strict=True),
        linestyle="none",
        marker="*",
        markersize=11 if len(runs) == 1 else 8,
        color="black",
        markeredgecolor="white",
        markeredgewidth=0.6,
        zorder=5,
        label=label,
    )
