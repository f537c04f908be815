"""Gaussian processes of training objects, relative to mean spectra, and draws from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lcclassify.augment.curves import BoolArray, Curves, FloatArray, IntArray
from lcclassify.augment.darkness import dark_sides
from lcclassify.augment.drawing import draw_posteriors
from lcclassify.augment.drawn import Keys
from lcclassify.augment.fitting import fit_processes
from lcclassify.augment.observing import brightest_times
from lcclassify.augment.prediction import predict
from lcclassify.augment.process import ROOT_3, wavelength_covariance
from lcclassify.augment.spectra import Spectra
from lcclassify.augment.steps import Sample
from lcclassify.compiled import compiled

SPECTRA: Final = ("none", "shared", "class")
_FAR_BELOW: Final = 5.0  # errors


@dataclass(frozen=True)
class Sources:
    """What is known of N training objects besides their processes.

    Attributes:
        wavelengths: ``(B,)`` of the passbands in nm.
        redshift: ``(N,)``, 0 for those that are not moved.
        peak: ``(N,)`` time of the most significant observation.
        fades: ``(N,)`` whether an object is significantly below zero at times, as those that
            vary about a mean are.
        bounds: ``(N + 1,)``; object n has the times ``bounds[n]:bounds[n + 1]``.
        mjd: ``(M,)`` times of the observations.
        dark: ``(M,)`` whether an object was dark in the days up to an observation, and ``(M,)``
            from there on, see `lcclassify.augment.darkness`.
    """

    wavelengths: FloatArray
    redshift: FloatArray
    peak: FloatArray
    fades: BoolArray
    bounds: IntArray
    mjd: FloatArray
    dark: tuple[BoolArray, BoolArray]

    @classmethod
    def of(
        cls, curves: Curves, redshift: FloatArray, wavelengths: FloatArray, dark_days: float
    ) -> Self:
        """Return what there is to know of objects with these redshifts."""
        lowest = np.full(len(curves), np.inf)
        np.minimum.at(lowest, curves.objects, curves.flux / curves.flux_err)
        fades = lowest < -_FAR_BELOW
        dark_before, dark_after = (
            side & ~fades[curves.objects] for side in dark_sides(curves, dark_days)
        )
        return cls(
            wavelengths=wavelengths,
            redshift=redshift,
            peak=brightest_times(curves),
            fades=fades,
            bounds=curves.bounds,
            mjd=curves.mjd,
            dark=(dark_before, dark_after),
        )

    def distances(
        self, sources: IntArray, bounds: IntArray, times: FloatArray
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Return the days since the last observation of the source, and until its next one.

        Args:
            sources: ``(n,)`` objects.
            bounds: ``(n + 1,)`` of the rows of each.
            times: ``(R,)`` ascending in each.

        Returns:
            ``(R,)`` each, infinite where there is none, and whether the source was dark at both.
        """
        since, until = np.full(len(times), np.inf), np.full(len(times), np.inf)
        dark = np.zeros(len(times), dtype=np.bool_)
        _distances(self.bounds, self.mjd, *self.dark, sources, bounds, times, since, until, dark)
        return since, until, dark


@dataclass(frozen=True)
class Processes:
    """Gaussian processes of N objects' fluxes over a mean spectrum.

    Attributes:
        wavelength_scale: Of the processes, in nm.
        curves: Observations of the objects, over their spectra.
        kinds: ``(N,)`` which of the spectra is theirs.
        spectra: What fluxes are divided by.
        amplitude: ``(N,)``, NaN without a process.
        scale: ``(N,)`` time scale in days, likewise.
    """

    wavelength_scale: float
    curves: Curves
    kinds: IntArray
    spectra: Spectra
    amplitude: FloatArray
    scale: FloatArray

    @classmethod
    def fitted(
        cls,
        word: str,
        wavelength_scale: float,
        sample: Sample,
        redshift: FloatArray,
        moves: BoolArray,
    ) -> Self:
        """Fit processes of what is one of `SPECTRA` to the objects that are moved."""
        curves, rows = sample.drawn.curves, np.flatnonzero(moves)
        amplitude, scale = np.full(len(curves), np.nan), np.full(len(curves), np.nan)
        kinds, n_kinds = np.zeros(len(curves), dtype=np.int64), 1
        if word == "class":
            kinds, n_kinds = sample.targets, sample.n_classes
        spectra = Spectra.flat(n_kinds)
        if not len(rows):
            return cls(wavelength_scale, curves, kinds, spectra, amplitude, scale)
        wavelengths, peak = sample.wavelengths, brightest_times(curves)
        if word != "none":
            spectra = Spectra.fitted(
                curves.take(rows), wavelengths, redshift[rows], peak[rows], kinds[rows], n_kinds
            )
        each = curves.objects
        stretch = 1 + redshift[each]
        phase = (curves.mjd - peak[each]) / stretch
        shape = spectra.at(kinds[each], phase, wavelengths[curves.passband] / stretch)
        shape = np.where(moves[each], shape, 1.0)
        relative = replace(curves, flux=curves.flux / shape, flux_err=curves.flux_err / shape)
        coupling = wavelength_covariance(wavelengths, wavelengths, wavelength_scale)
        amplitude[rows], scale[rows] = fit_processes(
            relative.take(rows), coupling, threads=sample.threads
        )
        return cls(wavelength_scale, relative, kinds, spectra, amplitude, scale)

    def predict(
        self, known: Sources, source: int, times: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the mean and the variance of a source's flux, without noise.

        Args:
            known: The training objects.
            source: One of them.
            times: ``(G,)`` ascending, days.

        Returns:
            ``(B, G)`` each, in all passbands.
        """
        n_bands, n_times = len(known.wavelengths), len(times)
        own = self.curves.take(np.array([source]))
        coupling = wavelength_covariance(
            known.wavelengths, known.wavelengths, self.wavelength_scale
        )
        every, band = np.repeat(times, n_bands), np.tile(np.arange(n_bands), n_times)
        mean, variance = predict(
            own.mjd,
            own.passband,
            own.flux,
            own.flux_err,
            float(self.amplitude[source]),
            float(self.scale[source]),
            coupling,
            coupling,
            every,
            band,
        )
        sources, ones = np.full(len(every), source), np.ones(len(every))
        shape = self._shapes(known, sources, ones, every, band)
        return (
            (mean * shape).reshape(n_times, n_bands).T,
            (variance * shape**2).reshape(n_times, n_bands).T,
        )

    def draw(
        self,
        known: Sources,
        sources: IntArray,
        stretch: FloatArray,
        bounds: IntArray,
        times: FloatArray,
        passband: NDArray[np.uint8],
        keys: Keys,
    ) -> FloatArray:
        """Return draws of the sources' fluxes, at their own distance, without noise.

        Args:
            known: The training objects.
            sources: ``(n,)`` training objects.
            stretch: ``(n,)`` what wavelengths are divided by.
            bounds: ``(n + 1,)`` of the rows of each draw.
            times: ``(R,)`` ascending in each draw, in the source's days.
            passband: ``(R,)``.
            keys: ``(n,)`` random numbers.
        """
        out = np.zeros(len(times))
        if not len(times):
            return out
        rate = self.wavelength_scale
        draw_posteriors(
            self.curves.bounds,
            self.curves.mjd,
            self.curves.passband,
            self.curves.flux,
            self.curves.flux_err,
            wavelength_covariance(known.wavelengths, known.wavelengths, rate),
            self.amplitude,
            ROOT_3 / self.scale,
            known.wavelengths,
            ROOT_3 / rate,
            stretch,
            sources,
            bounds,
            times,
            passband,
            keys,
            out,
        )
        counts = np.diff(bounds)
        each, stretches = np.repeat(sources, counts), np.repeat(stretch, counts)
        out *= self._shapes(known, each, stretches, times, passband)
        return out

    def _shapes(
        self,
        known: Sources,
        sources: IntArray,
        stretch: FloatArray,
        times: FloatArray,
        passband: IntArray | NDArray[np.uint8],
    ) -> FloatArray:
        """Return the mean spectra that processes are relative to, ``(R,)`` of rows."""
        stretched = 1 + known.redshift[sources]
        phase = (times - known.peak[sources]) / stretched
        wavelength = known.wavelengths[passband] / (stretched * stretch)
        return self.spectra.at(self.kinds[sources], phase, wavelength)


@compiled
def _distances(
    bounds: IntArray,
    mjd: FloatArray,
    dark_before: BoolArray,
    dark_after: BoolArray,
    sources: IntArray,
    target_bounds: IntArray,
    times: FloatArray,
    since: FloatArray,
    until: FloatArray,
    dark: BoolArray,
) -> None:
    for draw in range(len(sources)):
        first, end = bounds[sources[draw]], bounds[sources[draw] + 1]
        row, last = first, -np.inf
        for target in range(target_bounds[draw], target_bounds[draw + 1]):
            time = times[target]
            while row < end and mjd[row] <= time:
                last = mjd[row]
                row += 1
            since[target] = time - last
            if row < end:
                until[target] = mjd[row] - time
            was = row == first or dark_before[row - 1]
            dark[target] = was and (row == end or dark_after[row])
