"""Tensors in a file that processes map into their memory instead of copying them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from lcclassify.errors import OutputError
from lcclassify.nn.batching import TensorSet


@dataclass(frozen=True, eq=False)
class MappedTensorSet(TensorSet):
    """A tensor set whose memory is a file's: pickled, it is no more than a path.

    Attributes:
        file: What `torch.save` wrote of its tensors.
    """

    file: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return _load, (self.file,)


@contextmanager
def mapped(tensors: TensorSet, folder: Path) -> Iterator[TensorSet]:
    """Hand out tensors that other processes share while the context lasts.

    Not in shared memory: what holds that is often limited to 64 MB, in containers for
    instance, and stays behind when its process is killed.

    Args:
        tensors: On the CPU.
        folder: Where their file goes; it is removed at the end.

    Raises:
        OutputError: The folder cannot be written or is full.
    """
    file = folder / ".tensors.pt"
    partial = folder / ".tensors.pt.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A run that was killed left its own behind, which this one takes the place of.
        torch.save({f.name: getattr(tensors, f.name) for f in fields(TensorSet)}, partial)
        partial.replace(file)
    except (OSError, RuntimeError) as error:  # torch's writer raises the latter
        with suppress(OSError):
            partial.unlink()
        raise OutputError(f"'{folder}' cannot be written: {error}") from error
    del tensors  # it may be half the memory
    try:
        yield _load(file)
    finally:
        file.unlink(missing_ok=True)


def _load(file: Path) -> MappedTensorSet:
    return MappedTensorSet(**torch.load(file, mmap=True, weights_only=True), file=file)
