"""How often each training object is drawn, relative to others of its class."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from lcclassify.augment.augmenter import Augmenter
from lcclassify.augment.curves import BoolArray, Curves, FloatArray
from lcclassify.augment.elsewhere import FittedElsewhere

_PILOT: Final = 8  # draws of each object that are looked at before any are used
_RAREST: Final = 0.05  # weight of an object that the survey would find nowhere


def shares_found(augmenter: Augmenter) -> FloatArray:
    """Return the share of draws in which each training object is found elsewhere, ``(N,)``.

    What the survey would find nowhere comes out as it is.
    """
    ours = augmenter.drawn.curves
    steps = tuple(
        s.touching_all() if isinstance(s, FittedElsewhere) else s for s in augmenter.steps
    )
    augmenter = replace(augmenter, steps=steps)
    draws = (augmenter.drawn_anew(0, number).curves for number in range(_PILOT))
    found: FloatArray = 1 - np.mean([_unchanged(curves, ours) for curves in draws], axis=0)
    return found


def source_weights(found: FloatArray) -> FloatArray | None:
    """Return how often objects are drawn, given their shares of `shares_found`, ``(N,)``.

    As often as they are found: few of the objects at large are like one that the survey would
    seldom find. None where all are always found.
    """
    return None if (found == 1).all() else np.maximum(found, _RAREST)


def _unchanged(drawn: Curves, sources: Curves) -> BoolArray:
    """Tell which objects were drawn with the very observations of their sources, ``(N,)``."""
    same: BoolArray = drawn.counts == sources.counts
    rows = np.flatnonzero(same)
    ours, theirs = drawn.take(rows), sources.take(rows)
    equal = (ours.mjd == theirs.mjd) & (ours.flux == theirs.flux)
    differ = np.bincount(ours.objects[~equal], minlength=len(rows))
    same[rows] = differ == 0
    return same
