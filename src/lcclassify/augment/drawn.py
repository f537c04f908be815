"""What steps take and give: objects on their way to being drawn, and random numbers for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lcclassify import hashing
from lcclassify.augment.curves import Curves, FloatArray, IntArray
from lcclassify.augment.observing import Cadences, Detections, FluxErrors

Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Drawn:
    """N objects as they are drawn.

    Attributes:
        curves: Their observations.
        columns: Their metadata by name, ``(N,) float64`` each, NaN where missing.
        sources: ``(N,) int64``, the training object that each is drawn from.
    """

    curves: Curves
    columns: Mapping[str, FloatArray]
    sources: IntArray

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: IntArray) -> Self:
        """Return some of the objects."""
        return replace(
            self,
            curves=self.curves.take(rows),
            columns={name: values[rows] for name, values in self.columns.items()},
            sources=self.sources[rows],
        )

    def followed_by(self, others: Self) -> Self:
        """Return these objects and others after them."""
        return replace(
            self,
            curves=joined(self.curves, others.curves),
            columns={
                name: np.concatenate([values, others.columns[name]])
                for name, values in self.columns.items()
            },
            sources=np.concatenate([self.sources, others.sources]),
        )


def joined(first: Curves, second: Curves) -> Curves:
    """Return the objects of both, one after the other."""
    return Curves(
        np.concatenate([first.bounds, first.bounds[-1] + second.bounds[1:]]),
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("mjd", "passband", "flux", "flux_err", "detected")
        ),
    )


@dataclass(frozen=True)
class Sample:
    """What steps are fitted on: training objects, and the survey that they stand for.

    Attributes:
        drawn: The training objects as they are, each its own source.
        wavelengths: ``(B,)`` of the passbands in nm, or empty where not known.
        targets: ``(N,) int64``, their classes.
        n_classes: K.
        redshift: ``(N,)`` the best redshift of each, NaN where there is none, 0 or less for
            objects of the Galaxy.
        photometric: Names of the columns of the photometric redshift, its error and its
            distance modulus, None where there is none.
        target: Photometric redshifts of the objects to be classified, and their highest
            signal-to-noise ratios; None where nothing of them is to be used.
        errors: How flux errors grow with the flux.
        detections: What is detected.
        cadences: Of the objects to be classified, or of the training objects.
        least_detections: Detections that a drawn object must have.
        n_bands: B.
        threads: For what takes long.
    """

    drawn: Drawn
    wavelengths: FloatArray
    targets: IntArray
    n_classes: int
    redshift: FloatArray
    photometric: tuple[str | None, str | None, str | None]
    target: tuple[FloatArray, FloatArray] | None
    errors: FluxErrors
    detections: Detections
    cadences: Cadences
    least_detections: int
    n_bands: int
    threads: int = 1
    notes: list[str] = field(default_factory=list)


class FittedStep(Protocol):
    """A step that knows what it needs of the training set."""

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects changed, each by nothing but its own key ``(N,) uint64``."""


class Step(Protocol):
    """One way of changing objects, as configured."""

    def fitted(self, sample: Sample) -> FittedStep:
        """Return the step for a training set."""


def uniform(keys: Keys, purpose: str, number: int = 0) -> FloatArray:
    """Return a number between 0 and 1 for each object and purpose, ``(N,)``."""
    return hashing.uniform(_own(keys, purpose, number))


def normal(keys: Keys, purpose: str, number: int = 0) -> FloatArray:
    """Return a standard normal number for each object and purpose, ``(N,)``."""
    return hashing.normal(_own(keys, purpose, number))


def row_keys(curves: Curves, keys: Keys, purpose: str) -> Keys:
    """Return a key for each observation and purpose, ``(M,)``, by its place in its object."""
    place = np.arange(len(curves.mjd)) - np.repeat(curves.bounds[:-1], curves.counts)
    step = hashing.GOLDEN * (2 * place.astype(np.uint64) + np.uint64(1))
    return np.repeat(_own(keys, purpose, 0), curves.counts) + step


def _own(keys: Keys, purpose: str, number: int) -> Keys:
    with np.errstate(over="ignore"):
        return hashing.mix(keys + hashing.digest(purpose) + hashing.GOLDEN * np.uint64(number))
