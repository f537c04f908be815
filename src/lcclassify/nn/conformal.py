"""Sets of classes that hold the true one with a stated probability, whatever the classifier is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lcclassify.checks import check_choice, check_whole, is_number
from lcclassify.errors import ConfigError
from lcclassify.schema import SETS_BY, PlainConfig


class PredictionSets(nn.Module):
    """What a classifier gave the true class of objects that it had not learned from.

    A class is in the set of an object whose probability of it is at least a threshold: the
    quantile of these probabilities such that a share `level` of the objects lies above, of
    each class by itself (``class``) or of all together (``all``). Probabilities here are those
    given that an object is of a class with training objects. A set may be empty: nothing that
    the object could be is as probable as it mostly is of objects of that class.

    Args:
        n_objects: n.
        n_classes: K.

    Raises:
        ConfigError: A number is impossible.

    References:
        Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World" (label-conditional
        conformal prediction); Sadinle, Lei & Wasserman 2019, JASA 114, 223 (smallest sets).
    """

    given: Tensor
    targets: Tensor
    weights: Tensor

    def __init__(self, n_objects: int, n_classes: int) -> None:
        super().__init__()
        for name, number in (("n_objects", n_objects), ("n_classes", n_classes)):
            check_whole(name, number, 1)
        self.n_classes = n_classes
        self.register_buffer("given", torch.zeros(n_objects, dtype=torch.float64))
        self.register_buffer("targets", torch.zeros(n_objects, dtype=torch.int32))
        self.register_buffer("weights", torch.ones(n_objects, dtype=torch.float64))

    @classmethod
    def fitted(
        cls, probabilities: Tensor, targets: Tensor, class_weights: Sequence[float]
    ) -> PredictionSets:
        """Return what is remembered of held-out objects.

        Args:
            probabilities: ``(n, K)``.
            targets: ``(n,)``.
            class_weights: ``(K,)`` how much more frequent a class is among the objects to be
                classified than among these.
        """
        made = cls(len(targets), probabilities.shape[1])
        own = probabilities.to(torch.float64).gather(1, targets.to(torch.int64)[:, None])[:, 0]
        made.given.copy_(own)
        made.targets.copy_(targets)
        weights = torch.as_tensor(list(class_weights), dtype=torch.float64)
        made.weights.copy_(weights[targets.to(torch.int64)])
        return made

    def thresholds(
        self, level: float, by: str = "class", class_weights: Sequence[float] | None = None
    ) -> Tensor:
        """Return the least probability of each class in a set, ``(K,) float64``.

        Of a class with too few objects for the level it is that of all together: nothing can
        be promised of the class by itself, and to have it in every set would help nobody. With too
        few objects in all it is 0. Infinite of a class without any: nothing is known of it, and it
        is in no set.

        Args:
            level: As in `sets`.
            by: As in `sets`.
            class_weights: As in `sets`.

        Raises:
            ConfigError: The level is not between 0 and 1, or `by` none of `SETS_BY`.
        """
        check_level(level)
        check_choice("sets_by", by, SETS_BY)
        found = torch.full((self.n_classes,), torch.inf, dtype=torch.float64)
        targets = self.targets.to(torch.int64)
        weights = self.weights
        if class_weights is not None:
            weights = weights * torch.as_tensor(list(class_weights), dtype=torch.float64)[targets]
        of_all = _threshold(self.given, weights, level) or 0.0
        for k in sorted(set(targets.tolist())):
            own = targets == k
            alone = _threshold(self.given[own], weights[own], level) if by == "class" else None
            found[k] = of_all if alone is None else alone
        return found

    def sets(
        self,
        probabilities: Tensor,
        level: float,
        by: str = "class",
        class_weights: Sequence[float] | None = None,
    ) -> Tensor:
        """Return which classes are in the sets of objects, ``(N, K) bool``.

        Args:
            probabilities: ``(N, K)``; those of classes without training objects are left out
                and the others divided by their sum.
            level: Probability that the set holds the true class.
            by: ``class``: of each class; ``all``: of all objects together.
            class_weights: ``(K,)`` how much more frequent a class is among these objects than it
                was taken to be; None for no more.
        """
        return self.known(probabilities) >= self.thresholds(level, by, class_weights)

    def known(self, probabilities: Tensor) -> Tensor:
        """Return probabilities ``(N, K)`` given that an object is of a class with objects."""
        present = torch.bincount(self.targets, minlength=self.n_classes) > 0
        known = probabilities.to(torch.float64) * present
        return known / known.sum(1, keepdim=True)

    def config(self) -> PlainConfig:
        """Return the arguments from which its shape is built again."""
        return {"n_objects": len(self.given), "n_classes": self.n_classes}


def check_level(level: object) -> float:
    """Return a probability that sets are to hold the true class with.

    Raises:
        ConfigError: It is not a number between 0 and 1, both excluded.
    """
    if not is_number(level) or not 0 < level < 1:
        raise ConfigError(f"sets must be a number between 0 and 1, such as 0.9, got {level!r}")
    return float(level)


def _threshold(given: Tensor, weights: Tensor, level: float) -> float | None:
    """Return the weighted quantile, the object to be classified counted as one more.

    None where even all objects are too few to leave any out.
    """
    order = given.argsort()
    mass = weights[order].cumsum(0)
    # The new object's own weight is unknown: the mean one.
    allowed = (1 - level) * (float(mass[-1]) + float(weights.mean()))
    # Of n + 1 objects as many lie below the k-th lowest as k - 1, whichever is the new one.
    number = int((mass <= allowed * (1 + 1e-12)).sum())
    return float(given[order][number - 1]) if number else None
