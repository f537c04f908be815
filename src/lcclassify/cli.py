"""The commands: Hydra around the tasks, errors as one sentence, exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.text import Text

from lcclassify.as_typed import as_typed
from lcclassify.build import config_dir, note_survey_name
from lcclassify.checks import check_flag
from lcclassify.errors import ConfigError, LcclassifyError, TrainingError
from lcclassify.help_text import OTHER_CONFIG, help_text, is_asked_for
from lcclassify.hydra_errors import is_null_choice, sentence
from lcclassify.interrupts import heard_interrupts, interrupts_kept
from lcclassify.terminal import endure_closed_output, substitute_unprintable, terminal, typed

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130  # what shells call a process ended by ctrl-C

ALONE = "at_large"  # the experiment of `train.py` where the command chooses nothing
_CHOICES = {"augment", "model", "experiment", "search", "resume"}
_NO_EXPERIMENT = (*OTHER_CONFIG, "--hydra-help")  # with these ours is not composed

Task = Callable[[DictConfig, list[str]], Any]  # what a job of a sweep returns


def _first(*choices: str | None) -> str | None:
    """Return the first folder that is named; decides where a run's files go."""
    return next((choice for choice in choices if choice is not None), None)


def register_resolvers() -> None:
    """Make known what the configuration's interpolations call."""
    OmegaConf.register_new_resolver("lcclassify.first", _first, replace=True)


def _command(name: str, task: Task) -> None:
    """Run a task under Hydra and leave with an exit code.

    A failed job of a sweep does not end the others; the exit code tells of it.
    """
    failed: list[str] = []
    sys.argv[1:] = as_typed(sys.argv[1:])
    substitute_unprintable()
    endure_closed_output()
    if is_asked_for(sys.argv[1:]):
        print(help_text(name, _program()))
        return
    register_resolvers()
    process = os.getpid()

    # Launchers pickle the job and all that it refers to.
    def say(text: str | Text) -> None:
        terminal(stderr=True, soft_wrap=True, highlight=False).print(text)

    def fail(error: Exception) -> None:
        say(Text.assemble(("error:", "bold red"), f" {sentence(error, name)}"))
        failed.append(name)

    @hydra.main(config_path=str(config_dir()), config_name=name, version_base="1.3")
    def job(cfg: DictConfig) -> Any:
        try:
            with interrupts_kept():
                check_flag("debug", cfg.get("debug", False))
                note_survey_name(cfg, HydraConfig.get().runtime.choices)
                return task(cfg, list(HydraConfig.get().overrides.task))
        except (LcclassifyError, OSError) as error:
            if cfg.get("debug") is True or os.getpid() != process:
                raise  # Hydra hands it over to the process that launched this one
            fail(error)
        except (MemoryError, RuntimeError) as error:
            from lcclassify.training.memory import is_out_of_memory

            if cfg.get("debug") is True or os.getpid() != process or not is_out_of_memory(error):
                raise
            text = " ".join(str(error).split())
            fail(TrainingError(f"out of memory: {text}: take a smaller network or batch"))
        except KeyboardInterrupt as stop:
            if cfg.get("trial") or str(stop):
                raise  # the search or the task says how to resume
            folder = Path(HydraConfig.get().runtime.output_dir)
            if (folder / "config.yaml").is_file():
                say(f"interrupted; resume with: {_program()} {typed('resume', _short(folder))}")
            else:
                say("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        return None

    # Hydra then raises what it cannot compose instead of printing it over many lines.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    try:
        with heard_interrupts():
            job()
    except (HydraException, OmegaConfBaseException, LcclassifyError, OSError) as error:
        if "debug=true" in (word.lower() for word in sys.argv):
            raise
        fail(error)
    except ValueError as error:
        if not is_null_choice(error):
            raise
        fail(error)
    except KeyboardInterrupt as stop:
        say(str(stop) or "interrupted")
        sys.exit(EXIT_INTERRUPTED)
    if failed:
        sys.exit(EXIT_ERROR)


def _program() -> str:
    """Return how the user called the command."""
    script = sys.argv[0]
    return f"python {script}" if script.endswith(".py") else Path(script).name


def _short(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _without_spinning() -> None:
    """Keep libraries from starting threads that wait for each other by spinning.

    The commands share their work out by chunks and batches instead. It must be said before
    the libraries are there; a user's own word counts more.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def with_experiment(words: Sequence[str]) -> list[str]:
    """Return the arguments of `train.py`, with an experiment where they choose nothing.

    What is chosen by groups is taken as it is: `python train.py model=dense` has the defaults of
    `conf/train.yaml`. A survey alone is no such choice.
    """
    names = {word.lstrip("+~").partition("=")[0].partition("@")[0] for word in words}
    not_ours = any(word.startswith(_NO_EXPERIMENT) for word in words)
    if names & _CHOICES or not_ours:
        return list(words)
    # Before the first override: Hydra takes all of them together.
    first = next((n for n, word in enumerate(words) if "=" in word and word[0] != "-"), 0)
    return [*words[:first], f"experiment={ALONE}", *words[first:]]


def train() -> None:
    """Entry point of `train.py` and `lcclassify train`."""
    said: set[str] = set()  # by the runs of a sweep
    given = sys.argv[1:]
    sys.argv[1:] = with_experiment(given)
    is_alone = sys.argv[1:] != given

    def task(cfg: DictConfig, overrides: list[str]) -> Any:
        # Hydra's own folder, which follows paths.output_dir and has a subfolder a job.
        folder = HydraConfig.get().runtime.output_dir
        if cfg.get("trial"):
            from lcclassify.tasks.trial import train_trial

            return train_trial(cfg, Path(folder))

        if cfg.get("search"):
            name = cfg.search.name
            raise ConfigError(
                f"search={name} is many trainings, not one: hydra.mode must be MULTIRUN"
            )

        from lcclassify.tasks.train import train as run

        OmegaConf.update(cfg, "paths.output_dir", folder)
        line = f"experiment={ALONE}, as the command chooses no augment, model or experiment"
        if is_alone and line not in said:
            said.add(line)
            print(line)
        result = run(cfg, overrides, said=said)
        print(f"run: {_short(result.folder)} ({result.seconds:.0f} s)")
        print(f"bundle: {_short(result.bundle)}")
        if result.report is not None:
            print(f"report: {_short(result.report)}")
        return None

    _command("train", task)


def predict() -> None:
    """Entry point of `predict.py` and `lcclassify predict`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        _without_spinning()
        from lcclassify.tasks.predict import predict as run

        run(cfg)

    _command("predict", task)


def prepare() -> None:
    """Entry point of `lcclassify prepare`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        _without_spinning()
        from lcclassify.tasks.prepare import prepare as run

        run(cfg, overrides)

    _command("prepare", task)


def simulate() -> None:
    """Entry point of `lcclassify simulate`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        _without_spinning()
        from lcclassify.tasks.simulate import simulate as run

        run(cfg)

    _command("simulate", task)


def report() -> None:
    """Entry point of `lcclassify report`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        from lcclassify.tasks.surveying import require

        require(cfg, {"run": "a run's folder or a file of predictions, such as run=outputs/run"})
        from lcclassify.tasks.report import report_of

        print(f"report: {_short(report_of(Path(str(cfg.run)).expanduser()))}")

    _command("report", task)


def export() -> None:
    """Entry point of `lcclassify export`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        _without_spinning()
        from lcclassify.tasks.export import export as run

        run(cfg)

    _command("export", task)


def explain() -> None:
    """Entry point of `lcclassify explain`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        _without_spinning()
        from lcclassify.tasks.explain import explain as run

        run(cfg)

    _command("explain", task)
