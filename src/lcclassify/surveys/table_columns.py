"""What the columns of a table survey are called in its files, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lcclassify.checks import check_choice
from lcclassify.errors import ConfigError
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    LABEL,
    MJD,
    OBJECT_ID,
    PASSBAND,
    SUBSET,
)
from lcclassify.surveys import options
from lcclassify.surveys.photometry import LIMIT, SIGN, ZEROPOINT
from lcclassify.tables.columns import Column

_OBSERVATION_KEYS: Final = (OBJECT_ID, MJD, PASSBAND, FLUX, FLUX_ERR)
_COLUMN_KEYS: Final = (
    *_OBSERVATION_KEYS,
    DETECTED,
    SIGN,
    LIMIT,
    ZEROPOINT,
    "objects_id",
    LABEL,
    SUBSET,
)


def column_names(columns: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """Return the file's name of every key, None where it is the default.

    Raises:
        ConfigError: A key is unknown, or a name no text.
    """
    found = options.mapping(columns, "survey.columns")
    for key in found:
        check_choice("a key of survey.columns", key, _COLUMN_KEYS)
    return {key: found.get(key) for key in _COLUMN_KEYS}


def metadata_names(metadata: Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Return the file's name of every metadata column by its new name.

    Raises:
        ConfigError: A new name has a meaning of its own.
    """
    if isinstance(metadata, Mapping):
        found = options.texts(metadata, "survey.metadata")
    else:
        found = {name: name for name in options.words(metadata, "survey.metadata")}
    for name in found:
        if name in (*_OBSERVATION_KEYS, DETECTED, LABEL, SUBSET):
            raise ConfigError(
                f"survey.metadata cannot name a column '{name}', which has a meaning of its own: "
                "give it another name, as in survey.metadata={new_name: column}"
            )
    return found


def missing_values(
    missing: Sequence[float | str] | None,
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return the numbers and the words, in lower case, that stand for missing metadata."""
    words = options.words(missing, "survey.missing")
    numbers = tuple(float(word) for word in words if options.reads_as_number(word))
    return numbers, tuple(
        word.strip().lower() for word in words if not options.reads_as_number(word)
    )


def observation_columns(
    names: Mapping[str, str | None], stated: Sequence[str] = ()
) -> dict[str, Column]:
    """Return what is read of the observation table, by our names.

    Args:
        names: What `column_names` gave.
        stated: Those that stand elsewhere, such as in the names of files.
    """
    wanted = {
        OBJECT_ID: Column((names[OBJECT_ID] or OBJECT_ID,), "id", filled=True),
        MJD: Column((names[MJD] or MJD,), "number"),
        PASSBAND: Column((names[PASSBAND] or PASSBAND,), "text", filled=True),
        FLUX: Column((names[FLUX] or FLUX,), "number"),
        FLUX_ERR: Column((names[FLUX_ERR] or FLUX_ERR,), "number"),
    }
    if names[ZEROPOINT] is not None:
        wanted[ZEROPOINT] = Column((str(names[ZEROPOINT]),), "number")
    wanted |= _texts(names, (DETECTED, SIGN, LIMIT))
    return {name: column for name, column in wanted.items() if name not in stated}


def object_columns(
    names: Mapping[str, str | None], metadata: Mapping[str, str], missing: tuple[str, ...]
) -> dict[str, Column]:
    """Return what is read of the object table, by our names.

    Args:
        names: What `column_names` gave.
        metadata: What `metadata_names` gave.
        missing: Words that stand for missing metadata.
    """
    source = names["objects_id"] or names[OBJECT_ID] or OBJECT_ID
    wanted = {OBJECT_ID: Column((source,), "id", filled=True)} | _texts(names, (LABEL, SUBSET))
    for name, source in metadata.items():
        wanted[name] = Column((source,), "number", missing=missing)
    return wanted


def _texts(names: Mapping[str, str | None], keys: Sequence[str]) -> dict[str, Column]:
    """Return columns of text that are read only where they are named."""
    return {key: Column((name,), "text") for key in keys if (name := names[key]) is not None}
