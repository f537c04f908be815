"""Parses SNANA text files: a header of keys, then one line an observation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any, Final

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import FLUX, FLUX_ERR, MJD, OBJECT_ID
from lcclassify.surveys.options import plain_number
from lcclassify.surveys.snana_files import (
    COLUMNS,
    N_OBS,
    PHOTFLAG,
    SYNONYMS,
    VERSION,
    WHERE,
    ZP_KEY,
    Ignored,
    flux_factor,
    ignored,
)
from lcclassify.surveys.snana_versions import Versions

_HEADER: Final = re.compile(r"^(\w[\w-]*):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_OBSERVATION: Final = re.compile(r"^OBS:.*$", re.MULTILINE)
_ENDS: Final = ("\nEND:", "\nEND_PHOTOMETRY:")
_SENTENCES: Final = ("SIM_COMMENT",)  # keys of more than one word


def read_texts(
    files: Iterable[tuple[str, PurePath, bytes]],
    label: str | None,
    numbers: Mapping[str, bool],
    versions: Versions,
    unreadable: dict[str, str] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame, list[Ignored]]:
    """Parse text and IGNORE files, in one process: starting more costs what they would save.

    Args:
        files: Names in messages, paths and contents.
        label: Key of the type in the header, if any.
        numbers: Keys that are kept besides, and whether every object must have them.
        versions: Which version each file is of.
        unreadable: Takes why files are left out that are damaged; None refuses them.

    Returns:
        Observations, in the order of the objects; objects; and what is to be ignored.

    Raises:
        DataError: As in `parse`, or if a file lacks what is wanted.
    """
    values: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    rows: list[dict[str, Any]] = []
    lines: list[Ignored] = []
    for where, path, content in files:
        if path.suffix == ".IGNORE":
            lines += ignored(content, where, partial(versions.ids_in, path))
            continue
        try:
            row, columns = _object(content, where, label, numbers)
        except DataError as fault:
            if unreadable is None:
                raise
            unreadable[where] = str(fault)
            continue
        rows.append(row | {WHERE: where, VERSION: versions.of(path), N_OBS: len(columns[MJD])})
        for name, column in values.items():
            column += columns.get(name, [None] * len(columns[MJD]))
    schema: dict[str, Any] = dict.fromkeys([OBJECT_ID, WHERE, VERSION, *filter(None, [label])], str)
    schema |= {N_OBS: int, **dict.fromkeys(numbers, float)}
    kinds = {name: kind for name, (_, kind) in COLUMNS.items()}
    return pl.DataFrame(values, kinds), pl.DataFrame(rows, schema), lines


def _object(
    content: bytes, where: str, label: str | None, numbers: Mapping[str, bool]
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return what is wanted of the header of a file, and the columns of its observations."""
    header, columns = parse(content, where)
    kept = [key for key, must in numbers.items() if must or _words(header, key)]
    row: dict[str, Any] = {key: _number(header, key, where) for key in kept}
    row[OBJECT_ID] = next(iter(_words(header, "SNID", where)))
    if label is not None:
        words = _words(header, label)
        row[label] = " ".join(words if label in _SENTENCES else words[:1]) or None
    if header.get(ZP_KEY):
        factor = flux_factor(_number(header, ZP_KEY, where))
        columns |= {name: [factor * one for one in columns[name]] for name in (FLUX, FLUX_ERR)}
    return row, columns


def _words(header: dict[str, str], key: str, where: str | None = None) -> list[str]:
    """Return the words behind a key, and refuse a file, if its name is given, without any."""
    words = (header.get(key) or header.get(SYNONYMS.get(key, key), "")).split()
    if not words and key.endswith("_ERR"):
        return _words(header, key.removesuffix("_ERR"), where)[2:]  # value, "+-", error
    if not words and where is not None:
        raise DataError(f"{where} has no value of '{key}:' in its header")
    return words


def _number(header: dict[str, str], key: str, where: str) -> float:
    words = _words(header, key, where)
    try:
        return float(plain_number(words[0], float))
    except (ValueError, IndexError) as fault:
        said = f"'{key}:' must hold a number, got '{' '.join(words)}'"
        raise DataError(f"{where}: {said}") from fault


def parse(content: bytes, where: str) -> tuple[dict[str, str], dict[str, list[Any]]]:
    """Return the text behind each key of a file's header, and the columns of its observations.

    Lines between these that are none, such as ``DETECTION:``, are skipped.

    Raises:
        DataError: If the file is empty, not text, truncated (fewer observations than
            ``NOBS:`` or no ``END:``) or has text in a number column.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise DataError(f"{where} is not text: byte {fault.start} cannot be read") from fault
    if not text.strip():
        raise DataError(f"{where} is empty")
    header = {match[1]: match[2] for match in _HEADER.finditer(text.partition("\nOBS:")[0])}
    names = (header.get("VARLIST") or header.get("VARNAMES", "")).split()
    positions = {}
    for new, (name, _) in COLUMNS.items():
        written = name if name in names else SYNONYMS.get(name, name)
        if written in names:
            positions[new] = 1 + names.index(written)
        elif new != PHOTFLAG:
            raise DataError(f"{where} has no column '{name}' in its VARLIST ({' '.join(names)})")
    matches = list(_OBSERVATION.finditer(text))
    rows = [match[0].split() for match in matches]
    odd = next((row for row, words in enumerate(rows) if len(words) != 1 + len(names)), None)
    if odd is not None:
        raise DataError(
            f"{where}, line {_line(text, matches[odd].start())}: an observation of {len(names)} "
            f"values was expected, got {len(rows[odd]) - 1}; is the file truncated?"
        )
    columns: dict[str, list[Any]] = {new: [] for new in positions}
    for new, position in positions.items():
        name, kind = COLUMNS[new]
        read: Callable[[str], Any] = str
        if kind is not str:
            read = partial(plain_number, kind=kind)
        try:
            columns[new].extend(map(read, [words[position] for words in rows]))
        except ValueError as fault:
            row = len(columns[new])  # of the first that is no number
            raise DataError(
                f"{where}, line {_line(text, matches[row].start())}: column '{name}' must hold a "
                f"number, got '{rows[row][position]}'"
            ) from fault
    stated, last = "".join(_words(header, "NOBS")[:1]), _line(text, len(text.rstrip()))
    if stated != str(len(rows)):
        line = _line(text, text.find("NOBS:")) if stated else last
        raise DataError(
            f"{where}, line {line}: NOBS states {stated or 'no number of'} observations, but the "
            f"file holds {len(rows)} up to its last line {last}; is it truncated?"
        )
    if not any(end in text for end in _ENDS):
        raise DataError(f"{where}, line {last}: the file ends without 'END:'; is it truncated?")
    return header, columns


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
