"""Embeddings of single numbers, which let a dense network bend each of its inputs by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Self

import torch
from torch import Tensor, nn

from lcclassify.checks import check_keys, check_whole, require_positive
from lcclassify.errors import ConfigError

KEYS: Final = ("frequencies", "scale", "size")


class PeriodicEmbedding(nn.Module):
    """Gives every number further columns: a linear map of cosines of it, learned for each column.

    Column j of the numbers x gets cos(2π f x + φ) of its own k frequencies f and phases φ, and a
    linear map of these to ``size`` columns. A dense layer alone bends its inputs only together;
    a threshold in a single feature, such as a tree finds at once, costs it many units.

    Args:
        n_values: F, columns that are embedded.
        frequencies: k, cosines of each.
        scale: Standard deviation of the frequencies at the beginning, in cycles per unit of the
            (normalised) numbers: the larger, the finer the structure that is learned, noise
            included.
        size: Columns that each number gets.

    Raises:
        ConfigError: A value is invalid.

    References:
        Gorishniy, Rubachev & Babenko 2022, arXiv:2203.05556; with phases, the number itself
        beside its columns and no activation as Holzmüller, Grinsztajn & Steinwart 2024,
        arXiv:2407.04491.
    """

    def __init__(
        self, n_values: int, *, frequencies: int = 16, scale: float = 0.1, size: int = 3
    ) -> None:
        super().__init__()
        self.n_values = n_values
        self.size = check_whole("embedding.size", size, 1)
        k = check_whole("embedding.frequencies", frequencies, 1)
        require_positive(**{"embedding.scale": scale})
        within = 1 / math.sqrt(k)
        self.frequencies = nn.Parameter(scale * torch.randn(n_values, k))
        self.phases = nn.Parameter(torch.empty(n_values, k).uniform_(-math.pi, math.pi))
        # Columns first, as products of one matrix a column want them.
        self.weight = nn.Parameter(torch.empty(n_values, k, self.size).uniform_(-within, within))
        self.bias = nn.Parameter(torch.empty(n_values, 1, self.size).uniform_(-within, within))

    @classmethod
    def from_config(cls, config: Any, n_values: int) -> Self:
        """Build from the keys `frequencies`, `scale` and `size`.

        Raises:
            ConfigError: It is no mapping, or a key or value is invalid.
        """
        if not isinstance(config, Mapping):
            raise ConfigError(
                f"embedding must be null or have the keys {', '.join(KEYS)}, got {config!r}"
            )
        check_keys("embedding", config, KEYS)
        return cls(n_values, **config)

    @property
    def n_out(self) -> int:
        """Columns that are added."""
        return self.n_values * self.size

    def forward(self, values: Tensor) -> Tensor:
        """Return ``(N, F + n_more + F size)``: the ``(N, F + n_more)`` values, then the columns.

        Only the first F values are embedded.
        """
        angles = values[:, : self.n_values].T.unsqueeze(-1) * self.turns()
        waves = torch.cos(angles + self.phases.unsqueeze(1))
        columns = torch.baddbmm(self.bias, waves, self.weight)
        return torch.cat([values, columns.transpose(0, 1).flatten(1)], dim=1)

    def turns(self) -> Tensor:
        """Return the frequencies in radians, ``(F, 1, k)``."""
        return (2 * math.pi) * self.frequencies.unsqueeze(1)

    def extra_repr(self) -> str:
        """Show the sizes in the printed network."""
        return f"n_values={self.n_values}, frequencies={len(self.phases[0])}, size={self.size}"
