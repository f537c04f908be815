"""The Yeo-Johnson power transform and its fit, robust to columns of any range."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Where the plain fit fails, the power is sought here: every power outside makes
# numbers that float64 cannot hold for the columns that fail.
_FALLBACK_RANGE = (-2.0, 4.0)
_EPSILON = float(np.finfo(np.float64).eps)


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
_TOLERANCE = 1.48e-8  # of the power, as SciPy's search has it


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
    from scipy.optimize import fminbound  # for fitting alone, and slow to import

    cost = _cost(values)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for low, high in (_safe_range(values), _FALLBACK_RANGE):
            if low < high:  # not of columns of huge values of both signs
                power = float(fminbound(cost, low, high, xtol=_TOLERANCE))
                if _usable(values, power):
                    return power
    return 1.0


def is_constant(values: NDArray[np.float64]) -> bool:
    """Whether finite values differ by no more than the rounding of their mean."""
    spread = float(np.abs(values).max())
    if spread == 0:
        return True
    scaled = values / spread  # the square of a huge value would overflow
    return _is_flat(*_moments(scaled, np.empty_like(scaled)), values.size)


def _moments(
    values: NDArray[np.float64], work: NDArray[np.float64]
) -> tuple[np.float64, np.float64]:
    """Return mean and variance; `work`, which may be the values' own array, is overwritten.

    To the bit those of NumPy, whose functions spend most of their time around the sums if a
    column is short.
    """
    mean: np.float64 = np.add.reduce(values) / values.size
    np.subtract(values, mean, out=work)
    variance: np.float64 = np.add.reduce(np.multiply(work, work, out=work)) / values.size
    return mean, variance


def _is_flat(mean: np.float64, variance: np.float64, n: int) -> bool:
    """Whether a variance of n values is no more than the rounding of their mean."""
    rounding = n * _EPSILON
    return bool(variance <= rounding * variance + (mean * rounding) ** 2)


def _usable(values: NDArray[np.float64], power: float) -> bool:
    if not np.isfinite(power):
        return False
    moved = _transform(values, power)
    return bool(np.isfinite(moved).all()) and not is_constant(moved)


def _safe_range(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return powers between which float64 holds the variance of what they make of a column.

    The powers that take twenty times the largest value to the square roots of the smallest and
    largest numbers: what `scipy.stats.yeojohnson_normmax` searches.
    """
    limits = np.finfo(np.float64)
    largest = float(np.log1p(20 * np.abs(values).max()))
    low = float(np.log(limits.tiny) - np.log(limits.eps)) / 2 / largest
    high = float(np.log(limits.max) + np.log(limits.eps)) / 2 / largest
    if (values >= 0).all():
        return low, high
    if (values < 0).all():
        return 2 - high, 2 - low
    return max(2 - high, low), min(2 - low, high)


def _cost(values: NDArray[np.float64]) -> Callable[[float], float]:
    """Return the negative log-likelihood a value as a function of the power.

    It is infinite where a value overflows or all become equal. Of what does not depend on the
    power, logarithms and signs, each is computed once: a search asks for some twenty powers, and
    fits of hundreds of columns are a large part of a short training.
    """
    sizes = np.log1p(np.abs(values))
    above, below = sizes[values >= 0], sizes[values < 0]
    n = sizes.size
    jacobian = (above.sum() - below.sum()) / n
    moved, work = np.empty_like(sizes), np.empty_like(sizes)
    upper, lower = moved[: above.size], moved[above.size :]

    def cost(power: float) -> float:
        _grow(above, power, out=upper)
        if below.size:
            _grow(below, 2.0 - power, out=lower)
            np.negative(lower, out=lower)
        spread = np.maximum.reduce(np.abs(moved, out=work))
        if not math.isfinite(spread) or spread == 0:
            return float("inf")
        scaled = np.divide(moved, spread, out=work)  # the square of a huge value would overflow
        mean, variance = _moments(scaled, work)
        if _is_flat(mean, variance, n):
            return float("inf")
        log_variance = np.log(variance) + 2 * np.log(spread)
        return float(0.5 * log_variance - (power - 1) * jacobian)

    return cost


def _grow(sizes: NDArray[np.float64], power: float, *, out: NDArray[np.float64]) -> None:
    """Write ((1 + |x|)^power - 1) / power, of the logarithms of 1 + |x|."""
    if abs(power) < _EPSILON:
        out[:] = sizes
        return
    np.multiply(sizes, power, out=out)
    np.expm1(out, out=out)
    np.divide(out, power, out=out)


def _transform(values: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    column = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))[:, None]
    moved: NDArray[np.float64] = yeo_johnson(column, torch.tensor([power], dtype=torch.float64))[
        :, 0
    ].numpy()
    return moved
