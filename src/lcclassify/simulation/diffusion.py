"""How power deep in expanding ejecta comes out as light: diffusion and photospheres."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.simulation.sed import DAY, LIGHT, SIGMA

FloatArray = NDArray[np.float64]

SOLAR_MASS: Final = 1.98841e33  # g
KM: Final = 1e5  # cm

# Power of a solar mass of 56Ni and of the 56Co that it becomes in erg/s, and their mean
# lifetimes in days (Nadyozhin 1994, ApJS 92, 527).
_NICKEL_HEAT = 6.45e43
_COBALT_HEAT = 1.45e43
_NICKEL_LIFE = 8.8
_COBALT_LIFE = 111.3

# cm2/g, of the gamma rays of 56Co (Clocchiatti & Wheeler 1997, ApJ 491, 375).
_GAMMA_OPACITY = 0.027
_ARNETT_BETA = 13.8  # shape of the density profile (Arnett 1982, ApJ 253, 785)


def nickel_heating(time: FloatArray) -> FloatArray:
    """Return the power of a solar mass of 56Ni and its daughter 56Co in erg/s.

    Args:
        time: Days since the explosion.
    """
    heating: FloatArray = _NICKEL_HEAT * np.exp(-time / _NICKEL_LIFE) + _COBALT_HEAT * np.exp(
        -time / _COBALT_LIFE
    )
    return heating


def diffusion_time(mass: FloatArray, velocity: FloatArray, opacity: float) -> FloatArray:
    """Return Arnett's time scale sqrt(2 kappa M / (13.8 c v)) in days.

    Args:
        mass: Of the ejecta, solar masses.
        velocity: In km/s.
        opacity: In cm2/g.
    """
    squared = 2 * opacity * mass * SOLAR_MASS / (_ARNETT_BETA * LIGHT * velocity * KM)
    time: FloatArray = np.sqrt(squared) / DAY
    return time


def diffuse(heating: FloatArray, time: FloatArray, timescale: FloatArray) -> FloatArray:
    """Return the luminosity of ejecta heated from within (Arnett 1982, ApJ 253, 785).

    L(t) = exp(-x^2) int 2 x' exp(x'^2) P dx' with x = t / timescale, so that L relaxes to
    the heating P as x^2 grows: exact for a heating that is constant between two nodes.

    Args:
        heating: ``(G, n)`` power in erg/s.
        time: ``(G,)`` days since the explosion, from 0.
        timescale: ``(n,)`` days.

    Returns:
        ``(G, n)`` in erg/s, 0 at the first node.
    """
    growth = np.diff(time**2)[:, None] / timescale**2
    kept = np.exp(-growth)
    added = (1 - kept) * 0.5 * (heating[1:] + heating[:-1])
    luminosity = np.zeros(heating.shape[:1] + timescale.shape)
    for node in range(len(time) - 1):
        luminosity[node + 1] = luminosity[node] * kept[node] + added[node]
    return luminosity


def trapping(time: FloatArray, mass: FloatArray, velocity: FloatArray) -> FloatArray:
    """Return the share of gamma rays that heat the ejecta, 1 - exp(-(t0/t)^2), ``(G, n)``.

    t0^2 = 3 kappa_gamma M / (4 pi v^2) (Clocchiatti & Wheeler 1997, ApJ 491, 375;
    Chatzopoulos, Wheeler & Vinko 2012, ApJ 746, 121).

    Args:
        time: ``(G,)`` days since the explosion.
        mass: ``(n,)`` solar masses.
        velocity: ``(n,)`` km/s.
    """
    escape = 3 * _GAMMA_OPACITY * mass * SOLAR_MASS / (4 * np.pi * (velocity * KM * DAY) ** 2)
    inverse = 1 / np.maximum(time, 1e-3) ** 2
    share: FloatArray = -np.expm1(-inverse[:, None] * escape)
    return share


def photosphere(
    luminosity: FloatArray,
    time: FloatArray,
    velocity: FloatArray,
    floor: FloatArray,
    ceiling: float = 1e5,
) -> FloatArray:
    """Return the temperature of a photosphere that expands until it has cooled, ``(G, n)``.

    The radius is v t while the temperature is above the floor and afterwards what the
    luminosity needs at the floor (Nicholl, Guillochon & Berger 2017, ApJ 850, 55;
    Guillochon et al. 2018, ApJS 236, 6).

    Args:
        luminosity: ``(G, n)`` erg/s.
        time: ``(G,)`` days since the explosion.
        velocity: ``(n,)`` km/s.
        floor: ``(n,)`` Kelvin.
        ceiling: Highest temperature in Kelvin, for the first moments.
    """
    # At time 0 nothing shines; a finite radius keeps the quotient finite.
    age = np.maximum(time, 0.5 * time[1]) * (DAY * KM)
    area = (4 * np.pi * SIGMA) * (age[:, None] * velocity) ** 2
    temperature = np.sqrt(np.sqrt(luminosity / area))
    kept: FloatArray = np.clip(temperature, floor, ceiling)
    return kept
