"""Colours: what an object's passbands are to each other, around its peak and at large.

A colour is the difference of two neighbouring passbands' fluxes over the sum of their sizes,
which noise and negative fluxes leave between -1 and 1. Where wavelengths are known, passbands
are neighbours in wavelength and a black body is fitted in each bin of time; otherwise the
survey's order counts, and a slope along it stands for the temperature.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from lcclassify.compiled import compiled_forgiving
from lcclassify.cosmology import distance_modulus
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.features.peaks import find_peaks
from lcclassify.representations.features.phase_bins import BINS, phase_means
from lcclassify.representations.nights import FloatArray, IntArray
from lcclassify.schema import Passbands

_USED: Final = (1, 2, 3, 4)  # bins of time, those in which transients are bright
_AT_LARGE: Final = ("peak_colour", "deviation_colour", "mean_colour")
_TEMPERATURES: Final = np.geomspace(2500.0, 40000.0, 25)  # K
_KELVIN_NM: Final = 1.438776877e7  # h c / k


def names(passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns of `matrix`."""
    order = _order(passbands)
    pairs = [f"{passbands.names[a]}_{passbands.names[b]}" for a, b in pairwise(order)]
    found = [f"colour_{BINS[place]}_{pair}" for place in _USED for pair in pairs]
    found += [f"{kind}_{pair}" for kind in _AT_LARGE for pair in pairs]
    spectral: tuple[str, ...] = ()
    if pairs:
        spectral = ("temperature",) if passbands.wavelengths else ("spectral_slope",)
    if pairs and passbands.wavelengths and with_redshift:
        spectral += ("bolometric_magnitude", "log_radius")
    found += [f"{name}_{BINS[place]}" for name in spectral for place in _USED]
    return tuple(found)


def matrix(observed: Observed, *, with_redshift: bool) -> FloatArray:
    """Return the values of `names`, ``(N, F) float64``, NaN or infinite where undefined."""
    passbands = observed.passbands
    order = _order(passbands)
    n = len(observed)
    if len(order) < 2:
        return np.zeros((n, 0))
    with np.errstate(all="ignore"):
        peaks = find_peaks(observed)
        mean, error = phase_means(peaks)
        mean, error = mean[:, order][:, :, list(_USED)], error[:, order][:, :, list(_USED)]
        average, deviation = _weighted(peaks.starts, peaks.flux, peaks.flux_err)
        nothing = np.zeros_like(average)
        columns = [
            _colour(mean, error).transpose(0, 2, 1).reshape(n, -1),
            _colour(peaks.band_flux[:, order], peaks.band_err[:, order]),
            _colour(deviation[:, order], nothing),
            _colour(average[:, order], nothing),
        ]
        if passbands.wavelengths:
            kelvin = _KELVIN_NM / np.array(passbands.wavelengths)[order]
            fitted = _black_bodies(mean, error, kelvin, peaks.stretch, _TEMPERATURES)
            columns.append(fitted[:, :, 0])
            if with_redshift:
                modulus = distance_modulus(observed.redshift)[:, None]
                columns += _luminosity(fitted, peaks.stretch[:, None], modulus)
        else:
            columns.append(_slope(mean, error, np.arange(len(order), dtype=np.float64)))
    return np.concatenate(columns, axis=1)


def _order(passbands: Passbands) -> IntArray:
    """Return the passbands from blue to red, or in the survey's order."""
    if not passbands.wavelengths:
        return np.arange(len(passbands))
    return np.argsort(np.array(passbands.wavelengths), kind="stable")


def _colour(flux: FloatArray, error: FloatArray) -> FloatArray:
    """Return the colours of neighbours along axis 1, nearer 0 the less is known of them."""
    first, second = flux[:, :-1], flux[:, 1:]
    noise = np.hypot(error[:, :-1], error[:, 1:])
    found: FloatArray = (first - second) / np.hypot(np.abs(first) + np.abs(second), noise)
    return found


def _luminosity(
    fitted: FloatArray, stretch: FloatArray, modulus: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return absolute bolometric magnitudes and log10 of radii, but for constants.

    Args:
        fitted: ``(N, P, 2)``, of `_black_bodies`.
        stretch: ``(N, 1)``, 1 + redshift.
        modulus: ``(N, 1)``, distance modulus.
    """
    temperature, size = fitted[:, :, 0], fitted[:, :, 1]
    luminosity = np.log10(size) + 4 * np.log10(temperature / stretch) + 0.4 * modulus
    return -2.5 * luminosity, 0.5 * luminosity - 2 * np.log10(temperature)


def _slope(mean: FloatArray, error: FloatArray, places: FloatArray) -> FloatArray:
    """Return the weighted slope of flux along the passbands over the mean size, ``(N, P)``."""
    known = np.isfinite(mean)
    flux = np.where(known, mean, 0.0)
    size = np.abs(flux).sum(axis=1) / known.sum(axis=1)
    # Errors of a tenth of the size at least: the brightest passband does not decide alone.
    weights = np.where(known, 1 / (error**2 + (0.1 * size[:, None]) ** 2), 0.0)
    total = weights.sum(axis=1)
    x = places[None, :, None] - ((weights * places[None, :, None]).sum(axis=1) / total)[:, None]
    slope: FloatArray = (weights * x * flux).sum(axis=1) / (weights * x * x).sum(axis=1) / size
    return np.where(known.sum(axis=1) > 1, slope, np.nan)


@compiled_forgiving
def _weighted(
    starts: IntArray, flux: FloatArray, flux_err: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the error-weighted mean and deviation of each passband, ``(N, B)`` each."""
    n_objects, n_bands = starts.shape[0], starts.shape[1] - 1
    mean = np.full((n_objects, n_bands), np.nan)
    deviation = np.full((n_objects, n_bands), np.nan)
    for n in range(n_objects):
        for band in range(n_bands):
            begin, end = starts[n, band], starts[n, band + 1]
            total = weights = squares = 0.0
            for row in range(begin, end):
                weight = 1.0 / (flux_err[row] * flux_err[row])
                weights += weight
                total += weight * flux[row]
            centre = total / weights
            for row in range(begin, end):
                apart = flux[row] - centre
                squares += apart * apart / (flux_err[row] * flux_err[row])
            if end > begin:
                mean[n, band] = centre
            if end - begin > 1:
                deviation[n, band] = np.sqrt(squares / weights)
    return mean, deviation


@compiled_forgiving
def _fit(
    temperature: float,
    known: int,
    flux: FloatArray,
    weight: FloatArray,
    exponent: FloatArray,
    stretch: float,
) -> tuple[float, float]:
    """Return chi2 less that of no light at all, and size, of the best black body."""
    model_data = model_model = 0.0
    for k in range(known):
        x = exponent[k]
        model = x * x * x / (np.exp(x * stretch / temperature) - 1.0)
        weighted = weight[k] * model
        model_data += weighted * flux[k]
        model_model += weighted * model
    size = max(model_data, 0.0) / model_model
    return -size * model_data, size


@compiled_forgiving
def _black_bodies(
    mean: FloatArray,
    error: FloatArray,
    exponents: FloatArray,
    stretch: FloatArray,
    temperatures: FloatArray,
) -> FloatArray:
    """Return temperature in K and size of the best black body, ``(N, P, 2) float64``.

    Per frequency, as calibrated fluxes are, in the rest frame where there is a redshift.
    NaN of fewer than two passbands, or if they have no light.

    Args:
        mean: ``(N, B, P)``, NaN where not observed.
        error: ``(N, B, P)``.
        exponents: ``(B,)``, h c / (k wavelength) in K.
        stretch: ``(N,)``, 1 + redshift.
        temperatures: ``(G,)``, tried in turn; evenly apart in their logarithm.
    """
    n_objects, n_bands, n_bins = mean.shape
    ratio = temperatures[1] / temperatures[0]
    out = np.full((n_objects, n_bins, 2), np.nan)
    misfit = np.empty(len(temperatures))
    flux, weight, exponent = np.empty(n_bands), np.empty(n_bands), np.empty(n_bands)
    for n in range(n_objects):
        for place in range(n_bins):
            known = 0
            brightest = 0.0
            for band in range(n_bands):
                if np.isfinite(mean[n, band, place]):
                    flux[known] = mean[n, band, place]
                    weight[known] = error[n, band, place]
                    exponent[known] = exponents[band]
                    brightest = max(brightest, abs(flux[known]))
                    known += 1
            if known < 2:
                continue
            for k in range(known):
                # Errors of 5 % of the brightest at least: no spectrum is black.
                weight[k] = 1.0 / (weight[k] ** 2 + (0.05 * brightest) ** 2)
            best = 0
            for k in range(len(temperatures)):
                misfit[k], _ = _fit(temperatures[k], known, flux, weight, exponent, stretch[n])
                if misfit[k] < misfit[best]:
                    best = k
            temperature = temperatures[best]
            if best > 0 and best + 1 < len(temperatures):
                left, right = misfit[best - 1] - misfit[best], misfit[best + 1] - misfit[best]
                temperature *= ratio ** (0.5 * (left - right) / (left + right))
            _, size = _fit(temperature, known, flux, weight, exponent, stretch[n])
            if size > 0.0:
                out[n, place, 0] = temperature
                out[n, place, 1] = size
    return out
