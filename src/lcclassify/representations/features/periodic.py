"""Features of what repeats within hours or days, of all passbands together.

The passbands become one curve (`onecurve`). An object that changes within days, as no
supernova does, is searched for two frequencies (`periodsearch`): the one with the best
Fourier series of two harmonics, and the one with the best of four, which narrow eclipses need.
The light curve folded at them is described (`folding`). All columns but those of the curve
are NaN for other objects.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.features import folding
from lcclassify.representations.features.harmonics import HARMONICS, adjusted, moments, series
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.features.onecurve import (
    SOFTENING,
    fast_part,
    one_curve,
    standardised_moments,
)
from lcclassify.representations.features.periodsearch import FOUND, search
from lcclassify.schema import Passbands

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Who is searched: of the light beyond the errors at least this share changes within ten days,
# by at least so many standard deviations.
_FAST_SHARE: Final = 0.25
_FAST_SIGNIFICANCE: Final = 5.0
_FEWEST: Final = 12  # observations that a period may be looked for in

_OF_CURVE: Final = ("fast_share", "fast_significance", "curve_skew", "curve_kurtosis")
_RATIOS: Final = ("r21", "r31", "phi21", "phi31")
_SINGLE: Final = ("rise", "mean_level", "minimum_width", "maximum_width")
_DOUBLE: Final = ("depth_ratio", "distance", "odd")
_OF_SEARCH: Final = (
    "period",
    "narrow_period",
    *FOUND,
    *(f"period_{name}" for name in (*_RATIOS, *_SINGLE, "roughness")),
    *(f"double_{name}" for name in (*_DOUBLE, "roughness", "power")),
    *(f"narrow_{name}" for name in (*_SINGLE, *_DOUBLE, "roughness")),
)
_PER_BAND: Final = ("period_amplitude", "period_amplitude_ratio")
# Where the parts of `_OF_SEARCH` begin.
_AT_PERIOD: Final = _OF_SEARCH.index("period_r21")
_AT_DOUBLE: Final = _OF_SEARCH.index("double_depth_ratio")
_AT_NARROW: Final = _OF_SEARCH.index("narrow_rise")
_N_SEARCH: Final = len(_OF_SEARCH)


def names(passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns, ``35 + 2 B``."""
    by_band = (f"{name}_{band}" for name in _PER_BAND for band in passbands.names)
    return (*_OF_CURVE, *_OF_SEARCH, *by_band)


def matrix(observed: Observed, *, with_redshift: bool) -> FloatArray:
    """Return the features ``(N, F) float64``: days, fluxes, radians and plain numbers.

    Args:
        observed: N objects.
        with_redshift: Changes nothing: what has such periods is a star.

    Returns:
        The columns of `names`, NaN where undefined.
    """
    bounds, mjd, n_bands = observed.bounds, observed.mjd, len(observed.passbands)
    value, variance, scatter, of_curve, counts = _curves(
        bounds, mjd, observed.passband, observed.flux, observed.flux_err, n_bands
    )
    share, significance = of_curve[:, 0], of_curve[:, 1]
    chosen = np.flatnonzero(
        (share >= _FAST_SHARE) & (significance >= _FAST_SIGNIFICANCE) & (counts >= _FEWEST)
    )
    searched = np.full((len(observed), _N_SEARCH + 2 * n_bands), np.nan)
    searched[chosen] = _searched(
        chosen, counts, bounds, mjd, observed.passband, value, variance, scatter
    )
    return np.concatenate([of_curve, searched], axis=1)


@compiled_forgiving
def _curves(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    n_bands: int,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, IntArray]:
    """Return the objects' curves and what they are like.

    Returns:
        ``(M,)`` values and ``(M,)`` variances of `one_curve`, ``(N, B)`` scatters, ``(N, 4)``
        the columns `_OF_CURVE`, and ``(N,)`` numbers of observations with a finite variance.
    """
    n_objects = len(bounds) - 1
    value, variance = np.empty(len(mjd)), np.empty(len(mjd))
    scatter = np.empty((n_objects, n_bands))
    out = np.full((n_objects, len(_OF_CURVE)), np.nan)
    counts = np.zeros(n_objects, np.int64)
    for n in range(n_objects):
        rows = slice(bounds[n], bounds[n + 1])
        one_curve(
            flux[rows], flux_err[rows], passband[rows], scatter[n], value[rows], variance[rows]
        )
        out[n, 0], out[n, 1] = fast_part(mjd[rows], value[rows], variance[rows])
        out[n, 2], out[n, 3] = standardised_moments(value[rows], variance[rows])
        for row in range(bounds[n], bounds[n + 1]):
            if variance[row] < np.inf:
                counts[n] += 1
    return value, variance, scatter, out, counts


@compiled_forgiving
def _searched(
    chosen: IntArray,
    counts: IntArray,
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    value: FloatArray,
    variance: FloatArray,
    scatter: FloatArray,
) -> FloatArray:
    """Return the columns of the search of some objects, ``(C, F)``."""
    n_bands = scatter.shape[1]
    out = np.full((len(chosen), _N_SEARCH + 2 * n_bands), np.nan)
    for c in range(len(chosen)):
        n = chosen[c]
        rows = slice(bounds[n], bounds[n + 1])
        times = mjd[rows]
        size = len(times)
        span = times[size - 1] - times[0]
        if not span > 0:
            continue
        place, weight = np.empty(size), np.zeros(size)
        for i in range(size):
            place[i] = (times[i] - times[0]) / span - 0.5
            if variance[bounds[n] + i] < np.inf:
                weight[i] = 1 / (variance[bounds[n] + i] + SOFTENING)
        own = out[c]
        best, narrow = search(place, value[rows], weight, span, counts[n], own[2:_AT_PERIOD])
        if not (best > 0 and narrow > 0):
            continue
        own[0], own[1] = span / best, span / narrow
        _fold(place, value[rows], variance[rows], weight, counts[n], best, narrow, own)
        _amplitudes(place, value[rows], weight, passband[rows], scatter[n], best, own[_N_SEARCH:])
    return out


@compiled_forgiving
def _fold(
    place: FloatArray,
    value: FloatArray,
    variance: FloatArray,
    weight: FloatArray,
    count: int,
    best: float,
    narrow: float,
    out: FloatArray,
) -> None:
    """Write the shapes at the best frequency, at half of it, and at the narrow one's."""
    sums = np.empty((4, 2 * HARMONICS + 1))
    coefficients = np.empty(2 * HARMONICS + 1)
    curve = np.empty(folding.PHASES)
    moments(place, value, weight, best, sums)
    if series(sums, HARMONICS, coefficients) > 0:
        folding.draw(coefficients, curve)
        folding.ratios(coefficients, out[_AT_PERIOD : _AT_PERIOD + 4])
        folding.single(curve, out[_AT_PERIOD + 4 : _AT_PERIOD + 8])
    out[_AT_PERIOD + 8] = folding.roughness(place, value, variance, best)
    moments(place, value, weight, best / 2, sums)
    drop = series(sums, HARMONICS, coefficients)
    if drop > 0:
        folding.draw(coefficients, curve)
        folding.double(coefficients, curve, out[_AT_DOUBLE : _AT_DOUBLE + 3])
    out[_AT_DOUBLE + 3] = folding.roughness(place, value, variance, best / 2)
    mean = sums[2, 0] / sums[0, 0]
    chi_square, noise = 0.0, 0.0
    for i in range(len(value)):
        chi_square += weight[i] * (value[i] - mean) ** 2
        if weight[i] > 0:
            noise += 1 - SOFTENING * weight[i]
    out[_AT_DOUBLE + 4] = adjusted(drop, chi_square, count, HARMONICS) * (
        chi_square / max(chi_square - noise, 0.1 * chi_square)
    )
    moments(place, value, weight, narrow, sums)
    if series(sums, HARMONICS, coefficients) > 0:
        folding.draw(coefficients, curve)
        folding.single(curve, out[_AT_NARROW : _AT_NARROW + 4])
        folding.double(coefficients, curve, out[_AT_NARROW + 4 : _AT_NARROW + 7])
    out[_AT_NARROW + 7] = folding.roughness(place, value, variance, narrow)


@compiled_forgiving
def _amplitudes(
    place: FloatArray,
    value: FloatArray,
    weight: FloatArray,
    passband: NDArray[np.uint8],
    scatter: FloatArray,
    frequency: float,
    out: FloatArray,
) -> None:
    """Write each passband's flux from minimum to maximum, and relative to their mean."""
    n_bands = len(scatter)
    sums = np.empty((4, 2 * HARMONICS + 1))
    coefficients = np.empty(2 * HARMONICS + 1)
    curve = np.empty(folding.PHASES)
    moments(place, value, weight, frequency, sums)
    if not series(sums, HARMONICS, coefficients) > 0:
        return
    folding.draw(coefficients, curve)
    low, high = folding.extremes(curve)
    height = curve[high] - curve[low]
    # The common curve is fitted to the passband's own values, with a mean of its own.
    fits = np.zeros((n_bands, 5))
    for i in range(len(value)):
        if weight[i] > 0:
            x = folding.at(coefficients, 2 * np.pi * frequency * place[i])
            own = fits[passband[i]]
            own[0] += weight[i]
            own[1] += weight[i] * x
            own[2] += weight[i] * value[i]
            own[3] += weight[i] * x * x
            own[4] += weight[i] * x * value[i]
    total, known = 0.0, 0
    for band in range(n_bands):
        w, wx, wy, wxx, wxy = fits[band]
        spread = wxx * w - wx * wx
        if spread > 1e-9 * wxx * w:
            out[band] = (wxy * w - wx * wy) / spread * height * scatter[band]
            total += out[band]
            known += 1
    for band in range(n_bands):
        if known:
            out[n_bands + band] = out[band] / (total / known)
