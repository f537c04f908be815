"""The 2DSubM of Chaini & Kumar (2020): dense layers over aggregated features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lcclassify.errors import ConfigError
from lcclassify.nn.embedding import PeriodicEmbedding
from lcclassify.nn.layers import DenseStack, GaussianNoise, check_units, dense
from lcclassify.schema import Batch, InputSizes


class DenseNet(nn.Module):
    """Dense layers, each dense -> activation -> dropout -> batch norm, then logits.

    Args:
        sizes: F features in and K classes out are read from it.
        units: Width of each hidden layer; empty for multinomial regression.
        activation: One of `lcclassify.nn.layers.ACTIVATIONS`.
        dropout: Probability of dropping a unit while training.
        batch_norm: Whether each layer ends in a batch normalisation.
        gaussian_noise: Deviation of the noise added to the features while training.
        embedding: `frequencies`, `scale` and `size` of a `PeriodicEmbedding` of the features,
            which joins them; None for the features alone.

    Raises:
        ConfigError: A value is invalid or unknown, or there are no features.

    References:
        Chaini & Kumar 2020, arXiv:2006.12333.

    Example:
        >>> sizes = InputSizes(
        ...     n_features=156, n_context=0, n_channels=13, n_classes=15, max_length=162
        ... )
        >>> sum(p.numel() for p in DenseNet(sizes).parameters())
        173455
    """

    reads: ClassVar = ("features",)

    def __init__(
        self,
        sizes: InputSizes,
        *,
        units: Sequence[int] = (512, 128, 128, 64),
        activation: str = "tanh",
        dropout: float = 0.1,
        batch_norm: bool = True,
        gaussian_noise: float = 0.0,
        embedding: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if sizes.n_features < 1:
            raise ConfigError("DenseNet needs at least one feature, got n_features=0")
        self.noise = GaussianNoise(gaussian_noise)
        self.embedding: PeriodicEmbedding | None = None
        n_in = sizes.n_features
        if embedding is not None:
            # Flags of what is undefined have two values, which no cosine tells better.
            n_values = sizes.n_features - sizes.n_indicators
            self.embedding = PeriodicEmbedding.from_config(embedding, n_values)
            n_in += self.embedding.n_out
        self.hidden = DenseStack(
            n_in,
            check_units("units", units),
            activation=activation,
            dropout=dropout,
            batch_norm=batch_norm,
        )
        self.output = dense(self.hidden.n_out, sizes.n_classes)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits ``(N, K)`` of normalised features ``(N, F)`` without NaN."""
        values = self.noise(batch.features)
        if self.embedding is not None:
            values = self.embedding(values)
        logits: Tensor = self.output(self.hidden(values))
        return logits.to(torch.float32)  # mixed precision ends here
