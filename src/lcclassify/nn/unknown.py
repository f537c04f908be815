"""How unlike all that was trained on an object is, and how probably it is of no known class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from lcclassify.checks import check_fraction, check_whole
from lcclassify.errors import ConfigError
from lcclassify.nn.space import FeatureSpace
from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import InputSizes, PlainConfig

# Added to a score before its logarithm: differences among ordinary objects mean little.
SOFTENING: Final = 10.0
# The least that trees say of an object whose light curve and redshift go together: how well they
# do is no evidence for a known class, stars of any kind being at redshift 0.
LEAST_MISMATCH: Final = -1.0


class UnknownDetector(FeatureSpace):
    """A Gaussian for each class in the space that separates the classes best.

    An object's score is its smallest squared distance
    to a class, in units of that class's spread, each class's counting for the more the rarer
    it is: a rare class excuses what lies about it less than a frequent one does. Where objects
    have redshifts, trees say how much an object looks like a training object that was given
    the redshift of another. A logistic regression turns both into a likelihood ratio, and a
    stated share of unknown objects that into a probability.

    Args:
        n_features: F, the features that it reads, the first of a batch's.
        n_components: D, of the space.
        n_classes: K, all that the classifier knows of.
        n_known: Classes that had training objects, each with a Gaussian.
        fraction: Share of unknown objects expected, between 0 and 1.
        unseen: The classes without training objects, which the probability is dealt out to;
            where there are none, it stands beside those of the classes.
        mismatch: The shape of trees that tell light curves with another object's redshift, as
            `BoostedTrees.config` gives it; None for none.

    Raises:
        ConfigError: A value is impossible.

    References:
        Lee et al. 2018, arXiv:1807.03888 (distances to classes); Gupta et al. 2024,
        arXiv:2403.14742 (one detector a class for transients).
    """

    centres: Tensor
    whitening: Tensor
    offsets: Tensor
    lowest: Tensor
    slope: Tensor
    intercept: Tensor
    mismatch_slope: Tensor

    def __init__(
        self,
        *,
        n_features: int,
        n_components: int,
        n_classes: int,
        n_known: int,
        fraction: float,
        unseen: list[int],
        mismatch: PlainConfig | None = None,
    ) -> None:
        super().__init__(n_features, n_components)
        check_whole("n_known", n_known, 1)
        if any(isinstance(k, bool) or k not in range(n_classes) for k in unseen):
            raise ConfigError(f"unseen must be numbers of classes below {n_classes}, got {unseen}")
        self.n_classes = n_classes
        self.fraction = check_fraction("unknown.fraction", fraction)
        self.unseen = [int(k) for k in unseen]
        shapes = {
            "centres": (n_known, n_components),
            "whitening": (n_known, n_components, n_components),
            "offsets": (n_known,),
            "lowest": (),
            "slope": (),
            "intercept": (),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.mismatch: BoostedTrees | None = None
        if mismatch is not None:
            if not isinstance(mismatch, Mapping):
                raise ConfigError(f"mismatch must be the shape of trees, got {mismatch!r}")
            numbers = {key: value for key, value in mismatch.items() if key != "_target_"}
            self.mismatch = BoostedTrees(InputSizes(n_features, 0, 0, 1, 1), **numbers)
            self.register_buffer("mismatch_slope", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def score(self, features: Tensor) -> Tensor:
        """Return how unlike every class raw features ``(N, >= F)`` are, ``(N,) float64``."""
        apart = self.components(features)[:, None] - self.centres
        distances = torch.einsum("nkd,kde->nke", apart, self.whitening).square().sum(2)
        return (distances + self.offsets).min(dim=1).values

    @torch.no_grad()
    def log_ratio(self, features: Tensor) -> Tensor:
        """Return the logarithm of the likelihood ratio of unknown to known, ``(N,)``."""
        score = self.score(features)
        ratio: Tensor = self.intercept + self.slope * softened(score, self.lowest)
        if self.mismatch is None:
            return ratio
        return ratio + self.mismatch_slope * mismatch(self.mismatch, features)

    @torch.no_grad()
    def forward(self, features: Tensor, fraction: float | None = None) -> Tensor:
        """Return the probability of no known class, ``(N,) float64``, of raw features.

        Args:
            features: ``(N, >= F)``.
            fraction: Share of unknown objects expected; None for the detector's own.
        """
        expected = self.fraction if fraction is None else fraction
        odds = math.log(expected) - math.log1p(-expected)
        return torch.sigmoid(self.log_ratio(features) + odds)

    def shared_out(self, probabilities: Tensor, unknown: Tensor) -> Tensor:
        """Return probabilities ``(N, K)`` in which classes without training objects have theirs.

        Args:
            probabilities: ``(N, K)``, given that an object is of a known class.
            unknown: ``(N,)`` what `forward` gave.
        """
        if not self.unseen:
            return probabilities
        shares = torch.zeros_like(probabilities[0])
        shares[self.unseen] = 1 / len(self.unseen)
        known = probabilities * (shares == 0)
        known = known / known.sum(1, keepdim=True)
        return known * (1 - unknown)[:, None] + unknown[:, None] * shares

    def config(self) -> PlainConfig:
        """Return the arguments from which its shape is built again."""
        return {
            "n_features": self.n_features,
            "n_components": self.projection.shape[1],
            "n_classes": self.n_classes,
            "n_known": len(self.centres),
            "fraction": self.fraction,
            "unseen": self.unseen,
            "mismatch": None if self.mismatch is None else self.mismatch.config(),
        }


def softened(score: Tensor, lowest: Tensor) -> Tensor:
    """Return what the logistic regression is linear in, of scores ``(N,)``."""
    return ((score - lowest).clamp(min=0.0) + SOFTENING).log()


def mismatch(trees: BoostedTrees, features: Tensor) -> Tensor:
    """Return how little light curve and redshift go together, ``(N,)``, of ``(N, >= F)``."""
    return trees.sums(features[:, : trees.n_features])[:, 0].clamp(min=LEAST_MISMATCH)
