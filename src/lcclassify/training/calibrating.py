"""How sure a classifier may be, and what shares of the classes it should expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.nn.calibration import Calibration
from lcclassify.nn.priors import LEAST_SHARE, Priors, listed_shares, wanted_shares
from lcclassify.nn.shares import estimate_shares
from lcclassify.schema import Taxonomy
from lcclassify.training.scaling import NONE, ChosenScaling, Scaling, chosen_scaling

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_TRIALS: Final = 20  # mixtures of known shares that estimates are tested on
_MOST_MISSED: Final = 0.5  # by estimates, in units of what the training set's shares miss


@dataclass(frozen=True)
class Calibrated:
    """A calibration and how it came about.

    Attributes:
        calibration: What is applied.
        summary: Plain values for the bundle and the report.
        sentences: The same in words.
        chosen: How probabilities are scaled, and how that was taken; None without
            held-out objects.
    """

    calibration: Calibration
    summary: dict[str, Any]
    sentences: list[str]
    chosen: ChosenScaling | None

    @property
    def is_scaled(self) -> bool:
        """Whether probabilities are changed other than by shares of the classes."""
        return self.chosen is not None and self.chosen.scaling.kind != NONE

    def held_out(self) -> FloatArray | None:
        """Return the probabilities ``(n, K)`` of the held-out rows, each by a scaling blind to it.

        None without held-out objects.
        """
        if self.chosen is None:
            return None
        shares = Calibration(
            1.0, self.calibration.log_ratios.tolist(), self.calibration.unseen.tolist()
        )
        found: FloatArray = shares(torch.as_tensor(self.chosen.out_of_fold)).numpy()
        return found


def recovers(
    probabilities: FloatArray, targets: IntArray, known: FloatArray, wanted: FloatArray, seed: int
) -> tuple[float, float]:
    """Test estimates on mixtures of labelled objects whose shares are known.

    Args:
        probabilities: ``(n, K)`` of held-out objects.
        targets: ``(n,)`` their classes.
        known: ``(K,)`` shares of the training set.
        wanted: ``(K,)`` shares about which the mixtures are.
        seed: Seed of the mixtures.

    Returns:
        Mean over the mixtures of half the sum of the absolute differences from the true
        shares: of the estimated shares, and of the training set's.
    """
    rng = np.random.default_rng(seed)
    present = np.unique(targets)
    rows = {k: np.flatnonzero(targets == k) for k in present}
    errors, before = [], []
    for _ in range(_TRIALS):
        mixed = np.zeros(len(known))
        mixed[present] = rng.dirichlet(20 * wanted[present] + 0.5)
        counts = rng.multinomial(2000, mixed)
        chosen = np.concatenate([rng.choice(rows[k], counts[k]) for k in present])
        true = counts / counts.sum()
        estimate = estimate_shares(probabilities[chosen], known)
        errors.append(np.abs(estimate - true).sum() / 2)
        before.append(np.abs(known - true).sum() / 2)
    return float(np.mean(errors)), float(np.mean(before))


def calibrated(
    priors: Priors,
    taxonomy: Taxonomy,
    known: FloatArray,
    n_training: int,
    held_out: tuple[FloatArray, IntArray] | None,
    unlabelled: FloatArray | None,
    seed: int,
    owners: IntArray | None = None,
) -> Calibrated:
    """Fit the last step of a classifier.

    Args:
        priors: The shares wanted.
        taxonomy: The K classes.
        known: ``(K,)`` shares of the training set.
        n_training: Its objects.
        held_out: ``(n, K)`` probabilities of objects that no network trained on, and their
            classes ``(n,)``; with None nothing is scaled.
        unlabelled: ``(m, K)`` probabilities of the objects to be classified, for estimated
            priors.
        seed: Seed of folds and tests.
        owners: ``(n,)`` the object that a held-out row is a draw of; None for each its own.

    Raises:
        ConfigError: A stated class is none of the taxonomy's, or has no training objects.
    """
    chosen = None
    if held_out is not None:
        owners = np.arange(len(held_out[1])) if owners is None else owners
        chosen = chosen_scaling(*held_out, owners, seed)
    scaling = Scaling() if chosen is None else chosen.scaling
    sentences = [] if chosen is None else [chosen.sentence()]
    shares, kind = wanted_shares(priors, taxonomy, known), priors.kind
    if priors.estimated and unlabelled is not None and len(unlabelled):
        shares = estimate_shares(scaling(unlabelled), known)
        listed = listed_shares(shares, taxonomy)
        if held_out is not None:
            values = scaling(held_out[0])
            left, before = recovers(values, held_out[1], known, shares, seed)
            if left > _MOST_MISSED * before:
                sentences.append(
                    f"The shares estimated from the objects to be classified ({listed}) are not "
                    "used: of held-out mixtures with known shares such estimates miss "
                    f"{left:.3f}, the training set's {before:.3f}."
                )
                shares, kind = known, "training"
            else:
                sentences.append(
                    f"Shares estimated from the objects to be classified: {listed}. Of held-out "
                    f"mixtures such estimates miss {left:.3f}, the training set's {before:.3f}."
                )
        if kind == "halfway":
            shares = _halfway(known, shares)
            sentences.append(
                f"Halfway from the training set's to these: {listed_shares(shares, taxonomy)}."
            )
    elif priors.estimated:
        sentences.append("Shares cannot be estimated: there are no objects to be classified.")
        kind = "training"
    ratios = np.zeros(len(known))
    present = known > 0
    ratios[present] = np.log(np.maximum(shares[present], LEAST_SHARE) / known[present])
    summary = {
        "scaling": None if chosen is None else chosen.summary(),
        "temperature": scaling.temperature,
        "priors": kind,
        "shares": dict(zip(taxonomy.classes, shares.tolist(), strict=True)),
    }
    unseen = unseen_shares(priors, taxonomy, known, n_training)
    return Calibrated(
        Calibration(
            scaling.temperature,
            ratios.tolist(),
            unseen.tolist(),
            scales=None if scaling.scales is None else scaling.scales.tolist(),
            biases=None if scaling.biases is None else scaling.biases.tolist(),
        ),
        summary,
        sentences,
        chosen,
    )


def unseen_shares(
    priors: Priors, taxonomy: Taxonomy, known: FloatArray, n_training: int
) -> FloatArray:
    """Return shares ``(K,)`` of classes without training objects, 0 of the others.

    By Laplace's rule of succession n objects, none of them of a class, leave it a share of
    1 / (n + K): no less may be said of what was not seen. A stated share of 0 is kept.

    Args:
        priors: The shares wanted.
        taxonomy: The K classes.
        known: ``(K,)`` shares of the training set.
        n_training: Its objects.
    """
    stated = np.array([label in priors.shares for label in taxonomy.classes])
    return np.where((known > 0) | stated, 0.0, 1 / (n_training + len(known)))


def _halfway(known: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the geometric mean of shares, which halves what a class's odds are changed by."""
    mean = np.sqrt(known * shares)
    found: FloatArray = mean / mean.sum()
    return found
