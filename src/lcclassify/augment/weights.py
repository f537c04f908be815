"""How often each training object is drawn, relative to others of its class."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from lcclassify.augment.augmenter import Augmenter
from lcclassify.augment.curves import FloatArray
from lcclassify.augment.elsewhere import FittedElsewhere
from lcclassify.cores import in_threads

_PILOT: Final = 8  # draws of each object that are looked at before any are used
_RAREST: Final = 0.05  # weight of an object that the survey would find nowhere


def shares_found(augmenter: Augmenter, threads: int = 1) -> FloatArray:
    """Return in which share of draws the survey finds each training object, ``(N,)``.

    What it finds nowhere comes out as it is. What no step looks for elsewhere, such as objects
    of one or two observations, counts as found.

    Args:
        augmenter: Draws the objects.
        threads: Threads; the result does not depend on it.
    """
    shares = np.ones(len(augmenter.drawn))
    for step in augmenter.steps:
        if isinstance(step, FittedElsewhere):
            observed = partial(step.touching_all().observed, augmenter.drawn)
            keys = [augmenter.keys(0, number) for number in range(_PILOT)]
            found = [one for _, one in in_threads(observed, keys, threads)]
            shares *= np.mean(found, axis=0)
    return shares


def source_weights(found: FloatArray) -> FloatArray | None:
    """Return how often objects are drawn, given their shares of `shares_found`, ``(N,)``.

    As often as they are found: few of the objects at large are like one that the survey would
    seldom find. None where all are always found.
    """
    return None if (found == 1).all() else np.maximum(found, _RAREST)
