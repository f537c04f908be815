"""Names and paths on the command line stay what was typed: Hydra reads `1e5` as a number.

Values go in quotes. Keys of mappings cannot: an escaped blank makes text of one, and names are
read without blanks around them (`options.pairs`, `Priors.from_config`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

# What a name or path may look like and Hydra takes for another kind of value.
_NUMBER: Final = re.compile(
    r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?|[+-]?(?:nan|inf)|true|false",
    re.IGNORECASE,
)
# Numbers that are written as they are read.
_AS_READ: Final = re.compile(r"0|-?[1-9]\d*|-?(?:0|[1-9]\d{0,14})\.(?:0|\d{0,3}[1-9])")
# Keys, or beginnings of keys, whose values are text whatever they look like.
_TEXT: Final = re.compile(
    r"""(?:\+\+?)?(?:
        object | output | bundle | run | resume | split\.file | paths\.\w+
        | survey\.(?:root|observations|objects|overrides|separator|comment|redshift|version)
        | survey\.(?:label_column|spectroscopic_redshift)
        | survey\.(?:columns|metadata|class_map|class_names|passband_aliases)\..+
    )""",
    re.VERBOSE,
)
_LISTS: Final = re.compile(
    r"(?:\+\+?)?survey\.(?:passbands|classes|names|metadata|observations|objects|overrides)"
)
# Mappings of names to names, and of names to values of other kinds.
_NAMES: Final = r"survey\.(?:columns|metadata|class_map|class_names|passband_aliases)"
_MAPPINGS: Final = re.compile(
    rf"(?:\+\+?)?(?:(?P<names>{_NAMES})|priors|survey\.(?:class_weights|softening|cuts))"
)
# What divides a mapping into its items; nothing within quotes does.
_PARTS: Final = re.compile(
    r"""\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[\[\](){},:]|[^\\"'\[\](){},:]+"""
)


def as_typed(words: Sequence[str]) -> list[str]:
    """Return a command's words with quotes around names and paths that look like numbers.

    Lists with quotes or brackets of their own are left as they are; so are choices of a sweep.
    In mappings numbers that are written as they are read, 1 or 0.5, stay numbers: they may stand
    in a YAML too.

    Example:
        >>> as_typed(["object=1e5", "seed=1e5", "survey.passbands=[g,007,1e3]"])
        ["object='1e5'", 'seed=1e5', "survey.passbands=[g,'007','1e3']"]
    """
    return [_kept(word) for word in words]


def _kept(word: str) -> str:
    key, equals, value = word.partition("=")
    if not equals:
        return word
    if _LISTS.fullmatch(key) and (inner := re.fullmatch(r"\[([^\[\]{}'\"]*)\]", value)):
        items = (_quoted(item.strip()) for item in inner[1].split(","))
        return f"{key}=[{','.join(items)}]"
    if _TEXT.fullmatch(key):
        return f"{key}={_quoted(value)}"
    if (kind := _MAPPINGS.fullmatch(key)) and value.startswith("{") and value.endswith("}"):
        return f"{key}={_mapping(value, texts=kind['names'] is not None)}"
    return word


def _mapping(value: str, *, texts: bool) -> str:
    """Return a mapping whose keys, and values where they are texts, stay what was typed.

    Only those of the mapping itself: what is nested in it is left as it is.
    """
    parts = _PARTS.findall(value)
    if "".join(parts) != value:  # a quote without its other one, which Hydra refuses
        return value
    depth, is_key, words = 0, True, [""]
    for part in parts:
        depth -= part in ("}", "]", ")")
        divides = part == "," or (part == ":" and is_key)
        if (depth == 1 and divides) or (depth == 0 and part in ("{", "}")):
            change = _marked if is_key else _quoted if texts else str
            words[-1] = _around(words[-1], change)
            words += [part, ""]
            is_key = part in (",", "{")
        else:
            words[-1] += part
        depth += part in ("{", "[", "(")
    return "".join(words)


def _around(text: str, change: Callable[[str], str]) -> str:
    """Return a text changed, but for the blanks around it."""
    word = text.strip()
    return text.replace(word, change(word)) if word else text


def _marked(key: str) -> str:
    """Return a key of a mapping that is read as text if it would become another word."""
    if not _NUMBER.fullmatch(key) or _AS_READ.fullmatch(key):
        return key
    return rf"\ {key}"


def _quoted(value: str) -> str:
    return f"'{value}'" if _NUMBER.fullmatch(value) else value
