"""What a prediction is: probabilities, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.schema import OBJECT_ID

CLASS_PREFIX: Final = "class_"
UNKNOWN: Final = "unknown"
PREDICTED_CLASS: Final = "predicted_class"
REASON: Final = "reason"

NO_OBSERVATION: Final = "no usable observation"
NO_OBJECT_ROW: Final = "not in the object table"
NOT_FINITE: Final = "the networks gave no finite probability"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of N objects in the order of their ids.

    Attributes:
        object_ids: ``(N,)`` ids, ascending.
        probabilities: ``(N, K) float64``, rows summing to 1; NaN for an object that
            cannot be scored.
        reasons: ``(N,)`` String, why an object cannot be scored; null where it is.
        members: ``(N, M, K) float64``, each member's own probabilities, or None where
            they were not asked for.
        unknown: ``(N,) float64``, probability of no known class, or None where the bundle
            does not tell it; NaN like the probabilities.
    """

    object_ids: pl.Series
    probabilities: NDArray[np.float64]
    reasons: pl.Series
    members: NDArray[np.float64] | None = None
    unknown: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.object_ids)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Whether each object has probabilities, ``(N,) bool``."""
        if self.reasons.null_count() == len(self):
            return np.ones(len(self), dtype=bool)
        scored: NDArray[np.bool_] = self.reasons.is_null().to_numpy()
        return scored

    def to_frame(self, classes: tuple[str, ...]) -> pl.DataFrame:
        """Return one row an object.

        Args:
            classes: The K labels in output order.

        Returns:
            `object_id`, ``class_<label>`` for every class and, where it is told, `unknown`
            (Float64), `predicted_class` and `reason` (String); either the last column is
            null or all of the others but the id are.
        """
        best = np.where(self.scored, np.nan_to_num(self.probabilities).argmax(axis=1), len(classes))
        columns = {
            f"{CLASS_PREFIX}{label}": pl.Series(self.probabilities[:, k], nan_to_null=True)
            for k, label in enumerate(classes)
        }
        if self.unknown is not None:
            columns[UNKNOWN] = pl.Series(self.unknown, nan_to_null=True)
        return pl.DataFrame(
            {
                OBJECT_ID: self.object_ids,
                **columns,
                PREDICTED_CLASS: pl.Series([*classes, None], dtype=pl.String)[best],
                REASON: self.reasons,
            }
        )


def concatenated(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of several runs of ascending ids, at least one, as one."""
    if len(parts) == 1:
        return parts[0]
    members = [part.members for part in parts if part.members is not None]
    unknown = [part.unknown for part in parts if part.unknown is not None]
    return Predictions(
        object_ids=pl.concat([part.object_ids for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        reasons=pl.concat([part.reasons for part in parts]),
        members=np.concatenate(members) if len(members) == len(parts) else None,
        unknown=np.concatenate(unknown) if len(unknown) == len(parts) else None,
    )


def with_unscored(predictions: Predictions, ids: pl.Series, reason: str) -> Predictions:
    """Return predictions with further objects that cannot be scored, in the order of ids."""
    all_ids = pl.concat([predictions.object_ids, ids.cast(predictions.object_ids.dtype)])
    order = all_ids.arg_sort()
    reasons = pl.concat([predictions.reasons, pl.Series([reason] * len(ids), dtype=pl.String)])

    def extended(array: NDArray[np.float64]) -> NDArray[np.float64]:
        missing = np.full((len(ids), *array.shape[1:]), np.nan)
        whole: NDArray[np.float64] = np.concatenate([array, missing])[order.to_numpy()]
        return whole

    members, unknown = predictions.members, predictions.unknown
    return Predictions(
        object_ids=all_ids.gather(order),
        probabilities=extended(predictions.probabilities),
        reasons=reasons.gather(order),
        members=None if members is None else extended(members),
        unknown=None if unknown is None else extended(unknown),
    )
