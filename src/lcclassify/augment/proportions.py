"""Where the objects of each class are moved, so that classes have their proportions everywhere.

An object cannot be moved just anywhere: not much nearer, where its noise would pass for light
of its own, and not so far that nothing is known of it. Where each takes any redshift within its
reach, luminous classes, whose training objects are far, are missing nearby, and faint ones
far away; a network learns from it that what is near is of the faint classes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lcclassify.augment.curves import FloatArray, IntArray
from lcclassify.augment.redshifts import RedshiftDensity

_BINS: Final = 16  # of redshift, with equally much of the density in each
_ROUNDS: Final = 200
_MOST: Final = 100.0  # times that a bin's density is raised or lowered by
_DOUBT: Final = 10.0  # proposals that the mean over all classes counts as much as


def redshift_bins(density: RedshiftDensity, low: float, high: float) -> FloatArray:
    """Return edges of bins with equal shares of a density between two redshifts, ``(J + 1,)``."""
    steps = np.linspace(0, 1, _BINS + 1)
    edges = density.between(np.full(len(steps), low), np.full(len(steps), high), steps)
    return np.unique(edges)


def kept_shares(
    edges: FloatArray, redshift: FloatArray, classes: IntArray, kept: FloatArray, n_classes: int
) -> FloatArray:
    """Return which share of proposals is kept, by class and redshift.

    Args:
        edges: ``(J + 1,)`` of the bins.
        redshift: ``(n,)`` of proposals.
        classes: ``(n,)`` of their sources.
        kept: ``(n,)`` probabilities that they are kept.
        n_classes: K.

    Returns:
        ``(K, J)``; where there are few the mean over all classes counts as well.
    """
    n_bins = len(edges) - 1
    column = np.clip(np.searchsorted(edges, redshift, side="right") - 1, 0, n_bins - 1)
    place = classes * n_bins + column
    shape = (n_classes, n_bins)
    size = n_classes * n_bins
    proposed = np.bincount(place, minlength=size).reshape(shape)
    found = np.bincount(place, weights=kept, minlength=size).reshape(shape)
    mean = (found.sum(0) + 1e-3) / (proposed.sum(0) + 1e-3)
    shares: FloatArray = (found + _DOUBT * mean) / (proposed + _DOUBT)
    return shares


def proportionate(
    density: RedshiftDensity,
    edges: FloatArray,
    reach: tuple[FloatArray, FloatArray],
    classes: IntArray,
    kept: FloatArray,
) -> RedshiftDensity:
    """Return a density for each class, with which what is kept has the class's proportions.

    These are the density times the shares kept, as if each object could be moved anywhere:
    that of a class everywhere is then one and the same function of redshift times what the
    survey finds of it. They are fitted iteratively, as margins of a table are: every source is
    drawn equally often, and where some have to be too many, others are moved elsewhere.

    Args:
        density: Of all classes alike.
        edges: ``(J + 1,)`` of bins of redshift.
        reach: Lowest and highest redshift of each of N sources, ``(N,)`` each.
        classes: ``(N,)``, from 0 to K - 1.
        kept: ``(K, J)`` shares of proposals that are kept.
    """
    low, high = reach
    lower = np.maximum(low[:, None], edges[None, :-1])
    upper = np.minimum(high[:, None], edges[None, 1:])
    mass = np.where(upper > lower, density.mass(lower, upper), 0.0)
    whole = density.mass(edges[:-1], edges[1:])
    tilts = np.ones(kept.shape)
    for kind in np.unique(classes):
        own = mass[classes == kind]
        own = own[own.sum(1) > 0]
        reached = own.sum(0) > 0
        if reached.sum() < 2:
            continue
        wanted = np.where(reached, whole * kept[kind], 0.0)
        wanted /= wanted.sum()
        tilt = np.ones(len(whole))
        for _ in range(_ROUNDS):
            each = own * tilt * kept[kind]
            found = (each / each.sum(1, keepdims=True)).mean(0)
            ratio = np.divide(wanted, found, out=np.ones_like(found), where=found > 0)
            tilt = tilt * np.sqrt(ratio)
            tilt = np.clip(tilt / np.exp(np.log(tilt[reached]).mean()), 1 / _MOST, _MOST)
        tilts[kind] = np.where(reached, tilt, 1.0)
    return density.tilted(edges, tilts)
