"""Eclipsing binaries of two spherical stars on a circular orbit."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_not_negative, require_positive, require_share
from lcclassify.simulation import passbands, sed
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, Parameters, Source
from lcclassify.simulation.sources.stars import Stars

FloatArray = NDArray[np.float64]

# Points of the mean over an eclipse.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)

# Ellipsoidal variation: half amplitude 0.15 (15+u)(1+g)/(3-u) q (R/a)^3 sin^2 i of the flux
# (Morris 1985, ApJ 295, 143), for a mass ratio q of about 1 in order of magnitude: the limb
# darkening u = 0.5 and gravity darkening g = 0.32 of a convective star.
_ELLIPSOIDAL: Final = 0.15 * 15.5 * 1.32 / 2.5


def overlap(separation: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the area over pi that two discs have in common.

    Args:
        separation: ``(n,)`` distance of the centres.
        first: ``(n,)`` radius of one, positive.
        second: ``(n,)`` radius of the other, positive.
    """
    small, large = np.minimum(first, second), np.maximum(first, second)
    inside = separation <= large - small
    apart = separation >= large + small
    # Where the discs do not cut each other any harmless separation will do.
    d = np.where(inside | apart, large, separation)
    cos_small = np.clip((d * d + small * small - large * large) / (2 * d * small), -1, 1)
    cos_large = np.clip((d * d + large * large - small * small) / (2 * d * large), -1, 1)
    kite = (-d + small + large) * (d + small - large) * (d - small + large) * (d + small + large)
    lens = (
        small * small * np.arccos(cos_small)
        + large * large * np.arccos(cos_large)
        - np.sqrt(np.maximum(kite, 0)) / 2
    ) / np.pi
    area: FloatArray = np.where(apart, 0.0, np.where(inside, small * small, lens))
    return area


class EclipsingBinary(Source):
    """Detached (submodel 1) and contact binaries (submodel 2).

    Each star is a uniform disc of the surface brightness of a black body; the visible area
    of the one behind is cut by the overlap of the discs, twice a period. Tides add a cosine
    of twice the orbital phase, which dominates contact binaries. The mean flux is the
    template.

    Args:
        stars: Template magnitudes.
        contact_fraction: Share of contact binaries.
        detached_period: Median period of detached binaries in days.
        detached_period_scatter: Its standard deviation in natural logarithms.
        contact_period: Median period of contact binaries in days.
        contact_period_scatter: Its standard deviation in natural logarithms.
        temperature: Temperature of the hotter star in Kelvin.
        temperature_scatter: Standard deviation of its natural logarithm.

    Raises:
        ConfigError: A value is out of its range.

    References:
        Prsa et al. 2011, AJ 141, 83 (how periods and kinds of eclipsing binaries are
        distributed); Morris 1985, ApJ 295, 143 (ellipsoidal variation).
    """

    galactic = True

    def __init__(
        self,
        stars: Stars,
        contact_fraction: float = 0.35,
        detached_period: float = 2.5,
        detached_period_scatter: float = 0.9,
        contact_period: float = 0.35,
        contact_period_scatter: float = 0.2,
        temperature: float = 6000.0,
        temperature_scatter: float = 0.15,
    ) -> None:
        require_share(contact_fraction=contact_fraction)
        require_positive(
            detached_period=detached_period, contact_period=contact_period, temperature=temperature
        )
        require_not_negative(
            detached_period_scatter=detached_period_scatter,
            contact_period_scatter=contact_period_scatter,
            temperature_scatter=temperature_scatter,
        )
        self.stars = stars
        self.contact_fraction = contact_fraction
        self.detached_period = detached_period
        self.detached_period_scatter = detached_period_scatter
        self.contact_period = contact_period
        self.contact_period_scatter = contact_period_scatter
        self.temperature = temperature
        self.temperature_scatter = temperature_scatter

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw binaries that eclipse; see `Source.draw`."""
        contact = draws.uniform("kind") < self.contact_fraction
        scatter = draws.normal("period")
        period = np.where(
            contact,
            self.contact_period * np.exp(self.contact_period_scatter * scatter),
            np.maximum(self.detached_period * np.exp(self.detached_period_scatter * scatter), 0.5),
        )
        # Radii over the orbit: stars in contact fill it, those apart are smaller the wider
        # the orbit is, by Kepler's third law: R/a = 0.19 for two suns in a day.
        size = 0.19 * period ** (-2 / 3) * np.exp(0.35 * draws.normal("size"))
        primary = np.where(contact, draws.uniform("primary", 0.40, 0.50), np.clip(size, 0.03, 0.38))
        ratio = draws.uniform("ratio", 0.35, 1.0)
        secondary = primary * np.where(contact, np.maximum(ratio, 0.6), ratio)
        hot = self.temperature * np.exp(self.temperature_scatter * draws.normal("temperature"))
        cold = hot * np.where(
            contact, draws.uniform("contrast", 0.92, 1.0), draws.uniform("contrast", 0.5, 1.0)
        )
        # Orbits look in all directions: cos i is even, among those that eclipse.
        cos_i = draws.uniform("inclination") * 0.95 * (primary + secondary)
        parameters = {
            "period": period,
            "peak_mjd": span[0] + draws.uniform("phase") * period,
            "primary": primary,
            "secondary": secondary,
            "cos_inclination": cos_i,
            "submodel": np.where(contact, 2.0, 1.0),
        }
        return _brighten(parameters, hot, cold, self.stars.draw(draws))

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux, ``(M,)``; see `Source.flux`."""
        row = epochs.row
        cycles = (epochs.mjd - parameters["peak_mjd"][row]) / parameters["period"][row]
        cos = np.cos(2 * np.pi * (cycles - np.floor(cycles)))
        squared = parameters["cos_inclination"] ** 2
        separation = np.sqrt(1 - (1 - squared)[row] * (cos * cos))
        reach = parameters["primary"] + parameters["secondary"]
        dark = np.flatnonzero(separation < reach[row])
        cell = row * 6 + epochs.passband
        flux: FloatArray = parameters["light"].ravel()[cell]
        if len(dark):
            which = row[dark]
            area = overlap(
                separation[dark], parameters["primary"][which], parameters["secondary"][which]
            )
            flux[dark] -= area * np.where(
                cos[dark] > 0,
                parameters["hot"].ravel()[cell[dark]],
                parameters["cold"].ravel()[cell[dark]],
            )
        flux *= 1 - parameters["tide"][row] * (2 * cos * cos - 1)
        return flux

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the depth of the deeper eclipse, or the height of the maxima, ``(n, 6)``."""
        area = overlap(
            parameters["cos_inclination"], parameters["primary"], parameters["secondary"]
        )
        tide = parameters["tide"]
        brightness = np.maximum(parameters["hot"], parameters["cold"])
        bottom = (parameters["light"] - area[:, None] * brightness) * (1 - tide)[:, None]
        top = parameters["light"] * (1 + tide)[:, None]
        template = parameters["template"]
        peak: FloatArray = np.maximum(template - bottom, top - template)
        return peak

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the mean flux, ``(n, 6)``."""
        return np.asarray(parameters["template"], dtype=np.float64)


def _brighten(
    parameters: dict[str, FloatArray], hot: FloatArray, cold: FloatArray, template: FloatArray
) -> dict[str, FloatArray]:
    """Return the parameters with the light of both stars such that the mean is the template.

    Args:
        parameters: Radii and inclination.
        hot: ``(n,)`` temperature of the primary.
        cold: ``(n,)`` temperature of the secondary.
        template: ``(n, 6)`` mean fluxes.
    """
    primary, secondary = parameters["primary"], parameters["secondary"]
    squared = parameters["cos_inclination"] ** 2
    surfaces = _surface(hot), _surface(cold)
    light = surfaces[0] * (primary**2)[:, None] + surfaces[1] * (secondary**2)[:, None]
    bolometric = primary**2 * hot**4, secondary**2 * cold**4
    # Masses as radii, as for stars on the main sequence.
    ratio = secondary / primary
    tide = (
        _ELLIPSOIDAL
        * (1 - squared)
        * (bolometric[0] * ratio * primary**3 + bolometric[1] * secondary**3 / ratio)
        / (bolometric[0] + bolometric[1])
    )
    half = np.arcsin(np.sqrt(np.minimum(((primary + secondary) ** 2 - squared) / (1 - squared), 1)))
    lost = np.zeros_like(half)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        angle = half * (1 + float(node)) / 2
        cos_squared = np.cos(angle) ** 2
        separation = np.sqrt(1 - (1 - squared) * cos_squared)
        area = overlap(separation, primary, secondary)
        lost += float(weight) / 2 * area * (1 - tide * (2 * cos_squared - 1))
    lost *= half / np.pi
    mean = light - lost[:, None] * (surfaces[0] + surfaces[1])
    scale = template / mean
    return {
        **parameters,
        "template": template,
        "tide": tide,
        "light": scale * light,
        "hot": scale * surfaces[0],
        "cold": scale * surfaces[1],
    }


def _surface(temperature: FloatArray) -> FloatArray:
    """Return the surface brightness of a black body by passband, ``(n, 6)``."""
    mean = np.zeros((len(temperature), 6))
    for node in range(passbands.NODES.shape[1]):
        wavelength = np.repeat(passbands.NODES[None, :, node], len(temperature), axis=0)
        share = sed.planck_over_sigma_t4(wavelength, np.repeat(temperature[:, None], 6, axis=1))
        mean += passbands.NODE_WEIGHTS[:, node] * share
    brightness: FloatArray = mean * (temperature**4)[:, None]
    return brightness
