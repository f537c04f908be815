"""How often prediction sets hold the true class, and how large they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.schema import Taxonomy


def coverage(
    sets: NDArray[np.bool_], targets: NDArray[np.int64], taxonomy: Taxonomy, level: float, by: str
) -> dict[str, Any]:
    """Return what sets of classes hold.

    Args:
        sets: ``(N, K) bool``, the classes in each object's set.
        targets: ``(N,)`` true classes.
        taxonomy: The K classes.
        level: Probability that the sets were made for.
        by: ``class`` or ``all``: of what the level is promised.

    Returns:
        `level`, `by`, `marginal` and, by label, `classes`: each with `objects`, `coverage`
        (share of sets that hold the true class), `mean_size` and `empty` (share).

    Raises:
        DataError: The shapes do not fit, or there is no object.
    """
    if sets.ndim != 2 or sets.shape != (len(targets), len(taxonomy)) or len(targets) == 0:
        raise DataError(
            f"sets must be (objects, {len(taxonomy)}) for {len(targets)} objects, at least one, "
            f"got {sets.shape}"
        )
    held = sets[np.arange(len(targets)), targets]
    sizes = sets.sum(axis=1)

    def figures(chosen: NDArray[np.bool_]) -> dict[str, float | int]:
        return {
            "objects": int(chosen.sum()),
            "coverage": float(held[chosen].mean()),
            "mean_size": float(sizes[chosen].mean()),
            "empty": float((sizes[chosen] == 0).mean()),
        }

    return {
        "level": level,
        "by": by,
        "marginal": figures(np.ones(len(targets), dtype=np.bool_)),
        "classes": {
            label: figures(targets == k)
            for k, label in enumerate(taxonomy.classes)
            if (targets == k).any()
        },
    }
