"""Files whose columns have types: their values, exactly, or in which row they are wrong."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.schema import MJD, OBJECT_ID
from lcclassify.tables.astropy_tables import text_of_bytes, times_to_mjd
from lcclassify.tables.columns import (
    TEXT_TYPES,
    Column,
    find_columns,
    must_hold,
    parsed,
    plain,
    said_where,
)
from lcclassify.tables.content import readable
from lcclassify.tables.ids import of_floats
from lcclassify.tables.rejects import (
    REJECT_COUNT,
    REJECT_REASON,
    REJECT_ROW,
    as_rejects,
    no_rejects,
)
from lcclassify.tables.rowfile import Part, RowFile, Rows

POSITION: Final = "__position"  # of the row of the file that a row was made of


class ColumnarRows(RowFile):
    """A file of which any rows of any columns can be had.

    What is damaged of it is rejected in whole units, such as row groups, or those parts of
    larger ones that chunks may begin with.

    Raises:
        DataError: The file is damaged or lacks a required column.
    """

    first = 0
    step = 1 << 10
    each = 1.0  # rows that a row of the file becomes, about

    def __init__(self, path: Path, columns: Mapping[str, Column], rows: int) -> None:
        self.path = path
        names = self._names()
        found = find_columns(names, columns, path)
        self._found = {new: (names[position], column) for new, (position, column) in found.items()}
        self._rows = rows
        self._units = self._cut()
        self.end = self._units[-1]

    @property
    def has_dates(self) -> bool:
        """Whether times are dates, which become MJD."""
        name, _ = self._found[MJD]
        return self._load([name], 0, 0)[name].dtype in (pl.Date, pl.Datetime)

    @abstractmethod
    def _names(self) -> list[str]:
        """Return the names of the columns."""

    @abstractmethod
    def _sizes(self) -> list[int]:
        """Return how many rows there are in each unit that can be damaged."""

    @abstractmethod
    def _load(self, names: list[str], first: int, count: int) -> pl.DataFrame:
        """Return rows as they stand in the file; maybe several of a row that holds lists.

        These then have their position from `first` in a column `POSITION`, and maybe what is
        wrong with them in a column `REJECT_REASON`.
        """

    def __getstate__(self) -> dict[str, Any]:
        # Of large surveys there are too many of them to be sent with every task.
        return {**self.__dict__, "_units": []}

    def read(self, begin: int, end: int, *, lenient: bool = False) -> Rows:
        """Return a range of rows."""
        units = self._overlapping(begin, end) if lenient and begin < end else [(begin, end)]
        frames, positions, rejects = [], [], [no_rejects()]
        for start, stop in units:
            low, high = max(start, begin), min(stop, end)
            try:
                frame, where, bad = self._values(self._found, start, stop)
            except DataError as fault:
                if not lenient:
                    raise
                said = str(fault).replace(str(self.path), self.name)
                columns = {REJECT_ROW: [low], REJECT_COUNT: [high - low], REJECT_REASON: said}
                rejects.append(as_rejects(self.name, columns))
                continue
            if (low, high) != (start, stop):
                inside = (where >= low) & (where < high)
                frame, where = frame.filter(pl.Series(inside)), where[inside]
                bad = bad.filter(pl.col(REJECT_ROW).is_between(low, high - 1))
            frames.append(frame)
            positions.append(where)
            rejects.append(bad)
        if not frames:
            frame, where, _ = self._values(self._found, 0, 0)
            frames, positions = [frame], [where]
        at = np.concatenate(positions)
        return Rows(pl.concat(frames), pl.concat(rejects), lambda rows: {REJECT_ROW: at[rows]})

    def ids(self, begin: int, end: int) -> pl.DataFrame | None:
        """Return the ids alone of a range of rows."""
        frame, _, bad = self._values({OBJECT_ID: self._found[OBJECT_ID]}, begin, end)
        return None if bad.height else frame  # else a row is no longer one position

    def parts(self, rows: int) -> list[Part]:
        """Cut the file into ranges of about so many rows at most."""
        cuts = [0]
        for unit in self._units[1:]:
            if (unit - cuts[-1]) * self.each >= 0.75 * rows or unit == self.end:
                cuts.append(unit)
        return [Part(a, b, (b - a) * self.each) for a, b in pairwise(cuts) if a < b]

    def count_rows(self) -> int | None:
        """Return the number of rows that the file states."""
        return self.end

    def _cut(self) -> list[int]:
        """Return where units begin, and parts of those larger than a chunk."""
        units = [0]
        for size in self._sizes():
            number = max(-(-size // self._rows), 1)
            start = units[-1]
            units += [start + size * k // number for k in range(1, number + 1)]
        return units

    def _overlapping(self, begin: int, end: int) -> list[tuple[int, int]]:
        if not self._units:
            self._units = self._cut()
        first = max(int(np.searchsorted(self._units, begin, side="right")) - 1, 0)
        last = int(np.searchsorted(self._units, end, side="left"))
        return [(a, b) for a, b in pairwise(self._units[first : last + 1]) if a < b]

    def _values(
        self, found: Mapping[str, tuple[str, Column]], start: int, stop: int
    ) -> tuple[pl.DataFrame, NDArray[np.int64], pl.DataFrame]:
        """Return the good rows of a range, their positions in the file, and the rejects.

        Raises:
            DataError: The file is damaged, or a column of another kind.
        """
        names = list(dict.fromkeys(name for name, _ in found.values()))
        table = self._load(names, start, stop - start)
        if POSITION in table.columns:
            where = table[POSITION].to_numpy().astype(np.int64) + start
        else:
            where = np.arange(start, start + table.height)
        values: list[pl.Series] = []
        reasons = [table[REJECT_REASON]] if REJECT_REASON in table.columns else []
        for new, (name, column) in found.items():
            series = table[name]
            if new == MJD and series.dtype in (pl.Date, pl.Datetime):
                series = times_to_mjd(series)
            series, reason = self._converted(series, column)
            values.append(series.alias(new))
            if column.filled and series.null_count():
                absent = said_where(series.is_null(), pl.lit(f"column '{name}' is empty"))
                reasons += [absent] if reason is None else [reason, absent]
            elif reason is not None:
                reasons.append(reason)
        frame = pl.DataFrame(values)
        if not reasons:
            return frame, where, no_rejects()
        said = pl.select(pl.coalesce(reasons)).to_series()
        bad = said.is_not_null()
        written = table[found[OBJECT_ID][0]] if OBJECT_ID in found else None
        columns = {
            REJECT_ROW: where[bad.to_numpy()],
            OBJECT_ID: None if written is None else written.filter(bad).cast(pl.String),
            REJECT_REASON: said.filter(bad),
        }
        return frame.filter(~bad), where[~bad.to_numpy()], as_rejects(self.name, columns)

    def _converted(self, series: pl.Series, column: Column) -> tuple[pl.Series, pl.Series | None]:
        """Return a column as the type of its kind, and what is wrong with values of it."""
        series = plain(series)
        if series.dtype == pl.Binary:
            with readable(self.path):
                series = text_of_bytes(series)
        dtype, kind = series.dtype, column.kind
        if dtype == pl.Null or (dtype == pl.Boolean and kind in ("number", "text")):
            return series.cast(TEXT_TYPES[kind]), None
        if kind in ("text", "id"):
            if dtype.is_float() and kind == "id":
                return of_floats(series, str(self.path))
            if dtype.is_float():  # class 90 may be stored as 90.0
                series = series.fill_nan(None)
                whole = series.cast(pl.Int64, strict=False)
                words = pl.when(pl.lit(whole.cast(dtype) == series)).then(whole.cast(pl.String))
                return pl.select(words.otherwise(series.cast(pl.String))).to_series(), None
            if not (dtype.is_numeric() or dtype == pl.String):
                raise DataError(f"{self.path}: column '{series.name}' must hold text, got {dtype}")
            if dtype.is_integer() and kind == "id":
                return series, None
            text = series.cast(pl.String).str.strip_chars()  # as in text files
            return text.set(text == "", None), None
        if dtype == pl.String:
            value, said = parsed(pl.lit(series), series.name, kind, column.missing)
            read = pl.select(value=value, said=said)
            return read["value"], _or_none(read["said"])
        if not dtype.is_numeric():
            raise DataError(f"{self.path}: column '{series.name}' must hold numbers, got {dtype}")
        if kind == "number" or dtype.is_integer():
            return series.cast(TEXT_TYPES[kind]), None
        series = series.fill_nan(None) if dtype.is_float() else series
        whole = series.cast(pl.Int64, strict=False)
        wrong = (whole.cast(dtype) != series).fill_null(True) & series.is_not_null()
        if not wrong.any():
            return whole, None
        said = must_hold(series.name, kind, pl.lit(series.cast(pl.String)))
        return whole.set(wrong, None), said_where(wrong, said)


def _or_none(reasons: pl.Series) -> pl.Series | None:
    return None if reasons.null_count() == len(reasons) else reasons
