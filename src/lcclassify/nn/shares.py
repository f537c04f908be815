"""The shares of the classes among objects without labels."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_FLOOR: Final = 1e-30
_ROUNDS: Final = 200  # of expectation-maximisation, which is near its end after twenty
# Objects' worth of belief in the training set's shares, as a share of those estimated from.
_BELIEF: Final = 0.1


def estimate_shares(probabilities: FloatArray, known: FloatArray) -> FloatArray:
    """Return the shares of the classes among objects without labels, ``(K,)``.

    Expectation-maximisation with the density of each class as it was in training (Saerens,
    Latinne & Decaestecker 2002), with a Dirichlet prior about the known shares. A class
    without training objects keeps its share of nothing: its probabilities mean nothing.

    Args:
        probabilities: ``(n, K)`` of the objects, for the known shares.
        known: ``(K,)`` shares of the training set.
    """
    present = known > 0
    values = probabilities[:, present] / known[present]
    belief = _BELIEF * len(probabilities) * known[present]
    shares = known[present].copy()
    for _ in range(_ROUNDS):
        joint = values * shares
        joint /= np.maximum(joint.sum(axis=1, keepdims=True), _FLOOR)
        new = joint.sum(axis=0) + belief
        new /= new.sum()
        if np.abs(new - shares).max() < 1e-7:
            break
        shares = new
    found = np.zeros(len(known))
    found[present] = shares
    return found
