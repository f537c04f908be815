"""Losses over logits; what the data decide is handed over at construction.

All are built as ``Loss(n_classes, *, class_counts, metric_weights, class_weights,
label_smoothing, ...)`` (`lcclassify.nn.build.build_loss`). A loss is the mean over
the batch of an object's loss times the weight of its class; it is not divided by
the batch's sum of weights, so that no object counts more for its neighbours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lcclassify.checks import check_below_one, check_not_negative
from lcclassify.errors import ConfigError

ClassWeights = str | Sequence[float] | None


class ClassificationLoss(nn.Module, ABC):
    """Base of the losses: class weights, label smoothing, mean over the batch.

    Args:
        n_classes: K, at least 2.
        class_counts: Training objects of each class; needed by ``balanced``.
        metric_weights: Weight of each class in the weighted log-loss.
        class_weights: None for equal ones; ``balanced`` for N / (K' n_j), which
            has the mean 1 over the training objects, K' being the classes that
            have any (a class without any has the weight 0); or one number a class.
        label_smoothing: e; the target becomes (1 - e) times one-hot plus e / K.

    Raises:
        ConfigError: A value is invalid, or needed and missing.
    """

    needs_class_counts: ClassVar[bool] = False
    weight: Tensor

    def __init__(
        self,
        n_classes: int,
        *,
        class_counts: Sequence[int] | None = None,
        metric_weights: Sequence[float] | None = None,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        if n_classes < 2:
            raise ConfigError(f"a loss needs at least two classes, got n_classes={n_classes}")
        self.n_classes = n_classes
        self.label_smoothing = check_below_one("label_smoothing", label_smoothing)
        counts = None if class_counts is None else self._vector("class_counts", class_counts)
        if counts is None and (self.needs_class_counts or class_weights == "balanced"):
            what = type(self).__name__ if self.needs_class_counts else "class_weights 'balanced'"
            raise ConfigError(f"{what} needs class_counts, got None")
        metric = torch.ones(n_classes, dtype=torch.float64)
        if metric_weights is not None:
            metric = self._vector("metric_weights", metric_weights)
        weight = self._class_weights(class_weights, counts)
        if self.needs_class_counts and counts is not None:
            weight = weight * _metric_class_weights(counts, metric)
        self.register_buffer("weight", weight.to(torch.float32), persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss.

        Args:
            logits: ``(N, K)``; halves are computed with in float32.
            targets: ``(N,) int64``, each from 0 to K - 1.

        Returns:
            Scalar float32, finite with finite gradients for any finite logits.
        """
        return self.weighted(logits, targets).mean()

    def weighted(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each object times the weight of its class, ``(N,)``.

        Args:
            logits: ``(N, K)``; halves are computed with in float32.
            targets: ``(N,) int64``, each from 0 to K - 1.
        """
        if not logits.dtype.is_floating_point or logits.dtype.itemsize < 4:
            logits = logits.float()
        expected = torch.nn.functional.one_hot(targets, self.n_classes).to(logits.dtype)
        expected = expected * (1 - self.label_smoothing) + self.label_smoothing / self.n_classes
        return self.weight[targets] * self.per_object(logits, expected)

    @abstractmethod
    def per_object(self, logits: Tensor, expected: Tensor) -> Tensor:
        """Return the unweighted loss of each object.

        Args:
            logits: ``(N, K)``.
            expected: ``(N, K)``, the smoothed one-hot targets.

        Returns:
            ``(N,)``.
        """

    def _vector(self, key: str, values: Sequence[float]) -> Tensor:
        numbers = np.asarray(values)
        if numbers.shape != (self.n_classes,) or numbers.dtype.kind not in "iuf":
            raise ConfigError(f"{key} must hold {self.n_classes} numbers, got {values!r}")
        for value in numbers.tolist():
            check_not_negative(key, value)
        return torch.from_numpy(numbers.astype(np.float64))

    def _class_weights(self, weights: ClassWeights, counts: Tensor | None) -> Tensor:
        if weights is None:
            return torch.ones(self.n_classes, dtype=torch.float64)
        if weights == "balanced" and counts is not None:
            return _balanced(counts)
        if isinstance(weights, str):
            raise ConfigError(
                f"class_weights must be null, 'balanced' or {self.n_classes} numbers, "
                f"got {weights!r}"
            )
        return self._vector("class_weights", weights)


def _balanced(counts: Tensor) -> Tensor:
    present = counts > 0
    share = counts.sum() / present.sum().clamp(min=1)
    return torch.where(present, share / counts.clamp(min=1), torch.zeros_like(counts))


def _metric_class_weights(counts: Tensor, metric_weights: Tensor) -> Tensor:
    present = counts > 0
    total = metric_weights[present].sum()
    if total <= 0:
        raise ConfigError("the weighted log-loss needs a class with objects and a weight above 0")
    share = metric_weights * counts.sum() / (counts.clamp(min=1) * total)
    return torch.where(present, share, torch.zeros_like(counts))


class CrossEntropyLoss(ClassificationLoss):
    """Categorical cross-entropy, ``-log p_t``."""

    def per_object(self, logits: Tensor, expected: Tensor) -> Tensor:
        """Return ``-sum_k y_k log p_k`` of each object, ``(N,)``."""
        return -(expected * torch.log_softmax(logits, dim=1)).sum(1)


class WeightedLogLoss(CrossEntropyLoss):
    """The PLAsTiCC metric as a mean over objects, unbiased in every batch.

    The metric is ``L = -sum_j w_j / N_j sum_(i in j) log p_ij / sum_j w_j``. Here the
    N_j are the class counts of the training set, so an object of class j weighs
    ``N w_j / (N_j sum_j w_j)``: the mean over the training set is L itself, and the
    mean over a random batch has L as its expectation. A class without training
    objects is left out of both sums and weighs 0. Without `metric_weights` all
    classes weigh the same.
    """

    needs_class_counts = True


class FocalLoss(ClassificationLoss):
    """Multiclass focal loss, ``-alpha (1 - p_t)^gamma log p_t``.

    Args:
        n_classes: K.
        class_counts: As in `ClassificationLoss`.
        metric_weights: As in `ClassificationLoss`.
        class_weights: As in `ClassificationLoss`.
        label_smoothing: As in `ClassificationLoss`.
        gamma: How much objects already classified well are discounted; 0 for none.
        alpha: Factor of the whole loss.

    References:
        Lin et al. 2017, arXiv:1708.02002.
    """

    largest_alpha: ClassVar[float] = float("inf")

    def __init__(
        self,
        n_classes: int,
        *,
        class_counts: Sequence[int] | None = None,
        metric_weights: Sequence[float] | None = None,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
        gamma: float = 2.0,
        alpha: float = 0.25,
    ) -> None:
        super().__init__(
            n_classes,
            class_counts=class_counts,
            metric_weights=metric_weights,
            class_weights=class_weights,
            label_smoothing=label_smoothing,
        )
        self.gamma = check_not_negative("gamma", gamma)
        self.alpha = check_not_negative("alpha", alpha)
        if self.alpha > self.largest_alpha:
            raise ConfigError(f"alpha must lie from 0 to {self.largest_alpha}, got {alpha}")

    def per_object(self, logits: Tensor, expected: Tensor) -> Tensor:
        """Return the focal loss of each object, ``(N,)``."""
        log_p = torch.log_softmax(logits, dim=1)
        discount = torch.exp(self.gamma * log_complement(logits))
        return -self.alpha * (expected * discount * log_p).sum(1)


class FocalOneVsRestLoss(FocalLoss):
    """Focal loss of K binary problems on the softmax probabilities, summed.

    ``-sum_k y_k alpha (1 - p_k)^gamma log p_k
    + (1 - y_k) (1 - alpha) p_k^gamma log(1 - p_k)``, the form in the public code of
    Chaini & Kumar (2020). `alpha` must not exceed 1. Arguments as in `FocalLoss`.
    """

    largest_alpha = 1.0

    def per_object(self, logits: Tensor, expected: Tensor) -> Tensor:
        """Return the summed binary focal losses of each object, ``(N,)``."""
        log_p = torch.log_softmax(logits, dim=1)
        log_rest = log_complement(logits)
        positive = expected * self.alpha * torch.exp(self.gamma * log_rest) * log_p
        negative = (1 - expected) * (1 - self.alpha) * torch.exp(self.gamma * log_p) * log_rest
        return -(positive + negative).sum(1)


def log_complement(logits: Tensor) -> Tensor:
    """Return ``log(1 - p)`` of the softmax probabilities, exact where p rounds to 1.

    Args:
        logits: ``(N, K)``, K at least 2.

    Returns:
        ``(N, K)``: the others' share, ``logsumexp_(j != k) z_j - logsumexp_j z_j``.
    """
    n_classes = logits.shape[1]
    own = torch.eye(n_classes, dtype=torch.bool, device=logits.device)
    others = logits[:, None, :].expand(-1, n_classes, -1).masked_fill(own, float("-inf"))
    return torch.logsumexp(others, dim=2) - torch.logsumexp(logits, dim=1, keepdim=True)
