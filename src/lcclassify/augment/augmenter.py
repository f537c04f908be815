"""Draws training objects anew: a pure function of the seed, the epoch and the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import polars as pl

from lcclassify import hashing
from lcclassify.augment.curves import Curves, IntArray
from lcclassify.augment.drawn import Drawn, Keys
from lcclassify.augment.steps import FittedStep, Sample, Step
from lcclassify.schema import OBJECT_ID, LightCurves, Passbands


@dataclass(frozen=True)
class Augmenter:
    """Training objects and the steps that draw others from them.

    Attributes:
        objects: Canonical object table of the N training objects.
        passbands: Their passbands.
        drawn: The objects as they are.
        steps: Applied one after the other.
    """

    objects: pl.DataFrame
    passbands: Passbands
    drawn: Drawn
    steps: tuple[FittedStep, ...]

    @classmethod
    def fitted(cls, light_curves: LightCurves, sample: Sample, steps: Sequence[Step]) -> Augmenter:
        """Fit the steps to training objects.

        Args:
            light_curves: The training objects alone.
            sample: The same, and what their survey is like.
            steps: As configured.
        """
        for step in steps:
            sample = replace(sample, steps=(*sample.steps, step.fitted(sample)))
        return cls(light_curves.objects, light_curves.passbands, sample.drawn, sample.steps)

    def draw(self, seed: int, epoch: int, rows: IntArray | None = None) -> LightCurves:
        """Return objects drawn for an epoch, under the ids of their sources.

        Args:
            seed: With the epoch and an object's id it decides what is drawn of it.
            epoch: Number of the draw.
            rows: ``(n,)`` ascending positions of the sources wanted; None for all.
        """
        if rows is None:
            rows = np.arange(len(self.drawn))
        keys = self.keys(seed, epoch)[rows]
        drawn = reduce(lambda d, step: step.apply(d, keys), self.steps, self.drawn.take(rows))
        columns = [pl.Series(name, v).fill_nan(None) for name, v in drawn.columns.items()]
        objects = self.objects[rows].with_columns(columns)
        return drawn.curves.to_light_curves(objects, self.passbands)

    def keys(self, seed: int, epoch: int) -> Keys:
        """Return the random number that each of the objects is drawn from, ``(N,)``."""
        own = hashing.object_keys(self.objects[OBJECT_ID], seed)
        with np.errstate(over="ignore"):
            return hashing.mix(own + hashing.GOLDEN * np.uint64(epoch + 1))


def as_drawn(light_curves: LightCurves) -> Drawn:
    """Return training objects as they are, each its own source."""
    objects = light_curves.objects
    columns = {
        name: objects[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in light_curves.metadata_columns
    }
    return Drawn(Curves.of(light_curves), columns, np.arange(len(objects)))
