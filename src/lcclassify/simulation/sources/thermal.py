"""What explodes and shines as a black body: luminosity and temperature in time, seen far away."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_not_negative, require_positive
from lcclassify.simulation import passbands
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sed import planck_over_sigma_t4, thermal_flux
from lcclassify.simulation.sources.base import Epochs, FloatArray, Parameters, Source

# Events peak from so many days before the survey to so many after it: part of their light
# is still seen. PLAsTiCC's truth has peaks from MJD 59520 to about 60700 (Zenodo 2539456).
LEAD: Final = 60.0
LAG: Final = 25.0

NODES: Final = 56  # of the time grid
STEPS_SPREAD: Final = 40.0  # duration / knee; the last step is so many times the first, plus 1
PEAK_WAVELENGTH: Final = 480.0  # nm, source frame; "the peak" is the maximum there


@dataclass(frozen=True, eq=False)
class Component:
    """The light of n objects on the time grid; a source is the sum of its components.

    Attributes:
        luminosity: ``(G, n)`` bolometric luminosity in erg/s.
        temperature: ``(G, n)``, or ``(G, 1)`` if the same of all, in Kelvin, positive.
    """

    luminosity: FloatArray
    temperature: FloatArray


@dataclass(frozen=True)
class LogNormal:
    """Numbers whose logarithms are normal, cut at three deviations.

    Attributes:
        median: Their median.
        dex: Standard deviation of their decadic logarithms.
    """

    median: float
    dex: float

    @classmethod
    def of(cls, **arguments: float) -> LogNormal:
        """Return that of a median and a scatter, given in this order under their own names.

        Raises:
            ConfigError: The median is not positive, or the scatter negative.
        """
        (name, median), (scatter, dex) = arguments.items()
        if not scatter.endswith("_scatter"):  # a name is all that tells them apart
            raise TypeError(f"a median's scatter is called NAME_scatter, got {scatter}")
        require_positive(**{name: median})
        require_not_negative(**{scatter: dex})
        return cls(median, dex)

    def draw(self, draws: Draws, name: str) -> FloatArray:
        """Return ``(n,)`` numbers, drawn under a name."""
        return self.at(np.clip(draws.normal(name), -3, 3))

    def at(self, deviates: FloatArray) -> FloatArray:
        """Return the numbers at normal deviates of their logarithms."""
        numbers: FloatArray = self.median * 10 ** (self.dex * deviates)
        return numbers


class ThermalTransient(Source):
    """An explosion with black-body components, evolved on a grid of times since it.

    The grid is uniform in log(1 + t / knee) from 0 to the duration, rest frame; between its
    nodes luminosity and temperature are linear.

    Args:
        duration: Rest-frame days after the explosion when the flux is taken to be zero.
        av: Mean of the exponentially distributed extinction in the host, V magnitudes.
        cutoff: Wavelength in nanometres below which metal lines suppress the flux; None
            for a pure black body.
        slope: Exponent of the suppression.

    Raises:
        ConfigError: A number is not finite, or not in its range.
    """

    def __init__(
        self,
        duration: float,
        av: float = 0.0,
        cutoff: float | None = None,
        slope: float = 1.0,
    ) -> None:
        require_positive(duration=duration)
        require_not_negative(av=av, slope=slope)
        if cutoff is not None:
            require_positive(cutoff=cutoff)
        self.av = av
        self.cutoff = cutoff
        self.slope = slope
        self.duration = duration
        self._knee = duration / STEPS_SPREAD
        self._step = math.log1p(STEPS_SPREAD) / (NODES - 1)
        #: ``(G,)`` days since the explosion, rest frame.
        self.time: FloatArray = self._knee * np.expm1(self._step * np.arange(NODES))

    @abstractmethod
    def physics(self, draws: Draws) -> dict[str, FloatArray]:
        """Draw the parameters of the explosions by name, ``(n,)`` each."""

    @abstractmethod
    def evolve(self, parameters: Parameters) -> tuple[Component, ...]:
        """Return luminosities and temperatures at `time`."""

    def extinction(self, parameters: Parameters) -> FloatArray | None:
        """Return the ``(n,)`` V magnitudes by which the light is reddened; None for none."""
        return parameters["av"] if self.av > 0 else None

    def pace(self, parameters: Parameters) -> FloatArray | None:
        """Return the ``(n,)`` factors by which all times on the grid are longer; None for 1."""
        return None

    def features(
        self, parameters: Parameters, row: NDArray[np.intp], age: FloatArray, wavelength: FloatArray
    ) -> FloatArray | None:
        """Return factors ``(M,)`` of what a black body cannot show; None for none.

        Args:
            parameters: Of n objects.
            row: ``(M,)`` positions in the parameters.
            age: ``(M,)`` rest-frame days since the explosion, over the pace.
            wavelength: ``(M,)`` effective wavelength of the passband in the source's frame.
        """
        return None

    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw explosions; see `Source.draw`."""
        none = np.zeros(len(redshift))
        return {
            "redshift": redshift,
            "peak_mjd": draws.uniform("peak_mjd", span[0] - LEAD, span[1] + LAG),
            "submodel": none + 1,
            "av": draws.exponential("av", self.av) if self.av > 0 else none,
            **self.physics(draws),
        }

    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the flux; zero before the explosion and after the duration."""
        components = self.evolve(parameters)
        n = components[0].luminosity.shape[1]
        stretch = 1 + parameters["redshift"]
        pace = self.pace(parameters)
        slowness = stretch if pace is None else stretch * pace
        explosion = parameters["peak_mjd"] - slowness * self._peak_time(components)
        age = (epochs.mjd - explosion[epochs.row]) / slowness[epochs.row]
        active = np.flatnonzero((age > 0) & (age < self.duration))
        row, age, passband = epochs.row[active], age[active], epochs.passband[active]
        place = np.log1p(age / self._knee) / self._step
        node = np.minimum(place.astype(np.intp), NODES - 2)
        index, weight = node * n + row, place - node
        shown = np.zeros(len(active))
        extinction = self.extinction(parameters)
        for component in components:
            shown += thermal_flux(
                _between(component.luminosity, index, weight, n),
                _between(component.temperature, index, weight, n),
                parameters["redshift"][row],
                passband,
                cutoff=self.cutoff,
                slope=self.slope,
                av=None if extinction is None else extinction[row],
            )
        factor = self.features(parameters, row, age, passbands.WAVELENGTH[passband] / stretch[row])
        flux = np.zeros(len(epochs))
        flux[active] = shown if factor is None else shown * factor
        return flux

    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the highest of the fluxes a little before, at and after the peak, ``(n, 6)``."""
        components = self.evolve(parameters)
        n = components[0].luminosity.shape[1]
        highest = np.argmax(self._brightness(components), axis=0)
        bands = len(passbands.NAMES)
        passband = np.repeat(np.arange(bands), n)
        redshift = np.tile(parameters["redshift"], bands)
        extinction = self.extinction(parameters)
        av = None if extinction is None else np.tile(extinction, bands)
        found = np.zeros(bands * n)
        row = np.tile(np.arange(n), bands)
        wavelength = passbands.WAVELENGTH[passband] / (1 + redshift)
        for shift in (-3, 0, 3):
            node = np.clip(highest + shift, 1, NODES - 1)
            index = node * n + np.arange(n)
            shown = np.zeros(bands * n)
            for component in components:
                shown += thermal_flux(
                    np.tile(component.luminosity.ravel()[index], bands),
                    np.tile(_flat(component.temperature, n)[index], bands),
                    redshift,
                    passband,
                    cutoff=self.cutoff,
                    slope=self.slope,
                    av=av,
                )
            factor = self.features(parameters, row, np.tile(self.time[node], bands), wavelength)
            found = np.maximum(found, shown if factor is None else shown * factor)
        return np.ascontiguousarray(found.reshape(bands, n).T)

    def _brightness(self, components: tuple[Component, ...]) -> FloatArray:
        """Return what is seen at PEAK_WAVELENGTH, ``(G, n)``, up to a constant."""
        seen = np.zeros_like(components[0].luminosity)
        wavelength = np.array(PEAK_WAVELENGTH)
        for component in components:
            seen += component.luminosity * planck_over_sigma_t4(wavelength, component.temperature)
        return seen

    def _peak_time(self, components: tuple[Component, ...]) -> FloatArray:
        """Return ``(n,)`` days from explosion to peak, by a parabola through three nodes."""
        seen = self._brightness(components)
        highest = np.clip(np.argmax(seen, axis=0), 1, NODES - 2)
        column = np.arange(seen.shape[1])
        before, at, after = (seen[highest + shift, column] for shift in (-1, 0, 1))
        curvature = before - 2 * at + after
        # A curve without a maximum between its ends is flat or monotonic there: no shift.
        bent = curvature < 0
        shift = np.where(bent, 0.5 * (before - after) / np.where(bent, curvature, 1.0), 0.0)
        place = highest + np.clip(shift, -1, 1)
        time: FloatArray = self._knee * np.expm1(self._step * place)
        return time


def _flat(values: FloatArray, n: int) -> FloatArray:
    """Return a grid ``(G, n)`` or ``(G, 1)`` as ``(G * n,)``."""
    return np.broadcast_to(values, (len(values), n)).ravel()


def _between(values: FloatArray, index: NDArray[np.intp], weight: FloatArray, n: int) -> FloatArray:
    """Interpolate a grid ``(G, n)`` between a node, by its flat index, and the next."""
    flat = _flat(values, n)
    low = flat[index]
    between: FloatArray = low + weight * (flat[index + n] - low)
    return between
