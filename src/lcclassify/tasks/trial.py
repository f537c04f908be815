"""The training task as one trial of a search."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.text import Text

from lcclassify.build import to_plain
from lcclassify.errors import PrunedError
from lcclassify.schema import PlainConfig
from lcclassify.search.job import TrialOutcome, TrialWatcher, run_trial
from lcclassify.search.settings import SearchSettings, TrialHandle
from lcclassify.tasks.train import train
from lcclassify.terminal import terminal, working

LOG = "train.log"


def train_trial(cfg: DictConfig, folder: Path) -> TrialOutcome:
    """Train a trial that a launcher of Hydra's starts, and tell its search how it ended.

    Args:
        cfg: The composed configuration with the groups `search` and `trial`.
        folder: Folder of the trial, inside that of the search.

    Raises:
        ConfigError: The search's settings are invalid, or another process trains it.
        KeyboardInterrupt: The user stopped it.
    """
    name = f"trial {cfg.trial.number} of {cfg.search.n_trials}"
    with working(terminal(), name) as status:
        return _train(cfg, folder, lambda text: status.update(Text(f"{name}: {text}")))


def train_in_process(
    config: PlainConfig, folder: Path, show: Callable[[str], None]
) -> TrialOutcome:
    """Train a trial in one of several processes, which share a terminal.

    Raises:
        ConfigError: The search's settings are invalid, or another process trains it.
    """
    return _train(OmegaConf.create(config), folder, show)


def _train(cfg: DictConfig, folder: Path, show: Callable[[str], None]) -> TrialOutcome:
    """Train a trial; what a training shows goes into `train.log` in its folder."""
    settings = SearchSettings.from_config(to_plain(cfg)["search"])
    handle = TrialHandle(folder.parent, settings, int(cfg.trial.number))
    if settings.n_jobs != 1 and cfg.trainer.get("workers") == "auto":
        OmegaConf.update(cfg, "trainer.workers", 1)  # the cores are busy with other trials
    with open(folder / LOG, "a", encoding="utf-8") as log:

        def run(watcher: TrialWatcher, begun: bool) -> None:
            OmegaConf.update(cfg, "paths.output_dir", str(folder))
            if begun:
                OmegaConf.update(cfg, "resume", str(folder))
            alone = cfg.trainer.get("devices", 1) in (1, "1")
            try:
                train(cfg, (), terminal(file=log, width=100), watcher if alone else None)
            except Exception as error:
                if not isinstance(error, PrunedError):
                    traceback.print_exc(file=log)
                raise

        return run_trial(handle, run, show)
