"""Files that grow by tables of the same columns, so that none is in memory whole."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import polars as pl

if TYPE_CHECKING:
    import pyarrow.parquet as pq


class GrowingTable:
    """A Parquet or CSV file to append to, in a `with` statement.

    Args:
        path: The file. Its suffix tells the form unless `parquet` does: ``.parquet``,
            else CSV, compressed where it ends in ``.gz``.
        parquet: Whether it is Parquet.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, path: Path, parquet: bool | None = None) -> None:
        if parquet is None:
            parquet = path.suffix == ".parquet"
        self._append, self._close = _parquet(path) if parquet else _csv(path)

    def write(self, table: pl.DataFrame) -> None:
        """Append the rows of a table."""
        self._append(table)

    def close(self) -> None:
        """Complete the file."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _parquet(path: Path) -> tuple[Callable[[pl.DataFrame], None], Callable[[], None]]:
    import pyarrow.parquet as pq

    writer: list[pq.ParquetWriter] = []

    def append(table: pl.DataFrame) -> None:
        arrow = table.to_arrow()
        if not writer:
            writer.append(pq.ParquetWriter(path, arrow.schema, compression="zstd"))
        writer[0].write_table(arrow)

    def close() -> None:
        for one in writer:
            one.close()

    return append, close


def _csv(path: Path) -> tuple[Callable[[pl.DataFrame], None], Callable[[], None]]:
    # Little compression: the noise does not compress, and a higher level takes minutes.
    file: Any = gzip.open(path, "wb", 3) if path.suffix == ".gz" else path.open("wb")  # noqa: SIM115
    header = [True]

    def append(table: pl.DataFrame) -> None:
        table.write_csv(file, include_header=header[0])
        header[0] = False

    return append, file.close
