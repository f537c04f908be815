"""Other redshifts for an object: how far, how much fainter, and what a catalogue says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from lcclassify.augment.curves import FloatArray, IntArray
from lcclassify.cosmology import MAX_REDSHIFT, distance_modulus, luminosity_distance

NEAREST: Final = 0.001  # below it motions decide the redshift, not distances
_GRID: Final = np.linspace(0.0, MAX_REDSHIFT, 1201)
_NEIGHBOURS: Final = 40  # objects of similar redshift whose photometric one may serve


@dataclass(frozen=True)
class RedshiftDensity:
    """How likely new redshifts are.

    Attributes:
        cumulative: ``(1201,)`` whatever the class, or ``(K, 1201)`` of each; not normalised,
            on a grid from 0 to 6.
    """

    cumulative: FloatArray

    @classmethod
    def logarithmic(cls) -> Self:
        """Return the density that is even in the logarithm, as in avocado (1907.04690)."""
        density = 1 / np.maximum(_GRID, 0.005)
        return cls(_summed(density))

    @classmethod
    def volumetric(cls) -> Self:
        """Return the density of what is rare nearby, because there is little space there.

        The comoving volume, in the observer's time, at a rate that grows as (1 + z)^1.5, as that
        of type Ia supernovae does (Dilday et al. 2008, ApJ 682, 262).
        """
        distance = luminosity_distance(_GRID) / (1 + _GRID)
        density = distance**2 * np.gradient(distance, _GRID) * (1 + _GRID) ** 0.5
        return cls(_summed(density))

    @classmethod
    def of_target(cls, redshifts: FloatArray) -> Self:
        """Return the density of the photometric redshifts of a target sample.

        Args:
            redshifts: Those that are not above 0, or NaN, are left out; with less than ten
                the density is `logarithmic`.
        """
        usable = redshifts[np.isfinite(redshifts) & (redshifts > 0)]
        if len(usable) < 10:
            return cls.logarithmic()
        counts, _ = np.histogram(usable, np.append(_GRID, _GRID[-1] + _GRID[1]))
        # As wide as a twentieth of 1 + z: photometric redshifts are known no better.
        width = 0.05 * (1 + np.median(usable)) / _GRID[1]
        reach = np.arange(-int(4 * width), int(4 * width) + 1)
        kernel = np.exp(-0.5 * (reach / width) ** 2)
        smooth = np.convolve(counts, kernel / kernel.sum(), mode="full")
        smooth = smooth[len(reach) // 2 :][: len(_GRID)]
        # A little everywhere: no object is left without anywhere to go.
        return cls(_summed(smooth + 1e-3 * smooth.max()))

    def between(
        self,
        low: FloatArray,
        high: FloatArray,
        uniform: FloatArray,
        classes: IntArray | None = None,
    ) -> FloatArray:
        """Return a redshift between two others for each number between 0 and 1, ``(n,)``.

        Args:
            low: ``(n,)``.
            high: ``(n,)``.
            uniform: ``(n,)`` numbers between 0 and 1.
            classes: ``(n,)``, where each has a density of its own.
        """
        if self.cumulative.ndim == 1 or classes is None:
            return _between(np.atleast_2d(self.cumulative)[0], low, high, uniform)
        found = np.empty(len(low))
        for kind in np.unique(classes):
            own = classes == kind
            found[own] = _between(self.cumulative[kind], low[own], high[own], uniform[own])
        return found

    def mass(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """Return how much of a density of all classes lies between redshifts."""
        first, last = (np.interp(z, _GRID, self.cumulative) for z in (low, high))
        return last - first

    def tilted(self, edges: FloatArray, factors: FloatArray) -> Self:
        """Return densities of K classes: this one, times a factor in each of some bins.

        Args:
            edges: ``(J + 1,)`` ascending; the first and the last bin are open.
            factors: ``(K, J)``.
        """
        middle = (_GRID[1:] + _GRID[:-1]) / 2
        place = np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, factors.shape[1] - 1)
        steps = np.diff(self.cumulative) * factors[:, place]
        return type(self)(np.concatenate([np.zeros((len(factors), 1)), steps.cumsum(1)], axis=1))


def _between(
    cumulative: FloatArray, low: FloatArray, high: FloatArray, uniform: FloatArray
) -> FloatArray:
    first, last = (np.interp(z, _GRID, cumulative) for z in (low, high))
    found: FloatArray = np.interp(first + uniform * (last - first), cumulative, _GRID)
    return np.clip(found, low, high)


def _summed(density: FloatArray) -> FloatArray:
    steps = (density[1:] + density[:-1]) / 2
    return np.concatenate([[0.0], np.cumsum(steps)])


def dimming(redshift: FloatArray, new: FloatArray) -> FloatArray:
    """Return what fluxes per frequency are multiplied by when an object is moved, ``(n,)``.

    The flux per logarithm of frequency, at the same frequency in the rest frame, goes with
    the square of the luminosity distance: ``(d / d')² (1 + z') / (1 + z)`` for what is per
    unit of frequency, as AB magnitudes are.
    """
    ratio = luminosity_distance(redshift) / luminosity_distance(new)
    factor: FloatArray = ratio**2 * (1 + new) / (1 + redshift)
    return factor


@dataclass(frozen=True)
class PhotometricScatter:
    """How photometric redshifts and their errors scatter about the true ones.

    Attributes:
        redshift: ``(n,)`` of objects with both, ascending.
        deviation: ``(n,)`` (photometric - true) / (1 + true).
        error: ``(n,)`` reported error / (1 + true).
    """

    redshift: FloatArray
    deviation: FloatArray
    error: FloatArray

    @classmethod
    def of(cls, redshift: FloatArray, photometric: FloatArray, error: FloatArray) -> Self:
        """Keep the scatter of objects that have both redshifts.

        Args:
            redshift: ``(N,)`` spectroscopic redshifts.
            photometric: ``(N,)``.
            error: ``(N,)``; NaN where the catalogue has none.
        """
        known = np.flatnonzero((redshift > 0) & (photometric > 0))
        known = known[np.argsort(redshift[known], kind="stable")]
        true, stretch = redshift[known], 1 + redshift[known]
        return cls(true, (photometric[known] - true) / stretch, error[known] / stretch)

    def drawn(self, redshift: FloatArray, uniform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return photometric redshifts and errors as those of objects nearby, ``(n,)`` each.

        Args:
            redshift: ``(n,)`` true ones.
            uniform: ``(n,)`` numbers between 0 and 1.
        """
        if len(self.redshift) == 0:
            return redshift, np.full(len(redshift), np.nan)
        count = min(_NEIGHBOURS, len(self.redshift))
        first = np.searchsorted(self.redshift, redshift) - count // 2
        first = np.clip(first, 0, len(self.redshift) - count)
        donor = first + np.minimum((uniform * count).astype(np.int64), count - 1)
        stretch = 1 + redshift
        # What falls below zero is turned back.
        photometric = np.abs(redshift + self.deviation[donor] * stretch)
        return np.maximum(photometric, NEAREST), self.error[donor] * stretch

    def columns(
        self,
        columns: Mapping[str, FloatArray],
        names: tuple[str | None, str | None, str | None],
        redshift: FloatArray,
        lot: FloatArray,
    ) -> dict[str, FloatArray]:
        """Return what a catalogue says of objects at other redshifts, where it said something.

        Args:
            columns: Their metadata, ``(n,)`` each.
            names: Of the photometric redshift, its error and the distance modulus, or None.
            redshift: ``(n,)`` true ones.
            lot: ``(n,)`` numbers between 0 and 1.
        """
        photoz, error, modulus = names
        if photoz is None:
            return {}
        photometric, reported = self.drawn(redshift, lot)
        found = {photoz: np.where(np.isfinite(columns[photoz]), photometric, columns[photoz])}
        if error is not None:
            both = np.isfinite(columns[error]) & np.isfinite(reported)
            found[error] = np.where(both, reported, columns[error])
        if modulus is not None:
            known = np.isfinite(columns[modulus])
            found[modulus] = np.where(known, distance_modulus(found[photoz]), np.nan)
        return found
