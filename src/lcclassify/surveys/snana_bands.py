"""Which passbands the names in SNANA's files mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lcclassify.errors import DataError, did_you_mean
from lcclassify.surveys.report import counted
from lcclassify.tables.columns import SHOWN

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_TOLD: Final = 50  # unknown names that are listed; a damaged file may have thousands


def meanings(
    counts: Mapping[str, int], known: Mapping[str, str], root: Path, whose: str = ""
) -> dict[str, str]:
    """Return the passband of each name in the files, or the name itself where it has none.

    Of ``CSP-g/b`` all names are known by the filter, g, or all by the file's letter for it,
    b: among letters for many filters g may well stand for another one.

    Args:
        counts: Observations of each name.
        known: Names of passbands and other spellings of them, and the passband of each.
        root: Where the files are, for messages.
        whose: Said behind a setting there: which survey has it, if not the user's.

    Raises:
        DataError: If some names mean one passband by their filter and another by their letter.
    """
    behind = {word: word.rpartition("-")[2] for word in counts}
    of_file = [word for word in counts if "/" in word and not {word, behind[word]} & {*known}]
    ways = [way for way in _ways(of_file) if known.keys() >= {*way.values()}]
    may = {word: sorted({known[way[word]] for way in ways}) for word in of_file}
    if several := {word: names for word, names in may.items() if len(names) > 1}:
        further = {word: f" may mean {' or '.join(names)}" for word, names in several.items()}
        raise DataError(
            f"under {root} {_listed(several, counts, further)}: survey.passband_aliases{whose} "
            "must say which"
        )
    found = ways[0] if ways else {word: word for word in of_file}
    for word in {*counts} - {*of_file}:
        forms = (word, behind[word], word[-1:])
        found[word] = next((form for form in forms if form in known), word)
    return {word: known.get(form, form) for word, form in found.items()}


def unknown(meant: Mapping[str, str], counts: Mapping[str, int], names: Sequence[str]) -> str:
    """Return all names that mean no passband in words, the most frequent first.

    Args:
        meant: What `meanings` gave.
        counts: As there.
        names: The passbands.

    Returns:
        A clause without what is to be done; nothing if all names mean a passband.
    """
    words = [word for word, name in meant.items() if name not in names]
    if not words:
        return ""
    hint = did_you_mean(words[0] if len(words) == 1 else "", names)
    if any(not {*way.values()}.isdisjoint(names) for way in _ways(words)):
        hint += "; names with a slash are known all by the filter before it or all by the letter"
    return f"unknown {_listed(words, counts)}; {hint}"


def _ways(words: Iterable[str]) -> list[dict[str, str]]:
    """Return the filter of each name with a slash, and the file's letter for it."""
    slashed = [word for word in words if "/" in word]
    filters = {word: word.partition("/")[0].rpartition("-")[2] for word in slashed}
    return [filters, {word: word.rpartition("/")[2] for word in slashed}]


def _listed(
    words: Iterable[str], counts: Mapping[str, int], further: Mapping[str, str] = _NOTHING
) -> str:
    """Return names with the number of observations of each, and what is further said of it."""
    ordered = sorted(words, key=lambda word: (-counts[word], word))
    told = [
        f"'{word if len(word) <= SHOWN else word[:SHOWN] + '...'}' "
        f"({counted(counts[word], 'observation', 'observations')}){further.get(word, '')}"
        for word in ordered[:_TOLD]
    ]
    more = [f"and {len(ordered) - _TOLD:,} more"] if len(ordered) > _TOLD else []
    return f"passband{'' if len(ordered) == 1 else 's'} {', '.join([*told, *more])}"
