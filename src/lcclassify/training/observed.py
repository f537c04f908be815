"""What a pool learns from: the members' probabilities of objects that they did not learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.nn.losses import ClassificationLoss
from lcclassify.nn.stack import log_probabilities
from lcclassify.training.shrinkage import PoolProblem
from lcclassify.training.splits import assign_folds

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Observed:
    """Rows that a pool learns from: objects, or several draws of each.

    Attributes:
        logs: ``(n, M, K) float64``, log-probabilities of the members.
        targets: ``(n,) int64`` classes.
        owners: ``(n,)`` which of the N objects a row is of, from 0 to N - 1.
    """

    logs: Tensor
    targets: Tensor
    owners: IntArray

    @classmethod
    def of(cls, probabilities: FloatArray, targets: IntArray, owners: IntArray) -> Observed:
        """Take probabilities ``(n, M, K)`` of rows of objects of any numbers."""
        logs = log_probabilities(torch.as_tensor(probabilities, dtype=torch.float64))
        return cls(logs, torch.as_tensor(targets), _numbered(owners))

    def __len__(self) -> int:
        return len(self.owners)

    @property
    def n_members(self) -> int:
        """M."""
        return self.logs.shape[1]

    @property
    def n_objects(self) -> int:
        """N, objects that there are rows of."""
        return int(self.owners.max()) + 1 if len(self) else 0

    def rows(self, kept: BoolArray) -> Observed:
        """Return some of the rows."""
        chosen = torch.as_tensor(kept)
        return Observed(self.logs[chosen], self.targets[chosen], _numbered(self.owners[kept]))

    def without(self, member: int) -> Observed:
        """Return the rows as all members but one see them."""
        others = [m for m in range(self.n_members) if m != member]
        return Observed(self.logs[:, others], self.targets, self.owners)

    def of_objects(self, values: Tensor) -> FloatArray:
        """Return the sum of rows' values ``(n,)`` in each object, ``(N,)``, per mean object.

        The mean over objects is the mean over rows, also where objects have different
        numbers of them.
        """
        sums = np.bincount(self.owners, values.numpy(), minlength=self.n_objects)
        return np.asarray(sums * (self.n_objects / len(self)))

    def folds(self, number: int, seed: int) -> IntArray:
        """Return the fold of each row, ``(n,)``, classes spread evenly, objects undivided."""
        first = np.unique(self.owners, return_index=True)[1]
        number = max(min(number, self.n_objects), 2)
        return assign_folds(self.targets.numpy()[first], number, seed)[self.owners]

    def problem(self, loss: ClassificationLoss, *, is_full: bool) -> PoolProblem:
        """Return what a pool of these rows minimises, in which an object counts once."""
        share = self.n_objects / max(len(self), 1)
        return PoolProblem(self.logs, self.targets, loss, is_full=is_full, share=share)


class HeldOutPools:
    """Pools for each fold of the objects, of all other folds.

    Args:
        observed: The objects.
        loss: As in `PoolProblem`.
        folds: ``(n,)`` fold of each row.
        is_full: As in `PoolProblem`.
    """

    def __init__(
        self, observed: Observed, loss: ClassificationLoss, folds: IntArray, *, is_full: bool
    ) -> None:
        self._observed = observed
        self._held = [folds == fold for fold in np.unique(folds)]
        self._problems = [
            observed.rows(~held).problem(loss, is_full=is_full) for held in self._held
        ]

    def logits(self, deviation: float) -> Tensor:
        """Return the logits of all rows, ``(n, K)``, each by the pool without its fold."""
        logits = torch.zeros((len(self._observed), self._observed.logs.shape[2])).double()
        for held, problem in zip(self._held, self._problems, strict=True):
            rows = torch.as_tensor(held)
            logits[rows] = problem.fit(deviation, is_rough=True).logits(self._observed.logs[rows])
        return logits


def _numbered(owners: IntArray) -> IntArray:
    return np.asarray(np.unique(owners, return_inverse=True)[1], dtype=np.int64)
