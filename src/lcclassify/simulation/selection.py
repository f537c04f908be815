"""Drawing objects of a class until the survey finds them and, for training, has a spectrum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import ConfigError
from lcclassify.simulation import noise, sky
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.fields import Fields
from lcclassify.simulation.observing import Photometry, observe
from lcclassify.simulation.population import Population
from lcclassify.simulation.sources.base import Parameters, take

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
RowArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

MAX_ATTEMPTS: Final = 100_000  # of which at least one must be found

# Candidates drawn at a time, at most; an object gets as many as it takes, on the average so
# far, until one is bright enough: of more of them only the first would be used.
_LARGEST_BLOCK: Final = 16_384
_MOST_ATTEMPTS_AT_ONCE: Final = 1024

# A source that stays below so many times the noise of a typical visit in every passband is
# not observed at all: it would hardly be detected twice.
_PEAK_SNR: Final = 4.0


@dataclass(frozen=True, eq=False)
class Wanted:
    """Objects of one class that are to be made.

    Attributes:
        rows: ``(n,)`` positions in the chunk.
        draws: ``(n,)`` their random numbers.
        training: ``(n,)`` whether they need a spectrum.
    """

    rows: RowArray
    draws: Draws
    training: BoolArray


@dataclass(frozen=True, eq=False)
class Found:
    """Objects of one class that the survey found.

    Attributes:
        rows: ``(n,)`` positions in the chunk.
        parameters: Of the source.
        template: ``(n, 6)`` fluxes of the reference image.
        redshift: ``(n,)``; 0 for Galactic ones.
        field: ``(n,)`` position of the field.
        mwebv: ``(n,)`` Milky-Way E(B-V).
        draws: ``(n,)`` random numbers.
        photometry: Their observations.
    """

    rows: RowArray
    parameters: Parameters
    template: FloatArray
    redshift: FloatArray
    field: IntArray
    mwebv: FloatArray
    draws: Draws
    photometry: Photometry


def typical_noise(fields: Fields) -> FloatArray:
    """Return the median noise by passband, ``(2, 6)``: wide fields, then deep ones."""
    deep = np.repeat(fields.ddf, np.diff(fields.starts))
    level = np.full((2, 6), np.inf)
    for kind in (0, 1):
        for band in range(6):
            visits = fields.sky_noise[(deep == bool(kind)) & (fields.passband == band)]
            if len(visits):
                level[kind, band] = np.median(visits)
    return level


def find(
    name: str,
    population: Population,
    wanted: Wanted,
    fields: Fields,
    noise_level: FloatArray,
    span: tuple[float, float],
) -> Iterator[Found]:
    """Yield the wanted objects in batches, as they are found.

    Each object goes through its own numbered attempts and takes the first one that is
    found, so it does not matter how many are made at a time.

    Args:
        name: Of the class, for messages.
        population: Of the class.
        wanted: The objects.
        fields: Visits by field.
        noise_level: As in `typical_noise`.
        span: First and last MJD of the survey.

    Raises:
        ConfigError: `MAX_ATTEMPTS` attempts of an object were in vain.
    """
    source = population.source
    deep = wanted.draws.uniform("ddf") < np.where(
        wanted.training, population.training_ddf_fraction, population.ddf_fraction
    )
    attempt = np.zeros(len(deep), dtype=np.int64)  # the next one to be made
    pending = np.arange(len(deep))
    tried, hits = 1, 1
    while len(pending):
        _check_attempts(name, attempt[pending], wanted.training[pending])
        most = min(_LARGEST_BLOCK // len(pending), _MOST_ATTEMPTS_AT_ONCE)
        width = int(np.clip(tried // hits, 1, max(most, 1)))
        candidate = np.repeat(pending, width)
        number = attempt[candidate] + np.tile(np.arange(width), len(pending))
        draws = wanted.draws.take(candidate).branch(number)
        redshift = np.zeros(len(draws))
        if population.redshifts is not None:
            redshift = population.redshifts.draw(draws.uniform("redshift"))
        parameters = source.draw(draws, redshift, span)
        bright = _bright_enough(
            population,
            parameters,
            draws,
            noise_level[deep[candidate].astype(np.int64)],
            wanted.training[candidate],
        ).reshape(len(pending), width)
        position, hopeful = bright.argmax(axis=1), bright.any(axis=1)
        attempt[pending] += np.where(hopeful, position + 1, width)
        tried, hits = tried + bright.size, hits + int(bright.sum())
        chosen = (np.arange(len(pending)) * width + position)[hopeful]
        if not len(chosen):
            continue
        objects = candidate[chosen]
        parameters, draws, redshift = take(parameters, chosen), draws.take(chosen), redshift[chosen]
        field = sky.choose_fields(
            fields, draws.uniform("field"), deep[objects], population.latitude_scale
        )
        mwebv = sky.object_mwebv(fields, field, draws)
        photometry = observe(source, parameters, draws, fields, field, mwebv)
        seen = noise.triggered(photometry.row, photometry.mjd, photometry.detected, len(objects))
        if seen.any():
            these = np.flatnonzero(seen)
            parameters = take(parameters, these)
            yield Found(
                rows=wanted.rows[objects[these]],
                parameters=parameters,
                template=source.template(parameters),
                redshift=redshift[these],
                field=field[these],
                mwebv=mwebv[these],
                draws=draws.take(these),
                photometry=photometry.of(seen),
            )
        found = np.zeros(len(deep), dtype=bool)
        found[objects[seen]] = True
        pending = pending[~found[pending]]


def _bright_enough(
    population: Population,
    parameters: Parameters,
    draws: Draws,
    noise_level: FloatArray,
    training: BoolArray,
) -> BoolArray:
    """Tell which candidates can be found at all and, for training, get a spectrum."""
    peak = population.source.peak(parameters)
    bright = np.asarray((peak > _PEAK_SNR * noise_level).any(axis=1))
    if population.spectroscopy is not None and training.any():
        template = population.source.template(parameters)
        # What is always there is what a spectrograph sees; of a transient it is the peak.
        shining = np.where(template.any(axis=1, keepdims=True), template, peak)
        probability = population.spectroscopy.probability(shining)
        bright = bright & (~training | (draws.uniform("spectrum") < probability))
    return bright


def _check_attempts(name: str, attempt: IntArray, training: BoolArray) -> None:
    hopeless = attempt >= MAX_ATTEMPTS
    if hopeless.any():
        which = "its training objects" if training[hopeless].all() else "it"
        raise ConfigError(
            f"class {name}: {MAX_ATTEMPTS:,} objects were drawn and the survey found none of "
            f"them, so {which} cannot be simulated: they are too faint or too far"
        )
