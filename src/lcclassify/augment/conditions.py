"""The conditions that a survey observes under, lent from object to object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify import hashing
from lcclassify.augment.curves import BoolArray, Curves, FloatArray, IntArray
from lcclassify.augment.drawn import Keys, row_keys, uniform
from lcclassify.augment.observing import Cadences, Detections, FluxErrors

LEAST_OBSERVATIONS: Final = 3  # of a source, for a process, and of what is drawn


@dataclass(frozen=True)
class Conditions:
    """What a survey makes of objects.

    Attributes:
        errors: How flux errors grow with the flux.
        detections: What is detected.
        cadences: Of the objects that lend theirs: those to be classified, or the training
            objects.
        least_detections: Detections that a drawn object must have.
        n_bands: B.
    """

    errors: FluxErrors
    detections: Detections
    cadences: Cadences
    least_detections: int
    n_bands: int

    @cached_property
    def typical_sky(self) -> FloatArray:
        """Median variance without an object's own changing flux, ``(B,)``."""
        found = np.zeros(self.n_bands)
        for band in range(self.n_bands):
            sky = self.cadences.sky[self.cadences.passband == band]
            if len(sky):
                found[band] = np.median(sky)
        return found

    def lent(self, keys: Keys, attempt: int) -> Cadences:
        """Return the cadence of another object for each draw."""
        chosen = (uniform(keys, "cadence", attempt) * len(self.cadences)).astype(np.int64)
        return self.cadences.take(np.minimum(chosen, len(self.cadences) - 1))

    def observed(
        self,
        bounds: IntArray,
        mjd: FloatArray,
        passband: NDArray[np.uint8],
        true: FloatArray,
        sky: FloatArray,
        keys: Keys,
        attempt: int,
    ) -> Curves:
        """Return noisy fluxes of true ones, and which of them are detected."""
        error = self.errors.error(passband, true, sky)
        curves = Curves(bounds, mjd, passband, true, error, np.zeros(len(mjd), dtype=np.bool_))
        noise = hashing.normal(row_keys(curves, keys, f"noise {attempt}"))
        return self.with_detections(replace(curves, flux=true + error * noise), keys, attempt)

    def with_detections(self, curves: Curves, keys: Keys, attempt: int) -> Curves:
        """Return the observations with those marked that the survey would detect."""
        probability = self.detections.probability(curves.flux, curves.flux_err)
        lot = hashing.uniform(row_keys(curves, keys, f"detected {attempt}"))
        return replace(curves, detected=lot < probability)

    def is_found(self, curves: Curves) -> BoolArray:
        """Tell which objects are observed and detected as often as the survey's own are."""
        detected = np.bincount(curves.objects[curves.detected], minlength=len(curves))
        enough = curves.counts >= LEAST_OBSERVATIONS
        found: BoolArray = enough & (detected >= self.least_detections)
        return found
