"""Reads what a search optimises from the folder of a finished training."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lcclassify.errors import TrainingError
from lcclassify.search.metrics import METRICS

if TYPE_CHECKING:
    from lcclassify.training.fit import FitResult


# Of a trial: its mean over fits, which are repeats, folds or both, and the sample standard
# deviation over them, None if there is one only.
Objective = tuple[float, float | None]


def read_objectives(folder: Path, names: tuple[str, ...]) -> list[Objective]:
    """Return the objectives of a finished training of one network.

    The value of a fit is its best epoch's, as in the reference.

    Raises:
        TrainingError: A value is missing or not finite.
    """
    fits = _fits(folder)
    found = []
    for name in names:
        objective = _read(folder, fits, name)
        if not math.isfinite(objective[0]):
            raise TrainingError(f"{name} is {objective[0]}")
        found.append(objective)
    return found


def training_seconds(folder: Path) -> float:
    """Return the time that the epochs of all fits took, finished or not; 0 if unknown."""
    return float(sum(_seconds(fit) for fit in _fits(folder).values()))


def _fits(folder: Path) -> dict[Path, FitResult]:
    """Return the fits that watch themselves on objects they do not train on."""
    from lcclassify.training.fit import load_history

    fits: dict[Path, FitResult] = {}
    for path in sorted((folder / "fits").glob("*/*")):
        history = load_history(path)
        if history is not None and path.name.startswith(("fold_", "holdout")):
            fits[path] = history
    return fits


def _read(folder: Path, fits: Mapping[Path, FitResult], name: str) -> Objective:
    if not fits:
        raise TrainingError(f"'{folder}' holds no finished fit")
    if name == "seconds":
        return _over([_seconds(fit) for fit in fits.values()])
    if name == "parameters":
        from lcclassify.nn.submodel import Submodel

        stored = json.loads((next(iter(fits)) / "submodel.json").read_text(encoding="utf-8"))
        network = Submodel.from_config(stored)
        return float(sum(p.numel() for p in network.parameters())), None
    if name.startswith("cv/"):
        return _cross_validated(folder, name.removeprefix("cv/"))
    best = max if METRICS[name].direction == "maximize" else min
    values = []
    for path, fit in fits.items():
        epochs = [epoch[name] for epoch in fit.history if name in epoch]
        if not epochs:
            raise TrainingError(
                f"the fit in '{path}' has no {name}: set split.validation_fraction above 0"
            )
        values.append(best(epochs))
    return _over(values)


def _cross_validated(folder: Path, name: str) -> Objective:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    (crossed,) = metrics["cross_validation"].values()
    if name == "accuracy":
        return crossed["accuracy_of_folds"]["mean"], crossed["accuracy_of_folds"]["std"]
    value = crossed["all_folds"].get(name)
    if value is None:
        raise TrainingError(f"cv/{name} is undefined: a class has no object")
    return float(value), None


def _seconds(fit: FitResult) -> float:
    return sum(epoch["seconds"] for epoch in fit.history)


def _over(values: list[float]) -> Objective:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return float(np.mean(values)), spread
