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
BoolArray = NDArray[np.bool_]

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


class MismatchGrower:
    """Grows trees that tell mismatched objects from known ones, both counting alike.

    Values of features are put into bins once, whichever objects trees are grown on: where they
    are grown many times, that is most of the work.

    Args:
        known: ``(n, F)`` raw features of objects as they are.
        mismatched: ``(m, F)`` the same of objects with the redshifts of others.
        seed: Of what is random.
    """

    def __init__(self, known: FloatArray, mismatched: FloatArray, seed: int) -> None:
        import lightgbm

        self._n_known, self._n = len(known), len(known) + len(mismatched)
        self._sizes = InputSizes(known.shape[1], 0, 0, 1, 1)
        self._settings = parameters(_GROWTH, seed) | {
            "objective": "binary",
            "max_bin": _BINS,
            # The library sizes sparse tables by how often features have their most frequent
            # value among all objects. Chosen ones that have it less often would be written
            # beyond the end (LightGBM 4.7: a crash, or trees of whatever lay there).
            "is_enable_sparse": False,
        }
        self._binned = lightgbm.Dataset(
            np.concatenate([known, mismatched]),
            np.arange(self._n) >= self._n_known,
            params=self._settings,
        )

    def grow(self, chosen: BoolArray | None = None) -> BoostedTrees:
        """Grow trees.

        Args:
            chosen: ``(n + m,)`` which of the known and mismatched objects; None for all.

        Returns:
            A network of one output, the log-odds of being mismatched.
        """
        import lightgbm

        rows = np.arange(self._n) if chosen is None else np.flatnonzero(chosen)
        is_known = rows < self._n_known
        odds = is_known.sum() / max((~is_known).sum(), 1)
        data = self._binned.subset(rows.tolist(), params=self._settings)
        data.construct().set_weight(np.where(is_known, 1.0, odds))
        booster = lightgbm.train(self._settings, data, _GROWTH.rounds)
        return as_network(booster, self._sizes)
