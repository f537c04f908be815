"""Locks that end with their process, however it ends.

The operating system frees a `flock` when the process that holds it is gone, so that a
trial whose process was killed can be told from one that still runs.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self


class Lock:
    """An exclusive lock on a file.

    Args:
        path: The file; it is made where it is missing, and stays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock.

        Args:
            wait: Whether to wait for whoever holds it.

        Returns:
            Whether it was taken.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire(wait=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class SearchLocks:
    """The locks of one search.

    Args:
        folder: Folder of the search.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "locks"

    @contextmanager
    def study(self) -> Iterator[None]:
        """Hold what every change of the study needs, for moments only."""
        with Lock(self._folder / "study"):
            yield

    def launcher(self, number: int) -> Lock:
        """Return the lock of the process that launches a trial."""
        return Lock(self._folder / f"{number}.launcher")

    def job(self, number: int) -> Lock:
        """Return the lock of the process that trains a trial."""
        return Lock(self._folder / f"{number}.job")

    def claim(self, number: int) -> Lock | None:
        """Take a trial that no living process has; None if one has it."""
        lock, job = self.launcher(number), self.job(number)
        if not lock.acquire(wait=False):
            return None
        if not job.acquire(wait=False):
            lock.release()
            return None
        job.release()  # for the job, which may be another process
        return lock
