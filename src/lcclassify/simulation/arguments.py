"""What the numbers of a configuration may be: an impossible one is refused by name."""

from __future__ import annotations

import math

from lcclassify.errors import ConfigError


def require_finite(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a finite number."""
    for name, number in numbers.items():
        if not _is_finite(number):
            raise ConfigError(f"{name} must be a finite number, got {number!r}")


def require_positive(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a finite number above zero."""
    for name, number in numbers.items():
        if not (_is_finite(number) and number > 0):
            raise ConfigError(f"{name} must be a finite number above 0, got {number!r}")


def require_not_negative(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a finite number of at least zero."""
    for name, number in numbers.items():
        if not (_is_finite(number) and number >= 0):
            raise ConfigError(f"{name} must be a finite number of at least 0, got {number!r}")


def require_share(**numbers: float) -> None:
    """Raise ConfigError if an argument is not a number from zero to one."""
    for name, number in numbers.items():
        if not (_is_finite(number) and 0 <= number <= 1):
            raise ConfigError(f"{name} must be between 0 and 1, got {number!r}")


def _is_finite(number: float) -> bool:
    # YAML's true and false are no numbers here, though they are in Python.
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and math.isfinite(number)
