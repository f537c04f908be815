"""Fits that do not depend on each other, side by side in processes of one thread.

A process is forked for each fit from a server that has imported what fits need, so that it
starts in milliseconds, and what one leaves behind in memory is gone with it. A fit that is
killed, wherever it stands, is gone on with from its last epoch: that is how all of them are
ended, and no process has to be asked to.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

import torch

from lcclassify.errors import LcclassifyError, TrainingError
from lcclassify.locking import Lock
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.memory import is_out_of_memory

_PRELOADED: Final = ("lcclassify.training.members", "lcclassify.training.stacking")
_TELLS_EVERY: Final = 0.1  # seconds, of progress


class Fit(Protocol):
    """One training; small when pickled, and the same in any process."""

    @property
    def name(self) -> str:
        """What is trained, for the user."""

    @property
    def folder(self) -> Path:
        """Where what it leaves is kept."""

    def cost(self) -> float:
        """Return about how much there is to compute."""

    def is_finished(self) -> bool:
        """Tell whether an earlier run has left all of it."""

    def run(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
        """Train, and leave the outcome in the folder."""


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, as all fits do, while the context lasts.

    Its threads wait for each other in loops: where another process keeps one of the cores
    busy, two of them take ten times as long as one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def warm_up() -> None:
    """Start the server that processes are forked from, which imports while others read."""
    if _context().get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        ensure_running()


def run_fits(
    fits: Sequence[Fit],
    workers: int,
    reporter: ProgressReporter,
    watcher: EpochWatcher | None = None,
) -> None:
    """Run those fits that an earlier run has not finished, the costliest first.

    Args:
        fits: What is to be trained.
        workers: Fits at a time; with one they run in this process, one after the other
            in the order given. What they leave does not depend on it.
        reporter: Told about the progress.
        watcher: Told of every epoch; may end the run.

    Raises:
        TrainingError: A fit diverged, ran out of memory or was killed. What is finished
            is kept, and so are the epochs that the others have behind them.
        PrunedError: The watcher ended the run.
    """
    waiting: list[Fit] = []
    for fit in fits:
        if fit.is_finished():
            reporter.kept(fit.name)
        else:
            waiting.append(fit)
    if not waiting:
        return
    costs = {fit.name: fit.cost() for fit in waiting}
    reporter.planned(costs)
    if min(workers, len(waiting)) == 1:
        with one_thread():
            for fit in waiting:
                _run(fit, reporter, watcher)
        return
    waiting.sort(key=lambda fit: costs[fit.name])
    running: dict[Connection, tuple[Fit, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                fit = waiting.pop()
                connection, process = _start(fit)
                running[connection] = fit, process
            ready = set(wait(list(running)))
            for connection in [each for each in running if each in ready]:
                if not _hear(connection, *running[connection], reporter, watcher):
                    del running[connection]
    finally:
        for connection, (fit, process) in running.items():
            process.kill()
            process.join()
            connection.close()
            reporter.stopped(fit.name)


def _run(fit: Fit, reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
    try:
        # A process of a run that was killed may not have noticed yet.
        with Lock(fit.folder / ".lock") as lock:
            fit.run(reporter, watcher)
            lock.path.unlink()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        text = " ".join(str(error).split())
        raise TrainingError(
            f"training of {fit.name} ran out of memory ({text}): take a smaller fit.batch_size "
            "or network, or trainer.workers=1"
        ) from error


def _context() -> BaseContext:
    """Return how processes are started: forked from a server where there is one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


def _start(fit: Fit) -> tuple[Connection, BaseProcess]:
    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(fit, theirs), name=fit.name, daemon=True)  # type: ignore[attr-defined]
    with _nameless_main():
        process.start()
    theirs.close()
    return ours, process


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


def _hear(
    connection: Connection,
    fit: Fit,
    process: BaseProcess,
    reporter: ProgressReporter,
    watcher: EpochWatcher | None,
) -> bool:
    """Pass on what a process tells; False once it has nothing more to tell.

    Raises:
        Exception: The one that ended the fit.
    """
    try:
        kind, words = connection.recv()
    except EOFError:
        process.join()
        reporter.stopped(fit.name)
        if process.exitcode == 0:
            connection.close()
            return False
        raise TrainingError(_how_it_died(fit, process.exitcode)) from None
    if kind == "failed":
        raise words
    if kind == "epoch":
        if watcher is not None:
            watcher.epoch_ended(*words)
    else:
        getattr(reporter, kind)(*words)
    return True


def _how_it_died(fit: Fit, code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            perhaps = ", perhaps for want of memory" if name == "SIGKILL" else ""
            return (
                f"the process that trained {fit.name} was ended by {name}{perhaps}; finished "
                "fits are kept: resume goes on, with trainer.workers=1 in less memory"
            )
    return f"the process that trained {fit.name} ended with the code {code}"


# What follows runs in the processes.


def _work(fit: Fit, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the process that started this
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    teller = _Teller(connection)
    try:
        _run(fit, teller, teller)
    except BaseException as error:
        teller.tell("failed", _picklable(fit, error))
    connection.close()


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class _Teller:
    """Tells another process what a `ProgressReporter` and an `EpochWatcher` are told here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._objects = 0
        self._told = 0.0

    def tell(self, kind: str, words: Any) -> None:
        self._connection.send((kind, words))

    def planned(self, costs: Mapping[str, float]) -> None:
        self.tell("planned", (costs,))

    def started(self, fit: str, total: int, done: int) -> None:
        self.tell("started", (fit, total, done))

    def advanced(self, fit: str, objects: int, note: str) -> None:
        self._objects += objects
        now = time.monotonic()
        if now - self._told >= _TELLS_EVERY:
            self.tell("advanced", (fit, self._objects, note))
            self._objects, self._told = 0, now

    def stopped(self, fit: str) -> None:
        self.tell("stopped", (fit,))

    def finished(self, fit: str, note: str) -> None:
        self.tell("finished", (fit, note))

    def kept(self, fit: str) -> None:
        self.tell("kept", (fit,))

    def epoch_ended(self, fit: str, epoch: int, metrics: Mapping[str, float]) -> None:
        self.tell("epoch", (fit, epoch, dict(metrics)))


def _picklable(fit: Fit, error: BaseException) -> BaseException:
    """Return an exception that survives the way to another process, with its traceback."""
    if isinstance(error, LcclassifyError):
        return type(error)(str(error))
    told = RuntimeError(f"training of {fit.name} failed: {type(error).__name__}: {error}")
    told.add_note("".join(traceback.format_exception(error)))
    return told
