"""Search spaces: products of entries, of which a trial draws one of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import Trial

from lcclassify.errors import ConfigError
from lcclassify.search.entries import Entry, Layers, Lookup, Params, Pick


@dataclass(frozen=True)
class Space:
    """Everything that differs between the trials of a search.

    Attributes:
        entries: One a key, in the order in which they are drawn.
    """

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        keys = [entry.key for entry in self.entries]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigError(f"the search space has '{key}' twice")
        if not keys:
            raise ConfigError(
                "the search space is empty: give at least one key a range of values, such as "
                "model.network.dropout=choice(0,0.1)"
            )

    @property
    def cardinality(self) -> int | None:
        """Exact number of distinct configurations; None if they cannot be counted."""
        product = 1
        for entry in self.entries:
            if entry.cardinality is None:
                return None
            product *= entry.cardinality
        return product

    def draw(self, pick: Pick) -> Params:
        """Return a configuration's parameters, each from `pick`."""
        params: Params = {}
        for entry in self.entries:
            params |= entry.draw(pick)
        return params

    def nth(self, index: int) -> Params:
        """Return one configuration of all, the last entry changing fastest."""
        parts: list[Params] = []
        for entry in reversed(self.entries):
            size = entry.cardinality
            if size is None:
                raise ConfigError(f"the space of '{entry.key}' cannot be counted")
            parts.append(entry.nth(index % size))
            index //= size
        return {name: value for part in reversed(parts) for name, value in part.items()}

    def words(self, params: Mapping[str, Any]) -> list[str]:
        """Return what sets a configuration on the command line."""
        return [f"{entry.word}={entry.text(params)}" for entry in self.entries]

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a configuration by key; lists of layers as their text."""
        return {
            e.key: e.text(params) if isinstance(e, Layers) else params[e.key] for e in self.entries
        }

    def default(self, lookup: Lookup) -> tuple[Params | None, list[str]]:
        """Return the parameters of the configuration as it is, and the keys that prevent it."""
        found = {entry.key: entry.default(lookup) for entry in self.entries}
        outside = [key for key, params in found.items() if params is None]
        if outside:
            return None, outside
        return {k: v for params in found.values() for k, v in (params or {}).items()}, []

    def describe(self) -> dict[str, str]:
        """Return each key's entry in words that tell it from any other."""
        return {entry.key: entry.describe() for entry in self.entries}


def suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    """Return a trial's parameter, drawn by its study's sampler if it has none yet."""
    # What Optuna's `suggest_float` and the like call with the distribution that they make.
    return trial._suggest(name, distribution)
