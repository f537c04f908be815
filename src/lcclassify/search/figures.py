"""Optuna's figures of a study, as PNG files."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna.visualization import matplotlib as optuna_figures

from lcclassify.search.settings import SearchSettings

_SIZE: Final = (10.0, 5.0)  # inches
_PANEL: Final = 1.7  # inches that a parameter needs beside the others

# Of the names of parameters: what all of them begin with says nothing in a figure.
_PREFIXES: Final = ("model.network.", "model.optimizer.", "model.")


def draw_figures(study: Study, settings: SearchSettings, folder: Path) -> None:
    """Draw history, importances, slices and parallel coordinates of each objective.

    Fewer while there are too few trials to draw anything of.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 2:
        return
    folder.mkdir(parents=True, exist_ok=True)
    study = _with_short_names(study, complete)
    complete = study.get_trials(deepcopy=False)
    backend = plt.get_backend()
    plt.switch_backend("agg")  # a search has no window to draw in
    categories = logging.getLogger("matplotlib.category")  # remarks on texts such as '[64]'
    level = categories.level
    categories.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls its figures experimental
            for name, draw in _drawings(study, settings, complete):
                try:
                    figure = _figure(draw())
                # Importances and the like are undefined for some studies, in ways that
                # only Optuna knows: the other figures are worth having all the same.
                except (ValueError, RuntimeError, IndexError, ZeroDivisionError):
                    plt.close("all")
                    continue
                figure.set_size_inches(max(_SIZE[0], _PANEL * len(figure.axes)), _SIZE[1])
                _turn_labels(figure)
                hidden = folder / f".{name}.png"
                figure.savefig(hidden, dpi=120, bbox_inches="tight")
                plt.close("all")
                hidden.replace(folder / f"{name}.png")
    finally:
        categories.setLevel(level)
        plt.switch_backend(backend)


def _drawings(
    study: Study, settings: SearchSettings, complete: list[FrozenTrial]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    # A layer that only some trials have is drawn through the number of layers instead.
    shared = set.intersection(*(set(trial.params) for trial in complete))
    varied = [
        name
        for name in complete[0].params
        if name in shared and len({str(trial.params[name]) for trial in complete}) > 1
    ]
    kinds: dict[str, Callable[..., Any]] = {"history": optuna_figures.plot_optimization_history}
    if varied:
        kinds["importances"] = partial(optuna_figures.plot_param_importances, params=varied)
        kinds["slices"] = partial(optuna_figures.plot_slice, params=varied)
        kinds["parallel_coordinates"] = partial(
            optuna_figures.plot_parallel_coordinate, params=varied
        )
    several = len(settings.objectives) > 1
    for position, objective in enumerate(settings.objectives):
        target = partial(_value, position) if several else None
        suffix = "_" + re.sub(r"[^a-z0-9]+", "_", objective) if several else ""
        for kind, draw in kinds.items():
            yield f"{kind}{suffix}", partial(draw, study, target=target, target_name=objective)


def _with_short_names(study: Study, complete: list[FrozenTrial]) -> Study:
    """Return a copy in memory of the complete trials, whose parameters have short names."""
    copy = create_study(directions=study.directions)
    names = {name for trial in complete for name in trial.params}
    short = {name: _short(name) for name in names}
    if len(set(short.values())) < len(names):
        short = {name: name for name in names}
    for trial in complete:
        copy.add_trial(
            create_trial(
                values=trial.values,
                params={short[name]: value for name, value in trial.params.items()},
                distributions={short[name]: kind for name, kind in trial.distributions.items()},
            )
        )
    return copy


def _short(name: str) -> str:
    return next((name.removeprefix(p) for p in _PREFIXES if name.startswith(p)), name)


def _turn_labels(figure: Figure) -> None:
    """Turn the labels of panels that stand beside each other, lest they overlap."""
    if len(figure.axes) > 2:
        for axes in figure.axes:
            axes.tick_params(axis="x", labelrotation=60, labelsize=8)
            axes.xaxis.label.set_fontsize(9)


def _value(position: int, trial: FrozenTrial) -> float:
    return float(trial.values[position])


def _figure(axes: Any) -> Figure:
    """Return the figure of what Optuna returns: one pair of axes or an array of them."""
    figure: Figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
    return figure
