"""What steps are fitted on, and what they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from lcclassify.augment.conditions import Conditions
from lcclassify.augment.curves import FloatArray, IntArray
from lcclassify.augment.drawn import Drawn, Keys


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
        target: Photometric redshifts of the objects to be classified, NaN where there is none,
            and their highest signal-to-noise ratios; None where nothing of them is to be used.
        survey: What the survey makes of objects.
        threads: For what takes long.
        steps: Those fitted so far, which come before the others.
        notes: Sentences on what was done with the objects; steps add theirs.
    """

    drawn: Drawn
    wavelengths: FloatArray
    targets: IntArray
    n_classes: int
    redshift: FloatArray
    photometric: tuple[str | None, str | None, str | None]
    target: tuple[FloatArray, FloatArray] | None
    survey: Conditions
    threads: int = 1
    steps: tuple[FittedStep, ...] = ()
    notes: list[str] = field(default_factory=list)


class FittedStep(Protocol):
    """A step that knows what it needs of the training set."""

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects changed, each by nothing but its own key ``(N,) uint64``."""


class Step(Protocol):
    """One way of changing objects, as configured."""

    def fitted(self, sample: Sample) -> FittedStep:
        """Return the step for a training set."""
