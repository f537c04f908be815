"""Colours: what an object's passbands are to each other, at its peak, later, and at large.

A colour is the difference of two neighbouring passbands' fluxes over the sum of their sizes,
which noise and negative fluxes leave between -1 and 1. Where wavelengths are known, passbands
are neighbours in wavelength and a black body is fitted in each bin of time; otherwise the
survey's order counts.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from lcclassify.compiled import compiled_quick
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.features.peaks import find_peaks
from lcclassify.representations.features.phase_bins import AT_PEAK, BINS, phase_means
from lcclassify.representations.nights import FloatArray, IntArray
from lcclassify.schema import Passbands

_USED: Final = (1, 2, 3, 4, 5)  # bins of time, those of a transient
_AT_LARGE: Final = ("peak_colour", "deviation_colour", "mean_colour")
_LATER: Final = tuple(place for place in _USED if place != AT_PEAK)
_TEMPERATURES: Final = np.geomspace(2500.0, 40000.0, 25)  # K
_KELVIN_NM: Final = 1.438776877e7  # h c / k


def names(passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns of `matrix`."""
    order = _order(passbands)
    pairs = [f"{passbands.names[a]}_{passbands.names[b]}" for a, b in pairwise(order)]
    found = [f"colour_{BINS[place]}_{pair}" for place in _USED for pair in pairs]
    found += [f"colour_change_{BINS[place]}_{pair}" for place in _LATER for pair in pairs]
    found += [f"{kind}_{pair}" for kind in _AT_LARGE for pair in pairs]
    if pairs:
        found += [f"spectral_slope_{BINS[place]}" for place in _USED]
    if pairs and passbands.wavelengths:
        found += [f"temperature_{BINS[place]}" for place in _USED]
        found += [f"temperature_misfit_{BINS[place]}" for place in _USED]
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
        colours = _colour(mean, error).transpose(0, 2, 1)
        at_peak = colours[:, _USED.index(AT_PEAK)]
        later = [colours[:, _USED.index(place)] - at_peak for place in _LATER]
        average, deviation = _weighted(peaks.starts, peaks.flux, peaks.flux_err)
        nothing = np.zeros_like(average)
        columns = [
            colours.reshape(n, -1),
            *later,
            _colour(peaks.band_flux[:, order], peaks.band_err[:, order]),
            _colour(deviation[:, order], nothing),
            _colour(average[:, order], nothing),
        ]
        places = _places(passbands)[order]
        columns.append(_slope(mean, error, places))
        if passbands.wavelengths:
            fitted = _black_bodies(
                mean,
                error,
                _KELVIN_NM / np.array(passbands.wavelengths)[order],
                peaks.stretch,
                _TEMPERATURES,
            )
            columns += [fitted[:, :, 0], fitted[:, :, 1]]
    return np.concatenate(columns, axis=1)


def _order(passbands: Passbands) -> IntArray:
    """Return the passbands from blue to red, or in the survey's order."""
    if not passbands.wavelengths:
        return np.arange(len(passbands))
    return np.argsort(np.array(passbands.wavelengths), kind="stable")


def _places(passbands: Passbands) -> FloatArray:
    """Return the logarithms of the wavelengths, or the passbands' positions."""
    if not passbands.wavelengths:
        return np.arange(len(passbands), dtype=np.float64)
    places: FloatArray = np.log(np.array(passbands.wavelengths))
    return places


def _colour(flux: FloatArray, error: FloatArray) -> FloatArray:
    """Return the colours of neighbours along axis 1, nearer 0 the less is known of them."""
    first, second = flux[:, :-1], flux[:, 1:]
    noise = np.hypot(error[:, :-1], error[:, 1:])
    found: FloatArray = (first - second) / np.hypot(np.abs(first) + np.abs(second), noise)
    return found


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


@compiled_quick
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


@compiled_quick
def _black_bodies(
    mean: FloatArray,
    error: FloatArray,
    exponents: FloatArray,
    stretch: FloatArray,
    temperatures: FloatArray,
) -> FloatArray:
    """Return temperature in K and chi2 a passband of the best black body, ``(N, P, 2)``.

    Per frequency, as calibrated fluxes are, of free size that is not negative, in the rest
    frame where there is a redshift. At least two passbands.
    """
    n_objects, n_bands, n_bins = mean.shape
    out = np.full((n_objects, n_bins, 2), np.nan)
    misfit = np.empty(len(temperatures))
    for n in range(n_objects):
        for place in range(n_bins):
            known = 0
            size = 0.0
            for band in range(n_bands):
                if np.isfinite(mean[n, band, place]):
                    known += 1
                    size = max(size, abs(mean[n, band, place]))
            if known < 2:
                continue
            best = 0
            for k in range(len(temperatures)):
                model_data = model_model = data_data = 0.0
                for band in range(n_bands):
                    flux = mean[n, band, place]
                    if np.isfinite(flux):
                        # Errors of 5 % of the brightest at least: no spectrum is black.
                        noise = error[n, band, place] ** 2 + (0.05 * size) ** 2
                        x = exponents[band] * stretch[n]
                        model = exponents[band] ** 3 / (np.exp(x / temperatures[k]) - 1.0)
                        model_data += model * flux / noise
                        model_model += model * model / noise
                        data_data += flux * flux / noise
                gain = max(model_data, 0.0)
                misfit[k] = data_data - gain * gain / model_model
                if misfit[k] < misfit[best]:
                    best = k
            step = 0.0
            if best > 0 and best + 1 < len(temperatures):
                left, right = misfit[best - 1] - misfit[best], misfit[best + 1] - misfit[best]
                step = 0.5 * (left - right) / (left + right)
            if misfit[best] < misfit[0] or best == 0:
                ratio = temperatures[1] / temperatures[0]
                out[n, place, 0] = temperatures[best] * ratio**step
            out[n, place, 1] = misfit[best] / known
    return out
