"""Black bodies through redshifted passbands, suppressed in the ultraviolet and reddened."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.cosmology import luminosity_distance
from lcclassify.simulation import passbands

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SIGMA: Final = 5.670374e-5  # Stefan-Boltzmann, erg/s/cm2/K4
LIGHT: Final = 2.99792458e10  # cm/s
DAY: Final = 86400.0  # s

_H = 6.62607015e-27  # erg s
_HC_OVER_K = 1.438776877e7  # nm K
_NM = 1e-7  # cm


def planck_over_sigma_t4(wavelength: FloatArray, temperature: FloatArray) -> FloatArray:
    """Return pi B_nu(T) / (sigma T^4), the share of the luminosity per frequency, in 1/Hz.

    Args:
        wavelength: In nanometres, in the frame of the source.
        temperature: In Kelvin, broadcast against the wavelength.
    """
    exponent = np.minimum(_HC_OVER_K / (wavelength * temperature), 500.0)
    nu = LIGHT / (wavelength * _NM)
    # 2 pi h nu^3 / c^2
    scale = (2 * np.pi * _H / LIGHT**2) * nu**3
    share: FloatArray = scale / (np.expm1(exponent) * (SIGMA * temperature**4))
    return share


def thermal_flux(
    luminosity: FloatArray,
    temperature: FloatArray,
    redshift: FloatArray,
    passband: NDArray[np.uint8] | IntArray,
    *,
    cutoff: float | None = None,
    slope: float = 1.0,
    av: FloatArray | None = None,
) -> FloatArray:
    """Return the flux of a black body as seen through LSST's passbands.

    F_nu = (1+z) L_nu(lambda / (1+z)) / (4 pi d_L^2), averaged over the passband: the
    K-correction and the colours come out of the redshift.

    Args:
        luminosity: ``(M,)`` bolometric luminosity in erg/s.
        temperature: ``(M,)`` in Kelvin, in the frame of the source.
        redshift: ``(M,)``, positive.
        passband: ``(M,)`` index of the passband.
        cutoff: Wavelength in nanometres (source frame) below which the flux is
            multiplied by (wavelength / cutoff)^slope, as metal lines do (Nicholl, Guillochon
            & Berger 2017, ApJ 850, 55); None for none.
        slope: Exponent of the suppression.
        av: ``(M,)`` extinction of the host in V magnitudes, by A ~ wavelength^-1.2
            (close to Cardelli, Clayton & Mathis 1989 from u to y); None for none.

    Returns:
        ``(M,)`` fluxes with the zero-point 27.5.
    """
    scale = luminosity * (1 + redshift) / (4 * np.pi * luminosity_distance(redshift) ** 2)
    mean = np.zeros_like(scale)
    for node in range(passbands.NODES.shape[1]):
        wavelength = passbands.NODES[passband, node] / (1 + redshift)
        share = planck_over_sigma_t4(wavelength, temperature)
        if cutoff is not None:
            share = share * np.minimum(wavelength / cutoff, 1.0) ** slope
        if av is not None:
            share = share * 10 ** (-0.4 * av * (wavelength / 550.0) ** -1.2)
        mean += passbands.NODE_WEIGHTS[passband, node] * share
    flux: FloatArray = scale * mean * passbands.UNITS_PER_FNU
    return flux


def stellar_colours(temperature: FloatArray) -> FloatArray:
    """Return the flux of a black body in each passband relative to r, ``(n, 6)``."""
    wavelength = passbands.NODES[None, :, :]
    share = planck_over_sigma_t4(wavelength, temperature[:, None, None])
    mean = (share * passbands.NODE_WEIGHTS).sum(axis=2)
    colours: FloatArray = mean / mean[:, 2:3]
    return colours
