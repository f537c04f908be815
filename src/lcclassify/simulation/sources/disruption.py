"""Stars torn apart by the tides of a massive black hole."""

from __future__ import annotations

from typing import Final

import numpy as np

from lcclassify.checks import require_not_negative
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import FloatArray, Parameters
from lcclassify.simulation.sources.thermal import Component, LogNormal, ThermalTransient

_EDDINGTON: Final = 1.26e44  # erg/s of a million solar masses
_RISE: Final = 2.0  # exponent of the luminosity's rise with time
_FALL: Final = 5.0 / 3.0  # and of its decline (Rees 1988; Phinney 1989)
# Where y^2 / (1 + y^(11/3)) has its maximum, and the maximum itself.
_TOP: Final = (_RISE / _FALL) ** (1 / (_RISE + _FALL))
_HEIGHT: Final = _TOP**_RISE / (1 + _TOP ** (_RISE + _FALL))


class TidalDisruption(ThermalTransient):
    """Light that follows the debris falling back, at a nearly constant, hot temperature.

    The debris returns after 41 d M6^(1/2) for a star like the Sun (Rees 1988, Nature 333,
    523; Guillochon & Ramirez-Ruiz 2013, ApJ 767, 25); the luminosity rises to a peak at about
    that time, a share of the Eddington luminosity, and falls as t^(-5/3) (Phinney 1989, IAU
    Symposium 136, 543). Temperatures of 12,000 to 40,000 K are those of van Velzen et al.
    2020 (Space Sci. Rev. 216, 124).

    Args:
        black_hole_mass: Median, million solar masses.
        eddington_ratio: Median of the peak luminosity over Eddington's.
        temperature: Median, Kelvin.
        black_hole_scatter, eddington_scatter, temperature_scatter: dex.
        warming: Exponent with which the temperature grows after the peak, as (t / t_peak)^w.
        duration, av, cutoff, slope: See `ThermalTransient`.
    """

    def __init__(
        self,
        black_hole_mass: float = 2.0,
        eddington_ratio: float = 0.12,
        temperature: float = 20000.0,
        black_hole_scatter: float = 0.3,
        eddington_scatter: float = 0.35,
        temperature_scatter: float = 0.12,
        warming: float = 0.1,
        duration: float = 600.0,
        av: float = 0.34,
        cutoff: float | None = None,
        slope: float = 1.0,
    ) -> None:
        super().__init__(duration, av=av, cutoff=cutoff, slope=slope)
        require_not_negative(warming=warming)
        self.black_hole = LogNormal.of(
            black_hole_mass=black_hole_mass, black_hole_scatter=black_hole_scatter
        )
        self.eddington = LogNormal.of(
            eddington_ratio=eddington_ratio, eddington_scatter=eddington_scatter
        )
        self.temperature = LogNormal.of(
            temperature=temperature, temperature_scatter=temperature_scatter
        )
        self.warming = warming

    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw the black hole, its luminosity and the temperature."""
        return {
            "black_hole_mass": self.black_hole.draw(draws, "black_hole_mass"),
            "eddington_ratio": self.eddington.draw(draws, "eddington_ratio"),
            "temperature": self.temperature.draw(draws, "temperature"),
        }

    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return the single component."""
        mass = parameters["black_hole_mass"]
        highest = _EDDINGTON * mass * parameters["eddington_ratio"]
        age = self.time[:, None] / (41.0 * np.sqrt(mass))
        luminosity = (highest / _HEIGHT) * age**_RISE / (1 + age ** (_RISE + _FALL))
        warmer = np.maximum(age / _TOP, 1.0) ** self.warming
        return (Component(luminosity, parameters["temperature"] * warmer),)
