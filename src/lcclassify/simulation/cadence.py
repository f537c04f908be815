"""When a three-year survey like LSST looks where, in which passband and how deep."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_finite, require_positive
from lcclassify.errors import ConfigError
from lcclassify.simulation import conditions, sky
from lcclassify.simulation.conditions import Nights
from lcclassify.simulation.fields import (
    DEEP_CENTRES,
    Fields,
    deep_positions,
    galactic,
    wide_positions,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The cadence follows what PLAsTiCC took from the simulation minion_1016 of LSST's Operations
# Simulator (Delgado et al. 2014, Proc. SPIE 9150, 915015; Kessler et al. 2019, PASP 131, 094501).

# Relative number of wide-survey observations by passband on dark, grey and bright nights.
_WIDE_CHOICE: Final = np.array(
    [
        [0.20, 0.19, 0.20, 0.15, 0.11, 0.15],
        [0.03, 0.13, 0.25, 0.22, 0.19, 0.18],
        [0.0, 0.02, 0.20, 0.25, 0.28, 0.25],
    ]
)
_DARK: Final = 4.0  # days from new moon
_GREY: Final = 9.0
# Share of wide-survey nights with one, two and three passbands.
_WIDE_PASSBANDS: Final = np.array([0.86, 0.12, 0.02])
# A field is observed up to so many degrees from the meridian.
_WIDE_HOUR_ANGLE: Final = 35.0
_NIGHTS_LOST: Final = 0.27  # share that clouds take
# Fields that are made at a time, which bounds the memory of their (fields, nights) arrays.
_WIDE_BLOCK: Final = 1000

# Visits of one night in one passband that are added, by passband: pairs in g, r and i. The
# errors of PLAsTiCC's wide survey (medians 10.4 2.6 3.7 6.2 12.9 27.9 in u to y, as measured
# for Boone 2019, AJ 158, 257) are those of its deep fields scaled to these numbers of visits.
_WIDE_VISITS: Final = np.array([1.0, 2.0, 2.0, 2.0, 1.0, 1.0])
# Observations of a wide field: shares, means and scatter of three groups (Boone 2019's fit to
# PLAsTiCC's test set; the mean of all is 126.6).
_WIDE_SHARES: Final = np.array([0.05, 0.40, 0.55])
_WIDE_MEANS: Final = np.array([95.0, 115.0, 138.0])
_WIDE_SCATTER: Final = np.array([18.0, 6.0, 6.0])

# A night in a deep field: passbands in their order, time in days from the middle of the first
# to theirs, and the number of single visits that are added: half the number of 15 s exposures
# that LSST's deep drilling proposals of 2011 ask for.
_SEQUENCE: Final = np.array([2, 1, 3, 4, 5])
_SEQUENCE_TIME: Final = np.array([0.0, 0.0075, 0.0150, 0.0260, 0.0370])
_DEEP_VISITS: Final = np.array([20.0, 10.0, 20.0, 20.0, 26.0, 20.0])


@dataclass(frozen=True)
class CadenceSettings:
    """What the telescope does.

    Attributes:
        wfd_fields: Fields of the wide-fast-deep survey.
        ddf_fields: Pointings in the five deep drilling fields, which share their visits.
        start: MJD of the first day.
        nights: Length of the survey in days.
        wfd_visits: Median observations of a wide field in 1095 nights.
        south: Lowest declination in degrees.
        north: Highest declination in degrees.

    Raises:
        ConfigError: A value is impossible.
    """

    wfd_fields: int = 6000
    ddf_fields: int = 130
    start: float = 59580.0
    nights: int = 1095
    wfd_visits: float = 126.0
    south: float = -65.0
    north: float = 4.5

    def __post_init__(self) -> None:
        for field in fields(self):
            require_finite(**{f"cadence.{field.name}": getattr(self, field.name)})
        for name in ("wfd_fields", "ddf_fields", "nights"):
            if getattr(self, name) < 1 or getattr(self, name) != int(getattr(self, name)):
                raise ConfigError(
                    f"cadence.{name} must be a whole number of at least 1, "
                    f"got {getattr(self, name)!r}"
                )
        require_positive(**{"cadence.wfd_visits": self.wfd_visits})
        if not -90 <= self.south < self.north <= 33:
            raise ConfigError(
                "cadence.south and cadence.north must be declinations with -90 <= south < "
                f"north <= 33, got {self.south!r} and {self.north!r}"
            )

    @property
    def span(self) -> tuple[float, float]:
        """First and last MJD."""
        return self.start, self.start + self.nights


@dataclass(frozen=True, eq=False)
class _Visits:
    """Visits ``(V,)`` of fields, in any order."""

    field: NDArray[np.intp]
    mjd: FloatArray
    passband: NDArray[np.uint8]
    sky_noise: FloatArray
    visits: FloatArray


def simulate_fields(settings: CadenceSettings, seed: int) -> Fields:
    """Return all fields of the survey and their visits; the same for the same seed.

    Args:
        settings: What the telescope does.
        seed: Of weather and chance.
    """
    streams = np.random.default_rng([seed % 2**63, 0x5EA5]).spawn(4)
    nights = conditions.simulate_nights(settings.start, settings.nights, _NIGHTS_LOST, streams[0])
    wide = wide_positions(
        settings.wfd_fields, settings.south, settings.north, float(streams[1].random())
    )
    deep, member, deep_mwebv = deep_positions(settings.ddf_fields, streams[2])
    position = np.concatenate([wide, deep])
    gal_l, gal_b = galactic(position)
    n_wide = settings.wfd_fields
    mwebv = sky.milky_way_extinction(gal_b[:n_wide], streams[1].standard_normal(n_wide))
    shallow = [
        _wide_visits(settings, nights, wide[first : first + _WIDE_BLOCK], first, streams[1])
        for first in range(0, n_wide, _WIDE_BLOCK)
    ]
    drilled = _deep_visits(nights, streams[3])
    copies = [_moved(drilled, int(one), n_wide + i) for i, one in enumerate(member)]
    together = [*shallow, *copies]
    field = np.concatenate([one.field for one in together])
    mjd = np.concatenate([one.mjd for one in together])
    order = np.lexsort((mjd, field))
    counts = np.bincount(field, minlength=len(position))
    return Fields(
        ra=position[:, 0],
        decl=position[:, 1],
        gal_l=gal_l,
        gal_b=gal_b,
        mwebv=np.concatenate([mwebv, deep_mwebv]),
        ddf=np.arange(len(position)) >= n_wide,
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        mjd=np.round(mjd[order], 4),
        passband=np.concatenate([one.passband for one in together])[order],
        sky_noise=np.concatenate([one.sky_noise for one in together])[order],
        visits=np.concatenate([one.visits for one in together])[order],
    )


def _wide_visits(
    settings: CadenceSettings,
    nights: Nights,
    position: FloatArray,
    first: int,
    rng: np.random.Generator,
) -> _Visits:
    """Return the visits of some wide fields.

    Each field is observed on random clear nights of its seasons, in one to three passbands
    that the moon allows.

    Args:
        settings: What the telescope does.
        nights: All nights.
        position: ``(p, 2)`` ra and decl in degrees.
        first: Position of the first of these fields among all.
        rng: Random numbers.
    """
    ra, decl = position[:, :1], position[:, 1]
    at_midnight = conditions.wrap(nights.sidereal - ra)  # (fields, nights) hour angle
    reach = nights.half + _WIDE_HOUR_ANGLE - np.abs(at_midnight)
    weight = np.clip(reach / 30, 0, 1) * nights.clear
    group = np.searchsorted(np.cumsum(_WIDE_SHARES)[:-1], rng.random(len(ra)))
    scatter = _WIDE_SCATTER[group] * rng.standard_normal(len(ra))
    wanted = np.maximum(_WIDE_MEANS[group] + scatter, 50) * settings.wfd_visits / 126
    wanted *= settings.nights / 1095 / (_WIDE_PASSBANDS @ np.arange(1, 4))
    # Equal steps along a sum of random weights: irregular gaps, but the wanted number.
    steps = np.cumsum(weight * rng.standard_exponential(weight.shape), axis=1)
    steps *= (wanted / np.maximum(steps[:, -1], 1.0))[:, None]
    steps += rng.random((len(ra), 1))
    field, night = np.nonzero(np.diff(np.floor(steps), axis=1, prepend=0) > 0)
    # Passbands: the best few of a race, in which each has its own speed (Gumbel trick).
    age = np.abs(nights.age[night])
    phase = (age > _DARK).astype(np.intp) + (age > _GREY)
    with np.errstate(divide="ignore"):
        speed = np.log(_WIDE_CHOICE)[phase]
    race = speed - np.log(-np.log(rng.random(speed.shape)))
    ranked = np.argsort(-race, axis=1)[:, :3].astype(np.uint8)
    number = 1 + np.searchsorted(np.cumsum(_WIDE_PASSBANDS)[:-1], rng.random(len(field)))
    # The first passband's time is as near to the meridian as night and chance let it be;
    # the others follow after a quarter of an hour to an hour.
    middle = at_midnight[field, night]
    target = np.clip(20 * rng.standard_normal(len(field)), -_WIDE_HOUR_ANGLE, _WIDE_HOUR_ANGLE)
    half = nights.half[night]
    since_midnight = np.clip(target - middle, -half, half - 30)
    gap = (4 + 11 * rng.random((len(field), 3))).cumsum(axis=1)
    gap -= gap[:, :1]
    kept, slot = np.nonzero(np.arange(3) < number[:, None])
    moved = since_midnight[kept] + gap[kept, slot]
    passband = ranked[kept, slot]
    field, night = field[kept], night[kept]
    hour_angle = middle[kept] + moved
    moon = conditions.wrap(nights.sidereal[night] + moved - nights.moon[night])
    visits = _WIDE_VISITS[passband]
    return _Visits(
        first + field,
        nights.midnight[night] + moved / 360.9856,
        passband,
        conditions.sky_noise(
            passband,
            visits,
            conditions.moonlight(nights.age[night], moon),
            conditions.airmass(decl[field], hour_angle),
            nights.haze[night],
            rng.standard_normal(len(field)),
        ),
        visits,
    )


# What PLAsTiCC's deep light curves show: days between sequences of r g i z y; days from new
# moon within which u is observed alone, and up to which the sequences are; hour angle of the
# field at midnight between which its season lies (degrees, east negative).
_DEEP_INTERVAL: Final = 3
_DEEP_DARK: Final = 4.2
_DEEP_BRIGHT: Final = 12.5
_DEEP_SEASON: Final = (-72.0, 60.0)
# Share of good nights on which each deep field is observed in u, in a sequence just after the
# interval since the last one, and in one at another time: COSMOS has fewer.
_DEEP_U: Final = np.array([0.89, 0.86, 0.33, 0.79, 0.91])
_DEEP_NEXT: Final = 0.95
_DEEP_OTHER: Final = np.array([0.46, 0.45, 0.36, 0.49, 0.47])
# Share of sequences that end after two to four passbands, and of observations with few visits.
_DEEP_PARTIAL: Final = 0.02
_DEEP_SHORT: Final = 0.03


def _deep_visits(nights: Nights, rng: np.random.Generator) -> _Visits:
    """Return the visits of the five deep fields, `field` being 0 to 4."""
    n = len(nights.midnight)
    age = np.abs(nights.age)
    field: list[int] = []
    night: list[int] = []
    length: list[int] = []
    for deep, (ra, _) in enumerate(DEEP_CENTRES):
        at_midnight = conditions.wrap(nights.sidereal - ra)
        low, high = _DEEP_SEASON
        possible = nights.clear & (at_midnight > low) & (at_midnight < high)
        chance, cut = rng.random(n), rng.random(n)
        last = -_DEEP_INTERVAL
        for day in np.flatnonzero(possible & (age < _DEEP_BRIGHT)).tolist():
            dark = age[day] < _DEEP_DARK
            if dark:
                wanted = _DEEP_U[deep]
            elif day - last < _DEEP_INTERVAL:
                continue
            else:
                wanted = _DEEP_NEXT if day - last == _DEEP_INTERVAL else _DEEP_OTHER[deep]
            if chance[day] > wanted:
                continue
            field.append(deep)
            night.append(day)
            if dark:
                length.append(0)
                continue
            last = day
            whole = cut[day] > _DEEP_PARTIAL
            length.append(5 if whole else 2 + int(3 * cut[day] / _DEEP_PARTIAL))
    where, when, how_long = np.array([field, night, length], dtype=np.int64)
    return _deep_sequences(nights, where, when, how_long, rng)


def _deep_sequences(
    nights: Nights, field: IntArray, night: IntArray, length: IntArray, rng: np.random.Generator
) -> _Visits:
    """Return the visits of deep fields' nights.

    Args:
        nights: All nights.
        field: ``(n,)`` deep field of each observed night.
        night: ``(n,)`` position of the night.
        length: ``(n,)`` number of passbands of the sequence; 0 for u alone.
        rng: Random numbers.
    """
    # The field is taken when it has risen enough, at dusk if it has by then, now and then later.
    at_midnight = conditions.wrap(nights.sidereal[night] - DEEP_CENTRES[field, 0])
    delay = np.where(rng.random(len(field)) < 0.3, 60 * rng.random(len(field)), 0.0)
    first = np.maximum(-45 + 12 * rng.random(len(field)), at_midnight - nights.half[night])
    first = np.minimum(first + delay, at_midnight + nights.half[night] - 15)
    kept, slot = np.nonzero(np.arange(5) < np.maximum(length, 1)[:, None])
    passband = np.where(length[kept] == 0, 0, _SEQUENCE[slot]).astype(np.uint8)
    field, night = field[kept], night[kept]
    hour_angle = first[kept] + 360.9856 * _SEQUENCE_TIME[slot]
    moved = hour_angle - at_midnight[kept]
    moon = conditions.wrap(nights.sidereal[night] + moved - nights.moon[night])
    few = rng.random(len(kept)) < _DEEP_SHORT
    visits = _DEEP_VISITS[passband] * np.where(few, rng.uniform(0.05, 0.6, len(kept)), 1.0)
    return _Visits(
        field,
        nights.midnight[night] + moved / 360.9856,
        passband,
        conditions.sky_noise(
            passband,
            visits,
            conditions.moonlight(nights.age[night], moon),
            conditions.airmass(DEEP_CENTRES[field, 1], hour_angle),
            nights.haze[night],
            rng.standard_normal(len(kept)),
        ),
        visits,
    )


def _moved(visits: _Visits, deep: int, field: int) -> _Visits:
    """Return the visits of one deep field as those of a pointing."""
    own = visits.field == deep
    return _Visits(
        np.full(int(own.sum()), field),
        visits.mjd[own],
        visits.passband[own],
        visits.sky_noise[own],
        visits.visits[own],
    )
