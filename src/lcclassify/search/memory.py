"""Lets a training that wants too much memory fail, instead of having the process killed."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SHARE: Final = 0.9  # of the memory that is free when a trial begins


@contextmanager
def limited_memory() -> Iterator[None]:
    """Refuse this process more memory than is free now, on Linux without a GPU.

    Linux promises more than it has, and then kills whoever uses it, the whole search
    included. GPU drivers reserve addresses beyond any memory, so there is no limit then.
    """
    import torch

    free, used = _free(), _used()
    if free is None or used is None or torch.cuda.is_available():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = used + int(_SHARE * free)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _used() -> int | None:
    """Return the bytes of this process that the limit counts."""
    return _kilobytes(Path("/proc/self/status"), "VmData")


def _free() -> int | None:
    """Return the bytes that are free in the machine and in this process's control group."""
    free = _kilobytes(Path("/proc/meminfo"), "MemAvailable")
    group = Path("/sys/fs/cgroup")
    try:
        most = int((group / "memory.max").read_text())
        now = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return max(most - now, 0) if free is None else min(free, max(most - now, 0))


def _kilobytes(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return None
