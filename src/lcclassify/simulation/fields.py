"""The places at which the telescope points, and all visits to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Centres of the five deep drilling fields, ra and decl in degrees: XMM-LSS, CDFS, COSMOS, an
# extra one of the cadence, ELAIS-S1. They are the means over PLAsTiCC's training metadata.
DEEP_CENTRES: Final = np.array(
    [[34.0, -5.3], [52.8, -27.7], [150.6, 3.0], [349.3, -63.2], [0.5, -45.7]]
)
# Median E(B-V) of each and its scatter in ln E(B-V) (the same metadata).
DEEP_EXTINCTION: Final = np.array([0.0195, 0.0078, 0.0187, 0.0192, 0.0097])
DEEP_EXTINCTION_SCATTER: Final = np.array([0.09, 0.2, 0.2, 0.1, 0.22])
# The wide survey leaves out |b| < 10 (1 - |l| / 90) degrees, where stars crowd: so do the
# objects of PLAsTiCC's training metadata.
PLANE_LATITUDE: Final = 10.0
PLANE_LONGITUDE: Final = 90.0

# Radius in degrees of the circle within which the pointings of a deep field lie.
DEEP_RADIUS: Final = 1.6


@dataclass(frozen=True, eq=False)
class Fields:
    """P fields and their V visits, which are sorted by (field, mjd).

    Visits of one night in one passband are one, as in PLAsTiCC.

    Attributes:
        ra: ``(P,)`` degrees.
        decl: ``(P,)`` degrees.
        gal_l: ``(P,)`` degrees.
        gal_b: ``(P,)`` degrees.
        mwebv: ``(P,)`` Milky-Way E(B-V) in magnitudes.
        ddf: ``(P,)`` whether it belongs to a deep drilling field.
        starts: ``(P + 1,)`` position of each field's first visit, and V.
        mjd: ``(V,)`` days.
        passband: ``(V,)`` index of the passband, 0 to 5.
        sky_noise: ``(V,)`` standard deviation of the flux in an empty aperture, before the
            correction for Milky-Way extinction; zero-point 27.5.
        visits: ``(V,)`` number of single visits that were added to one.
    """

    ra: FloatArray
    decl: FloatArray
    gal_l: FloatArray
    gal_b: FloatArray
    mwebv: FloatArray
    ddf: NDArray[np.bool_]
    starts: IntArray
    mjd: FloatArray
    passband: NDArray[np.uint8]
    sky_noise: FloatArray
    visits: FloatArray

    def __len__(self) -> int:
        return len(self.ra)


def even_positions(n: int, south: float, north: float, turn: float) -> FloatArray:
    """Return points spread evenly over a zone of the sky, ``(n, 2)`` ra and decl in degrees.

    They lie on a Fibonacci lattice (Gonzalez 2010, Mathematical Geosciences 42, 49).

    Args:
        n: Number of points.
        south: Lowest declination in degrees.
        north: Highest declination in degrees.
        turn: Rotation of the whole, in turns.
    """
    rank = np.arange(n) + 0.5
    low, high = np.sin(np.radians([south, north]))
    decl = np.degrees(np.arcsin(low + (high - low) * rank / n))
    golden = (np.sqrt(5) - 1) / 2
    ra = 360 * ((rank * golden + turn) % 1)
    return np.stack([ra, decl], axis=1)


def galactic(position: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Galactic longitude and latitude in degrees of ``(n, 2)`` ra and decl in degrees."""
    from astropy import units
    from astropy.coordinates import SkyCoord

    there = SkyCoord(position[:, 0] * units.deg, position[:, 1] * units.deg).galactic
    return np.asarray(there.l.deg), np.asarray(there.b.deg)


def wide_positions(n: int, south: float, north: float, turn: float) -> FloatArray:
    """Return n points spread evenly over the wide survey, ``(n, 2)`` ra and decl in degrees.

    Args:
        n: Number of points.
        south: Lowest declination in degrees.
        north: Highest declination in degrees.
        turn: Rotation of the whole, in turns.
    """
    tried = n
    while True:
        position = even_positions(tried, south, north, turn)
        longitude, latitude = galactic(position)
        longitude = np.minimum(longitude, 360 - longitude)
        inside = np.abs(latitude) >= PLANE_LATITUDE * (1 - longitude / PLANE_LONGITUDE)
        position = position[inside]
        if len(position) >= n:
            # Those too many are dropped at even steps, so that no zone loses more.
            return position[np.arange(n) * len(position) // n]
        tried += max(n - len(position), 1)


def deep_positions(
    n: int, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.intp], FloatArray]:
    """Return pointings within the deep drilling fields.

    Args:
        n: Number of pointings; the fields get equal shares.
        rng: Random numbers.

    Returns:
        ``(n, 2)`` ra and decl in degrees, ``(n,)`` index of the deep field, ``(n,)`` E(B-V).
    """
    member = np.arange(n) % len(DEEP_CENTRES)
    radius = DEEP_RADIUS * np.sqrt(rng.random(n))
    angle = 2 * np.pi * rng.random(n)
    centre = DEEP_CENTRES[member]
    decl = centre[:, 1] + radius * np.sin(angle)
    ra = (centre[:, 0] + radius * np.cos(angle) / np.cos(np.radians(decl))) % 360
    scatter = DEEP_EXTINCTION_SCATTER[member] * np.clip(rng.standard_normal(n), -2.5, 2.5)
    extinction = DEEP_EXTINCTION[member] * np.exp(scatter)
    return np.stack([ra, decl], axis=1), member, extinction
