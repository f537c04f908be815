"""Exceptions that lcclassify raises for input it cannot use.

Every message is one sentence that names the argument, what was expected, what
came and where (file, row, object), so that a command can print it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def one_line(text: str) -> str:
    """Return a text as one line that changes nothing in a terminal, such as its colours."""
    line = (" " if character.isspace() else character for character in text)
    return "".join(one if one.isprintable() else "\ufffd" for one in line)


class LcclassifyError(Exception):
    """Base of every error that a user can cause and mend; it stands in one printable line."""

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class ConfigError(LcclassifyError, ValueError):
    """A configuration value is missing, unknown or contradicts another."""


class DataError(LcclassifyError, ValueError):
    """A survey's files or tables do not hold what was described."""


class BundleError(LcclassifyError, ValueError):
    """A model bundle is damaged, incomplete or of another format version."""


class TrainingError(LcclassifyError, RuntimeError):
    """Training cannot start or continue with the data and settings given."""


class PrunedError(LcclassifyError, RuntimeError):
    """A search stops a training that is not worth its remaining epochs."""


class OutputError(LcclassifyError, RuntimeError):
    """A result cannot be written where it was asked for."""


class DataWarning(UserWarning):
    """Tables can be used, but say less than those that a classifier was trained on."""


_SHOWN = 80  # characters of a choice, which may come from a damaged file


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a clause that lists the choices, the nearest to `word` first.

    Args:
        word: What the user wrote.
        choices: The words that would have been understood.

    Returns:
        A clause such as ``did you mean 'flux'? known: flux, mjd``.
    """
    known = [" ".join(str(choice).split())[:_SHOWN] for choice in choices]
    near = get_close_matches(str(word), known, n=1, cutoff=0.6)
    listed = ", ".join(known) if known else "none"
    return f"did you mean '{near[0]}'? known: {listed}" if near else f"known: {listed}"
