"""Where objects lie that are drawn, and those to be classified: which draws are kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from lcclassify.augment.curves import FloatArray, IntArray
from lcclassify.augment.drawn import Drawn
from lcclassify.augment.observing import highest_ratios

_REDSHIFT_BINS: Final = 10
_BRIGHTNESS_BINS: Final = 8
PARTS: Final = (slice(None, -1), slice(-1, None))  # of the rows: with a redshift, and without
LEAST_OBJECTS: Final = 100  # of either, for two samples to be compared
_MEAN: Final = 0.35  # of the probabilities: the rest of the draws is drawn again
_FEWEST: Final = 0.02  # no draw is refused for sure
_FAINTEST: Final = 0.1  # of the ratios: below it there is nothing but noise

# Redshifts, NaN where there is none, and logarithms of the highest ratios.
Place = tuple[FloatArray, FloatArray]


def brightness_of(ratio: FloatArray) -> FloatArray:
    """Return logarithms of highest signal-to-noise ratios, ``(n,)``; NaN is the faintest."""
    found: FloatArray = np.log10(np.maximum(np.nan_to_num(ratio), _FAINTEST))
    return found


@dataclass(frozen=True)
class Acceptance:
    """The probability that a draw is kept, by photometric redshift and signal-to-noise ratio.

    It depends on nothing but what a network sees, so that the classes keep their proportions
    at every redshift and ratio but for one factor a class, which is a matter of priors. Draws
    without a redshift are compared with objects that lack it, by their ratios alone.

    Attributes:
        redshift: ``(R - 1,)`` inner edges of the bins.
        brightness: ``(S - 1,)`` inner edges, of the logarithm of the highest ratio.
        table: ``(R + 1, S)`` probabilities; the last row is of what has no redshift.
    """

    redshift: FloatArray
    brightness: FloatArray
    table: FloatArray

    @classmethod
    def fitted(cls, target: Place, drawn: Place) -> Self | None:
        """Fit the table to redshifts and logarithms of ratios of two samples.

        Args:
            target: Both of the objects to be classified, ``(T,)`` each.
            drawn: Both of draws, ``(D,)`` each.

        Returns:
            None where there are too few of either.
        """
        if min(len(target[0]), len(drawn[0])) < LEAST_OBJECTS:
            return None
        edges = bin_edges(target)
        wanted, found = (counted(sample, edges) for sample in (target, drawn))
        table = np.ones(wanted.shape)
        # Whether a draw has a redshift was decided before: it is not a matter of keeping it.
        for rows in PARTS:
            pair = wanted[rows], found[rows]
            if min(counts.sum() for counts in pair) < LEAST_OBJECTS:
                pair = wanted.sum(0, keepdims=True), found.sum(0, keepdims=True)
            table[rows] = _kept(*pair)
        return cls(edges[0], edges[1], table)

    def probability(self, redshift: FloatArray, brightness: FloatArray) -> FloatArray:
        """Return the probability of keeping draws, ``(n,)``."""
        return self.table[_bins((redshift, brightness), [self.redshift, self.brightness])]


def _kept(target: IntArray, drawn: IntArray) -> FloatArray:
    """Return probabilities with which draws in bins become in proportion to a target."""
    # None of the bins is empty.
    wanted, found = ((counts + 1.0) / (counts + 1.0).sum() for counts in (target, drawn))
    ratio = wanted / found
    # The scale at which as many draws are kept as shall be.
    low, high = 1e-6, float(ratio.max()) / _FEWEST
    for _ in range(60):
        scale = np.sqrt(low * high)
        kept = (found * np.clip(ratio / scale, _FEWEST, 1)).sum()
        low, high = (scale, high) if kept > _MEAN else (low, scale)
    kept_shares: FloatArray = np.clip(ratio / np.sqrt(low * high), _FEWEST, 1)
    return kept_shares


def bin_edges(target: Place) -> list[FloatArray]:
    """Return the inner edges of bins that each hold about as many objects of the target."""
    redshift, brightness = target
    pairs = (redshift[~np.isnan(redshift)], _REDSHIFT_BINS), (brightness, _BRIGHTNESS_BINS)
    return [
        np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
        if len(values)
        else np.zeros(0)
        for values, bins in pairs
    ]


def counted(sample: Place, edges: list[FloatArray]) -> IntArray:
    """Return how many objects are in each bin, ``(R + 1, S)``; the last row has no redshift."""
    rows, columns = len(edges[0]) + 2, len(edges[1]) + 1
    row, column = _bins(sample, edges)
    counts = np.bincount(row * columns + column, minlength=rows * columns)
    return counts.reshape(rows, columns)


def _bins(place: Place, edges: list[FloatArray]) -> tuple[IntArray, IntArray]:
    redshift, brightness = place
    row = np.searchsorted(edges[0], redshift, side="right")
    row = np.where(np.isnan(redshift), len(edges[0]) + 1, row)
    return row, np.searchsorted(edges[1], brightness, side="right")


def place_of(drawn: Drawn, photoz: str | None) -> Place:
    """Return where objects lie, of a column of photometric redshifts if there is one."""
    redshift = np.full(len(drawn), np.nan) if photoz is None else drawn.columns[photoz]
    return redshift, brightness_of(highest_ratios(drawn.curves))
