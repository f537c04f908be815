"""How well a classifier tells a survey's objects from the training objects, by what both have.

Distributions of single quantities may agree where their mixture does not; a classifier that sees
all quantities of an object at once says in one number how different two sets are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.hashing import object_keys

if TYPE_CHECKING:  # errors are said before torch is there
    from lcclassify.inference.training_objects import TrainingObjects

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST: Final = 2000  # classified objects
KEY: Final = "hash of the id"  # no column of a survey is called so

_SEED: Final = 11
_FEWEST: Final = 50  # objects of either kind, of which fewer tell nothing
_FOLDS: Final = 5
_STRENGTH: Final = 0.3  # of the objects beside the prior of the slopes
_BINS: Final = 8  # of equally many objects, of each quantity
# Fits on folds that overlap scatter more than ranks: 0.013 for 0.009 of 2,000 objects alike in
# twelve quantities.
_CROSSED: Final = 1.5


@dataclass(frozen=True)
class ToldApart:
    """The answer.

    Attributes:
        auc: Area under the ROC curve, out of fold: 0.5 where nothing tells the two apart, 1
            where everything does.
        by_chance: Standard deviation of the area about 0.5 if the two were alike, about.
    """

    auc: float
    by_chance: float

    def sentence(self, who: str = "these objects") -> str:
        """Return it in words, of objects that are called so."""
        return (
            f"A classifier tells {who} from training objects with an AUC of "
            f"{self.auc:.2f}; 0.50 ± {self.by_chance:.2f} would be alike."
        )


def sampled(
    kept: TrainingObjects, ids: pl.Series, features: FloatArray, feature_names: Sequence[str]
) -> pl.DataFrame:
    """Return the quantities of the objects of a chunk that may be compared.

    The ids alone decide which: those of the lowest hashes.

    Args:
        kept: With the names of the quantities.
        ids: ``(n,)`` of objects that are classified.
        features: ``(n, F)``, not finite where undefined.
        feature_names: Names of the F features.

    Returns:
        At most `MOST` rows of the hash (`KEY`) and a column for each quantity, null where
        undefined.
    """
    keys = object_keys(ids, _SEED)
    rows = np.argsort(keys, kind="stable")[:MOST]
    names = list(feature_names)
    values = features[rows]
    columns = {
        name: pl.Series(_finite(values[:, names.index(name)]), dtype=pl.Float32, nan_to_null=True)
        for name in kept.quantity_names
    }
    return pl.DataFrame({KEY: keys[rows], **columns})


def merged(tables: Iterable[pl.DataFrame]) -> pl.DataFrame | None:
    """Return the rows of the lowest hashes of all chunks; None of no chunk."""
    found = None
    for table in tables:
        joined = table if found is None else pl.concat([found, table])
        found = joined.sort(KEY).head(MOST)
    return found


def told_apart(kept: TrainingObjects, here: pl.DataFrame) -> ToldApart | None:
    """Tell the objects of a survey from training objects.

    A logistic regression, of each quantity by itself and of the products of each two.

    Args:
        kept: Training objects.
        here: What `merged` gave of the survey.

    Returns:
        None of too few objects, or without any quantity.

    References:
        Lopez-Paz & Oquab 2017, arXiv:1610.06545 (classifier two-sample tests).
    """
    names = list(kept.quantity_names)
    if min(len(kept), len(here)) < _FEWEST or not names:
        return None
    theirs = here.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy()
    values = np.concatenate([kept.quantities.astype(np.float64), theirs])
    is_here = np.arange(len(values)) >= len(kept)
    weights = np.concatenate([kept.weights, np.ones(len(here))])
    effective = weights[~is_here].sum() ** 2 / np.square(weights[~is_here]).sum(), float(len(here))
    weights[~is_here] *= len(here) / weights[~is_here].sum()
    # By the ids: an object that is on both sides is in one fold, lest its twin speak against it.
    keys = np.concatenate([object_keys(kept.ids, _SEED), here[KEY].to_numpy()])
    folds = (keys % np.uint64(_FOLDS)).astype(np.int64)
    scores = _out_of_fold(_inputs(values, weights), is_here, weights, folds)
    a, b = effective
    return ToldApart(
        area(is_here, scores, weights),
        float(_CROSSED * np.sqrt((a + b + 1) / (12 * a * b))),
    )


def _inputs(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return what the regression sees of ``(n, Q)`` values, whatever their units.

    Ones and zeros, which bin each quantity falls into and whether it is undefined, and products
    of each two quantities' normal scores, so that correlations are seen.
    """
    from scipy.special import ndtri

    bins, scores = [], []
    for column in values.T:
        defined = np.isfinite(column)
        found, place = np.unique(column[defined], return_inverse=True)
        mass = np.bincount(place, weights[defined], len(found))
        share = np.full(len(column), 0.5)  # a score of 0
        if len(found):
            share[defined] = ((np.cumsum(mass) - mass / 2) / mass.sum())[place]
        number = np.where(defined, (share * _BINS).astype(np.int64), _BINS)
        bins.append(np.eye(_BINS + 1)[number])
        scores.append(ndtri(share))
    first, second = np.triu_indices(len(scores), k=1)
    z = np.stack(scores, axis=1)
    return np.concatenate([*bins, z[:, first] * z[:, second]], axis=1)


def _out_of_fold(
    values: FloatArray, truth: NDArray[np.bool_], weights: FloatArray, folds: IntArray
) -> FloatArray:
    """Return the log-odds that objects are of the survey, by fits without their fold."""
    scores = np.zeros(len(values))
    for fold in range(_FOLDS):
        own = folds == fold
        fitted = _logistic(values[~own], truth[~own], weights[~own])
        scores[own] = values[own] @ fitted[1:] + fitted[0]
    return scores


def _logistic(values: FloatArray, truth: NDArray[np.bool_], weights: FloatArray) -> FloatArray:
    """Return intercept and slopes ``(1 + F,)`` of the most probable logistic regression.

    scikit-learn's, written out: importing it takes longer than all that is done here.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    sign = np.where(truth, 1.0, -1.0)

    def loss(fitted: FloatArray) -> tuple[float, FloatArray]:
        margin = sign * (values @ fitted[1:] + fitted[0])
        pulled = np.concatenate([[0.0], fitted[1:]])
        slope = -_STRENGTH * weights * sign * expit(-margin)
        gradient = np.concatenate([[slope.sum()], values.T @ slope]) + pulled
        total = _STRENGTH * float(weights @ np.logaddexp(0, -margin))
        return total + 0.5 * float(pulled @ pulled), gradient

    start = np.zeros(values.shape[1] + 1)
    found: FloatArray = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found


def area(truth: NDArray[np.bool_], scores: FloatArray, weights: FloatArray) -> float:
    """Return the area under the ROC curve of weighted objects, ties counting half."""
    _, place = np.unique(scores, return_inverse=True)
    true, false = (np.bincount(place, weights * which) for which in (truth, ~truth))
    below = np.cumsum(false) - false / 2
    return float(true @ below / (true.sum() * false.sum()))


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)
