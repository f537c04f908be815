"""A lock that ends with its process, however it ends, and with its file.

The operating system frees a `flock` when the process that holds it is gone, so that
work whose process was killed can be told from work that still runs. A folder of finished
work is renamed and then removed, with the lock's file in it: from then on the lock is held no
longer, though its owner has not given it back, and whoever waited for it asks at its place again.
The locks of the package filelock notice a removed file only, not one in a renamed folder, and
wait by asking time and again.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
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
        while True:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:  # whoever had the lock has just removed its folder
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            self._descriptor = descriptor
            if self.holds():
                return True
            self.release()

    def holds(self) -> bool:
        """Say whether the lock is held, on the file that is at its place still."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire(wait=True)
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()
