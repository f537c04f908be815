"""The training task: survey files in, a bundle and its evaluation out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig
from rich.console import Console

from lcclassify.importing import uncollected
from lcclassify.tasks.runs import open_run
from lcclassify.terminal import terminal

if TYPE_CHECKING:
    from lcclassify.tasks.ensemble import TrainResult
    from lcclassify.training.callbacks import EpochWatcher


def train(
    cfg: DictConfig,
    overrides: Sequence[str] = (),
    console: Console | None = None,
    watcher: EpochWatcher | None = None,
    said: set[str] | None = None,
) -> TrainResult:
    """Train a model or an ensemble as configured.

    Args:
        cfg: The composed configuration, see `conf/train.yaml`.
        overrides: The user's own words on the command line, for `resume`.
        console: Where to show progress and tables.
        watcher: Told of every epoch of the members' fits; may end the run.
        said: Lines of inputs that other runs of a sweep have said, which say each one once.

    Raises:
        LcclassifyError: The input or the configuration cannot be used.
        KeyboardInterrupt: The user stopped it; the run can be resumed.
    """
    run = open_run(cfg, overrides)
    # The configuration is checked before what takes seconds to import is.
    with uncollected():
        from lcclassify.tasks.ensemble import train_ensemble

    return train_ensemble(run, console or terminal(), watcher, set() if said is None else said)
