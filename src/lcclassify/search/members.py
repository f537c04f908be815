"""Takes a stack's members from the best trials of finished searches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import optuna

from lcclassify.checks import check_keys, check_whole
from lcclassify.errors import ConfigError
from lcclassify.schema import PlainConfig
from lcclassify.search.experiment import trial_config
from lcclassify.search.metrics import METRICS
from lcclassify.search.ranking import complete
from lcclassify.search.storage import open_storage
from lcclassify.search.study import SEARCH

KEYS: Final = ("name", "searches", "top", "fit", "head")


def expand_best(model: PlainConfig) -> PlainConfig:
    """Return a stack's configuration with the members that its searches found.

    Args:
        model: `searches`, folders of searches; `top`, how many trials of each; `fit`,
            settings that all members' fits get in place of their trials'.

    Returns:
        The model with `members`, called such as ``dense_best_1``.

    Raises:
        ConfigError: A folder holds no search or too few complete trials.
    """
    check_keys("model", model, KEYS)
    searches, top, fit = model["searches"], model.get("top"), model.get("fit") or {}
    if not isinstance(searches, list) or not searches:
        raise ConfigError(f"model.searches must be folders of searches, got {searches!r}")
    top = check_whole("model.top", top, 1)
    members: dict[str, Any] = {}
    for folder in searches:
        for name, member in best_members(Path(str(folder)).expanduser().absolute(), top).items():
            if name in members:
                raise ConfigError(f"model.searches has two searches whose members are '{name}'")
            # Trees have none.
            members[name] = member | ({"fit": member["fit"] | fit} if "fit" in member else {})
    expanded = {key: value for key, value in model.items() if key in ("name", "head")}
    return expanded | {"members": members}


def best_members(folder: Path, top: int) -> dict[str, PlainConfig]:
    """Return the configurations of the best networks of a search by name.

    Raises:
        ConfigError: The folder holds no search, or fewer complete trials.
    """
    try:
        stored = json.loads((folder / SEARCH).read_text(encoding="utf-8"))
        name, storage = str(stored["name"]), str(stored["storage"])
        directions = [METRICS[objective].direction for objective in stored["objective"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"model.searches: '{folder}' holds no search; start one with search=NAME"
        ) from error
    try:
        study = optuna.load_study(study_name=name, storage=open_storage(storage, folder))
    except KeyError as error:
        raise ConfigError(f"model.searches: '{folder}' holds no study '{name}'") from error
    best = complete(study.get_trials(deepcopy=False), directions)
    if len(best) < top:
        raise ConfigError(
            f"model.top is {top}, but the search in '{folder}' has {len(best)} complete trials"
        )
    members = {}
    for place, trial in enumerate(best[:top], start=1):
        member = trial_config(folder, trial.number)["model"]
        members[f"{name}_best_{place}"] = member | {"name": f"{name}_best_{place}", "replicas": 1}
    return members
