"""How sure a classifier may be: a temperature, or a scale and a bias of each class, or neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from lcclassify.nn.calibration import FLOOR
from lcclassify.training.chance import is_near

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NONE, TEMPERATURE, VECTOR = "none", "temperature", "vector"
WORDS: Final = {  # the simplest first
    NONE: "as they are",
    TEMPERATURE: "with a temperature",
    VECTOR: "with a scale and a bias of each class",
}

_FOLDS: Final = 5
_DEVIATION: Final = 0.5  # of the normal prior of scales about 1 and of biases about 0
# Standard errors of the difference to the best within which the simplest is taken.
_NEAR: Final = 1.0


@dataclass(frozen=True)
class Scaling:
    """What probabilities are changed by: ``q_k ∝ exp(a_k log p_k / T + b_k)``.

    Attributes:
        kind: `NONE`, `TEMPERATURE` or `VECTOR`.
        temperature: T.
        scales: ``(K,)`` a, or None for ones.
        biases: ``(K,)`` b, or None for zeros.
    """

    kind: str = NONE
    temperature: float = 1.0
    scales: FloatArray | None = None
    biases: FloatArray | None = None

    def __call__(self, probabilities: FloatArray) -> FloatArray:
        """Return the probabilities ``(n, K)`` of those of the ensemble."""
        found: FloatArray = softmax(self.logits(probabilities), axis=1)
        return found

    def logits(self, probabilities: FloatArray) -> FloatArray:
        """Return their logarithms but for a constant of each object, ``(n, K)``."""
        logits = np.log(np.maximum(probabilities, FLOOR)) / self.temperature
        if self.scales is not None and self.biases is not None:
            logits = logits * self.scales + self.biases
        return logits


@dataclass(frozen=True)
class ChosenScaling:
    """The scaling that cross-validation takes.

    Attributes:
        scaling: Fitted to all held-out objects.
        losses: Mean log-loss by kind, each object by a scaling that did not learn from it.
        out_of_fold: ``(n, K)`` such probabilities by the kind that is taken.
    """

    scaling: Scaling
    losses: dict[str, float]
    out_of_fold: FloatArray

    def summary(self) -> dict[str, Any]:
        """Return plain values for the bundle and the report."""
        return {"kind": self.scaling.kind, "log_loss": dict(self.losses)}

    def sentence(self) -> str:
        """Return the same in words."""
        listed = ", ".join(f"{loss:.4f} {WORDS[kind]}" for kind, loss in self.losses.items())
        taken = "Probabilities stay as they are"
        if self.scaling.kind == TEMPERATURE:
            taken = f"The temperature is {self.scaling.temperature:.3f}"
        elif self.scaling.kind == VECTOR:
            taken = "Every class has a scale and a bias"
        return f"{taken}: the log-loss of held-out objects is {listed}."


def fit_temperature(
    probabilities: FloatArray, targets: IntArray, weights: FloatArray | None = None
) -> float:
    """Return the temperature with the least log-loss.

    Args:
        probabilities: ``(n, K)`` of objects that nothing was trained on.
        targets: ``(n,)`` their classes.
        weights: ``(n,)`` what each counts; None for all alike.

    References:
        Guo et al. 2017, arXiv:1706.04599.
    """
    logits = np.log(np.maximum(probabilities, FLOOR))
    own = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)[own, targets]
        return -float(np.average(logs, weights=weights))

    found = minimize_scalar(loss, bounds=(np.log(0.3), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def fit_vector(
    probabilities: FloatArray, targets: IntArray, weights: FloatArray | None = None
) -> Scaling:
    """Return the most probable scales and biases of the classes, under a prior about none.

    Args:
        probabilities: As in `fit_temperature`.
        targets: Likewise; a class without any keeps scale 1 and bias 0.
        weights: Likewise.

    References:
        Guo et al. 2017, arXiv:1706.04599 (vector scaling).
    """
    logs = np.log(np.maximum(probabilities, FLOOR))
    weights = np.ones(len(targets)) if weights is None else weights
    n_classes = logs.shape[1]
    own = np.arange(len(targets))
    present = np.bincount(targets, minlength=n_classes) > 0

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        scales, biases = parameters[:n_classes], parameters[n_classes:]
        logits = log_softmax(logs * scales + biases, axis=1)
        pulled = np.concatenate([scales - 1, biases]) / _DEVIATION**2
        penalty = 0.5 * float(pulled @ np.concatenate([scales - 1, biases]))
        slopes = np.exp(logits)
        slopes[own, targets] -= 1
        slopes *= weights[:, None]
        slope = np.concatenate([(slopes * logs).sum(axis=0), slopes.sum(axis=0)]) + pulled
        slope[~np.tile(present, 2)] = 0.0
        return penalty - float(weights @ logits[own, targets]), slope

    start = np.concatenate([np.ones(n_classes), np.zeros(n_classes)])
    bounds = [(0.05, 20.0)] * n_classes + [(-20.0, 20.0)] * n_classes
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return Scaling(VECTOR, 1.0, found.x[:n_classes], found.x[n_classes:])


def chosen_scaling(
    probabilities: FloatArray, targets: IntArray, owners: IntArray, seed: int
) -> ChosenScaling:
    """Fit the simplest scaling that is about as good as the best.

    Nothing is simpler than a temperature, and a temperature simpler than a scale and a bias
    of each class; held-out folds of objects tell what is good.

    Args:
        probabilities: ``(n, K)`` of held-out objects, or of draws of them.
        targets: ``(n,)`` their classes.
        owners: ``(n,)`` the object that a row is of; each counts as one.
        seed: Of the folds.
    """
    _, places, counts = np.unique(owners, return_inverse=True, return_counts=True)
    weights = 1 / counts[places]
    folds = np.random.default_rng(seed).permutation(np.arange(len(counts)) % _FOLDS)[places]
    own = np.arange(len(targets))
    held_out = {kind: np.array(probabilities, dtype=np.float64) for kind in WORDS}
    for fold in range(_FOLDS):
        inside = folds == fold
        if not inside.any() or inside.all():
            continue
        for kind in (TEMPERATURE, VECTOR):
            scaling = _fitted(kind, probabilities[~inside], targets[~inside], weights[~inside])
            held_out[kind][inside] = scaling(probabilities[inside])
    losses: dict[str, FloatArray] = {}
    for kind, values in held_out.items():
        each = -np.log(np.maximum(values[own, targets], FLOOR))
        losses[kind] = np.bincount(places, weights * each).astype(np.float64)
    best = min(losses.values(), key=lambda each: float(each.mean()))
    taken = next(kind for kind, each in losses.items() if is_near(each, best, _NEAR))
    return ChosenScaling(
        _fitted(taken, probabilities, targets, weights),
        {kind: float(each.mean()) for kind, each in losses.items()},
        held_out[taken],
    )


def _fitted(
    kind: str, probabilities: FloatArray, targets: IntArray, weights: FloatArray
) -> Scaling:
    if kind == TEMPERATURE:
        return Scaling(kind, fit_temperature(probabilities, targets, weights))
    return Scaling() if kind == NONE else fit_vector(probabilities, targets, weights)
