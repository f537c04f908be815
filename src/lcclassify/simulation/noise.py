"""How noisy a flux is, whether a difference image shows it, and what a survey calls found."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.simulation import passbands

FloatArray = NDArray[np.float64]

# Variance per unit of flux (zero-point 27.5) of the photons of a single visit, by passband:
# what the errors of bright objects in PLAsTiCC's deep fields exceed those of faint ones by on
# the same nights, 0.0186 0.00255 0.00121 0.00152 0.00158 0.00490, times the visits added there.
# It is above the pure photon noise of 30 s, in u by far, for which they show no reason.
PHOTON_NOISE: Final = np.array([0.0186, 0.00255, 0.00121, 0.00152, 0.00158, 0.00490]) * [
    20, 10, 20, 20, 26, 20,
]  # fmt: skip

# Share of the difference flux that the calibration leaves uncertain, and share of the
# Milky-Way extinction that is uncertain. The ten public light curves give together, for E(B-V)
# of 0.017 to 0.027, 0.0059 0.0056 0.0051 0.0049 0.0049 0.0048 in u to y, which is their sum in
# quadrature; for much more dust the second is an extrapolation.
CALIBRATION: Final = 0.0047
EXTINCTION_ERROR: Final = 0.05


def flux_errors(
    true_difference: FloatArray,
    template: FloatArray,
    sky_noise: FloatArray,
    passband: NDArray[np.uint8],
    mwebv: FloatArray,
    visits: FloatArray,
) -> FloatArray:
    """Return the standard deviation of difference fluxes, ``(M,)``.

    variance = (k sky)^2 + k p_b / visits (template + difference) + (c difference)^2, where
    k = 10^(0.4 A_b) corrects sky and photons for the extinction of the Milky Way, and
    c^2 = 0.0047^2 + (0.05 ln k)^2.

    Args:
        true_difference: ``(M,)`` flux minus template, corrected for extinction.
        template: ``(M,)`` flux in the reference image, likewise.
        sky_noise: ``(M,)`` noise of an empty aperture, as it comes from the telescope.
        passband: ``(M,)`` index of the passband.
        mwebv: ``(M,)`` Milky-Way E(B-V) in magnitudes.
        visits: ``(M,)`` single visits that were added to one observation (`Fields.visits`).
    """
    ln_correction = _LN_CORRECTION[passband] * mwebv
    corrected = np.exp(ln_correction)
    light = np.maximum(template + true_difference, 0.0)
    sky = corrected * sky_noise
    dust = EXTINCTION_ERROR * ln_correction
    share = CALIBRATION**2 + dust * dust
    errors: FloatArray = np.sqrt(
        sky * sky
        + corrected * PHOTON_NOISE[passband] / visits * light
        + share * (true_difference * true_difference)
    )
    return errors


_LN_CORRECTION = 0.4 * np.log(10) * passbands.EXTINCTION

# Signal-to-noise ratio at which half of the observations are detected, and the width of the
# logistic rise. PLAsTiCC's ten light curves: 0.07 at 3.5, 0.25 at 4.5, 0.55 at 5.5, 0.9 at 9.
HALF_DETECTED: Final = 5.5
DETECTION_WIDTH: Final = 0.85


def detection_probability(flux: FloatArray, flux_err: FloatArray) -> FloatArray:
    """Return the probability that a difference image shows an observation, ``(M,)``.

    Args:
        flux: ``(M,)`` difference flux with its noise; of either sign.
        flux_err: ``(M,)`` its standard deviation.
    """
    snr = np.abs(flux) / flux_err
    probability: FloatArray = 1 / (
        1 + np.exp(np.minimum((HALF_DETECTED - snr) / DETECTION_WIDTH, 50))
    )
    return probability


def triggered(
    row: NDArray[np.intp],
    mjd: FloatArray,
    detected: NDArray[np.bool_],
    n: int,
    separation: float = 30 / (24 * 60),
) -> NDArray[np.bool_]:
    """Tell which objects are found: those with two detections far enough apart in time.

    This is the trigger of PLAsTiCC (Kessler et al. 2019, PASP 131, 094501).

    Args:
        row: ``(M,)`` position of each observation's object, ascending.
        mjd: ``(M,)`` days.
        detected: ``(M,)`` whether the difference image showed it.
        n: Number of objects.
        separation: Least time between the first and the last detection in days.

    Returns:
        ``(n,)`` whether each object is found.
    """
    first = np.full(n, np.inf)
    last = np.full(n, -np.inf)
    np.minimum.at(first, row[detected], mjd[detected])
    np.maximum.at(last, row[detected], mjd[detected])
    found: NDArray[np.bool_] = last - first >= separation
    return found
