"""One trial, in whatever process a launcher starts it: trains, and tells its outcome."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from optuna.exceptions import ExperimentalWarning
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from lcclassify.errors import ConfigError, LcclassifyError, PrunedError
from lcclassify.interrupts import interrupts_kept
from lcclassify.search.locks import SearchLocks
from lcclassify.search.memory import limited_memory
from lcclassify.search.objective import read_objectives, training_seconds
from lcclassify.search.settings import TrialHandle
from lcclassify.search.study import (
    ATTEMPTS,
    REASON,
    SECONDS,
    SPREAD,
    WATCHED,
    find_trial,
    load_study,
)
from lcclassify.training.memory import is_out_of_memory

MOST_ATTEMPTS: Final = 20  # of a trial whose process died, before it counts as failed

Show = Callable[[str], None]
# Trains, told whom to tell of epochs and whether to resume from what the folder holds.
Train = Callable[["TrialWatcher", bool], None]


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended; small and picklable, for launchers.

    Attributes:
        number: Number of the trial.
        state: "complete", "pruned" or "fail".
        values: Its objectives, if it is complete.
        reason: Why it is not.
    """

    number: int
    state: str
    values: tuple[float, ...]
    reason: str | None


class TrialWatcher:
    """Reports the epochs of a trial's first fit, and ends trials not worth continuing.

    The fits of a trial differ by their seeds or folds only, and pruners compare the same
    fit of different trials.
    """

    def __init__(self, handle: TrialHandle, study: Study, trial: Trial, show: Show) -> None:
        self.trial = trial
        self.show = show
        self.metric = handle.settings.metrics[0].watched
        self._prunes = handle.settings.prunes
        self._locks = SearchLocks(handle.folder)
        self._maximize = handle.settings.directions[0] == "maximize"
        frozen = study._storage.get_trial(trial._trial_id)
        self._fit: str | None = frozen.user_attrs.get(WATCHED)
        self._told = dict(frozen.intermediate_values)

    def epoch_ended(self, fit: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Report an epoch.

        Raises:
            PrunedError: The pruner ends the trial.
        """
        value = metrics.get(self.metric or "")
        note = "" if value is None else f", {self.metric} {value:.4f}"
        self.show(f"{fit}, epoch {epoch + 1}{note}")
        if not self._prunes or value is None:
            return
        with self._locks.study():
            if self._fit is None:
                self.trial.set_user_attr(WATCHED, fit)
                self._fit = fit
            if fit != self._fit or epoch in self._told:
                return
            best = max if self._maximize else min
            self._told[epoch] = best([value, *self._told.values()])
            self.trial.report(self._told[epoch], epoch)
            if self.trial.should_prune():
                raise PrunedError(
                    f"stopped after epoch {epoch + 1} with {self.metric} {self._told[epoch]:.4f}"
                )


def run_trial(handle: TrialHandle, train: Train, show: Show = lambda text: None) -> TrialOutcome:
    """Train a trial and tell the study how it ended, whatever goes wrong.

    Raises:
        ConfigError: Another process trains it.
        KeyboardInterrupt: The user stopped it; it will be resumed.
    """
    locks = SearchLocks(handle.folder)
    lock = locks.job(handle.number)
    if not lock.acquire(wait=False):
        raise ConfigError(f"trial {handle.number} in '{handle.folder}' is being trained already")
    try:
        with locks.study(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study = load_study(handle.settings, handle.folder)
            frozen = find_trial(study, handle.number)
            if frozen.state.is_finished():
                return outcome_of(frozen)
            trial = Trial(study, frozen._trial_id)
            attempt = int(frozen.user_attrs.get(ATTEMPTS, 0)) + 1
            trial.set_user_attr(ATTEMPTS, attempt)
        return _attempt(handle, study, trial, attempt, train, show)
    finally:
        lock.release()


def _attempt(
    handle: TrialHandle, study: Study, trial: Trial, attempt: int, train: Train, show: Show
) -> TrialOutcome:
    began = time.perf_counter()
    state, values, spreads, reason = TrialState.FAIL, None, None, None
    if attempt > MOST_ATTEMPTS:
        reason = f"its process died {MOST_ATTEMPTS} times, perhaps out of memory"
    else:
        try:
            folder = handle.output
            begun = (folder / "config.yaml").is_file() and (folder / "fits").is_dir()
            with interrupts_kept(), limited_memory():
                train(TrialWatcher(handle, study, trial, show), begun)
            objectives = read_objectives(handle.output, handle.settings.objectives)
            state = TrialState.COMPLETE
            values, spreads = map(list, zip(*objectives, strict=True))
        except PrunedError as error:
            state, reason = TrialState.PRUNED, str(error)
        except Exception as error:  # whatever a configuration brings about: the search continues
            reason = reason_of(error)
    with SearchLocks(handle.folder).study():
        seconds = training_seconds(handle.output) or time.perf_counter() - began
        trial.set_user_attr(SECONDS, round(seconds, 3))
        if spreads is not None:
            trial.set_user_attr(SPREAD, spreads)
        if reason is not None:
            trial.set_user_attr(REASON, reason)
        study.tell(trial.number, values, state=state)
        return outcome_of(find_trial(study, handle.number))


def reason_of(error: BaseException) -> str:
    """Return in one line why a training failed."""
    text = " ".join(str(error).split())
    if is_out_of_memory(error):
        return f"out of memory: {text}"
    return text if isinstance(error, LcclassifyError) else f"{type(error).__name__}: {text}"


def outcome_of(frozen: FrozenTrial) -> TrialOutcome:
    """Return a finished trial's outcome."""
    values = tuple(frozen.values or ()) if frozen.state == TrialState.COMPLETE else ()
    reason = frozen.user_attrs.get(REASON)
    return TrialOutcome(frozen.number, frozen.state.name.lower(), values, reason)
