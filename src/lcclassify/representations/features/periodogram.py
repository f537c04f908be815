"""The spectrum of a light curve, quickly: which frequencies are worth a closer look.

A spectrum of times within a span T varies no faster than 1 / T, so that sums over the
observations are taken at steps of 1 / 2T only and those between, wanted at steps of 1 / 10T,
are interpolated. The sums are products of small tables of complex exponentials.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

OVERSAMPLING: Final = 5  # places wanted for each that is summed
_BLOCK: Final = 64  # summed frequencies of a block
_HALF: Final = _BLOCK // 2
_REACH: Final = 5  # summed values on each side that an interpolated one is made of
_TAPS: Final = 2 * _REACH


def _kernels() -> SingleArray:
    """Return the weights of interpolation, ``(OVERSAMPLING, 2 _REACH)``.

    A sinc that passes what lies within the span, tapered by a Kaiser window.
    """
    offset = np.arange(OVERSAMPLING) / OVERSAMPLING
    distance = np.arange(1 - _REACH, _REACH + 1)[None, :] - offset[:, None]
    window = np.i0(7.5 * np.sqrt(np.maximum(1 - (distance / _REACH) ** 2, 0))) / np.i0(7.5)
    weights = np.sinc(distance) * window
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


_KERNELS: Final = _kernels()


@compiled_forgiving
def power_spectrum(place: FloatArray, values: FloatArray, first: int, last: int) -> SingleArray:
    """Return |Σ values exp(-2πi f place)|² at f = k / 10 for k from `first` to before `last`.

    Args:
        place: ``(n,)`` times from the middle of the span, divided by it: -0.5 to 0.5.
        values: ``(n,)``, of order 1.
        first: The first k, at least 0.
        last: One beyond the last k.

    Returns:
        ``(last - first,) float32``.
    """
    n = len(place)
    # Summed values from low on, _REACH of them before the first one.
    low = first // OVERSAMPLING - _REACH
    high = last // OVERSAMPLING + _REACH + 1
    n_blocks = (high - low + _BLOCK - 1) // _BLOCK
    # Of a number that four do not divide the others count nothing.
    padded = (n + 3) // 4 * 4
    # What lies as far below the middle of a block as another above it has the same cosine and the
    # opposite sine: each pair of sums is of the same four products.
    table_re = np.zeros((padded, _HALF), np.float32)
    table_im = np.zeros((padded, _HALF), np.float32)
    now_re = np.zeros(padded)
    now_im = np.zeros(padded)
    step_re = np.zeros(padded)
    step_im = np.zeros(padded)
    for i in range(n):
        angle = -np.pi * place[i]
        cos, sin = np.cos(angle), np.sin(angle)
        c, s = np.cos(angle / 2), np.sin(angle / 2)
        for j in range(_HALF):
            table_re[i, j] = c
            table_im[i, j] = s
            c, s = c * cos - s * sin, c * sin + s * cos
        step_re[i] = np.cos(_BLOCK * angle)
        step_im[i] = np.sin(_BLOCK * angle)
        middle = (low + _HALF - 0.5) * angle
        now_re[i] = values[i] * np.cos(middle)
        now_im[i] = values[i] * np.sin(middle)
    re = np.zeros(n_blocks * _BLOCK, np.float32)
    im = np.zeros(n_blocks * _BLOCK, np.float32)
    sums = np.empty((4, _HALF), np.float32)
    for block in range(n_blocks):
        sums[:] = 0.0
        re_cos, im_sin, re_sin, im_cos = sums[0], sums[1], sums[2], sums[3]
        for i in range(0, padded, 4):
            c_0, c_1, c_2, c_3 = table_re[i], table_re[i + 1], table_re[i + 2], table_re[i + 3]
            s_0, s_1, s_2, s_3 = table_im[i], table_im[i + 1], table_im[i + 2], table_im[i + 3]
            a_0, b_0 = np.float32(now_re[i]), np.float32(now_im[i])
            a_1, b_1 = np.float32(now_re[i + 1]), np.float32(now_im[i + 1])
            a_2, b_2 = np.float32(now_re[i + 2]), np.float32(now_im[i + 2])
            a_3, b_3 = np.float32(now_re[i + 3]), np.float32(now_im[i + 3])
            for j in range(_HALF):
                re_cos[j] += (a_0 * c_0[j] + a_1 * c_1[j]) + (a_2 * c_2[j] + a_3 * c_3[j])
                im_sin[j] += (b_0 * s_0[j] + b_1 * s_1[j]) + (b_2 * s_2[j] + b_3 * s_3[j])
                re_sin[j] += (a_0 * s_0[j] + a_1 * s_1[j]) + (a_2 * s_2[j] + a_3 * s_3[j])
                im_cos[j] += (b_0 * c_0[j] + b_1 * c_1[j]) + (b_2 * c_2[j] + b_3 * c_3[j])
        above = block * _BLOCK + _HALF
        for j in range(_HALF):
            re[above + j] = re_cos[j] - im_sin[j]
            im[above + j] = im_cos[j] + re_sin[j]
            re[above - 1 - j] = re_cos[j] + im_sin[j]
            im[above - 1 - j] = im_cos[j] - re_sin[j]
        for i in range(n):
            c, d = now_re[i], now_im[i]
            now_re[i] = c * step_re[i] - d * step_im[i]
            now_im[i] = c * step_im[i] + d * step_re[i]
    # Of a stretch of summed values all places between, while they are at hand.
    every = np.empty((OVERSAMPLING, _BLOCK), np.float32)
    sum_re = np.empty(_BLOCK, np.float32)
    sum_im = np.empty(_BLOCK, np.float32)
    power = np.empty((high - low) * OVERSAMPLING, np.float32)
    for start in range(_REACH, high - low - _REACH, _BLOCK):
        size = min(_BLOCK, high - low - _REACH - start)
        for k in range(OVERSAMPLING):
            sum_re[:] = 0.0
            sum_im[:] = 0.0
            for tap in range(_TAPS):
                weight = _KERNELS[k, tap]
                begin = start + tap + 1 - _REACH
                part_re = re[begin : begin + size]
                part_im = im[begin : begin + size]
                for j in range(size):
                    sum_re[j] += weight * part_re[j]
                    sum_im[j] += weight * part_im[j]
            for j in range(size):
                every[k, j] = sum_re[j] * sum_re[j] + sum_im[j] * sum_im[j]
        for j in range(size):
            for k in range(OVERSAMPLING):
                power[(start + j) * OVERSAMPLING + k] = every[k, j]
    begin = first - low * OVERSAMPLING
    return power[begin : begin + last - first]


@compiled_forgiving
def summed_harmonics(power: SingleArray, n_harmonics: int) -> SingleArray:
    """Return Σ power[h k] over the harmonics h of each k, of those k whose all are known.

    Args:
        power: ``(K,)`` at frequencies that rise from 0 in even steps.
        n_harmonics: H.

    Returns:
        ``((K - 1) // H + 1,)``.
    """
    size = (len(power) - 1) // n_harmonics + 1
    total = power[:size].copy()
    for h in range(2, n_harmonics + 1):
        for k in range(size):
            total[k] += power[h * k]
    return total


@compiled_forgiving
def highest_peaks(power: SingleArray, first: int, place: FloatArray) -> int:
    """Find the highest local maxima, and return how many there are.

    Args:
        power: ``(K,)``.
        first: The first one that counts, at least 1.
        place: ``(P,)``, written to: their positions from the highest on, between the grid's
            by the parabola through the three values about each.
    """
    n = len(place)
    found = np.empty(n, np.int64)
    height = np.empty(n, np.float32)
    count = 0
    for k in range(max(first, 1), len(power) - 1):
        here = power[k]
        if count == n and here <= height[n - 1]:
            continue
        if here >= power[k - 1] and here > power[k + 1]:
            j = min(count, n - 1)
            while j > 0 and height[j - 1] < here:
                height[j] = height[j - 1]
                found[j] = found[j - 1]
                j -= 1
            height[j] = here
            found[j] = k
            count = min(count + 1, n)
    for j in range(count):
        k = found[j]
        before, here, after = power[k - 1], power[k], power[k + 1]
        bend = np.float64(before - here) + np.float64(after - here)
        place[j] = k + (np.float64(before - after) / (2 * bend) if bend < 0 else 0.0)
    return count
