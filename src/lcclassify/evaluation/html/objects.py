"""Objects with their probabilities, as sections of a report take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def short_name(quantity: str) -> str:
    """Return what stands before the first bracket or "of".

    Example:
        >>> short_name("redshift (hostgal_photoz)"), short_name("magnitude of the first night")
        ('redshift', 'magnitude')
    """
    return quantity.partition(" (")[0].partition(" of ")[0]


@dataclass(frozen=True, eq=False)
class ReportObjects:
    """Objects of one kind and what the reported model says of them.

    Attributes:
        what: What they are, such as "test objects".
        ids: ``(N,)`` ids as text.
        probabilities: ``(N, K)``.
        targets: ``(N,) int64``, below 0 where the class is not known.
        unknown: ``(N,)`` how unlike all classes each is, or None.
        quantities: By what they are, such as "magnitude of the brightest observation", whose
            `short_name` stands below a light curve; ``(N,)`` values, NaN where missing.
    """

    what: str
    ids: Sequence[str]
    probabilities: FloatArray
    targets: IntArray
    unknown: FloatArray | None = None
    quantities: dict[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def predicted(self) -> IntArray:
        """The most probable class of each, ``(N,)``."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def top(self) -> FloatArray:
        """The highest probability of each, ``(N,)``."""
        return np.asarray(self.probabilities.max(axis=1), dtype=np.float64)

    def labelled(self) -> ReportObjects:
        """Return those whose class is known."""
        return self if (self.targets >= 0).all() else self.take(np.flatnonzero(self.targets >= 0))

    def take(self, rows: IntArray) -> ReportObjects:
        """Return some of them."""
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            probabilities=self.probabilities[rows],
            targets=self.targets[rows],
            unknown=None if self.unknown is None else self.unknown[rows],
            quantities={name: values[rows] for name, values in self.quantities.items()},
        )
