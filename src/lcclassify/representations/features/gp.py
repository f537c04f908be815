"""Features of the smooth light curve that a Gaussian process sees in the observations.

To each object the process of `lcclassify.augment` is fitted (`quickfit`), in time and wavelength,
and its posterior mean is looked at in every passband every other day from the first observation
to the last. Where the passbands' wavelengths are not known each is taken to be half correlated
with every other. Days are those of the object's rest frame where its redshift is known.

References:
    Boone 2019, AJ 158, 257 (features of such processes, for PLAsTiCC).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.augment.means import mean_table
from lcclassify.augment.process import ROOT_3, filter_gains, solve, wavelength_covariance
from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.features.quickfit import fit_roughly
from lcclassify.representations.features.smooth import OF_BAND, describe
from lcclassify.schema import Passbands

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_WAVELENGTH_SCALE: Final = 600.0  # nm, as the default of the augmentation
_UNKNOWN_COUPLING: Final = 0.5  # of passbands whose wavelengths are not known
_FEWEST: Final = 5  # observations
_STEP: Final = 2.0  # days
_MOST: Final = 2000  # days looked at; longer spans in longer steps

_OF_PROCESS: Final = ("gp_amplitude", "gp_time_scale", "gp_chi_square", "gp_peak_mjd_share")
AT_DAYS: Final = (0.0, 10.0, 20.0, 50.0)


def names(passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns, ``4 + 9 B + 4 (B - 1)``."""
    bands = passbands.names
    return (
        *_OF_PROCESS,
        *(f"gp_{name}_{band}" for name in OF_BAND for band in bands),
        *(f"gp_colour_{int(day)}_{a}_{b}" for day in AT_DAYS for a, b in pairwise(bands)),
    )


def matrix(observed: Observed, *, with_redshift: bool) -> FloatArray:
    """Return the features ``(N, F) float64``: fluxes, days and plain numbers.

    Args:
        observed: N objects.
        with_redshift: Whether days are those of the rest frame, of objects with a redshift.

    Returns:
        The columns of `names`, NaN where undefined.
    """
    passbands = observed.passbands
    coupling = _coupling(passbands)
    stretch = observed.stretch(with_redshift=with_redshift)
    observations = (observed.mjd, observed.passband, observed.flux, observed.flux_err)
    amplitude, scale = fit_roughly(observed.bounds, *observations, coupling)
    return _features(
        observed.bounds,
        *observations,
        coupling,
        amplitude,
        scale,
        stretch,
        len(names(passbands, with_redshift=with_redshift)),
    )


def _coupling(passbands: Passbands) -> FloatArray:
    """Return the covariance of the passbands, ``(B, B)``."""
    if passbands.wavelengths:
        wavelengths = np.array(passbands.wavelengths, dtype=np.float64)
        return wavelength_covariance(wavelengths, wavelengths, _WAVELENGTH_SCALE)
    coupling = np.full((len(passbands), len(passbands)), _UNKNOWN_COUPLING)
    np.fill_diagonal(coupling, 1.0)
    return coupling


@compiled_forgiving
def _features(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    coupling: FloatArray,
    amplitudes: FloatArray,
    scales: FloatArray,
    stretch: FloatArray,
    n_features: int,
) -> FloatArray:
    n_bands = len(coupling)
    out = np.full((len(bounds) - 1, n_features), np.nan)
    for n in range(len(bounds) - 1):
        rows = slice(bounds[n], bounds[n + 1])
        times, bands = mjd[rows], passband[rows]
        size = len(times)
        amplitude, rate = amplitudes[n], ROOT_3 / scales[n]
        if size < _FEWEST or not (amplitude > 0 and rate > 0 and amplitude < np.inf):
            continue
        gains, innovation = np.empty((size, 2 * n_bands)), np.empty(size)
        weights, values, variance = np.empty(size), np.empty(size), np.empty(size)
        for i in range(size):
            values[i] = flux[bounds[n] + i] / amplitude
            variance[i] = (flux_err[bounds[n] + i] / amplitude) ** 2
        filter_gains(times, bands, variance, coupling, rate, gains, innovation)
        solve(times, bands, values, rate, gains, innovation, weights)
        # The mean at an observation differs from it by the noise's share of the weights.
        chi_square = 0.0
        for i in range(size):
            chi_square += weights[i] ** 2 * variance[i]
        span = times[size - 1] - times[0]
        step = max(_STEP, span / _MOST)
        n_times = int(span / step) + 1
        table = np.empty((n_times, n_bands))
        mean_table(times, bands, weights, rate, times[0], step, coupling, table)
        own = out[n]
        own[0] = amplitude
        own[1] = scales[n] / stretch[n]
        own[2] = chi_square / size
        peak = describe(table, step / stretch[n], own[4:])
        own[3] = peak / n_times
        for k in range(2 * n_bands):  # fluxes, in the survey's units
            own[4 + k] *= amplitude
    return out
