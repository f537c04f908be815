"""Fits that do not depend on each other, one after the other or side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import torch

from lcclassify.errors import TrainingError
from lcclassify.files import remove_unfinished
from lcclassify.locking import Lock
from lcclassify.nn.devices import float32_products
from lcclassify.training.callbacks import EpochWatcher, ProgressReporter
from lcclassify.training.memory import is_out_of_memory
from lcclassify.training.processes import ENDED, FAILED, Processes, Tell, how_it_died, one_thread

_TELLS_EVERY: Final = 0.1  # seconds, of progress
_EPOCH: Final = "epoch"

Left = TypeVar("Left", covariant=True)


class Fit(Protocol[Left]):
    """One training; small when pickled, and the same in any process."""

    @property
    def name(self) -> str:
        """What is trained, for the user."""

    @property
    def folder(self) -> Path:
        """Where what it leaves is kept."""

    def cost(self) -> float:
        """Return about how much there is to compute."""

    def result(self) -> Left | None:
        """Return what it has left, None where it is unfinished or a file is damaged."""

    def run(self, reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
        """Train, and leave the outcome in the folder."""


def result_of(fit: Fit[Left]) -> Left:
    """Return what a fit that was run has left.

    Raises:
        TrainingError: It has been damaged since.
    """
    result = fit.result()
    if result is None:
        raise TrainingError(f"what {fit.name} left in '{fit.folder}' has been damaged since")
    return result


def run_fits(
    fits: Sequence[Fit[object]],
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
    waiting: list[Fit[object]] = []
    for fit in fits:
        if fit.result() is not None:
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
    with Processes() as processes:
        while waiting or processes:
            while waiting and len(processes) < workers:
                processes.start(_FitJob(waiting.pop()))
            for job, kind, words in processes.listen():
                if kind == FAILED:
                    raise words[0]
                if kind == ENDED and words[0] != 0:
                    raise TrainingError(
                        f"{how_it_died(job, words[0])}; finished fits are kept: resume the run, "
                        "with trainer.workers=1 in less memory"
                    )
                if kind != ENDED:
                    _pass_on(kind, words, reporter, watcher)


def _run(fit: Fit[object], reporter: ProgressReporter, watcher: EpochWatcher | None) -> None:
    try:
        # A process of a run that was killed may not have noticed yet.
        with Lock(fit.folder / ".lock") as lock:
            remove_unfinished(fit.folder)
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


@dataclass(frozen=True)
class _FitJob:
    """A fit in a process, which multiplies as the one that started it."""

    fit: Fit[object]
    matmul_precision: str = field(default_factory=torch.get_float32_matmul_precision)

    @property
    def name(self) -> str:
        return self.fit.name

    def run(self, tell: Tell) -> None:
        told = _Told(tell)
        with float32_products(self.matmul_precision):
            _run(self.fit, told, told)


class _Told:
    """Tells another process what a `ProgressReporter` and an `EpochWatcher` are told here."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._objects = 0
        self._last = 0.0

    def planned(self, costs: Mapping[str, float]) -> None:
        self._tell("planned", costs)

    def started(self, fit: str, total: int, done: int) -> None:
        self._tell("started", fit, total, done)

    def advanced(self, fit: str, objects: int, note: str) -> None:
        self._objects += objects
        now = time.monotonic()
        if now - self._last >= _TELLS_EVERY:
            self._tell("advanced", fit, self._objects, note)
            self._objects, self._last = 0, now

    def stopped(self, fit: str) -> None:
        self._tell("stopped", fit)

    def finished(self, fit: str, note: str) -> None:
        self._tell("finished", fit, note)

    def kept(self, fit: str) -> None:
        self._tell("kept", fit)

    def epoch_ended(self, fit: str, epoch: int, metrics: Mapping[str, float]) -> None:
        self._tell(_EPOCH, fit, epoch, dict(metrics))


def _pass_on(
    kind: str, words: tuple[Any, ...], reporter: ProgressReporter, watcher: EpochWatcher | None
) -> None:
    """Pass on what `_Told` was told.

    Raises:
        PrunedError: The watcher ends the run.
    """
    if kind != _EPOCH:
        getattr(reporter, kind)(*words)
    elif watcher is not None:
        watcher.epoch_ended(*words)
