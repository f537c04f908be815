"""The same object farther away, seen by the survey under the conditions of another object.

References:
    Boone 2019, arXiv:1907.04690 (avocado); Revsbech, Trotta & van Dyk 2018, arXiv:1706.03811
    (STACCATO); Alves et al. 2022, arXiv:2107.07531 (snmachine).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from lcclassify import hashing
from lcclassify.augment.acceptance import Acceptance, place_of
from lcclassify.augment.aiming import aimed
from lcclassify.augment.conditions import LEAST_OBSERVATIONS, Conditions
from lcclassify.augment.coverage import Untouched, share_untouched
from lcclassify.augment.curves import BoolArray, FloatArray, IntArray, rows_of
from lcclassify.augment.darkness import plausible
from lcclassify.augment.drawn import Drawn, Keys, uniform
from lcclassify.augment.fainter import dimmed
from lcclassify.augment.processes import SPECTRA, Processes, Sources
from lcclassify.augment.redshifts import NEAREST, PhotometricScatter, RedshiftDensity, dimming
from lcclassify.augment.steps import Sample
from lcclassify.checks import (
    check_choice,
    check_whole,
    require_not_negative,
    require_positive,
    require_share,
)
from lcclassify.cosmology import MAX_REDSHIFT
from lcclassify.errors import ConfigError
from lcclassify.surveys.options import numbers, words

AUTO: Final = "auto"


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
        dark: Days in which a transient must have been dark before and after a gap in its
            observations, or on this side of all that is beyond them, so that it is known to
            be dark there as well; 0: it is not.
        fading: In units of the process's time scale, how fast the flux of a transient goes
            before its first observation, after its last and in long gaps.
        shift: Days by which the peak differs, at most, from that of the object whose
            cadence is taken.
        wavelength_scale: Of the process, in nm.
        spectra: What the process is of, any of ``none``: the fluxes; ``shared``: what an
            object differs from the mean spectrum of all objects by, see
            `lcclassify.augment.spectra`; ``class``: from that of its class. Of several each
            draw takes one at random: nobody knows the light beyond what was seen.
        proportionate: Whether new redshifts are such that classes have their proportions at all
            of them, see `lcclassify.augment.proportions`.
        line_of_sight: Metadata that come with the cadence, being of the place in the sky.
        fainter: Mean and standard deviation of what objects of the Galaxy lose, in
            magnitudes; the absolute value is taken.
        untouched: Share of draws that stay as they are: objects like the training ones are
            part of most surveys, too. "auto": by the share of the target that training objects
            stand for, and all of them without a target.
        attempts: Draws of an object until one is detected often enough and lies where the
            target's objects lie. Of what was detected but not there the last is taken, and
            what was never detected is left as it is.
    """

    nearer: float = 0.6
    farther: float = 5.0
    stretch: float = 1.5
    before: float = 100.0
    after: float = 120.0
    dark: float = 30.0
    fading: float = 0.45
    shift: float = 10.0
    wavelength_scale: float = 600.0
    spectra: str | Sequence[str] = ("shared", "class")
    proportionate: bool = True
    line_of_sight: Sequence[str] = ("mwebv", "ebv", "ra", "dec", "decl", "gal_l", "gal_b")
    fainter: tuple[float, float] = (0.5, 1.0)
    untouched: float | str = 0.0
    attempts: int = 8

    def __post_init__(self) -> None:
        for name in ("nearer", "farther", "stretch", "fading", "wavelength_scale"):
            require_positive(**{f"augment: {name}": getattr(self, name)})
        for name in ("before", "after", "dark", "shift"):
            require_not_negative(**{f"augment: {name}": getattr(self, name)})
        if self.untouched != AUTO:
            require_share(
                **{"augment: untouched (where it is not auto)": cast(float, self.untouched)}
            )
        check_whole("augment: attempts", self.attempts, 1)
        single = isinstance(self.spectra, str)
        spectra = words([self.spectra] if single else self.spectra, "augment: spectra")
        if not spectra or len(set(spectra)) < len(spectra):
            raise ConfigError(f"augment: spectra must be distinct words, got {list(spectra)}")
        for word in spectra:
            check_choice("augment: spectra", word, SPECTRA)
        object.__setattr__(self, "spectra", spectra)
        sight = words(self.line_of_sight, "augment: line_of_sight")
        object.__setattr__(self, "line_of_sight", sight)
        fainter = numbers(self.fainter, "augment: fainter")
        if len(fainter) != 2 or fainter[1] < 0:
            raise ConfigError(
                f"augment: fainter must be a mean and a deviation, got {list(fainter)}"
            )
        object.__setattr__(self, "fainter", fainter)

    def fitted(self, sample: Sample) -> FittedElsewhere | Untouched:
        """Fit a process to each object that has a redshift, unless all draws stay as they are.

        Raises:
            ConfigError: The survey's passbands have no wavelengths, and `untouched` is a number.
        """
        untouched = share_untouched(sample) if self.untouched == AUTO else float(self.untouched)
        if untouched == 1:
            return Untouched()
        curves = sample.drawn.curves
        known = np.isfinite(sample.redshift) & (sample.redshift > -1)  # -9 stands for none
        redshift = np.where(known, sample.redshift, 0.0)
        enough = curves.counts >= LEAST_OBSERVATIONS
        moves = enough & (redshift > NEAREST) & (redshift < MAX_REDSHIFT)
        dims = enough & ~moves
        if moves.any() and not len(sample.wavelengths):
            if self.untouched == AUTO:
                sample.notes.append(
                    "But the passbands' wavelengths are not known, so all draws stay where they "
                    "are: set survey.wavelengths (nm)."
                )
                return Untouched()
            raise ConfigError(
                "augment needs the passbands' wavelengths: set survey.wavelengths (nm), or "
                "augment=light, which does without"
            )
        processes = [
            Processes.fitted(word, self.wavelength_scale, sample, redshift, moves)
            for word in self.spectra
        ]
        photoz, error, _ = sample.photometric
        columns = sample.drawn.columns
        nothing = np.full(len(curves), np.nan)
        measured = moves
        if photoz is not None and (others := moves & (redshift != columns[photoz])).any():
            measured = others  # the rest has no other redshift than the photometric one
        scatter = PhotometricScatter.of(
            np.where(measured, redshift, np.nan),
            nothing if photoz is None else columns[photoz],
            nothing if error is None else columns[error],
        )
        sample.notes.append(
            f"{int(moves.sum()):,} objects are moved in redshift, {int(dims.sum()):,} without a "
            f"redshift above {NEAREST:g} are dimmed, {int((~enough).sum()):,} with fewer than "
            f"{LEAST_OBSERVATIONS} observations are left as they are."
        )
        sources = Sources.of(curves, np.where(moves, redshift, 0.0), sample.wavelengths, self.dark)
        unlit = sources.dark[0] & sources.dark[1] & moves[curves.objects]
        return aimed(
            FittedElsewhere(
                settings=self,
                untouched=untouched,
                processes=processes,
                sources=sources,
                moves=moves,
                dims=dims,
                density=self._density(sample),
                densities=None,
                classes=sample.targets,
                acceptances=(None, None),
                scatter=scatter,
                photometric=sample.photometric,
                survey=sample.survey.vetting(curves.select(unlit)),
                lenders=sample.survey.beyond_the_galaxy(photoz),
            ),
            sample,
        )

    def _density(self, sample: Sample) -> RedshiftDensity:
        """Return how likely new redshifts are, whatever the class."""
        if sample.target is None:
            return RedshiftDensity.logarithmic()
        if self.proportionate:
            return RedshiftDensity.volumetric()
        return RedshiftDensity.of_target(sample.target[0])


@dataclass(frozen=True)
class FittedElsewhere:
    """What `ObserveElsewhere` knows of N training objects and their survey.

    Attributes:
        settings: The step.
        untouched: Share of draws that stay as they are, see `ObserveElsewhere.untouched`.
        processes: Of the training objects, the sources, one for each kind of spectra.
        sources: What else is known of them.
        moves: ``(N,)`` whether a source is moved in redshift.
        dims: ``(N,)`` whether it is made fainter where it is.
        density: Of new redshifts, whatever the class.
        densities: The same of each class, see `ObserveElsewhere.proportionate`.
        classes: ``(N,)`` of the sources.
        acceptances: Which draws of those that are moved, and of those that are dimmed, are
            kept; None for all that are detected.
        scatter: Of photometric redshifts.
        photometric: Names of columns, as in `Sample`.
        survey: What objects are observed under.
        lenders: Whose cadences objects have that are moved; None for anyone's.
    """

    settings: ObserveElsewhere
    untouched: float
    processes: Sequence[Processes]
    sources: Sources
    moves: BoolArray
    dims: BoolArray
    density: RedshiftDensity
    densities: RedshiftDensity | None
    classes: IntArray
    acceptances: tuple[Acceptance | None, Acceptance | None]
    scatter: PhotometricScatter
    photometric: tuple[str | None, str | None, str | None]
    survey: Conditions
    lenders: IntArray | None

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return every object observed elsewhere, see `ObserveElsewhere.attempts`."""
        return self.observed(drawn, keys)[0]

    def observed(self, drawn: Drawn, keys: Keys) -> tuple[Drawn, BoolArray]:
        """Return the same, and which objects were not looked for in vain, ``(n,)``."""
        found = np.ones(len(drawn), dtype=np.bool_)
        touched = uniform(keys, "untouched", 0) >= self.untouched
        kinds = ((self.moves, self.moved_once), (self.dims, self._dimmed))
        for (kind, attempt), acceptance in zip(kinds, self.acceptances, strict=True):
            waiting = np.flatnonzero(kind[drawn.sources] & touched)
            found[waiting] = False
            parts, rows = [], []
            for number in range(self.settings.attempts):
                if not len(waiting):
                    break
                tried = attempt(drawn.take(waiting), keys[waiting], number)
                seen = np.flatnonzero(self.survey.is_found(tried.curves))
                tried, tried_rows = tried.take(seen), waiting[seen]
                found[tried_rows] = True
                parts.append(tried)
                rows.append(tried_rows)
                if acceptance is not None:
                    probability = acceptance.probability(*self.place(tried))
                    lot = uniform(keys[tried_rows], "accepted", number)
                    tried_rows = tried_rows[lot < probability]
                waiting = np.setdiff1d(waiting, tried_rows, assume_unique=True)
            drawn = drawn.with_others(rows, parts)
        return drawn, found

    def touching_all(self) -> FittedElsewhere:
        """Return the step with no draw that stays as it is but for want of a place."""
        return replace(self, untouched=0.0)

    def place(self, drawn: Drawn) -> tuple[FloatArray, FloatArray]:
        """Return photometric redshifts and logarithms of the highest ratios, ``(n,)`` each."""
        return place_of(drawn, self.photometric[0])

    def new_redshifts(self, sources: IntArray, keys: Keys, attempt: int = 0) -> FloatArray:
        """Return a redshift for each of n sources that are moved, ``(n,)``."""
        low, high = self.reach(sources)
        lot = uniform(keys, "redshift", attempt)
        density = self.density if self.densities is None else self.densities
        return density.between(low, high, lot, self.classes[sources])

    def reach(self, sources: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and the highest redshift of n sources, ``(n,)`` each."""
        own, settings = self.sources.redshift[sources], self.settings
        low = np.maximum(settings.nearer * own, NEAREST)
        high = np.minimum(settings.farther * own, settings.stretch * (1 + own) - 1)
        return low, np.minimum(np.maximum(high, low), MAX_REDSHIFT)

    def moved_once(self, drawn: Drawn, keys: Keys, attempt: int) -> Drawn:
        """Return objects that are moved in redshift, one attempt, detected or not."""
        sources = drawn.sources
        own, new = self.sources.redshift[sources], self.new_redshifts(sources, keys, attempt)
        stretch = (1 + new) / (1 + own)
        lent = self.survey.lent(keys, attempt, self.lenders)
        # The source's time of every observation, its best one being there where the other
        # object was at its best.
        days = self.settings.shift * (2 * uniform(keys, "peak", attempt) - 1)
        counts = np.diff(lent.bounds)
        past = (lent.mjd - np.repeat(lent.peak + days, counts)) / np.repeat(stretch, counts)
        times = np.repeat(self.sources.peak[sources], counts) + past
        since, until, dark = self.sources.distances(sources, lent.bounds, times)
        known = (since <= self.settings.after) | (until <= self.settings.before) | dark
        bounds = np.concatenate([[0], np.cumsum(known)])[lent.bounds]
        passband, times = lent.passband[known], times[known]
        which = (uniform(keys, "spectrum", attempt) * len(self.processes)).astype(np.int64)
        true, scale = np.zeros(len(times)), np.zeros(len(sources))
        for number, process in enumerate(self.processes):
            own_rows = np.flatnonzero(which == number)
            part_bounds, part = rows_of(bounds, own_rows)
            scale[own_rows] = process.scale[sources[own_rows]]
            true[part] = process.draw(
                self.sources,
                sources[own_rows],
                stretch[own_rows],
                part_bounds,
                times[part],
                passband[part],
                hashing.mix(keys[own_rows] + np.uint64(attempt + 1)),
            )
        true *= np.repeat(dimming(own, new), np.diff(bounds))
        each = np.repeat(np.arange(len(sources)), np.diff(bounds))
        reach = self.settings.fading * scale[each]
        fades = self.sources.fades[sources][each]
        true = plausible(true, fades, reach, since[known], until[known])
        true[dark[known]] = 0.0
        curves = self.survey.observed(
            bounds, lent.mjd[known], passband, true, lent.sky[known], keys, attempt
        )
        sight = [name for name in self.settings.line_of_sight if name in lent.columns]
        columns = {**drawn.columns, **{name: lent.columns[name] for name in sight}}
        lot = uniform(keys, "photoz", attempt)
        columns |= self.scatter.columns(drawn.columns, self.photometric, new, lot)
        return replace(drawn, curves=curves, columns=columns)

    def _dimmed(self, drawn: Drawn, keys: Keys, attempt: int) -> Drawn:
        return dimmed(drawn, keys, attempt, self.settings.fainter, self.survey)
