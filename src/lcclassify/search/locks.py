"""The locks of a search's trials, which end with their processes."""

from __future__ import annotations

from pathlib import Path

from lcclassify.locking import Lock


class SearchLocks:
    """The locks of one search, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "locks"

    def study(self) -> Lock:
        """Return the lock that every change of the study needs, for moments only."""
        return Lock(self._folder / "study")

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
