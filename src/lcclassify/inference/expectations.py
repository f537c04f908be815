"""What is known of objects before they are classified: which shares of them are what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import check_fraction
from lcclassify.inference.decisions import check_unknown, unknown_fraction
from lcclassify.inference.shares import ChangedShares, changed_shares, check_priors, shares_of
from lcclassify.nn.priors import Priors, listed_shares

if TYPE_CHECKING:
    from lcclassify.inference.bundle import Bundle


@dataclass(frozen=True)
class Expectations:
    """What shares are stated of objects; by default those that a bundle's probabilities are for.

    Attributes:
        unknown_fraction: Share of objects of no known class; None for the bundle's.
        priors: Shares of the classes; None for the bundle's.
    """

    unknown_fraction: float | None = None
    priors: Priors | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Expectations:
        """Build from the keys `unknown` and `priors` of a command.

        Raises:
            ConfigError: A value is impossible, or the priors need objects that were classified.
        """
        return cls.stated(unknown_fraction(config["unknown"]), config["priors"])

    @classmethod
    def stated(cls, fraction: float | None, priors: Any) -> Expectations:
        """Build from a share of unknown objects, and a word or shares by class.

        Raises:
            ConfigError: A value is impossible, or the priors need objects that were classified.
        """
        if fraction is not None:
            check_fraction("unknown.fraction", fraction)
        given = None if priors is None else Priors.from_config(priors)
        if given is not None:
            check_priors(given)
        return cls(fraction, given)

    def check(self, document: Mapping[str, Any]) -> None:
        """Refuse what a bundle's document cannot be asked for.

        Raises:
            BundleError: It tells no unknown objects, and a share of them is stated.
        """
        check_unknown(self.unknown_fraction, document["ensemble"].get("unknown") is not None)

    def changes(self, bundle: Bundle) -> tuple[ChangedShares, ChangedShares] | None:
        """Return the change of a bundle's probabilities, and that of its members'.

        None where no shares of classes are stated.

        Raises:
            BundleError: The bundle does not tell what its own are for.
            ConfigError: A stated class is none of the bundle's or has no training objects.
        """
        if self.priors is None:
            return None
        return changed_shares(bundle, self.priors), changed_shares(
            bundle, self.priors, members=True
        )

    def shares(self, bundle: Bundle) -> NDArray[np.float64] | None:
        """Return the shares of the classes, ``(K,)``; None where neither tells them."""
        changes = self.changes(bundle)
        return shares_of(bundle) if changes is None else changes[0].wanted

    def fraction(self, bundle: Bundle) -> float | None:
        """Return the share of unknown objects; None where the bundle tells none."""
        detector = bundle.classifier.unknown
        if detector is None:
            return None
        return detector.fraction if self.unknown_fraction is None else self.unknown_fraction

    def sentences(self, bundle: Bundle) -> list[str]:
        """Return in words what is stated."""
        said = []
        detector, fraction = bundle.classifier.unknown, self.unknown_fraction
        if fraction is not None and detector is not None:
            said.append(
                f"A share of {fraction:g} of unknown objects is expected, instead of the bundle's "
                f"{detector.fraction:g}."
            )
        shares = self.shares(bundle)
        if self.priors is not None and shares is not None:
            listed = listed_shares(shares, bundle.taxonomy)
            said.append(f"Probabilities are for these shares of the classes: {listed}.")
        return said

    def described(self) -> Any:
        """Return the stated shares as plain values; None where there are none."""
        return None if self.priors is None else dict(self.priors.shares) or self.priors.kind
