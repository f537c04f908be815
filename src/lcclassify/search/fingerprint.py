"""What makes a search the same one when its command is given again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lcclassify.schema import PlainConfig
from lcclassify.search.space import Space

# What may differ: how far, how fast and where, but not what is tried and measured.
_MAY_CHANGE: Final = (
    "search.name",
    "search.n_trials",
    "search.n_jobs",
    "search.storage",
    "search.space",
    "search.layers",
    "trainer.accelerator",
    "paths",
    "evaluation",
    "tensorboard",
    "bundle",
    "debug",
    "resume",
    "retrain",
)
_LAST_PARTS: Final = ("cache_dir", "workers")  # of surveys: they change no result


def fingerprint(config: PlainConfig, space: Space) -> dict[str, Any]:
    """Return every setting by its key that another search would have otherwise.

    Args:
        config: The configuration without the space's values.
        space: The space.
    """
    varied = {f"the space {key}": text for key, text in space.describe().items()}
    return _flat(config, "") | varied


def _flat(value: Any, key: str) -> dict[str, Any]:
    if key in _MAY_CHANGE or key.rsplit(".", 1)[-1] in _LAST_PARTS:
        return {}
    if isinstance(value, Mapping) and value:
        found: dict[str, Any] = {}
        for name, inner in value.items():
            found |= _flat(inner, f"{key}.{name}" if key else str(name))
        return found
    return {key: value}
