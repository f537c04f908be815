"""How often objects of each class were taken for each class, and the metrics that this decides.

Counts are ``(K, K) int64``, true class in rows, predicted class in columns. A class without
objects has none of these metrics (NaN), see `lcclassify.evaluation.metrics`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def predicted_classes(probabilities: FloatArray) -> IntArray:
    """Return ``(N,) int64``, the most probable class of each row, the first on a tie."""
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def confusion_of(p: FloatArray, y: IntArray) -> IntArray:
    """Return the counts of probabilities ``(N, K)`` and targets ``(N,)`` that were checked."""
    k = p.shape[1]
    counts = np.bincount(y * k + predicted_classes(p), minlength=k * k)
    return counts.reshape(k, k).astype(np.int64)


def recall_of(counts: IntArray) -> FloatArray:
    """Return ``(K,)``: the fraction of a class's objects found."""
    return _ratio(np.diag(counts), counts.sum(axis=1))


def precision_of(counts: IntArray) -> FloatArray:
    """Return ``(K,)``: the fraction of a class's predictions that are right; NaN without any."""
    values = _ratio(np.diag(counts), counts.sum(axis=0))
    return np.where(counts.sum(axis=1) > 0, values, np.nan)


def f1_of(counts: IntArray) -> FloatArray:
    """Return ``(K,)``: 2 TP / (2 TP + FP + FN)."""
    objects = counts.sum(axis=1)
    values = _ratio(2 * np.diag(counts), objects + counts.sum(axis=0))
    return np.where(objects > 0, values, np.nan)


def macro_precision_of(counts: IntArray) -> float:
    """Return the mean precision over the classes that have objects, 0 if never predicted."""
    values = np.nan_to_num(precision_of(counts), nan=0.0)
    return float(values[counts.sum(axis=1) > 0].mean())


def _ratio(numerator: IntArray, denominator: IntArray) -> FloatArray:
    values: FloatArray = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=values, where=denominator > 0)
    return values
