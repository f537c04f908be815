"""Trees that tell light curves to which their redshift does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import InputSizes
from lcclassify.training.boosting import as_network, parameters
from lcclassify.training.settings import Growth

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Small trees, each of a tenth of the features: they have to recognise what no object that they
# are grown on is like, and larger ones are worse at it (docs/background/probabilities.md).
_GROWTH: Final = Growth(
    rounds=200, learning_rate=0.05, leaves=4, min_objects=10, feature_share=0.1, l2=0.0
)
FEWEST: Final = 100  # mismatched objects that trees can learn from
_BINS: Final = 63  # of a feature's values; finer ones only take longer


@dataclass(frozen=True)
class Mismatched:
    """Training objects that were given the redshifts of others.

    Attributes:
        features: ``(m, F)`` raw features, NaN where undefined.
        owners: ``(m,)`` rows in the run of the objects whose light curves they are.
    """

    features: FloatArray
    owners: IntArray


def grow_mismatch(known: FloatArray, mismatched: FloatArray, seed: int) -> BoostedTrees:
    """Grow trees that tell mismatched objects from known ones, both counting alike.

    Args:
        known: ``(n, F)`` raw features of objects as they are.
        mismatched: ``(m, F)`` the same of objects with the redshifts of others.
        seed: Of what is random.

    Returns:
        A network of one output, the log-odds of being mismatched.
    """
    import lightgbm

    both = np.concatenate([known, mismatched])
    is_mismatched = np.arange(len(both)) >= len(known)
    weights = np.where(is_mismatched, len(known) / max(len(mismatched), 1), 1.0)
    settings = parameters(_GROWTH, seed) | {"objective": "binary", "max_bin": _BINS}
    data = lightgbm.Dataset(both, is_mismatched, weight=weights, params={"max_bin": _BINS})
    booster = lightgbm.train(settings, data, _GROWTH.rounds)
    return as_network(booster, InputSizes(known.shape[1], 0, 0, 1, 1))
