"""The training task as one trial of a search."""

from __future__ import annotations

import traceback
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from lcclassify.build import to_plain
from lcclassify.errors import PrunedError
from lcclassify.search.job import TrialOutcome, TrialWatcher, run_trial
from lcclassify.search.settings import SearchSettings, TrialHandle
from lcclassify.tasks.train import train

LOG = "train.log"


def train_trial(cfg: DictConfig, folder: Path) -> TrialOutcome:
    """Train a trial and tell its search how it ended.

    What a training shows goes into `train.log` in the trial's folder, and one line of it
    into the terminal, as a search has many.

    Args:
        cfg: The composed configuration with the groups `search` and `trial`.
        folder: Folder of the trial, inside that of the search.

    Raises:
        ConfigError: The search's settings are invalid, or another process trains it.
        KeyboardInterrupt: The user stopped it.
    """
    settings = SearchSettings.from_config(to_plain(cfg)["search"])
    handle = TrialHandle(folder.parent, settings, int(cfg.trial.number))
    console = Console()
    with (
        open(folder / LOG, "a") as log,
        console.status(f"trial {handle.number} of {settings.n_trials}") as status,
    ):

        def run(watcher: TrialWatcher, begun: bool) -> None:
            OmegaConf.update(cfg, "paths.output_dir", str(folder))
            if begun:
                OmegaConf.update(cfg, "resume", str(folder))
            alone = cfg.trainer.get("devices", 1) in (1, "1")
            try:
                train(cfg, (), Console(file=log, width=100), watcher if alone else None)
            except Exception as error:
                if not isinstance(error, PrunedError):
                    traceback.print_exc(file=log)
                raise

        def show(text: str) -> None:
            status.update(f"trial {handle.number} of {settings.n_trials}: {text}")

        return run_trial(handle, run, show)
