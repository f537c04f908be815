"""Aims what is drawn at what is to be classified: where objects are moved, which draws are kept.

Both are found by looking at draws before any are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from lcclassify import hashing
from lcclassify.augment.acceptance import Acceptance, brightness_of
from lcclassify.augment.curves import BoolArray, FloatArray
from lcclassify.augment.drawn import Keys
from lcclassify.augment.missing import without_lost
from lcclassify.augment.proportions import kept_shares, proportionate, redshift_bins
from lcclassify.augment.redshifts import NEAREST
from lcclassify.augment.steps import Sample
from lcclassify.cores import in_threads

if TYPE_CHECKING:
    from lcclassify.augment.elsewhere import FittedElsewhere

_PILOT: Final = 8_000  # draws that are compared with the target
_PILOT_DRAWS: Final = 100  # of each object, at most
_ROUNDS: Final = 2  # of fitting what is kept and where objects are moved


def aimed(fitted: FittedElsewhere, sample: Sample) -> FittedElsewhere:
    """Return the step with what is drawn compared with what is to be classified, or found."""
    if sample.target is None:
        return _in_proportion(fitted, sample)
    redshift, ratio = sample.target
    place = redshift, brightness_of(ratio)
    seen = np.isfinite(ratio)
    # What has no redshift may be anything.
    beyond, near = ~(redshift <= NEAREST), ~(redshift > NEAREST)
    moved, dimmed = ((place[0][kind & seen], place[1][kind & seen]) for kind in (beyond, near))
    # What is kept decides on proportions, and these on what is to be kept.
    for _ in range(_ROUNDS if fitted.settings.proportionate else 1):
        fitted = _in_proportion(fitted, sample)
        anything = replace(fitted.touching_all(), acceptances=(None, None))
        acceptance = _acceptance(anything, sample, anything.moves, moved)
        fitted = replace(fitted, acceptances=(acceptance, fitted.acceptances[1]))
    acceptance = _acceptance(fitted.touching_all(), sample, fitted.dims, dimmed)
    return replace(fitted, acceptances=(fitted.acceptances[0], acceptance))


def _in_proportion(fitted: FittedElsewhere, sample: Sample) -> FittedElsewhere:
    """Return the step with densities of the classes."""
    rows = np.flatnonzero(fitted.moves)
    if not fitted.settings.proportionate or not len(rows):
        return fitted
    low, high = fitted.reach(rows)
    edges = redshift_bins(fitted.density, float(low.min()), float(high.max()))
    if len(edges) < 3:  # nowhere to choose from
        return fitted
    own, classes = sample.drawn.take(rows), sample.targets[rows]

    def pilot(keys: Keys) -> tuple[FloatArray, FloatArray]:
        drawn = fitted.moved_once(without_lost(sample, own, keys), keys, 0)
        each = fitted.survey.is_found(drawn.curves).astype(np.float64)
        if fitted.acceptances[0] is not None:
            each *= fitted.acceptances[0].probability(*fitted.place(drawn))
        return fitted.new_redshifts(rows, keys), each

    redshifts, kept = zip(*in_threads(pilot, _pilot(len(rows)), sample.threads), strict=True)
    shares = kept_shares(
        edges,
        np.concatenate(redshifts),
        np.tile(classes, len(redshifts)),
        np.concatenate(kept),
        sample.n_classes,
    )
    return replace(
        fitted, densities=proportionate(fitted.density, edges, (low, high), classes, shares)
    )


def _acceptance(
    fitted: FittedElsewhere, sample: Sample, kind: BoolArray, target: tuple[FloatArray, FloatArray]
) -> Acceptance | None:
    """Compare draws of one kind of objects with the target."""
    rows = np.flatnonzero(kind)
    if not len(rows):
        return None
    own = sample.drawn.take(rows)

    def pilot(keys: Keys) -> tuple[FloatArray, FloatArray]:
        return fitted.place(fitted.apply(without_lost(sample, own, keys), keys))

    redshifts, ratios = zip(*in_threads(pilot, _pilot(len(rows)), sample.threads), strict=True)
    return Acceptance.fitted(target, (np.concatenate(redshifts), np.concatenate(ratios)))


def _pilot(n_sources: int) -> Iterator[Keys]:
    """Yield keys of draws of all sources that are looked at before any are used."""
    ids = pl.Series(np.arange(n_sources))
    for number in range(min(-(-_PILOT // n_sources), _PILOT_DRAWS)):
        yield hashing.object_keys(ids, number)
