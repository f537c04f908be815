"""Pooling over time: from the states of all nights to one vector an object."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lcclassify.checks import check_choice
from lcclassify.compiled import compiled_quick
from lcclassify.nn.layers import dense, machine_code_can

POOLINGS: Final = ("max", "mean", "max_mean", "attention")


class TimePooling(nn.Module):
    """Pools states over an object's own nights.

    Args:
        n_in: Channels of the states.
        kind: ``max`` (the reference's global max pooling), ``mean``, ``max_mean``
            (both, side by side) or ``attention`` (a mean with weights learnt from the
            states).

    Attributes:
        n_out: Channels out.
        compiled: Whether the maximum is machine code on a CPU, see `use_torch_layers`.

    Raises:
        ConfigError: The kind is unknown.
    """

    compiled = True

    def __init__(self, n_in: int, kind: str) -> None:
        super().__init__()
        self.kind = check_choice("pooling", kind, POOLINGS)
        self.n_out = 2 * n_in if kind == "max_mean" else n_in
        if kind == "attention":
            self.score = dense(n_in, 1)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Pool each object's first nights.

        Args:
            states: ``(N, T, C) float32``.
            lengths: ``(N,) int64``, at least 1, on the device of `states`.

        Returns:
            ``(N, n_out) float32``.
        """
        if self.kind == "attention":
            padding = _padding(states, lengths)
            score = self.score(states).masked_fill(padding, float("-inf"))
            return (torch.softmax(score, dim=1) * states.masked_fill(padding, 0.0)).sum(1)
        # The first nights are of every object and need no masking. On a GPU, waiting for their
        # number would cost more than that saves.
        everyones = int(lengths.min()) if lengths.device.type == "cpu" else 0
        first, rest = states[:, :everyones], states[:, everyones:]
        padding = _padding(rest, lengths - everyones)
        pooled: list[Tensor] = []
        if self.kind in ("max", "max_mean"):
            if self.compiled and machine_code_can(states):
                largest: Tensor = _Largest.apply(states, lengths)  # type: ignore[no-untyped-call]
                pooled.append(largest)
            else:
                parts = [rest.masked_fill(padding, float("-inf")), first]
                most = [part.amax(1) for part in parts if part.shape[1]]
                pooled.append(torch.maximum(*most) if len(most) > 1 else most[0])
        if self.kind in ("mean", "max_mean"):
            total = first.sum(1) + rest.masked_fill(padding, 0.0).sum(1)
            pooled.append(total / lengths[:, None].to(states.dtype))
        return torch.cat(pooled, dim=1)

    def extra_repr(self) -> str:
        """Show the kind in the printed network."""
        return f"kind={self.kind}"


def _padding(states: Tensor, lengths: Tensor) -> Tensor:
    """Return which of ``(N, T, C)`` states lie behind their object's end, ``(N, T, 1)``."""
    step = torch.arange(states.shape[1], device=states.device)
    return (step >= lengths[:, None])[:, :, None]


@compiled_quick
def _largest(
    states: NDArray[Any],
    lengths: NDArray[np.int64],
    found: NDArray[Any],
    where: NDArray[np.int32],
) -> None:
    """Find the largest of ``(T, N, C)`` over T, and its night, each ``(N, C)``."""
    found[:] = -np.inf
    where[:] = 0
    for t in range(len(states)):
        night = np.int32(t)
        for i in range(len(lengths)):
            if t < lengths[i]:
                given, best, at = states[t, i], found[i], where[i]
                for j in range(len(given)):
                    larger = given[j] > best[j] or given[j] != given[j]  # NaN stays
                    best[j] = given[j] if larger else best[j]
                    at[j] = night if larger else at[j]


@compiled_quick
def _spread(grad: NDArray[Any], where: NDArray[np.int32], found: NDArray[Any]) -> None:
    """Write ``(N, C)`` to the nights of ``(T, N, C)`` that they come from."""
    for i in range(len(grad)):
        for j in range(grad.shape[1]):
            found[where[i, j], i, j] = grad[i, j]


class _Largest(torch.autograd.Function):
    """The largest state of each object and channel; the gradient goes to the first of equals."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, lengths: Tensor) -> Tensor:
        nights = states.transpose(0, 1).contiguous()
        found = nights.new_empty(nights.shape[1:])
        where = torch.empty(found.shape, dtype=torch.int32)
        _largest(nights.numpy(), lengths.numpy(), found.numpy(), where.numpy())
        ctx.save_for_backward(where)
        ctx.n_nights = len(nights)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (where,) = ctx.saved_tensors
        found = grad.new_zeros(ctx.n_nights, *grad.shape)
        _spread(grad.contiguous().numpy(), where.numpy(), found.numpy())
        return found.transpose(0, 1), None
