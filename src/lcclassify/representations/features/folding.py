"""The shape of a folded light curve: of its Fourier series, and of the observations themselves."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_quick
from lcclassify.representations.features.harmonics import HARMONICS

FloatArray = NDArray[np.float64]

_PHASES: Final = 64  # of a curve
_ANGLES: Final = 2 * np.pi * np.arange(_PHASES) / _PHASES
# (2 HARMONICS + 1, _PHASES): 1, then cosine and sine of each harmonic.
_WAVES: Final = np.array(
    [
        np.ones(_PHASES),
        *(f(h * _ANGLES) for h in range(1, HARMONICS + 1) for f in (np.cos, np.sin)),
    ]
)


@compiled_quick
def ratios(coefficients: FloatArray, out: FloatArray) -> None:
    """Write R21, R31, φ21 and φ31 of a series: its harmonics against the first.

    A cosine series Σ A_h cos(hφ + φ_h) has R_h1 = A_h / A_1, φ_h1 = φ_h - h φ_1, which no
    choice of time zero changes. The angles are radians from 0 to 2π.

    Args:
        coefficients: Of `series`.
        out: ``(4,)``.

    References:
        Simon & Lee 1981, ApJ 248, 291.
    """
    first = np.hypot(coefficients[1], coefficients[2])
    phase = np.arctan2(-coefficients[2], coefficients[1])
    for h in range(2, 4):
        cos, sin = coefficients[2 * h - 1], coefficients[2 * h]
        out[h - 2] = np.hypot(cos, sin) / first
        out[h] = (np.arctan2(-sin, cos) - h * phase) % (2 * np.pi)


@compiled_quick
def drawn(coefficients: FloatArray, curve: FloatArray) -> None:
    """Write a series at 64 even phases.

    Args:
        coefficients: Of `series`.
        curve: ``(64,)``.
    """
    curve[:] = 0.0
    for a in range(len(coefficients)):
        for k in range(_PHASES):
            curve[k] += coefficients[a] * _WAVES[a, k]


@compiled_quick
def single(curve: FloatArray, out: FloatArray) -> None:
    """Describe a curve that has one maximum a cycle.

    Args:
        curve: ``(64,)`` of `drawn`.
        out: ``(4,)``, written to: the share of the cycle from minimum to maximum, the place
            of the mean between minimum and maximum, and the shares of the cycle that the
            minimum and the maximum take at half their depth and height.
    """
    low, high = int(np.argmin(curve)), int(np.argmax(curve))
    depth = curve[high] - curve[low]
    out[0] = ((high - low) % _PHASES) / _PHASES
    out[1] = (curve.mean() - curve[low]) / depth
    half = curve[low] + depth / 2
    out[2] = _run(curve, low, half, -1.0)
    out[3] = _run(curve, high, half, 1.0)


@compiled_quick
def _run(curve: FloatArray, start: int, level: float, sign: float) -> float:
    """Return the share of the cycle about a phase that is beyond a level."""
    size = 1
    for step in (1, -1):
        k = 1
        while size < _PHASES and sign * (curve[(start + step * k) % _PHASES] - level) > 0:
            k += 1
            size += 1
    return size / _PHASES


@compiled_quick
def double(coefficients: FloatArray, curve: FloatArray, out: FloatArray) -> None:
    """Describe a curve that has two minima a cycle, as of stars that eclipse each other.

    Args:
        coefficients: Of `series`.
        curve: ``(64,)`` of `drawn`.
        out: ``(3,)``, written to: the second minimum's depth over the first's, their distance
            as a share of the cycle, at most half, and the odd harmonics' share of the power,
            0 where both halves of the cycle are equal.
    """
    low = int(np.argmin(curve))
    top = curve.max()
    second = (low + _PHASES // 2) % _PHASES
    for k in range(_PHASES // 4, 3 * _PHASES // 4 + 1):
        if curve[(low + k) % _PHASES] < curve[second]:
            second = (low + k) % _PHASES
    distance = (second - low) % _PHASES
    out[0] = (top - curve[second]) / (top - curve[low])
    out[1] = min(distance, _PHASES - distance) / _PHASES
    odd, total = 0.0, 0.0
    for h in range(1, HARMONICS + 1):
        power = coefficients[2 * h - 1] ** 2 + coefficients[2 * h] ** 2
        total += power
        if h % 2:
            odd += power
    out[2] = odd / total


@compiled_quick
def roughness(
    place: FloatArray, value: FloatArray, variance: FloatArray, frequency: float
) -> float:
    """Return the von Neumann ratio of the observations in the order of phase.

    Args:
        place: ``(n,)`` times.
        value: ``(n,)``.
        variance: ``(n,)`` of the errors; where it is infinite the observation is left out.
        frequency: In cycles per unit of `place`.

    Returns:
        The weighted mean square of the differences of neighbours over twice that of the
        values: near 1 of a wrong frequency, near 0 of a curve without noise.
    """
    phase = np.empty(len(place))
    for i in range(len(place)):
        cycles = frequency * place[i]
        phase[i] = cycles - np.floor(cycles)
    order = np.argsort(phase)
    last = -1
    above, below = 0.0, 0.0
    for i in order:
        if not variance[i] < np.inf:
            continue
        if last >= 0:
            weight = 1 / (variance[i] + variance[last] + 2)
            above += weight * (value[i] - value[last]) ** 2
            below += weight * (value[i] ** 2 + value[last] ** 2)
        last = i
    return above / below if below > 0 else np.nan
