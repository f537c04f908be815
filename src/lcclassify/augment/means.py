"""Posterior means of a process in time and wavelength, from the weights of its observations.

The mean at another time and passband is the sum of the observations' weights (`process.solve`)
times their covariances with it. Those of all observations before it, and of all after it, are
carried along from one time to the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lcclassify.augment.process import BandArray
from lcclassify.compiled import compiled_quick

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@compiled_quick
def add_means(
    mjd: FloatArray,
    passband: BandArray,
    weights: FloatArray,
    rate: float,
    times: FloatArray,
    columns: IntArray | BandArray,
    coupling: FloatArray,
    out: FloatArray,
) -> None:
    """Add the posterior means at other times and wavelengths to ``out (m,)``.

    Args:
        mjd: ``(n,)`` ascending times of the observations.
        passband: ``(n,)``.
        weights: ``(n,)`` of `solve`.
        rate: c, per day.
        times: ``(m,)`` ascending.
        columns: ``(m,)`` column of `coupling`.
        coupling: ``(B, W)`` covariance of the passbands with the wanted wavelengths.
        out: Added to.
    """
    n_bands = len(coupling)
    near = np.zeros(n_bands)
    steep = np.zeros(n_bands)
    n, m = len(mjd), len(times)
    source = 0
    clock = 0.0
    for target in range(m):
        while source < n and mjd[source] <= times[target]:
            _advance(near, steep, rate * (mjd[source] - clock))
            clock = mjd[source]
            near[passband[source]] += weights[source]
            source += 1
        _advance(near, steep, rate * (times[target] - clock))
        clock = times[target]
        out[target] += _summed(coupling, columns[target], near, steep)
    near[:] = 0.0
    steep[:] = 0.0
    source = n - 1
    clock = 0.0
    for target in range(m - 1, -1, -1):
        while source >= 0 and mjd[source] > times[target]:
            _advance(near, steep, rate * (clock - mjd[source]))
            clock = mjd[source]
            near[passband[source]] += weights[source]
            source -= 1
        _advance(near, steep, rate * (clock - times[target]))
        clock = times[target]
        out[target] += _summed(coupling, columns[target], near, steep)


@compiled_quick
def mean_table(
    mjd: FloatArray,
    passband: BandArray,
    weights: FloatArray,
    rate: float,
    first: float,
    step: float,
    coupling: FloatArray,
    out: FloatArray,
) -> None:
    """Fill ``out (T, B)`` with the posterior means of all passbands at even times.

    Args:
        mjd: ``(n,)`` ascending times of the observations.
        passband: ``(n,)``.
        weights: ``(n,)`` of `solve`.
        rate: c, per day.
        first: The first of the T times.
        step: Days from one to the next.
        coupling: ``(B, B)`` covariance of the passbands.
        out: Filled.
    """
    n_times, n_bands = out.shape
    near = np.zeros(n_bands)
    steep = np.zeros(n_bands)
    x = rate * step
    decay = np.exp(-x)
    last = n_times - 1
    # As in `add_means`, with each observation's covariance with the passbands summed up.
    source = 0
    for k in range(n_times):
        time = first + k * step
        if k > 0:
            for i in range(n_bands):
                steep[i] = decay * (steep[i] + x * near[i])
                near[i] *= decay
        while source < len(mjd) and mjd[source] <= time:
            age = rate * (time - mjd[source])
            _enter(near, steep, weights[source] * np.exp(-age), age, coupling[passband[source]])
            source += 1
        for i in range(n_bands):
            out[k, i] = near[i] + steep[i]
    near[:] = 0.0
    steep[:] = 0.0
    source = len(mjd) - 1
    for k in range(last, -1, -1):
        time = first + k * step
        if k < last:
            for i in range(n_bands):
                steep[i] = decay * (steep[i] + x * near[i])
                near[i] *= decay
        while source >= 0 and mjd[source] > time:
            age = rate * (mjd[source] - time)
            _enter(near, steep, weights[source] * np.exp(-age), age, coupling[passband[source]])
            source -= 1
        for i in range(n_bands):
            out[k, i] += near[i] + steep[i]


@compiled_quick
def _enter(
    near: FloatArray, steep: FloatArray, weight: float, age: float, covariances: FloatArray
) -> None:
    for i in range(len(near)):
        near[i] += weight * covariances[i]
        steep[i] += weight * age * covariances[i]


@compiled_quick
def _summed(coupling: FloatArray, column: int, near: FloatArray, steep: FloatArray) -> float:
    total = 0.0
    for i in range(len(near)):
        total += coupling[i, column] * (near[i] + steep[i])
    return total


@compiled_quick
def _advance(near: FloatArray, steep: FloatArray, x: float) -> None:
    """Let the sums of w exp(-y) and w y exp(-y) grow older by x."""
    if x == 0.0:
        return
    decay = np.exp(-x) if x > 0.0 else 0.0  # before the first of them all are zero
    for i in range(len(near)):
        steep[i] = decay * (steep[i] + x * near[i])
        near[i] *= decay
