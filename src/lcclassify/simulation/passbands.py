"""The six passbands of LSST as the simulation sees them, and the units of flux."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NAMES: Final = ("u", "g", "r", "i", "z", "y")
ZEROPOINT: Final = 27.5  # AB magnitude of flux 1, as in PLAsTiCC (Kessler et al. 2019)

# Effective wavelengths and half-maximum edges in nanometres of LSST's baseline throughput, as
# its key numbers for scientists give them (the system: Ivezic et al. 2019, ApJ 873, 111).
WAVELENGTH: Final = np.array([367.1, 482.7, 622.3, 754.6, 869.1, 971.0])
LOWER: Final = np.array([324.0, 405.0, 552.0, 691.0, 818.0, 922.0])
UPPER: Final = np.array([395.0, 552.0, 691.0, 818.0, 921.0, 997.0])

# A_b / E(B-V) for the law of Fitzpatrick 1999, PASP 111, 63, with R_V = 3.1 (Schlafly &
# Finkbeiner 2011, ApJ 737, 103, table 6, rows of LSST).
EXTINCTION: Final = np.array([4.145, 3.237, 2.273, 1.684, 1.323, 1.088])

# Three Gauss-Legendre points across each passband, taken as a box: (6, 3) wavelengths in
# nanometres, and weights of the mean over photons, d(nu)/nu = d(lambda)/lambda.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(3)
NODES: Final = ((LOWER + UPPER) / 2)[:, None] + ((UPPER - LOWER) / 2)[:, None] * _POINTS
_UNNORMALISED = _WEIGHTS / NODES
NODE_WEIGHTS: Final = _UNNORMALISED / _UNNORMALISED.sum(axis=1, keepdims=True)

# Flux units of one erg/s/cm2/Hz: AB magnitude 0 is 10^(-48.6/2.5) of these.
UNITS_PER_FNU: Final = 10 ** (0.4 * (ZEROPOINT + 48.6))


def flux_of(magnitude: FloatArray) -> FloatArray:
    """Return fluxes of AB magnitudes."""
    flux: FloatArray = 10 ** (0.4 * (ZEROPOINT - magnitude))
    return flux


def magnitude_of(flux: FloatArray) -> FloatArray:
    """Return AB magnitudes of fluxes; infinite where the flux is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        magnitude: FloatArray = ZEROPOINT - 2.5 * np.log10(np.maximum(flux, 0))
    return magnitude
