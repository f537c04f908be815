"""The 3DSubM of Chaini & Kumar (2020): recurrent layers over nightly sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcclassify.checks import check_choice, check_flag
from lcclassify.errors import ConfigError
from lcclassify.nn.gru import GRULayer
from lcclassify.nn.layers import DenseStack, GaussianNoise, SpatialDropout, check_units, dense
from lcclassify.nn.pooling import TimePooling
from lcclassify.schema import Batch, InputSizes

PADDINGS: Final = ("packed", "reference")


class BiGRUNet(nn.Module):
    """Noise -> GRU layers -> pooling over time -> dense layers -> logits.

    Args:
        sizes: C channels in and K classes out are read from it, S context columns
            with `join_context`, and the padded length with ``padding="reference"``.
        gru_units: Units in each direction of each GRU layer; empty to pool the
            input itself.
        bidirectional: Whether each layer also reads the nights backwards.
        gaussian_noise: Deviation of the noise added to the input while training.
        spatial_dropout: Probability of dropping a channel for all nights, after
            each GRU layer, while training.
        spatial_dropout_after_last: Whether also after the last GRU layer (the
            paper's text) or only between the layers (its authors' code).
        dense_units: Width of each dense layer.
        activation: Activation of the dense layers.
        dropout: Probability of dropping a unit after each dense layer.
        batch_norm: Whether each dense layer ends in a batch normalisation.
        padding: ``packed``: padding is neither read nor pooled, so it changes
            nothing. ``reference``: as the unmasked Keras reference, sequences are
            padded with zeros to ``sizes.max_length``, the padding is read and
            pooled and noise falls on it. A longer sequence (at prediction only) is
            cut to its first ``sizes.max_length`` nights, so that no object's
            result depends on the other objects of its batch.
        pooling: One of `lcclassify.nn.pooling.POOLINGS`; the reference has ``max``.
        join_context: Whether the context columns join the pooled state. A survey
            without any joins nothing.
        context_units: Width of dense layers for the context before it is joined.

    Raises:
        ConfigError: A value is invalid or unknown, or there are no channels.

    References:
        Chaini & Kumar 2020, arXiv:2006.12333.
    """

    reads: ClassVar = ("context", "sequences")

    def __init__(
        self,
        sizes: InputSizes,
        *,
        gru_units: Sequence[int] = (256, 64, 32, 32),
        bidirectional: bool = True,
        gaussian_noise: float = 0.5,
        spatial_dropout: float = 0.1,
        spatial_dropout_after_last: bool = True,
        dense_units: Sequence[int] = (1024, 256, 64, 32),
        activation: str = "tanh",
        dropout: float = 0.1,
        batch_norm: bool = False,
        padding: str = "packed",
        pooling: str = "max",
        join_context: bool = False,
        context_units: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if sizes.n_channels < 1:
            raise ConfigError("BiGRUNet needs at least one channel, got n_channels=0")
        for key, flag in (
            ("bidirectional", bidirectional),
            ("spatial_dropout_after_last", spatial_dropout_after_last),
            ("join_context", join_context),
        ):
            check_flag(key, flag)
        self.padding = check_choice("padding", padding, PADDINGS)
        self.max_length = sizes.max_length
        self.noise = GaussianNoise(gaussian_noise)
        self.recurrent = nn.ModuleList()
        self.spatial_dropout = nn.ModuleList()
        widths = check_units("gru_units", gru_units)
        n = sizes.n_channels
        for i, units in enumerate(widths):
            layer = GRULayer(n, units, bidirectional=bidirectional, bounded=i > 0)
            dropped = spatial_dropout_after_last or i + 1 < len(widths)
            self.recurrent.append(layer)
            self.spatial_dropout.append(SpatialDropout(spatial_dropout if dropped else 0.0))
            n = layer.n_out
        self.pool = TimePooling(n, pooling)
        n = self.pool.n_out

        self.context: DenseStack | None = None
        context_widths = check_units("context_units", context_units)
        if join_context and sizes.n_context:
            self.context = DenseStack(
                sizes.n_context, context_widths, activation=activation, dropout=dropout
            )
            n += self.context.n_out
        self.hidden = DenseStack(
            n,
            check_units("dense_units", dense_units),
            activation=activation,
            dropout=dropout,
            batch_norm=batch_norm,
        )
        self.output = dense(self.hidden.n_out, sizes.n_classes)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits ``(N, K)``.

        Args:
            batch: Normalised sequences ``(N, T, C)``, zero behind each one's end,
                and context ``(N, S)`` without NaN.
        """
        if self.padding == "reference":
            states = self._fixed_length(batch.sequences)
            read: Tensor | None = None
            pooled_nights = torch.full_like(batch.lengths, self.max_length)
        else:
            # Nights behind the longest sequence of the batch only cost time.
            states = batch.sequences[:, : int(batch.lengths.max())]
            read = batch.lengths
            pooled_nights = batch.lengths
        pooled_nights = pooled_nights.to(states.device)

        states = self.noise(states)
        for layer, drop in zip(self.recurrent, self.spatial_dropout, strict=True):
            states = drop(layer(states, read))
        state = self.pool(states, pooled_nights)
        if self.context is not None:
            state = torch.cat([state, self.context(batch.context)], dim=1)
        logits: Tensor = self.output(self.hidden(state))
        return logits.to(torch.float32)  # mixed precision ends here

    def _fixed_length(self, sequences: Tensor) -> Tensor:
        """Pad or cut ``(N, T, C)`` to ``(N, max_length, C)``."""
        missing = self.max_length - sequences.shape[1]
        if missing < 0:
            return sequences[:, : self.max_length]
        return F.pad(sequences, (0, 0, 0, missing))
