"""Connects Hydra's launchers and command line with `lcclassify.search`.

Hydra imports every plugin at every start of every command, so whatever takes time to
import is imported where a search begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher

# What a trial imports when it is called, for processes to have it before they are forked.
IMPORTED = ("lcclassify.surveys.base", "lcclassify.tasks.ensemble")

# No dataclass: Hydra runs this module before it stands in `sys.modules`. What a search does
# stands in the group `search`, so the sweeper has no settings of its own.
ConfigStore.instance().store(
    group="hydra/sweeper",
    name="lcclassify_search",
    node={"_target_": "hydra_plugins.lcclassify_search.sweeper.SearchSweeper"},
    provider="lcclassify",
)


class SearchSweeper(Sweeper):
    """Runs the trials of a search through any launcher."""

    def __init__(self) -> None:
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Take what Hydra composed, and its launcher."""
        from hydra.core.plugins import Plugins

        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run the search that the configuration and the command line describe."""
        from hydra._internal.core_plugins.basic_launcher import BasicLauncher
        from omegaconf import OmegaConf, open_dict

        from lcclassify.build import note_survey_name, to_plain
        from lcclassify.errors import ConfigError
        from lcclassify.schema import PlainConfig
        from lcclassify.search.launching import Surroundings
        from lcclassify.search.sweep import run_search
        from lcclassify.tasks.input_line import input_line_of
        from lcclassify.tasks.plan import worker_count
        from lcclassify.tasks.runs import check_config
        from lcclassify.tasks.trial import train_in_process
        from lcclassify.terminal import terminal

        config, context, launcher = self.config, self.hydra_context, self.launcher
        if config is None or context is None or launcher is None:
            raise ConfigError("the sweeper of searches was not set up by Hydra")

        console = terminal()

        @lru_cache(maxsize=1)  # a trial's configuration is checked, then recorded
        def composed_of(*words: str) -> DictConfig:
            return context.config_loader.load_sweep_config(config, list(words))

        def task_of(composed: DictConfig) -> DictConfig:
            task = composed.copy()
            OmegaConf.set_readonly(task, False)
            with open_dict(task):
                del task["hydra"]
            note_survey_name(task, composed.hydra.runtime.choices)
            return task

        def plain(composed: DictConfig) -> PlainConfig:
            return to_plain(task_of(composed))

        def record(words: Sequence[str], folder: Path) -> None:
            # As Hydra's own launcher would: results read from it what was chosen.
            composed = composed_of(*words)
            parts = {
                "config": task_of(composed),
                "hydra": OmegaConf.masked_copy(composed, "hydra"),
                "overrides": OmegaConf.create(list(words)),
            }
            (folder / ".hydra").mkdir(parents=True, exist_ok=True)
            for name, part in parts.items():
                OmegaConf.save(part, folder / ".hydra" / f"{name}.yaml")

        def check(composed: PlainConfig) -> None:
            check_config(composed)
            # The first configuration that can be trained ends the checks.
            console.print(input_line_of(composed), markup=False, highlight=False, soft_wrap=True)

        whole = plain(config)
        run_search(
            Surroundings(
                config=whole,
                choices={str(k): str(v) for k, v in config.hydra.runtime.choices.items()},
                folder=Path(str(config.hydra.sweep.dir)).absolute(),
                loader=context.config_loader,
                compose=lambda words: plain(composed_of(*words)),
                record=record,
                launch=lambda jobs, first: launcher.launch(jobs, initial_job_idx=first),
                check=check,
                console=console,
                workers=lambda: worker_count({**whole["trainer"], "workers": "auto"}),
                train=train_in_process if isinstance(launcher, BasicLauncher) else None,
                imports=IMPORTED,
            ),
            arguments,
        )
