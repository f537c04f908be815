"""Draws from the posterior of a Gaussian process, at any times and wavelengths.

A draw is one of the prior, at the observations and at what is wanted, plus the posterior mean
of what the observations differ from it by (Matheron's rule; Wilson et al. 2020,
arXiv:2002.09309). Both cost a fixed time for each observation, see `process`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.augment.means import add_means
from lcclassify.augment.normals import fill_normals
from lcclassify.augment.process import diffusion, filter_gains, solve, transition
from lcclassify.compiled import compiled, compiled_quick

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BandArray = NDArray[np.uint8]
Keys = NDArray[np.uint64]

_FOREVER: Final = 50.0  # c t after which nothing is left of a state, or of none before it


@compiled
def _cholesky(matrix: FloatArray) -> FloatArray:
    """Return a lower factor of a covariance matrix that may be singular."""
    n = len(matrix)
    factor = np.zeros((n, n))
    for j in range(n):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= factor[j, k] ** 2
        if pivot <= 1e-12:
            continue  # it follows from those before it
        root = np.sqrt(pivot)
        factor[j, j] = root
        for i in range(j + 1, n):
            total = matrix[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = total / root
    return factor


@compiled_quick
def _step(state: FloatArray, x: float, factor: FloatArray, normals: FloatArray) -> None:
    """Let the states ``(2, W)`` of W coupled processes advance by x, with ``2 W`` normals."""
    n = len(factor)
    a, b, d = transition(x)
    q_ff, q_fg, q_gg = diffusion(x)
    first = np.sqrt(max(q_ff, 0.0))
    cross = q_fg / first if first > 0.0 else 0.0
    second = np.sqrt(max(q_gg - cross * cross, 0.0))
    for i in range(n):
        p = q = 0.0
        for j in range(i + 1):
            p += factor[i, j] * normals[j]
            q += factor[i, j] * normals[n + j]
        f, g = state[0, i], state[1, i]
        state[0, i] = a * f + b * g + first * p
        state[1, i] = -b * f + d * g + cross * p + second * q


@compiled
def draw_posteriors(
    bounds: IntArray,
    mjd: FloatArray,
    passband: BandArray,
    flux: FloatArray,
    flux_err: FloatArray,
    coupling: FloatArray,
    amplitude: FloatArray,
    rate: FloatArray,
    wavelengths: FloatArray,
    wavelength_rate: float,
    stretch: FloatArray,
    sources: IntArray,
    target_bounds: IntArray,
    times: FloatArray,
    columns: BandArray,
    keys: Keys,
    out: FloatArray,
) -> None:
    """Draw a light curve from the posterior of each of n sources.

    Args:
        bounds: ``(N + 1,)``; object i has the observations ``bounds[i]:bounds[i + 1]``.
        mjd: ``(M,)`` ascending in each object.
        passband: ``(M,)``.
        flux: ``(M,)``.
        flux_err: ``(M,)``.
        coupling: ``(B, B)`` covariance of the passbands.
        amplitude: ``(N,)``.
        rate: ``(N,)``, √3 over the time scale.
        wavelengths: ``(B,)`` of the passbands.
        wavelength_rate: √3 over the scale in wavelength.
        stretch: ``(n,)``; the wavelengths wanted are those of the passbands divided by it.
        sources: ``(n,)`` object of each draw.
        target_bounds: ``(n + 1,)``; draw i wants the rows between two of them.
        times: ``(R,)`` wanted times, ascending in each draw, in the time of the source.
        columns: ``(R,)`` the passband whose wavelength, over the stretch, is wanted.
        keys: ``(n,)`` random numbers of the draws.
        out: ``(R,)``, filled with fluxes.
    """
    n_bands = len(coupling)
    factor = _cholesky(coupling)
    inverse = np.linalg.inv(coupling)
    longest = 0
    for draw in range(len(sources)):
        longest = max(longest, bounds[sources[draw] + 1] - bounds[sources[draw]])
    gains = np.empty((longest, 2 * n_bands))
    innovation = np.empty(longest)
    values = np.empty(longest)
    variance = np.empty(longest)
    weights = np.empty(longest)
    noise = np.empty(longest)
    cross = np.empty((n_bands, n_bands))
    own = np.empty((n_bands, n_bands))
    normals = np.empty(2 * n_bands)
    state = np.empty((2, n_bands))
    rest = np.empty((2, n_bands))
    for draw in range(len(sources)):
        start, stop = target_bounds[draw], target_bounds[draw + 1]
        if start == stop:
            continue
        source = sources[draw]
        begin, end = bounds[source], bounds[source + 1]
        n = end - begin
        a, c = amplitude[source], rate[source]
        # The wanted wavelengths given the passbands, and what these leave open.
        for i in range(n_bands):
            for j in range(n_bands):
                y = wavelength_rate * abs(wavelengths[i] - wavelengths[j] / stretch[draw])
                cross[i, j] = (1 + y) * np.exp(-y)
                y = wavelength_rate * abs(wavelengths[i] - wavelengths[j]) / stretch[draw]
                own[i, j] = (1 + y) * np.exp(-y)
        mixing = inverse @ cross
        open_factor = _cholesky(own - cross.T @ mixing)
        # The prior, along all times.
        key = keys[draw]
        count = 0
        here, there = begin, start
        clock = other_clock = -np.inf
        state[:] = 0.0
        rest[:] = 0.0
        while here < end or there < stop:
            observed = here < end and (there >= stop or mjd[here] <= times[there])
            now = mjd[here] if observed else times[there]
            if now > clock:
                fill_normals(key, count, normals)
                count += 2 * n_bands
                _step(state, min(c * (now - clock), _FOREVER), factor, normals)
                clock = now
            if observed:
                values[here - begin] = state[0, passband[here]]
                here += 1
                continue
            if now > other_clock:
                fill_normals(key, count, normals)
                count += 2 * n_bands
                _step(rest, min(c * (now - other_clock), _FOREVER), open_factor, normals)
                other_clock = now
            column = columns[there]
            total = rest[0, column]
            for i in range(n_bands):
                total += mixing[i, column] * state[0, i]
            out[there] = total
            there += 1
        # What the observations differ from it by.
        fill_normals(key, count, noise[:n])
        for row in range(n):
            error = flux_err[begin + row] / a
            variance[row] = error * error
            values[row] = flux[begin + row] / a - values[row] - error * noise[row]
        filter_gains(
            mjd[begin:end], passband[begin:end], variance[:n], coupling, c, gains, innovation
        )
        solve(
            mjd[begin:end],
            passband[begin:end],
            values[:n],
            c,
            gains[:n],
            innovation,
            weights[:n],
        )
        add_means(
            mjd[begin:end],
            passband[begin:end],
            weights[:n],
            c,
            times[start:stop],
            columns[start:stop],
            cross,
            out[start:stop],
        )
        for row in range(start, stop):
            out[row] *= a
