"""Threads for the networks, in each of which torch computes alone.

By itself torch shares out the work of every single operation among threads of its own, which
wait for one another by spinning. Small operations gain nothing from it, and beside a busy
neighbour each one waits until the slowest thread has been given a core. Threads that have a
batch each wait for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier, Lock, Thread

import torch

_setting = Lock()


def own_threads(count: int) -> ThreadPoolExecutor:
    """Return this process's threads for the networks, which all callers share.

    Args:
        count: How many.
    """
    return _threads(count, os.getpid())


@cache
def _threads(count: int, process: int) -> ThreadPoolExecutor:
    # A forked process has none of its parent's threads.
    pool = ThreadPoolExecutor(count, thread_name_prefix="networks", initializer=_alone)
    # All of them now: each changes for a moment what other new threads would be given.
    ready = Barrier(count)
    for begun in [pool.submit(ready.wait) for _ in range(count)]:
        begun.result()
    return pool


def _alone() -> None:
    """Let torch compute alone in this thread, and in every other one as before.

    torch keeps a number for each thread, and the one set last for threads that are to come.
    The latter is the caller's, so it is put back, by a thread that has no other use.
    """
    with _setting:
        before: list[int] = []
        _in_new_thread(lambda: before.append(torch.get_num_threads()))
        torch.set_num_threads(1)
        torch.get_num_threads()  # a thread takes the number as its own when it is asked for
        _in_new_thread(lambda: torch.set_num_threads(before[0]))


def _in_new_thread(function: Callable[[], None]) -> None:
    thread = Thread(target=function)
    thread.start()
    thread.join()
