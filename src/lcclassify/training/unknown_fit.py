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
from lcclassify.nn.trees import BoostedTrees
from lcclassify.nn.unknown import UnknownDetector, mismatch, softened
from lcclassify.schema import Taxonomy
from lcclassify.training.class_gaussians import ClassGaussians
from lcclassify.training.mismatch import FEWEST, Mismatched, MismatchGrower

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FEWEST_CLASSES: Final = 4  # of which three are left to span a plane when one is left out
_FEWEST_OBJECTS: Final = 8  # of a class that is left out
_MOST_OBJECTS: Final = 20_000  # read; more make the Gaussians no better
_FOLDS: Final = 5


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


def can_leave_classes_out(targets: IntArray) -> bool:
    """Tell whether objects of the classes ``(n,)`` are of enough classes to leave any out."""
    return int((np.bincount(targets) >= _FEWEST_OBJECTS).sum()) >= _FEWEST_CLASSES


def fit_unknown(
    features: Tensor,
    targets: IntArray,
    rows: IntArray,
    taxonomy: Taxonomy,
    fraction: float,
    seed: int,
    fitted: FeatureTransform | None = None,
    mismatched: Mismatched | None = None,
) -> FittedUnknown | None:
    """Fit a detector on training objects.

    Args:
        features: ``(n, F)`` raw features of the training objects, NaN where undefined.
        targets: ``(n,)`` their classes.
        rows: ``(n,)`` their rows in the run, ascending.
        taxonomy: The K classes.
        fraction: Share of unknown objects expected.
        seed: Of the folds and trees.
        fitted: A transform of these features that is fitted already; its numbers are taken
            where they are those of a power transform with medians.
        mismatched: Some of them with the redshifts of others, or None; too few are not used.

    Returns:
        None where fewer than four classes have eight objects: too few to leave any out.
    """
    counts = np.bincount(targets, minlength=len(taxonomy))
    if not can_leave_classes_out(targets) or features.shape[1] == 0:
        return None
    usable = np.flatnonzero(counts >= _FEWEST_OBJECTS)
    rng = np.random.default_rng(seed)
    if len(rows) > _MOST_OBJECTS:
        kept = _thinned(targets, _MOST_OBJECTS, rng)
        if mismatched is not None:  # they are few, and told from objects as they are
            kept = np.union1d(kept, np.flatnonzero(np.isin(rows, mismatched.owners)))
        features, targets, rows = features[torch.as_tensor(kept)], targets[kept], rows[kept]
    transform = _transform(features, fitted)
    with torch.inference_mode():
        values = transform(features).to(torch.float64).numpy()
    if mismatched is not None and not _are_enough(mismatched, targets, rows, usable):
        mismatched = None
    raw, grower = features.numpy(), None
    if mismatched is not None:
        grower = MismatchGrower(raw, mismatched.features, seed)
    sample = _Sample(raw, values, targets, rows, mismatched, grower)
    folds = rng.permutation(np.arange(len(rows)) % _FOLDS)

    found, unknown, groups = [], [], []
    for turn, k in enumerate(usable):
        own, held = targets == k, folds == turn % _FOLDS
        evidence = sample.fitted(~own & ~held)
        chosen = np.concatenate([np.flatnonzero(own), np.flatnonzero(~own & held)])
        found.append(evidence.of(sample, chosen))
        unknown.append(np.arange(len(chosen)) < own.sum())
        groups.append(np.full(len(chosen), k))
    truth, group, scores = np.concatenate(unknown), np.concatenate(groups), np.concatenate(found)
    lowest = float(np.quantile(scores[:, 0], 0.001))
    scores[:, 0] = softened(torch.as_tensor(scores[:, 0]), torch.tensor(lowest)).numpy()
    slopes, intercept = _logistic(scores, truth, _alike(truth, group))
    log_odds = scores @ slopes
    auroc = {taxonomy.classes[k]: _auroc(truth[group == k], log_odds[group == k]) for k in usable}

    def detector(chosen: NDArray[np.bool_]) -> UnknownDetector:
        evidence = sample.fitted(chosen)
        gaussians, trees = evidence.gaussians, evidence.trees
        made = UnknownDetector(
            n_features=features.shape[1],
            n_components=gaussians.projection.shape[1],
            n_classes=len(taxonomy),
            n_known=len(gaussians.centres),
            fraction=fraction,
            unseen=np.flatnonzero(counts == 0).tolist(),
            mismatch=None if trees is None else trees.config(),
        )
        made.features.load_state_dict(transform.state_dict())
        numbers = {
            "projection": gaussians.projection,
            "centres": gaussians.centres,
            "whitening": gaussians.whitening,
            "offsets": gaussians.offsets,
            "lowest": lowest,
            "slope": slopes[0],
            "intercept": intercept,
        }
        if made.mismatch is not None and trees is not None:
            made.mismatch.load_state_dict(trees.state_dict())
            numbers["mismatch_slope"] = slopes[1]
        for name, number in numbers.items():
            getattr(made, name).copy_(torch.as_tensor(number, dtype=torch.float64))
        return made.eval()

    held_out = np.zeros(len(rows))
    for fold in range(_FOLDS):
        own = folds == fold
        held_out[own] = detector(~own)(features[torch.as_tensor(own)]).numpy()
    return FittedUnknown(detector(np.ones(len(rows), dtype=np.bool_)), rows, held_out, auroc)


def _are_enough(
    mismatched: Mismatched, targets: IntArray, rows: IntArray, usable: IntArray
) -> bool:
    """Tell whether enough mismatched objects are there whichever class is left out."""
    classes = targets[np.searchsorted(rows, mismatched.owners)]
    return min(int((classes != k).sum()) for k in usable) >= FEWEST


@dataclass(frozen=True)
class _Sample:
    """Training objects, `features` as they are and `values` normalised, and mismatched ones."""

    features: FloatArray
    values: FloatArray
    targets: IntArray
    rows: IntArray
    mismatched: Mismatched | None
    grower: MismatchGrower | None

    def fitted(self, chosen: NDArray[np.bool_]) -> _Evidence:
        """Fit to the chosen ``(n,)`` objects, and mismatched ones with their light curves."""
        gaussians = ClassGaussians.fitted(self.values[chosen], self.targets[chosen])
        if self.mismatched is None or self.grower is None:
            return _Evidence(gaussians, None)
        own = np.isin(self.mismatched.owners, self.rows[chosen])
        return _Evidence(gaussians, self.grower.grow(np.concatenate([chosen, own])))


@dataclass(frozen=True)
class _Evidence:
    """What tells that an object is unlike known ones."""

    gaussians: ClassGaussians
    trees: BoostedTrees | None

    def of(self, sample: _Sample, chosen: IntArray) -> FloatArray:
        """Return the scores ``(m, 1 or 2)`` of the chosen ``(m,)`` objects of a sample."""
        scores = [self.gaussians.scores(sample.values[chosen])]
        if self.trees is not None:
            scores.append(mismatch(self.trees, torch.as_tensor(sample.features[chosen])).numpy())
        return np.stack(scores, axis=1)


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


def _alike(unknown: NDArray[np.bool_], group: IntArray) -> FloatArray:
    """Return weights: each class left out counts alike, and as much as what it is told from."""
    weights = np.zeros(len(group))
    for k in np.unique(group):
        for chosen in ((group == k) & unknown, (group == k) & ~unknown):
            weights[chosen] = 1 / max(chosen.sum(), 1)
    return weights


def _logistic(
    scores: FloatArray, unknown: NDArray[np.bool_], weights: FloatArray
) -> tuple[FloatArray, float]:
    """Return slopes of scores ``(m, S)`` and intercept of the log-odds at equal shares.

    A score that would tell the contrary of what it stands for is left out, with a slope of 0.
    """
    from sklearn.linear_model import LogisticRegression

    weights = np.where(unknown, weights / weights[unknown].sum(), weights / weights[~unknown].sum())
    slopes, used = np.zeros(scores.shape[1]), np.arange(scores.shape[1])
    while len(used):
        model = LogisticRegression(C=1e4).fit(
            scores[:, used], unknown, sample_weight=weights * len(scores) / 2
        )
        if (model.coef_[0] > 0).all():
            slopes[used] = model.coef_[0]
            return slopes, float(model.intercept_[0])
        used = np.delete(used, model.coef_[0].argmin())
    return slopes, 0.0


def _auroc(truth: NDArray[np.bool_], scores: FloatArray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, scores)) if truth.any() and not truth.all() else float("nan")
