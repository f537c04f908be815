"""From configuration to objects: the only caller of Hydra's instantiate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from hydra.errors import InstantiationException
from hydra.utils import instantiate as hydra_instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lcclassify.errors import ConfigError, LcclassifyError
from lcclassify.schema import PlainConfig

SURVEY_NAME: Final = "survey_name"  # key with the choice of the group survey


def note_survey_name(config: DictConfig, choices: Mapping[str, str | None]) -> None:
    """Note in a configuration which YAML of the group survey it was composed with."""
    if choices.get("survey"):
        name = PurePosixPath(str(choices["survey"])).name
        OmegaConf.update(config, SURVEY_NAME, name, force_add=True)


def config_dir() -> Path:
    """Return the folder of the configuration groups.

    It lies inside an installed package, and beside `src` in a checkout.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise ConfigError(f"the configuration folder 'conf' was not found beside {package}")


def make_survey(config: DictConfig | PlainConfig) -> Any:
    """Build a configuration's survey, called as its YAML is where a command has noted it.

    Raises:
        ConfigError: The survey refuses its arguments.
    """
    described = to_plain(config["survey"])
    root = described.get("root")
    if isinstance(root, int | float) and not isinstance(root, bool):  # a YAML's 2024
        described = {**described, "root": str(root)}
    survey = instantiate(described)
    survey.name = config.get(SURVEY_NAME) or survey.name
    return survey


def to_plain(config: DictConfig | ListConfig | PlainConfig) -> PlainConfig:
    """Return a configuration as plain dicts, lists and scalars, interpolations resolved.

    Raises:
        ConfigError: A mandatory value is missing or an interpolation cannot be resolved.
    """
    if isinstance(config, dict):
        return config
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"the configuration is incomplete: {reason}") from error
    if not isinstance(plain, dict):
        raise ConfigError(f"expected a mapping in the configuration, got {type(plain).__name__}")
    return {str(key): value for key, value in plain.items()}


def instantiate(config: DictConfig | PlainConfig, *args: Any, **kwargs: Any) -> Any:
    """Build the object that a configuration's `_target_` names.

    For configurations of the user's own run only: a bundle's networks are built by
    `lcclassify.nn.build`, which allows nothing but this package's networks.

    Args:
        config: Mapping with `_target_` and keyword arguments.
        *args: Further positional arguments, such as what the data decide.
        **kwargs: Further keyword arguments.

    Raises:
        ConfigError: The target is unknown or refuses its arguments.
    """
    plain = to_plain(config)
    if "_target_" not in plain:
        raise ConfigError(f"a configuration without _target_ cannot be built: {sorted(plain)}")
    try:
        return hydra_instantiate(plain, *args, _convert_="all", **kwargs)
    except LcclassifyError:
        raise
    except InstantiationException as error:
        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, LcclassifyError):
                raise cause from error
            cause = cause.__cause__
        reason = " ".join(str(error).split())
        raise ConfigError(f"{plain['_target_']} cannot be built: {reason}") from error
