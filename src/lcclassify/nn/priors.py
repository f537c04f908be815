"""Shares of the classes that probabilities are for, other than those of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_share
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import Taxonomy

FloatArray = NDArray[np.float64]

WORDS: Final = ("training", "flat", "estimated", "halfway")
LEAST_SHARE: Final = 1e-6  # of a class with training objects, so that no change is final


@dataclass(frozen=True)
class Priors:
    """What classes are to be expected.

    Attributes:
        kind: ``training``: as in the training set; ``flat``: all that it has alike;
            ``estimated``: as what the objects to be classified look like; ``halfway``: the
            geometric mean of these and those of the training set; ``stated``.
        shares: Stated shares by class; those of classes not named are in the proportions of
            the training set.
    """

    kind: str = "training"
    shares: Mapping[str, float] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.kind, frozenset(self.shares.items())))

    @property
    def estimated(self) -> bool:
        """Whether they come from the objects to be classified."""
        return self.kind in ("estimated", "halfway")

    @classmethod
    def from_config(cls, value: Any) -> Priors:
        """Build from a word or a mapping of shares.

        Raises:
            ConfigError: It is neither, or the shares are impossible.
        """
        if isinstance(value, Mapping):
            shares = {_label(label): share for label, share in value.items()}
            for label, share in shares.items():
                require_share(**{f"priors.{label}": share})
            if not shares or sum(shares.values()) > 1 + 1e-6:
                raise ConfigError("priors must be shares of at least one class, at most 1 in all")
            return cls("stated", shares)
        if not isinstance(value, str) or value not in WORDS:
            plain = value is None or np.isscalar(value)
            word = str(value) if plain else type(value).__name__
            raise ConfigError(
                f"priors is '{word}': {did_you_mean(word, WORDS)}, or {{class: share}}"
            )
        return cls(str(value))


def _label(key: object) -> str:
    """Return a key of priors as the label that it stands for."""
    if key is None or isinstance(key, bool):  # YAML's no or null
        raise ConfigError(f"a key of priors must be a class, got {key!r}: quotes make a text of it")
    return str(key).strip()


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


def listed_shares(shares: FloatArray, taxonomy: Taxonomy) -> str:
    """Return shares in words, but for those of next to nothing."""
    named = zip(taxonomy.display_names(), shares, strict=True)
    return ", ".join(f"{name} {share:.3f}" for name, share in named if share >= 0.0005)


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
