"""Context: columns of an object that recurrent networks are given beside its sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.cosmology import MAX_REDSHIFT, distance_modulus

FloatArray = NDArray[np.float64]

METADATA: Final = "metadata"
LOG_FLUX_SCALE: Final = "log_flux_scale"
LOG_LUMINOSITY: Final = "log_luminosity"
CONTEXT_KINDS: Final = (METADATA, LOG_FLUX_SCALE, LOG_LUMINOSITY)


def known_kinds(kinds: Sequence[str], *, with_redshift: bool) -> tuple[str, ...]:
    """Return the kinds of context that a survey has: without a redshift no luminosity."""
    return tuple(kind for kind in kinds if with_redshift or kind != LOG_LUMINOSITY)


def sets_of(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return those kinds of context that are sets of features."""
    return tuple(kind for kind in kinds if kind not in CONTEXT_KINDS)


def context_names(
    kinds: Sequence[str], metadata: Sequence[str], sets: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Return the S names of the columns of some kinds of context.

    Args:
        kinds: Any of `CONTEXT_KINDS`, or sets of features.
        metadata: Names of the metadata columns.
        sets: Names of each set's columns.
    """
    names: list[str] = []
    for kind in kinds:
        names.extend(metadata if kind == METADATA else sets.get(kind, [kind]))
    return tuple(names)


def context_matrix(
    kinds: Sequence[str],
    metadata: Sequence[FloatArray],
    scale: FloatArray,
    redshift: FloatArray,
    sets: Mapping[str, FloatArray],
) -> FloatArray:
    """Return the columns of some kinds of context, ``(N, S) float64``, NaN where missing.

    Args:
        kinds: Any of `CONTEXT_KINDS`, or sets of features.
        metadata: ``(N,)`` of each metadata column.
        scale: ``(N,)`` brightest flux of each object, above 0.
        redshift: ``(N,)``, NaN where missing.
        sets: ``(N, F)`` columns of each set of features.
    """
    columns: list[FloatArray] = []
    for kind in kinds:
        if kind == METADATA:
            columns.extend(metadata)
        elif kind == LOG_FLUX_SCALE:
            columns.append(np.log(scale))
        elif kind in sets:
            columns.extend(sets[kind].T)
        else:
            columns.append(log_luminosity(scale, redshift))
    return np.stack(columns, axis=1) if columns else np.zeros((len(scale), 0))


def log_luminosity(flux: FloatArray, redshift: FloatArray) -> FloatArray:
    """Return the natural logarithm of fluxes as they would be from 10 pc.

    Networks are given the flux and the redshift too, but would have to learn the distance
    from them, which takes many objects.

    Args:
        flux: ``(N,)`` fluxes above 0 in linear units.
        redshift: ``(N,)`` redshifts, NaN where missing.

    Returns:
        ``(N,)``, NaN where the redshift is missing or not above 0.
    """
    modulus = distance_modulus(np.minimum(redshift, MAX_REDSHIFT))
    found: FloatArray = np.log(flux) + 0.4 * np.log(10.0) * modulus
    return found
