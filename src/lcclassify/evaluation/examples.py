"""Which few of many objects are worth looking at, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PER_KIND: Final = 6

# What an example is an example of, in the order of the report.
RIGHT: Final = "right"  # or, without a label, confident
WRONG: Final = "wrong"
UNCERTAIN: Final = "uncertain"
UNKNOWN: Final = "unknown"
KINDS: Final = (RIGHT, WRONG, UNCERTAIN, UNKNOWN)


@dataclass(frozen=True)
class Example:
    """One object that is shown.

    Attributes:
        row: Its row.
        group: The class that it is shown under.
        kind: One of `KINDS`.
    """

    row: int
    group: int
    kind: str


def choose_examples(
    probabilities: FloatArray,
    targets: IntArray,
    unknown: FloatArray | None = None,
    *,
    by_prediction: bool = False,
    per_kind: int = PER_KIND,
) -> list[Example]:
    """Choose the clearest cases, the worst errors, the least certain and the strangest.

    The first `per_kind` of each class and kind in a fixed order, so that the choice from
    a part that holds all of them is the same, and that from the choices of several parts is
    the choice from the whole.

    Args:
        probabilities: ``(N, K) float64``, rows without NaN.
        targets: ``(N,) int64``, below 0 where the class is not known.
        unknown: ``(N,)`` how unlike all classes an object is, or None.
        by_prediction: Whether objects stand under the class that they are given, as where
            few labels are known; else under their own.
        per_kind: Most objects of a class and kind.

    Returns:
        By class, kind and rank.
    """
    n, k = probabilities.shape
    if n == 0:
        return []
    predicted = probabilities.argmax(axis=1)
    top = probabilities[np.arange(n), predicted]
    groups = predicted if by_prediction else targets
    wrong = (targets >= 0) & (predicted != targets)
    every = np.ones(n, dtype=bool)
    orders: dict[str, tuple[NDArray[np.bool_], FloatArray]] = {
        RIGHT: (~wrong, -top),
        WRONG: (wrong, -top),
        UNCERTAIN: (every, top),
    }
    if unknown is not None:
        orders[UNKNOWN] = (np.isfinite(unknown), -unknown)
    found = []
    for group in range(k):
        shown = np.zeros(n, dtype=bool)
        for kind, (usable, value) in orders.items():
            # What a small class shows already is not its least certain as well.
            left = ~shown if kind == UNCERTAIN else every
            rows = np.flatnonzero(usable & left & (groups == group))
            first = rows[np.argsort(value[rows], kind="stable")[:per_kind]]
            shown[first] = True
            found += [Example(int(row), group, kind) for row in first]
    return found
