"""The bytes of text files, plain or compressed, read in ranges and counted in lines."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Lock, RLock
from typing import IO, Any, Final, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.tables.held import Held

BLOCK: Final = 1 << 24  # bytes that are looked at at a time
_PIECE: Final = 1 << 22  # bytes whose lines a thread counts at a time
_XZ_BLOCK: Final = 1 << 16
_LONGEST: Final = 200  # characters of what a library says
_KEPT: Final = 8  # blocks of a compressed file that stay unpacked, for several workers
BLANK: Final = b' \t\r"'  # what a blank line may hold, and separators
BOM: Final = b"\xef\xbb\xbf"  # of UTF-8, which means something at the beginning of a file alone

_PACKED: Final = {  # what compressed files begin with
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_FAULTS: Final = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Turn whatever a damaged file raises into one sentence."""
    try:
        yield
    except pl.exceptions.NoDataError as fault:
        raise DataError(f"{file} is empty") from fault
    except _FAULTS as fault:
        kind = packing(file) or "compressed"
        raise DataError(f"{file} is truncated or not a whole {kind} file: {told(fault)}") from fault
    except (
        OSError,
        RuntimeError,  # a zip archive that is encrypted, or compressed in a way that Python lacks
        pa.ArrowException,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as fault:
        # Polars panics, outside of Exception, on some damaged Parquet pages.
        raise DataError(f"{file} is damaged or cannot be read: {told(fault)}") from fault
    except UnicodeDecodeError as fault:
        raise DataError(f"{file} is not UTF-8 text: {fault.reason}") from fault
    except csv.Error as fault:
        raise DataError(f"{file} is not a text table: {fault}") from fault


def told(fault: BaseException) -> str:
    """Return what a library says of a fault, in a line without the rest of a damaged file."""
    reason = str(fault).strip().split("\n")[0] or type(fault).__name__
    return f"{reason[:_LONGEST]}..." if len(reason) > _LONGEST else reason


def packing(path: Path) -> str | None:
    """Return how a file is compressed, None if it is not."""
    with path.open("rb") as stream:
        begin = stream.read(8)
    return next((name for magic, name in _PACKED.items() if begin.startswith(magic)), None)


def open_unpacked(path: Path) -> IO[bytes]:
    """Open a file, plain or compressed, to be read from its beginning.

    Raises:
        DataError: It is a zip archive of several files.
    """
    kind = packing(path)
    if kind == "zip":
        archive = zipfile.ZipFile(path)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            raise DataError(
                f"{path} is a zip archive of {len(members)} files, of which one alone can be read: "
                "unpack it"
            )
        return archive.open(members[0])
    if kind in ("zstd", "bz2"):  # Python's bz2 ignores what is no stream at the end
        return cast(IO[bytes], pa.input_stream(path.open("rb"), compression=kind))
    if kind == "xz":
        return cast(IO[bytes], io.BufferedReader(_Xz(path), _XZ_BLOCK))
    return cast(IO[bytes], gzip.open(path) if kind == "gzip" else path.open("rb"))


class _Xz(io.RawIOBase):
    """The streams of a file; Python's lzma takes a damaged one for the end of all."""

    def __init__(self, path: Path) -> None:
        self._parts = self._unpacked(path)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and (part := next(self._parts, None)) is not None:
            self._left = part
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def _unpacked(self, path: Path) -> Iterator[bytes]:
        stream = lzma.LZMADecompressor()
        with path.open("rb") as packed:
            while piece := packed.read(_XZ_BLOCK):
                while piece := piece.lstrip(b"\0") if stream.eof else piece:  # they may be padded
                    stream = lzma.LZMADecompressor() if stream.eof else stream
                    yield stream.decompress(piece, _XZ_BLOCK)
                    while not (stream.eof or stream.needs_input):
                        yield stream.decompress(b"", _XZ_BLOCK)
                    piece = stream.unused_data
        if not stream.eof:
            raise EOFError("it ends within a stream")


class RawBytes(ABC):
    """The unpacked content of a file.

    Attributes:
        path: The file.
        size: Bytes of the content.
    """

    path: Path
    size: int

    @abstractmethod
    def read(self, start: int, stop: int) -> bytes:
        """Return a range of bytes, less at the end of the file.

        Raises:
            DataError: It cannot be read.
        """

    def line_start(self, position: int) -> int:
        """Return where the first line begins that begins at or behind a position above 0."""
        length = 1 << 10
        start = position - 1
        while start < self.size:
            found = self.read(start, start + length).find(b"\n")
            if found >= 0:
                return start + found + 1
            start += length
            length = min(length * 4, BLOCK)
        return self.size


class PlainBytes(RawBytes):
    """A file as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size

    def read(self, start: int, stop: int) -> bytes:
        """Return a range of bytes."""
        # Not mapped: pages of a mapping count as memory, and a file cut short would be fatal.
        with readable(self.path), self.path.open("rb", buffering=0) as stream:
            parts = []
            while start < stop:
                part = os.pread(stream.fileno(), stop - start, start)
                if not part:
                    break
                parts.append(part)
                start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class HeldBytes(RawBytes):
    """A content in memory, made of a file when it is asked for."""

    def __init__(self, path: Path, made: Held[tuple[bytes, Any]]) -> None:
        self.path = path
        self._made = made
        self.size = len(made.get()[0])

    def read(self, start: int, stop: int) -> bytes:
        """Return a range of bytes."""
        return self._made.get()[0][start:stop]


class PackedBytes(RawBytes):
    """A compressed file, unpacked from its beginning as far as need be.

    What follows what was read last costs least; what lies before it is unpacked anew from
    the beginning, unless it was read just before.

    Raises:
        DataError: It is damaged. All of it is unpacked once, to know its size.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        with readable(path), open_unpacked(path) as stream:
            while block := stream.read(BLOCK):
                self.size += len(block)

    def read(self, start: int, stop: int) -> bytes:
        """Return a range of bytes."""
        stop = min(stop, self.size)
        parts = []
        with readable(self.path), (unpacked := _unpacked(self.path)).lock:
            for number in range(start // BLOCK, -(-stop // BLOCK)):
                block = unpacked.block(number)
                begin = number * BLOCK
                parts.append(block[max(start - begin, 0) : stop - begin])
        content = b"".join(parts)
        if len(content) < stop - start:
            raise DataError(f"{self.path} was changed while it was read")
        return content


class _Unpacked:
    """The last blocks of a compressed file that were looked at."""

    def __init__(self, path: Path) -> None:
        self.lock = Lock()
        self._path = path
        self._stream: Any = None
        self._next = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def block(self, number: int) -> bytes:
        if number in self._blocks:
            return self._blocks[number]
        if self._stream is None or number < self._next:
            self.close()
            self._stream = open_unpacked(self._path)
            self._next = 0
        while self._next <= number:
            self._blocks[self._next] = self._stream.read(BLOCK)
            self._blocks.move_to_end(self._next)
            self._next += 1
            while len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[number]

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


_streams: OrderedDict[tuple[Path, int, int], _Unpacked] = OrderedDict()
_streams_lock = RLock()


def _unpacked(path: Path) -> _Unpacked:
    """Return what is unpacked of a file, for as long as few others are wanted."""
    status = path.stat()
    key = (path, status.st_size, status.st_mtime_ns)
    with _streams_lock:
        if key not in _streams:
            _streams[key] = _Unpacked(path)
            while len(_streams) > 2:
                _streams.popitem(last=False)
        _streams.move_to_end(key)
        return _streams[key]


class LineCount:
    """Counts lines of a file, block by block and each block once.

    Args:
        content: The file.
        first: Position of the first line that counts.
        separator: What separates fields: a line of nothing else is blank.
    """

    def __init__(self, content: RawBytes, first: int, separator: str) -> None:
        self._content = content
        self._first = first
        self._separator = separator.encode()[:1]
        self._before = [0]

    def before(self, position: int) -> int:
        """Return the number of line ends between the first line and a position."""
        whole, rest = divmod(position - self._first, BLOCK)
        while len(self._before) <= whole:
            start = self._first + (len(self._before) - 1) * BLOCK
            lines = self._content.read(start, start + BLOCK).count(b"\n")
            self._before.append(self._before[-1] + lines)
        return self._before[whole] + self._content.read(position - rest, position).count(b"\n")

    def rows(self) -> int:
        """Return the number of lines that are not blank."""
        size = self._content.size
        inside = range(self._first + _PIECE, size, _PIECE)
        cuts = [self._first, *map(self._content.line_start, inside), size]

        def filled(piece: tuple[int, int]) -> int:
            lines = self._content.read(*piece)
            lines = lines if lines.endswith(b"\n") else lines + b"\n"
            starts, ends = line_bounds(np.frombuffer(lines, dtype=np.uint8))
            return len(ends) - int(blank_lines(lines, starts, ends, self._separator).sum())

        # NumPy counts outside of Python's lock.
        with ThreadPoolExecutor(max_workers=4) as pool:
            return sum(pool.map(filled, [(a, b) for a, b in pairwise(cuts) if a < b]))


def line_bounds(values: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where ended lines begin and where their ends stand, ``(n,)`` each."""
    ends = np.flatnonzero(values == 10)
    return (np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends), ends


def blank_lines(
    lines: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], separator: bytes
) -> NDArray[np.bool_]:
    """Say which lines hold nothing but blanks, closed quotes and separators, ``(n,)``."""
    nothing = BLANK + separator
    first = np.frombuffer(lines, dtype=np.uint8)[starts]
    blank = np.zeros(len(ends), dtype=bool)
    # Few lines begin with a blank; where all do, each is looked at.
    for line in np.flatnonzero(np.isin(first, list(nothing + b"\n"))):
        content = lines[starts[line] : ends[line]]
        blank[line] = not content.strip(nothing) and content.count(b'"') % 2 == 0
    return blank
