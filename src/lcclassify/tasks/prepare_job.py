"""What is done with one chunk of a survey that is prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from lcclassify.jobs.account import Stages, account_of, account_tables
from lcclassify.jobs.shards import ShardRecord, ShardStore
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import SurveyChunks
from lcclassify.tasks.surveying import with_flux_factor

if TYPE_CHECKING:
    from lcclassify.representations.prepared import PreparedSet
    from lcclassify.representations.representation import FittedRepresentation

# Tables of a shard.
FEATURES: Final = "features"
CONTEXT: Final = "context"
SEQUENCES: Final = "sequences"

NIGHT: Final = "night"


@dataclass(frozen=True, eq=False)
class PrepareJob:
    """Writes the features, context and sequences of a chunk.

    Attributes:
        chunks: The survey.
        store: Where the shards go.
        representation: How light curves become arrays.
        flux_factor: What the survey's fluxes are multiplied by.
    """

    chunks: SurveyChunks
    store: ShardStore
    representation: FittedRepresentation
    flux_factor: float

    def process(self, index: int) -> ShardRecord:
        """Take one chunk from the survey's files to its shard."""
        stages = Stages()
        with stages("read"):
            chunk = self.chunks.read(index)
            curves = with_flux_factor(chunk.light_curves, self.flux_factor)
        tables = account_tables(chunk)
        account = account_of(chunk)
        if not curves.observations.is_empty():
            with stages("prepare"):
                prepared = self.representation.prepare(curves)
                tables |= prepared_tables(prepared)
            account["longest"] = int(prepared.lengths.max())
        return self.store.write(index, tables, account, stages.seconds)


def prepared_tables(prepared: PreparedSet) -> dict[str, pl.DataFrame]:
    """Return a prepared set as tables: one row an object, and one row a night."""
    ids = prepared.object_ids.alias(OBJECT_ID)
    tables = {FEATURES: _with_ids(ids, prepared.features, prepared.feature_names)}
    if prepared.context_names:
        tables[CONTEXT] = _with_ids(ids, prepared.context, prepared.context_names)
    lengths = prepared.lengths
    owner = np.repeat(np.arange(len(prepared)), lengths)
    night = np.arange(len(owner)) - np.repeat(prepared.offsets[:-1], lengths)
    tables[SEQUENCES] = pl.DataFrame(
        {
            OBJECT_ID: ids.gather(owner),
            NIGHT: night.astype(np.int32),
            **{name: prepared.sequences[:, c] for c, name in enumerate(prepared.channel_names)},
        }
    )
    return tables


def _with_ids(
    ids: pl.Series, values: np.ndarray[Any, np.dtype[np.float64]], names: Sequence[str]
) -> pl.DataFrame:
    columns = {name: values[:, column] for column, name in enumerate(names)}
    return pl.DataFrame({OBJECT_ID: ids, **columns}).with_columns(
        pl.col(name).fill_nan(None) for name in names
    )
