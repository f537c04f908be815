"""Reads search spaces written in the grammar of Hydra's sweeps.

``choice(a,b)``, ``a,b``, ``range(1,8)``, ``interval(0,1)``, ``glob(*)``, each also inside
``int()``, ``shuffle()`` or ``tag(log,...)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
)
from hydra.errors import HydraException

from lcclassify.checks import check_complete, check_flag, check_keys, is_whole
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.search.entries import Choice, Entry, Layers, Number, Scalar
from lcclassify.search.space import Space

_LAYER_KEYS = ("count", "choices", "narrowing")
_TAGS = ("log",)


def flatten(group: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of a nested mapping, the layers' own mappings kept whole."""
    for name, value in group.items():
        key = f"{inside}.{name}" if inside else str(name)
        if isinstance(value, Mapping) and not set(_LAYER_KEYS) & set(value):
            yield from flatten(value, key)
        else:
            yield key, value


def read_space(
    space: Mapping[str, Any],
    layers: Mapping[str, Any],
    swept: list[Override],
    fixed: list[str],
    loader: ConfigLoader | None = None,
) -> Space:
    """Build the space of a search's configuration and of the command line.

    Args:
        space: Keys, nested or dotted, to their texts in the grammar.
        layers: Keys to mappings of `count`, `choices` and `narrowing`.
        swept: Words of the command line that are ranges; they replace entries.
        fixed: Keys that the command line sets to one value; they remove entries.
        loader: Knows the choices of groups, for ``glob``.

    Raises:
        ConfigError: A text is no range of values, or a range is empty.
    """
    entries: dict[str, Entry] = {}
    replaced = {override.get_key_element().lstrip("+") for override in swept} | set(fixed)
    for key, value in flatten(layers):
        if key.lstrip("+") not in replaced:
            entry = _layers(key, value)
            entries[entry.key] = entry
    for key, value in flatten(space):
        if key.lstrip("+") not in replaced:
            found = entry_of(_parsed(f"search.space.{key}", key, value, loader))
            entries[found.key] = found
    for override in swept:
        found = entry_of(override)
        entries[found.key] = found
    return Space(tuple(entries.values()))


def entry_of(override: Override) -> Choice | Number:
    """Return a sweep of the command line as an entry of a space.

    Raises:
        ConfigError: It is empty, or has a tag that means nothing here.
    """
    word = override.get_key_element()
    sweep = override.value()
    tags: set[str] = getattr(sweep, "tags", set())
    for tag in tags:
        if tag not in _TAGS:
            raise ConfigError(f"'{word}' has the tag '{tag}': {did_you_mean(tag, _TAGS)}")
    log = "log" in tags
    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start, sweep.end
        if low is None or high is None:
            raise ConfigError(f"'{word}' is an interval without ends")
        whole = isinstance(low, int) and isinstance(high, int)
        return Number(word, low, high, 1 if whole and not log else None, log, whole)
    if isinstance(sweep, RangeSweep):
        return _range(word, sweep, log)
    if isinstance(sweep, ChoiceSweep) and log:
        raise ConfigError(f"'{word}' has the tag 'log', which choices cannot have")
    elements = list(override.sweep_iterator())
    texts = tuple(Override._get_value_element_as_str(element) for element in elements)
    values = tuple(_plain(e, text) for e, text in zip(elements, texts, strict=True))
    return Choice(word, values, texts)


def _range(word: str, sweep: RangeSweep, log: bool) -> Number:
    start, stop, step = sweep.start, sweep.stop, sweep.step
    if start is None or stop is None or step == 0:
        raise ConfigError(f"the space of '{word}' is empty: its range has no ends or no step")
    try:
        values = list(sweep.range())
    except (HydraException, ValueError) as error:
        raise ConfigError(f"the space of '{word}' cannot be read: {error}") from error
    if not values:
        raise ConfigError(f"the space of '{word}' is empty: range({start},{stop},{step})")
    whole = all(isinstance(value, int) for value in (start, stop, step))
    low, high = min(values), max(values)
    if log:
        if abs(step) != 1 or not whole:
            raise ConfigError(f"the logarithmic range of '{word}' must have whole steps of 1")
        return Number(word, low, high, None, True, True)
    return Number(word, low, high, abs(step), False, whole)


def _plain(element: Any, text: str) -> Scalar:
    if isinstance(element, QuotedString):
        return element.text
    if element is None or isinstance(element, bool | int | float | str):
        return element
    return text


def _parsed(where: str, word: str, value: Any, loader: ConfigLoader | None) -> Override:
    text = value if isinstance(value, str) else None
    hint = "write choice(...), range(...) or interval(...)"
    if text is None:
        raise ConfigError(f"{where} is {value!r}, which is no range of values: {hint}")
    try:
        override = OverridesParser.create(config_loader=loader).parse_override(f"{word}={text}")
    except HydraException as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where} is '{text}', which cannot be read: {reason}") from error
    if not override.is_sweep_override():
        raise ConfigError(f"{where} is '{text}', which is no range of values: {hint}")
    override.config_loader = loader
    return override


def _layers(word: str, value: Any) -> Layers:
    where = f"search.layers.{word}"
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must have the keys {', '.join(_LAYER_KEYS)}, got {value!r}")
    check_keys(where, value, _LAYER_KEYS)
    check_complete(where, value, _LAYER_KEYS)
    check_flag(f"{where}.narrowing", value["narrowing"])
    counts = _whole_numbers(f"{where}.count", value["count"])
    widths = _whole_numbers(f"{where}.choices", value["choices"])
    return Layers(word, counts, tuple(sorted(widths)), value["narrowing"])


def _whole_numbers(where: str, value: Any) -> tuple[int, ...]:
    """Return what a list, one number or a text in the grammar stands for."""
    if isinstance(value, str):
        entry = entry_of(_parsed(where, "n", value, None))
        size = entry.cardinality
        if size is None:
            raise ConfigError(f"{where} must be counted values, got '{value}'")
        value = [entry.nth(index)["n"] for index in range(size)]
    values = list(value) if isinstance(value, list | tuple) else [value]
    for one in values:
        if not is_whole(one):
            raise ConfigError(f"{where} must be whole numbers, got {one!r}")
    return tuple(values)
