"""The layers that networks are made of, initialised as Keras initialises them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcclassify.checks import (
    check_below_one,
    check_choice,
    check_flag,
    check_not_negative,
    is_whole,
)
from lcclassify.errors import ConfigError

ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}


def activation_layer(name: str) -> nn.Module:
    """Return the activation of that name.

    Args:
        name: One of `ACTIVATIONS`.

    Raises:
        ConfigError: The name is unknown.
    """
    return ACTIVATIONS[check_choice("activation", name, ACTIVATIONS)]()


def check_units(key: str, units: Sequence[int]) -> list[int]:
    """Return the layer widths as a list after checking them.

    Args:
        key: Name of the hyperparameter, for the message.
        units: Width of each layer in order; may be empty.

    Raises:
        ConfigError: Something in it is not a positive integer.
    """
    if isinstance(units, str) or not isinstance(units, Sequence):
        raise ConfigError(f"{key} must be a list of layer widths, got {units!r}")
    for width in units:
        if not is_whole(width) or width < 1:
            raise ConfigError(f"{key} must hold positive integers, got {width!r} in {list(units)}")
    return list(units)


def machine_code_can(values: Tensor) -> bool:
    """Return whether compiled loops can read the values: on a CPU, and not to be traced."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if traced or torch.compiler.is_compiling():
        return False
    return values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64)


def dense(n_in: int, n_out: int) -> nn.Linear:
    """Return a linear layer with Glorot-uniform weights and zero biases."""
    layer = nn.Linear(n_in, n_out)
    if n_in:
        nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class GaussianNoise(nn.Module):
    """Adds N(0, sigma^2) to its input while training; the identity otherwise."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = check_not_negative("gaussian_noise", sigma)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values with noise of the same shape added."""
        if not self.training or self.sigma == 0:
            return values
        return values + self.sigma * torch.randn_like(values)

    def extra_repr(self) -> str:
        """Show the noise in the printed network."""
        return f"sigma={self.sigma}"


class SpatialDropout(nn.Module):
    """Drops whole channels of a sequence for all of its nights while training."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = check_below_one("spatial_dropout", probability)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return ``(N, T, C)`` with dropped channels zero and the others scaled up."""
        if not self.training or self.probability == 0:
            return sequences
        keep = F.dropout(torch.ones_like(sequences[:, :1]), self.probability)
        return sequences * keep

    def extra_repr(self) -> str:
        """Show the probability in the printed network."""
        return f"probability={self.probability}"


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation with Keras's defaults: epsilon 1e-3, momentum 0.99.

    A batch of a single row has no variance: it is normalised with the running
    statistics and leaves them as they are, where torch would raise.
    """

    def __init__(self, n: int) -> None:
        # Keras's momentum is the share of the old value, torch's of the new one.
        super().__init__(n, eps=1e-3, momentum=0.01)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised ``(N, C)``."""
        if self.training and input.shape[0] == 1:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)


class DenseStack(nn.Sequential):
    """Dense layers, each followed by activation, dropout and, if asked, batch norm.

    Args:
        n_in: Width of the input.
        units: Width of each layer; empty for the identity.
        activation: One of `ACTIVATIONS`.
        dropout: Probability of dropping a unit while training.
        batch_norm: Whether a batch normalisation follows each dropout.

    Attributes:
        n_out: Width of the output.

    Raises:
        ConfigError: A value is invalid or unknown.
    """

    def __init__(
        self,
        n_in: int,
        units: Sequence[int],
        *,
        activation: str = "tanh",
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        layers: list[nn.Module] = []
        activation_layer(activation)
        check_below_one("dropout", dropout)
        check_flag("batch_norm", batch_norm)
        width_in = n_in
        for width in units:
            layers += [dense(width_in, width), activation_layer(activation), nn.Dropout(dropout)]
            if batch_norm:
                layers.append(BatchNorm(width))
            width_in = width
        super().__init__(*layers)
        self.n_out = width_in
