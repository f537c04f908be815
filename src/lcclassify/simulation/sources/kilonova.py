"""Kilonovae: the glow of heavy elements made when two neutron stars merge."""

from __future__ import annotations

from typing import Final

import numpy as np

from lcclassify.checks import require_positive
from lcclassify.simulation.diffusion import SOLAR_MASS, diffuse, diffusion_time, photosphere
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sed import DAY, LIGHT
from lcclassify.simulation.sources.base import FloatArray, Parameters
from lcclassify.simulation.sources.thermal import Component, LogNormal, ThermalTransient

_LIGHT_KM: Final = LIGHT / 1e5  # km/s
# Share of the decay energy that heats (Barnes et al. 2016, ApJ 829, 110, table 1, 0.01 solar
# masses at 0.2 c): 0.36 (exp(-a t) + ln(1 + 2 b t^d) / (2 b t^d)), t in days.
_A, _B, _D = 1.31, 0.21, 1.13


class Kilonova(ThermalTransient):
    """A fast blue component, poor in lanthanides, and a red one that is rich in them.

    Radioactive decay of r-process nuclei (Korobkin et al. 2012, MNRAS 426, 1940), partly
    thermalised, diffuses out of each component (Metzger 2019, Living Rev. Rel. 23, 1).
    Velocities, opacities and floors are close to those of GW170817 (Villar et al. 2017, ApJ
    851, L21); masses are smaller, because a single zone lets light out earlier: the peaks are
    about as bright as its -16 magnitudes and somewhat more, -15.5 to -17.

    Args:
        blue_mass: Median ejecta of the blue component, solar masses.
        blue_velocity: Median, in units of the speed of light.
        blue_opacity: cm2/g.
        blue_floor: Lowest temperature, Kelvin.
        red_mass: The same of the red component.
        red_velocity: Likewise.
        red_opacity: Likewise.
        red_floor: Likewise.
        mass_scatter: dex, of each mass.
        velocity_scatter: dex, of each velocity.
        duration, av, cutoff, slope: See `ThermalTransient`.
    """

    def __init__(
        self,
        blue_mass: float = 0.006,
        blue_velocity: float = 0.25,
        blue_opacity: float = 0.5,
        blue_floor: float = 1500.0,
        red_mass: float = 0.04,
        red_velocity: float = 0.14,
        red_opacity: float = 5.0,
        red_floor: float = 2000.0,
        mass_scatter: float = 0.35,
        velocity_scatter: float = 0.07,
        duration: float = 30.0,
        av: float = 0.15,
        cutoff: float | None = None,
        slope: float = 1.0,
    ) -> None:
        super().__init__(duration, av=av, cutoff=cutoff, slope=slope)
        require_positive(
            blue_opacity=blue_opacity,
            blue_floor=blue_floor,
            red_opacity=red_opacity,
            red_floor=red_floor,
        )
        self.mass = {
            "blue": LogNormal.of(blue_mass=blue_mass, mass_scatter=mass_scatter),
            "red": LogNormal.of(red_mass=red_mass, mass_scatter=mass_scatter),
        }
        self.velocity = {
            "blue": LogNormal.of(blue_velocity=blue_velocity, velocity_scatter=velocity_scatter),
            "red": LogNormal.of(red_velocity=red_velocity, velocity_scatter=velocity_scatter),
        }
        self.opacity = {"blue": blue_opacity, "red": red_opacity}
        self.floor = {"blue": blue_floor, "red": red_floor}
        self._heating = r_process_heating(self.time)[:, None]

    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw masses and velocities of both components."""
        drawn = {}
        for colour in self.mass:
            mass, velocity = f"{colour}_mass", f"{colour}_velocity"
            drawn[mass] = self.mass[colour].draw(draws, mass)
            # Half the speed of light is beyond any simulated merger.
            drawn[velocity] = np.minimum(self.velocity[colour].draw(draws, velocity), 0.5)
        return drawn

    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return the blue and the red component."""
        components = []
        for colour in self.mass:
            mass = parameters[f"{colour}_mass"]
            velocity = parameters[f"{colour}_velocity"] * _LIGHT_KM
            timescale = diffusion_time(mass, velocity, self.opacity[colour])
            luminosity = mass * diffuse(self._heating, self.time, timescale)
            floor = np.full(len(mass), self.floor[colour])
            temperature = photosphere(luminosity, self.time, velocity, floor)
            components.append(Component(luminosity, temperature))
        return tuple(components)


def r_process_heating(time: FloatArray) -> FloatArray:
    """Return the thermalised power of a solar mass of r-process nuclei in erg/s.

    4e18 erg/s/g (1/2 - arctan((t - 1.3 s) / 0.11 s) / pi)^1.3 (Korobkin et al. 2012, eq. 4),
    times the share of `_A`, `_B` and `_D`.

    Args:
        time: Days since the merger.
    """
    age = np.maximum(time, 1e-3)
    # The same for t beyond a few seconds, without the loss of digits in 1/2 - arctan / pi.
    power = 4e18 * (np.arctan2(0.11, age * DAY - 1.3) / np.pi) ** 1.3
    spread = 2 * _B * age**_D
    heated: FloatArray = SOLAR_MASS * power * 0.36 * (np.exp(-_A * age) + np.log1p(spread) / spread)
    return heated
