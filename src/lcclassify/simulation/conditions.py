"""Sun, moon, weather and what they do to the noise of a visit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Site of the Rubin Observatory in degrees (Ivezic et al. 2019, ApJ 873, 111).
LATITUDE: Final = -30.2444
LONGITUDE: Final = -70.7494
# Fraction of the UT day at the site's mean midnight.
MIDNIGHT: Final = -LONGITUDE / 360

# The sun's altitude in degrees between which sky is dark enough.
_DUSK = -13.0
# The new moon of 2000 January 6, and the mean synodic month (Meeus 1998, Astronomical
# Algorithms, chapter 49).
_NEW_MOON = 51549.76
_MONTH = 29.530589

# 1 sigma noise of a single visit in flux units at the zenith on a dark night, by passband,
# fitted to the errors of PLAsTiCC's deep fields, where 10 to 26 visits are added: within 0.35
# magnitudes of the design's 5 sigma depths 23.9 25.0 24.7 24.0 23.3 22.1 (Ivezic et al. 2019).
SINGLE_NOISE: Final = np.array([7.25, 2.37, 3.5, 6.0, 10.2, 22.2])
# How the noise grows with the moon's light (0 to 1, as `moonlight`), with the airmass
# (exponent), and how it scatters from night to night (in ln), by passband. Fitted to the
# errors of faint observations in PLAsTiCC's deep fields.
_MOON = np.array([1.4, 1.3, 0.9, 0.45, 0.3, 0.15])
_AIRMASS = np.array([0.9, 0.75, 0.65, 0.6, 0.6, 0.6])
_SCATTER = np.array([0.19, 0.16, 0.15, 0.15, 0.15, 0.17])


@dataclass(frozen=True, eq=False)
class Nights:
    """The nights of a survey, ``(N,)`` arrays.

    Attributes:
        midnight: MJD of the site's mean midnight.
        sidereal: Local sidereal time at midnight in degrees.
        half: Half of the dark night's length in degrees (15 an hour).
        age: Days since the nearest new moon, negative before it.
        moon: Right ascension of the moon in degrees, roughly.
        clear: Whether the weather allows to observe.
        haze: ln of the factor by which seeing and clouds of the night raise all noise.
    """

    midnight: FloatArray
    sidereal: FloatArray
    half: FloatArray
    age: FloatArray
    moon: FloatArray
    clear: NDArray[np.bool_]
    haze: FloatArray


def simulate_nights(start: float, nights: int, lost: float, rng: np.random.Generator) -> Nights:
    """Return the nights of a survey.

    The weather persists: a first-order autoregressive process with a correlation of 0.6 from
    night to night is cut at the share of nights lost.

    Args:
        start: MJD of the first day.
        nights: Number of nights.
        lost: Share of nights that clouds take.
        rng: Random numbers.
    """
    midnight = np.floor(start) + np.arange(nights) + MIDNIGHT
    since = midnight - 51544.5
    # Low-precision position of the sun (Astronomical Almanac).
    anomaly = np.radians(357.528 + 0.9856003 * since)
    longitude = np.radians(
        280.46 + 0.9856474 * since + 1.915 * np.sin(anomaly) + 0.02 * np.sin(2 * anomaly)
    )
    tilt = np.radians(23.439)
    sun = np.degrees(np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude)))
    decl = np.arcsin(np.sin(tilt) * np.sin(longitude))
    site = np.radians(LATITUDE)
    setting = (np.sin(np.radians(_DUSK)) - np.sin(site) * np.sin(decl)) / (
        np.cos(site) * np.cos(decl)
    )
    age = (since + 51544.5 - _NEW_MOON + _MONTH / 2) % _MONTH - _MONTH / 2
    weather = np.empty(nights)
    last = rng.standard_normal()
    for night, shock in enumerate(rng.standard_normal(nights)):
        last = 0.6 * last + 0.8 * shock
        weather[night] = last
    return Nights(
        midnight=midnight,
        sidereal=(280.46062 + 360.98564737 * since + LONGITUDE) % 360,
        half=180 - np.degrees(np.arccos(setting)),
        age=age,
        moon=(sun + 360 * age / _MONTH) % 360,
        clear=weather < np.quantile(weather, 1 - lost),
        # Between the clear nights the better the weather, the better the seeing.
        haze=0.05 * np.clip(weather, -2, 2) + 0.08 * rng.standard_normal(nights),
    )


def wrap(angle: FloatArray) -> FloatArray:
    """Return angles in degrees between -180 and 180."""
    wrapped: FloatArray = (angle + 180) % 360 - 180
    return wrapped


def moonlight(age: FloatArray, moon_hour_angle: FloatArray) -> FloatArray:
    """Return how much the moon lights the sky, 0 to 1.

    Args:
        age: Days from new moon.
        moon_hour_angle: Degrees; the moon is taken to be up within 95 degrees of the meridian.
    """
    lit = (1 - np.cos(2 * np.pi * age / _MONTH)) / 2
    up = np.clip((95 - np.abs(moon_hour_angle)) / 40, 0, 1)
    light: FloatArray = lit * up
    return light


def airmass(decl: FloatArray, hour_angle: FloatArray) -> FloatArray:
    """Return the airmass of a plane atmosphere, at most 2.5; angles in degrees."""
    site, height = np.radians(LATITUDE), np.radians(decl)
    sine = np.sin(site) * np.sin(height) + np.cos(site) * np.cos(height) * np.cos(
        np.radians(hour_angle)
    )
    mass: FloatArray = 1 / np.maximum(sine, 0.4)
    return mass


def sky_noise(
    passband: NDArray[np.uint8],
    visits: FloatArray,
    light: FloatArray,
    mass: FloatArray,
    haze: FloatArray,
    normal: FloatArray,
) -> FloatArray:
    """Return the 1 sigma noise of an empty aperture in flux units, ``(V,)``.

    Args:
        passband: ``(V,)`` index of the passband.
        visits: ``(V,)`` number of visits that are added.
        light: ``(V,)`` moonlight, 0 to 1.
        mass: ``(V,)`` airmass.
        haze: ``(V,)`` ln of the night's factor.
        normal: ``(V,)`` standard normal numbers.
    """
    shape = (
        _MOON[passband] * light
        + _AIRMASS[passband] * np.log(mass)
        + haze
        + _SCATTER[passband] * normal
    )
    noise: FloatArray = SINGLE_NOISE[passband] / np.sqrt(visits) * np.exp(shape)
    return noise
