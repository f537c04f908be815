"""Pruners by name: which trials are not worth their remaining epochs."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, Final

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)

from lcclassify.checks import check_keys
from lcclassify.errors import ConfigError, did_you_mean

PRUNERS: Final[Mapping[str, type[BasePruner]]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "successive_halving": SuccessiveHalvingPruner,
    "asha": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
}


def make_pruner(config: Any) -> BasePruner:
    """Return a search's pruner.

    Raises:
        ConfigError: It is unknown or refuses its arguments.
    """
    if not isinstance(config, Mapping) or "name" not in config:
        raise ConfigError(f"search.pruner needs the key 'name', got {config!r}")
    name = config["name"]
    if name not in PRUNERS:
        raise ConfigError(f"search.pruner.name is '{name}': {did_you_mean(str(name), PRUNERS)}")
    if name == "none":
        return NopPruner()  # whatever a search gives the pruner that this one replaces
    check_keys("search.pruner", config, ("name", *inspect.signature(PRUNERS[name]).parameters))
    arguments = {key: value for key, value in config.items() if key != "name"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return PRUNERS[name](**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"search.pruner refuses its arguments: {error}") from error
