"""How objects of a class are spread over redshift, sky and brightness, and who gets a spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import (
    check_choice,
    require_finite,
    require_not_negative,
    require_positive,
    require_share,
)
from lcclassify.cosmology import MAX_REDSHIFT, volumetric_redshift
from lcclassify.errors import ConfigError
from lcclassify.simulation import passbands
from lcclassify.simulation.sources.base import Source

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Redshifts:
    """Events at a rate per comoving volume and rest-frame time.

    Attributes:
        maximum: Highest redshift; beyond it no object of the class is to be found.
        evolution: Exponent a of a rate that goes as (1+z)^a; None for a rate that follows
            the star formation history of Madau & Dickinson 2014.
        minimum: Lowest redshift.
    """

    maximum: float
    evolution: float | None = None
    minimum: float = 0.005

    def __post_init__(self) -> None:
        if not 0 < self.minimum < self.maximum <= MAX_REDSHIFT:
            raise ConfigError(
                f"redshifts must be 0 < minimum < maximum <= {MAX_REDSHIFT:g}, got minimum "
                f"{self.minimum!r} and maximum {self.maximum!r}"
            )

    def draw(self, uniform: FloatArray) -> FloatArray:
        """Return redshifts ``(n,)`` of numbers between 0 and 1."""
        return volumetric_redshift(uniform, self.minimum, self.maximum, self.evolution)


@dataclass(frozen=True)
class Spectroscopy:
    """Who gets a spectrum, and so into the training set.

    The probability falls with the magnitude m of the peak (of static sources: of the
    template) as 1 / (1 + exp((m - limit) / width)).

    Attributes:
        limit: Magnitude at which half of the objects get a spectrum.
        width: Softness of the limit in magnitudes.
        passband: Passband of the magnitude.
    """

    limit: float
    width: float = 0.5
    passband: str = "i"

    def __post_init__(self) -> None:
        check_choice("spectroscopy.passband", self.passband, passbands.NAMES)
        require_finite(**{"spectroscopy.limit": self.limit})
        require_positive(**{"spectroscopy.width": self.width})

    def probability(self, fluxes: FloatArray) -> FloatArray:
        """Return the probability ``(n,)`` of a spectrum for fluxes ``(n, 6)``."""
        magnitude = passbands.magnitude_of(fluxes[:, passbands.NAMES.index(self.passband)])
        # exp overflows to infinity for objects far too faint, as it should: probability 0.
        with np.errstate(over="ignore"):
            probability: FloatArray = 1 / (1 + np.exp((magnitude - self.limit) / self.width))
        return probability


class Population:
    """All objects of one class.

    Args:
        source: How they shine.
        fraction: Relative number in the survey at large (PLAsTiCC's test set); the fractions
            of all classes need not sum to 1.
        training_fraction: Relative number in the spectroscopic training set.
        redshifts: Keyword arguments of `Redshifts`; None for Galactic sources.
        spectroscopy: Keyword arguments of `Spectroscopy`; None if a spectrum never depends
            on brightness.
        ddf_fraction: Share of the survey's objects that lie in a deep drilling field.
        training_ddf_fraction: The same for the training set.
        latitude_scale: Galactic sources are concentrated towards the plane as
            exp(-|b| / latitude_scale), degrees; None for an even spread.

    Raises:
        ConfigError: A value is impossible, or a redshift distribution is given for a
            Galactic source or lacks for another one.
    """

    def __init__(
        self,
        source: Source,
        fraction: float,
        training_fraction: float,
        redshifts: dict[str, float] | None = None,
        spectroscopy: dict[str, float] | None = None,
        ddf_fraction: float = 0.01,
        training_ddf_fraction: float = 0.27,
        latitude_scale: float | None = None,
    ) -> None:
        require_not_negative(fraction=fraction, training_fraction=training_fraction)
        require_share(ddf_fraction=ddf_fraction, training_ddf_fraction=training_ddf_fraction)
        if latitude_scale is not None:
            require_positive(latitude_scale=latitude_scale)
        if source.galactic != (redshifts is None):
            kind = "has none" if source.galactic else "needs one"
            raise ConfigError(
                f"a population of {type(source).__name__} {kind}: redshifts, got {redshifts!r}"
            )
        self.source = source
        self.fraction = float(fraction)
        self.training_fraction = float(training_fraction)
        self.redshifts = None if redshifts is None else _build(Redshifts, redshifts)
        self.spectroscopy = None if spectroscopy is None else _build(Spectroscopy, spectroscopy)
        self.ddf_fraction = float(ddf_fraction)
        self.training_ddf_fraction = float(training_ddf_fraction)
        self.latitude_scale = latitude_scale


Kind = TypeVar("Kind")


def _build(kind: type[Kind], values: dict[str, float]) -> Kind:
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{kind.__name__.lower()}: {error}") from error
