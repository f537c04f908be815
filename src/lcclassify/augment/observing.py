"""What a survey makes of a true flux: its error, its noise, whether it is detected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, nnls
from scipy.special import log_ndtr, ndtr

from lcclassify.augment.curves import BoolArray, Curves, FloatArray, IntArray, rows_of

_MOST_ROWS: Final = 200_000  # of which detections are fitted
_LEAST_OF_GROUP: Final = 5
_ENOUGH_ROWS: Final = 500
_VETTED: Final = 0.5  # of the detections that noise alone would be
_DARKEST: Final = 0.25  # of the lowest tenth's variance; below it a sky would be a fault


@dataclass(frozen=True)
class FluxErrors:
    """How errors grow with the flux: variance = sky + photons · flux + share · flux².

    The sky, all that an observation of nothing has, is each observation's own; what the flux
    adds to it is the passband's. Negative fluxes add nothing.

    Attributes:
        photons: ``(B,)`` variance per unit of flux.
        share: ``(B,)`` variance per square of flux.
        darkest: ``(B,)`` least variance of the sky.
    """

    photons: FloatArray
    share: FloatArray
    darkest: FloatArray

    @classmethod
    def fitted(cls, curves: Curves, n_bands: int) -> Self:
        """Fit the relation, by non-negative least squares, to errors under the same sky.

        Those are of different objects at one time where a survey has such, which is most
        telling, or else of one object: bright objects may lie in deep fields.
        """
        photons, share, darkest = np.zeros(n_bands), np.zeros(n_bands), np.zeros(n_bands)
        for band in range(n_bands):
            rows = np.flatnonzero(curves.passband == band)
            if len(rows) == 0:
                continue
            variance = curves.flux_err[rows] ** 2
            light = np.maximum(curves.flux[rows], 0.0)
            darkest[band] = _DARKEST * np.quantile(variance, 0.1)
            for keys in (curves.mjd[rows], curves.objects[rows]):
                group, usable = _groups(keys)
                if usable.sum() >= _ENOUGH_ROWS:
                    photons[band], share[band] = _growth(
                        group[usable], variance[usable], light[usable]
                    )
                    break
        return cls(photons, share, darkest)

    def sky(
        self, passband: NDArray[np.uint8], flux: FloatArray, flux_err: FloatArray
    ) -> FloatArray:
        """Return the variance that observations would have had without their flux, ``(M,)``."""
        light = np.maximum(flux, 0.0)
        rest = flux_err**2 - self.photons[passband] * light - self.share[passband] * light**2
        found: FloatArray = np.maximum(rest, self.darkest[passband])
        return found

    def error(
        self, passband: NDArray[np.uint8], true_flux: FloatArray, sky: FloatArray
    ) -> FloatArray:
        """Return the error of observations of a flux under a sky, ``(M,)``."""
        light = np.maximum(true_flux, 0.0)
        variance = sky + self.photons[passband] * light + self.share[passband] * light**2
        found: FloatArray = np.sqrt(variance)
        return found


def _groups(keys: FloatArray | IntArray) -> tuple[IntArray, BoolArray]:
    """Return the group of each row, and whether it has enough of them to compare."""
    _, group, counts = np.unique(keys, return_inverse=True, return_counts=True)
    usable: BoolArray = counts[group] >= _LEAST_OF_GROUP
    return group, usable


def _growth(group: IntArray, variance: FloatArray, light: FloatArray) -> tuple[float, float]:
    """Return how the variance grows with flux and its square within groups."""
    counts = np.maximum(np.bincount(group), 1)
    unit = np.bincount(group, variance) / counts
    columns = np.stack([variance, light, light**2]) / unit[group]
    for column in columns:
        column -= (np.bincount(group, column) / counts)[group]
    size = np.sqrt((columns[1:] ** 2).mean(axis=1))
    if not (size > 0).all():
        return 0.0, 0.0
    found, _ = nnls((columns[1:] / size[:, None]).T, columns[0])
    return float(found[0] / size[0]), float(found[1] / size[1])


@dataclass(frozen=True)
class Detections:
    """How likely a survey is to call an observation a detection.

    A normal distribution function of the signal-to-noise ratio, or of its absolute value where
    the survey finds what grows fainter, too: a sharp limit, of a ratio with noise of its own.

    Attributes:
        half: Ratio at which half of the observations are detected.
        width: Width of the rise; a sharp limit has a tiny one.
        of_either_sign: Whether negative fluxes are detected as well.
        vetted: Whether noise alone is never one, however high its ratio.
    """

    half: float
    width: float
    of_either_sign: bool
    vetted: bool = False

    @classmethod
    def fitted(cls, curves: Curves) -> Self:
        """Fit the function to all observations, by their likelihood."""
        step = max(1, len(curves.mjd) // _MOST_ROWS)
        snr = (curves.flux / curves.flux_err)[::step]
        detected = curves.detected[::step]
        if not detected.any() or detected.all():
            return cls(np.inf if not detected.any() else -np.inf, 1.0, False)
        fits = [
            (*_rising(values, detected), either)
            for values, either in ((snr, False), (np.abs(snr), True))
        ]
        _, shape, of_either_sign = min(fits, key=lambda fit: fit[0])
        return cls(*shape, of_either_sign)

    def with_dark(self, flux: FloatArray, flux_err: FloatArray, detected: BoolArray) -> Self:
        """Return the same for a survey whose observations of nothing, ``(D,)``, are known.

        Where far fewer of them are detected than those of something with the same ratios are,
        the survey vets its detections.
        """
        expected = self.probability(flux, flux_err).sum()
        few = detected.sum() < _VETTED * expected
        return replace(self, vetted=bool(few and expected >= _LEAST_OF_GROUP))

    def probability(
        self, flux: FloatArray, flux_err: FloatArray, true_flux: FloatArray | None = None
    ) -> FloatArray:
        """Return the probability of a detection, ``(M,)``."""
        snr = flux / flux_err
        values = np.abs(snr) if self.of_either_sign else snr
        found: FloatArray = ndtr((values - self.half) / self.width)
        if self.vetted and true_flux is not None:
            found = np.where(np.abs(true_flux) > flux_err, found, 0.0)
        return found


def _rising(values: FloatArray, detected: BoolArray) -> tuple[float, tuple[float, float]]:
    """Return the least loss of a normal distribution function, and its place and width."""
    low, high = values[detected].min(), values[~detected].max()
    if low >= high:  # a sharp limit
        return 0.0, (float((low + high) / 2) if np.isfinite(high) else float(low), 1e-6)
    near = (values > low - 5) & (values < high + 5)
    x, found = values[near], detected[near]

    def loss(parameters: FloatArray) -> float:
        excess = (x - parameters[0]) / np.exp(parameters[1])
        return -float(log_ndtr(np.where(found, excess, -excess)).sum())

    start = np.array([np.median(x[found]) if found.any() else 5.0, 0.0])
    fit = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-3})
    return float(fit.fun), (float(fit.x[0]), float(np.exp(fit.x[1])))


def brightest_times(curves: Curves) -> FloatArray:
    """Return the time of each object's most significant observation, ``(N,)``; NaN without any."""
    found = np.full(len(curves), np.nan)
    rows = brightest_rows(curves)
    found[rows >= 0] = curves.mjd[rows[rows >= 0]]
    return found


def brightest_rows(curves: Curves) -> IntArray:
    """Return the row of each object's highest signal-to-noise ratio, ``(N,)``; -1 without any."""
    rows = np.full(len(curves), -1, dtype=np.int64)
    highest = np.repeat(highest_ratios(curves), curves.counts)
    (best,) = np.nonzero(curves.flux / curves.flux_err == highest)
    rows[curves.objects[best]] = best  # of equal ones the last
    return rows


def highest_ratios(curves: Curves) -> FloatArray:
    """Return each object's highest signal-to-noise ratio, ``(N,)``; NaN without observations."""
    found = np.full(len(curves), np.nan)
    seen = curves.counts > 0
    if seen.any():
        snr = curves.flux / curves.flux_err
        found[seen] = np.maximum.reduceat(snr, curves.bounds[:-1][seen])
    return found


@dataclass(frozen=True)
class Cadences:
    """When, in which passbands and under which sky other objects were observed.

    Attributes:
        bounds: ``(D + 1,)``; object d has the rows ``bounds[d]:bounds[d + 1]``.
        mjd: ``(R,)`` days.
        passband: ``(R,)``.
        sky: ``(R,)`` variance without the object's flux.
        peak: ``(D,)`` time at which the object was seen best.
        columns: Metadata of the objects by name, ``(D,)`` each.
    """

    bounds: IntArray
    mjd: FloatArray
    passband: NDArray[np.uint8]
    sky: FloatArray
    peak: FloatArray
    columns: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.peak)

    def take(self, objects: IntArray) -> Self:
        """Return some of the cadences, by their positions, in any order and repeated or not."""
        bounds, rows = rows_of(self.bounds, objects)
        return replace(
            self,
            bounds=bounds,
            mjd=self.mjd[rows],
            passband=self.passband[rows],
            sky=self.sky[rows],
            peak=self.peak[objects],
            columns={name: values[objects] for name, values in self.columns.items()},
        )

    @classmethod
    def of(
        cls, curves: Curves, errors: FluxErrors, columns: Mapping[str, FloatArray] | None = None
    ) -> Self:
        """Return the cadences of the objects that have observations, with their metadata."""
        rows = np.flatnonzero(curves.counts > 0)
        seen = curves.take(rows)
        sky = errors.sky(seen.passband, seen.flux, seen.flux_err)
        own = {name: values[rows] for name, values in (columns or {}).items()}
        return cls(seen.bounds, seen.mjd, seen.passband, sky, brightest_times(seen), own)
