"""Looks at the headers of Parquet pages before Polars does, which takes them at their word.

Of a page that states fewer than no values it makes room for nearly 2^64 of them, which ends the
process without an exception that anything could be told of.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow.parquet as pq

from lcclassify.errors import DataError

# Numbers of fields in Thrift's compact form: of a header, and of the kinds of pages in it.
_UNPACKED: Final = 2  # bytes
_PACKED: Final = 3
_VALUES: Final = 1  # of a page of any kind
_DICTIONARY: Final = 7
_OF_DATA: Final = (5, 8)  # versions 1 and 2
_FAULTS: Final = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)

_Fields = dict[int, Any]


class PageHeaders:
    """The headers of a file's pages, each of which is looked at once.

    Args:
        path: A Parquet file.

    Attributes:
        rows: Of each row group.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._metadata: Any = pq.read_metadata(path)
        groups = range(self._metadata.num_row_groups)
        self.rows: list[int] = [self._metadata.row_group(group).num_rows for group in groups]
        self._starts = np.cumsum([0, *self.rows])
        columns = range(self._metadata.num_columns)
        paths = [self._metadata.schema.column(column).path for column in columns]
        self._roots = [path.partition(".")[0] for path in paths]
        self._sound: set[tuple[int, int]] = set()

    def check(self, names: Collection[str], first: int, stop: int) -> None:
        """Check the pages of columns, in all row groups that a range of rows touches.

        Args:
            names: Columns, or fields of columns behind a dot.
            first: First row.
            stop: Row behind the last.

        Raises:
            DataError: A header is damaged.
        """
        roots = {name.partition(".")[0] for name in names}
        columns = [column for column, root in enumerate(self._roots) if root in roots]
        begin, end = self._starts[:-1], self._starts[1:]
        inside = (begin < end) & (begin < stop) & (end > first)
        for place in product(np.flatnonzero(inside).tolist(), columns):
            if place not in self._sound:
                self._check(*place)
                self._sound.add(place)

    def _check(self, group: int, column: int) -> None:
        chunk = self._metadata.row_group(group).column(column)
        try:
            with self._path.open("rb") as stream:
                _check_chunk(stream, chunk)
        except _FAULTS as fault:
            raise DataError(
                f"{self._path} is damaged: a page of column '{chunk.path_in_schema}' in row group "
                f"{group + 1} is not what the file says of it"
            ) from fault


def _check_chunk(stream: IO[bytes], chunk: Any) -> None:
    """Go through the pages of a column in a row group, up to its last value."""
    offsets = (chunk.dictionary_page_offset, chunk.data_page_offset)
    stream.seek(min(offset for offset in offsets if offset))
    left, room = chunk.num_values, chunk.total_uncompressed_size
    while left:
        header = _struct(stream)
        # Pages of an index have no values, those of a dictionary none of the column's.
        values = [header[kind][_VALUES] for kind in (*_OF_DATA, _DICTIONARY) if kind in header]
        left -= sum(values) if _DICTIONARY not in header else 0
        room -= header[_UNPACKED]
        if min(left, room, header[_UNPACKED], header[_PACKED], *values) < 0:
            raise ValueError(header)
        stream.seek(header[_PACKED], 1)


def _struct(stream: IO[bytes]) -> _Fields:
    """Return the fields of a struct by number; None for all but whole numbers and structs."""
    fields: _Fields = {}
    number = 0
    while head := stream.read(1)[0]:
        number = number + (head >> 4) if head >> 4 else _integer(stream)
        fields[number] = _value(stream, head & 15)
    return fields


def _value(stream: IO[bytes], kind: int) -> Any:
    if kind in (1, 2):  # a truth value is in the kind
        return None
    if kind == 3:
        return stream.read(1)[0]
    if kind in (4, 5, 6):
        return _integer(stream)
    if kind in (7, 8):
        stream.seek(8 if kind == 7 else _unsigned(stream), 1)
        return None
    if kind == 12:
        return _struct(stream)
    raise ValueError(kind)


def _integer(stream: IO[bytes]) -> int:
    value = _unsigned(stream)
    return (value >> 1) ^ -(value & 1)


def _unsigned(stream: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)[0]
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise ValueError(value)
