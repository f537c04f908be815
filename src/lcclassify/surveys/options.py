"""Turns configuration values, from YAML or Python, into plain typed ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any, Final

from lcclassify.checks import check_number
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import Passbands
from lcclassify.tables.textform import SEPARATORS, TextForm

MISSING: Final = "set survey.missing=[{}]"  # what helps, of surveys that have the setting


def words(value: Iterable[object] | None, argument: str) -> tuple[str, ...]:
    """Return a list of names as strings.

    Raises:
        ConfigError: If it is a single text or no list, or an item is neither text nor a number.
    """
    items = _items(value, argument, "a list")
    return tuple(_word(item, f"an item of {argument}") for item in items)


def mapping(value: Mapping[Any, Any] | None, argument: str) -> dict[str, str | None]:
    """Return a mapping with text keys; its values are text or None.

    Raises:
        ConfigError: If it is no mapping, or a key or value is neither text nor a number.
    """
    return {
        key: None if item is None else _word(item, f"{argument}: the value of '{key}'")
        for key, item in pairs(value, argument)
    }


def _word(value: object, what: str) -> str:
    """Return a text or number as text; what else YAML has would be a name by accident."""
    if isinstance(value, str | Real) and not isinstance(value, bool):
        if word := str(value).strip():  # as those of files are read
            return word
        raise ConfigError(f"{what} must not be blank, got {value!r}")
    raise ConfigError(f"{what} must be a text or a number, got {value!r}: quotes make a text of it")


def numbers(value: Iterable[object] | None, argument: str) -> tuple[float, ...]:
    """Return a list of finite numbers.

    Raises:
        ConfigError: If it is no list or an item is no number.
    """
    return tuple(
        check_number(argument, item) for item in _items(value, argument, "a list of numbers")
    )


def reads_as_number(word: str) -> bool:
    """Say whether a word is a finite number."""
    try:
        return math.isfinite(plain_number(word, float))
    except ValueError:
        return False


def plain_number(word: str, kind: Callable[[str], Any]) -> Any:
    """Return the number, an int or float, that a word is, read as tables of text are.

    That is without Python's underscores and other digits, and integers of 64 bits only.

    Raises:
        ValueError: It is none.
    """
    if "_" in word or not word.isascii():
        raise ValueError(word)
    value = kind(word)
    if kind is int and not -(2**63) <= value < 2**63:
        raise ValueError(word)
    return value


def _items(value: Iterable[object] | None, argument: str, wanted: str) -> Iterable[object]:
    if value is None:
        return ()
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigError(f"{argument} must be {wanted}, got {value!r}")
    return value


def passbands(
    names: Iterable[object] | None, wavelengths: Iterable[object] | None = None
) -> Passbands:
    """Return a survey's passbands.

    Raises:
        ConfigError: There are none, or these are no names and wavelengths in nanometres.
    """
    if names is None:
        raise ConfigError("survey.passbands must list the passbands in order, such as [g,r]")
    return Passbands(words(names, "survey.passbands"), numbers(wavelengths, "survey.wavelengths"))


def texts(value: Mapping[Any, Any] | None, argument: str) -> dict[str, str]:
    """Return a mapping of texts to texts.

    Raises:
        ConfigError: If it is no mapping or has a null value.
    """
    found = {}
    for key, item in mapping(value, argument).items():
        if item is None:
            raise ConfigError(f"{argument} must give a value to '{key}', got null")
        found[key] = item
    return found


def pairs(value: Mapping[Any, Any] | None, argument: str) -> list[tuple[str, object]]:
    """Return the items of a mapping with text keys and values as they are.

    Raises:
        ConfigError: If it is no mapping, or a key is neither text nor a number.
    """
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise ConfigError(f"{argument} must be a mapping, got {value!r}")
    return [(_word(key, f"a key of {argument}"), item) for key, item in value.items()]


def text_form(
    separator: str | None, comment: str | None, names: Iterable[object] | None = None
) -> TextForm:
    """Return the form of text tables.

    Raises:
        ConfigError: The separator is neither one character nor a word for one, the comment
            is blank, or the names are no list of different ones.
    """
    header = words(names, "survey.names")
    if len(set(header)) < len(header):
        raise ConfigError(f"survey.names must name each column once, got {list(header)}")
    if separator is not None:
        word = separator = str(separator)
        separator = SEPARATORS.get(word, "\t" if word == "\\t" else word)
        usable = len(separator) == 1 and separator.isascii() and separator not in '"\0\r\n'
        if word not in SEPARATORS and not usable:
            raise ConfigError(
                "survey.separator must be a word or one character of ASCII, but no quote or end of "
                f"line, got {word!r}; {did_you_mean(word, SEPARATORS)}"
            )
    if comment is not None and not str(comment).strip():
        raise ConfigError(f"survey.comment must be what comment lines begin with, got '{comment}'")
    return TextForm(separator, None if comment is None else str(comment).strip(), header)
