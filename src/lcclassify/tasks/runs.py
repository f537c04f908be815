"""The folder of a training run, and going on with one that was interrupted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lcclassify.build import to_plain
from lcclassify.errors import ConfigError, OutputError
from lcclassify.schema import PlainConfig

CONFIG: Final = "config.yaml"
DATA: Final = "data.json"

# What may change when a run goes on; anything else would make it another run.
_MAY_CHANGE: Final = ("resume", "retrain", "debug", "trainer", "evaluation", "paths", "hydra")


@dataclass(frozen=True)
class Run:
    """A run's folder and its whole configuration as plain values."""

    folder: Path
    config: PlainConfig

    @property
    def fits(self) -> Path:
        """Folder of the members' and the head's fits."""
        return self.folder / "fits"

    @property
    def bundle(self) -> Path:
        """Folder of the bundle."""
        return self.folder / "bundle"

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.folder / "figures"

    @property
    def tensorboard(self) -> Path | None:
        """Folder of the event files, or None if they are not wanted."""
        return self.folder / "tensorboard" if self.config["tensorboard"] else None


def open_run(cfg: DictConfig, overrides: Sequence[str] = ()) -> Run:
    """Start a run in a new folder, or go on with one.

    Args:
        cfg: The composed configuration.
        overrides: The user's own words on the command line; needed to go on with a
            run, whose configuration is otherwise the one it was started with.

    Raises:
        ConfigError: The run to go on with does not exist, or its settings would change.
        OutputError: The folder holds another run or cannot be written.
    """
    if cfg.get("resume"):
        return _resume(cfg, overrides)
    if cfg.get("retrain"):
        raise ConfigError("retrain needs the run whose head it trains anew: resume=FOLDER")
    config = to_plain(cfg)
    folder = Path(config["paths"]["output_dir"]).absolute()
    if (folder / CONFIG).exists():
        raise OutputError(
            f"'{folder}' already holds a run: go on with it by resume={folder}, or choose "
            "another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(config)))
    except OSError as error:
        raise OutputError(f"the run's folder '{folder}' cannot be written: {error}") from error
    return Run(folder, config)


def _resume(cfg: DictConfig, overrides: Sequence[str]) -> Run:
    folder = Path(str(cfg.resume)).absolute()
    if not (folder / CONFIG).is_file():
        raise ConfigError(f"resume: '{folder}' holds no run (it has no {CONFIG})")
    retrain = cfg.get("retrain")
    if retrain not in (None, "head"):
        raise ConfigError(f"retrain is '{retrain}': known: head")
    allowed = (*_MAY_CHANGE, "model.head") if retrain == "head" else _MAY_CHANGE
    changes = []
    for override in overrides:
        key = override.lstrip("+~").split("=", 1)[0]
        if not any(key == name or key.startswith(f"{name}.") for name in allowed):
            raise ConfigError(
                f"'{override}' would make the run in '{folder}' another one: with resume only "
                f"{', '.join(allowed)} may be set"
            )
        if key.split(".")[0] not in ("resume", "hydra", "paths"):
            changes.append(override.lstrip("+"))
    try:
        merged = OmegaConf.merge(OmegaConf.load(folder / CONFIG), OmegaConf.from_dotlist(changes))
        plain = to_plain(DictConfig(merged))
    except OmegaConfBaseException as error:
        raise ConfigError(f"the configuration in '{folder}' cannot be read: {error}") from error
    run = Run(folder, plain | {"resume": str(folder)})
    if retrain == "head":
        head = plain["model"].get("head")
        if head is None:
            raise ConfigError(f"the run in '{folder}' has no head to train anew")
        rmtree(run.fits / head.get("name", "head"), ignore_errors=True)
        kept = {key: value for key, value in plain.items() if key != "retrain"}
        _write(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(kept | {"retrain": None})))
    return run


def check_same_data(run: Run, fingerprint: dict[str, Any]) -> None:
    """Record what a run was trained on, or refuse to go on with other data.

    Raises:
        ConfigError: The run was started on other files or options.
    """
    path = run.folder / DATA
    text = json.dumps(fingerprint, sort_keys=True)
    if not path.is_file():
        _write(path, text)
    elif json.loads(path.read_text()) != json.loads(text):
        raise ConfigError(
            f"the survey's files or options have changed since the run in '{run.folder}' began: "
            "start a new run"
        )


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text)
    partial.replace(path)
