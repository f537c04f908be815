"""How many processors this process may use, and work shared out between them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def n_cores() -> int:
    """Return the number of cores, at least 1, that work can be shared out between.

    Less than the machine has where the process is bound to some of them (``taskset``, batch
    systems) or its control group may use a share of the time (containers).
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = bound or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # no such group, or "max": no limit
        pass
    return cores


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> list[Result]:
    """Return what a function makes of each item, several at a time.

    For compiled and array code, which runs outside of Python's lock. An error ends it, as soon
    as what has begun is done.
    """
    if threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
