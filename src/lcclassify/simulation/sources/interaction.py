"""Ejecta that run into what their star lost before: type IIn supernovae and fainter outbursts."""

from __future__ import annotations

from lcclassify.checks import require_positive
from lcclassify.simulation.diffusion import diffuse, photosphere
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import FloatArray, Parameters
from lcclassify.simulation.sources.thermal import Component, LogNormal, ThermalTransient


class InteractingTransient(ThermalTransient):
    """A shock whose power wanes with time, diffusing through circumstellar matter.

    The power goes as (1 + t / decay)^-power, the form of ejecta in a wind or shell
    (Chevalier & Fransson 1994, ApJ 420, 268), and leaves by diffusion (Chatzopoulos, Wheeler
    & Vinko 2012, ApJ 746, 121). The luminosity is scaled to its peak.

    Args:
        luminosity: Median of the peak, erg/s.
        rise: Median of the diffusion time, days.
        decay: Median of the time over which the power wanes, days.
        velocity: Median of the photosphere's velocity, km/s.
        floor: Median of the lowest temperature, Kelvin.
        power: Exponent of the waning.
        luminosity_scatter, rise_scatter, decay_scatter, velocity_scatter, floor_scatter: dex.
        duration, av, cutoff, slope: See `ThermalTransient`.
    """

    def __init__(
        self,
        luminosity: float,
        rise: float,
        decay: float,
        velocity: float,
        floor: float,
        power: float = 2.0,
        luminosity_scatter: float = 0.3,
        rise_scatter: float = 0.15,
        decay_scatter: float = 0.15,
        velocity_scatter: float = 0.1,
        floor_scatter: float = 0.04,
        duration: float = 400.0,
        av: float = 0.0,
        cutoff: float | None = None,
        slope: float = 1.0,
    ) -> None:
        super().__init__(duration, av=av, cutoff=cutoff, slope=slope)
        require_positive(power=power)
        self.luminosity = LogNormal.of(luminosity=luminosity, luminosity_scatter=luminosity_scatter)
        self.rise = LogNormal.of(rise=rise, rise_scatter=rise_scatter)
        self.decay = LogNormal.of(decay=decay, decay_scatter=decay_scatter)
        self.velocity = LogNormal.of(velocity=velocity, velocity_scatter=velocity_scatter)
        self.floor = LogNormal.of(floor=floor, floor_scatter=floor_scatter)
        self.power = power

    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw the peak, the two time scales, velocity and floor."""
        return {
            "luminosity": self.luminosity.draw(draws, "luminosity"),
            "rise": self.rise.draw(draws, "rise"),
            "decay": self.decay.draw(draws, "decay"),
            "velocity": self.velocity.draw(draws, "velocity"),
            "floor": self.floor.draw(draws, "floor"),
        }

    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return the single component."""
        power = (1 + self.time[:, None] / parameters["decay"]) ** -self.power
        shape = diffuse(power, self.time, parameters["rise"])
        luminosity = shape * (parameters["luminosity"] / shape.max(axis=0))
        temperature = photosphere(
            luminosity, self.time, parameters["velocity"], parameters["floor"]
        )
        return (Component(luminosity, temperature),)
