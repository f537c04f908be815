"""The group `search` of the configuration, checked before the first trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lcclassify.checks import check_complete, check_flag, check_keys, check_whole
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import PlainConfig
from lcclassify.search.metrics import METRICS, Direction, Metric

KEYS: Final = (
    "name",
    "n_trials",
    "n_jobs",
    "repeats",
    "objective",
    "include_default",
    "sampler",
    "pruner",
    "storage",
    "space",
    "layers",
)


@dataclass(frozen=True)
class SearchSettings:
    """How a search goes, apart from its space.

    Attributes:
        name: Name of the study.
        n_trials: Trials in all, finished ones of earlier runs included.
        n_jobs: Trials that are trained at a time; None where it is left open.
        objectives: Names in `METRICS`, the first one leading.
        include_default: Whether the first trial is the configuration as it is.
        sampler: Plain configuration of the sampler.
        pruner: Plain configuration of the pruner.
        storage: "sqlite", "journal" or the URL of a database.
    """

    name: str
    n_trials: int
    n_jobs: int | None
    objectives: tuple[str, ...]
    include_default: bool
    sampler: PlainConfig
    pruner: PlainConfig
    storage: str

    @classmethod
    def from_config(cls, config: Any) -> SearchSettings:
        """Build from the plain mapping `search`.

        Raises:
            ConfigError: A key is unknown, missing or invalid.
        """
        if not isinstance(config, Mapping):
            raise ConfigError("there is no search: choose one, such as search=dense")
        check_keys("search", config, KEYS)
        check_complete("search", config, KEYS)
        name = config["name"]
        if not isinstance(name, str) or not name or set(name) & set("/\\ "):
            raise ConfigError(f"search.name must be a plain word, got {name!r}")
        for key in ("n_trials", "n_jobs", "repeats"):
            if key != "n_jobs" or config[key] != "auto":
                check_whole(f"search.{key}", config[key], 1)
        check_flag("search.include_default", config["include_default"])
        storage = config["storage"]
        if storage not in ("sqlite", "journal") and "://" not in str(storage):
            raise ConfigError(
                f"search.storage is '{storage}': known: sqlite, journal, or the URL of a database"
            )
        objectives = _objectives(config["objective"])
        from lcclassify.search.pruners import make_pruner  # these need Optuna
        from lcclassify.search.samplers import check_sampler

        check_sampler(config["sampler"], len(objectives))
        make_pruner(config["pruner"])
        settings = cls(
            name=name,
            n_trials=config["n_trials"],
            n_jobs=None if config["n_jobs"] == "auto" else config["n_jobs"],
            objectives=objectives,
            include_default=config["include_default"],
            sampler=dict(config["sampler"]),
            pruner=dict(config["pruner"]),
            storage=str(storage),
        )
        if settings.prunes and len(objectives) > 1:
            raise ConfigError(
                f"search.pruner.name is '{settings.pruner['name']}', but a search with several "
                "objectives cannot stop trials early: set it to none"
            )
        if settings.prunes and settings.metrics[0].watched is None:
            raise ConfigError(
                f"search.pruner.name is '{settings.pruner['name']}', but no epoch tells of "
                f"'{objectives[0]}': set it to none"
            )
        return settings

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What the objectives are."""
        return tuple(METRICS[name] for name in self.objectives)

    @property
    def directions(self) -> list[Direction]:
        """Which way each objective is better."""
        return [metric.direction for metric in self.metrics]

    @property
    def prunes(self) -> bool:
        """Whether trials may be stopped early."""
        return bool(self.pruner["name"] != "none")

    def check_run(self, config: PlainConfig) -> None:
        """Refuse objectives that a training with this configuration does not have.

        Raises:
            ConfigError: It does not have one.
        """
        mode = config["stacking"]["mode"]
        for name, metric in zip(self.objectives, self.metrics, strict=True):
            crossed = mode == "oof" or config["stacking"]["cross_validate"]
            if metric.mode == "oof" and not crossed:
                raise ConfigError(
                    f"search.objective is '{name}', which needs cross-validation: set "
                    "stacking.mode=oof"
                )
        if "members" in config["model"] or "searches" in config["model"]:
            raise ConfigError(
                "a search trains one network a trial, and the model is a stack: take one such as "
                "model=dense"
            )
        if self.prunes and config["trainer"].get("devices", 1) not in (1, "1"):
            raise ConfigError("search.pruner works with trainer.devices=1 only: set it to none")


@dataclass(frozen=True)
class TrialHandle:
    """What a job needs in order to find its trial, in whatever process it runs.

    Attributes:
        folder: Folder of the search.
        settings: The search.
        number: Number of the trial.
    """

    folder: Path
    settings: SearchSettings
    number: int

    @property
    def output(self) -> Path:
        """Folder of the trial."""
        return self.folder / str(self.number)


def _objectives(value: Any) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, list | tuple) else (value,)
    for name in names:
        if name not in METRICS:
            raise ConfigError(f"search.objective is '{name}': {did_you_mean(str(name), METRICS)}")
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"search.objective must be distinct metrics, got {list(names)}")
    return names
