"""Superluminous supernovae of type I, powered by the spin-down of a newborn magnetar."""

from __future__ import annotations

import numpy as np

from lcclassify.checks import require_positive
from lcclassify.simulation.diffusion import diffuse, diffusion_time, photosphere
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sed import DAY
from lcclassify.simulation.sources.base import FloatArray, Parameters
from lcclassify.simulation.sources.thermal import Component, LogNormal, ThermalTransient


class MagnetarSupernova(ThermalTransient):
    """A spinning magnet heats the ejecta by E / t_s / (1 + t / t_s)^2.

    With the period P in ms and the field B in 1e14 G, E = 2e52 erg P^-2 and
    t_s = 4.75 d B^-2 P^2 (Kasen & Bildsten 2010, ApJ 717, 245); the light diffuses as in
    Arnett 1982 (Inserra et al. 2013, ApJ 770, 128) from a photosphere with a temperature
    floor, suppressed in the ultraviolet (Nicholl, Guillochon & Berger 2017, ApJ 850, 55).

    Args:
        period: Median spin period, ms.
        field: Median magnetic field, 1e14 G.
        ejecta_mass: Median, solar masses.
        velocity: Median, km/s.
        opacity: cm2/g.
        floor: Median of the lowest temperature, Kelvin.
        period_scatter, field_scatter, ejecta_scatter, velocity_scatter, floor_scatter: dex.
        duration, av, cutoff, slope: See `ThermalTransient`.
    """

    def __init__(
        self,
        period: float = 3.2,
        field: float = 1.0,
        ejecta_mass: float = 5.0,
        velocity: float = 11000.0,
        opacity: float = 0.15,
        floor: float = 6500.0,
        period_scatter: float = 0.12,
        field_scatter: float = 0.15,
        ejecta_scatter: float = 0.2,
        velocity_scatter: float = 0.08,
        floor_scatter: float = 0.05,
        duration: float = 450.0,
        av: float = 0.19,
        cutoff: float | None = 300.0,
        slope: float = 1.0,
    ) -> None:
        super().__init__(duration, av=av, cutoff=cutoff, slope=slope)
        require_positive(opacity=opacity)
        self.period = LogNormal.of(period=period, period_scatter=period_scatter)
        self.field = LogNormal.of(field=field, field_scatter=field_scatter)
        self.ejecta = LogNormal.of(ejecta_mass=ejecta_mass, ejecta_scatter=ejecta_scatter)
        self.velocity = LogNormal.of(velocity=velocity, velocity_scatter=velocity_scatter)
        self.floor = LogNormal.of(floor=floor, floor_scatter=floor_scatter)
        self.opacity = opacity

    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw magnetar and ejecta; no star spins faster than it can hold together (0.7 ms)."""
        return {
            "period": np.maximum(self.period.draw(draws, "period"), 0.7),
            "field": self.field.draw(draws, "field"),
            "ejecta_mass": self.ejecta.draw(draws, "ejecta_mass"),
            "velocity": self.velocity.draw(draws, "velocity"),
            "floor": self.floor.draw(draws, "floor"),
        }

    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return the single component."""
        squared = parameters["period"] ** 2
        spin_down = 4.75 * squared / parameters["field"] ** 2
        start = 2e52 / squared / (spin_down * DAY)
        heating = start / (1 + self.time[:, None] / spin_down) ** 2
        velocity = parameters["velocity"]
        timescale = diffusion_time(parameters["ejecta_mass"], velocity, self.opacity)
        luminosity = diffuse(heating, self.time, timescale)
        temperature = photosphere(luminosity, self.time, velocity, parameters["floor"])
        return (Component(luminosity, temperature),)
