"""Type Ia supernovae with stretch, colour and the second maximum in the near infrared."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_finite, require_not_negative, require_positive
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
from lcclassify.simulation.sources.thermal import Component, ThermalTransient

# A_V and A_B per E(B-V) of the law A ~ wavelength^-1.2 at 440 and 550 nm (`sed.thermal_flux`).
_RV = 1 / ((440.0 / 550.0) ** -1.2 - 1)
_RB = _RV + 1

_SECOND_WIDTH: Final = 8.0  # days, of the second maximum
_BLANKETING_AGE: Final = 17.0  # days since the explosion when iron begins to recombine


class TypeIaSupernova(ThermalTransient):
    """A white dwarf's thermonuclear explosion: 56Ni diffusing out of 1.4 solar masses.

    Light curves are as in Arnett 1982 (ApJ 253, 785). Slower ones are brighter and bluer ones
    too: M = M0 - alpha x1 + beta c (Tripp 1998, A&A 331, 815; Guy et al. 2007, A&A 466, 11),
    with x1 as a stretch of all times and c as a reddening. The populations of x1 and c
    are two half Gaussians each (Scolnic & Kessler 2016, ApJ 822, L35, rounded). The second
    maximum of the red passbands comes when iron recombines (Kasen 2006, ApJ 649, 939).

    Args:
        nickel_mass: 56Ni of x1 = c = 0, solar masses; somewhat above what such supernovae have,
            since a black body puts less of its light into the optical.
        ejecta_mass: Solar masses.
        velocity: Of the ejecta, km/s.
        photosphere_velocity: Of the photosphere, km/s.
        opacity: cm2/g.
        floor: Lowest temperature, Kelvin.
        alpha: Magnitudes per unit of x1 (0.14: Betoule et al. 2014, A&A 568, A22).
        beta: Magnitudes per unit of colour (3.1: likewise).
        scatter: Intrinsic scatter, magnitudes.
        x1_mode: Most frequent x1.
        x1_low: Deviation below it.
        x1_high: Deviation above it.
        colour_mode: Most frequent colour.
        colour_low: Deviation below it.
        colour_high: Deviation above it.
        blanketing: Share of the light below 400 nm that lines of iron take away, from the
            peak on growing for 20 days (Kasen & Woosley 2007, ApJ 656, 661).
        deficit: Share of the black body that lacks at 800 nm and more, where there is
            little opacity to shine from.
        second_maximum: Height of the second maximum over the black body at 800 nm and more.
        second_age: Its time since the explosion at x1 = 0, rest-frame days.
        duration, cutoff, slope: See `ThermalTransient`.
    """

    def __init__(
        self,
        nickel_mass: float = 0.92,
        ejecta_mass: float = 1.4,
        velocity: float = 11000.0,
        photosphere_velocity: float = 8000.0,
        opacity: float = 0.06,
        floor: float = 4600.0,
        alpha: float = 0.14,
        beta: float = 3.1,
        scatter: float = 0.1,
        x1_mode: float = 0.9,
        x1_low: float = 1.3,
        x1_high: float = 0.3,
        colour_mode: float = -0.055,
        colour_low: float = 0.04,
        colour_high: float = 0.1,
        blanketing: float = 0.45,
        deficit: float = 0.35,
        second_maximum: float = 0.4,
        second_age: float = 44.0,
        duration: float = 250.0,
        cutoff: float | None = 420.0,
        slope: float = 2.5,
    ) -> None:
        super().__init__(duration, cutoff=cutoff, slope=slope)
        require_positive(
            nickel_mass=nickel_mass,
            ejecta_mass=ejecta_mass,
            velocity=velocity,
            photosphere_velocity=photosphere_velocity,
            opacity=opacity,
            floor=floor,
            x1_low=x1_low,
            x1_high=x1_high,
            colour_low=colour_low,
            colour_high=colour_high,
            second_age=second_age,
        )
        require_finite(x1_mode=x1_mode, colour_mode=colour_mode, alpha=alpha, beta=beta)
        require_not_negative(scatter=scatter, deficit=deficit, second_maximum=second_maximum)
        require_not_negative(blanketing=blanketing)
        for name, share in (("deficit", deficit), ("blanketing", blanketing)):
            if share >= 1:
                raise ConfigError(f"{name} must be below 1, got {share!r}")
        self.alpha = alpha
        self.beta = beta
        self.scatter = scatter
        self.x1 = (x1_mode, x1_low, x1_high)
        self.colour = (colour_mode, colour_low, colour_high)
        self.blanketing = blanketing
        self.deficit = deficit
        self.second_maximum = second_maximum
        self.second_age = second_age

        mass, speed = np.array([ejecta_mass]), np.array([velocity])
        power = nickel_mass * nickel_heating(self.time)[:, None]
        luminosity = diffuse(power, self.time, diffusion_time(mass, speed, opacity))
        self._luminosity = luminosity * trapping(self.time, mass, speed)
        self._temperature = photosphere(
            self._luminosity, self.time, np.array([photosphere_velocity]), np.array([floor])
        )

    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw x1 (within +-3, where stretch is defined), colour and intrinsic brightness."""
        x1 = np.clip(_two_sided(draws, "x1", *self.x1), -3.0, 3.0)
        return {
            "x1": x1,
            "colour": _two_sided(draws, "colour", *self.colour),
            "offset": draws.normal("offset", deviation=self.scatter),
        }

    def extinction(self, parameters: Parameters) -> FloatArray | None:
        """Return the V magnitudes that redden by the colour; negative for the bluest."""
        return _RV * parameters["colour"]

    def pace(self, parameters: Parameters) -> FloatArray | None:
        """Return the stretch of x1."""
        return stretch_of(parameters["x1"])

    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return the single component: one curve, brighter or fainter."""
        # The reddening takes _RB magnitudes per unit of colour in B; Tripp's relation beta.
        magnitude = (
            (self.beta - _RB) * parameters["colour"]
            - self.alpha * parameters["x1"]
            + parameters["offset"]
        )
        return (Component(self._luminosity * 10 ** (-0.4 * magnitude), self._temperature),)

    def features(
        self, parameters: Parameters, row: NDArray[np.intp], age: FloatArray, wavelength: FloatArray
    ) -> FloatArray | None:
        """Return what lines take below 550 nm, and deficit and second maximum above 600 nm."""
        away = (age - self.second_age) / _SECOND_WIDTH
        redness = np.clip((wavelength - 600.0) / 200.0, 0.0, 1.0)
        bump = self.second_maximum * np.exp(-0.5 * away**2)
        blueness = np.clip((550.0 - wavelength) / 150.0, 0.0, 1.0)
        iron = self.blanketing * np.clip((age - _BLANKETING_AGE) / 20.0, 0.0, 1.0)
        factor: FloatArray = 1 + redness * (bump - self.deficit) - blueness * iron
        return factor


def stretch_of(x1: FloatArray) -> FloatArray:
    """Return the stretch of SALT2's x1 (Guy et al. 2007, A&A 466, 11)."""
    stretch: FloatArray = 0.98 + x1 * (0.091 + x1 * (0.003 - 0.00075 * x1))
    return stretch


def _two_sided(draws: Draws, name: str, mode: float, low: float, high: float) -> FloatArray:
    """Return numbers of two half Gaussians that meet at the mode."""
    below = draws.uniform(name + "_side") < low / (low + high)
    numbers: FloatArray = mode + np.where(below, -low, high) * np.abs(draws.normal(name))
    return numbers
