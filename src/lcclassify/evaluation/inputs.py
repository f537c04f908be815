"""The one place where stored probabilities and labels are checked before use."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lcclassify.errors import DataError
from lcclassify.schema import UNKNOWN_TARGET

ROW_SUM_TOLERANCE = 1e-4  # single-precision softmax outputs sum to 1 within about 1e-6


def check_probabilities(
    probabilities: ArrayLike, *, sums_to_one: bool = True
) -> NDArray[np.float64]:
    """Return probabilities as ``(N, K) float64`` with rows that sum to 1 exactly.

    Args:
        probabilities: ``(N, K)``, one row an object.
        sums_to_one: Whether a row whose sum is not 1 is refused; if not, any positive
            sum is accepted, as the PLAsTiCC metric prescribes.

    Returns:
        ``(N, K) float64``, every row divided by its sum.

    Raises:
        DataError: If the shape is wrong or empty, a value is not finite or negative,
            or a row's sum is not what it must be.
    """
    try:
        array = np.asarray(probabilities, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"probabilities must be an (objects, classes) array of numbers: {error}"
        ) from error
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"probabilities must have shape (objects, classes), got {array.shape}")
    if array.shape[0] == 0:
        raise DataError("probabilities must hold at least one object, got none")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise DataError(
            f"probabilities must be finite, got {array[row].tolist()} in row {row} "
            f"({int((~finite).sum())} such rows)"
        )
    if array.min() < 0:
        row = int(np.argmax((array < 0).any(axis=1)))
        raise DataError(
            f"probabilities must not be negative (logits are not accepted), "
            f"got {array[row].tolist()} in row {row}"
        )
    sums = array.sum(axis=1)
    wrong = np.abs(sums - 1) > ROW_SUM_TOLERANCE if sums_to_one else sums <= 0
    if wrong.any():
        row = int(np.argmax(wrong))
        expected = "sum to 1" if sums_to_one else "have a positive sum"
        raise DataError(
            f"every row of probabilities must {expected}, got a sum of {sums[row]:.6g} "
            f"in row {row} ({int(wrong.sum())} such rows)"
        )
    return np.asarray(array / sums[:, np.newaxis], dtype=np.float64)


def check_targets(targets: ArrayLike, n_objects: int, n_classes: int) -> NDArray[np.int64]:
    """Return targets as ``(N,) int64``, every one a class.

    Args:
        targets: ``(N,)`` class indices.
        n_objects: N, rows of the probabilities they belong to.
        n_classes: K.

    Raises:
        DataError: If the shape is not ``(N,)``, the values are not integers, an object
            is unlabelled, or an index is outside 0..K-1.
    """
    array = np.asarray(targets)
    if array.shape != (n_objects,):
        raise DataError(
            f"targets must have one entry an object, shape ({n_objects},), got {array.shape}"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"targets must be integers (class indices), got dtype {array.dtype}")
    unlabelled = array == UNKNOWN_TARGET
    if unlabelled.any():
        raise DataError(
            f"targets must be known for every object that is evaluated, got {UNKNOWN_TARGET} "
            f"(no label) for {int(unlabelled.sum())} of {n_objects} objects, first in row "
            f"{int(np.argmax(unlabelled))}; leave these objects out"
        )
    outside = (array < 0) | (array >= n_classes)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"targets must lie in 0..{n_classes - 1}, got {int(array[row])} in row {row}"
        )
    return array.astype(np.int64)


def check_labelled(
    probabilities: ArrayLike, targets: ArrayLike, *, sums_to_one: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return checked probabilities ``(N, K) float64`` and targets ``(N,) int64``.

    Raises:
        DataError: As `check_probabilities` and `check_targets`.
    """
    checked = check_probabilities(probabilities, sums_to_one=sums_to_one)
    return checked, check_targets(targets, *checked.shape)
