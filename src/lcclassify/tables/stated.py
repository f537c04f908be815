"""Files all rows of which share some values that stand elsewhere, such as in the file's name."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from lcclassify.schema import OBJECT_ID
from lcclassify.tables.rowfile import Part, RowFile, Rows


class StatedRows(RowFile):
    """The rows of a file with further columns of one value each.

    Args:
        file: Without these columns.
        values: Text by column.
    """

    def __init__(self, file: RowFile, values: Mapping[str, str]) -> None:
        self.file = file
        self.values = dict(values)
        self.path, self.first, self.end, self.step = file.path, file.first, file.end, file.step

    def read(self, begin: int, end: int, *, lenient: bool = False) -> Rows:
        """Return the rows that begin in a range."""
        rows = self.file.read(begin, end, lenient=lenient)
        frame = rows.frame.with_columns(
            pl.lit(value).alias(name) for name, value in self.values.items()
        )
        rejects = rows.rejects
        if OBJECT_ID in self.values:
            rejects = rejects.with_columns(pl.lit(self.values[OBJECT_ID]).alias(OBJECT_ID))
        return Rows(frame, rejects, rows.place)

    def ids(self, begin: int, end: int) -> pl.DataFrame | None:
        """Return the ids alone of the rows that begin in a range."""
        return None if OBJECT_ID in self.values else self.file.ids(begin, end)

    def stamp(self) -> object:
        """Return what is another if the file was changed."""
        return self.file.stamp()

    def parts(self, rows: int) -> list[Part]:
        """Cut the file into ranges of about so many rows at most."""
        return self.file.parts(rows)

    def count_rows(self) -> int | None:
        """Return the number of rows, None where that takes as long as reading them."""
        return self.file.count_rows()
