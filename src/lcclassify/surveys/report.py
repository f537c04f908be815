"""The account of how a survey was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from lcclassify.schema import OBJECT_ID


def counted(count: int, singular: str, plural: str) -> str:
    """Return a number and the words that go with it."""
    return f"{count:,} {singular if count == 1 else plural}"


@dataclass(frozen=True, eq=False)
class ReadReport:
    """What was read and what was left out, so that nothing is dropped silently.

    An observation with several faults is counted once, under the first of: a cut, no row
    in the object table, time, flux, flux error.

    Attributes:
        rows_read: Rows of the observation table before anything was left out.
        cut: Rows left out by the survey's cuts.
        nan_flux: Rows left out because the flux is missing, NaN or infinite.
        bad_flux_err: Rows left out because the error is missing, NaN, infinite or <= 0.
        bad_mjd: Rows left out because the time is missing, NaN or infinite.
        duplicates: Rows left out because they repeat another one exactly.
        orphan_rows: Rows left out because their object has no row in the object table.
        orphan_ids: Sorted ids of the objects of these rows.
        objects_without_observations: Objects of the object table without a usable row.
        unstated_detections: Rows, those left out for other reasons not among them, that do
            not say whether they are detections.
        limits: Rows that state an upper limit.
        messages: Further sentences that a survey wants said.
    """

    rows_read: int
    cut: int = 0
    nan_flux: int = 0
    bad_flux_err: int = 0
    bad_mjd: int = 0
    duplicates: int = 0
    orphan_rows: int = 0
    orphan_ids: pl.Series = field(default_factory=lambda: pl.Series(OBJECT_ID, [], pl.Int64))
    objects_without_observations: int = 0
    unstated_detections: int = 0
    limits: int = 0
    messages: tuple[str, ...] = ()

    @property
    def rows_kept(self) -> int:
        """Rows of the canonical observation table."""
        dropped = self.cut + self.nan_flux + self.bad_flux_err + self.bad_mjd + self.duplicates
        return self.rows_read - dropped - self.orphan_rows

    def sentences(self) -> list[str]:
        """Return one readable sentence for each nonzero count, then the messages."""
        return [*self._counts(), *self.messages]

    def _counts(self) -> Iterator[str]:
        rows = ("observation was", "observations were")
        if self.cut:
            yield f"{counted(self.cut, *rows)} left out by survey.cuts."
        for count, why in (
            (self.nan_flux, "the flux is missing or not finite"),
            (self.bad_flux_err, "the flux error is missing, not finite or not positive"),
            (self.bad_mjd, "the time is missing or not finite"),
        ):
            if count:
                yield f"{counted(count, *rows)} left out because {why}."
        if self.duplicates:
            yield (
                f"{counted(self.duplicates, *rows)} left out as exact "
                f"{'duplicate' if self.duplicates == 1 else 'duplicates'} of another one."
            )
        if len(self.orphan_ids):
            shown = ", ".join(str(value) for value in self.orphan_ids.head(3).to_list())
            more = ", ..." if len(self.orphan_ids) > 3 else ""
            yield (
                f"{counted(self.orphan_rows, *rows)} left out because "
                f"{counted(len(self.orphan_ids), 'object has', 'objects have')} no row in the "
                f"object table ({shown}{more})."
            )
        if self.objects_without_observations:
            count = self.objects_without_observations
            yield f"{counted(count, 'object has', 'objects have')} no usable observation."
        if self.limits:
            are = ("observation is an upper limit", "observations are upper limits")
            yield (
                f"{counted(self.limits, *are)}: flux 0 with the error that survey.limit_sigmas "
                "implies, or left out where it is null."
            )
        if self.unstated_detections:
            has = counted(self.unstated_detections, "observation has", "observations have")
            yield f"{has} no value of 'detected': the detection_snr of the survey tells."
