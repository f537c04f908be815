"""Features of what varies with a period of hours to days, in all passbands together.

The passbands are put on one curve (`onecurve`). An object that changes within days, as no
supernova does, is searched: the spectrum (`periodogram`) and the sums of its first two and
four harmonics propose frequencies, which Fourier series (`harmonics`) decide between. Two win,
the one with the best series of two harmonics, and that with the best of four, whose narrow
minima wide eclipses need. Any other object has NaN in the columns of the search.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_quick
from lcclassify.representations.features import folding
from lcclassify.representations.features.harmonics import HARMONICS, adjusted, moments, series
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.features.onecurve import SOFTENING, fast_part, one_curve
from lcclassify.representations.features.periodogram import (
    OVERSAMPLING,
    highest_peaks,
    power_spectrum,
    summed_harmonics,
)
from lcclassify.schema import Passbands

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Who is searched: of the light beyond the errors at least this share changes within ten days,
# by at least so many standard deviations.
_FAST_SHARE: Final = 0.2
_FAST_SIGNIFICANCE: Final = 3.0
_FEWEST: Final = 12  # observations that a period may be looked for in

# Cycles a day. Contact binaries have two equal minima in as little as a fifth of a day.
_HIGHEST: Final = 10.0
_FEWEST_CYCLES: Final = 2  # in the span
# Places of the spectrum: ten years to 10 cycles a day. Longer spans are searched less high.
_MOST_PLACES: Final = 400_000
_PROPOSALS: Final = 8  # of each sum of harmonics
_PER_CYCLE: Final = 2 * OVERSAMPLING  # places of the spectrum

_OF_CURVE: Final = ("fast_share", "fast_significance", "curve_skew", "curve_kurtosis")
_OF_SEARCH: Final = (
    "period",
    "period_log_false_alarm",
    "period_peak_snr",
    "period_second_peak",
    "period_power_1",
    "period_power_2",
    "period_power_4",
    "period_double_power",
    "period_r21",
    "period_r31",
    "period_phi21",
    "period_phi31",
    "period_rise",
    "period_mean_level",
    "period_minimum_width",
    "period_maximum_width",
    "period_roughness",
    "period_double_depth_ratio",
    "period_double_distance",
    "period_double_odd",
    "period_double_roughness",
    "narrow_period",
    "narrow_power",
    "narrow_rise",
    "narrow_mean_level",
    "narrow_minimum_width",
    "narrow_maximum_width",
    "narrow_depth_ratio",
    "narrow_distance",
    "narrow_odd",
    "narrow_roughness",
)
_PER_BAND: Final = ("period_amplitude", "period_amplitude_ratio")
_N_CURVE: Final = len(_OF_CURVE)
_N_SEARCH: Final = len(_OF_SEARCH)


def names(passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns, ``35 + 2 B``."""
    by_band = (f"{name}_{band}" for name in _PER_BAND for band in passbands.names)
    return (*_OF_CURVE, *_OF_SEARCH, *by_band)


def matrix(observed: Observed, *, with_redshift: bool) -> FloatArray:
    """Return the features ``(N, F) float64``: days, fluxes, radians and plain numbers.

    Args:
        observed: N objects.
        with_redshift: Changes nothing: a period in the observer's frame is that of a star.

    Returns:
        The columns of `names`, NaN where undefined.
    """
    return _features(
        observed.bounds,
        observed.mjd,
        observed.passband,
        observed.flux,
        observed.flux_err,
        len(observed.passbands),
    )


@compiled_quick
def _features(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    n_bands: int,
) -> FloatArray:
    n_objects = len(bounds) - 1
    out = np.full((n_objects, _N_CURVE + _N_SEARCH + 2 * n_bands), np.nan)
    scatter = np.empty(n_bands)
    for n in range(n_objects):
        begin, end = bounds[n], bounds[n + 1]
        if begin == end:
            continue
        times, bands = mjd[begin:end], passband[begin:end]
        value, variance = one_curve(flux[begin:end], flux_err[begin:end], bands, scatter)
        share, significance = fast_part(times, value, variance)
        out[n, 0] = share
        out[n, 1] = significance
        weight = np.zeros(end - begin)
        used = 0
        for i in range(end - begin):
            if variance[i] < np.inf:
                weight[i] = 1 / (variance[i] + SOFTENING)
                used += 1
        if used < 3:
            continue
        _standardised_moments(value, weight, out[n, 2:4])
        span = times[-1] - times[0]
        if used < _FEWEST or not (
            share >= _FAST_SHARE and significance >= _FAST_SIGNIFICANCE and span > 0
        ):
            continue
        place = (times - (times[0] + span / 2)) / span
        winners = _search(place, value, weight, used, span, out[n, _N_CURVE:])
        if winners[0] > 0:
            _fold(place, value, variance, weight, used, winners, out[n, _N_CURVE:])
            _amplitudes(
                place,
                value,
                variance,
                bands,
                scatter,
                winners[0],
                out[n, _N_CURVE + _N_SEARCH :],
            )
            out[n, _N_CURVE] = span / winners[0]
            out[n, _N_CURVE + 21] = span / winners[1]
    return out


@compiled_quick
def _standardised_moments(value: FloatArray, weight: FloatArray, out: FloatArray) -> None:
    """Write skewness and kurtosis of weighted values."""
    total = weight.sum()
    mean = (weight * value).sum() / total
    deviation = value - mean
    square = (weight * deviation**2).sum() / total
    out[0] = (weight * deviation**3).sum() / total / square**1.5
    out[1] = (weight * deviation**4).sum() / total / square**2


@compiled_quick
def _search(
    place: FloatArray,
    value: FloatArray,
    weight: FloatArray,
    used: int,
    span: float,
    out: FloatArray,
) -> tuple[float, float]:
    """Return the winners in cycles per span, 0 without one, and write what the search says."""
    last = int(min(_HIGHEST * span * _PER_CYCLE, _MOST_PLACES)) + 1
    first = _FEWEST_CYCLES * _PER_CYCLE
    if last <= first + 2:
        return 0.0, 0.0
    mean = (weight * value).sum() / weight.sum()
    power = power_spectrum(place, weight * (value - mean), 0, last)
    power[:first] = 0.0
    sums = np.empty((4, 2 * HARMONICS + 1))
    coefficients = np.empty(2 * HARMONICS + 1)
    proposed = np.empty(_PROPOSALS)
    chi_square = (weight * (value - mean) ** 2).sum()
    best, narrow = 0.0, 0.0
    best_power, narrow_power = -np.inf, -np.inf
    for n_harmonics in (1, 2, 4):
        summed = power if n_harmonics == 1 else summed_harmonics(power, n_harmonics)
        count = highest_peaks(summed, first + 1, proposed)
        if n_harmonics == 1 and count:
            _of_spectrum(power[first:], proposed[:count], power, out)
        for k in range(count):
            frequency = proposed[k] / _PER_CYCLE
            moments(place, value, weight, frequency, sums)
            two = adjusted(series(sums, 2, coefficients), chi_square, used, 2)
            if two > best_power:
                best, best_power = frequency, two
            four = adjusted(series(sums, 4, coefficients), chi_square, used, 4)
            if four > narrow_power:
                narrow, narrow_power = frequency, four
    if best == 0.0 or narrow == 0.0:
        return 0.0, 0.0
    moments(place, value, weight, best, sums)
    one = series(sums, 1, coefficients) / chi_square
    # As many independent frequencies as cycles in the span, each of an F distribution.
    out[1] = (
        np.log(last / _PER_CYCLE) + (used - 3) / 2 * np.log(1 - min(one, 1 - 1e-12))
    ) / np.log(10.0)
    out[4] = adjusted(one, 1.0, used, 1)
    out[5] = best_power
    out[6] = adjusted(series(sums, 4, coefficients), chi_square, used, 4)
    out[22] = narrow_power
    return best, narrow


@compiled_quick
def _of_spectrum(
    powers: NDArray[np.float32], places: FloatArray, power: NDArray[np.float32], out: FloatArray
) -> None:
    """Write the highest peak's signal to noise, and the second's height relative to it."""
    total, square = 0.0, 0.0
    for one in powers:
        total += one
        square += np.float64(one) * one
    mean = total / len(powers)
    deviation = np.sqrt(max(square / len(powers) - mean * mean, 0.0))
    highest = np.float64(power[int(round(places[0]))])
    out[2] = (highest - mean) / deviation
    if len(places) > 1:
        out[3] = power[int(round(places[1]))] / highest


@compiled_quick
def _fold(
    place: FloatArray,
    value: FloatArray,
    variance: FloatArray,
    weight: FloatArray,
    used: int,
    winners: tuple[float, float],
    out: FloatArray,
) -> None:
    """Write the shapes at the best frequency, at half of it, and at the narrow one's."""
    best, narrow = winners
    mean = (weight * value).sum() / weight.sum()
    chi_square = (weight * (value - mean) ** 2).sum()
    sums = np.empty((4, 2 * HARMONICS + 1))
    coefficients = np.empty(2 * HARMONICS + 1)
    curve = np.empty(64)
    moments(place, value, weight, best, sums)
    if series(sums, HARMONICS, coefficients) > 0:
        folding.ratios(coefficients, out[8:12])
        folding.drawn(coefficients, curve)
        folding.single(curve, out[12:16])
    out[16] = folding.roughness(place, value, variance, best)
    moments(place, value, weight, best / 2, sums)
    drop = series(sums, HARMONICS, coefficients)
    out[7] = adjusted(drop, chi_square, used, HARMONICS)
    if drop > 0:
        folding.drawn(coefficients, curve)
        folding.double(coefficients, curve, out[17:20])
    out[20] = folding.roughness(place, value, variance, best / 2)
    moments(place, value, weight, narrow, sums)
    if series(sums, HARMONICS, coefficients) > 0:
        folding.drawn(coefficients, curve)
        folding.single(curve, out[23:27])
        folding.double(coefficients, curve, out[27:30])
    out[30] = folding.roughness(place, value, variance, narrow)


@compiled_quick
def _amplitudes(
    place: FloatArray,
    value: FloatArray,
    variance: FloatArray,
    passband: NDArray[np.uint8],
    scatter: FloatArray,
    frequency: float,
    out: FloatArray,
) -> None:
    """Write each passband's amplitude, from minimum to maximum, and relative to their mean."""
    n_bands = len(scatter)
    weight = np.zeros(len(value))
    for i in range(len(value)):
        if variance[i] < np.inf:
            weight[i] = 1 / (variance[i] + SOFTENING)
    sums = np.empty((4, 2 * HARMONICS + 1))
    coefficients = np.empty(2 * HARMONICS + 1)
    curve = np.empty(64)
    moments(place, value, weight, frequency, sums)
    if not series(sums, 2, coefficients) > 0:
        return
    folding.drawn(coefficients, curve)
    height = curve.max() - curve.min()
    total, known = 0.0, 0
    for band in range(n_bands):
        # The common curve, fitted to the passband's own values with a mean of its own.
        w, wx, wy, wxx, wxy = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(len(value)):
            if passband[i] == band and weight[i] > 0:
                angle = 2 * np.pi * frequency * place[i]
                x = (
                    coefficients[1] * np.cos(angle)
                    + coefficients[2] * np.sin(angle)
                    + coefficients[3] * np.cos(2 * angle)
                    + coefficients[4] * np.sin(2 * angle)
                )
                w += weight[i]
                wx += weight[i] * x
                wy += weight[i] * value[i]
                wxx += weight[i] * x * x
                wxy += weight[i] * x * value[i]
        spread = wxx * w - wx * wx
        if spread > 1e-9 * wxx * w:
            out[band] = (wxy * w - wx * wy) / spread * height * scatter[band]
            total += out[band]
            known += 1
    for band in range(n_bands):
        if known:
            out[n_bands + band] = out[band] / (total / known)
