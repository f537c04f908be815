"""Where objects lie that are drawn, and those to be classified: which draws are kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from lcclassify.augment.curves import FloatArray
from lcclassify.augment.drawn import Drawn
from lcclassify.augment.observing import highest_ratios

_REDSHIFT_BINS: Final = 10
_BRIGHTNESS_BINS: Final = 8
LEAST_OBJECTS: Final = 100  # of either, for two samples to be compared
_MEAN: Final = 0.35  # of the probabilities: the rest of the draws is drawn again
_FEWEST: Final = 0.02  # no draw is refused for sure
_FAINTEST: Final = 0.1  # of the ratios: below it there is nothing but noise

Place = tuple[FloatArray, FloatArray]  # redshifts, and logarithms of the highest ratios


def brightness_of(ratio: FloatArray) -> FloatArray:
    """Return logarithms of highest signal-to-noise ratios, ``(n,)``; NaN of no observation."""
    found: FloatArray = np.log10(np.maximum(ratio, _FAINTEST))
    return found


@dataclass(frozen=True)
class Acceptance:
    """The probability that a draw is kept, by photometric redshift and signal-to-noise ratio.

    It depends on nothing but what a network sees, so that the classes keep their proportions
    at every redshift and ratio but for one factor a class, which is a matter of priors.

    Attributes:
        redshift: ``(R - 1,)`` inner edges of the bins.
        brightness: ``(S - 1,)`` inner edges, of the logarithm of the highest ratio.
        table: ``(R, S)`` probabilities.
    """

    redshift: FloatArray
    brightness: FloatArray
    table: FloatArray

    @classmethod
    def fitted(cls, target: Place, drawn: Place) -> Self | None:
        """Fit the table to redshifts and logarithms of ratios of two samples.

        Args:
            target: Both of the objects to be classified, ``(T,)`` each; NaN counts as zero.
            drawn: Both of draws, ``(D,)`` each.

        Returns:
            None where there are too few of either.
        """
        if min(len(target[0]), len(drawn[0])) < LEAST_OBJECTS:
            return None
        edges = bin_edges(target)
        # None of the bins is empty.
        wanted, found = (histogram(sample, edges, 1.0) for sample in (target, drawn))
        ratio = wanted / found
        # The scale at which as many draws are kept as shall be.
        low, high = 1e-6, float(ratio.max()) / _FEWEST
        for _ in range(60):
            scale = np.sqrt(low * high)
            kept = (found * np.clip(ratio / scale, _FEWEST, 1)).sum()
            low, high = (scale, high) if kept > _MEAN else (low, scale)
        return cls(edges[0], edges[1], np.clip(ratio / np.sqrt(low * high), _FEWEST, 1))

    def probability(self, redshift: FloatArray, brightness: FloatArray) -> FloatArray:
        """Return the probability of keeping draws, ``(n,)``."""
        row = np.searchsorted(self.redshift, np.nan_to_num(redshift), side="right")
        column = np.searchsorted(self.brightness, brightness, side="right")
        return self.table[row, column]


def bin_edges(target: Place) -> list[FloatArray]:
    """Return the inner edges of bins that each hold about as many objects of the target."""
    return [
        np.unique(np.quantile(np.nan_to_num(values), np.linspace(0, 1, bins + 1)[1:-1]))
        for values, bins in zip(target, (_REDSHIFT_BINS, _BRIGHTNESS_BINS), strict=True)
    ]


def histogram(sample: Place, edges: list[FloatArray], more: float = 0.0) -> FloatArray:
    """Return shares of the bins, ``(R, S)``, with so many more objects in each."""
    shape = (len(edges[0]) + 1, len(edges[1]) + 1)
    row = np.searchsorted(edges[0], np.nan_to_num(sample[0]), side="right")
    column = np.searchsorted(edges[1], sample[1], side="right")
    counts = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]) + more
    shares: FloatArray = (counts / counts.sum()).reshape(shape)
    return shares


def place_of(drawn: Drawn, photoz: str | None) -> Place:
    """Return where objects lie, of a column of photometric redshifts if there is one."""
    redshift = np.zeros(len(drawn)) if photoz is None else drawn.columns[photoz]
    return redshift, brightness_of(highest_ratios(drawn.curves))
