"""Pooling over time: from the states of all nights to one vector an object."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from lcclassify.nn.layers import check_choice, dense

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

    Raises:
        ConfigError: The kind is unknown.
    """

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
