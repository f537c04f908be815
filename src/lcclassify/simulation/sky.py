"""Where objects lie: the dust of the Milky Way, and the choice of a field."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.simulation.draws import Draws
from lcclassify.simulation.fields import Fields

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Median E(B-V) by |b| in degrees, and its scatter in ln E(B-V): fitted to PLAsTiCC's
# training metadata (maps of Schlegel, Finkbeiner & Davis 1998, ApJ 500, 525).
_LATITUDE: Final = np.array([0.0, 5.0, 10.0, 15.0, 25.0, 35.0, 45.0, 55.0, 65.0, 75.0, 90.0])
_MEDIAN: Final = np.array(
    [0.75, 0.37, 0.19, 0.117, 0.062, 0.049, 0.037, 0.024, 0.019, 0.015, 0.014]
)
_SCATTER: Final = np.array([0.6, 0.6, 0.6, 0.6, 0.6, 0.5, 0.5, 0.55, 0.4, 0.35, 0.2])


def milky_way_extinction(gal_b: FloatArray, normal: FloatArray) -> FloatArray:
    """Return E(B-V) of fields in magnitudes, lognormal about its median at the latitude.

    Args:
        gal_b: ``(P,)`` Galactic latitude in degrees.
        normal: ``(P,)`` standard normal numbers.
    """
    latitude = np.abs(gal_b)
    median = np.exp(np.interp(latitude, _LATITUDE, np.log(_MEDIAN)))
    scatter = np.interp(latitude, _LATITUDE, _SCATTER)
    return np.asarray(median * np.exp(scatter * np.clip(normal, -2.5, 2.5)))


def choose_fields(
    fields: Fields,
    uniform: FloatArray,
    ddf: NDArray[np.bool_],
    latitude_scale: float | None,
) -> IntArray:
    """Return the position of the field in which each object lies, ``(n,)``.

    Fields are spread evenly over the sky, so all have the same weight for an object that
    can lie anywhere, and exp(-|b| / latitude_scale) for one of the Milky Way.

    Args:
        fields: All fields.
        uniform: ``(n,)`` numbers between 0 and 1.
        ddf: ``(n,)`` whether the object lies in a deep drilling field.
        latitude_scale: Degrees; None for an even spread.
    """
    weight = (
        np.ones(len(fields))
        if latitude_scale is None
        else np.exp(-np.abs(fields.gal_b) / latitude_scale)
    )
    chosen = np.empty(len(uniform), dtype=np.int64)
    for deep in (False, True):
        wanted = ddf == deep
        if not wanted.any():
            continue
        members = np.flatnonzero(fields.ddf == deep)
        # Deep drilling fields all lie far from the plane: their latitudes do not matter.
        shares = np.cumsum(np.ones(len(members)) if deep else weight[members])
        position = np.searchsorted(shares, uniform[wanted] * shares[-1], side="right")
        chosen[wanted] = members[np.minimum(position, len(members) - 1)]
    return chosen


def object_mwebv(fields: Fields, field: IntArray, draws: Draws) -> FloatArray:
    """Return E(B-V) of objects, ``(n,)``, within 3 % of their field's, three decimals.

    Args:
        fields: All fields.
        field: ``(n,)`` position of each object's field.
        draws: ``(n,)`` random numbers of the objects.
    """
    scatter = np.exp(draws.normal("mwebv", 0.0, 0.03))
    mwebv: FloatArray = np.maximum(fields.mwebv[field] * scatter, 0.002)
    return mwebv.round(3)
