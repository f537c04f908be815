"""RR Lyrae stars: radial pulsation of type ab and c."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_finite, require_not_negative, require_positive, require_share
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, Parameters, Source
from lcclassify.simulation.sources.stars import Stars

FloatArray = NDArray[np.float64]

# Amplitudes in u to y relative to g: round numbers near those of the stars of stripe 82 (Sesar
# et al. 2010, ApJ 708, 717); y, which SDSS lacks, is taken to be as z.
AMPLITUDES: Final = np.array([0.95, 1.0, 0.72, 0.57, 0.52, 0.50])

# Shares of the cycle spent on the rise: types ab rise steeply, to various degrees, and type
# c nearly as it falls, in the manner of the templates of Sesar et al. 2010.
_RISES_AB: Final = np.linspace(0.12, 0.22, 11)
_RISE_C: Final = 0.42
_NODES: Final = 512


def _shapes() -> FloatArray:
    """Return flux over phase, ``(12, _NODES + 1)``: types ab by their rise, last type c.

    Each has mean 0 over the cycle and a full range of 1, so that a star's mean flux is its
    template exactly. Phase 0 is maximum.
    """
    phase = np.arange(_NODES) / _NODES
    shapes = []
    for rise in (*_RISES_AB, _RISE_C):
        falling = np.minimum(phase / (1 - rise), 1.0)
        rising = np.maximum((phase - (1 - rise)) / rise, 0.0)
        if rise == _RISE_C:
            fall = (1 + np.cos(np.pi * falling)) / 2
        else:
            # A decline that slows down towards minimum.
            fall = (np.exp(-2.2 * falling) - np.exp(-2.2)) / (1 - np.exp(-2.2))
        shape = np.where(phase < 1 - rise, fall, (1 - np.cos(np.pi * rising)) / 2)
        shape = (shape - shape.min()) / (shape.max() - shape.min())
        shape = shape - shape.mean()
        shapes.append(np.append(shape, shape[0]))
    return np.array(shapes)


_SHAPES: Final = _shapes()
_HIGH: Final = _SHAPES.max(axis=1)
_LOW: Final = _SHAPES.min(axis=1)


class RRLyrae(Source):
    """RR Lyrae stars of type ab (submodel 1) and c (submodel 2).

    A light curve is one asymmetric shape, the same in flux in all passbands but for its
    amplitude; it repeats exactly. Amplitudes of type ab fall with the period; the mean flux
    is the template.

    Args:
        stars: Template magnitudes.
        c_fraction: Share of type c.
        period_ab: Mean period of type ab in days.
        period_ab_deviation: Its standard deviation.
        period_c: Mean period of type c in days.
        period_c_deviation: Its standard deviation.
        amplitude_ab: Full amplitude of type ab in g magnitudes at its mean period.
        amplitude_slope: Change of it per dex of the period, negative.
        amplitude_c: Full amplitude of type c in g magnitudes.
        amplitude_deviation: Standard deviation of the amplitudes in magnitudes.

    Raises:
        ConfigError: A value is out of its range.

    References:
        Sesar et al. 2010, ApJ 708, 717 (periods, amplitudes and shapes in ugriz).
    """

    galactic = True

    def __init__(
        self,
        stars: Stars,
        c_fraction: float = 0.22,
        period_ab: float = 0.58,
        period_ab_deviation: float = 0.07,
        period_c: float = 0.33,
        period_c_deviation: float = 0.04,
        amplitude_ab: float = 0.95,
        amplitude_slope: float = -4.0,
        amplitude_c: float = 0.50,
        amplitude_deviation: float = 0.13,
    ) -> None:
        require_share(c_fraction=c_fraction)
        require_finite(amplitude_slope=amplitude_slope)
        require_positive(
            period_ab=period_ab,
            period_c=period_c,
            amplitude_ab=amplitude_ab,
            amplitude_c=amplitude_c,
        )
        require_not_negative(
            period_ab_deviation=period_ab_deviation,
            period_c_deviation=period_c_deviation,
            amplitude_deviation=amplitude_deviation,
        )
        self.stars = stars
        self.c_fraction = c_fraction
        self.period_ab = period_ab
        self.period_ab_deviation = period_ab_deviation
        self.period_c = period_c
        self.period_c_deviation = period_c_deviation
        self.amplitude_ab = amplitude_ab
        self.amplitude_slope = amplitude_slope
        self.amplitude_c = amplitude_c
        self.amplitude_deviation = amplitude_deviation

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw periods, shapes and amplitudes; see `Source.draw`."""
        is_c = draws.uniform("type") < self.c_fraction
        normal = np.clip(draws.normal("period"), -2.5, 2.5)
        period = np.where(
            is_c,
            self.period_c + self.period_c_deviation * normal,
            self.period_ab + self.period_ab_deviation * normal,
        )
        # Far-off settings of the period's spread must not run backwards in time.
        period = np.maximum(period, 0.05)
        scatter = self.amplitude_deviation * draws.normal("amplitude")
        trend = self.amplitude_ab + self.amplitude_slope * np.log10(period / self.period_ab)
        g_amplitude = np.where(
            is_c,
            np.clip(self.amplitude_c + scatter / 2, 0.15, 0.8),
            np.clip(trend + scatter, 0.25, 1.6),
        )
        rise = np.floor(draws.uniform("shape") * len(_RISES_AB))
        shape = np.where(is_c, len(_RISES_AB), rise)
        template = self.stars.draw(draws)
        # Between f(1 + a low) and f(1 + a high) lies the amplitude in magnitudes.
        ratio = 10 ** (0.4 * (g_amplitude[:, None] * AMPLITUDES))
        high, low = _HIGH[shape.astype(np.intp)], _LOW[shape.astype(np.intp)]
        swing = template * (ratio - 1) / (high[:, None] - ratio * low[:, None])
        return {
            "template": template,
            "swing": swing,
            "period": period,
            "peak_mjd": span[0] + draws.uniform("phase") * period,
            "shape": shape,
            "submodel": np.where(is_c, 2.0, 1.0),
        }

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux, ``(M,)``; see `Source.flux`."""
        row, passband = epochs.row, epochs.passband
        cycles = (epochs.mjd - parameters["peak_mjd"][row]) / parameters["period"][row]
        place = (cycles - np.floor(cycles)) * _NODES
        node = np.minimum(place.astype(np.intp), _NODES - 1)
        share = place - node
        start = parameters["shape"].astype(np.intp)[row] * (_NODES + 1) + node
        table = _SHAPES.ravel()
        shape = table[start] * (1 - share) + table[start + 1] * share
        cell = row * 6 + passband
        flux: FloatArray = (
            parameters["template"].ravel()[cell] + parameters["swing"].ravel()[cell] * shape
        )
        return flux

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the rise from mean to maximum, ``(n, 6)``."""
        peak: FloatArray = parameters["swing"] * _HIGH[parameters["shape"].astype(np.intp)][:, None]
        return peak

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the mean flux, ``(n, 6)``."""
        return np.asarray(parameters["template"], dtype=np.float64)
