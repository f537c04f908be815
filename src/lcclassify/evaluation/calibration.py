"""Whether a probability of 0.8 comes true four times in five.

References:
    Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599
    (top-label expected calibration error).
    Kull et al. 2019, "Beyond temperature scaling", arXiv:1910.12656 (classwise error).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lcclassify.errors import DataError
from lcclassify.evaluation.inputs import check_labelled

N_BINS = 15  # as Guo et al. 2017


@dataclass(frozen=True)
class Reliability:
    """A reliability curve: M bins of equal width in predicted probability.

    Attributes:
        edges: ``(M + 1,) float64``, from 0 to 1; a bin holds its upper edge, the first both.
        predicted: ``(M,) float64``, mean predicted probability, NaN in an empty bin.
        observed: ``(M,) float64``, fraction that came true, NaN in an empty bin.
        counts: ``(M,) int64``, objects in the bin.
    """

    edges: NDArray[np.float64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def calibration_error(self) -> float:
        """Mean of |observed - predicted|, each bin weighted by its objects."""
        filled = self.counts > 0
        gaps = np.abs(self.observed[filled] - self.predicted[filled])
        return float(np.average(gaps, weights=self.counts[filled]))


def reliability_curve(
    predicted: NDArray[np.float64], outcome: NDArray[np.bool_], n_bins: int = N_BINS
) -> Reliability:
    """Bin predicted probabilities and count how often each bin came true.

    Args:
        predicted: ``(N,) float64`` in 0..1.
        outcome: ``(N,) bool``, whether it came true.
        n_bins: M.

    Raises:
        DataError: If `n_bins` is below 1 or there is no object.
    """
    if n_bins < 1:
        raise DataError(f"n_bins must be at least 1, got {n_bins}")
    if predicted.size == 0 or predicted.shape != outcome.shape:
        raise DataError(
            f"predicted and outcome must have the same shape with at least one object, "
            f"got {predicted.shape} and {outcome.shape}"
        )
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    bins = np.clip(np.searchsorted(edges, predicted, side="left") - 1, 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(bins, weights=predicted, minlength=n_bins) / counts
        rate = np.bincount(bins, weights=outcome.astype(np.float64), minlength=n_bins) / counts
    return Reliability(edges, mean, rate, counts)


def top_label_reliability(
    probabilities: ArrayLike, targets: ArrayLike, n_bins: int = N_BINS
) -> Reliability:
    """Return the reliability of the most probable class.

    Args:
        probabilities: ``(N, K) float64``.
        targets: ``(N,) int64``.
        n_bins: M.

    Raises:
        DataError: If the arrays are not usable (see `check_labelled`).
    """
    p, y = check_labelled(probabilities, targets)
    return reliability_curve(p.max(axis=1), p.argmax(axis=1) == y, n_bins)


def class_reliabilities(
    probabilities: ArrayLike, targets: ArrayLike, n_bins: int = N_BINS
) -> list[Reliability]:
    """Return the reliability of each class's own probability, K curves.

    Args:
        probabilities: ``(N, K) float64``.
        targets: ``(N,) int64``.
        n_bins: M.

    Raises:
        DataError: If the arrays are not usable (see `check_labelled`).
    """
    p, y = check_labelled(probabilities, targets)
    return [reliability_curve(p[:, k], y == k, n_bins) for k in range(p.shape[1])]


def expected_calibration_error(
    probabilities: ArrayLike, targets: ArrayLike, n_bins: int = N_BINS
) -> float:
    """Return the top-label expected calibration error, 0 (best) to 1.

    Raises:
        DataError: If the arrays are not usable (see `check_labelled`).
    """
    return top_label_reliability(probabilities, targets, n_bins).calibration_error


def classwise_calibration_error(
    probabilities: ArrayLike, targets: ArrayLike, n_bins: int = N_BINS
) -> float:
    """Return the calibration error of each class's probability, averaged over all K classes.

    A class without objects counts too: probability given to it does not come true.

    Raises:
        DataError: If the arrays are not usable (see `check_labelled`).
    """
    curves = class_reliabilities(probabilities, targets, n_bins)
    return float(np.mean([curve.calibration_error for curve in curves]))
