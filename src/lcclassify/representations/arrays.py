"""Arrays in files of safetensors' form, written and mapped without a copy in memory.

The library itself makes bytes of every array before it writes, and arrays of all bytes when it
reads, which for a large survey is all the memory there is.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

_TYPES: Final = {"F64": "<f8", "F32": "<f4", "I64": "<i8"}
_NAMES: Final = {np.dtype(kind): name for name, kind in _TYPES.items()}
_MOST: Final = 1 << 20  # bytes of a header; a longer one is none
_COPIED: Final = 1 << 22  # bytes at a time


def write_arrays(path: Path, parts: Iterable[Mapping[str, NDArray[Any]]]) -> None:
    """Write arrays to a new file, with no more of them in memory than one part.

    Beside it there is a file of each array until all parts are there, since only then their
    places are known.

    Args:
        path: The file.
        parts: At least one: further and further rows of the same arrays, float64, float32 or
            int64, in any order in memory.

    Raises:
        OSError: It cannot be written.
    """
    kinds: dict[str, np.dtype[Any]] = {}
    shapes: dict[str, list[int]] = {}
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for part in parts:
            for name, array in part.items():
                if name not in files:
                    files[name] = stack.enter_context(_beside(path, name).open("wb"))
                    kinds[name], shapes[name] = array.dtype, [0, *array.shape[1:]]
                np.ascontiguousarray(array).tofile(files[name])
                shapes[name][0] += len(array)
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + kinds[name].itemsize * math.prod(shape)
        kind = _NAMES[kinds[name]]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as whole:
        whole.write(len(text).to_bytes(8, "little") + text)
        for name in shapes:
            with _beside(path, name).open("rb") as file:
                shutil.copyfileobj(file, whole, _COPIED)
            _beside(path, name).unlink()


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.{name}")


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file, whose memory is the file's; what is changed is not written.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not such a file, or cut short.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MOST:
            raise ValueError(f"{path} has no header of safetensors")
        header = json.loads(file.read(length))
    found: dict[str, NDArray[Any]] = {}
    for name, stated in header.items():
        shape, (begin, end) = tuple(stated["shape"]), stated["data_offsets"]
        kind = np.dtype(_TYPES[stated["dtype"]])
        if end - begin != int(np.prod(shape)) * kind.itemsize:
            raise ValueError(f"{path}: '{name}' has another size than it states")
        if begin == end:
            found[name] = np.empty(shape, kind)
        else:
            place = 8 + length + begin
            found[name] = np.memmap(path, kind, mode="c", offset=place, shape=shape).view(
                np.ndarray
            )
    return found
