"""The Yeo-Johnson power transform and its fit, robust to columns of any range."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Where the plain fit fails, the power is sought here: every power outside makes
# numbers that float64 cannot hold for the columns that fail.
_FALLBACK_RANGE = (-2.0, 4.0)


def yeo_johnson(values: Tensor, powers: Tensor) -> Tensor:
    """Transform values by Yeo & Johnson's (2000) power transform.

    Args:
        values: ``(N, F) float64``, finite.
        powers: ``(F,) float64``, the lambda of each column.

    Returns:
        ``(N, F) float64``; infinite where the power overflows.

    References:
        Yeo & Johnson 2000, Biometrika 87, 954.
    """
    positive = values >= 0
    size = torch.log1p(values.abs())
    # Below zero the transform is that of -values with the power 2 - lambda.
    power = torch.where(positive, powers, 2.0 - powers)
    flat = power.abs() < torch.finfo(torch.float64).eps
    safe = torch.where(flat, torch.ones_like(power), power)
    grown = torch.where(flat, size, torch.expm1(safe * size) / safe)
    return torch.where(positive, grown, -grown)


_MOST = 200_000  # values that the power is found from; more take minutes and tell little


def fit_power(values: NDArray[np.float64]) -> float:
    """Find the power that makes a column most like a normal distribution.

    Args:
        values: ``(n,) float64``, finite.

    Returns:
        The lambda that `sklearn.preprocessing.PowerTransformer` finds. 1, the
        identity, for fewer than two distinct values. Where that one overflows or
        flattens the column to a constant, the most likely lambda from -2 to 4. Of very long
        columns every n-th value tells.
    """
    values = values[:: -(-values.size // _MOST) or 1]
    if values.size < 2 or is_constant(values):
        return 1.0
    from scipy import optimize, stats  # for fitting alone, and slow to import

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            power = float(stats.yeojohnson(values, lmbda=None)[1])
        except (ValueError, FloatingPointError, RuntimeError):
            power = float("nan")
        if _usable(values, power):
            return power
        low, high = _FALLBACK_RANGE
        power = float(
            optimize.minimize_scalar(
                lambda p: _cost(values, float(p)), bounds=(low, high), method="bounded"
            ).x
        )
    return power if _usable(values, power) else 1.0


def is_constant(values: NDArray[np.float64]) -> bool:
    """Whether finite values differ by no more than the rounding of their mean."""
    spread = float(np.abs(values).max())
    if spread == 0:
        return True
    scaled = values / spread  # the square of a huge value would overflow
    rounding = values.size * np.finfo(np.float64).eps
    return bool(scaled.var() <= rounding * scaled.var() + (scaled.mean() * rounding) ** 2)


def _usable(values: NDArray[np.float64], power: float) -> bool:
    if not np.isfinite(power):
        return False
    moved = _transform(values, power)
    return bool(np.isfinite(moved).all()) and not is_constant(moved)


def _cost(values: NDArray[np.float64], power: float) -> float:
    """Return the negative log-likelihood a value, infinite where it overflows."""
    moved = _transform(values, power)
    spread = np.abs(moved).max()
    if not np.isfinite(spread) or is_constant(moved):
        return float("inf")
    log_variance = np.log((moved / spread).var()) + 2 * np.log(spread)
    jacobian = (power - 1) * np.mean(np.sign(values) * np.log1p(np.abs(values)))
    return float(0.5 * log_variance - jacobian)


def _transform(values: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    column = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))[:, None]
    moved: NDArray[np.float64] = yeo_johnson(column, torch.tensor([power], dtype=torch.float64))[
        :, 0
    ].numpy()
    return moved
