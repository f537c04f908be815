"""Classification metrics, from probabilities and integer targets alone.

Every function takes probabilities ``(N, K)`` whose rows sum to 1 (never logits) and
targets ``(N,)`` in 0..K-1, and raises `DataError` for anything else, an unlabelled
object included. The predicted class is the most probable one, the first on a tie.

Treatment of classes without objects: a class that no target names has no recall,
precision, F1, ROC AUC or average precision (NaN here, None with a reason in an
`Evaluation`) and is left out of every macro mean and of the weighted log-loss. On a
set that holds all classes, as PLAsTiCC's test set does, the macro means are thus over
all of them, as the published ones. A class that has objects but is never predicted has
no precision either; in the macro precision it counts as 0, so that a classifier gains
nothing by never daring a class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lcclassify.errors import DataError
from lcclassify.evaluation.calibration import reliability_curve
from lcclassify.evaluation.counts import (
    confusion_of,
    f1_of,
    macro_precision_of,
    precision_of,
    predicted_classes,
    recall_of,
)
from lcclassify.evaluation.inputs import check_labelled
from lcclassify.evaluation.risk_coverage import risk_coverage
from lcclassify.schema import Taxonomy

CLIP = 1e-15  # probabilities are kept in [CLIP, 1 - CLIP] in the logarithms

NO_OBJECTS = "no object of this class in the evaluated set"
NO_OTHERS = "every object in the evaluated set is of this class"
NEVER_PREDICTED = "no object was predicted to be of this class"
NO_WEIGHT = "no class with objects has a weight above 0"
NO_CLASS_DEFINED = "undefined for every class"

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def confusion_matrix(probabilities: ArrayLike, targets: ArrayLike) -> NDArray[np.int64]:
    """Return counts ``(K, K) int64``: true class in rows, predicted class in columns."""
    return confusion_of(*check_labelled(probabilities, targets))


def accuracy(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the fraction of objects whose most probable class is the true one."""
    p, y = check_labelled(probabilities, targets)
    return float(np.mean(predicted_classes(p) == y))


def recall(probabilities: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return ``(K,)``: the fraction of a class's objects found; NaN without objects."""
    return recall_of(confusion_matrix(probabilities, targets))


def precision(probabilities: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return ``(K,)``: the fraction of a class's predictions that are right.

    NaN for a class that is never predicted or has no objects.
    """
    return precision_of(confusion_matrix(probabilities, targets))


def f1(probabilities: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return ``(K,)``: 2 TP / (2 TP + FP + FN), 0 if never predicted; NaN without objects."""
    return f1_of(confusion_matrix(probabilities, targets))


def balanced_accuracy(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean recall over the classes that have objects, the macro recall."""
    return float(np.nanmean(recall(probabilities, targets)))


def macro_recall(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean recall over the classes that have objects."""
    return balanced_accuracy(probabilities, targets)


def macro_precision(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean precision over the classes that have objects, 0 if never predicted."""
    return macro_precision_of(confusion_matrix(probabilities, targets))


def macro_f1(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean F1 over the classes that have objects."""
    return float(np.nanmean(f1(probabilities, targets)))


def log_loss(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean of -ln p(true class), in nats; p is clipped to [1e-15, 1 - 1e-15]."""
    return float(each_log_loss(probabilities, targets).mean())


def each_log_loss(probabilities: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return ``(N,)``, what `log_loss` is the mean of."""
    return _negative_log(*check_labelled(probabilities, targets))


def plasticc_log_loss(
    probabilities: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Return the PLAsTiCC challenge's weighted log-loss, in nats.

    L = -Σ_j w_j (1/N_j) Σ_i y_ij ln p_ij / Σ_j w_j over the classes j that have objects.

    Args:
        probabilities: ``(N, K)``, not negative; rows are divided by their sum, which
            need not be 1 here, and then clipped to [1e-15, 1 - 1e-15].
        targets: ``(N,) int64``.
        weights: ``(K,)``, w_j; 1 for every class if not given.

    Returns:
        The loss, NaN if no class with objects has a weight above 0.

    Raises:
        DataError: If the arrays are unusable, or the weights are not K numbers that are
            finite and not negative.

    References:
        Malz et al. 2019, arXiv:1809.11145; Kaggle, "PLAsTiCC-2018", evaluation.
    """
    return _weighted_log_loss(*check_labelled(probabilities, targets, sums_to_one=False), weights)


def _weighted_log_loss(p: FloatArray, y: IntArray, weights: ArrayLike | None) -> float:
    k = p.shape[1]
    w = np.ones(k) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (k,) or not np.isfinite(w).all() or (w < 0).any():
        raise DataError(
            f"weights must be {k} finite numbers that are not negative, got {w.tolist()}"
        )
    objects = np.bincount(y, minlength=k)
    present = objects > 0
    if w[present].sum() == 0:
        return float("nan")
    sums = np.bincount(y, weights=_negative_log(p, y), minlength=k)
    return float(np.average(sums[present] / objects[present], weights=w[present]))


def brier_score(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Return the mean over objects of Σ_k (p_k - y_k)², 0 (best) to 2."""
    return _brier_score(*check_labelled(probabilities, targets))


def _brier_score(p: FloatArray, y: IntArray) -> float:
    # Σ(p - y)² = Σp² - 2 p_true + 1, without an (N, K) table of ones and zeros.
    squares = np.einsum("nk,nk->n", p, p) - 2 * p[np.arange(y.size), y] + 1
    return float(squares.mean())


def roc_auc(probabilities: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return ``(K,)``: area under each class's one-vs-rest ROC curve.

    NaN for a class without objects, or without objects of another class beside it.
    """
    return _roc_auc(*check_labelled(probabilities, targets))


def _roc_auc(p: FloatArray, y: IntArray) -> FloatArray:
    from sklearn.metrics import roc_auc_score

    return _one_vs_rest(roc_auc_score, p, y)


def average_precision(probabilities: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return ``(K,)``: each class's one-vs-rest average precision; NaN as in `roc_auc`."""
    return _average_precision(*check_labelled(probabilities, targets))


def _average_precision(p: FloatArray, y: IntArray) -> FloatArray:
    from sklearn.metrics import average_precision_score

    return _one_vs_rest(average_precision_score, p, y)


def _one_vs_rest(
    score: Callable[[NDArray[np.bool_], FloatArray], float], p: FloatArray, y: IntArray
) -> FloatArray:
    values = np.full(p.shape[1], np.nan)
    for k in range(p.shape[1]):
        is_class = y == k
        if is_class.any() and not is_class.all():
            values[k] = float(score(is_class, p[:, k]))
    return values


def _negative_log(p: FloatArray, y: IntArray) -> FloatArray:
    chosen = np.clip(p[np.arange(y.size), y], CLIP, 1 - CLIP)
    return np.asarray(-np.log(chosen), dtype=np.float64)


@dataclass(frozen=True)
class Evaluation:
    """How well one set of probabilities describes the objects' true classes.

    Attributes:
        classes: The K class labels in output order.
        names: Their readable names, in the same order.
        objects_per_class: Number of evaluated objects of each class label.
        scalars: Every metric by name, None where it is undefined: `accuracy`,
            `balanced_accuracy`, `macro_precision`, `macro_recall`, `macro_f1`,
            `log_loss`, `weighted_log_loss`, `brier`, `ece`, `classwise_ece`,
            `macro_roc_auc`, `macro_average_precision`, `aurc` (area under the risk-coverage
            curve), `aurc_ideal` (the least that so many errors can have), and
            `precision/<label>`, `recall/<label>`, `f1/<label>`, `roc_auc/<label>`,
            `average_precision/<label>` for every class.
        undefined: Why a metric is None, by the same names.
        confusion: ``(K, K) int64`` counts, true class in rows.
        behind: Of a whole, by member how much higher its log-loss is than the member's:
            ``mean`` and its standard ``error`` over objects, None of a single one.
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    objects_per_class: Mapping[str, int]
    scalars: Mapping[str, float | None]
    undefined: Mapping[str, str]
    # An array has no single truth value; the scalars already tell two evaluations apart.
    confusion: NDArray[np.int64] = field(compare=False)
    behind: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict, compare=False)

    @property
    def n_objects(self) -> int:
        """Number of objects evaluated."""
        return sum(self.objects_per_class.values())

    def defined(self) -> dict[str, float]:
        """Return the metrics that have a value, for loggers that know no None."""
        return {name: value for name, value in self.scalars.items() if value is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain types for JSON; no value is NaN or infinite."""
        return {
            "n_objects": self.n_objects,
            "classes": list(self.classes),
            "names": list(self.names),
            "objects_per_class": dict(self.objects_per_class),
            "metrics": dict(self.scalars),
            "undefined": dict(self.undefined),
            "confusion": self.confusion.tolist(),
            **({"behind": dict(self.behind)} if self.behind else {}),
        }


def evaluate(probabilities: ArrayLike, targets: ArrayLike, taxonomy: Taxonomy) -> Evaluation:
    """Compute every metric of this module.

    Args:
        probabilities: ``(N, K) float64``, rows sum to 1.
        targets: ``(N,) int64`` in 0..K-1; leave unlabelled objects out beforehand.
        taxonomy: The K classes, their names and their weights in the weighted log-loss.

    Raises:
        DataError: If the arrays are unusable or K is not the taxonomy's.

    Example:
        >>> taxonomy = Taxonomy(("Ia", "II"))
        >>> result = evaluate([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], [0, 1, 1], taxonomy)
        >>> round(result.scalars["accuracy"], 3), result.scalars["recall/II"]
        (0.667, 0.5)
    """
    p, y = check_labelled(probabilities, targets)
    if p.shape[1] != len(taxonomy):
        raise DataError(
            f"probabilities must have a column for each of the taxonomy's {len(taxonomy)} classes "
            f"({', '.join(taxonomy.classes)}), got {p.shape[1]} columns"
        )
    counts = confusion_of(p, y)
    objects = counts.sum(axis=1)
    kept = risk_coverage(p, y)
    per_class = {
        "precision": precision_of(counts),
        "recall": recall_of(counts),
        "f1": f1_of(counts),
        "roc_auc": _roc_auc(p, y),
        "average_precision": _average_precision(p, y),
    }
    each_class = [reliability_curve(p[:, k], y == k) for k in range(len(taxonomy))]
    values: dict[str, float] = {
        "accuracy": float(np.diag(counts).sum() / len(y)),
        "balanced_accuracy": float(np.nanmean(per_class["recall"])),
        "macro_precision": macro_precision_of(counts),
        "macro_recall": float(np.nanmean(per_class["recall"])),
        "macro_f1": float(np.nanmean(per_class["f1"])),
        "log_loss": float(_negative_log(p, y).mean()),
        "weighted_log_loss": _weighted_log_loss(p, y, taxonomy.weight_vector()),
        "brier": _brier_score(p, y),
        "ece": reliability_curve(p.max(axis=1), predicted_classes(p) == y).calibration_error,
        "classwise_ece": float(np.mean([curve.calibration_error for curve in each_class])),
        "macro_roc_auc": _mean_of_defined(per_class["roc_auc"]),
        "macro_average_precision": _mean_of_defined(per_class["average_precision"]),
        "aurc": kept.area,
        "aurc_ideal": kept.ideal_area,
    }
    reasons = {
        "weighted_log_loss": NO_WEIGHT,
        "macro_roc_auc": NO_CLASS_DEFINED,
        "macro_average_precision": NO_CLASS_DEFINED,
    }
    for metric, array in per_class.items():
        for k, label in enumerate(taxonomy.classes):
            values[f"{metric}/{label}"] = float(array[k])
            reasons[f"{metric}/{label}"] = (
                NO_OBJECTS
                if objects[k] == 0
                else NEVER_PREDICTED
                if metric == "precision"
                else NO_OTHERS
            )
    return Evaluation(
        classes=taxonomy.classes,
        names=tuple(taxonomy.display_names()),
        objects_per_class={c: int(n) for c, n in zip(taxonomy.classes, objects, strict=True)},
        scalars={name: None if np.isnan(value) else value for name, value in values.items()},
        undefined={name: reasons[name] for name, value in values.items() if np.isnan(value)},
        confusion=counts,
    )


def _mean_of_defined(values: FloatArray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
