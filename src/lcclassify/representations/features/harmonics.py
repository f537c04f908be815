"""Fourier series of a curve at one frequency, by weighted least squares."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving

FloatArray = NDArray[np.float64]

HARMONICS: Final = 4  # at most
_SIZE: Final = 2 * HARMONICS + 1


@compiled_forgiving
def moments(
    place: FloatArray, value: FloatArray, weight: FloatArray, frequency: float, sums: FloatArray
) -> None:
    """Sum up what the series of up to `HARMONICS` harmonics at a frequency need.

    Args:
        place: ``(n,)`` times.
        value: ``(n,)``.
        weight: ``(n,)``, not negative.
        frequency: In cycles per unit of `place`.
        sums: ``(4, 2 HARMONICS + 1)``, written to: of the weights times cos(hφ), times
            sin(hφ), and of weighted values times these, h from 0.
    """
    sums[:] = 0.0
    for i in range(len(place)):
        own = weight[i]
        if own == 0.0:
            continue
        angle = 2 * np.pi * frequency * place[i]
        cos, sin = np.cos(angle), np.sin(angle)
        c, s = own, 0.0
        y = value[i]
        for h in range(HARMONICS + 1):
            sums[0, h] += c
            sums[1, h] += s
            sums[2, h] += y * c
            sums[3, h] += y * s
            c, s = c * cos - s * sin, c * sin + s * cos
        for h in range(HARMONICS + 1, _SIZE):
            sums[0, h] += c
            sums[1, h] += s
            c, s = c * cos - s * sin, c * sin + s * cos


@compiled_forgiving
def series(sums: FloatArray, n_harmonics: int, coefficients: FloatArray) -> float:
    """Fit a constant and harmonics, and return the drop of chi-square against the constant.

    Args:
        sums: Of `moments`.
        n_harmonics: H, from 1 to `HARMONICS`.
        coefficients: ``(2 HARMONICS + 1,)``, written to: the constant, then cosine and sine of
            each harmonic in turn.

    Returns:
        The drop, NaN where the observations do not decide the series.
    """
    size = 2 * n_harmonics + 1
    matrix = np.empty((size, size))
    for a in range(size):
        h = (a + 1) // 2
        is_sin = a > 0 and a % 2 == 0
        coefficients[a] = sums[3, h] if is_sin else sums[2, h]
        for b in range(a + 1):
            k = (b + 1) // 2
            other = b > 0 and b % 2 == 0
            # h >= k: products of two are halves of sums and differences of angles.
            if is_sin and other:
                matrix[a, b] = (sums[0, h - k] - sums[0, h + k]) / 2
            elif is_sin:
                matrix[a, b] = (sums[1, h + k] + sums[1, h - k]) / 2
            elif other:
                matrix[a, b] = (sums[1, h + k] - sums[1, h - k]) / 2
            else:
                matrix[a, b] = (sums[0, h - k] + sums[0, h + k]) / 2
    # Cholesky: the squares of the half-solved right side are each column's drop.
    drop = 0.0
    for a in range(size):
        for b in range(a + 1):
            total = matrix[a, b]
            for k in range(b):
                total -= matrix[a, k] * matrix[b, k]
            if b < a:
                matrix[a, b] = total / matrix[b, b]
            elif total > 1e-9 * sums[0, 0]:
                matrix[a, a] = np.sqrt(total)
            else:
                return np.nan
        total = coefficients[a]
        for k in range(a):
            total -= matrix[a, k] * coefficients[k]
        coefficients[a] = total / matrix[a, a]
        if a > 0:
            drop += coefficients[a] ** 2
    for a in range(size - 1, -1, -1):
        total = coefficients[a]
        for k in range(a + 1, size):
            total -= matrix[k, a] * coefficients[k]
        coefficients[a] = total / matrix[a, a]
    coefficients[size:] = 0.0
    return drop


@compiled_forgiving
def adjusted(drop: float, chi_square: float, count: int, n_harmonics: int) -> float:
    """Return the share of chi-square that a series explains, less what chance explains.

    Args:
        drop: Of `series`.
        chi_square: Against a constant.
        count: Number of observations.
        n_harmonics: H.

    Returns:
        The adjusted coefficient of determination, at most 1; NaN where there are no more
        observations than coefficients.
    """
    left = count - 2 * n_harmonics - 1
    if left < 1 or not chi_square > 0:
        return np.nan
    return 1 - (1 - drop / chi_square) * (count - 1) / left
