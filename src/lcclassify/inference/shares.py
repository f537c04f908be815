"""Probabilities for other shares of the classes than those that a bundle's are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import BundleError, ConfigError
from lcclassify.nn.priors import LEAST_SHARE, Priors, wanted_shares

if TYPE_CHECKING:
    from lcclassify.inference.bundle import Bundle

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChangedShares:
    """From the shares of the classes that probabilities are for to others.

    A class's probability changes by the ratio of its shares, and all are divided by their sum;
    what an object has for classes without training objects stays as it is.

    Attributes:
        before: ``(K,)`` shares, above 0 but of classes without training objects.
        wanted: ``(K,)`` the others, likewise.

    References:
        Saerens, Latinne & Decaestecker 2002, Neural Computation 14, 21.
    """

    before: FloatArray
    wanted: FloatArray

    @property
    def ratios(self) -> FloatArray:
        """How much more frequent each class is than before, ``(K,)``; 1 of those without any."""
        ratios = np.ones(len(self.before))
        seen = self.before > 0
        ratios[seen] = self.wanted[seen] / self.before[seen]
        return ratios

    def changed(self, probabilities: FloatArray) -> FloatArray:
        """Return probabilities ``(..., K)`` for the wanted shares; NaN stays NaN."""
        return self._times(probabilities, self.ratios)

    def undone(self, probabilities: FloatArray) -> FloatArray:
        """Return what `changed` was given."""
        return self._times(probabilities, 1 / self.ratios)

    def _times(self, probabilities: FloatArray, ratios: FloatArray) -> FloatArray:
        seen = self.before > 0
        moved = probabilities * ratios
        total = moved[..., seen].sum(axis=-1, keepdims=True)
        own = probabilities[..., seen].sum(axis=-1, keepdims=True)
        # Where nothing is left of the classes with objects there is nothing to change.
        moved[..., seen] *= np.divide(own, total, out=np.ones_like(total), where=total != 0)
        return moved


def shares_of(bundle: Bundle) -> FloatArray | None:
    """Return the shares that a bundle's probabilities are for, ``(K,)``, if it tells them."""
    stated = bundle.provenance.get("calibration") or {}
    shares = _by_class(stated.get("shares"), bundle.taxonomy.classes)
    return _trained_with(bundle) if shares is None else shares


def changed_shares(bundle: Bundle, priors: Priors, *, members: bool = False) -> ChangedShares:
    """Return the change from a bundle's shares to others.

    Args:
        bundle: The bundle.
        priors: The shares wanted.
        members: Whether it is of the members' probabilities, which are for the shares of the
            training objects whatever the last step of the ensemble made of them.

    Raises:
        BundleError: The bundle does not tell its own.
        ConfigError: The priors are of objects yet to be classified, or a stated class is none
            of the bundle's or has no training objects.
    """
    check_priors(priors)
    trained = _trained_with(bundle)
    before = trained if members else shares_of(bundle)
    if before is None or trained is None:
        raise BundleError(
            "priors needs a bundle that tells how many training objects of each class there "
            "were, and this one does not: leave priors out"
        )
    # A share of 0 that was stated, in training or now, is only a small one.
    least = np.where(trained > 0, LEAST_SHARE, 0.0)
    wanted = wanted_shares(priors, bundle.taxonomy, trained)
    return ChangedShares(np.maximum(before, least), np.maximum(wanted, least))


def check_priors(priors: Priors) -> None:
    """Refuse priors that need the objects before they are classified.

    Raises:
        ConfigError: They do.
    """
    if priors.estimated:
        raise ConfigError(
            f"priors={priors.kind} is for train.py; here shares are training, flat or stated, as "
            "in 'priors={Ia: 0.2}'. Estimates from objects that were classified stand in the "
            "manifest (shift.estimated_shares)"
        )


def _trained_with(bundle: Bundle) -> FloatArray | None:
    return _by_class(bundle.provenance.get("class_counts"), bundle.taxonomy.classes)


def _by_class(shares: Any, classes: tuple[str, ...]) -> FloatArray | None:
    if not isinstance(shares, Mapping):
        return None
    found = np.array([float(shares.get(label, 0)) for label in classes])
    return found / found.sum() if found.sum() > 0 else None
