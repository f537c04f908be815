"""Stars magnified by one passing lens."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_not_negative, require_positive, require_share
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, Parameters, Source
from lcclassify.simulation.sources.stars import Stars

FloatArray = NDArray[np.float64]

YEAR: Final = 365.25  # days


def magnification(u: FloatArray) -> FloatArray:
    """Return the magnification by a single point lens (Paczynski 1986, ApJ 304, 1).

    Args:
        u: Separation of lens and source in Einstein radii, positive.
    """
    squared = u * u
    magnified: FloatArray = (squared + 2) / (u * np.sqrt(squared + 4))
    return magnified


def blended_share(uniform: FloatArray, tilt: FloatArray, colour: float) -> FloatArray:
    """Return the share of the light that is the lensed source's, by passband, ``(n, 6)``.

    Args:
        uniform: ``(n,)`` the share in r, between 0 and 1.
        tilt: ``(n,)`` standard normal; blends may be bluer or redder than the source.
        colour: Change of the logit of the share from one passband to the next.
    """
    odds = uniform / np.maximum(1 - uniform, 1e-12)
    steps = np.arange(6.0) - 2
    share: FloatArray = 1 / (1 + np.exp(-colour * tilt[:, None] * steps) / odds[:, None])
    return share


def lensed_share(draws: Draws, unblended_fraction: float, colour: float) -> FloatArray:
    """Draw the share of `blended_share`, of some events all of it, ``(n, 6)``."""
    share = blended_share(draws.uniform("blend"), draws.normal("blend colour"), colour)
    unblended = draws.uniform("unblended") < unblended_fraction
    return np.where(unblended[:, None], 1.0, share)


def lensed_flux(parameters: Parameters, epochs: Epochs, magnified: FloatArray) -> FloatArray:
    """Return the flux, ``(M,)``, where the source is magnified so many times, ``(M,)``."""
    cell = epochs.row * 6 + epochs.passband
    template, source = (parameters[name].ravel()[cell] for name in ("template", "source"))
    flux: FloatArray = template + source * (magnified - 1)
    return flux


class Microlensing(Source):
    """Single-lens events: without (submodel 1) and with the Earth's parallax (submodel 2).

    The template is the unlensed light of the source and of what blends with it. Without
    blending the event is achromatic; with it, the passbands differ as source and blend do.

    Args:
        stars: Template magnitudes.
        time_scale: Median Einstein time in days; Galactic events last some 20 days, what a
            survey with gaps finds lasts longer.
        time_scale_scatter: Its standard deviation in natural logarithms.
        largest_impact: Largest impact parameter in Einstein radii, drawn evenly from 0.
        unblended_fraction: Share of events without any blend.
        blend_colour: Colour differences of blends, see `blended_share`.
        parallax_fraction: Share of events with parallax.
        parallax: Median of the microlens parallax (au over projected Einstein radius).
        margin: Events peak up to this many Einstein times outside the survey.

    Raises:
        ConfigError: A value is out of its range.

    References:
        Paczynski 1986, ApJ 304, 1 (magnification); Gould 2004, ApJ 606, 319 (parallax in the
        geocentric frame).
    """

    galactic = True

    def __init__(
        self,
        stars: Stars,
        time_scale: float = 30.0,
        time_scale_scatter: float = 0.8,
        largest_impact: float = 1.0,
        unblended_fraction: float = 0.3,
        blend_colour: float = 0.25,
        parallax_fraction: float = 0.5,
        parallax: float = 0.15,
        margin: float = 0.5,
    ) -> None:
        require_positive(time_scale=time_scale, largest_impact=largest_impact, parallax=parallax)
        require_not_negative(
            time_scale_scatter=time_scale_scatter, blend_colour=blend_colour, margin=margin
        )
        require_share(unblended_fraction=unblended_fraction, parallax_fraction=parallax_fraction)
        self.stars = stars
        self.time_scale = time_scale
        self.time_scale_scatter = time_scale_scatter
        self.largest_impact = largest_impact
        self.unblended_fraction = unblended_fraction
        self.blend_colour = blend_colour
        self.parallax_fraction = parallax_fraction
        self.parallax = parallax
        self.margin = margin

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw events that peak in or near the survey; see `Source.draw`."""
        template = self.stars.draw(draws)
        scale = self.time_scale * np.exp(self.time_scale_scatter * draws.normal("time scale"))
        margin = self.margin * scale
        peak_mjd = span[0] - margin + draws.uniform("peak") * (span[1] - span[0] + 2 * margin)
        share = lensed_share(draws, self.unblended_fraction, self.blend_colour)
        has_parallax = draws.uniform("submodel") < self.parallax_fraction
        strength = self.parallax * np.exp(0.6 * draws.normal("parallax"))
        direction = 2 * np.pi * draws.uniform("direction")
        # A source knows no position on the sky: where the Sun is at the peak and how high
        # above the ecliptic the star is are drawn as well.
        return {
            "template": template,
            "source": template * share,
            "time_scale": scale,
            "impact": np.maximum(self.largest_impact * draws.uniform("impact"), 1e-3),
            "peak_mjd": peak_mjd,
            "parallax_north": np.where(has_parallax, strength * np.cos(direction), 0.0),
            "parallax_east": np.where(has_parallax, strength * np.sin(direction), 0.0),
            "sun": 2 * np.pi * draws.uniform("sun"),
            "height": np.abs(np.sin(draws.uniform("height", -np.pi / 3, np.pi / 3))),
            "submodel": np.where(has_parallax, 2.0, 1.0),
        }

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux, ``(M,)``; see `Source.flux`."""
        row = epochs.row
        tau = (epochs.mjd - parameters["peak_mjd"][row]) / parameters["time_scale"][row]
        beta = parameters["impact"][row]
        moved = np.flatnonzero(parameters["submodel"][row] == 2)
        if len(moved):
            along, across = _parallax_shift(parameters, row[moved], epochs.mjd[moved])
            tau[moved] += along
            beta[moved] += across
        # The floor keeps a source that parallax carries over the lens finite.
        u = np.sqrt(np.maximum(tau * tau + beta * beta, 1e-6))
        return lensed_flux(parameters, epochs, magnification(u))

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the gain at the closest approach (without parallax), ``(n, 6)``."""
        peak: FloatArray = parameters["source"] * (magnification(parameters["impact"]) - 1)[:, None]
        return peak

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the unlensed flux with the blend, ``(n, 6)``."""
        return np.asarray(parameters["template"], dtype=np.float64)


def _parallax_shift(
    parameters: Parameters, row: NDArray[np.intp], mjd: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the shift of the trajectory along and across, in Einstein radii.

    The Earth's displacement (au, circular orbit) from uniform motion at the event's peak, on
    the plane of the sky, as in Gould 2004: zero with its first derivative at the peak.
    """
    turn = 2 * np.pi * (mjd - parameters["peak_mjd"][row]) / YEAR
    sun = parameters["sun"][row]
    cos, sin = np.cos(sun), np.sin(sun)
    angle = sun + np.remainder(turn, 2 * np.pi)
    east = np.sin(angle) - sin - turn * cos
    north = (np.cos(angle) - cos + turn * sin) * parameters["height"][row]
    pi_north, pi_east = parameters["parallax_north"][row], parameters["parallax_east"][row]
    return pi_north * north + pi_east * east, pi_north * east - pi_east * north
