"""The bytes of text files, plain or compressed, read in ranges and counted in lines."""

from __future__ import annotations

import gzip
import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from threading import Lock, RLock
from typing import Any, Final

import numpy as np

from lcclassify.errors import DataError
from lcclassify.surveys.columns import readable

BLOCK: Final = 1 << 24  # bytes that are looked at at a time
_PIECE: Final = 1 << 22  # bytes whose lines a thread counts at a time
_KEPT: Final = 8  # blocks of a compressed file that stay unpacked, for several workers
_BLANK: Final = b' \t\r"'  # what a blank line may hold, and separators


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


class GzipBytes(RawBytes):
    """A gzip file, unpacked from its beginning as far as need be.

    What follows what was read last costs least; what lies before it is unpacked anew from
    the beginning, unless it was read just before.

    Raises:
        DataError: It is damaged. All of it is unpacked once, to know its size.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        with readable(path), gzip.open(path, "rb") as stream:
            while block := stream.read(BLOCK):
                self.size += len(block)

    def read(self, start: int, stop: int) -> bytes:
        """Return a range of bytes."""
        stop = min(stop, self.size)
        parts = []
        unpacked = _unpacked(self.path)
        with readable(self.path), unpacked.lock:
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
            self._stream = gzip.open(self._path, "rb")  # noqa: SIM115, it outlives the call
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


_streams: OrderedDict[Path, _Unpacked] = OrderedDict()
_streams_lock = RLock()


def _unpacked(path: Path) -> _Unpacked:
    """Return what is unpacked of a file, for as long as few others are wanted."""
    with _streams_lock:
        if path not in _streams:
            _streams[path] = _Unpacked(path)
            while len(_streams) > 2:
                _streams.popitem(last=False)
        _streams.move_to_end(path)
        return _streams[path]


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
        self._blank = np.zeros(256, dtype=bool)
        self._blank[list(_BLANK + separator.encode()[:1])] = True
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
            return self._filled(lines if lines.endswith(b"\n") else lines + b"\n")

        # NumPy counts outside of Python's lock.
        with ThreadPoolExecutor(max_workers=4) as pool:
            return sum(pool.map(filled, [(a, b) for a, b in pairwise(cuts) if a < b]))

    def _filled(self, lines: bytes) -> int:
        """Return how many lines, the last of them ended, hold anything."""
        values = np.frombuffer(lines, dtype=np.uint8)
        ends = np.flatnonzero(values == 10)
        if not len(ends):
            return 0
        starts = np.concatenate([[0], ends[:-1] + 1])
        begins = values[starts]
        suspects = np.flatnonzero(self._blank[begins] | (begins == 10))
        # Few lines begin with a blank; where all do, each is looked at.
        blank = sum(bool(self._blank[values[starts[line] : ends[line]]].all()) for line in suspects)
        return len(ends) - blank
