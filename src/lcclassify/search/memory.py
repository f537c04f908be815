"""Lets a training that wants too much memory fail, instead of having the process killed."""

from __future__ import annotations

import re
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

    free, used = _free(), _kilobytes(Path("/proc/self/status"), "VmData")  # which the limit counts
    if free is None or used is None or torch.cuda.is_available():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    others = [other for other in (soft, hard) if other != resource.RLIM_INFINITY]
    limit = min([used + int(_SHARE * free), *others])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


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
    """Return in bytes what a file of the system states in kB."""
    try:
        found = re.search(rf"^{name}:\s*(\d+)", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
