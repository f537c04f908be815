"""Finds the files that a configuration names, and describes them for cache keys."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lcclassify.errors import ConfigError, DataError, did_you_mean

PathSpec = str | Path | Sequence[str | Path]  # a path, a glob pattern, or a list of them


def existing(path: str | Path | None, argument: str) -> Path:
    """Return the absolute path of an existing folder or file.

    Raises:
        ConfigError: If nothing was given.
        DataError: If it does not exist.
    """
    if path is None or str(path) == "":
        raise ConfigError(f"{argument} must say where the survey's files are, got nothing")
    found = Path(path).expanduser().absolute()
    if not found.exists():
        raise DataError(f"{argument} names '{path}', which does not exist")
    return found


def folder(path: str | Path | None, argument: str) -> Path:
    """Return `path` as an existing folder; see `existing`.

    Raises:
        ConfigError: If nothing was given.
        DataError: If it does not exist or is a file.
    """
    found = existing(path, argument)
    if not found.is_dir():
        raise DataError(
            f"{argument} must name a folder, but '{path}' is a file: the files in it have keys of "
            "their own, survey.observations and survey.objects"
        )
    return found


def expand(spec: PathSpec, argument: str, root: Path | None = None) -> list[Path]:
    """Return the files that paths and glob patterns stand for, each once, sorted.

    A relative path is looked for under `root` first, then under the current folder.

    Args:
        spec: A path, a glob pattern (``**`` included) or a list of them.
        argument: Configuration key, for the message.
        root: Folder that relative paths start from.

    Returns:
        Absolute paths of existing files.

    Raises:
        ConfigError: If no path was given.
        DataError: If a path does not exist, is a folder, or a pattern matches nothing.
    """
    parts = [spec] if isinstance(spec, str | Path) else spec
    is_list = isinstance(parts, Sequence) and all(isinstance(part, str | Path) for part in parts)
    if not is_list or not parts or "" in map(str, parts):
        raise ConfigError(
            f"{argument} must name at least one file, as a path or a list of them, got {spec!r}"
        )
    found: set[Path] = set()
    for part in parts:
        try:
            found.update(_matches(str(part), argument, root))
        except (OSError, RuntimeError) as fault:  # such as a name that is too long, ~nobody
            raise DataError(f"{argument} names '{part}', which is no path: {fault}") from fault
    return sorted(found)


def _matches(part: str, argument: str, root: Path | None) -> list[Path]:
    path = Path(part).expanduser()
    starts = [Path.cwd()] if root is None else [root, Path.cwd()]
    starts = [Path(path.anchor)] if path.is_absolute() else starts
    candidates = [start / path for start in starts]
    for start, candidate in zip(starts, candidates, strict=True):
        if candidate.is_file():
            return [candidate.absolute()]
        if glob.has_magic(part):
            pattern = str(path.relative_to(path.anchor))  # the folder is a plain path
            names = glob.glob(pattern, root_dir=start, recursive=True)
            files = [(start / name).absolute() for name in names]
            files = [file for file in files if file.is_file()]
            if files:
                return files
    where = " or ".join(str(start) for start in dict.fromkeys(starts))
    if glob.has_magic(part):
        raise DataError(f"{argument} is the pattern '{part}', which matches no file in {where}")
    if any(candidate.is_dir() for candidate in candidates):
        raise DataError(f"{argument} must name files, but '{part}' is a folder: add a pattern")
    parent = candidates[0].parent
    siblings = sorted(e.name for e in parent.iterdir() if e.exists()) if parent.is_dir() else []
    near = did_you_mean(path.name, siblings).split("? known")[0]
    hint = f": {near}?" if near.startswith("did you mean") else ""
    raise DataError(f"{argument} names '{part}', a file that does not exist in {where}{hint}")


def stamps(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Return path, size in bytes and time of last change in ns of each file."""
    described = []
    for file in files:
        status = file.stat()
        path = os.fsencode(file).decode(errors="replace")  # can be written in any locale
        described.append({"path": path, "size": status.st_size, "mtime_ns": status.st_mtime_ns})
    return described
