"""Files that appear whole or not at all, and files that grow."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from lcclassify.errors import OutputError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow.parquet as pq


def unfinished(path: Path) -> Path:
    """Return a name beside a path for what is not finished, the same to no two processes."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, which takes its place at the end.

    An earlier file of that name stays as it was until then, and for good after an error.

    Raises:
        OSError: The file cannot take its place.
    """
    partial = unfinished(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder beside `folder` to write into, which takes its place at the end.

    Raises:
        OSError: It cannot be made, or `folder` is there by then and not empty.
    """
    partial = unfinished(folder)
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Give a folder as `new_folder` does; an earlier one stays until then, or after an error.

    Raises:
        OSError: The folder cannot be made, or cannot take its place.
    """
    earlier = unfinished(folder).with_suffix(".earlier")  # whole, whatever becomes of this
    try:
        with new_folder(folder) as partial:
            yield partial
            if folder.exists():
                folder.rename(earlier)
    except BaseException:
        if earlier.exists() and not folder.exists():
            earlier.rename(folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder that no other one works in."""
    for partial in folder.glob(".*.partial"):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    with replaced_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, *, indent: int | None = None) -> None:
    """Write plain values as JSON, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    write_text(path, json.dumps(content, indent=indent))


def write_result(path: Path, content: bytes) -> Path:
    """Write a file that a user waits for, whole or not at all, and its folder if needed.

    Returns:
        The path.

    Raises:
        OutputError: The folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def unwritable(path: Path, error: Exception) -> OutputError:
    """Return the error that says what could not be written, and why."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    # Polars wraps what the system said, or tells only that Parquet could not be written.
    reason = " ".join(reason.split()).rpartition("IO error: ")[2]
    if "transport error" in reason:
        reason = "the disk is full or cannot be reached"
    return OutputError(f"'{path}' cannot be written: {reason}")


def sha256(path: Path) -> str:
    """Return the checksum of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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

    def __exit__(self, *raised: object) -> None:
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
