"""How sure a classifier may be, and what shares of the classes it should expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.nn.calibration import Calibration
from lcclassify.nn.shares import estimate_shares
from lcclassify.schema import Taxonomy
from lcclassify.training.priors import Priors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FLOOR: Final = 1e-30
_TRIALS: Final = 20  # mixtures of known shares that estimates are tested on
_MOST_MISSED: Final = 0.5  # by estimates, in units of what the training set's shares miss


@dataclass(frozen=True)
class Calibrated:
    """A calibration and how it came about.

    Attributes:
        calibration: What is applied.
        summary: Plain values for the bundle and the report.
        sentences: The same in words.
    """

    calibration: Calibration
    summary: dict[str, Any]
    sentences: list[str]


def fit_temperature(probabilities: FloatArray, targets: IntArray) -> float:
    """Return the temperature with the least log-loss.

    Args:
        probabilities: ``(n, K)`` of objects that nothing was trained on.
        targets: ``(n,)`` their classes.
    """
    logits = np.log(np.maximum(probabilities, _FLOOR))
    own = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[own, targets].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.3), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def tempered(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Return probabilities at a temperature, ``(n, K)``."""
    found: FloatArray = softmax(np.log(np.maximum(probabilities, _FLOOR)) / temperature, axis=1)
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
    present = np.flatnonzero(np.bincount(targets, minlength=len(known)) > 0)
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


def wanted_shares(priors: Priors, taxonomy: Taxonomy, known: FloatArray) -> FloatArray:
    """Return the shares ``(K,)`` that are wanted, where no object need be looked at for them.

    Estimated priors give the training set's, which estimates begin with.

    Args:
        priors: The shares wanted.
        taxonomy: The K classes.
        known: ``(K,)`` shares of the training set.

    Raises:
        ConfigError: A stated class is none of the taxonomy's, or has no training objects.
    """
    if priors.kind == "flat":
        flat: FloatArray = (known > 0) / (known > 0).sum()
        return flat
    return _stated(priors.shares, taxonomy, known) if priors.kind == "stated" else known


def calibrated(
    priors: Priors,
    taxonomy: Taxonomy,
    known: FloatArray,
    n_training: int,
    held_out: tuple[FloatArray, IntArray] | None,
    unlabelled: FloatArray | None,
    seed: int,
) -> Calibrated:
    """Fit the last step of a classifier.

    Args:
        priors: The shares wanted.
        taxonomy: The K classes.
        known: ``(K,)`` shares of the training set.
        n_training: Its objects.
        held_out: ``(n, K)`` probabilities of objects that no network trained on, and their
            classes ``(n,)``; None leaves the temperature at 1.
        unlabelled: ``(m, K)`` probabilities of the objects to be classified, for estimated
            priors.
        seed: Seed of tests.

    Raises:
        ConfigError: A stated class is none of the taxonomy's, or has no training objects.
    """
    temperature, sentences = 1.0, []
    if held_out is not None:
        temperature = fit_temperature(*held_out)
        sentences.append(f"The temperature is {temperature:.3f}, from held-out objects.")
    shares, kind = wanted_shares(priors, taxonomy, known), priors.kind
    if priors.estimated and unlabelled is not None and len(unlabelled):
        shares = estimate_shares(tempered(unlabelled, temperature), known)
        listed = _listed(shares, taxonomy)
        if held_out is not None:
            values = tempered(held_out[0], temperature)
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
                f"Halfway from the training set's to these: {_listed(shares, taxonomy)}."
            )
    elif priors.estimated:
        sentences.append("Shares cannot be estimated: there are no objects to be classified.")
        kind = "training"
    ratios = np.zeros(len(known))
    present = known > 0
    ratios[present] = np.log(np.maximum(shares[present], 1e-6) / known[present])
    summary = {
        "temperature": temperature,
        "priors": kind,
        "shares": dict(zip(taxonomy.classes, shares.tolist(), strict=True)),
    }
    unseen = unseen_shares(priors, taxonomy, known, n_training)
    return Calibrated(
        Calibration(temperature, ratios.tolist(), unseen.tolist()), summary, sentences
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


def _stated(stated: Mapping[str, float], taxonomy: Taxonomy, known: FloatArray) -> FloatArray:
    shares = np.full(len(known), np.nan)
    for label, share in stated.items():
        if label not in taxonomy.classes:
            raise ConfigError(
                f"priors names the class '{label}': {did_you_mean(label, taxonomy.classes)}"
            )
        place = taxonomy.classes.index(label)
        if known[place] == 0 and share > 0:
            raise ConfigError(f"priors.{label} is above 0, and no training object is of it")
        shares[place] = share
    rest = np.isnan(shares)
    left = 1 - np.nansum(shares)
    if known[rest].sum() > 0:
        shares[rest] = left * known[rest] / known[rest].sum()
    elif left > 1e-6:
        raise ConfigError(f"priors are of all classes and add up to {1 - left:g} instead of 1")
    found: FloatArray = np.nan_to_num(shares)
    return found


def _listed(shares: FloatArray, taxonomy: Taxonomy) -> str:
    named = zip(taxonomy.display_names(), shares, strict=True)
    return ", ".join(f"{name} {share:.3f}" for name, share in named if share >= 0.0005)
