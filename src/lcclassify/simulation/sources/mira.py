"""Mira variables: slow, large, red pulsation that never quite repeats."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_finite, require_not_negative, require_positive
from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, Parameters, Source
from lcclassify.simulation.sources.seeds import draws_of, seed_of
from lcclassify.simulation.sources.stars import Stars

FloatArray = NDArray[np.float64]

# Amplitudes in u to y relative to r: largest in the blue, where cool stars are on the steep
# side of their spectrum and titanium oxide comes and goes. Round numbers between those that
# define Miras, over 2.5 magnitudes in V and over 0.8 in I (Soszynski et al. 2009, Acta
# Astron. 59, 239).
AMPLITUDES: Final = np.array([1.15, 1.1, 1.0, 0.75, 0.6, 0.5])

_NATURAL: Final = 0.4 * math.log(10)


class Mira(Source):
    """Mira variables.

    The magnitude goes as a skewed cosine of the phase, whose amplitude and mean magnitude
    change from cycle to cycle; between the cycles, at minimum, both pass smoothly into
    one another. Without these changes the mean flux is the template exactly.

    Args:
        stars: Template magnitudes.
        period: Median period in days.
        period_scatter: Standard deviation of its natural logarithm.
        amplitude: Mean full amplitude in r magnitudes at 300 days. Miras have, by definition,
            at least 2.5 magnitudes in V.
        amplitude_slope: Change of it per dex of the period: long periods vary more.
        amplitude_scatter: Standard deviation of the full amplitude in magnitudes.
        brightness_slope: Change of the template magnitude per dex of the period, from the
            period-luminosity relation, about -3.5 in K (Whitelock, Feast & van Leeuwen 2008,
            MNRAS 386, 313); in the red passbands of LSST it is almost flat.
        rise: Share of the cycle from minimum to maximum.
        cycle_scatter: Standard deviation of one cycle's amplitude, as a share.
        mean_scatter: Standard deviation of one cycle's mean magnitude in r.

    Raises:
        ConfigError: A value is out of its range.
    """

    galactic = True

    def __init__(
        self,
        stars: Stars,
        period: float = 280.0,
        period_scatter: float = 0.35,
        amplitude: float = 3.0,
        amplitude_slope: float = 2.5,
        amplitude_scatter: float = 0.7,
        brightness_slope: float = 0.0,
        rise: float = 0.44,
        cycle_scatter: float = 0.12,
        mean_scatter: float = 0.10,
    ) -> None:
        require_finite(amplitude_slope=amplitude_slope, brightness_slope=brightness_slope)
        require_positive(period=period, amplitude=amplitude)
        require_not_negative(
            period_scatter=period_scatter,
            amplitude_scatter=amplitude_scatter,
            cycle_scatter=cycle_scatter,
            mean_scatter=mean_scatter,
        )
        if not 0 < rise < 1:
            raise ConfigError(f"rise must be between 0 and 1, got {rise!r}")
        self.stars = stars
        self.period = period
        self.period_scatter = period_scatter
        self.amplitude = amplitude
        self.amplitude_slope = amplitude_slope
        self.amplitude_scatter = amplitude_scatter
        self.brightness_slope = brightness_slope
        self.rise = rise
        self.cycle_scatter = cycle_scatter
        self.mean_scatter = mean_scatter

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw periods and amplitudes; see `Source.draw`."""
        normal = np.clip(draws.normal("period"), -2.5, 2.5)
        period = self.period * np.exp(self.period_scatter * normal)
        full = (
            self.amplitude
            + self.amplitude_slope * np.log10(period / 300.0)
            + self.amplitude_scatter * draws.normal("amplitude")
        )
        dex = np.log10(period / self.period)
        brighter = 10 ** (-0.4 * self.brightness_slope * dex)
        # Half amplitude as an exponent: flux ~ exp(swing cos).
        swing = _NATURAL / 2 * np.clip(full, 1.5, 6.0)[:, None] * AMPLITUDES
        return {
            "template": self.stars.draw(draws) * brighter[:, None],
            "swing": swing,
            "period": period,
            "peak_mjd": span[0] + draws.uniform("phase") * period,
            "seed": seed_of(draws, "cycles"),
        }

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux, ``(M,)``; see `Source.flux`."""
        from scipy.special import i0

        row = epochs.row
        # Cycles run from minimum to minimum.
        cycles = (epochs.mjd - parameters["peak_mjd"][row]) / parameters["period"][row] + self.rise
        cycle = np.floor(cycles)
        phase = cycles - cycle
        # Faster up than down: each half of the cosine is stretched evenly, which leaves the
        # mean flux as it is.
        turn = np.where(
            phase < self.rise, phase / self.rise, 1 + (phase - self.rise) / (1 - self.rise)
        )
        wave = -np.cos(np.pi * turn)
        draws = draws_of(parameters["seed"])
        count = cycle.astype(np.int64) + 1_000_000
        scale = 1 + self.cycle_scatter * _between(draws, "amplitude", row, count, phase)
        offset = self.mean_scatter * _NATURAL * _between(draws, "mean", row, count, phase)
        cell = row * 6 + epochs.passband
        swing = parameters["swing"].ravel()[cell]
        height = swing * np.maximum(scale, 0.3)
        level = (parameters["template"] / i0(parameters["swing"])).ravel()[cell]
        flux: FloatArray = level * np.exp(height * wave + offset)
        return flux

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the rise from mean to maximum, ``(n, 6)``."""
        from scipy.special import i0

        swing = parameters["swing"]
        peak: FloatArray = parameters["template"] * (np.exp(swing) / i0(swing) - 1)
        return peak

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the mean flux, ``(n, 6)``."""
        return np.asarray(parameters["template"], dtype=np.float64)


def _between(
    draws: Draws,
    name: str,
    row: NDArray[np.intp],
    cycle: NDArray[np.int64],
    phase: FloatArray,
) -> FloatArray:
    """Return normal numbers of cycles, passing smoothly from each to the next, ``(M,)``."""
    here = draws.normal_at(name, row, cycle)
    following = draws.normal_at(name, row, cycle + 1)
    share = phase * phase * (3 - 2 * phase)
    found: FloatArray = here * (1 - share) + following * share
    return found
