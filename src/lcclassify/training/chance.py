"""Whether one loss is larger than another by more than chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def is_near(losses: FloatArray, best: FloatArray, errors: float) -> bool:
    """Tell whether a mean loss exceeds another by no more than so many standard errors.

    Args:
        losses: ``(n,)`` of objects.
        best: ``(n,)`` others of the same objects.
        errors: Standard errors of the mean difference.
    """
    difference = losses - best
    error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
    return bool(difference.mean() <= errors * error)
