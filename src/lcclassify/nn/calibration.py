"""The last step of a classifier: how sure it is, and for what shares of the classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from lcclassify.errors import ConfigError
from lcclassify.schema import PlainConfig

FLOOR: Final = 1e-30  # a probability of zero has no logarithm


class Calibration(nn.Module):
    """How sure to be, other shares of the classes than the training set's, and classes never seen.

    ``q_k ∝ exp(a_k log p_k / T + b_k) s_k / t_k`` with the shares s wanted and those t learned
    with, and then ``(1 - Σu) q_k + u_k`` with the shares u of classes that nothing could be
    learned of.

    Args:
        temperature: T, above 0; above 1 makes probabilities less sure.
        log_ratios: ``(K,)`` logarithms of s / t; zeros change nothing.
        unseen: ``(K,)`` shares u, 0 of all classes with training objects; None for none.
        scales: ``(K,)`` a, above 0; None for ones.
        biases: ``(K,)`` b; None for zeros.

    Raises:
        ConfigError: A value is impossible.

    References:
        Guo et al. 2017, arXiv:1706.04599 (temperature); Saerens, Latinne & Decaestecker 2002,
        Neural Computation 14, 21 (shares).
    """

    temperature: Tensor
    log_ratios: Tensor
    unseen: Tensor
    scales: Tensor
    biases: Tensor

    def __init__(
        self,
        temperature: float,
        log_ratios: Sequence[float],
        unseen: Sequence[float] | None = None,
        scales: Sequence[float] | None = None,
        biases: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if not (math.isfinite(temperature) and temperature > 0):
            raise ConfigError(f"a temperature must be a positive number, got {temperature!r}")
        if not all(math.isfinite(value) for value in log_ratios):
            raise ConfigError(f"log_ratios must be finite numbers, got {list(log_ratios)!r}")
        unseen = [0.0] * len(log_ratios) if unseen is None else unseen
        if not (len(unseen) == len(log_ratios) and min(unseen, default=0.0) >= 0):
            raise ConfigError(f"unseen must be one share a class, got {list(unseen)!r}")
        if not sum(unseen) < 1:
            raise ConfigError(f"unseen must be less than 1 in all, got {list(unseen)!r}")
        values = torch.tensor([float(v) for v in log_ratios], dtype=torch.float64)
        # In the configuration rather than among the weights, where a reader finds them.
        self.register_buffer(
            "temperature", torch.tensor(float(temperature), dtype=torch.float64), persistent=False
        )
        self.register_buffer("log_ratios", values, persistent=False)
        shares = torch.tensor([float(v) for v in unseen], dtype=torch.float64)
        self.register_buffer("unseen", shares, persistent=False)
        scales = [1.0] * len(log_ratios) if scales is None else scales
        biases = [0.0] * len(log_ratios) if biases is None else biases
        for name, each in (("scales", scales), ("biases", biases)):
            if len(each) != len(log_ratios) or not all(math.isfinite(value) for value in each):
                raise ConfigError(f"{name} must be one number a class, got {list(each)!r}")
            numbers = torch.tensor([float(value) for value in each], dtype=torch.float64)
            self.register_buffer(name, numbers, persistent=False)
        if not all(value > 0 for value in scales):
            raise ConfigError(f"scales must be above 0, got {list(scales)!r}")

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the probabilities ``(N, K) float64`` of those of the ensemble."""
        logits = probabilities.to(torch.float64).clamp(min=FLOOR).log() / self.temperature
        logits = logits * self.scales + self.biases
        seen = torch.softmax(logits + self.log_ratios, dim=1)
        return seen * (1 - self.unseen.sum()) + self.unseen

    def config(self) -> PlainConfig:
        """Return the arguments from which it is built again."""
        return {
            "temperature": float(self.temperature),
            "log_ratios": [float(value) for value in self.log_ratios],
            "unseen": [float(value) for value in self.unseen],
            "scales": [float(value) for value in self.scales],
            "biases": [float(value) for value in self.biases],
        }
