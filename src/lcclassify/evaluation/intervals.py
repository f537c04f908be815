"""How far metrics would move with another sample of the same objects: bootstrap intervals.

References:
    Efron & Tibshirani 1993, "An Introduction to the Bootstrap" (percentile intervals).
    Clopper & Pearson 1934, Biometrika 26, 404 (where all objects are right, or none is).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.evaluation.calibration import N_BINS
from lcclassify.evaluation.inputs import check_labelled
from lcclassify.evaluation.metrics import CLIP
from lcclassify.schema import Taxonomy

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL: Final = 0.95
RESAMPLES: Final = 200
_SEED: Final = 0  # the same objects have the same interval


def intervals(
    probabilities: FloatArray, targets: IntArray, taxonomy: Taxonomy, resamples: int = RESAMPLES
) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of the headline metrics.

    Each resample draws as many objects as there are, with replacement. Calibration errors are
    biased upwards in every finite sample, resamples most: of these the interval is moved by
    twice the bias (the basic bootstrap), and cut at 0.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        targets: ``(N,)``.
        taxonomy: The K classes and their weights.
        resamples: Number of resamples.

    Returns:
        Low and high by name: `accuracy`, `balanced_accuracy`, `macro_f1`, `log_loss`,
        `weighted_log_loss`, `brier`, `ece`, `classwise_ece`, `macro_roc_auc`; those that are
        undefined in a resample are left out, and those that are the same in all resamples, but for
        an accuracy of 0 or 1, which has Clopper & Pearson's interval.

    Raises:
        DataError: The arrays are unusable.
    """
    p, y = check_labelled(probabilities, targets)
    sample = _Sample(p, y, taxonomy.weight_vector())
    whole = sample.metrics(np.ones(len(y)))
    rng = np.random.default_rng(_SEED)
    drawn = [sample.metrics(_counts(rng, len(y))) for _ in range(resamples)]
    found = {}
    for name, value in whole.items():
        values = np.array([metrics[name] for metrics in drawn])
        if not (np.isfinite(value) and np.isfinite(values).all()):
            continue
        low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        if name in ("ece", "classwise_ece"):
            low, high = max(2 * value - high, 0.0), max(2 * value - low, 0.0)
        if high - low > 1e-12:  # else the rounding of sums
            found[name] = (float(low), float(high))
        elif name == "accuracy":
            found[name] = _of_no_exception(value, len(y))
    return found


def _of_no_exception(accuracy: float, n_objects: int) -> tuple[float, float]:
    """Return the interval of Clopper & Pearson of an accuracy of 1, or 0, which no resample moves.

    That 24 of 24 objects are right does not show that all are.
    """
    margin = 1 - ((1 - LEVEL) / 2) ** (1 / n_objects)
    return (1 - margin, 1.0) if accuracy == 1 else (0.0, margin)


def _counts(rng: np.random.Generator, size: int) -> FloatArray:
    """Return how often each object is in a resample."""
    return np.bincount(rng.integers(0, size, size), minlength=size).astype(np.float64)


class _Sample:
    """Objects whose metrics are sums over them, so that a resample is a set of weights."""

    def __init__(self, p: FloatArray, y: IntArray, class_weights: FloatArray) -> None:
        self.y, self.n_classes = y, p.shape[1]
        self.class_weights = class_weights
        self.predicted = p.argmax(axis=1)
        self.right = (self.predicted == y).astype(np.float64)
        own = p[np.arange(len(y)), y]
        self.loss = -np.log(np.clip(own, CLIP, 1 - CLIP))
        self.brier = np.square(p).sum(axis=1) - 2 * own + 1
        top = p.max(axis=1)
        self.top_excess = _Binned(top, self.right)
        self.excess = [_Binned(p[:, k], (y == k).astype(np.float64)) for k in range(p.shape[1])]
        self.order = np.argsort(p, axis=0, kind="stable")
        sorted_p = np.take_along_axis(p, self.order, axis=0)
        # Equal probabilities are one step of a ROC curve.
        self.steps = [
            np.flatnonzero(np.diff(sorted_p[:, k], append=np.inf)) for k in range(p.shape[1])
        ]

    def metrics(self, weight: FloatArray) -> dict[str, float]:
        total, k = weight.sum(), self.n_classes
        objects = np.bincount(self.y, weight, k)
        hits = np.bincount(self.y, weight * self.right, k)
        predicted = np.bincount(self.predicted, weight, k)
        losses = np.bincount(self.y, weight * self.loss, k)
        present = objects > 0
        scored = self.class_weights * present
        weighted = float("nan")
        if scored.sum() > 0:
            weighted = float(
                np.average(losses[present] / objects[present], weights=scored[present])
            )
        areas = [self._area(j, weight) for j in range(k)]
        defined = [area for area in areas if np.isfinite(area)]
        return {
            "accuracy": float(hits.sum() / total),
            "balanced_accuracy": float((hits[present] / objects[present]).mean()),
            "macro_f1": float((2 * hits[present] / (objects + predicted)[present]).mean()),
            "log_loss": float(losses.sum() / total),
            "weighted_log_loss": weighted,
            "brier": float((weight * self.brier).sum() / total),
            "ece": self.top_excess.error(weight),
            "classwise_ece": float(np.mean([excess.error(weight) for excess in self.excess])),
            "macro_roc_auc": float(np.mean(defined)) if defined else float("nan"),
        }

    def _area(self, k: int, weight: FloatArray) -> float:
        order = self.order[:, k]
        own = weight[order] * (self.y[order] == k)
        positive = np.cumsum(own)[self.steps[k]]
        negative = np.cumsum(weight[order])[self.steps[k]] - positive
        if positive[-1] == 0 or negative[-1] == 0:
            return float("nan")
        # Pairs in which the object of the class has the higher probability, ties by half.
        below = np.concatenate([[0.0], negative[:-1]])
        gained = np.diff(positive, prepend=0.0)
        pairs = gained * (below + negative) / 2
        return float(pairs.sum() / positive[-1] / negative[-1])


class _Binned:
    """Probabilities in bins, and what came true."""

    def __init__(self, predicted: FloatArray, outcome: FloatArray) -> None:
        edges = np.linspace(0.0, 1.0, N_BINS + 1)
        self.bins = np.clip(np.searchsorted(edges, predicted, side="left") - 1, 0, N_BINS - 1)
        self.excess = predicted - outcome

    def error(self, weight: FloatArray) -> float:
        """Return the calibration error of weighted objects."""
        sums = np.bincount(self.bins, weight * self.excess, N_BINS)
        return float(np.abs(sums).sum() / weight.sum())
