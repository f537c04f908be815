"""Tells a training that wants too much memory from other failures."""

from __future__ import annotations

from typing import Final

_WORDS: Final = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception says that memory did not suffice."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(
        words in str(error).lower() for words in _WORDS
    )
