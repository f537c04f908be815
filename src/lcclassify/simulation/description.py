"""Settings of simulated sources and populations as plain values, for cache keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def describe(value: Any) -> Any:
    """Return an object as plain values: its class and all its attributes, recursively.

    Raises:
        TypeError: An attribute has no plain form.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if hasattr(value, "__dict__"):
        kind = type(value)
        return {
            "class": f"{kind.__module__}.{kind.__qualname__}",
            **{name: describe(item) for name, item in sorted(vars(value).items())},
        }
    raise TypeError(f"{type(value).__name__} has no plain form")
