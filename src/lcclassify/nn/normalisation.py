"""Input transforms fitted on the training rows, kept as buffers of the network.

A transform is rebuilt from ``Transform(**transform.config())`` followed by
``load_state_dict``: the configuration is plain and fixes every buffer's shape,
the state holds the fitted numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lcclassify.checks import check_choice
from lcclassify.errors import ConfigError, DataError
from lcclassify.nn.yeo_johnson import fit_power, is_constant, yeo_johnson
from lcclassify.schema import PlainConfig

KINDS: Final = ("yeo_johnson", "standard", "none")
IMPUTATIONS: Final = ("zero", "median")

# Far outside anything a training set standardises to, and small enough that no
# sum of weights times inputs overflows float32.
STANDARDISED_LIMIT: Final = 1e4
RAW_LIMIT: Final = 1e30


class FeatureTransform(nn.Module):
    """Imputes and normalises a table's columns; NaN and infinities are undefined.

    Args:
        n_features: F, columns in.
        kind: ``yeo_johnson`` (then standardised), ``standard`` or ``none``.
        impute: ``zero``: undefined values become 0 before anything is fitted, as in
            the reference. ``median``: the fit sees defined values only, and
            undefined ones become the training median.
        indicator: Whether `fit` gives each column that has an undefined value in
            training a further column, 1 where undefined and 0 elsewhere.
        indicator_columns: The columns that have one. Decided by `fit`; given only
            when a fitted transform is rebuilt.
        clip: Largest absolute value that leaves a normalised column, or None. Objects
            beyond anything in training otherwise reach a network at hundreds of
            standard deviations, where its answers are arbitrary and sure of themselves.

    Raises:
        ConfigError: A value is invalid or unknown.
    """

    powers: Tensor
    mean: Tensor
    inverse_scale: Tensor
    fill: Tensor
    indicated: Tensor

    def __init__(
        self,
        n_features: int,
        *,
        kind: str = "yeo_johnson",
        impute: str = "zero",
        indicator: bool = False,
        indicator_columns: Sequence[int] = (),
        clip: float | None = None,
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.kind = check_choice("kind", kind, KINDS)
        self.clip = _checked_clip(clip, kind)
        self.impute = check_choice("impute", impute, IMPUTATIONS)
        self.indicator = indicator
        self._set_indicator_columns(indicator_columns)
        for name, value in (("powers", 1.0), ("mean", 0.0), ("inverse_scale", 1.0), ("fill", 0.0)):
            self.register_buffer(name, torch.full((n_features,), value, dtype=torch.float64))

    @classmethod
    def fitted(
        cls,
        features: NDArray[np.float64],
        *,
        kind: str = "yeo_johnson",
        impute: str = "zero",
        indicator: bool = False,
        clip: float | None = None,
    ) -> Self:
        """Return a new transform fitted on the training rows ``(N, F)``."""
        transform = cls(features.shape[1], kind=kind, impute=impute, indicator=indicator, clip=clip)
        transform.fit(features)
        return transform

    @property
    def n_out(self) -> int:
        """Columns out, F plus the indicator columns; final once fitted."""
        return self.n_features + len(self.indicator_columns)

    def config(self) -> PlainConfig:
        """Return the plain constructor arguments that rebuild this transform."""
        return {
            "n_features": self.n_features,
            "kind": self.kind,
            "impute": self.impute,
            "indicator": self.indicator,
            "indicator_columns": list(self.indicator_columns),
            "clip": self.clip,
        }

    def fit(self, features: NDArray[np.float64]) -> None:
        """Set the buffers from the training rows.

        A column that does not vary in training carries nothing and becomes 0.

        Args:
            features: ``(N, F) float64``; NaN or infinite where undefined.

        Raises:
            DataError: There are no rows or another number of columns.
        """
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] != self.n_features:
            raise DataError(
                f"a transform of {self.n_features} columns needs rows of as many and at least "
                f"one row, got an array of shape {rows.shape}"
            )
        defined = np.isfinite(rows)
        if self.indicator:
            # The flag of a column that is never defined in training would be learned from
            # no contrast, and then fall from 1 to 0 on the first object that has a value.
            sometimes = defined.any(axis=0) & ~defined.all(axis=0)
            self._set_indicator_columns(np.flatnonzero(sometimes).tolist())
        for i in range(self.n_features):
            values = rows[defined[:, i], i]
            fill = 0.0
            if self.impute == "median":
                fill = float(np.median(values)) if values.size else 0.0
            else:
                values = np.where(defined[:, i], rows[:, i], 0.0)
            power, mean, inverse_scale = self._fit_column(values)
            self.fill[i] = fill
            self.powers[i] = power
            self.mean[i] = mean
            self.inverse_scale[i] = inverse_scale

    @torch.no_grad()
    def forward(self, features: Tensor) -> Tensor:
        """Impute and normalise.

        Args:
            features: ``(N, F)`` float32 or float64; NaN or infinite where undefined.

        Returns:
            ``(N, n_out) float32``, finite, the indicator columns last.
        """
        values = features.to(torch.float64)
        undefined = ~torch.isfinite(values)
        values = torch.where(undefined, self.fill, values)
        limit = RAW_LIMIT
        if self.kind != "none":
            limit = STANDARDISED_LIMIT if self.clip is None else self.clip
            if self.kind == "yeo_johnson":
                # An overflow stands for the largest number: 0 times infinity, in a
                # column without any spread, would be NaN.
                values = torch.nan_to_num(yeo_johnson(values, self.powers))
            # Halves, so that the difference of two huge numbers cannot overflow.
            values = (values / 2 - self.mean / 2) * self.inverse_scale * 2
        values = values.clamp(-limit, limit).to(torch.float32)
        if not self.indicator_columns:
            return values
        return torch.cat([values, undefined[:, self.indicated].to(torch.float32)], dim=1)

    def _set_indicator_columns(self, columns: Sequence[int]) -> None:
        for column in columns:
            if not 0 <= column < self.n_features:
                raise ConfigError(
                    f"indicator_columns must lie from 0 to {self.n_features - 1}, got {column}"
                )
        self.indicator_columns = tuple(int(column) for column in columns)
        # Not persistent: the configuration holds it, as it fixes the sizes.
        index = torch.tensor(self.indicator_columns, dtype=torch.int64)
        self.register_buffer("indicated", index, persistent=False)

    def _fit_column(self, values: NDArray[np.float64]) -> tuple[float, float, float]:
        """Return power, mean and 1 / deviation, the last 0 without any spread."""
        if self.kind == "none":
            return 1.0, 0.0, 1.0
        if values.size == 0:
            return 1.0, 0.0, 0.0
        power = fit_power(values) if self.kind == "yeo_johnson" else 1.0
        moved = values
        if self.kind == "yeo_johnson":
            column = torch.from_numpy(values)[:, None]
            moved = yeo_johnson(column, torch.tensor([power], dtype=torch.float64))[:, 0].numpy()
        spread = float(np.abs(moved).max())
        if is_constant(moved) or spread == 0:
            return power, float(moved[0]), 0.0
        # In units of the largest value, whose square may not fit into a float64.
        scaled = moved / spread
        return power, float(scaled.mean()) * spread, 1.0 / float(scaled.std()) / spread


class SequenceTransform(nn.Module):
    """Normalises the channels of sequences and keeps their padding zero.

    Args:
        n_channels: C.
        kind: ``standard``, each channel to mean 0 and deviation 1 over the training
            nights, or ``none``.
        clip: Largest absolute value that leaves a normalised channel, or None.

    Raises:
        ConfigError: The kind is unknown, or the limit invalid.
    """

    mean: Tensor
    inverse_scale: Tensor

    def __init__(self, n_channels: int, *, kind: str = "none", clip: float | None = None) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.kind = check_choice("kind", kind, ("standard", "none"))
        self.clip = _checked_clip(clip, kind)
        self.register_buffer("mean", torch.zeros(n_channels, dtype=torch.float64))
        self.register_buffer("inverse_scale", torch.ones(n_channels, dtype=torch.float64))

    @classmethod
    def fitted(
        cls,
        values: NDArray[np.float32] | NDArray[np.float64],
        *,
        kind: str,
        clip: float | None = None,
    ) -> Self:
        """Return a new transform fitted on the training nights ``(rows, C)``."""
        transform = cls(values.shape[1], kind=kind, clip=clip)
        transform.fit(values)
        return transform

    def config(self) -> PlainConfig:
        """Return the plain constructor arguments that rebuild this transform."""
        return {"n_channels": self.n_channels, "kind": self.kind, "clip": self.clip}

    def fit(self, values: NDArray[np.float32] | NDArray[np.float64]) -> None:
        """Set the buffers from the nights of all training sequences.

        A channel that does not vary in training carries nothing and becomes 0.

        Args:
            values: ``(rows, C)``, real nights only, no padding.

        Raises:
            DataError: There are no rows, another number of channels, or a value is
                not finite.
        """
        if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] != self.n_channels:
            raise DataError(
                f"a transform of {self.n_channels} channels needs nights of as many and at "
                f"least one night, got an array of shape {values.shape}"
            )
        if self.kind == "none":
            return
        for i in range(self.n_channels):
            channel = np.asarray(values[:, i], dtype=np.float64)
            if not np.isfinite(channel).all():
                row = int(np.flatnonzero(~np.isfinite(channel))[0])
                raise DataError(
                    f"sequences must be finite, got {channel[row]} in channel {i} of night {row}"
                )
            self.mean[i] = float(channel.mean())
            self.inverse_scale[i] = 0.0 if is_constant(channel) else 1.0 / float(channel.std())

    @torch.no_grad()
    def forward(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Normalise the nights.

        Args:
            sequences: ``(N, T, C)``, zero behind each sequence's end.
            lengths: ``(N,) int64``.

        Returns:
            ``(N, T, C) float32``, finite for finite input, zero behind each end.
        """
        if self.kind == "none":
            return sequences.clamp(-RAW_LIMIT, RAW_LIMIT).to(torch.float32)
        values = (sequences.to(torch.float64) - self.mean) * self.inverse_scale
        limit = STANDARDISED_LIMIT if self.clip is None else self.clip
        values = values.clamp(-limit, limit).to(torch.float32)
        step = torch.arange(sequences.shape[1], device=sequences.device)
        real = step < lengths.to(sequences.device)[:, None]
        return values * real[:, :, None]


def _checked_clip(clip: float | None, kind: str) -> float | None:
    if clip is None:
        return None
    if isinstance(clip, bool) or not isinstance(clip, int | float) or not clip > 0:
        raise ConfigError(f"clip must be a positive number of standard deviations, got {clip!r}")
    if kind == "none":
        raise ConfigError(
            f"clip is a number of standard deviations, and kind=none has none: got {clip!r}"
        )
    return min(float(clip), STANDARDISED_LIMIT)
