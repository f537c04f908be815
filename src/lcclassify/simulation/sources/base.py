"""What every model of a source gives: parameters of objects, and their light curves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcclassify.simulation.draws import Draws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Parameters of n objects: ``(n,)`` or ``(n, k)`` arrays by name. Names that the truth
# table takes: "redshift", "peak_mjd" (observer's frame), "av" (V magnitudes of host
# extinction), "submodel" (1, 2, ...).
Parameters = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Epochs:
    """Observations at which light curves are wanted, sorted by (row, mjd).

    Attributes:
        row: ``(M,)`` position of the object in the parameters.
        mjd: ``(M,)`` days.
        passband: ``(M,)`` index of the passband, 0 to 5.
    """

    row: NDArray[np.intp]
    mjd: FloatArray
    passband: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.row)


def take(parameters: Parameters, rows: NDArray[np.intp] | IntArray) -> dict[str, FloatArray]:
    """Return the parameters of the objects at these positions."""
    return {name: values[rows] for name, values in parameters.items()}


class Source(ABC):
    """A kind of object: how its parameters are distributed, and how they shine.

    Fluxes have the zero-point 27.5 and are corrected for the extinction of the Milky Way.
    All methods work on whole arrays, use no random numbers but `draws`, and give an object
    the same numbers whatever the other objects are: to the bit.

    Attributes:
        galactic: True if the source is in the Milky Way and has no redshift.
    """

    galactic: bool = False

    @abstractmethod
    def draw(self, draws: Draws, redshift: FloatArray, span: tuple[float, float]) -> Parameters:
        """Draw the parameters of n objects.

        Args:
            draws: Random numbers of the objects.
            redshift: ``(n,)``; 0 for Galactic sources.
            span: First and last MJD of the survey; events peak within it, or near it.
        """

    @abstractmethod
    def flux(self, parameters: Parameters, epochs: Epochs) -> FloatArray:
        """Return the noise-free flux of the source, ``(M,)``, template included."""

    @abstractmethod
    def peak(self, parameters: Parameters) -> FloatArray:
        """Return the strongest deviation from the template, ``(n, 6)`` fluxes, positive.

        Of transients it is their flux near its peak. It may be approximate: what can be
        found by a survey at all, and what is bright enough for a spectrum, is decided by it.
        """

    def template(self, parameters: Parameters) -> FloatArray:
        """Return the flux in the reference image, ``(n, 6)``; zero for transients."""
        return np.zeros((len(next(iter(parameters.values()))), 6))
