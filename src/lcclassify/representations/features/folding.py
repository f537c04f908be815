"""The shape of a folded light curve: of its Fourier series, and of the observations themselves."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.features.harmonics import HARMONICS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PHASES: Final = 64  # of a curve
_ANGLES: Final = 2 * np.pi * np.arange(PHASES) / PHASES
# (2 HARMONICS + 1, PHASES): 1, then cosine and sine of each harmonic.
_WAVES: Final = np.array(
    [
        np.ones(PHASES),
        *(f(h * _ANGLES) for h in range(1, HARMONICS + 1) for f in (np.cos, np.sin)),
    ]
)


@compiled_forgiving
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


@compiled_forgiving
def draw(coefficients: FloatArray, curve: FloatArray) -> None:
    """Write a series at 64 even phases.

    Args:
        coefficients: Of `series`.
        curve: ``(64,)``.
    """
    curve[:] = 0.0
    for a in range(len(coefficients)):
        for k in range(PHASES):
            curve[k] += coefficients[a] * _WAVES[a, k]


@compiled_forgiving
def at(coefficients: FloatArray, angle: float) -> float:
    """Return a series at an angle in radians, but for its constant."""
    cos, sin = np.cos(angle), np.sin(angle)
    c, s, total = cos, sin, 0.0
    for h in range(1, HARMONICS + 1):
        total += coefficients[2 * h - 1] * c + coefficients[2 * h] * s
        c, s = c * cos - s * sin, c * sin + s * cos
    return total


@compiled_forgiving
def extremes(curve: FloatArray) -> tuple[int, int]:
    """Return the positions of the minimum and the maximum."""
    low, high = 0, 0
    for k in range(1, len(curve)):
        if curve[k] < curve[low]:
            low = k
        if curve[k] > curve[high]:
            high = k
    return low, high


@compiled_forgiving
def single(curve: FloatArray, out: FloatArray) -> None:
    """Describe a curve that has one maximum a cycle.

    Args:
        curve: ``(64,)`` of `draw`.
        out: ``(4,)``, written to: the share of the cycle from minimum to maximum, the place
            of the mean between minimum and maximum, and the shares of the cycle that the
            minimum and the maximum take at half their depth and height.
    """
    low, high = extremes(curve)
    depth = curve[high] - curve[low]
    mean = 0.0
    for k in range(PHASES):
        mean += curve[k] / PHASES
    out[0] = ((high - low) % PHASES) / PHASES
    out[1] = (mean - curve[low]) / depth
    half = curve[low] + depth / 2
    out[2] = _run(curve, low, half, -1.0)
    out[3] = _run(curve, high, half, 1.0)


@compiled_forgiving
def _run(curve: FloatArray, start: int, level: float, sign: float) -> float:
    """Return the share of the cycle about a phase that is beyond a level."""
    after = 1
    while after < PHASES and sign * (curve[(start + after) % PHASES] - level) > 0:
        after += 1
    before = 1
    while before < PHASES and sign * (curve[(start - before) % PHASES] - level) > 0:
        before += 1
    return (before + after - 1) / PHASES


@compiled_forgiving
def double(coefficients: FloatArray, curve: FloatArray, out: FloatArray) -> None:
    """Describe a curve that has two minima a cycle, such as of stars that eclipse each other.

    Args:
        coefficients: Of `series`.
        curve: ``(64,)`` of `draw`.
        out: ``(3,)``, written to: the second minimum's depth over the first's, their distance
            as a share of the cycle, at most half, and the odd harmonics' share of the power,
            0 where both halves of the cycle are equal.
    """
    low, high = extremes(curve)
    top = curve[high]
    second = (low + PHASES // 2) % PHASES
    for k in range(PHASES // 4, 3 * PHASES // 4 + 1):
        if curve[(low + k) % PHASES] < curve[second]:
            second = (low + k) % PHASES
    distance = (second - low) % PHASES
    out[0] = (top - curve[second]) / (top - curve[low])
    out[1] = min(distance, PHASES - distance) / PHASES
    odd, total = 0.0, 0.0
    for h in range(1, HARMONICS + 1):
        power = coefficients[2 * h - 1] ** 2 + coefficients[2 * h] ** 2
        total += power
        if h % 2:
            odd += power
    out[2] = odd / total


@compiled_forgiving
def _by_phase(place: FloatArray, variance: FloatArray, frequency: float) -> IntArray:
    """Return the places in `place` of finite variances, in the order of phase.

    Phases are spread over the cycle: put into as many cells as there are, they are almost
    in order.
    """
    n = len(place)
    phase = np.empty(n)
    first = np.zeros(n + 1, np.int64)
    for i in range(n):
        cycles = frequency * place[i]
        phase[i] = cycles - np.floor(cycles)
        if variance[i] < np.inf:
            first[min(int(phase[i] * n), n - 1) + 1] += 1
    for cell in range(n):
        first[cell + 1] += first[cell]
    order = np.empty(first[n], np.int64)
    for i in range(n):
        if variance[i] < np.inf:
            cell = min(int(phase[i] * n), n - 1)
            order[first[cell]] = i
            first[cell] += 1
    for k in range(1, len(order)):
        here = order[k]
        j = k
        while j > 0 and phase[order[j - 1]] > phase[here]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = here
    return order


@compiled_forgiving
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
        values, the errors' part taken from both: near 1 of a wrong frequency, near 0 of a
        curve. NaN where the errors explain all.
    """
    last = -1
    above, below = 0.0, 0.0
    for i in _by_phase(place, variance, frequency):
        if last >= 0:
            noise = variance[i] + variance[last]
            weight = 1 / (noise + 2)
            above += weight * ((value[i] - value[last]) ** 2 - noise)
            below += weight * (value[i] ** 2 + value[last] ** 2 - noise)
        last = i
    return above / below if below > 0 else np.nan
