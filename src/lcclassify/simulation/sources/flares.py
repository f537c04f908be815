"""M dwarfs that flare."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_not_negative, require_positive
from lcclassify.errors import ConfigError
from lcclassify.simulation import sed
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs, Parameters, Source
from lcclassify.simulation.sources.seeds import draws_of, seed_of
from lcclassify.simulation.sources.stars import Stars

FloatArray = NDArray[np.float64]

# Davenport et al. 2014, ApJ 797, 122: the rise as a polynomial from -1 full
# width at half maximum to the peak, the decay as two exponentials.
RISE: Final = (1.0, 1.941, -0.175, -2.246, -1.125)
DECAY: Final = ((0.6890, 1.600), (0.3030, 0.2783))
# Its integral over time in full widths: how long a flare of amplitude 1 is, as an energy.
_AREA: Final = sum(a / k for a, k in DECAY) + sum(
    c * (-1) ** power / (power + 1) for power, c in enumerate(RISE)
)
# A flare is over this many full widths after its peak, at 0.303 exp(-0.278 * 20) ~ 0.001.
_LENGTH: Final = 20.0
# A flare that starts on one day must be over at the end of the next: observations look no
# further back.
_LONGEST: Final = 1 / (1 + _LENGTH)  # days, full width


def profile(phase: FloatArray) -> FloatArray:
    """Return the flux of a flare relative to its peak, ``(n,)``.

    Args:
        phase: Time since the peak in full widths at half maximum.

    References:
        Davenport et al. 2014, ApJ 797, 122.
    """
    rising = np.clip(phase, -1, 0)
    rise = np.full_like(phase, RISE[-1])
    for coefficient in RISE[-2::-1]:
        rise = rise * rising + coefficient
    falling = np.clip(phase, 0, _LENGTH)
    # The published coefficients sum to 0.992 at the peak.
    total = sum(a for a, _ in DECAY)
    decay = sum(a / total * np.exp(-k * falling) for a, k in DECAY)
    shape = np.where(phase < 0, np.maximum(rise, 0), decay)
    found: FloatArray = np.where((phase > -1) & (phase < _LENGTH), shape, 0.0)
    return found


class MDwarfFlares(Source):
    """Flares of M dwarfs, black bodies of some 10,000 K on stars of the template's fluxes.

    A star has at most one flare of note in a night (a day from noon to noon); whether,
    when and how strong is a hash of star and day, so that an observation needs to look at its
    own day and the one before only. The energies in i, relative to the star's quiescent
    light, are a power law; the duration grows with the energy.

    Args:
        stars: Template magnitudes.
        rate: Median number of flares a day above `weakest`.
        rate_scatter: Standard deviation of its natural logarithm: few stars flare often.
        weakest: Weakest flare's equivalent duration in i, in days: energy over the star's
            quiescent luminosity in that passband.
        strongest: Strongest flare's equivalent duration, likewise.
        index: Exponent a of the number of flares of at least an energy, N(>E) ~ E^-a.
        duration: Full width at half maximum in days of a flare of the weakest energy.
        duration_index: Exponent of the full width with energy; 1/3 where reconnection sets the
            time (Maehara et al. 2015, Earth, Planets and Space 67, 59, who find 0.39).
        temperature: Mean temperature of flares in Kelvin.
        temperature_scatter: Its standard deviation.

    Raises:
        ConfigError: A value is out of its range.

    References:
        Lacy, Moffett & Evans 1976, ApJS 30, 85 (power-law energies); Hawley et al. 2014, ApJ
        797, 121 (rates and durations); Kowalski et al. 2013, ApJS 207, 15 (black body of 9,000
        to 14,000 K); Davenport et al. 2014, ApJ 797, 122 (profile).
    """

    galactic = True

    def __init__(
        self,
        stars: Stars,
        rate: float = 0.8,
        rate_scatter: float = 0.7,
        weakest: float = 1e-4,
        strongest: float = 0.2,
        index: float = 0.5,
        duration: float = 0.005,
        duration_index: float = 0.28,
        temperature: float = 9500.0,
        temperature_scatter: float = 800.0,
    ) -> None:
        require_positive(
            rate=rate, weakest=weakest, index=index, duration=duration, temperature=temperature
        )
        require_not_negative(
            rate_scatter=rate_scatter,
            duration_index=duration_index,
            temperature_scatter=temperature_scatter,
        )
        if not strongest > weakest:
            raise ConfigError(
                f"strongest must exceed weakest ({weakest!r} days), got {strongest!r}"
            )
        widest = duration * (strongest / weakest) ** duration_index
        if widest > _LONGEST:
            raise ConfigError(
                f"duration and duration_index must keep the strongest flare's full width below "
                f"{_LONGEST:.3f} days, got {widest:.3f}"
            )
        self.stars = stars
        self.rate = rate
        self.rate_scatter = rate_scatter
        self.weakest = weakest
        self.strongest = strongest
        self.index = index
        self.duration = duration
        self.duration_index = duration_index
        self.temperature = temperature
        self.temperature_scatter = temperature_scatter

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw stars, how often they flare and the colour of it; see `Source.draw`."""
        template = self.stars.draw(draws)
        rate = self.rate * np.exp(self.rate_scatter * draws.normal("rate"))
        temperature = self.temperature + self.temperature_scatter * np.clip(
            draws.normal("temperature"), -2.5, 2.5
        )
        colours = sed.stellar_colours(np.maximum(temperature, 4000.0))
        # A flare of amplitude 1 is as bright in i as the star.
        scale = template[:, 3:4] / colours[:, 3:4]
        return {
            "template": template,
            "flare": scale * colours,
            # Of flares at a mean rate, at least one on a day.
            "chance": 1 - np.exp(-rate),
            "seed": seed_of(draws, "flares"),
        }

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux, ``(M,)``; see `Source.flux`."""
        row = epochs.row
        cell = row * 6 + epochs.passband
        flux: FloatArray = parameters["template"].ravel()[cell]
        draws = draws_of(parameters["seed"])
        today = np.floor(epochs.mjd).astype(np.int64)
        for day in (today, today - 1):
            found = np.flatnonzero(
                draws.uniform_at("whether", row, day) < parameters["chance"][row]
            )
            if not len(found):
                continue
            whose, when = row[found], day[found]
            amplitude, width = self._strength(draws.uniform_at("energy", whose, when))
            # It starts, one full width before the peak, on that day.
            peak = when + draws.uniform_at("when", whose, when) + width
            shape = profile((epochs.mjd[found] - peak) / width)
            flux[found] += parameters["flare"].ravel()[cell[found]] * amplitude * shape
        return flux

    def _strength(self, uniform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return amplitudes (in i, of the star's flux) and full widths of flares in days."""
        low, high = self.weakest**-self.index, self.strongest**-self.index
        energy = (high + uniform * (low - high)) ** (-1 / self.index)
        width = self.duration * (energy / self.weakest) ** self.duration_index
        return energy / (width * _AREA), width

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the peak of the strongest flare possible, ``(n, 6)``."""
        strongest, _ = self._strength(np.zeros(1))
        peak: FloatArray = parameters["flare"] * strongest
        return peak

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the quiescent flux, ``(n, 6)``."""
        return np.asarray(parameters["template"], dtype=np.float64)
