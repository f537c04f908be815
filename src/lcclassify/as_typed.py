"""Names and paths on the command line stay what was typed: Hydra reads `1e5` as a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# What a name or path may look like and Hydra takes for another kind of value.
_NUMBER: Final = re.compile(
    r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?|[+-]?(?:nan|inf)|true|false",
    re.IGNORECASE,
)
# Keys, or beginnings of keys, whose values are text whatever they look like.
_TEXT: Final = re.compile(
    r"""(?:\+\+?)?(?:
        object | output | bundle | run | resume | split\.file | paths\.\w+
        | survey\.(?:root|observations|objects|overrides|separator|comment|redshift)
        | survey\.(?:columns|metadata|class_map|class_names|passband_aliases)\..+
    )""",
    re.VERBOSE,
)
_LISTS: Final = re.compile(r"(?:\+\+?)?survey\.(?:passbands|classes|names|metadata)")


def as_typed(words: Sequence[str]) -> list[str]:
    """Return a command's words with quotes around names and paths that look like numbers.

    Lists with quotes or brackets of their own are left as they are; so are choices of a sweep.

    Example:
        >>> as_typed(["object=1e5", "seed=1e5", "survey.passbands=[g,007,1e3]"])
        ["object='1e5'", 'seed=1e5', "survey.passbands=[g,'007','1e3']"]
    """
    return [_kept(word) for word in words]


def _kept(word: str) -> str:
    key, equals, value = word.partition("=")
    if not equals:
        return word
    if _TEXT.fullmatch(key):
        return f"{key}={_quoted(value)}"
    if _LISTS.fullmatch(key) and (inner := re.fullmatch(r"\[([^\[\]{}'\"]*)\]", value)):
        items = (_quoted(item.strip()) for item in inner[1].split(","))
        return f"{key}=[{','.join(items)}]"
    return word


def _quoted(value: str) -> str:
    return f"'{value}'" if _NUMBER.fullmatch(value) else value
