"""Explosions that shine by 56Ni and 56Co: stripped-envelope supernovae and other types."""

from __future__ import annotations

import numpy as np

from lcclassify.checks import require_positive
from lcclassify.errors import ConfigError
from lcclassify.simulation.diffusion import (
    diffuse,
    diffusion_time,
    nickel_heating,
    photosphere,
    trapping,
)
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import FloatArray, Parameters
from lcclassify.simulation.sources.thermal import Component, LogNormal, ThermalTransient


class RadioactiveTransient(ThermalTransient):
    """Nickel and cobalt decay in expanding ejecta (Arnett 1982, ApJ 253, 785).

    The numbers tell the types apart: how much nickel (the height of the peak), how much and
    how fast ejecta (its width), and how cool the photosphere can be (the colour). Each is
    lognormal, with a median and a scatter in dex.

    Args:
        nickel_mass: 56Ni, solar masses.
        ejecta_mass: Solar masses.
        velocity: Of ejecta and photosphere, km/s.
        opacity: cm2/g.
        floor: Lowest temperature of the photosphere, Kelvin.
        nickel_scatter, ejecta_scatter, velocity_scatter, floor_scatter: dex.
        correlation: Correlation of the logarithms of nickel and ejecta mass: with a positive
            one brighter explosions are slower.
        duration, av, cutoff, slope: See `ThermalTransient`.

    Raises:
        ConfigError: A number is not in its range, or there is more nickel than ejecta.
    """

    def __init__(
        self,
        nickel_mass: float,
        ejecta_mass: float,
        velocity: float,
        opacity: float = 0.07,
        floor: float = 4500.0,
        nickel_scatter: float = 0.2,
        ejecta_scatter: float = 0.15,
        velocity_scatter: float = 0.05,
        floor_scatter: float = 0.03,
        correlation: float = 0.0,
        duration: float = 250.0,
        av: float = 0.0,
        cutoff: float | None = 400.0,
        slope: float = 2.0,
    ) -> None:
        super().__init__(duration, av=av, cutoff=cutoff, slope=slope)
        require_positive(opacity=opacity)
        self.nickel = LogNormal.of(nickel_mass=nickel_mass, nickel_scatter=nickel_scatter)
        self.ejecta = LogNormal.of(ejecta_mass=ejecta_mass, ejecta_scatter=ejecta_scatter)
        self.velocity = LogNormal.of(velocity=velocity, velocity_scatter=velocity_scatter)
        self.floor = LogNormal.of(floor=floor, floor_scatter=floor_scatter)
        if nickel_mass >= ejecta_mass:
            raise ConfigError(
                f"nickel_mass must be below ejecta_mass {ejecta_mass!r}, got {nickel_mass!r}"
            )
        if not -1 <= correlation <= 1:
            raise ConfigError(f"correlation must be between -1 and 1, got {correlation!r}")
        self.opacity = opacity
        self.correlation = correlation

    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw nickel, ejecta, velocity and floor."""
        nickel = np.clip(draws.normal("nickel_mass"), -3, 3)
        own = np.clip(draws.normal("ejecta_mass"), -3, 3)
        mixed = self.correlation * nickel + (1 - self.correlation**2) ** 0.5 * own
        ejecta = self.ejecta.at(mixed)
        return {
            "ejecta_mass": ejecta,
            # Not even a white dwarf burns all of itself to nickel.
            "nickel_mass": np.minimum(self.nickel.at(nickel), 0.8 * ejecta),
            "velocity": self.velocity.draw(draws, "velocity"),
            "floor": self.floor.draw(draws, "floor"),
        }

    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return the single component."""
        mass, velocity = parameters["ejecta_mass"], parameters["velocity"]
        timescale = diffusion_time(mass, velocity, self.opacity)
        luminosity = diffuse(nickel_heating(self.time)[:, None], self.time, timescale)
        luminosity *= parameters["nickel_mass"] * trapping(self.time, mass, velocity)
        temperature = photosphere(luminosity, self.time, velocity, parameters["floor"])
        return (Component(luminosity, temperature),)
