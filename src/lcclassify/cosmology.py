"""Distances and volumes of a flat universe, tabulated once."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# The values of PLAsTiCC (Kessler et al. 2019, PASP 131, 094501), which its `distmod` obeys.
HUBBLE: Final = 70.0  # km/s/Mpc
OMEGA_M: Final = 0.3
MAX_REDSHIFT: Final = 6.0

_CM_PER_MPC: Final = 3.085677581491367e24  # astropy's, to the bit
_LIGHT_SPEED: Final = 299792.458  # km/s

# Linear between such steps the distance is right to 1e-6 from redshift 0.005 on.
_STEPS_PER_REDSHIFT: Final = 5000


@cache
def _table() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return redshifts, comoving distances (Mpc) and comoving volumes (Gpc³) per redshift.

    The distance is the integral of c / H(z), by Gauss and Legendre's rule in every step. astropy
    has the same numbers, and takes more than a second to import.
    """
    redshift = np.arange(int(MAX_REDSHIFT * _STEPS_PER_REDSHIFT) + 2) / _STEPS_PER_REDSHIFT
    nodes, weights = np.polynomial.legendre.leggauss(5)
    step = 1 / _STEPS_PER_REDSHIFT
    within = redshift[:-1, None] + step * (nodes + 1) / 2
    steps = step / 2 * (weights / _expansion(within)).sum(axis=1)
    hubble_distance = _LIGHT_SPEED / HUBBLE
    distance = hubble_distance * np.concatenate([[0.0], np.cumsum(steps)])
    volume = 4 * np.pi * hubble_distance * distance**2 / _expansion(redshift) / 1e9
    return redshift, distance, volume


def _expansion(redshift: FloatArray) -> FloatArray:
    """Return H(z) over that of today."""
    found: FloatArray = np.sqrt(OMEGA_M * (1 + redshift) ** 3 + 1 - OMEGA_M)
    return found


def comoving_distance(redshift: FloatArray) -> FloatArray:
    """Return the line-of-sight comoving distance in Mpc; NaN where the redshift is.

    Redshifts up to `MAX_REDSHIFT`.
    """
    _, distance, _ = _table()
    # The even grid tells the place at once; numpy.interp searches for it.
    place = redshift * _STEPS_PER_REDSHIFT
    low = np.nan_to_num(np.minimum(place, len(distance) - 2)).astype(np.intp)
    start = distance[low]
    found: FloatArray = start + (place - low) * (distance[low + 1] - start)
    return found


def luminosity_distance(redshift: FloatArray) -> FloatArray:
    """Return the luminosity distance in cm."""
    found: FloatArray = (1 + redshift) * comoving_distance(redshift) * _CM_PER_MPC
    return found


def distance_modulus(redshift: FloatArray) -> FloatArray:
    """Return m - M in magnitudes, NaN at a redshift of 0 or below."""
    positive = np.where(redshift > 0, redshift, np.nan)
    with np.errstate(invalid="ignore"):
        found: FloatArray = 5 * np.log10((1 + positive) * comoving_distance(positive)) + 25
    return found


def madau_dickinson(redshift: FloatArray) -> FloatArray:
    """Return the cosmic star formation history, 1 at redshift 0 (2014, ARA&A 52, 415, eq. 15)."""
    growth = (1 + redshift) ** 2.7 / (1 + ((1 + redshift) / 2.9) ** 5.6)
    history: FloatArray = growth * (1 + (1 / 2.9) ** 5.6)
    return history


def volumetric_redshift(
    uniform: FloatArray, minimum: float, maximum: float, evolution: float | None
) -> FloatArray:
    """Return redshifts of events that happen at a rate per volume and rest-frame time.

    The observer sees the rate slowed by 1+z.

    Args:
        uniform: ``(n,)`` numbers between 0 and 1, one an event.
        minimum: Lowest redshift.
        maximum: Highest redshift.
        evolution: Exponent of a rate that goes as (1+z)^evolution; None for a rate that
            follows the star formation history.
    """
    z, _, volume = _table()
    rate = madau_dickinson(z) if evolution is None else (1 + z) ** evolution
    density = volume * rate / (1 + z)
    steps = np.diff(z) * (density[1:] + density[:-1]) / 2
    cumulative = np.concatenate([[0.0], np.cumsum(steps)])
    low, high = np.interp([minimum, maximum], z, cumulative)
    found: FloatArray = np.interp(low + uniform * (high - low), cumulative, z)
    return found
