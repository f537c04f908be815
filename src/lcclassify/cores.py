"""How many processors this process may use."""

from __future__ import annotations

import os
from pathlib import Path


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
