"""Has a search's trials trained: in processes of this machine, or by Hydra's launchers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import TrialState
from rich.console import Console
from rich.text import Text

from lcclassify.errors import ConfigError, LcclassifyError, TrainingError
from lcclassify.interrupts import interrupts_kept
from lcclassify.schema import PlainConfig
from lcclassify.search.job import TrialOutcome, reason_of
from lcclassify.search.metrics import in_words
from lcclassify.search.results import configuration
from lcclassify.search.study import ATTEMPTS, REASON, Claim, SearchStudy
from lcclassify.terminal import working
from lcclassify.training.processes import ENDED, FAILED, Processes, Tell, how_it_died, warm_up

# What a configuration that cannot be composed or used raises.
REFUSALS: Final = (HydraException, OmegaConfBaseException, LcclassifyError)

_NOTE: Final = "note"  # how far a trial is, in words
LATE: Final = ("alembic.context", "sqlalchemy.dialects.sqlite")  # what Optuna imports late

# Trains a trial of which a configuration is composed, into a folder; told where to say how
# far it is.
TrainTrial = Callable[[PlainConfig, Path, Callable[[str], None]], TrialOutcome]


@dataclass(frozen=True)
class Surroundings:
    """What a search needs of whoever composes configurations and launches jobs.

    Attributes:
        config: The configuration without any value of the space, as plain values.
        choices: Choice of every group in it, by its place.
        folder: Folder of the search.
        loader: Knows the choices of groups.
        compose: Words of the command line -> configuration.
        record: Words of a trial and its folder -> nothing; leaves Hydra's record of the trial
            there, where Hydra does not launch it.
        launch: Words of each job -> what each job returned, as Hydra's launchers do.
        check: Refuses a configuration that no training takes.
        console: Where to show progress and tables.
        workers: Returns how many trials are trained at a time where the search's settings
            leave it open.
        train: Trains a trial in a process of this machine, a function of a module, which
            the process imports; None where a launcher of Hydra's was chosen.
        imports: Modules that `train` imports when it is called.
    """

    config: PlainConfig
    choices: Mapping[str, str]
    folder: Path
    loader: ConfigLoader
    compose: Callable[[Sequence[str]], PlainConfig]
    record: Callable[[Sequence[str], Path], None]
    launch: Callable[[Sequence[Sequence[str]], int], Sequence[Any]]
    check: Callable[[PlainConfig], None]
    console: Console
    workers: Callable[[], int] = lambda: 1
    train: TrainTrial | None = None
    imports: Sequence[str] = ()

    def say(self, text: str | Text) -> None:
        """Show a sentence, in one line and without colours of its numbers."""
        self.console.print(text, highlight=False, soft_wrap=True)


def run_in_processes(
    around: Surroundings, study: SearchStudy, words: Sequence[str], n_jobs: int
) -> None:
    """Train all trials, so many at a time, in processes of one thread.

    A new one begins as soon as one has ended.

    Raises:
        TrainingError: A process died before it began its trial.
        KeyboardInterrupt: The user stopped it.
    """
    train = around.train
    if train is None:
        raise ConfigError("trials in processes need a function that trains one")
    warm_up(train.__module__, *around.imports, *LATE)
    claims: dict[str, tuple[Claim, int]] = {}
    notes: dict[str, str] = {}
    with Processes() as processes, working(around.console, "") as status:
        try:
            while True:
                while len(claims) < n_jobs and (asked := study.ask(1)):
                    claim = asked[0]
                    config = _composed(around, study, words, claim)
                    if config is not None:
                        trial = _TrialJob(config, around.folder, claim.number, train)
                        claims[trial.name] = claim, _attempts(study, claim)
                        around.record(_words(words, claim), around.folder / str(claim.number))
                        processes.start(trial)
                if not claims:
                    return
                for job, kind, told in processes.listen():
                    claim, before = claims[job.name]
                    if kind == _NOTE:
                        notes[job.name] = told[0]
                    elif kind == FAILED:
                        study.fail(claim, reason_of(told[0]))
                    elif kind == ENDED:
                        del claims[job.name]
                        notes.pop(job.name, None)
                        claim.lock.release()
                        if told[0] == 0:
                            _tell(around, study, claim)
                        elif before == _attempts(study, claim):
                            raise TrainingError(how_it_died(job, told[0]))
                        else:
                            around.say(f"  {how_it_died(job, told[0])}: it is begun again")
                    status.update(Text("   ".join(f"{k}: {text}" for k, text in notes.items())))
        finally:
            for claim, _ in claims.values():
                claim.lock.release()


@dataclass(frozen=True)
class _TrialJob:
    """A trial in a process."""

    config: PlainConfig
    folder: Path
    number: int
    train: TrainTrial

    @property
    def name(self) -> str:
        return f"trial {self.number}"

    def run(self, tell: Tell) -> None:
        folder = self.folder / str(self.number)
        folder.mkdir(parents=True, exist_ok=True)
        self.train(self.config, folder, lambda text: tell(_NOTE, text))


def _words(words: Sequence[str], claim: Claim) -> list[str]:
    return [*words, *claim.words, f"++trial.number={claim.number}"]


def _composed(
    around: Surroundings, study: SearchStudy, words: Sequence[str], claim: Claim
) -> PlainConfig | None:
    """Return a trial's configuration; None if it is refused, which is recorded."""
    _announce(around, study, claim)
    try:
        with interrupts_kept():
            return around.compose(_words(words, claim))
    except REFUSALS as error:
        study.fail(claim, reason_of(error))
        _tell(around, study, claim)
        claim.lock.release()
        return None


def run_batch(
    around: Surroundings, study: SearchStudy, words: list[str], claims: list[Claim]
) -> None:
    """Have some trials trained by Hydra's launcher, and wait for all of them."""
    try:
        ready = [claim for claim in claims if _composed(around, study, words, claim) is not None]
        if not ready:
            return
        jobs = [_words(words, claim) for claim in ready]
        before = [_attempts(study, claim) for claim in ready]
        try:
            returned = around.launch(jobs, ready[0].number)
        except Exception:
            # A worker that was killed takes its launcher's other jobs with it. Trials that
            # began are taken up again; if none did, the launcher itself does not work.
            if before == [_attempts(study, claim) for claim in ready]:
                raise
            around.say("  a worker died: its trials are begun again")
            return
        for claim, job in zip(ready, returned, strict=True):
            try:
                reason = "its job ended without an outcome" if job.return_value is None else None
            except Exception as error:  # whatever the job raised
                reason = reason_of(error)
            if reason is not None:
                study.fail(claim, reason)  # what it could not tell by itself
            _tell(around, study, claim)
    finally:
        for claim in claims:
            claim.lock.release()


def _attempts(study: SearchStudy, claim: Claim) -> int:
    return int(study.trial(claim.number).user_attrs.get(ATTEMPTS, 0))


def _announce(around: Surroundings, study: SearchStudy, claim: Claim) -> None:
    again = " (taken up again)" if claim.again else ""
    shown = configuration(study.trial(claim.number), study.space)
    around.say(f"trial {claim.number} of {study.total}{again}: {shown}")


def _tell(around: Surroundings, study: SearchStudy, claim: Claim) -> None:
    trial = study.trial(claim.number)
    seconds = trial.user_attrs.get("seconds", 0.0)
    if trial.state == TrialState.COMPLETE:
        text = ", ".join(
            f"{name} {in_words(value)}"
            for name, value in zip(study.settings.objectives, trial.values, strict=True)
        )
    elif trial.state.is_finished():
        kind = "failed" if trial.state == TrialState.FAIL else "pruned"
        text = f"{kind}: {trial.user_attrs.get(REASON, 'unknown')}"
    else:
        text = "another process trains it"
    around.say(f"  trial {claim.number}: {text} ({seconds:.1f} s)")
