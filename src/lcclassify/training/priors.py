"""Shares of the classes that probabilities are for, other than those of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lcclassify.checks import require_share
from lcclassify.errors import ConfigError, did_you_mean

WORDS: Final = ("training", "flat", "estimated", "halfway")


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
            shares = {str(label): share for label, share in value.items()}
            for label, share in shares.items():
                require_share(**{f"priors.{label}": share})
            if not shares or sum(shares.values()) > 1 + 1e-6:
                raise ConfigError("priors must be shares of at least one class, at most 1 in all")
            return cls("stated", shares)
        if value not in WORDS:
            raise ConfigError(
                f"priors is '{value}': {did_you_mean(str(value), WORDS)}, or {{class: share}}"
            )
        return cls(str(value))
