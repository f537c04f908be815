"""What a trial may set one key to: drawn, counted and enumerated without training.

An entry of a search space is a choice, a number, or a list of layer
widths, whose parameters exist only as far as there are layers. Optuna forbids that a
parameter's choices change between trials, so the width of a layer that must not be wider
than the one before is a parameter named by that bound, such as ``units[2]<=256``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from lcclassify.checks import is_number, is_whole
from lcclassify.errors import ConfigError

Scalar = bool | int | float | str | None
Params = dict[str, Any]
Pick = Callable[[str, BaseDistribution], Any]  # parameter's name, distribution -> value
Lookup = Callable[[str], Any]  # key -> value in the configuration, or ABSENT

ABSENT: Final = object()


@dataclass(frozen=True)
class _Keyed:
    """What one key may be set to.

    Attributes:
        word: The key as on the command line, with its ``+`` if it has one.
    """

    word: str

    @property
    def key(self) -> str:
        """The configuration's key."""
        return self.word.lstrip("+")


@dataclass(frozen=True)
class Choice(_Keyed):
    """One of several values.

    Attributes:
        values: Plain values; what is neither a number, text, true, false nor null
            stands as its text.
        texts: The same as written on the command line.
    """

    values: tuple[Scalar, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ConfigError(f"the space of '{self.key}' is empty: it needs at least one value")
        if len(set(self.texts)) != len(self.texts):
            raise ConfigError(
                f"the space of '{self.key}' has a value twice: {', '.join(self.texts)}"
            )
        # Optuna finds a choice by equality, and 1, 1.0 and true are equal.
        if len(set(self.values)) != len(self.values):
            raise ConfigError(
                f"the space of '{self.key}' has equal values: {', '.join(self.texts)}"
            )

    @property
    def cardinality(self) -> int:
        """Number of values."""
        return len(self.values)

    def draw(self, pick: Pick) -> Params:
        """Return the entry's parameters, each from `pick`."""
        return {self.key: pick(self.key, CategoricalDistribution(self.values))}

    def nth(self, index: int) -> Params:
        """Return the parameters of one configuration, ``0 <= index < cardinality``."""
        return {self.key: self.values[index]}

    def text(self, params: Mapping[str, Any]) -> str:
        """Return the value as written on the command line."""
        return self.texts[self.values.index(params[self.key])]

    def default(self, lookup: Lookup) -> Params | None:
        """Return the parameters that leave the configuration as it is, if there are any."""
        value = lookup(self.key)
        for known, text in zip(self.values, self.texts, strict=True):
            same = isinstance(value, bool) == isinstance(known, bool) and value == known
            if same or (isinstance(value, list) and text == _listed(value)):
                return {self.key: known}
        return None

    def describe(self) -> str:
        """Return the entry in words that tell it from any other."""
        return f"choice({', '.join(self.texts)})"


@dataclass(frozen=True)
class Number(_Keyed):
    """A number of an interval or a range, both ends included.

    Attributes:
        low: Smallest value.
        high: Largest value.
        step: Distance of neighbouring values; None for any number between.
        log: Whether the logarithm is uniform.
        whole: Whether values are whole numbers.
    """

    low: float
    high: float
    step: float | None
    log: bool
    whole: bool

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ConfigError(
                f"the space of '{self.key}' is empty: it goes from {self.low} to {self.high}"
            )
        if self.log and self.low <= 0:
            raise ConfigError(
                f"the space of '{self.key}' is logarithmic and must begin above 0, got {self.low}"
            )

    @property
    def cardinality(self) -> int | None:
        """Number of values; None if they cannot be counted."""
        if self.step is None:
            return 1 if self.low == self.high else None
        return round((self.high - self.low) / self.step) + 1

    def draw(self, pick: Pick) -> Params:
        """Return the entry's parameters, each from `pick`."""
        if self.whole:
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return {self.key: pick(self.key, IntDistribution(low, high, log=self.log, step=step))}
        kind = FloatDistribution(self.low, self.high, log=self.log, step=self.step)
        return {self.key: pick(self.key, kind)}

    def nth(self, index: int) -> Params:
        """Return the parameters of one configuration, ``0 <= index < cardinality``."""
        value = self.low + index * (self.step or 0)
        return {self.key: int(value) if self.whole else value}

    def text(self, params: Mapping[str, Any]) -> str:
        """Return the value as written on the command line."""
        return repr(params[self.key])

    def default(self, lookup: Lookup) -> Params | None:
        """Return the parameters that leave the configuration as it is, if there are any."""
        value = lookup(self.key)
        if not is_number(value):
            return None
        if not self.low <= value <= self.high or (self.whole and value != int(value)):
            return None
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return {self.key: value} if math.isclose(steps, round(steps), abs_tol=1e-9) else None

    def describe(self) -> str:
        """Return the entry in words that tell it from any other."""
        step = "" if self.step is None else f", step {self.step}"
        kind = ("log " if self.log else "") + ("whole" if self.whole else "real")
        return f"{kind} numbers from {self.low} to {self.high}{step}"


@dataclass(frozen=True)
class Layers(_Keyed):
    """A list of layer widths of varying length.

    Attributes:
        counts: Possible numbers of layers.
        widths: Possible widths of a layer, rising.
        narrowing: Whether no layer is wider than the one before.
    """

    counts: tuple[int, ...]
    widths: tuple[int, ...]
    narrowing: bool

    def __post_init__(self) -> None:
        for name, values, least in (("count", self.counts, 0), ("choices", self.widths, 1)):
            whole = all(is_whole(v) for v in values)
            if not values or not whole or min(values) < least or len(set(values)) != len(values):
                raise ConfigError(
                    f"the {name} of the layers '{self.key}' must be distinct whole numbers of at "
                    f"least {least}, got {list(values)}"
                )

    @property
    def cardinality(self) -> int:
        """Number of different lists."""
        return sum(self._lists(count, len(self.widths)) for count in self.counts)

    def _lists(self, count: int, n_widths: int) -> int:
        """Number of lists of `count` layers from the `n_widths` narrowest widths."""
        return math.comb(count + n_widths - 1, count) if self.narrowing else n_widths**count

    def _name(self, layer: int, before: int) -> str:
        bound = f"<={before}" if self.narrowing and layer > 1 else ""
        return f"{self.key}[{layer}]{bound}"

    def draw(self, pick: Pick) -> Params:
        """Return the entry's parameters, each from `pick`."""
        name = f"{self.key}.count"
        params: Params = {name: pick(name, CategoricalDistribution(self.counts))}
        before = self.widths[-1]
        for layer in range(1, params[name] + 1):
            allowed = [w for w in self.widths if w <= before] if self.narrowing else self.widths
            width_name = self._name(layer, before)
            before = params[width_name] = pick(width_name, CategoricalDistribution(allowed))
        return params

    def params(self, units: Iterable[int]) -> Params:
        """Return the parameters of a list of widths."""
        listed = list(units)
        params: Params = {f"{self.key}.count": len(listed)}
        before = self.widths[-1]
        for layer, width in enumerate(listed, start=1):
            params[self._name(layer, before)] = width
            before = width
        return params

    def units(self, params: Mapping[str, Any]) -> list[int]:
        """Return the list of widths of some parameters."""
        units: list[int] = []
        for layer in range(1, int(params[f"{self.key}.count"]) + 1):
            units.append(int(params[self._name(layer, units[-1] if units else 0)]))
        return units

    def nth(self, index: int) -> Params:
        """Return the parameters of one configuration, ``0 <= index < cardinality``."""
        for count in self.counts:
            size = self._lists(count, len(self.widths))
            if index < size:
                break
            index -= size
        units: list[int] = []
        n_widths = len(self.widths)
        for left in range(count - 1, -1, -1):
            for position in range(n_widths):
                size = self._lists(left, position + 1 if self.narrowing else n_widths)
                if index < size:
                    break
                index -= size
            units.append(self.widths[position])
            n_widths = position + 1 if self.narrowing else n_widths
        return self.params(units)

    def text(self, params: Mapping[str, Any]) -> str:
        """Return the value as written on the command line."""
        return _listed(self.units(params))

    def default(self, lookup: Lookup) -> Params | None:
        """Return the parameters that leave the configuration as it is, if there are any."""
        value = lookup(self.key)
        if not isinstance(value, list) or len(value) not in self.counts:
            return None
        widening = any(after > before for before, after in pairwise(value))
        if set(value) - set(self.widths) or (self.narrowing and widening):
            return None
        return self.params(value)

    def describe(self) -> str:
        """Return the entry in words that tell it from any other."""
        kind = "narrowing" if self.narrowing else "any"
        counts, widths = (", ".join(map(str, v)) for v in (self.counts, self.widths))
        return f"layers: {counts} of {widths}, {kind}"


Entry = Choice | Number | Layers


def _listed(values: Iterable[Any]) -> str:
    return f"[{','.join(str(value) for value in values)}]"
