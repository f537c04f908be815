"""Chunks of a survey that is read whole: for formats that cannot be read in parts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.chunks import CHUNK_ROWS, Chunk, SurveyChunks
from lcclassify.surveys.held import Held
from lcclassify.surveys.report import ReadReport

if TYPE_CHECKING:
    from lcclassify.surveys.base import Survey, SurveyData


class WholeChunks(SurveyChunks):
    """Slices of what `Survey.read` returns, which every process calls once.

    What is told of the survey as a whole, rows left out and orphans, is told by the first
    chunk.

    Args:
        survey: Picklable.
        labels: As of `Survey.read`.
        rows: Observations of a chunk, about.
    """

    def __init__(self, survey: Survey, *, labels: bool = True, rows: int = CHUNK_ROWS) -> None:
        self._rows = rows
        self._data: Held[SurveyData] = Held(partial(survey.read, labels=labels))
        data = self._data.get()
        self.taxonomy = data.taxonomy
        self.zeropoint = data.zeropoint
        ids = data.light_curves.observations[OBJECT_ID]
        # Rows at which an object begins, then those of them at which a chunk does.
        starts = np.flatnonzero((ids != ids.shift(1)).fill_null(True).to_numpy())
        firsts = np.flatnonzero(np.diff(starts // rows, prepend=-1)) if len(ids) else [0]
        self._cuts = [int(starts[first]) if len(ids) else 0 for first in firsts] + [len(ids)]

    @property
    def objects(self) -> pl.DataFrame:  # type: ignore[override]
        """The canonical object table."""
        return self._data.get().light_curves.objects

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self._cuts) - 1

    def read(self, index: int) -> Chunk:
        """Return one chunk."""
        data = self._data.get()
        start, stop = self._cuts[index], self._cuts[index + 1]
        observations = data.light_curves.observations[start:stop]
        objects = data.light_curves.objects
        own = objects.filter(objects[OBJECT_ID].is_in(observations[OBJECT_ID].unique().implode()))
        curves = replace(data.light_curves, observations=observations, objects=own)
        report = ReadReport(rows_read=len(observations), orphan_ids=data.report.orphan_ids.clear())
        if index == 0:
            left_out = data.report.rows_read - data.report.rows_kept
            report = replace(data.report, rows_read=left_out + len(observations))
        return Chunk(curves, report)

    def regrouped(self, folder: Path) -> SurveyChunks:
        """Return these chunks: no object is in two of them."""
        return self
