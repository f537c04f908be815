"""Type II supernovae of red supergiants: a plateau while hydrogen recombines, then a tail."""

from __future__ import annotations

from typing import Final

import numpy as np

from lcclassify.checks import require_not_negative, require_positive
from lcclassify.simulation.diffusion import KM, SOLAR_MASS, nickel_heating, photosphere
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import FloatArray, Parameters
from lcclassify.simulation.sources.thermal import Component, LogNormal, ThermalTransient

_RISE: Final = 2.0  # days from the explosion until the first light is seen
_COOLING: Final = 8.0  # days over which shock cooling outshines the plateau
_DROP: Final = 4.0  # days, width of the end of the plateau (Valenti et al. 2016, MNRAS 459, 3939)


class PlateauSupernova(ThermalTransient):
    """Luminosity and length of the plateau scale with energy, mass and radius.

    L = 1.26e42 erg/s E51^(5/6) M10^(-1/2) R500^(2/3) at 50 days and
    t = 122 d E51^(-1/4) M10^(1/2) R500^(1/6) (Kasen & Woosley 2009, ApJ 703, 2205; Popov
    1993, ApJ 414, 712). Before it the shocked envelope cools from some ten thousand Kelvin;
    after it, 56Co alone heats. A decline makes it a type IIL (Anderson et al. 2014, ApJ 786,
    67: 0 to 3 magnitudes in 100 days).

    Args:
        energy: Median of the explosion energy, 1e51 erg.
        mass: Median of the ejecta, solar masses.
        radius: Median of the progenitor, solar radii.
        nickel_mass: Median of 56Ni, solar masses.
        decline: Mean decline of the plateau, magnitudes in 100 days.
        floor: Lowest temperature, about that of recombination, Kelvin.
        energy_scatter, mass_scatter, radius_scatter, nickel_scatter: dex.
        decline_scatter: Magnitudes in 100 days.
        duration, av, cutoff, slope: See `ThermalTransient`.
    """

    def __init__(
        self,
        energy: float = 0.9,
        mass: float = 11.0,
        radius: float = 500.0,
        nickel_mass: float = 0.03,
        decline: float = 0.8,
        floor: float = 5300.0,
        energy_scatter: float = 0.25,
        mass_scatter: float = 0.1,
        radius_scatter: float = 0.15,
        nickel_scatter: float = 0.3,
        decline_scatter: float = 0.4,
        duration: float = 300.0,
        av: float = 0.0,
        cutoff: float | None = 400.0,
        slope: float = 1.5,
    ) -> None:
        super().__init__(duration, av=av, cutoff=cutoff, slope=slope)
        require_positive(floor=floor)
        require_not_negative(decline=decline, decline_scatter=decline_scatter)
        self.energy = LogNormal.of(energy=energy, energy_scatter=energy_scatter)
        self.mass = LogNormal.of(mass=mass, mass_scatter=mass_scatter)
        self.radius = LogNormal.of(radius=radius, radius_scatter=radius_scatter)
        self.nickel = LogNormal.of(nickel_mass=nickel_mass, nickel_scatter=nickel_scatter)
        self.decline = (decline, decline_scatter)
        self.floor = floor

    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw the explosion and its progenitor."""
        return {
            "energy": self.energy.draw(draws, "energy"),
            "mass": self.mass.draw(draws, "mass"),
            "radius": self.radius.draw(draws, "radius"),
            "nickel_mass": self.nickel.draw(draws, "nickel_mass"),
            "decline": np.maximum(draws.normal("decline", *self.decline), 0.0),
        }

    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return the single component."""
        energy = parameters["energy"]
        mass = parameters["mass"] / 10.0
        radius = parameters["radius"] / 500.0
        height = 1.26e42 * energy ** (5 / 6) * mass ** (-1 / 2) * radius ** (2 / 3)
        length = 122.0 * energy ** (-1 / 4) * mass ** (1 / 2) * radius ** (1 / 6)
        time = self.time[:, None]
        # A logistic step from plateau to tail.
        on = 0.5 - 0.5 * np.tanh((time - length) / (2 * _DROP))
        early = -np.expm1(-time / _RISE) * (1 + np.exp(-time / _COOLING))
        plateau = height * early * 10 ** (-0.004 * parameters["decline"] * (time - 50.0))
        tail = parameters["nickel_mass"] * nickel_heating(self.time)[:, None]
        luminosity = plateau * on + tail * (1 - on)
        luminosity[0] = 0.0
        # The outer layers, where the early photosphere is, are twice as fast as the mean.
        mean = np.sqrt(2e51 * energy / (parameters["mass"] * SOLAR_MASS)) / KM
        floor = np.full(len(energy), self.floor)
        return (Component(luminosity, photosphere(luminosity, self.time, 2.2 * mean, floor)),)
