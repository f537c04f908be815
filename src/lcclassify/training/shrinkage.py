"""A log-linear pool of members, drawn towards equal weights by a normal prior.

The logits of an object are ``sum_mj W_kmj log p_mj + b_k``. W is the equal pool, plus a
change of each member's weight, which counts for all classes alike, plus a change of each
entry. All changes and biases have a normal prior about 0, and the fit is the most probable
pool: convex where the loss is, the same whatever the order of members, and equal where
members are equal. What few objects cannot tell stays at the equal pool.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.nn.losses import ClassificationLoss

FloatArray = NDArray[np.float64]

# Prior deviations of a class's bias and of an entry in units of that of a member's weight:
# of weights there are few, and members may differ much; entries are many, and each says
# little. Half or twice of these is no better or worse.
BIAS: Final = 1 / 3
ENTRY: Final = 1 / 30

# Gradients at which a minimum is taken for reached: of the mean loss for a pool to be used,
# and of the loss times the root of the number of rows for one of many that are compared,
# whose mean losses are then right to about 1e-6.
_GRADIENT: Final = 1e-8
_ROUGH_GRADIENT: Final = 1e-3
_ITERATIONS: Final = 1000


class Pool(NamedTuple):
    """A fitted pool.

    Attributes:
        change: ``(K, M, K) float64``, W less the equal pool.
        bias: ``(K,) float64``.
    """

    change: Tensor
    bias: Tensor

    def logits(self, logs: Tensor) -> Tensor:
        """Return the logits ``(n, K)`` of the members' log-probabilities ``(n, M, K)``."""
        return logs.mean(1) + logs.flatten(1) @ self.change.flatten(1).T + self.bias


class PoolProblem:
    """Objects that a pool is fitted to, and what fits of any prior deviation share.

    Args:
        logs: ``(n, M, K) float64``, log-probabilities of the members.
        targets: ``(n,) int64`` classes.
        loss: Minimised together with the prior, in units in which the equal pool's is its
            log-loss, as if all losses told equally much.
        is_full: Whether entries may change, or weights and biases only.
        share: Objects a row: below 1 where an object has several.
    """

    def __init__(
        self,
        logs: Tensor,
        targets: Tensor,
        loss: ClassificationLoss,
        *,
        is_full: bool,
        share: float = 1.0,
    ) -> None:
        self.shape = logs.shape[1:]
        self._targets = targets
        self._loss = loss
        self._pool = logs.mean(1)
        self._factor = share * _log_loss_over(loss, self._pool, targets)
        # Of each class's coefficients: entries first, if they may change, and the bias last.
        columns = torch.full((len(logs), 1), BIAS, dtype=torch.float64)
        if is_full:
            columns = torch.cat([logs.flatten(1) * ENTRY, columns], dim=1)
        squares, self._axes = torch.linalg.eigh(columns.T @ columns)
        self._squares = squares.clamp(min=0)
        self._columns = columns @ self._axes
        self._members = logs.transpose(1, 2).reshape(-1, logs.shape[1])  # (n K, M)
        # How sharply the loss bends, about, at the equal pool.
        p = torch.softmax(self._pool, dim=1)
        weighed = p * (loss.weight[targets].to(torch.float64) * self._factor)[:, None]
        self._bend = (weighed * (1 - p)).mean(0) if len(logs) else p.sum(0)  # (K,)
        mean = (p[:, :, None] * logs.transpose(1, 2)).sum(1)
        weights = weighed.sum(1)[:, None]
        spread = self._members.T @ (weighed.reshape(-1, 1) * self._members)
        self._spread = spread - mean.T @ (weights * mean)  # (M, M)

    def fit(self, deviation: float, *, is_rough: bool = False) -> Pool:
        """Return the most probable pool.

        Args:
            deviation: Prior deviation of members' weights; 0 for the equal pool.
            is_rough: Whether it is enough to tell how good the pool is.
        """
        n_members, n_classes = self.shape
        if deviation == 0 or not len(self._targets):
            change = torch.zeros((n_classes, n_members, n_classes), dtype=torch.float64)
            return Pool(change, torch.zeros(n_classes, dtype=torch.float64))
        weights, coefficients = self._minimum(deviation, is_rough)
        coefficients = coefficients @ self._axes.T * deviation
        change = torch.zeros((n_classes, n_members, n_classes), dtype=torch.float64)
        if coefficients.shape[1] > 1:
            change += ENTRY * coefficients[:, :-1].reshape(change.shape)
        own = torch.arange(n_classes)
        change[own, :, own] += deviation * weights
        return Pool(change, BIAS * coefficients[:, -1])

    def _minimum(self, deviation: float, is_rough: bool) -> tuple[Tensor, Tensor]:
        """Return changes of weights ``(M,)`` and coefficients ``(K, D)``, of prior deviation 1.

        Coefficients are those of the columns' principal axes, which the prior cannot tell
        from the columns themselves. In units in which the log-loss bends about equally in all
        directions few steps lead to the minimum, however alike members are.
        """
        from scipy.optimize import minimize

        n_members, n_classes = self.shape
        n = len(self._targets)
        scale = (self._bend[:, None] * self._squares * deviation**2 + 1).rsqrt()
        identity = torch.eye(n_members, dtype=torch.float64)
        root = torch.linalg.cholesky(self._spread * deviation**2 + identity)
        mixing = torch.linalg.inv(root).T

        def changes(x: Tensor) -> tuple[Tensor, Tensor]:
            return mixing @ x[:n_members], x[n_members:].reshape(n_classes, -1) * scale

        def cost(values: FloatArray) -> tuple[float, FloatArray]:
            x = torch.tensor(values, requires_grad=True)
            weights, coefficients = changes(x)
            members = (self._members @ weights).reshape(n, n_classes)
            logits = self._pool + deviation * (members + self._columns @ coefficients.T)
            prior = (weights.square().sum() + coefficients.square().sum()) / (2 * n)
            value = self._factor * self._loss(logits, self._targets) + prior
            (gradient,) = torch.autograd.grad(value, x)
            return value.item(), gradient.numpy()

        found = minimize(
            cost,
            np.zeros(n_members + scale.numel()),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": _ITERATIONS,
                "gtol": _ROUGH_GRADIENT / np.sqrt(n) if is_rough else _GRADIENT,
                "ftol": 0.0,
            },
        )
        weights, coefficients = changes(torch.as_tensor(found.x))
        return weights, coefficients


def _log_loss_over(loss: ClassificationLoss, logits: Tensor, targets: Tensor) -> float:
    """Return the log-loss in units of another loss; 1 where either is nothing."""
    own = loss(logits, targets).item()
    log_loss = torch.nn.functional.cross_entropy(logits, targets).item()
    return log_loss / own if own > 0 and log_loss > 0 else 1.0
