"""The accuracy to be expected of objects without labels, from a classifier's own probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.nn.shares import estimate_shares

FloatArray = NDArray[np.float64]

_DEVIATIONS: Final = 1.96
# Eleven simulated surveys needed up to 0.032 beyond the rest; twenty others were inside with this
# (docs/background/probabilities.md).
_ELSEWHERE: Final = 0.045
# Distance of distributions from which a survey is another one altogether.
_ALTOGETHER: Final = 0.25


@dataclass(frozen=True)
class ExpectedAccuracy:
    """How often the most probable class is the true one, as far as that can be told.

    Attributes:
        value: The middle of the interval.
        low: Its lower end.
        high: Its upper end; 95 of 100 such intervals are to hold the accuracy.
        as_trained: Mean probability of the most probable class: what holds if the classes have
            the shares that the probabilities are for.
        as_estimated: The same with shares estimated from the objects.
        shares: ``(K,)`` these.
    """

    value: float
    low: float
    high: float
    as_trained: float
    as_estimated: float
    shares: FloatArray


def expected_accuracy(
    probabilities: FloatArray, known: FloatArray, n_held_out: int, distance: float
) -> ExpectedAccuracy:
    """Return the accuracy to be expected.

    Probabilities are right for the shares of classes that they are for, and which those are
    among the objects is not known. The interval spans what follows from the training set's and
    from estimated shares, and beyond it what chance does to so many objects, what the
    calibration on so many held-out objects leaves open and, of objects unlike the training ones,
    what was seen elsewhere.

    Args:
        probabilities: ``(n, K)``, at least one row.
        known: ``(K,)`` shares that they are for, 0 of classes without training objects.
        n_held_out: Held-out objects that they were calibrated with.
        distance: Largest difference of a quantity's distribution from training, 0 to 1.

    References:
        Guillory et al. 2021, arXiv:2107.03315 (confidence as an estimate of accuracy).
    """
    own = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    as_trained = float(probabilities[own].mean())
    seen = probabilities * (known > 0)
    shares = estimate_shares(seen, known)
    moved = seen * np.divide(shares, known, out=np.zeros_like(known), where=known > 0)
    moved /= moved.sum(axis=1, keepdims=True)
    # The chance of an unknown object stays what it is.
    share_seen = (probabilities * (known > 0)).sum(axis=1)
    as_estimated = float((moved[own] * share_seen).mean())
    middle = (as_trained + as_estimated) / 2
    chance = middle * (1 - middle) * (1 / len(probabilities) + 1 / max(n_held_out, 1))
    beyond = _DEVIATIONS * np.sqrt(chance) + _ELSEWHERE * min(distance / _ALTOGETHER, 1.0)
    low = max(min(as_trained, as_estimated) - beyond, 0.0)
    high = min(max(as_trained, as_estimated) + beyond, 1.0)
    return ExpectedAccuracy((low + high) / 2, low, high, as_trained, as_estimated, shares)
