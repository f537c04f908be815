"""Files of one row an observation, of which any part can be read without the rest.

A part is a range of positions: bytes of a text file, rows of other files. It holds the
rows that begin in it, so that ranges side by side share no row and miss none.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.schema import OBJECT_ID
from lcclassify.tables.held import Held
from lcclassify.tables.rejects import REJECT_ROW, no_rejects


class Rows(NamedTuple):
    """Rows of a file.

    Attributes:
        frame: The good ones, under their new names.
        rejects: Those that could not be read, see `rejects`.
        place: Returns the column of a table of rejects that says where in the file rows of
            `frame` are, given their positions in it, ``(n,) int64``.
    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    place: Callable[[NDArray[np.int64]], dict[str, object]]


class Part(NamedTuple):
    """A range of positions, and how many rows it holds, about."""

    begin: int
    end: int
    rows: float


class RowFile(ABC):
    """A file of rows; picklable.

    Attributes:
        path: The file.
        first: Position of the first row.
        end: Position behind the last row.
        step: What a look at some few rows takes.
    """

    path: Path
    first: int
    end: int
    step: int

    @property
    def name(self) -> str:
        """The path as text that Polars takes, whatever the locale or the bytes of the path."""
        return os.fsencode(self.path).decode(errors="replace")

    @abstractmethod
    def read(self, begin: int, end: int, *, lenient: bool = False) -> Rows:
        """Return the rows that begin in a range.

        Args:
            begin: First position.
            end: Position behind the last.
            lenient: Whether rows that lie in a damaged part of the file are rejected; the same
                ones whichever range is read.

        Raises:
            DataError: The file is damaged.
        """

    def ids(self, begin: int, end: int) -> pl.DataFrame | None:
        """Return the ids alone of the rows that begin in a range; a row is one position.

        None where that takes as long as reading the rows.
        """
        return None

    def stamp(self) -> object:
        """Return what is another if the file was changed."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    @abstractmethod
    def parts(self, rows: int) -> list[Part]:
        """Cut the file into ranges of about so many rows at most."""

    @abstractmethod
    def count_rows(self) -> int | None:
        """Return the number of rows, None where that takes as long as reading them."""


class FrameRows(RowFile):
    """A table in memory, which every process makes once.

    Args:
        made: Makes tables; the one called `name` is read.
        name: See `made`.
        path: What the rows come from, for messages.
    """

    first = 0
    step = 1 << 10

    def __init__(self, made: Held[dict[str, pl.DataFrame]], name: str, path: Path) -> None:
        self.path = path
        self._made = made
        self._name = name
        self.end = self._frame().height

    def read(self, begin: int, end: int, *, lenient: bool = False) -> Rows:
        """Return a range of rows."""
        frame = self._frame()[begin:end]
        return Rows(frame, no_rejects(), lambda rows: {REJECT_ROW: rows + begin})

    def ids(self, begin: int, end: int) -> pl.DataFrame:
        """Return the ids alone of a range of rows."""
        return self._frame()[begin:end].select(OBJECT_ID)

    def stamp(self) -> object:
        """Return nothing: what was made stays."""
        return None

    def parts(self, rows: int) -> list[Part]:
        """Cut the table into ranges of about so many rows at most."""
        number = max(-(-self.end // rows), 1)
        cuts = [self.end * k // number for k in range(number + 1)]
        return [Part(a, b, b - a) for a, b in pairwise(cuts) if a < b]

    def count_rows(self) -> int:
        """Return the number of rows."""
        return self.end

    def _frame(self) -> pl.DataFrame:
        return self._made.get()[self._name]
