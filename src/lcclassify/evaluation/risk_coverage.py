"""How many of the objects are misclassified that are left when the least sure ones are left out.

References:
    Geifman, Uziel & El-Yaniv 2019, arXiv:1805.08206 (area under the risk-coverage curve).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lcclassify.evaluation.inputs import check_labelled

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Errors among the N objects of the highest probabilities, for 1, 2, … all objects.

    Objects of equal probability are in no order: their errors count as spread evenly over them.

    Attributes:
        kept: ``(N,)`` shares of the objects that are kept, ascending to 1.
        error: ``(N,)`` shares of these that are misclassified.
        ideal: ``(N,)`` the same if all errors were the least probable objects.
        least: ``(N,)`` probability of the least sure object kept.
    """

    kept: FloatArray
    error: FloatArray
    ideal: FloatArray
    least: FloatArray

    @property
    def area(self) -> float:
        """Mean error over all shares of objects kept."""
        return float(self.error.mean())

    @property
    def ideal_area(self) -> float:
        """The least area that so many errors can have."""
        return float(self.ideal.mean())


def risk_coverage(probabilities: ArrayLike, targets: ArrayLike) -> RiskCoverage:
    """Leave objects out by the probability of their most probable class, the lowest first.

    Args:
        probabilities: ``(N, K) float64``.
        targets: ``(N,) int64``.

    Raises:
        DataError: The arrays are unusable (see `check_labelled`).

    Example:
        >>> curve = risk_coverage([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [0, 1, 1])
        >>> curve.error.round(3).tolist(), round(curve.area, 3)
        ([0.0, 0.0, 0.333], 0.111)
    """
    p, y = check_labelled(probabilities, targets)
    top = p.max(axis=1)
    order = np.argsort(-top, kind="stable")
    top, wrong = top[order], (p.argmax(axis=1) != y)[order]
    number = np.arange(1, len(y) + 1, dtype=np.float64)
    # Between the ends of a run of equal probabilities errors are as many as their share.
    ends = np.flatnonzero(np.diff(top, append=-1.0))
    errors = np.interp(number, np.append(0, ends + 1), np.append(0, np.cumsum(wrong)[ends]))
    right = len(y) - wrong.sum()
    return RiskCoverage(
        kept=number / len(y),
        error=errors / number,
        ideal=np.maximum(number - right, 0) / number,
        least=top,
    )
