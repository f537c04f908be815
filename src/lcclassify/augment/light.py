"""Light changes: what might as well have been observed of the very same object.

References:
    Chaini & Kumar 2020, arXiv:2006.12333 (noise, truncation); Moss 2018, arXiv:1810.06441
    (time shifts, noise, early truncation); the second-placed entry of PLAsTiCC (noise of two
    thirds of the error, 30 % of the observations dropped, anew in every step).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lcclassify import hashing
from lcclassify.augment.curves import BoolArray
from lcclassify.augment.drawn import Drawn, Keys, row_keys, uniform
from lcclassify.augment.steps import Sample
from lcclassify.checks import check_not_negative, check_number, require_share
from lcclassify.errors import ConfigError

_LEAST: int = 3  # observations that are left of every object, if it has as many


@dataclass(frozen=True)
class FluxJitter:
    """Adds noise of a share of each observation's error, which stays as stated.

    Attributes:
        share: Standard deviation in units of the error.
    """

    share: float = 0.6

    def __post_init__(self) -> None:
        check_not_negative("augment: share", self.share)

    def fitted(self, sample: Sample) -> FluxJitter:
        """Return itself: there is nothing to fit."""
        return self

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects with other noise."""
        curves = drawn.curves
        noise = hashing.normal(row_keys(curves, keys, "flux jitter"))
        flux = curves.flux + self.share * curves.flux_err * noise
        return replace(drawn, curves=replace(curves, flux=flux))


@dataclass(frozen=True)
class DropObservations:
    """Leaves out a share of each object's observations, at random.

    Attributes:
        most: The share is drawn evenly between 0 and this.
    """

    most: float = 0.35

    def __post_init__(self) -> None:
        require_share(**{"augment: most": self.most})

    def fitted(self, sample: Sample) -> DropObservations:
        """Return itself: there is nothing to fit."""
        return self

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects with fewer observations."""
        share = self.most * uniform(keys, "dropped share")
        lot = hashing.uniform(row_keys(drawn.curves, keys, "dropped"))
        return _keep(drawn, lot >= np.repeat(share, drawn.curves.counts))


@dataclass(frozen=True)
class LosePassband:
    """Leaves out all observations of one passband, of some objects.

    Attributes:
        probability: Share of the objects.
    """

    probability: float = 0.05

    def __post_init__(self) -> None:
        require_share(**{"augment: probability": self.probability})

    def fitted(self, sample: Sample) -> LosePassband:
        """Return itself: there is nothing to fit."""
        return self

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects, some with a passband fewer."""
        curves = drawn.curves
        if not len(curves.passband):
            return drawn
        # That of an observation at random: an object's own passbands are all it depends on.
        chosen = curves.bounds[:-1] + (uniform(keys, "which") * curves.counts).astype(np.int64)
        passband = curves.passband[np.minimum(chosen, len(curves.passband) - 1)].astype(np.int64)
        lost = np.where(uniform(keys, "passband lost") < self.probability, passband, -1)
        return _keep(drawn, curves.passband != np.repeat(lost, curves.counts))


@dataclass(frozen=True)
class LoseSeason:
    """Leaves out all observations before or after a long gap, of some objects.

    Attributes:
        probability: Share of the objects.
        gap: Days without an observation that part seasons.
    """

    probability: float = 0.1
    gap: float = 90.0

    def __post_init__(self) -> None:
        require_share(**{"augment: probability": self.probability})
        check_not_negative("augment: gap", self.gap)

    def fitted(self, sample: Sample) -> LoseSeason:
        """Return itself: there is nothing to fit."""
        return self

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects, some with a season fewer; one with a single season keeps it."""
        curves = drawn.curves
        if not len(curves.mjd):
            return drawn
        begins = np.concatenate([[True], np.diff(curves.mjd) > self.gap])
        # An object may go on with the number that the one before it ended with.
        season = np.cumsum(begins) - 1
        first = np.where(
            curves.counts > 0, season[np.minimum(curves.bounds[:-1], len(season) - 1)], 0
        )
        last = np.where(curves.counts > 0, season[curves.bounds[1:] - 1], 0)
        number = last - first + 1
        chosen = first + (uniform(keys, "which season") * number).astype(np.int64)
        loses = (uniform(keys, "season lost") < self.probability) & (number > 1)
        lost = np.where(loses, chosen, -1)
        return _keep(drawn, season != np.repeat(lost, curves.counts))


@dataclass(frozen=True)
class Truncate:
    """Leaves out what comes after a random moment after the first detection, of some objects.

    Attributes:
        probability: Share of the objects.
        days: The moment's range in days after the first detection, which is drawn evenly in the
            logarithm; None for any moment until the last observation, drawn evenly.
    """

    probability: float = 0.2
    days: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        require_share(**{"augment: probability": self.probability})
        if self.days is not None:
            pair = self.days if isinstance(self.days, tuple | list) else ()
            days = tuple(check_number("augment: days", each) for each in pair)
            if len(days) != 2 or not 0 < days[0] <= days[1]:
                raise ConfigError(f"augment: days must be two above 0, ascending, got {self.days}")
            object.__setattr__(self, "days", days)

    def fitted(self, sample: Sample) -> Truncate:
        """Return itself: there is nothing to fit."""
        return self

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects, some cut off; those without a detection stay."""
        curves = drawn.curves
        objects = curves.objects
        begin = np.full(len(curves), np.inf)
        np.minimum.at(begin, objects[curves.detected], curves.mjd[curves.detected])
        end = np.full(len(curves), -np.inf)
        np.maximum.at(end, objects, curves.mjd)
        cut = (uniform(keys, "truncated") < self.probability) & np.isfinite(begin)
        moment = np.full(len(curves), np.inf)
        where = uniform(keys, "moment")[cut]
        if self.days is None:
            moment[cut] = begin[cut] + where * (end[cut] - begin[cut])
        else:
            low, high = self.days
            moment[cut] = begin[cut] + low * (high / low) ** where
        # Of one detection alone something must be said too, where it is asked for.
        least = _LEAST if self.days is None else 1
        return _keep(drawn, curves.mjd <= moment[objects], least)


@dataclass(frozen=True)
class ShiftTimes:
    """Moves all of an object's times by the same number of days.

    Attributes:
        days: The shift is drawn evenly between minus this and this.
    """

    days: float = 30.0

    def __post_init__(self) -> None:
        check_not_negative("augment: days", self.days)

    def fitted(self, sample: Sample) -> ShiftTimes:
        """Return itself: there is nothing to fit."""
        return self

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects at other times."""
        shift = self.days * (2 * uniform(keys, "shift") - 1)
        curves = drawn.curves
        mjd = curves.mjd + np.repeat(shift, curves.counts)
        return replace(drawn, curves=replace(curves, mjd=mjd))


def _keep(drawn: Drawn, keep: BoolArray, least: int = _LEAST) -> Drawn:
    """Return the objects with some observations, those whole that would be left with few."""
    curves = drawn.curves
    kept = np.bincount(curves.objects[keep], minlength=len(curves))
    whole = kept < np.minimum(least, curves.counts)
    return replace(drawn, curves=curves.select(keep | whole[curves.objects]))
