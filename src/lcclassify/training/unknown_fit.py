"""Fits what tells objects of no known class, by leaving each known class out in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.nn.normalisation import FeatureTransform
from lcclassify.nn.unknown import UnknownDetector, softened
from lcclassify.schema import Taxonomy

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FEWEST_CLASSES: Final = 4  # of which three are left to span a plane when one is left out
_FEWEST_OBJECTS: Final = 8  # of a class that is left out
_MOST_OBJECTS: Final = 20_000  # read; more make the Gaussians no better
_FOLDS: Final = 5
# Of covariances: in the space's within-class one towards the features' variances, in a
# class's towards a sphere.
_SHRINKAGE: Final = 0.5
# Logarithms of shares count twice what Gaussian mixtures would count them
# (docs/background/probabilities.md).
_SHARE_WEIGHT: Final = 4.0


@dataclass(frozen=True)
class FittedUnknown:
    """A detector of unknown objects and how well it found classes that were left out.

    Attributes:
        detector: Fitted on all training objects.
        rows: ``(n,)`` rows of the run that it was fitted on, ascending.
        held_out: ``(n,)`` the probability of no known class of each of these, by a detector
            that was not fitted on it.
        auroc: By label of a class left out, the area under the ROC curve of its objects against
            those of other classes that were not fitted on either.
    """

    detector: UnknownDetector
    rows: IntArray
    held_out: FloatArray
    auroc: Mapping[str, float]

    @property
    def median(self) -> float:
        """Median area over the classes."""
        return float(np.median(list(self.auroc.values())))

    def summary(self) -> dict[str, Any]:
        """Return plain values for the bundle and the report."""
        return {
            "fraction": self.detector.fraction,
            "auroc_of_classes_left_out": dict(self.auroc),
            "median_auroc": self.median,
        }

    def sentences(self, taxonomy: Taxonomy) -> list[str]:
        """Return the same in words."""
        names = dict(zip(taxonomy.classes, taxonomy.display_names(), strict=True))
        worst = sorted(self.auroc, key=lambda label: self.auroc[label])[:3]
        listed = ", ".join(f"{names[label]} {self.auroc[label]:.2f}" for label in worst)
        found = (
            f"Unknown objects: of {len(self.auroc)} classes, each left out of training in turn, "
            f"the median area under the ROC curve is {self.median:.2f} (lowest: {listed})."
        )
        share = f"{100 * self.detector.fraction:g} % of the objects are taken to be unknown"
        return [f"{found} {share} before anything is seen (unknown.fraction)."]


def fit_unknown(
    features: Tensor,
    targets: IntArray,
    rows: IntArray,
    taxonomy: Taxonomy,
    fraction: float,
    seed: int,
    fitted: FeatureTransform | None = None,
) -> FittedUnknown | None:
    """Fit a detector on training objects.

    Args:
        features: ``(n, F)`` raw features of the training objects, NaN where undefined.
        targets: ``(n,)`` their classes.
        rows: ``(n,)`` their rows in the run, ascending.
        taxonomy: The K classes.
        fraction: Share of unknown objects expected.
        seed: Of the folds.
        fitted: A transform of these features that is fitted already; its numbers are taken
            where they are those of a power transform with medians.

    Returns:
        None where fewer than four classes have eight objects: too few to leave any out.
    """
    counts = np.bincount(targets, minlength=len(taxonomy))
    usable = np.flatnonzero(counts >= _FEWEST_OBJECTS)
    if len(usable) < _FEWEST_CLASSES or features.shape[1] == 0:
        return None
    rng = np.random.default_rng(seed)
    if len(rows) > _MOST_OBJECTS:
        kept = _thinned(targets, _MOST_OBJECTS, rng)
        features, targets, rows = features[torch.as_tensor(kept)], targets[kept], rows[kept]
    transform = _transform(features, fitted)
    with torch.inference_mode():
        values = transform(features).to(torch.float64).numpy()
    folds = rng.permutation(np.arange(len(rows)) % _FOLDS)

    auroc: dict[str, float] = {}
    scores, unknown, weights = [], [], []
    for turn, k in enumerate(usable):
        own, held = targets == k, folds == turn % _FOLDS
        gaussians = _Gaussians.fitted(values[~own & ~held], targets[~own & ~held])
        left_out, known = gaussians.scores(values[own]), gaussians.scores(values[~own & held])
        both = np.concatenate([left_out, known])
        truth = np.arange(len(both)) < len(left_out)
        auroc[taxonomy.classes[k]] = _auroc(truth, both)
        scores.append(both)
        unknown.append(truth)
        # Each class left out counts alike, and as much as what it is told from.
        weights.append(np.where(truth, 1 / len(left_out), 1 / max(len(known), 1)))
    every = np.concatenate(scores)
    lowest = float(np.quantile(every, 0.001))
    slope, intercept = _logistic(
        softened(torch.as_tensor(every), torch.tensor(lowest)).numpy(),
        np.concatenate(unknown),
        np.concatenate(weights),
    )

    def detector(chosen: NDArray[np.bool_]) -> UnknownDetector:
        gaussians = _Gaussians.fitted(values[chosen], targets[chosen])
        made = UnknownDetector(
            n_features=features.shape[1],
            n_components=gaussians.projection.shape[1],
            n_classes=len(taxonomy),
            n_known=len(gaussians.centres),
            fraction=fraction,
            unseen=np.flatnonzero(counts == 0).tolist(),
        )
        made.features.load_state_dict(transform.state_dict())
        numbers = {
            "projection": gaussians.projection,
            "centres": gaussians.centres,
            "whitening": gaussians.whitening,
            "offsets": gaussians.offsets,
            "lowest": lowest,
            "slope": slope,
            "intercept": intercept,
        }
        for name, number in numbers.items():
            getattr(made, name).copy_(torch.as_tensor(number, dtype=torch.float64))
        return made.eval()

    held_out = np.zeros(len(rows))
    for fold in range(_FOLDS):
        own = folds == fold
        held_out[own] = detector(~own)(features[torch.as_tensor(own)]).numpy()
    return FittedUnknown(detector(np.ones(len(rows), dtype=np.bool_)), rows, held_out, auroc)


@dataclass(frozen=True)
class _Gaussians:
    """A Gaussian for each class of some objects, in the space that separates these classes.

    Attributes:
        projection: ``(F, D)``, onto the space.
        centres: ``(k, D)`` means.
        whitening: ``(k, D, D)``; the square of a whitened difference is a distance.
        offsets: ``(k,)`` what is added to a class's distances.
    """

    projection: FloatArray
    centres: FloatArray
    whitening: FloatArray
    offsets: FloatArray

    @classmethod
    def fitted(cls, values: FloatArray, targets: IntArray) -> _Gaussians:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=_SHRINKAGE)
        analysis.fit(values, targets)
        labels = analysis.classes_
        projection = np.ascontiguousarray(analysis.scalings_[:, : len(labels) - 1])
        places = values @ projection
        centres, whitening, offsets = [], [], []
        for label in labels:
            own = places[targets == label]
            spread = np.eye(own.shape[1])  # as all classes together have it, about
            if len(own) > 1:
                found = np.atleast_2d(np.cov(own.T))
                level = np.trace(found) / len(found)
                spread = (1 - _SHRINKAGE) * found + _SHRINKAGE * max(level, 1e-6) * spread
            share = len(own) / len(values)
            centres.append(own.mean(axis=0))
            whitening.append(np.linalg.inv(np.linalg.cholesky(spread)).T)
            offsets.append(np.linalg.slogdet(spread)[1] - _SHARE_WEIGHT * np.log(share))
        return cls(projection, np.array(centres), np.array(whitening), np.array(offsets))

    def scores(self, values: FloatArray) -> FloatArray:
        """Return the scores ``(n,)`` of normalised features ``(n, F)``."""
        apart = (values @ self.projection)[:, None] - self.centres
        distances = np.square(np.einsum("nkd,kde->nke", apart, self.whitening)).sum(axis=2)
        lowest: FloatArray = (distances + self.offsets).min(axis=1)
        return lowest


def _transform(features: Tensor, fitted: FeatureTransform | None) -> FeatureTransform:
    made = FeatureTransform(features.shape[1], impute="median", clip=4.0)
    if fitted is not None and (fitted.kind, fitted.impute) == ("yeo_johnson", "median"):
        # Columns beyond, such as estimated redshifts, are none of the representation's.
        state = fitted.state_dict()
        made.load_state_dict({name: state[name][: features.shape[1]] for name in made.state_dict()})
    else:
        made.fit(features.cpu().numpy())
    return made


def _thinned(targets: IntArray, wanted: int, rng: np.random.Generator) -> IntArray:
    """Return about `wanted` positions, ascending, of every class its share and 100 at least."""
    kept = []
    for k in np.unique(targets):
        own = np.flatnonzero(targets == k)
        count = min(len(own), max(100, round(wanted * len(own) / len(targets))))
        kept.append(rng.choice(own, count, replace=False))
    found: IntArray = np.sort(np.concatenate(kept))
    return found


def _logistic(
    values: FloatArray, unknown: NDArray[np.bool_], weights: FloatArray
) -> tuple[float, float]:
    """Return slope and intercept of the log-odds at equal shares; 0 where scores tell nothing."""
    from sklearn.linear_model import LogisticRegression

    weights = np.where(unknown, weights / weights[unknown].sum(), weights / weights[~unknown].sum())
    model = LogisticRegression(C=1e4).fit(
        values[:, None], unknown, sample_weight=weights * len(values) / 2
    )
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (0.0, 0.0)


def _auroc(truth: NDArray[np.bool_], scores: FloatArray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, scores)) if truth.any() and not truth.all() else float("nan")
