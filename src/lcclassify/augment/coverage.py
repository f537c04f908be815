"""How much of what is to be classified the training objects stand for, as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from lcclassify import hashing
from lcclassify.augment.acceptance import (
    LEAST_OBJECTS,
    PARTS,
    Place,
    bin_edges,
    brightness_of,
    counted,
    place_of,
)
from lcclassify.augment.curves import FloatArray
from lcclassify.augment.drawn import Drawn, Keys
from lcclassify.augment.missing import without_lost
from lcclassify.augment.steps import Sample

_ALL: Final = 0.95  # share of the target from which nothing needs to be observed elsewhere
_SHUFFLES: Final = 20  # of two samples, for what they have in common by chance


@dataclass(frozen=True)
class Untouched:
    """The step of `ObserveElsewhere` where no object is observed elsewhere."""

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects as they are."""
        return drawn


def share_untouched(sample: Sample) -> float:
    """Return the share of draws that should stay where the training objects are, 0 to 1.

    All of them without a target, or where there are too few objects to tell. What it is goes
    into the sample's notes.
    """
    if sample.target is None:
        return 1.0
    redshift, ratio = sample.target
    keys = hashing.object_keys(pl.Series(np.arange(len(sample.drawn))), 0)
    own = place_of(without_lost(sample, sample.drawn, keys), sample.photometric[0])
    covered = share_covered((redshift, brightness_of(ratio)), own)
    if covered is None:
        sample.notes.append(
            f"Fewer than {LEAST_OBJECTS} objects train or are to be classified: too few to tell "
            "whether these are like those, so all draws stay where they are."
        )
        return 1.0
    # Their classes are not in proportion where they are few of the target. The cube is by trial.
    share = 1.0 if covered >= _ALL else covered**3
    sample.notes.append(
        f"By {'redshift and ' if np.isfinite(redshift).any() else ''}signal-to-noise ratio the "
        "training objects stand for "
        f"{100 * covered:.0f} % of the objects to be classified: {100 * share:.0f} % of draws stay "
        "where they are."
    )
    return share


def share_covered(target: Place, own: Place) -> float | None:
    """Return the share of the objects to be classified that training objects stand for, 0 to 1.

    What the distributions of both have in common, in units of what they would have if they were
    samples of the same objects; 1 where they may be.

    Args:
        target: Redshifts and logarithms of ratios of the objects to be classified, ``(T,)`` each.
        own: Of the training objects, ``(N,)`` each, as these lack redshifts.

    Returns:
        None where there are too few of either.
    """
    n_target, n_own = len(target[0]), len(own[0])
    if min(n_target, n_own) < LEAST_OBJECTS:
        return None
    edges = bin_edges(target)
    redshift, brightness = (np.concatenate(values) for values in zip(target, own, strict=True))
    random = np.random.default_rng(0)
    by_chance = []
    for _ in range(_SHUFFLES):
        order = random.permutation(n_target + n_own)
        first, second = order[:n_target], order[n_target:]
        by_chance.append(
            _in_common(
                (redshift[first], brightness[first]), (redshift[second], brightness[second]), edges
            )
        )
    found = _in_common(target, own, edges)
    return 1.0 if found >= min(by_chance) else found / float(np.mean(by_chance))


def _in_common(target: Place, own: Place, edges: list[FloatArray]) -> float:
    """Return the same by bins, of objects with a redshift and of those without for themselves."""
    wanted, found = counted(target, edges), counted(own, edges)
    common = 0.0
    for rows in PARTS:
        shares = wanted[rows] / max(wanted[rows].sum(), 1), found[rows] / max(found[rows].sum(), 1)
        common += wanted[rows].sum() / wanted.sum() * np.minimum(*shares).sum()
    return float(common)
