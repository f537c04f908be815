"""What the names of files say: one file a light curve, or one a passband.

In ``lightcurves/{object_id}.csv`` the braces stand for whatever is there, which becomes the id
of the file's rows; ``{passband}/{object_id}.dat`` tells both.
"""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from lcclassify.errors import ConfigError, DataError, did_you_mean
from lcclassify.schema import OBJECT_ID, PASSBAND
from lcclassify.surveys import paths

PLACES: Final = (OBJECT_ID, PASSBAND)
_PLACE: Final = re.compile(r"\{(" + "|".join(PLACES) + r")\}")


class NamedFile(NamedTuple):
    """A file, and what its name says of all of its rows, out of `PLACES`."""

    path: Path
    says: Mapping[str, str]


def places(spec: paths.PathSpec | None) -> tuple[str, ...]:
    """Return what the names of files say, out of `PLACES`.

    Raises:
        ConfigError: Several patterns do not say the same, or one says something twice.
    """
    parts = _parts(spec)
    said = [_PLACE.findall(part) for part in parts]
    for part, names in zip(parts, said, strict=True):
        if twice := [name for name in names if names.count(name) > 1]:
            raise ConfigError(f"survey.observations has {{{twice[0]}}} twice in '{part}'")
        if set(names) != set(said[0]):
            raise ConfigError(
                "survey.observations must have the same words in braces in all patterns, got "
                f"'{parts[0]}' and '{part}'"
            )
        if names and "**" in _behind(part)[1].split("/"):
            raise ConfigError(f"survey.observations can have ** before braces alone, got '{part}'")
    return tuple(name for name in PLACES if said and name in said[0])


def check_columns(
    told: Sequence[str], columns: Mapping[str, str | None], *, has_objects: bool
) -> None:
    """Refuse names of columns that are not read because the names of files say it.

    Raises:
        ConfigError: There is one.
    """
    for name in told:
        if columns[name] is not None and not (name == OBJECT_ID and has_objects):
            raise ConfigError(
                f"survey.columns.{name} has no effect where survey.observations has {{{name}}}: "
                "set it to null"
            )


def named_files(spec: paths.PathSpec, root: Path | None) -> list[NamedFile]:
    """Return the files of `survey.observations`, those of an object together.

    Raises:
        ConfigError: See `places` and `paths.expand`.
        DataError: No file is found, or a name does not say what it should.
    """
    if not places(spec):
        return [NamedFile(file, {}) for file in _plain(spec, root)]
    found: dict[Path, NamedFile] = {}
    for part in _parts(spec):
        for file in _matches(part, root):
            found.setdefault(file, NamedFile(file, _said(file, part)))
    return sorted(found.values(), key=lambda file: (file.says.get(OBJECT_ID, ""), file.path))


def _parts(spec: paths.PathSpec | None) -> list[str]:
    parts = [spec] if isinstance(spec, str | Path) else spec
    usable = isinstance(parts, Sequence) and all(isinstance(part, str | Path) for part in parts)
    return [str(part) for part in parts or ()] if usable else []


def _plain(spec: paths.PathSpec, root: Path | None) -> list[Path]:
    try:
        return paths.expand(spec, "survey.observations", root)
    except DataError as error:
        braced = re.search(r"\{(\w+)\}", " ".join(_parts(spec)))
        if braced is None:
            raise
        known = did_you_mean(braced[1], PLACES)
        raise DataError(f"{error}; of words in braces, {known}") from error


def _behind(part: str) -> tuple[str, str]:
    """Return the folder of a pattern in which nothing is in braces, and what lies in it."""
    components = part.split("/")
    first = next(n for n, component in enumerate(components) if _PLACE.search(component))
    return "/".join(components[:first]), "/".join(components[first:])


def _matches(part: str, root: Path | None) -> list[Path]:
    above, below = _behind(part)
    wanted = _PLACE.sub("*", below)
    for start in [Path.cwd()] if root is None else [root, Path.cwd()]:
        folder = start / (above or ("/" if part.startswith("/") else "."))
        if folder.is_dir():  # a plain path, whatever characters are in it
            files = [folder / name for name in glob.glob(wanted, root_dir=folder)]
            if files := [file.absolute() for file in files if file.is_file()]:
                return files
    return paths.expand(_PLACE.sub("*", part), "survey.observations", root)


def _said(file: Path, part: str) -> dict[str, str]:
    """Return what the name of a file that a part matches says."""
    components = _behind(part)[1].split("/")
    found: dict[str, str] = {}
    for component, name in zip(components, file.parts[-len(components) :], strict=True):
        if match := re.fullmatch(_regex(component), name):
            found |= {key: value.strip() for key, value in match.groupdict().items()}
    complete = len(found) == len(_PLACE.findall(part))
    if not complete or not all(_is_text(value) for value in found.values()):
        raise DataError(f"{file}: its name does not say what '{part}' says it does")
    return found


def _is_text(value: str) -> bool:
    return bool(value) and value.isprintable()  # no undecodable bytes of a name


def _regex(component: str) -> str:
    """Return a component of a pattern as a regular expression with a group for each place."""
    pieces = _PLACE.split(component)
    return "".join(
        # Without the end of text that translate adds.
        f"(?P<{piece}>.+)" if number % 2 else fnmatch.translate(piece)[:-2]
        for number, piece in enumerate(pieces)
    )
