"""The conditions that a survey observes under, lent from object to object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lcclassify import hashing
from lcclassify.augment.curves import BoolArray, Curves, FloatArray, IntArray
from lcclassify.augment.drawn import Keys, row_keys, uniform
from lcclassify.augment.observing import Cadences, Detections, FluxErrors
from lcclassify.augment.redshifts import NEAREST

LEAST_OBSERVATIONS: Final = 3  # of a source, for a process, and of what is drawn
_LEAST_LENDERS: Final = 100  # for some of them to lend their cadences alone


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

    def lent(self, keys: Keys, attempt: int, among: IntArray | None = None) -> Cadences:
        """Return the cadence of another object for each draw, of some objects or of all."""
        n = len(self.cadences) if among is None else len(among)
        chosen = (uniform(keys, "cadence", attempt) * n).astype(np.int64)
        chosen = np.minimum(chosen, n - 1)
        return self.cadences.take(chosen if among is None else among[chosen])

    def beyond_the_galaxy(self, photoz: str | None) -> IntArray | None:
        """Return whose cadences a source in another galaxy may have, or None for anyone's.

        Args:
            photoz: Column of the photometric redshift, which tells.
        """
        if photoz is None or photoz not in self.cadences.columns:
            return None
        found = np.flatnonzero(self.cadences.columns[photoz] > NEAREST)
        return found if len(found) >= _LEAST_LENDERS else None

    def vetting(self, dark: Curves) -> Self:
        """Return the same with what is known of a survey from observations of dark objects."""
        detections = self.detections.with_dark(dark.flux, dark.flux_err, dark.detected)
        return replace(self, detections=detections)

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
        curves = replace(curves, flux=true + error * noise)
        return self.with_detections(curves, keys, attempt, true)

    def with_detections(
        self, curves: Curves, keys: Keys, attempt: int, true: FloatArray | None = None
    ) -> Curves:
        """Return the observations with those marked that the survey would detect.

        Args:
            curves: M observations.
            keys: ``(N,)`` random numbers of their objects.
            attempt: Number of the draw.
            true: ``(M,)`` fluxes without noise, where they are known.
        """
        probability = self.detections.probability(curves.flux, curves.flux_err, true)
        lot = hashing.uniform(row_keys(curves, keys, f"detected {attempt}"))
        return replace(curves, detected=lot < probability)

    def is_found(self, curves: Curves) -> BoolArray:
        """Tell which objects are observed and detected as often as the survey's own are."""
        detected = np.bincount(curves.objects[curves.detected], minlength=len(curves))
        enough = curves.counts >= LEAST_OBSERVATIONS
        found: BoolArray = enough & (detected >= self.least_detections)
        return found
