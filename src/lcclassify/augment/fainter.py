"""Objects of the Galaxy fainter than they are, and observed less often.

No Gaussian process: they flare, or vary with a period that none of them knows. An object's own
observations stay, with less light and more noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from lcclassify import hashing
from lcclassify.augment.conditions import Conditions
from lcclassify.augment.curves import Curves, IntArray
from lcclassify.augment.drawn import Drawn, Keys, normal, row_keys

_MANY_MORE: Final = 1.5  # times as many observations as another object has


def dimmed(
    drawn: Drawn, keys: Keys, attempt: int, magnitudes: tuple[float, float], survey: Conditions
) -> Drawn:
    """Return objects fainter, with as many observations as another object of the survey has.

    Args:
        drawn: The objects.
        keys: ``(N,)`` their random numbers.
        attempt: Number of the draw.
        magnitudes: Mean and deviation of what they lose; the absolute value is taken.
        survey: What they are observed under.
    """
    mean, deviation = magnitudes
    lost = np.abs(mean + deviation * normal(keys, "fainter", attempt))
    curves = drawn.curves
    factor = np.repeat(10 ** (-0.4 * lost), curves.counts)
    lent = survey.lent(keys, attempt)
    # Of each passband about as many as the other object has, each under one of its skies.
    group = curves.objects * survey.n_bands + curves.passband
    rank = _ranks(curves, group, keys, attempt)
    lenders = np.repeat(np.arange(len(curves)), np.diff(lent.bounds))
    theirs = lenders * survey.n_bands + lent.passband
    n_theirs = np.bincount(theirs, minlength=len(curves) * survey.n_bands)
    # Who has few more loses none: else all would have as few as the poorer of two.
    n_own = np.bincount(group, minlength=len(n_theirs))
    n_kept = np.where(n_own > _MANY_MORE * n_theirs, n_theirs, n_own)
    keep = rank < n_kept[group]
    sky = np.zeros(len(group))
    first = np.cumsum(n_theirs) - n_theirs
    again = rank[keep] % n_theirs[group[keep]]
    sky[keep] = lent.sky[np.argsort(theirs, kind="stable")][first[group[keep]] + again]
    # A star's own light, changing or not, is most of the noise where it is bright: what its
    # variances have above those of an empty sky goes with the light.
    light = np.maximum(curves.flux_err**2 - survey.typical_sky[curves.passband], 0.0)
    flux, before = factor * curves.flux, factor * curves.flux_err
    error = np.maximum(np.sqrt(sky + factor * light), before)
    error = np.maximum(error, survey.errors.error(curves.passband, flux, sky))
    noise = hashing.normal(row_keys(curves, keys, f"noise {attempt}"))
    flux = flux + np.sqrt(np.maximum(error**2 - before**2, 0.0)) * noise
    changed = replace(curves, flux=flux, flux_err=error)
    return replace(drawn, curves=survey.with_detections(changed, keys, attempt).select(keep))


def _ranks(curves: Curves, group: IntArray, keys: Keys, attempt: int) -> IntArray:
    """Return a random order of the observations of each group, from 0, ``(M,)``."""
    order = np.lexsort((row_keys(curves, keys, f"kept {attempt}"), group))
    starts = np.searchsorted(group[order], group[order])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - starts
    return rank
