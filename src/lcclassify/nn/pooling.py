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
        step = torch.arange(states.shape[1], device=states.device)
        padding = (step >= lengths[:, None])[:, :, None]
        if self.kind == "attention":
            score = self.score(states).masked_fill(padding, float("-inf"))
            return (torch.softmax(score, dim=1) * states.masked_fill(padding, 0.0)).sum(1)
        pooled: list[Tensor] = []
        if self.kind in ("max", "max_mean"):
            pooled.append(states.masked_fill(padding, float("-inf")).amax(1))
        if self.kind in ("mean", "max_mean"):
            total = states.masked_fill(padding, 0.0).sum(1)
            pooled.append(total / lengths[:, None].to(states.dtype))
        return torch.cat(pooled, dim=1)

    def extra_repr(self) -> str:
        """Show the kind in the printed network."""
        return f"kind={self.kind}"
