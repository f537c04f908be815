"""Stars magnified by two lenses, with caustics to cross."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_not_negative, require_positive, require_share
from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, Parameters, Source
from lcclassify.simulation.sources.microlensing import lensed_flux, lensed_share, magnification
from lcclassify.simulation.sources.stars import Stars

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# Farther than this from the centre of mass, in Einstein radii and beyond the lenses, two
# lenses act as one to better than 0.1 %.
_FAR: Final = 5.0

# A root of the polynomial is an image if it solves the lens equation this well: roots are good
# to about 1e-7, and those that are no image miss by far more unless a caustic is near.
_TOLERANCE: Final = 1e-4


def binary_magnification(
    source: ComplexArray, separation: FloatArray, ratio: FloatArray, size: float = 0.0
) -> FloatArray:
    """Return the magnification by two point lenses, ``(n,)``.

    The lens equation s = z - m1 / (z' - z1') - m2 / (z' - z2'), z' the conjugate, becomes a
    polynomial of fifth order in z when its own conjugate is put in (Witt & Mao 1995, ApJ 447,
    L105). Its roots are the eigenvalues of the companion matrix; the three or five of them
    that solve the equation itself are the images, each magnified by the inverse of the
    Jacobian's determinant.

    Args:
        source: ``(n,)`` position in Einstein radii of the total mass, from its centre, the
            lenses being on the real axis, the heavier one on the negative side.
        separation: ``(n,)`` of the lenses in Einstein radii, positive.
        ratio: ``(n,)`` mass of the lighter over that of the heavier one, positive.
        size: Radius of the source in Einstein radii. Near a fold, where the magnification of
            a point would go to infinity with its distance d as d^-1/2, no image is magnified
            more than size^-1/2.
    """
    heavy, light = 1 / (1 + ratio), ratio / (1 + ratio)
    first, second = -light * separation, heavy * separation
    roots = np.linalg.eigvals(_companion(_polynomial(source, heavy, light, first, second)))
    total = np.zeros(len(source))
    for image in range(5):
        z = np.ascontiguousarray(roots[:, image])
        from_first, from_second = np.conj(z) - first, np.conj(z) - second
        missed = z - heavy / from_first - light / from_second - source
        shear = heavy / (from_first * from_first) + light / (from_second * from_second)
        determinant = np.abs(1 - (shear.real**2 + shear.imag**2))
        floor = max(math.sqrt(size), 1e-12)
        total += np.where(np.abs(missed) < _TOLERANCE, 1 / np.maximum(determinant, floor), 0.0)
    # Rounding may lose an image beside a lens, which hardly shines; it never dims the source.
    magnified: FloatArray = np.maximum(total, 1.0)
    return magnified


def _polynomial(
    source: ComplexArray,
    heavy: FloatArray,
    light: FloatArray,
    first: FloatArray,
    second: FloatArray,
) -> ComplexArray:
    """Return the coefficients of z^0 to z^5, ``(n, 6)``.

    With P = (z - z1)(z - z2) and Q = m1 (z - z2) + m2 (z - z1), the conjugate equation reads
    z' = s' + Q / P. Put into the equation itself, it gives
    (z - s) N1 N2 = P (m1 N2 + m2 N1), where Ni = (s' - zi) P + Q.
    """
    one = np.ones_like(source)
    p = [first * second * one, -(first + second) * one, one]
    q = [-(heavy * second + light * first) * one, (heavy + light) * one, 0 * one]
    conjugate = np.conj(source)
    n1 = [(conjugate - first) * a + b for a, b in zip(p, q, strict=True)]
    n2 = [(conjugate - second) * a + b for a, b in zip(p, q, strict=True)]
    left = _product([-source, one], _product(n1, n2))
    right = _product(p, [heavy * b + light * a for a, b in zip(n1, n2, strict=True)])
    right.append(0 * one)
    return np.stack([a - b for a, b in zip(left, right, strict=True)], axis=1)


def _product(left: list[ComplexArray], right: list[ComplexArray]) -> list[ComplexArray]:
    """Return the product of two polynomials, lowest power first."""
    found = [np.zeros_like(left[0]) for _ in range(len(left) + len(right) - 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            found[i + j] = found[i + j] + a * b
    return found


def _companion(coefficients: ComplexArray) -> ComplexArray:
    """Return the companion matrices, ``(n, 5, 5)``, of polynomials ``(n, 6)``."""
    leading = coefficients[:, 5:]
    # It vanishes for single source positions only, on top of a lens's shadow.
    leading = np.where(np.abs(leading) < 1e-14, 1e-14, leading)
    matrix = np.zeros((len(coefficients), 5, 5), dtype=np.complex128)
    matrix[:, np.arange(1, 5), np.arange(4)] = 1.0
    matrix[:, :, 4] = -coefficients[:, :5] / leading
    return matrix


class BinaryLens(Source):
    """Microlensing by two stars; see `Microlensing` for what is not said here.

    The source passes the centre of mass on a straight line. Only where it is within some
    Einstein radii are the images found; farther off the two lenses act as one.

    Args:
        stars: Template magnitudes.
        time_scale: Median Einstein time of the total mass in days.
        time_scale_scatter: Its standard deviation in natural logarithms.
        largest_impact: Largest impact parameter in Einstein radii, drawn evenly from 0.
        separation: Median projected separation of the lenses in Einstein radii.
        separation_scatter: Its standard deviation in natural logarithms.
        smallest_ratio: Least mass ratio, drawn evenly in its logarithm up to 1.
        unblended_fraction: Share of events without any blend.
        blend_colour: Colour differences of blends, see `blended_share`.
        source_size: Radius of the source in Einstein radii, which keeps caustics finite.

    Raises:
        ConfigError: A value is out of its range.

    References:
        Witt & Mao 1995, ApJ 447, L105; Mao & Paczynski 1991, ApJ 374, L37 (binary lenses).
    """

    galactic = True

    def __init__(
        self,
        stars: Stars,
        time_scale: float = 40.0,
        time_scale_scatter: float = 0.7,
        largest_impact: float = 0.8,
        separation: float = 1.0,
        separation_scatter: float = 0.4,
        smallest_ratio: float = 0.03,
        unblended_fraction: float = 0.3,
        blend_colour: float = 0.25,
        source_size: float = 0.002,
    ) -> None:
        require_positive(
            time_scale=time_scale,
            largest_impact=largest_impact,
            separation=separation,
            source_size=source_size,
        )
        require_not_negative(
            time_scale_scatter=time_scale_scatter,
            separation_scatter=separation_scatter,
            blend_colour=blend_colour,
        )
        if not 0 < smallest_ratio <= 1:
            raise ConfigError(f"smallest_ratio must be in (0, 1], got {smallest_ratio!r}")
        require_share(unblended_fraction=unblended_fraction)
        self.stars = stars
        self.time_scale = time_scale
        self.time_scale_scatter = time_scale_scatter
        self.largest_impact = largest_impact
        self.separation = separation
        self.separation_scatter = separation_scatter
        self.smallest_ratio = smallest_ratio
        self.unblended_fraction = unblended_fraction
        self.blend_colour = blend_colour
        self.source_size = source_size

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw events whose closest approach is within the survey; see `Source.draw`."""
        template = self.stars.draw(draws)
        share = lensed_share(draws, self.unblended_fraction, self.blend_colour)
        scatter = self.separation_scatter * np.clip(draws.normal("separation"), -2.5, 2.5)
        return {
            "template": template,
            "source": template * share,
            "time_scale": self.time_scale
            * np.exp(self.time_scale_scatter * draws.normal("time scale")),
            "impact": np.maximum(self.largest_impact * draws.uniform("impact"), 1e-3),
            "peak_mjd": draws.uniform("peak", *span),
            "angle": 2 * np.pi * draws.uniform("angle"),
            "separation": self.separation * np.exp(scatter),
            "ratio": np.exp(math.log(self.smallest_ratio) * draws.uniform("ratio")),
        }

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux, ``(M,)``; see `Source.flux`."""
        row = epochs.row
        tau = (epochs.mjd - parameters["peak_mjd"][row]) / parameters["time_scale"][row]
        impact = parameters["impact"][row]
        u = np.sqrt(tau * tau + impact * impact)
        magnified = magnification(u)
        near = np.flatnonzero(u < (_FAR + parameters["separation"])[row])
        if len(near):
            which = row[near]
            cos, sin = np.cos(parameters["angle"])[which], np.sin(parameters["angle"])[which]
            along, across = tau[near], impact[near]
            source = np.empty(len(near), dtype=np.complex128)
            source.real = along * cos - across * sin
            source.imag = along * sin + across * cos
            magnified[near] = binary_magnification(
                source,
                parameters["separation"][which],
                parameters["ratio"][which],
                self.source_size,
            )
        return lensed_flux(parameters, epochs, magnified)

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the gain by a single lens at half the impact parameter, ``(n, 6)``.

        Caustics magnify more than a single lens would; how much is not looked for.
        """
        gain = magnification(parameters["impact"] / 2) - 1
        peak: FloatArray = parameters["source"] * gain[:, None]
        return peak

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the unlensed flux with the blend, ``(n, 6)``."""
        return np.asarray(parameters["template"], dtype=np.float64)
