"""What each member is worth to the stack: how it does without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.nn.losses import ClassificationLoss
from lcclassify.training.chosen_pool import ChosenPool
from lcclassify.training.observed import HeldOutPools, Observed

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Worth:
    """How held-out objects are classified by all members, by each one, and without each one.

    Values are the log-loss and whether the class was right, ``(…, 2, N)``, of objects that
    neither the members nor the pool learned from. Their means over objects are those over
    rows, where an object has several.

    Attributes:
        stack: ``(2, N)``: of all members together.
        own: ``(M, 2, N)``: of each member alone.
        without: ``(M, 2, N)``: of all others together; empty where there is one member.
    """

    stack: FloatArray
    own: FloatArray
    without: FloatArray


def worth_to_pool(
    observed: Observed, loss: ClassificationLoss, chosen: ChosenPool, *, is_full: bool
) -> Worth:
    """Return what members are worth to a pool, by smaller pools of the same deviation.

    Args:
        observed: What the pool learned from.
        loss: What it minimises.
        chosen: The pool.
        is_full: Whether entries of the matrix may change.
    """

    def without(member: int) -> Tensor:
        others = observed.without(member)
        return HeldOutPools(others, loss, chosen.folds, is_full=is_full).logits(chosen.deviation)

    return _worth(observed, chosen.logits, map(without, _removable(observed)))


def worth_to_mean(probabilities: FloatArray, targets: IntArray) -> Worth:
    """Return what members are worth to their arithmetic mean.

    Args:
        probabilities: ``(N, M, K)`` of held-out objects.
        targets: ``(N,)`` classes.
    """
    observed = Observed.of(probabilities, targets, np.arange(len(targets)))
    values = torch.as_tensor(probabilities)
    total = values.sum(1)
    without = (total - values[:, m] for m in _removable(observed))
    return _worth(observed, _logs(total), map(_logs, without))


def _removable(observed: Observed) -> range:
    return range(observed.n_members if observed.n_members > 1 else 0)


def _logs(values: Tensor) -> Tensor:
    return values.clamp(min=torch.finfo(values.dtype).tiny).log()


def _worth(observed: Observed, stack: Tensor, without: Iterable[Tensor]) -> Worth:
    smaller = [_scores(observed, logits) for logits in without]
    each = [_scores(observed, observed.logs[:, m]) for m in range(observed.n_members)]
    empty = np.zeros((0, 2, observed.n_objects))
    return Worth(_scores(observed, stack), np.stack(each), np.stack(smaller) if smaller else empty)


def _scores(observed: Observed, logits: Tensor) -> FloatArray:
    logs = torch.log_softmax(logits, dim=1)
    own = logs.gather(1, observed.targets[:, None])[:, 0]
    right = logs.argmax(1) == observed.targets
    return np.stack([observed.of_objects(-own), observed.of_objects(right.double())])
