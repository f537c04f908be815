"""The folder of a training run, and resuming one that was interrupted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from lcclassify.build import instantiate, make_survey, to_plain
from lcclassify.errors import ConfigError, OutputError
from lcclassify.files import remove_unfinished, write_text
from lcclassify.schema import PlainConfig
from lcclassify.tasks.plan import Plan, expand_model, make_plan
from lcclassify.terminal import typed

CONFIG: Final = "config.yaml"
DATA: Final = "data.json"
SPLITS: Final = "splits.parquet"
FITS: Final = "fits"
BUNDLE: Final = "bundle"

# What may change when a run is resumed; anything else would make it another run.
_MAY_CHANGE: Final = (
    "resume",
    "retrain",
    "debug",
    "trainer.accelerator",
    "trainer.workers",
    "evaluation",
    "paths.cache_dir",
    "bundle",
    "hydra",
)


@dataclass(frozen=True)
class Run:
    """A run's folder and its whole configuration.

    Attributes:
        folder: Where everything goes that the run writes.
        config: The configuration as plain values.
        plan: The same, checked.
    """

    folder: Path
    config: PlainConfig
    plan: Plan

    @property
    def fits(self) -> Path:
        """Folder of the members' and the head's fits."""
        return self.folder / FITS

    @property
    def bundle(self) -> Path:
        """Folder of the bundle."""
        return self.folder / BUNDLE

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.folder / "figures"

    @property
    def tensorboard(self) -> Path | None:
        """Folder of the event files, or None if they are not wanted."""
        return self.folder / "tensorboard" if self.config["tensorboard"] else None


def open_run(cfg: DictConfig, overrides: Sequence[str] = ()) -> Run:
    """Start a run in a new folder, or resume one.

    Args:
        cfg: The composed configuration.
        overrides: The user's own words on the command line; needed to resume a
            run, whose configuration is otherwise the one it was started with.

    Raises:
        ConfigError: The run to resume does not exist, or its settings would change.
        OutputError: The folder holds another run or cannot be written.
    """
    if cfg.get("resume"):
        return _resume(cfg, overrides)
    if cfg.get("retrain"):
        raise ConfigError("retrain needs the run whose head it trains anew: resume=FOLDER")
    # Written out at once: the searches that members come from may continue.
    config = expand_model(to_plain(cfg))
    plan = check_config(config)
    if config["paths"].get("output_dir") is None:
        raise ConfigError("paths.output_dir must name the run's folder")
    folder = Path(str(config["paths"]["output_dir"])).absolute()
    # Until a fit has begun nothing was computed: a run that failed before, over a
    # misspelt file name for instance, is simply begun again.
    if (folder / FITS).exists() or (folder / BUNDLE).exists():
        raise OutputError(
            f"'{folder}' already holds a run: resume it by {typed('resume', folder)}, or "
            "choose another folder"
        )
    if (folder / CONFIG).exists() and not _is_of_a_run(folder / CONFIG):
        raise OutputError(
            f"'{folder}' holds a {CONFIG} that is not of a training run: choose another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for earlier in (DATA, SPLITS):
            (folder / earlier).unlink(missing_ok=True)
        write_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(config)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"the run's folder '{folder}' cannot be written: {reason}") from error
    return Run(folder, config, plan)


def check_config(config: PlainConfig) -> Plan:
    """Check all that can be checked without reading data, what needs no torch first.

    Raises:
        ConfigError: A key is unknown or missing, or a value is invalid.
        DataError: A file of the survey is missing.
    """
    survey, representation = config.get("survey"), config.get("representation")
    if isinstance(survey, Mapping) and isinstance(representation, Mapping):
        described = make_survey(config)
        described.fingerprint()  # names files that are missing
        settings = instantiate(dict(representation))
        settings.of_survey(described.redshift, tuple(described.metadata))
    return make_plan(config)


def _is_of_a_run(path: Path) -> bool:
    try:
        stored = OmegaConf.load(path)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):
        return False
    return isinstance(stored, DictConfig) and {"survey", "representation", "model"} <= set(stored)


def _resume(cfg: DictConfig, overrides: Sequence[str]) -> Run:
    folder = Path(str(cfg.resume)).absolute()
    if not (folder / CONFIG).is_file():
        raise ConfigError(f"resume: '{folder}' holds no run (it has no {CONFIG})")
    retrain = cfg.get("retrain")
    if retrain not in (None, "head"):
        raise ConfigError(f"retrain is '{retrain}': known: head")
    allowed = (*_MAY_CHANGE, "model.head") if retrain == "head" else _MAY_CHANGE
    try:
        merged = OmegaConf.load(folder / CONFIG)
        for override in overrides:
            key = _key(override)
            if override.startswith("~") or not any(
                key == name or key.startswith(f"{name}.") for name in allowed
            ):
                raise ConfigError(
                    f"'{override}' would make the run in '{folder}' another one: with resume "
                    f"only {', '.join(allowed)} may be set"
                )
            if key.split(".")[0] not in ("resume", "retrain", "hydra"):
                OmegaConf.update(merged, key, OmegaConf.select(cfg, key), merge=False)
        plain = to_plain(DictConfig(merged))
    except (OmegaConfBaseException, YAMLError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"the configuration in '{folder}' cannot be read: {reason}") from error
    plain |= {"resume": None, "retrain": None}
    run = Run(folder, plain, check_config(plain))
    remove_unfinished(folder)
    if retrain == "head":
        if run.plan.head is None:
            raise ConfigError(f"the run in '{folder}' has no head to train anew")
        rmtree(run.fits / run.plan.head.name, ignore_errors=True)
        write_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(plain)))
    return run


def _key(override: str) -> str:
    """Return what an override sets: ``loss@model.head.loss=focal`` sets ``model.head.loss``."""
    return override.lstrip("+~").split("=", 1)[0].rsplit("@", 1)[-1]


def check_same_data(run: Run, fingerprint: dict[str, Any]) -> None:
    """Record what a run was trained on, or refuse to resume with other data.

    Raises:
        ConfigError: The run was started on other files or options.
    """
    path = run.folder / DATA
    text = json.dumps(fingerprint, sort_keys=True)
    try:
        before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: start a new run") from error
    if before is None:
        write_text(path, text)
    elif before != json.loads(text):
        raise ConfigError(
            f"the survey's files or options have changed since the run in '{run.folder}' began: "
            "start a new run"
        )
