"""What values of a configuration may be: others are refused by name, in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeGuard

from lcclassify.errors import ConfigError, did_you_mean


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a finite number, which YAML's true and false are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # an integer may be beyond it


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is an integer, which YAML's true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_flag(key: str, value: object) -> bool:
    """Return a truth value after checking that it is one.

    Raises:
        ConfigError: It is something else, such as the text "false".
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{key} must be true or false, got {value!r}")
    return value


def check_whole(key: str, value: Any, least: int = 0) -> int:
    """Return a whole number after checking it.

    Raises:
        ConfigError: It is something else or below `least`.
    """
    if not is_whole(value) or value < least:
        raise ConfigError(f"{key} must be a whole number of at least {least}, got {value!r}")
    return value


def check_number(key: str, value: Any) -> float:
    """Return a finite number after checking it.

    Raises:
        ConfigError: It is something else.
    """
    if not is_number(value):
        raise ConfigError(f"{key} must be a finite number, got {value!r}")
    return float(value)


def check_not_negative(key: str, value: Any) -> float:
    """Return a finite number of at least 0 after checking it.

    Raises:
        ConfigError: It is something else.
    """
    if not is_number(value) or value < 0:
        raise ConfigError(f"{key} must be a finite number of at least 0, got {value!r}")
    return float(value)


def check_fraction(key: str, value: Any) -> float:
    """Return a number between 0 and 1, both excluded, after checking it.

    Raises:
        ConfigError: It is something else.
    """
    if not is_number(value) or not 0 < value < 1:
        raise ConfigError(f"{key} must be a number between 0 and 1, or null, got {value!r}")
    return float(value)


def check_below_one(key: str, value: Any) -> float:
    """Return a number in [0, 1) after checking it.

    Raises:
        ConfigError: It is something else.
    """
    if not is_number(value) or not 0 <= value < 1:
        raise ConfigError(f"{key} must be a number of at least 0 and below 1, got {value!r}")
    return float(value)


def check_choice(key: str, value: str, choices: Iterable[str]) -> str:
    """Return a word after checking that it is one of the choices.

    Raises:
        ConfigError: It is something else.
    """
    known = list(choices)
    if value not in known:
        raise ConfigError(f"{key} cannot be '{value}': {did_you_mean(str(value), known)}")
    return value


def check_keys(where: str, config: Iterable[object], known: Iterable[str]) -> None:
    """Check that a mapping has known keys only.

    Args:
        where: The mapping's own name, as the user would write it.
        config: The mapping, or its keys.
        known: The keys it may have.

    Raises:
        ConfigError: It has another one.
    """
    known = tuple(known)
    for key in config:
        if key not in known:
            raise ConfigError(f"{where} has no key '{key}': {did_you_mean(str(key), known)}")


def check_complete(where: str, config: Container[object], needed: Iterable[str]) -> None:
    """Check that a mapping has all the keys that it needs.

    Args:
        where: As in `check_keys`.
        config: The mapping.
        needed: The keys.

    Raises:
        ConfigError: It lacks one.
    """
    for key in needed:
        if key not in config:
            raise ConfigError(f"{where} needs the key '{key}'")


def check_fields(where: str, config: Any, kind: type, *, complete: bool = False) -> dict[str, Any]:
    """Return a mapping after checking that its keys are fields of a dataclass.

    Args:
        where: As in `check_keys`.
        config: The mapping.
        kind: The dataclass.
        complete: Whether all of them must be there.

    Raises:
        ConfigError: It is no mapping, or has another key, or lacks one.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"{where} must be a mapping, got {config!r}")
    known = [field.name for field in fields(kind)]
    check_keys(where, config, known)
    check_complete(where, config, known if complete else ())
    return dict(config)


def require_finite(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a finite number."""
    for name, number in numbers.items():
        check_number(name, number)


def require_positive(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a finite number above zero."""
    for name, number in numbers.items():
        if not is_number(number) or number <= 0:
            raise ConfigError(f"{name} must be a finite number above 0, got {number!r}")


def require_not_negative(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a finite number of at least zero."""
    for name, number in numbers.items():
        check_not_negative(name, number)


def require_share(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a number from zero to one."""
    for name, number in numbers.items():
        if not is_number(number) or not 0 <= number <= 1:
            raise ConfigError(f"{name} must be between 0 and 1, got {number!r}")
