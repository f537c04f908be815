"""Parses one SNANA text file: a header of keys, then one line an observation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lcclassify.errors import DataError

_HEADER: Final = re.compile(r"^(\w[\w-]*):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_OBSERVATION: Final = re.compile(r"^OBS:.*$", re.MULTILINE)


@dataclass(frozen=True)
class SnanaFile:
    """What one file holds.

    Attributes:
        header: Text behind each key of the header, such as ``{"SNID": "1186"}``.
        mjd: Time of each observation in days.
        passband: Passband name of each observation.
        flux: FLUXCAL of each observation.
        flux_err: FLUXCALERR of each observation.
    """

    header: dict[str, str]
    mjd: list[float]
    passband: list[str]
    flux: list[float]
    flux_err: list[float]

    def words(self, key: str, where: str) -> list[str]:
        """Return the words behind a header key.

        Raises:
            DataError: If the key is missing or has no value.
        """
        words = self.header.get(key, "").split()
        if not words:
            raise DataError(f"{where} has no value of '{key}:' in its header")
        return words

    def number(self, key: str, where: str, position: int = 0) -> float:
        """Return a number behind a header key.

        Raises:
            DataError: If the key is missing or its word at `position` is no number.
        """
        words = self.words(key, where)
        try:
            return float(words[position])
        except (ValueError, IndexError) as fault:
            raise DataError(
                f"{where}: '{key}:' must hold numbers, got '{' '.join(words)}'"
            ) from fault


def parse(content: bytes, where: str) -> SnanaFile:
    """Parse a SNANA text file.

    Args:
        content: The file as it is.
        where: Name of the file, for messages.

    Returns:
        Header and observations; lines between the observations that are none, such as
        ``DETECTION:``, are skipped.

    Raises:
        DataError: If the file is empty, not text, truncated (fewer observations than
            ``NOBS:`` or no ``END:``) or has text in a number column.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise DataError(f"{where} is not text: byte {fault.start} cannot be read") from fault
    if not text.strip():
        raise DataError(f"{where} is empty")
    start = text.find("\nOBS:")
    head = text if start < 0 else text[:start]
    header = {match[1]: match[2] for match in _HEADER.finditer(head)}
    names = header.get("VARLIST", "").split()
    columns = {}
    for name in ("MJD", "FLT", "FLUXCAL", "FLUXCALERR"):
        if name not in names:
            raise DataError(f"{where} has no column '{name}' in its VARLIST ({' '.join(names)})")
        columns[name] = 1 + names.index(name)

    lines = _OBSERVATION.findall(text)
    tokens = " ".join(lines).split()
    width = 1 + len(names)
    if len(tokens) != width * len(lines) or tokens[::width].count("OBS:") != len(lines):
        _blame_line(text, where, width, columns)
    _check_complete(text, where, header, len(lines))
    try:
        mjd, flux, flux_err = (
            [float(token) for token in tokens[columns[name] :: width]]
            for name in ("MJD", "FLUXCAL", "FLUXCALERR")
        )
    except ValueError as fault:
        _blame_line(text, where, width, columns)
        raise DataError(f"{where} has an observation that cannot be read: {fault}") from fault
    return SnanaFile(header, mjd, tokens[columns["FLT"] :: width], flux, flux_err)


def _check_complete(text: str, where: str, header: dict[str, str], count: int) -> None:
    stated = header.get("NOBS", "").strip()
    last = text.rstrip().count("\n") + 1
    if stated != str(count):
        line = text[: text.find("NOBS:")].count("\n") + 1 if stated else last
        raise DataError(
            f"{where}, line {line}: NOBS states {stated or 'no number of'} observations, but the "
            f"file holds {count} up to its last line {last}; is it truncated?"
        )
    if "\nEND:" not in text:
        raise DataError(f"{where}, line {last}: the file ends without 'END:'; is it truncated?")


def _blame_line(text: str, where: str, width: int, columns: dict[str, int]) -> None:
    """Raise a DataError for the first observation line that cannot be read."""
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.startswith("OBS:"):
            continue
        tokens = content.split()
        if len(tokens) != width:
            raise DataError(
                f"{where}, line {line}: an observation of {width - 1} values was expected, got "
                f"{len(tokens) - 1}; is the file truncated?"
            )
        for name in ("MJD", "FLUXCAL", "FLUXCALERR"):
            try:
                float(tokens[columns[name]])
            except ValueError as fault:
                raise DataError(
                    f"{where}, line {line}: column '{name}' must hold a number, got "
                    f"'{tokens[columns[name]]}'"
                ) from fault
