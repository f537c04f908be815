"""The confusion matrix of a report, and the objects of each of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.evaluation.html.objects import ReportObjects

IntArray = NDArray[np.int64]

LISTED: Final = 100  # objects of a cell, the most confident first
_ALL_LISTED: Final = 60_000  # of all cells, where there are many classes

_DEEPEST: Final = (8, 64, 110)


@dataclass(frozen=True)
class MatrixCell:
    """One pair of classes.

    Attributes:
        count: Objects.
        share: Of the objects of the true class, in words; empty without objects.
        background: Colour.
        ink: Colour of the text on it.
    """

    count: int
    share: str
    background: str
    ink: str


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix.

    Attributes:
        names: Of the classes.
        totals: Objects of each true class.
        cells: Rows of true, columns of predicted classes.
        objects: By ``row,column`` lists of ``[id, probability of the predicted class]``;
            empty where objects are not known one by one.
    """

    names: Sequence[str]
    totals: Sequence[int]
    cells: Sequence[Sequence[MatrixCell]]
    objects: dict[str, list[tuple[str, float]]]


def matrix_of(
    counts: Sequence[Sequence[int]], names: Sequence[str], objects: ReportObjects | None
) -> Matrix:
    """Return the matrix with its objects.

    Args:
        counts: ``(K, K)``, true class in rows.
        names: Of the K classes.
        objects: Labelled objects, or None where they are not known one by one.
    """
    cells = []
    totals = [sum(row) for row in counts]
    for row, total in zip(counts, totals, strict=True):
        cells.append([_cell(count, total) for count in row])
    listed = {} if objects is None else _listed(objects)
    return Matrix(names, totals, cells, listed)


def _cell(count: int, total: int) -> MatrixCell:
    share = count / total if total else 0.0
    rgb = [round(255 + (end - 255) * share**0.8) for end in _DEEPEST]
    # Whichever of black and white is the farther from a colour is 4.5:1 or more.
    dark = _luminance(rgb) > 0.179
    return MatrixCell(
        count,
        f"{share:.1%}" if total else "",
        "#" + "".join(f"{value:02x}" for value in rgb),
        "#000" if dark else "#fff",
    )


def _luminance(rgb: Sequence[int]) -> float:
    """Return relative luminance as WCAG defines it."""
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (value / 255 for value in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _listed(objects: ReportObjects) -> dict[str, list[tuple[str, float]]]:
    k = objects.probabilities.shape[1]
    top = objects.top
    cell = objects.targets * k + objects.predicted
    order = np.lexsort((-top, cell))
    found: dict[str, list[tuple[str, float]]] = {}
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    most = min(LISTED, _ALL_LISTED // max(len(starts), 1))
    for begin, end in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = order[begin : min(end, begin + most)]
        true, said = divmod(int(cell[rows[0]]), k)
        found[f"{true},{said}"] = [(objects.ids[row], round(float(top[row]), 3)) for row in rows]
    return found
