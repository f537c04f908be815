"""The same object farther away, seen by the survey under the conditions of another object.

References:
    Boone 2019, arXiv:1907.04690 (avocado); Revsbech, Trotta & van Dyk 2018, arXiv:1706.03811
    (STACCATO); Alves et al. 2022, arXiv:2107.07531 (snmachine).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify import hashing
from lcclassify.augment.acceptance import Acceptance
from lcclassify.augment.curves import BoolArray, Curves, FloatArray, IntArray
from lcclassify.augment.drawing import draw_posteriors
from lcclassify.augment.drawn import Drawn, Keys, Sample, normal, row_keys, uniform
from lcclassify.augment.fitting import fit_processes
from lcclassify.augment.observing import (
    Cadences,
    Detections,
    FluxErrors,
    brightest_times,
    highest_ratios,
)
from lcclassify.augment.process import ROOT_3, wavelength_covariance
from lcclassify.augment.redshifts import NEAREST, PhotometricScatter, RedshiftDensity, dimming
from lcclassify.augment.spectra import Spectra
from lcclassify.compiled import compiled
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.simulation.cosmology import MAX_REDSHIFT, distance_modulus

SPECTRA: Final = ("none", "shared", "class")
_PILOT: Final = 8_000  # draws that are compared with the target
_FAR_BELOW: Final = 5.0  # errors
_LEAST_OBSERVATIONS: Final = 3  # of a source, for a process, and of what is drawn


@dataclass(frozen=True)
class ObserveElsewhere:
    """Moves objects in redshift and observes them again.

    Attributes:
        nearer: Lowest new redshift, in units of the object's own.
        farther: Highest new redshift, likewise.
        stretch: Largest (1 + z') / (1 + z), so that no wavelength is needed far from those
            observed.
        before: Days before an observation of the source in which its flux is known.
        after: Days after one.
        fading: Days in which the flux of a transient goes before its first observation and
            after its last.
        shift: Days by which the peak differs, at most, from that of the object whose
            cadence is taken.
        wavelength_scale: Of the process, in nm.
        spectra: What the process is of, any of ``none``: the fluxes; ``shared``: what an
            object differs from the mean spectrum of all objects by, see
            `lcclassify.augment.spectra`; ``class``: from that of its class. Of several each
            draw takes one at random: nobody knows how light goes on beyond what was seen.
        fainter: Mean and standard deviation of what objects of the Galaxy lose, in
            magnitudes; the absolute value is taken.
        attempts: Draws of an object until one is detected often enough and lies where the
            target's objects lie. Of what was detected but not there the last is taken, and
            what was never detected is left as it is.
    """

    nearer: float = 0.95
    farther: float = 5.0
    stretch: float = 1.5
    before: float = 60.0
    after: float = 80.0
    fading: float = 12.0
    shift: float = 10.0
    wavelength_scale: float = 600.0
    spectra: tuple[str, ...] = ("shared", "class")
    fainter: tuple[float, float] = (0.5, 0.5)
    attempts: int = 8

    def __post_init__(self) -> None:
        for name in ("nearer", "farther", "stretch", "fading", "wavelength_scale"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ConfigError(f"augment: {name} must be a positive number, got {value!r}")
        for name in ("before", "after", "shift"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise ConfigError(f"augment: {name} must be days of at least 0, got {value!r}")
        if (
            isinstance(self.attempts, bool)
            or not isinstance(self.attempts, int)
            or self.attempts < 1
        ):
            raise ConfigError(
                f"augment: attempts must be a whole number of at least 1, got {self.attempts!r}"
            )
        spectra = (self.spectra,) if isinstance(self.spectra, str) else tuple(self.spectra)
        if not spectra or len(set(spectra)) < len(spectra):
            raise ConfigError(f"augment: spectra must be distinct words, got {list(spectra)}")
        for word in spectra:
            if word not in SPECTRA:
                known = did_you_mean(str(word), SPECTRA)
                raise ConfigError(f"augment: spectra cannot be {word!r}: {known}")
        object.__setattr__(self, "spectra", spectra)
        fainter = tuple(self.fainter)
        if len(fainter) != 2 or not all(isinstance(v, int | float) for v in fainter):
            raise ConfigError(f"augment: fainter must be a mean and a deviation, got {fainter!r}")
        object.__setattr__(self, "fainter", fainter)

    def fitted(self, sample: Sample) -> FittedElsewhere:
        """Fit a process to each object that has a redshift.

        Raises:
            ConfigError: The survey's passbands have no wavelengths.
        """
        curves = sample.drawn.curves
        redshift = np.where(np.isfinite(sample.redshift), sample.redshift, 0.0)
        enough = curves.counts >= _LEAST_OBSERVATIONS
        moves = enough & (redshift > NEAREST) & (redshift < MAX_REDSHIFT)
        dims = enough & ~moves
        if moves.any() and not len(sample.wavelengths):
            raise ConfigError(
                "augment needs the passbands' wavelengths: set survey.wavelengths (nm), or "
                "augment=light, which does without"
            )
        peak = brightest_times(curves)
        processes = [
            _process(word, self.wavelength_scale, sample, redshift, peak, moves)
            for word in self.spectra
        ]
        photoz, error, _ = sample.photometric
        columns = sample.drawn.columns
        nothing = np.full(len(curves), np.nan)
        scatter = PhotometricScatter.of(
            np.where(moves, redshift, np.nan),
            nothing if photoz is None else columns[photoz],
            nothing if error is None else columns[error],
        )
        sample.notes.append(
            f"{int(moves.sum()):,} objects are moved in redshift, {int(dims.sum()):,} without a "
            f"redshift above {NEAREST:g} are dimmed, {int((~enough).sum()):,} with fewer than "
            f"{_LEAST_OBSERVATIONS} observations are left as they are."
        )
        fitted = FittedElsewhere(
            settings=self,
            processes=processes,
            wavelengths=sample.wavelengths,
            redshift=np.where(moves, redshift, 0.0),
            peak=peak,
            first=curves.mjd[np.minimum(curves.bounds[:-1], max(len(curves.mjd) - 1, 0))],
            last=curves.mjd[curves.bounds[1:] - 1],
            fades=_fades(curves),
            moves=moves,
            dims=dims,
            density=RedshiftDensity.logarithmic()
            if sample.target is None
            else RedshiftDensity.of_target(sample.target[0]),
            acceptances=(None, None),
            scatter=scatter,
            photometric=sample.photometric,
            errors=sample.errors,
            detections=sample.detections,
            cadences=sample.cadences,
            least_detections=sample.least_detections,
            n_bands=sample.n_bands,
        )
        if sample.target is None:
            return fitted
        return replace(fitted, acceptances=_acceptances(fitted, sample, sample.target))


@dataclass(frozen=True)
class FittedElsewhere:
    """What `ObserveElsewhere` knows of N training objects and their survey.

    Attributes:
        settings: The step.
        processes: Of the training objects, the sources, one for each kind of spectra.
        wavelengths: ``(B,)`` nm.
        redshift: ``(N,)``, 0 for those that are not moved.
        peak: ``(N,)`` time of the most significant observation.
        first: ``(N,)`` time of the first observation.
        last: ``(N,)`` time of the last.
        fades: ``(N,)`` whether a source is significantly below zero at times.
        moves: ``(N,)`` whether a source is moved in redshift.
        dims: ``(N,)`` whether it is made fainter where it is.
        density: Of new redshifts.
        acceptances: Which draws of those that are moved, and of those that are dimmed, are
            kept; None for all that are detected.
        scatter: Of photometric redshifts.
        photometric: Names of columns, as of `Sample`.
        errors: As of `Sample`.
        detections: As of `Sample`.
        cadences: As of `Sample`.
        least_detections: As of `Sample`.
        n_bands: B.
    """

    settings: ObserveElsewhere
    processes: Sequence[Processes]
    wavelengths: FloatArray
    redshift: FloatArray
    peak: FloatArray
    first: FloatArray
    last: FloatArray
    fades: BoolArray
    moves: BoolArray
    dims: BoolArray
    density: RedshiftDensity
    acceptances: tuple[Acceptance | None, Acceptance | None]
    scatter: PhotometricScatter
    photometric: tuple[str | None, str | None, str | None]
    errors: FluxErrors
    detections: Detections
    cadences: Cadences
    least_detections: int
    n_bands: int

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return every object observed elsewhere, see `ObserveElsewhere.attempts`."""
        kinds = ((self.moves, self._moved), (self.dims, self._dimmed))
        for (kind, attempt), acceptance in zip(kinds, self.acceptances, strict=True):
            waiting = np.flatnonzero(kind[drawn.sources])
            parts, rows = [], []
            for number in range(self.settings.attempts):
                if not len(waiting):
                    break
                tried = attempt(drawn.take(waiting), keys[waiting], number)
                found = np.flatnonzero(self._is_found(tried.curves))
                tried, tried_rows = tried.take(found), waiting[found]
                parts.append(tried)
                rows.append(tried_rows)
                if acceptance is not None:
                    probability = acceptance.probability(*self.place(tried))
                    lot = uniform(keys[tried_rows], "accepted", number)
                    tried_rows = tried_rows[lot < probability]
                waiting = np.setdiff1d(waiting, tried_rows, assume_unique=True)
            drawn = _put(drawn, rows, parts)
        return drawn

    def place(self, drawn: Drawn) -> tuple[FloatArray, FloatArray]:
        """Return photometric redshifts and logarithms of the highest ratios, ``(n,)`` each."""
        photoz = self.photometric[0]
        redshift = np.zeros(len(drawn)) if photoz is None else drawn.columns[photoz]
        return redshift, np.log10(np.maximum(highest_ratios(drawn.curves), 0.1))

    def new_redshifts(self, sources: IntArray, keys: Keys, attempt: int = 0) -> FloatArray:
        """Return a redshift for each of n sources that are moved, ``(n,)``."""
        own, settings = self.redshift[sources], self.settings
        low = np.maximum(settings.nearer * own, NEAREST)
        high = np.minimum(settings.farther * own, settings.stretch * (1 + own) - 1)
        high = np.minimum(np.maximum(high, low), MAX_REDSHIFT)
        return self.density.between(low, high, uniform(keys, "redshift", attempt))

    def _is_found(self, curves: Curves) -> BoolArray:
        detected = np.bincount(curves.objects[curves.detected], minlength=len(curves))
        enough = curves.counts >= _LEAST_OBSERVATIONS
        found: BoolArray = enough & (detected >= self.least_detections)
        return found

    def _moved(self, drawn: Drawn, keys: Keys, attempt: int) -> Drawn:
        sources = drawn.sources
        own, new = self.redshift[sources], self.new_redshifts(sources, keys, attempt)
        stretch = (1 + new) / (1 + own)
        seen = self._cadence(keys, attempt)
        # The source's time of every observation, its best one being there where the other
        # object was at its best.
        days = self.settings.shift * (2 * uniform(keys, "peak", attempt) - 1)
        peak = self.cadences.peak[seen.donors] + days
        n_seen = np.diff(seen.bounds)
        past = (seen.mjd - np.repeat(peak, n_seen)) / np.repeat(stretch, n_seen)
        times = np.repeat(self.peak[sources], n_seen) + past
        known = np.zeros(len(times), dtype=np.bool_)
        observed = self.processes[0].curves
        _known(
            observed.bounds,
            observed.mjd,
            sources,
            seen.bounds,
            times,
            np.full(len(sources), self.settings.before),
            np.full(len(sources), self.settings.after),
            known,
        )
        bounds = np.concatenate([[0], np.cumsum(known)])[seen.bounds]
        passband, sky, times = seen.passband[known], seen.sky[known], times[known]
        which = (uniform(keys, "spectrum", attempt) * len(self.processes)).astype(np.int64)
        true = np.zeros(len(times))
        for number, process in enumerate(self.processes):
            own_rows = np.flatnonzero(which == number)
            part = _rows_of(bounds, own_rows)
            true[part] = self.posterior(
                process,
                sources[own_rows],
                stretch[own_rows],
                np.concatenate([[0], np.cumsum(np.diff(bounds)[own_rows])]),
                times[part],
                passband[part],
                hashing.mix(keys[own_rows] + np.uint64(attempt + 1)),
            )
        true *= np.repeat(dimming(own, new), np.diff(bounds))
        true = self._plausible(true, sources, bounds, times)
        curves = self._observed(bounds, seen.mjd[known], passband, true, sky, keys, attempt)
        columns = dict(drawn.columns)
        photoz, error, modulus = self.photometric
        if photoz is not None:
            photometric, reported = self.scatter.drawn(new, uniform(keys, "photoz", attempt))
            was_known = np.isfinite(columns[photoz])
            columns[photoz] = np.where(was_known, photometric, columns[photoz])
            if error is not None:
                columns[error] = np.where(np.isfinite(columns[error]), reported, columns[error])
            if modulus is not None:
                columns[modulus] = np.where(
                    np.isfinite(columns[modulus]), distance_modulus(columns[photoz]), np.nan
                )
        return replace(drawn, curves=curves, columns=columns)

    def _plausible(
        self, true: FloatArray, sources: IntArray, bounds: IntArray, times: FloatArray
    ) -> FloatArray:
        """Return fluxes of what only brightens without what a process knows no better.

        Away from observations draws become noise of the object's own size. What was never
        seen significantly below zero never is, and outside of the time in which it was
        observed it dies away.
        """
        each = np.repeat(np.arange(len(sources)), np.diff(bounds))
        first, last = self.first[sources][each], self.last[sources][each]
        beyond = np.maximum(np.maximum(first - times, times - last), 0.0)
        fading = np.exp(-0.5 * (beyond / self.settings.fading) ** 2)
        return np.where(self.fades[sources][each], true, np.maximum(true, 0) * fading)

    def posterior(
        self,
        process: Processes,
        sources: IntArray,
        stretch: FloatArray,
        bounds: IntArray,
        times: FloatArray,
        passband: NDArray[np.uint8],
        keys: Keys,
    ) -> FloatArray:
        """Return draws of the sources' fluxes, at their own distance, without noise.

        Args:
            process: One of `processes`.
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
        rate = self.settings.wavelength_scale
        draw_posteriors(
            process.curves.bounds,
            process.curves.mjd,
            process.curves.passband,
            process.curves.flux,
            process.curves.flux_err,
            wavelength_covariance(self.wavelengths, self.wavelengths, rate),
            process.amplitude,
            ROOT_3 / process.scale,
            self.wavelengths,
            ROOT_3 / rate,
            stretch,
            sources,
            bounds,
            times,
            passband,
            keys,
            out,
        )
        each = np.repeat(np.arange(len(sources)), np.diff(bounds))
        stretched = 1 + self.redshift[sources][each]
        phase = (times - self.peak[sources][each]) / stretched
        wavelength = self.wavelengths[passband] / (stretched * stretch[each])
        out *= process.spectra.at(process.kinds[sources][each], phase, wavelength)
        return out

    def _observed(
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
        return self._with_detections(replace(curves, flux=true + error * noise), keys, attempt)

    def _with_detections(self, curves: Curves, keys: Keys, attempt: int) -> Curves:
        probability = self.detections.probability(curves.flux, curves.flux_err)
        lot = hashing.uniform(row_keys(curves, keys, f"detected {attempt}"))
        return replace(curves, detected=lot < probability)

    def _dimmed(self, drawn: Drawn, keys: Keys, attempt: int) -> Drawn:
        """Return objects fainter, with as many observations as another object has."""
        mean, deviation = self.settings.fainter
        magnitudes = np.abs(mean + deviation * normal(keys, "fainter", attempt))
        curves = drawn.curves
        factor = np.repeat(10 ** (-0.4 * magnitudes), curves.counts)
        seen = self._cadence(keys, attempt)
        # Of each passband no more than the other has, and under one of its skies.
        group = curves.objects * self.n_bands + curves.passband
        lot = row_keys(curves, keys, f"kept {attempt}")
        order = np.lexsort((lot, group))
        starts = np.searchsorted(group[order], group[order])
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order)) - starts
        theirs = np.repeat(np.arange(len(curves)), np.diff(seen.bounds)) * self.n_bands
        theirs = theirs + seen.passband
        by_group = np.argsort(theirs, kind="stable")
        n_theirs = np.bincount(theirs, minlength=len(curves) * self.n_bands)
        first = np.cumsum(n_theirs) - n_theirs
        keep = rank < n_theirs[group]
        # The skies are as many as the kept observations or more.
        place = np.minimum(first[group] + rank, max(len(by_group) - 1, 0))
        sky = np.zeros(len(group)) if not len(by_group) else seen.sky[by_group[place]]
        flux, before = factor * curves.flux, factor * curves.flux_err
        error = np.maximum(self.errors.error(curves.passband, flux, sky), before)
        noise = hashing.normal(row_keys(curves, keys, f"noise {attempt}"))
        flux = flux + np.sqrt(np.maximum(error**2 - before**2, 0.0)) * noise
        changed = replace(curves, flux=flux, flux_err=error)
        return replace(drawn, curves=self._with_detections(changed, keys, attempt).select(keep))

    def _cadence(self, keys: Keys, attempt: int) -> _Seen:
        chosen = uniform(keys, "cadence", attempt) * len(self.cadences)
        donors = np.minimum(chosen.astype(np.int64), len(self.cadences) - 1)
        counts = np.diff(self.cadences.bounds)[donors]
        bounds = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(bounds[-1]) - np.repeat(bounds[:-1] - self.cadences.bounds[donors], counts)
        return _Seen(
            donors,
            bounds,
            self.cadences.mjd[rows],
            self.cadences.passband[rows],
            self.cadences.sky[rows],
        )


def _put(drawn: Drawn, rows: list[IntArray], parts: list[Drawn]) -> Drawn:
    """Return the objects with the last of those drawn for each row in their places."""
    if not rows:
        return drawn
    place = np.arange(len(drawn))
    first = len(drawn)
    for some in rows:
        place[some] = first + np.arange(len(some))
        first += len(some)
    return reduce(Drawn.followed_by, parts, drawn).take(place)


def _acceptances(
    fitted: FittedElsewhere, sample: Sample, target: tuple[FloatArray, FloatArray]
) -> tuple[Acceptance | None, Acceptance | None]:
    """Compare what is drawn with what is to be classified."""
    redshift, ratio = target
    brightness = np.log10(np.maximum(ratio, 0.1))
    galactic = ~(redshift > NEAREST)
    found: list[Acceptance | None] = []
    for kind, theirs in ((fitted.moves, ~galactic), (fitted.dims, galactic)):
        rows = np.flatnonzero(kind)
        if not len(rows):
            found.append(None)
            continue
        own = sample.drawn.take(rows)
        ids = pl.Series(np.arange(len(rows)))
        redshifts, ratios = [], []
        for number in range(-(-_PILOT // len(rows))):
            keys = hashing.object_keys(ids, number)
            place = fitted.place(fitted.apply(own, keys))
            redshifts.append(place[0])
            ratios.append(place[1])
        drawn = np.concatenate(redshifts), np.concatenate(ratios)
        seen = theirs & np.isfinite(ratio)
        found.append(Acceptance.fitted((redshift[seen], brightness[seen]), drawn))
    return found[0], found[1]


@dataclass(frozen=True)
class Processes:
    """Gaussian processes of N objects' fluxes over a mean spectrum.

    Attributes:
        curves: Observations of the objects, over their spectra.
        kinds: ``(N,)`` which of the spectra is theirs.
        spectra: What fluxes are divided by.
        amplitude: ``(N,)``, NaN without a process.
        scale: ``(N,)`` time scale in days, likewise.
    """

    curves: Curves
    kinds: IntArray
    spectra: Spectra
    amplitude: FloatArray
    scale: FloatArray


def _process(
    word: str,
    wavelength_scale: float,
    sample: Sample,
    redshift: FloatArray,
    peak: FloatArray,
    moves: BoolArray,
) -> Processes:
    """Fit processes of what is one of `SPECTRA` to the objects that are moved."""
    curves, rows = sample.drawn.curves, np.flatnonzero(moves)
    amplitude, scale = np.full(len(curves), np.nan), np.full(len(curves), np.nan)
    kinds, n_kinds = np.zeros(len(curves), dtype=np.int64), 1
    if word == "class":
        kinds, n_kinds = sample.targets, sample.n_classes
    spectra = Spectra.flat(n_kinds)
    if not len(rows):
        return Processes(curves, kinds, spectra, amplitude, scale)
    if word != "none":
        spectra = Spectra.fitted(
            curves.take(rows), sample.wavelengths, redshift[rows], peak[rows], kinds[rows], n_kinds
        )
    each = curves.objects
    stretch = 1 + redshift[each]
    phase = (curves.mjd - peak[each]) / stretch
    wavelength = sample.wavelengths[curves.passband] / stretch
    shape = np.where(moves[each], spectra.at(kinds[each], phase, wavelength), 1.0)
    relative = replace(curves, flux=curves.flux / shape, flux_err=curves.flux_err / shape)
    coupling = wavelength_covariance(sample.wavelengths, sample.wavelengths, wavelength_scale)
    amplitude[rows], scale[rows] = fit_processes(
        relative.take(rows), coupling, threads=sample.threads
    )
    return Processes(relative, kinds, spectra, amplitude, scale)


def _rows_of(bounds: IntArray, objects: IntArray) -> IntArray:
    """Return the rows of some objects, ``(r,)``."""
    counts = np.diff(bounds)[objects]
    starts = np.cumsum(counts) - counts
    rows: IntArray = np.arange(counts.sum()) + np.repeat(bounds[objects] - starts, counts)
    return rows


def _fades(curves: Curves) -> BoolArray:
    """Tell which objects have a flux far below zero, as those that vary about a mean have."""
    lowest = np.full(len(curves), np.inf)
    np.minimum.at(lowest, curves.objects, curves.flux / curves.flux_err)
    fades: BoolArray = lowest < -_FAR_BELOW
    return fades


@dataclass(frozen=True)
class _Seen:
    """The observations that other objects lend to n draws."""

    donors: IntArray
    bounds: IntArray
    mjd: FloatArray
    passband: NDArray[np.uint8]
    sky: FloatArray


@compiled
def _known(
    bounds: IntArray,
    mjd: FloatArray,
    sources: IntArray,
    target_bounds: IntArray,
    times: FloatArray,
    before: FloatArray,
    after: FloatArray,
    known: BoolArray,
) -> None:
    """Tell which times lie near enough to an observation of their source."""
    for draw in range(len(sources)):
        row, end = bounds[sources[draw]], bounds[sources[draw] + 1]
        last = -np.inf
        for target in range(target_bounds[draw], target_bounds[draw + 1]):
            time = times[target]
            while row < end and mjd[row] <= time:
                last = mjd[row]
                row += 1
            known[target] = time - last <= after[draw] or (
                row < end and mjd[row] - time <= before[draw]
            )
