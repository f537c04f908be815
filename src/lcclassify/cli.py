"""The commands: Hydra around the tasks, errors as one sentence, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from lcclassify.build import config_dir
from lcclassify.errors import LcclassifyError

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130  # what shells call a process ended by ctrl-C

Task = Callable[[DictConfig, list[str]], None]


def _run_dir(resume: str | None, new: str) -> str:
    """Return the folder of a run: the one to go on with, else a new one."""
    return new if resume is None else resume


def _command(name: str, task: Task) -> None:
    """Run a task under Hydra and leave with an exit code.

    A failed job of a sweep does not end the others; the exit code tells of it.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    failed: list[str] = []
    if not OmegaConf.has_resolver("lcclassify.run_dir"):
        OmegaConf.register_new_resolver("lcclassify.run_dir", _run_dir)

    @hydra.main(config_path=str(config_dir()), config_name=name, version_base="1.3")
    def job(cfg: DictConfig) -> None:
        try:
            task(cfg, list(HydraConfig.get().overrides.task))
        except LcclassifyError as error:
            if cfg.get("debug"):
                raise
            errors.print(f"[bold red]error:[/] {_plain(error)}")
            failed.append(name)
        except OSError as error:
            if cfg.get("debug"):
                raise
            where = f": '{error.filename}'" if error.filename else ""
            errors.print(f"[bold red]error:[/] {_plain(error.strerror or error)}{where}")
            failed.append(name)
        except KeyboardInterrupt:
            folder = Path(HydraConfig.get().runtime.output_dir)
            if (folder / "config.yaml").is_file():
                program = "python train.py" if sys.argv[0].endswith(".py") else sys.argv[0]
                errors.print(f"interrupted; go on with: {program} resume={_short(folder)}")
            else:
                errors.print("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        if failed and HydraConfig.get().mode == RunMode.RUN:
            sys.exit(EXIT_ERROR)

    job()
    if failed:
        sys.exit(EXIT_ERROR)


def _plain(value: Any) -> str:
    """Return text that rich prints as it is."""
    return str(value).replace("[", "\\[")


def _short(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def train() -> None:
    """Entry point of `train.py` and `lcclassify-train`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        from lcclassify.tasks.train import train as run

        result = run(cfg, overrides)
        print(f"run: {_short(result.folder)} ({result.seconds:.0f} s)")
        print(f"bundle: {_short(result.bundle)}")

    _command("train", task)


def predict() -> None:
    """Entry point of `predict.py` and `lcclassify-predict`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        from lcclassify.tasks.predict import predict as run

        run(cfg)

    _command("predict", task)


def prepare() -> None:
    """Entry point of `prepare.py` and `lcclassify-prepare`."""

    def task(cfg: DictConfig, overrides: list[str]) -> None:
        from lcclassify.tasks.prepare import prepare as run

        run(cfg)

    _command("prepare", task)
