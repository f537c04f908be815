"""Finds misspelt keys of a search space before the first trial, and names the nearest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import PlainConfig
from lcclassify.search.entries import ABSENT, Choice, Lookup
from lcclassify.search.space import Space

Options = Callable[[str], list[str]]  # group -> its choices; none if it is no group


def lookup_in(config: PlainConfig, choices: Mapping[str, str]) -> Lookup:
    """Return what finds a key's value: a group's choice, or a value of the configuration."""

    def value_of(key: str) -> Any:
        if key in choices:
            return choices[key]
        value: Any = config
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return ABSENT
            value = value[part]
        return value

    return value_of


def check_keys(
    space: Space, config: PlainConfig, choices: Mapping[str, str], options: Options
) -> None:
    """Refuse keys of a space that the configuration does not have.

    Args:
        space: The space.
        config: The configuration without the space.
        choices: Choice of every group in it by its place, such as ``loss@model.loss``.
        options: Finds the choices of a group.

    Raises:
        ConfigError: A key, or a choice of a group, is unknown.
    """
    for entry in space.entries:
        if entry.word.startswith("+"):
            continue  # it is meant to be new
        group = entry.key.split("@")[0]
        known = options(group) if "." not in group else []
        if known:
            if entry.key not in choices:
                raise ConfigError(
                    f"the search space has the group '{entry.key}', which the configuration does "
                    f"not: {did_you_mean(entry.key, choices)}"
                )
            for text in entry.texts if isinstance(entry, Choice) else ():
                if text not in known:
                    raise ConfigError(
                        f"the search space of '{entry.key}' has the choice '{text}', which the "
                        f"group does not: {did_you_mean(text, known)}"
                    )
        elif "@" in entry.key:
            places = [place for place in choices if "@" in place]
            raise ConfigError(
                f"the search space has the group '{entry.key}', which does not exist: "
                f"{did_you_mean(entry.key, places)}"
            )
        else:
            _check_key(entry.key, config)


def _check_key(key: str, config: PlainConfig) -> None:
    value: Any = config
    inside = ""
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            known = value if isinstance(value, Mapping) else ()
            near = did_you_mean(part, [name for name in known if name not in ("search", "trial")])
            where = f" (in {inside})" if inside else ""
            raise ConfigError(
                f"the search space has the key '{key}', but the configuration has no "
                f"'{part}'{where}: {near}"
            )
        inside = f"{inside}.{part}" if inside else part
        value = value[part]
