"""Writes a trial's configuration as an `experiment` that `train.py` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml
from optuna.trial import FrozenTrial

from lcclassify.errors import ConfigError
from lcclassify.files import write_text
from lcclassify.schema import PlainConfig
from lcclassify.search.settings import SearchSettings

# Groups whose choices a trial's configuration has, beside those inside its model.
_GROUPS: Final = ("survey", "representation", "model")
# What a trial sets apart from its model and that a training for good sets as well.
_SECTIONS: Final = ("seed", "split")


def trial_config(folder: Path, number: int) -> PlainConfig:
    """Return the configuration of a trial.

    Raises:
        ConfigError: It is missing or damaged.
    """
    return _mapping(folder / str(number) / "config.yaml")


def write_experiment(
    folder: Path, settings: SearchSettings, trial: FrozenTrial, n_trials: int
) -> None:
    """Write a trial, one of so many, as `experiment/NAME_best.yaml` in the search's folder.

    The network, its training, the split, the representation and the survey are the
    trial's; how many networks are trained and stacked is left to `train.py`.
    """
    config = trial_config(folder, trial.number)
    hydra = _mapping(folder / str(trial.number) / ".hydra" / "hydra.yaml")
    choices = hydra["hydra"]["runtime"]["choices"]
    defaults = [{f"override /{group}": choices[group]} for group in _GROUPS]
    for place, choice in choices.items():
        if place.startswith(("loss@model.", "optimizer@model.")):
            defaults.append({f"override /{place}": choice})
    content: dict[str, Any] = {"defaults": defaults}
    content |= {key: config[key] for key in _SECTIONS}
    content["model"] = config["model"] | {"replicas": 1}
    for group in ("survey", "representation"):
        given = _given(hydra["hydra"]["overrides"]["task"], group, config[group])
        content |= {group: given} if given else {}
    name = f"{settings.name}_best"
    path = folder / "experiment" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    value = ", ".join(
        f"{objective} {value:.6g}"
        for objective, value in zip(settings.objectives, trial.values, strict=True)
    )
    text = (
        "# @package _global_\n"
        f"# The best of {n_trials} trials of the search '{settings.name}': trial {trial.number}, "
        f"{value}.\n#   python train.py --config-dir {_quoted(folder)} experiment={name}\n"
    )
    write_text(path, text + yaml.safe_dump(content, sort_keys=False))


def _given(words: list[str], group: str, config: PlainConfig) -> PlainConfig:
    """Return the values of a group that words of the command line set."""
    found: dict[str, Any] = {}
    for word in words:
        key = word.split("=", 1)[0].lstrip("+~")
        first, *rest = key.split(".")
        value: Any = config
        if first != group or not rest:
            continue
        for part in rest:
            value = value.get(part) if isinstance(value, dict) else None
        inside = found
        for part in rest[:-1]:
            inside = inside.setdefault(part, {})
        inside[rest[-1]] = value
    return found


def shown(folder: Path) -> str:
    """Return a folder's path from the current folder, if it lies in it."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _quoted(folder: Path) -> str:
    path = shown(folder)
    return f"'{path}'" if set(path) & set(" ()'\"$") else path


def _mapping(path: Path) -> PlainConfig:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"'{path}' cannot be read") from error
    if not isinstance(content, dict):
        raise ConfigError(f"'{path}' holds no configuration")
    return content
