"""A Gaussian process in time and wavelength, in time proportional to the observations.

The covariance of fluxes is a² k(|Δt| / τ) k(|Δλ| / l) with the Matérn-3/2 function
k(r) = (1 + √3 r) exp(-√3 r), the mean is zero. A product of the two makes fluxes in B
passbands the solution of a linear stochastic differential equation with 2B states (each
passband's flux and its derivative), so that a Kalman filter gives the exact likelihood with
B² operations an observation, where a Cholesky factor takes N² (Hartikainen & Särkkä 2010;
Särkkä, Solin & Hartikainen 2013). At another wavelength the process is a weighted sum of
the passbands' at the same time plus one that is independent of all of them.

Everything here is in units of the amplitude a and of dimensionless times c t, c = √3 / τ;
the derivative is taken in those, which makes the prior covariance of a passband's two states
the unit matrix.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled, compiled_quick

FloatArray = NDArray[np.float64]
BandArray = NDArray[np.uint8]

ROOT_3: Final = float(np.sqrt(3.0))


def wavelength_covariance(first: FloatArray, second: FloatArray, scale: float) -> FloatArray:
    """Return k(|λ1 - λ2| / scale), ``(A, B)`` of ``(A,)`` and ``(B,)`` wavelengths."""
    distance = ROOT_3 * np.abs(first[:, None] - second[None, :]) / scale
    covariance: FloatArray = (1 + distance) * np.exp(-distance)
    return covariance


@compiled_quick
def transition(x: float) -> tuple[float, float, float]:
    """Return a, b, d: in a time x states (f, g) become (a f + b g, d g - b f), but for noise."""
    decay = np.exp(-x)
    return decay * (1 + x), decay * x, decay * (1 - x)


@compiled_quick
def diffusion(x: float) -> tuple[float, float, float]:
    """Return what the noise of a time x adds to the variances of f, of f with g, and of g."""
    square = np.exp(-2 * x)
    # Of small steps the difference would leave little.
    small = x * x * x * (4.0 / 3.0 - 2.0 * x)
    of_f = small if x < 1e-3 else 1 - square * (1 + 2 * x + 2 * x * x)
    return of_f, 2 * x * x * square, 1 - square * (1 - 2 * x + 2 * x * x)


@compiled_quick
def filter_gains(
    mjd: FloatArray,
    passband: BandArray,
    variance: FloatArray,
    coupling: FloatArray,
    rate: float,
    gains: FloatArray,
    innovation: FloatArray,
) -> None:
    """Run the covariances of a Kalman filter over one object's observations.

    Args:
        mjd: ``(n,)`` ascending times.
        passband: ``(n,)``.
        variance: ``(n,)`` of the noise, in units of a².
        coupling: ``(B, B)`` covariance of the passbands.
        rate: c, per day.
        gains: ``(n, 2 B)``, filled: what an innovation adds to the states.
        innovation: ``(n,)``, filled: the innovations' variances.
    """
    n_bands = len(coupling)
    square = n_bands * n_bands
    # Covariances of fluxes, of fluxes with derivatives, of derivatives, row after row: one long
    # loop over all their entries is what a processor does fast.
    prior = coupling.copy().reshape(square)
    ff = prior.copy()
    fg = np.zeros(square)
    gg = prior.copy()
    mixed = np.empty(square)
    for row in range(len(mjd)):
        if row > 0:
            x = rate * (mjd[row] - mjd[row - 1])
            if x > 0.0:
                a, b, d = transition(x)
                q_ff, q_fg, q_gg = diffusion(x)
                for i in range(n_bands):
                    for j in range(n_bands):
                        mixed[i * n_bands + j] = fg[j * n_bands + i]
                for k in range(square):
                    p, q, r, s = ff[k], fg[k], mixed[k], gg[k]
                    ff[k] = a * a * p + a * b * (q + r) + b * b * s + prior[k] * q_ff
                    fg[k] = -a * b * p + a * d * q - b * b * r + b * d * s + prior[k] * q_fg
                    gg[k] = b * b * p - b * d * (q + r) + d * d * s + prior[k] * q_gg
        band = passband[row]
        total = ff[band * n_bands + band] + variance[row]
        innovation[row] = total
        gain = gains[row]
        for i in range(n_bands):
            gain[i] = ff[i * n_bands + band] / total
            gain[n_bands + i] = fg[band * n_bands + i] / total
        for i in range(n_bands):
            f, g = gain[i] * total, gain[n_bands + i] * total
            begin = i * n_bands
            for j in range(n_bands):
                ff[begin + j] -= f * gain[j]
                fg[begin + j] -= f * gain[n_bands + j]
                gg[begin + j] -= g * gain[n_bands + j]


@compiled_quick
def innovate(
    mjd: FloatArray,
    passband: BandArray,
    values: FloatArray,
    rate: float,
    gains: FloatArray,
    errors: FloatArray,
) -> None:
    """Fill ``errors (n,)`` with what each value differs from its prediction by."""
    n_bands = gains.shape[1] // 2
    state = np.zeros(2 * n_bands)
    for row in range(len(mjd)):
        if row > 0:
            x = rate * (mjd[row] - mjd[row - 1])
            if x > 0.0:
                a, b, d = transition(x)
                for i in range(n_bands):
                    f, g = state[i], state[n_bands + i]
                    state[i] = a * f + b * g
                    state[n_bands + i] = -b * f + d * g
        error = values[row] - state[passband[row]]
        errors[row] = error
        gain = gains[row]
        for i in range(2 * n_bands):
            state[i] += gain[i] * error


@compiled_quick
def solve(
    mjd: FloatArray,
    passband: BandArray,
    values: FloatArray,
    rate: float,
    gains: FloatArray,
    innovation: FloatArray,
    weights: FloatArray,
) -> None:
    """Fill ``weights (n,)`` with (K + noise)⁻¹ values, K the covariance of the observations.

    Args:
        mjd: As in `filter_gains`, likewise the others.
        passband: ``(n,)``.
        values: ``(n,)``.
        rate: c, per day.
        gains: Of `filter_gains`.
        innovation: Of `filter_gains`.
        weights: Filled.
    """
    innovate(mjd, passband, values, rate, gains, weights)
    n_bands = gains.shape[1] // 2
    # Derivative of half the squared norm with respect to the states, from the end.
    slope = np.zeros(2 * n_bands)
    for row in range(len(mjd) - 1, -1, -1):
        gain = gains[row]
        weight = weights[row] / innovation[row]
        for i in range(2 * n_bands):
            weight += gain[i] * slope[i]
        weights[row] = weight
        slope[passband[row]] -= weight
        if row > 0:
            x = rate * (mjd[row] - mjd[row - 1])
            if x > 0.0:
                a, b, d = transition(x)
                for i in range(n_bands):
                    f, g = slope[i], slope[n_bands + i]
                    slope[i] = a * f - b * g
                    slope[n_bands + i] = b * f + d * g


@compiled
def log_likelihood(
    mjd: FloatArray,
    passband: BandArray,
    flux: FloatArray,
    flux_err: FloatArray,
    coupling: FloatArray,
    amplitude: float,
    rate: float,
    gains: FloatArray,
    innovation: FloatArray,
    scratch: FloatArray,
) -> float:
    """Return the logarithm of the marginal likelihood of one object's fluxes.

    Args:
        mjd: ``(n,)`` ascending times.
        passband: ``(n,)``.
        flux: ``(n,)``.
        flux_err: ``(n,)``.
        coupling: ``(B, B)``.
        amplitude: a, in units of flux.
        rate: c, per day.
        gains: Scratch of at least ``(n, 2 B)``.
        innovation: Scratch, ``(n,)``.
        scratch: Scratch, ``(2, n)``.
    """
    n = len(mjd)
    scaled, variance = scratch[0, :n], scratch[1, :n]
    for row in range(n):
        scaled[row] = flux[row] / amplitude
        variance[row] = (flux_err[row] / amplitude) ** 2
    filter_gains(mjd, passband, variance, coupling, rate, gains, innovation)
    errors = variance  # not needed any more
    innovate(mjd, passband, scaled, rate, gains[:n], errors)
    total = -n * np.log(amplitude) - 0.5 * n * np.log(2 * np.pi)
    for row in range(n):
        total -= 0.5 * (np.log(innovation[row]) + errors[row] * errors[row] / innovation[row])
    return float(total)
