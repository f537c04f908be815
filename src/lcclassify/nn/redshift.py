"""The redshift of an object as a distribution, and how it joins what classifies the object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lcclassify.checks import check_keys, is_number, is_whole
from lcclassify.errors import ConfigError
from lcclassify.nn.posterior import GRID_END, posteriors
from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import Batch, InputSizes, PlainConfig

FloatArray = NDArray[np.float64]

MEDIAN: Final = 0.5
# Levels of the quantiles that trees estimate from the light curve.
SEEN_LEVELS: Final = (0.16, 0.5, 0.84)


@dataclass(frozen=True)
class PosteriorSettings:
    """How the light curve's and the photometric redshift come together.

    Attributes:
        levels: L levels of the quantiles, ascending between 0 and 1 with 0.5 among them.
        error_limits: Of the photometric redshift's error over 1 + z, the lower and the upper.
        spread: Factor on the distances of the light curve's quantiles.
        freedom: Degrees of freedom of Student's t about its median.
        least_spread: Smallest of these distances, in ln(1 + z).

    Raises:
        ConfigError: A value is impossible.
    """

    levels: tuple[float, ...]
    error_limits: tuple[float, float]
    spread: float
    freedom: float
    least_spread: float

    def __post_init__(self) -> None:
        levels, limits = _numbers(self.levels), _numbers(self.error_limits)
        if len(levels) < 2 or not _ascending((0.0, *levels, 1.0)) or MEDIAN not in levels:
            raise ConfigError(
                f"redshift.levels must ascend between 0 and 1 with {MEDIAN} among them, "
                f"got {self.levels!r}"
            )
        if len(limits) != 2 or not _ascending((0.0, *limits)):
            raise ConfigError(
                "redshift.error_limits must be two ascending numbers above 0, "
                f"got {self.error_limits!r}"
            )
        for name in ("spread", "freedom", "least_spread"):
            if not (is_number(value := getattr(self, name)) and value > 0):
                raise ConfigError(f"redshift.{name} must be a number above 0, got {value!r}")
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "error_limits", limits)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns that join the inputs.

        Example:
            >>> PosteriorSettings((0.16, 0.5), (0.01, 0.1), 1.3, 2.0, 0.03).column_names
            ('redshift_q16', 'redshift_q50', 'redshift_estimate', 'redshift_reach')
        """
        digits = [f"{level:.6f}".split(".")[1].rstrip("0").ljust(2, "0") for level in self.levels]
        return (*(f"redshift_q{one}" for one in digits), "redshift_estimate", "redshift_reach")


class RedshiftEstimator(nn.Module):
    """The redshift's posterior, of light curve and photometric redshift.

    Trees give three quantiles of ln(1 + z) from features that know nothing of the photometric
    redshift, which stand for a density: Student's t with a width for each side. It is
    multiplied by the likelihood of the photometric redshift, a table of how far those of
    training objects are from the spectroscopic ones, in units of their errors and for a number
    of errors. A photometric redshift of exactly 0 says that the object is of the Galaxy, as in
    PLAsTiCC's tables: then all is 0. Where it is unknown the light curve alone counts.

    Args:
        n_features: F.
        posterior: Arguments of `PosteriorSettings`.
        photometric: Column of the photometric redshift among the features, or None.
        error: Column of its error, or None.
        n_errors: Errors in the table.
        n_deviations: Deviations in the table.
        trees: Sizes of the trees: ``n_trees``, ``n_splits`` and ``n_leaves``.

    Raises:
        ConfigError: A value is impossible.
    """

    log_errors: Tensor
    deviations: Tensor
    densities: Tensor

    def __init__(
        self,
        n_features: int,
        *,
        posterior: PlainConfig,
        photometric: int | None,
        error: int | None,
        n_errors: int,
        n_deviations: int,
        trees: PlainConfig,
    ) -> None:
        super().__init__()
        check_keys("redshift.posterior", posterior, PosteriorSettings.__dataclass_fields__)
        self.posterior = PosteriorSettings(**posterior)
        self.n_features = n_features
        for name, column in (("photometric", photometric), ("error", error)):
            if column is not None and not (is_whole(column) and 0 <= column < n_features):
                raise ConfigError(
                    f"redshift.{name} must be one of {n_features} columns, got {column!r}"
                )
        self.photometric, self.error = photometric, error
        if not (is_whole(n_errors) and n_errors >= 1):
            raise ConfigError(f"redshift.n_errors must be at least 1, got {n_errors!r}")
        if not (is_whole(n_deviations) and n_deviations >= 2):
            raise ConfigError(f"redshift.n_deviations must be at least 2, got {n_deviations!r}")
        self.register_buffer("log_errors", torch.zeros(n_errors, dtype=torch.float64))
        self.register_buffer("deviations", torch.zeros(n_deviations, dtype=torch.float64))
        self.register_buffer("densities", torch.zeros((n_errors, n_deviations)).double())
        self.trees = BoostedTrees(InputSizes(n_features, 0, 0, len(SEEN_LEVELS), 1), **trees)
        # Numbers from a stranger's file must not lead out of the table.
        self.register_load_state_dict_post_hook(_check_loaded)  # type: ignore[no-untyped-call]

    @property
    def n_columns(self) -> int:
        """Columns that join the features and the context."""
        return len(self.posterior.column_names)

    def forward(self, batch: Batch) -> Tensor:
        """Return what joins the inputs of raw features ``(N, F)``, on the device of the batch.

        Returns:
            ``(N, L + 2) float64``: quantiles of the redshift, the redshift within 0.03 (1 + z)
            of which it most probably is, and how far the outer quantiles are apart.
        """
        prior = self.posterior
        seen = self.trees(batch).sort(dim=1).values
        found = posteriors(
            seen.cpu().numpy(),
            *self.catalogued(batch.features.to("cpu", torch.float64).numpy()),
            self.log_errors.cpu().numpy(),
            self.deviations.cpu().numpy(),
            self.densities.cpu().numpy(),
            np.array(prior.levels),
            (prior.spread, prior.freedom, prior.least_spread),
        )
        reach = found[:, len(prior.levels) - 1] - found[:, 0]
        columns = np.concatenate([found, reach[:, None]], axis=1)
        return torch.from_numpy(columns).to(batch.features.device)

    def catalogued(self, features: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the photometric redshift, its error over 1 + z, and that error within limits.

        All are ``(N,)``; a redshift is NaN where it is not known, and an unknown error the
        largest.
        """
        redshift = np.full(len(features), np.nan)
        if self.photometric is not None:
            given = features[:, self.photometric]
            redshift = np.where((given >= 0) & (given < math.expm1(GRID_END)), given, np.nan)
        error = np.full(len(features), self.posterior.error_limits[1])
        if self.error is not None:
            given = features[:, self.error] / (1 + redshift)
            error = np.where(np.isfinite(given) & (given >= 0), given, error)
        return redshift, error, np.clip(error, *self.posterior.error_limits)

    @torch.no_grad()
    def joined(self, batch: Batch) -> Batch:
        """Return a batch whose features and context have these columns at their ends."""
        return with_columns(batch, self(batch))

    def config(self) -> PlainConfig:
        """Return the plain configuration from which `from_config` rebuilds the shape."""
        posterior = asdict(self.posterior)
        return {
            "n_features": self.n_features,
            "posterior": {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in posterior.items()
            },
            "photometric": self.photometric,
            "error": self.error,
            "n_errors": len(self.log_errors),
            "n_deviations": len(self.deviations),
            "trees": {k: v for k, v in self.trees.config().items() if k != "_target_"},
        }

    @classmethod
    def from_config(cls, config: PlainConfig) -> Self:
        """Build an estimator that waits for ``load_state_dict``.

        Raises:
            ConfigError: A key is missing, unknown or invalid.
        """
        if not isinstance(config, Mapping) or not isinstance(config.get("posterior"), Mapping):
            raise ConfigError("an estimator of redshifts must be a mapping with its posterior")
        try:
            return cls(**config)
        except TypeError as problem:
            raise ConfigError(f"an estimator of redshifts is invalid: {problem}") from None

    def check(self) -> None:
        """See that the table can be read.

        Raises:
            ConfigError: Its errors or deviations do not ascend, or a density is negative.
        """
        for name in ("log_errors", "deviations"):
            if not _ascending(getattr(self, name).tolist()):
                raise ConfigError(f"the redshift's table is damaged: its {name} do not ascend")
        if bool((self.densities < 0).any()):
            raise ConfigError("the redshift's table is damaged: a density is negative")


def with_columns(batch: Batch, columns: Tensor) -> Batch:
    """Return a batch with columns ``(N, n)`` at the ends of its features and context."""
    return batch._replace(
        features=torch.cat([batch.features, columns.to(batch.features.dtype)], dim=1),
        context=torch.cat([batch.context, columns.to(batch.context.dtype)], dim=1),
    )


def _check_loaded(module: RedshiftEstimator, _: object) -> None:
    module.check()


def _numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, Sequence) or not all(is_number(value) for value in values):
        return ()
    return tuple(float(value) for value in values)


def _ascending(values: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(values))
