"""A search's state between and across its processes: asking for trials, telling of them.

Every change of the study is made under one lock, and a trial belongs to the process that
holds the trial's lock. What a killed process leaves, a trial that is neither finished nor
locked, is taken up again with its number, its parameters and its folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from lcclassify.errors import ConfigError
from lcclassify.files import write_json
from lcclassify.locking import Lock
from lcclassify.search.entries import Params
from lcclassify.search.locks import SearchLocks
from lcclassify.search.pruners import make_pruner
from lcclassify.search.samplers import make_sampler, most_trials
from lcclassify.search.settings import SearchSettings
from lcclassify.search.space import Space, suggest
from lcclassify.search.storage import open_storage

SEARCH: Final = "search.json"

# User attributes of a trial.
REASON: Final = "reason"  # why it failed or was stopped
SPREAD: Final = "spread"  # standard deviation of each objective over its fits
SECONDS: Final = "seconds"  # of training
ATTEMPTS: Final = "attempts"  # how often its training began
WATCHED: Final = "watched"  # name of the fit whose epochs pruners are told


@dataclass
class Claim:
    """A trial that this process has.

    Attributes:
        number: Number of the trial.
        params: Its parameters.
        words: What sets them on the command line.
        again: Whether an earlier process began it.
        lock: What holds it.
    """

    number: int
    params: Params
    words: list[str]
    again: bool
    lock: Lock


def load_study(settings: SearchSettings, folder: Path, sampler: BaseSampler | None = None) -> Study:
    """Load a search's study, which exists.

    Raises:
        ConfigError: It does not.
    """
    storage = open_storage(settings.storage, folder)
    try:
        return optuna.load_study(
            study_name=settings.name,
            storage=storage,
            sampler=sampler or RandomSampler(seed=0),
            pruner=make_pruner(settings.pruner),
        )
    except KeyError as error:
        raise ConfigError(f"'{folder}' holds no study '{settings.name}'") from error


def find_trial(study: Study, number: int) -> FrozenTrial:
    """Return a trial as the storage has it now.

    Raises:
        ConfigError: There is none with this number.
    """
    for frozen in study.get_trials(deepcopy=False):
        if frozen.number == number:
            return frozen
    raise ConfigError(f"the study '{study.study_name}' has no trial {number}")


class SearchStudy:
    """One process's view of a search.

    Args:
        folder: Folder of the search.
        settings: How it goes.
        space: What it goes through.
        fingerprint: All settings by key whose change would make it another search.
        first: Parameters of the first trial, if they are given.

    Raises:
        ConfigError: The folder or the storage holds another search.
    """

    def __init__(
        self,
        folder: Path,
        settings: SearchSettings,
        space: Space,
        fingerprint: dict[str, Any],
        first: Params | None = None,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.space = space
        self.locks = SearchLocks(folder)
        sampler = make_sampler(settings.sampler, space, first)
        with self.locks.study():
            identity = _same_search(folder, settings, fingerprint)
            self.study = optuna.create_study(
                study_name=settings.name,
                storage=open_storage(settings.storage, folder),
                directions=settings.directions,
                sampler=sampler,
                pruner=make_pruner(settings.pruner),
                load_if_exists=True,
            )
            owner = self.study.user_attrs.get("identity")
            if owner is None:
                self.study.set_user_attr("identity", identity)
            elif owner != identity:
                raise ConfigError(
                    f"search.storage already has a study '{settings.name}' of another folder than "
                    f"'{folder}': take another search.name"
                )

    @property
    def total(self) -> int:
        """Trials that the search has in the end."""
        most = most_trials(self.settings.sampler, self.space)
        return self.settings.n_trials if most is None else min(self.settings.n_trials, most)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials so far, in the order of their numbers."""
        return self.study.get_trials(deepcopy=False)

    def ask(self, count: int) -> list[Claim]:
        """Take up to `count` trials: first what dead processes left, then new ones."""
        claims: list[Claim] = []
        with self.locks.study():
            for frozen in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                lock = self.locks.claim(frozen.number) if len(claims) < count else None
                if lock is not None:
                    claims.append(self._claim(Trial(self.study, frozen._trial_id), lock, True))
            while len(claims) < count and len(self.trials()) < self.total:
                trial = self.study.ask()
                lock = self.locks.claim(trial.number)
                if lock is None:
                    raise ConfigError(
                        f"trial {trial.number} in '{self.folder}' is new and yet being trained: "
                        "was the study removed? take another search.name"
                    )
                claims.append(self._claim(trial, lock, False))
        return claims

    def _claim(self, trial: Trial, lock: Lock, again: bool) -> Claim:
        # A trial that was killed while it got its parameters gets the missing ones now.
        params = self.space.draw(lambda name, dist: suggest(trial, name, dist))
        return Claim(trial.number, params, self.space.words(params), again, lock)

    def fail(self, claim: Claim, reason: str) -> None:
        """Record a trial as failed, unless its job has told its outcome."""
        with self.locks.study():
            frozen = self.trial(claim.number)
            if not frozen.state.is_finished():
                trial = Trial(self.study, frozen._trial_id)
                trial.set_user_attr(REASON, reason)
                self.study.tell(claim.number, state=TrialState.FAIL)

    def trial(self, number: int) -> FrozenTrial:
        """Return a trial as the storage has it now."""
        return find_trial(self.study, number)


def _same_search(folder: Path, settings: SearchSettings, fingerprint: dict[str, Any]) -> str:
    """Record what a folder's search is, or refuse to continue another one."""
    path = folder / SEARCH
    now = json.loads(json.dumps(fingerprint, default=str))
    try:
        before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        if before is None:
            before = {
                "identity": uuid4().hex,
                "name": settings.name,
                "storage": settings.storage,
                "objective": list(settings.objectives),
                "settings": now,
            }
            write_json(path, before, indent=1)
        old = before["settings"]
        identity, name, storage = (before[key] for key in ("identity", "name", "storage"))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged: take another search.name") from error
    old, now = old | {"search.name": name}, now | {"search.name": settings.name}
    old, now = old | {"search.storage": storage}, now | {"search.storage": settings.storage}
    for key in sorted(set(old) | set(now)):
        if old.get(key) != now.get(key):
            raise ConfigError(
                f"the search in '{folder}' has {_said(key, old)}, not {_said(key, now)}: set it "
                "back to resume, or take another search.name"
            )
    return str(identity)


def _said(key: str, settings: dict[str, Any]) -> str:
    return f"{key}={settings[key]}" if key in settings else f"no {key}"
