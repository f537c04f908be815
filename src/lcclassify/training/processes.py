"""Work in processes of one thread, which tell how far they are and end with their parent.

Each job has a process of its own, forked from a server that has imported what training needs,
so that it starts in milliseconds, and what it leaves behind in memory is gone with it. Jobs
can be killed at any moment and resumed later: that is how all of them are ended early,
and no process has to be asked to.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Final, Protocol, Self

from lcclassify.errors import LcclassifyError

# What a process tells of itself; all other kinds of events are the job's own.
FAILED: Final = "failed"  # with the exception that ended it
ENDED: Final = "ended"  # with its exit code, after all else: 0, or -9 where it was killed

PRELOADED: Final = (
    *(f"lcclassify.training.{name}" for name in ("members", "preloaded", "stacking")),
    *(f"lcclassify.nn.{name}" for name in ("bigru", "dense", "losses", "stack")),
)
_FIRST: Final = "lcclassify.training.uncollected"


class Tell(Protocol):
    """Passes an event of a job on to the process that started it."""

    def __call__(self, kind: str, *words: Any) -> None:
        """Pass it on."""


class Job(Protocol):
    """What a process does; small when pickled."""

    @property
    def name(self) -> str:
        """What it is, for the user."""

    def run(self, tell: Tell) -> None:
        """Do it."""


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, as the processes do, while the context lasts.

    Its threads wait for each other in loops: where another program keeps one of the cores
    busy, two of them take ten times as long as one.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def warm_up(*modules: str) -> None:
    """Start the server that processes are forked from, which imports while others read.

    Args:
        *modules: What is to be imported besides what every training needs. Without effect
            if the server runs already: the processes then import it one by one.
    """
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        context.set_forkserver_preload([_FIRST, *PRELOADED, *modules])
        ensure_running()


class Processes:
    """The processes of some jobs; leaving the context ends those that still run."""

    def __init__(self) -> None:
        self._running: dict[Connection, tuple[Job, BaseProcess]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for _, process in self._running.values():
            process.kill()
        for connection, (_, process) in self._running.items():
            process.join()
            connection.close()
        self._running.clear()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, job: Job) -> None:
        """Start a job."""
        context = _context()
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(job, theirs), name=job.name)
        with _nameless_main():
            process.start()
        theirs.close()
        self._running[ours] = job, process

    def listen(self) -> list[tuple[Job, str, tuple[Any, ...]]]:
        """Wait until a process tells something.

        Returns:
            Jobs, the kind of event and what was told with it. `ENDED` is a job's last one.
        """
        events: list[tuple[Job, str, tuple[Any, ...]]] = []
        ready = set(wait(list(self._running)))
        for connection in [each for each in self._running if each in ready]:
            job, process = self._running[connection]
            try:
                kind, words = connection.recv()
                events.append((job, kind, words))
            except (EOFError, OSError):  # the latter where it was killed while it told
                process.join()
                connection.close()
                del self._running[connection]
                events.append((job, ENDED, (process.exitcode,)))
        return events


def how_it_died(job: Job, code: int) -> str:
    """Return in words that a process was ended before its job was done."""
    name = str(code)
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
    perhaps = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"the process of {job.name} was ended by {name}{perhaps}"


def _context() -> SpawnContext | ForkServerContext:
    """Return how processes are started: forked from a server where the system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_FIRST, *PRELOADED])
    return context


@contextlib.contextmanager
def _nameless_main() -> Iterator[None]:
    """Keep a process from importing the script that was started.

    Nothing of it is needed, and a script that trains without `if __name__ == "__main__"`
    would train again in every process.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


# What follows runs in the processes.


def _work(job: Job, connection: Connection) -> None:
    gc.freeze()  # what was inherited
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the process that started this
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)

    def tell(kind: str, *words: Any) -> None:
        connection.send((kind, words))

    try:
        job.run(tell)
    except BaseException as error:
        tell(FAILED, _picklable(job, error))
    connection.close()


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _picklable(job: Job, error: BaseException) -> BaseException:
    """Return an exception that survives the way to another process, with its traceback."""
    if isinstance(error, LcclassifyError):
        return type(error)(str(error))
    told = RuntimeError(f"{job.name} failed: {type(error).__name__}: {error}")
    told.add_note("".join(traceback.format_exception(error)))
    return told
