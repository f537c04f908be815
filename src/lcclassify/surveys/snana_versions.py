"""Which version of SNANA's files an object is of, and ids that are distinct among versions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.snana_files import HEAD, VERSION, WHERE, listed, text_of, visible

# Between a version and an SNID. Neither is likely to have it, and it has no meaning in names of
# files, patterns, shells and the words of a command line.
SEPARATOR: Final = "@"
_NUMBER: Final = re.compile(r"(-\d+)?[_.]?HEAD\.fits(\.gz)?$", re.IGNORECASE)


class Versions:
    """Tells which version each file is of.

    A version is called as the folder that holds it or its LIST file; of several in one folder
    each as its LIST file or, where there is none, as its HEAD files without their numbers.

    Args:
        files: All that are read; archives count by the folders in them.
        prefix: Whether ids begin with the version.
        selectable: Whether the survey has the settings `prefix_ids` and `version`.

    Attributes:
        prefix: See above.

    Raises:
        DataError: If a LIST file names a file that is missing.
    """

    def __init__(self, files: Iterable[Path], *, prefix: bool, selectable: bool = True) -> None:
        files = list(files)
        self._selectable = selectable
        self.prefix = prefix
        folders = dict.fromkeys(file.parent for file in files)
        self._several: dict[PurePath, list[str]] = {each: _several(each) for each in folders}
        self._listed: dict[PurePath, str] = {}
        for file in files:
            if file.suffix == ".LIST":
                self._listed |= dict.fromkeys(listed(file), self.of(file))

    def of(self, file: PurePath) -> str:
        """Return the version of a file, or of a member of an archive by the path of both."""
        if file in self._listed:
            return self._listed[file]
        names = [name for name in self._several.get(file.parent, ()) if file.name.startswith(name)]
        folder = os.path.basename(os.path.abspath(file.parent))  # of ".." as well
        return text_of(max(names, key=len, default=folder))

    def names(self, files: Iterable[Path]) -> list[str]:
        """Return the different versions of files, sorted."""
        return sorted({self.of(file) for file in files})

    def ids_in(self, file: PurePath, snid: str) -> list[str]:
        """Return the ids that an SNID in an IGNORE file may stand for.

        It is of the version that the file is called as or, where there is none, of any beside it.
        """
        if not self.prefix:
            return [snid]
        beside = self._several.get(file.parent, [])
        names = beside if file.stem not in beside else [file.stem]
        versions = [text_of(name) for name in names] or [self.of(file)]
        return [f"{version}{SEPARATOR}{snid}" for version in versions]

    def distinct_ids(self, objects: pl.DataFrame) -> pl.Series:
        """Return the ids of all objects, none of which comes twice.

        Args:
            objects: With SNIDs as ids, where each is, and its version.

        Raises:
            DataError: If one comes twice; the sentence says what helps.
        """
        ids = objects[OBJECT_ID]
        if self.prefix:
            ids = objects.select(
                pl.format(f"{{}}{SEPARATOR}{{}}", VERSION, OBJECT_ID).alias(OBJECT_ID)
            ).to_series()
        again = objects.filter(ids.is_duplicated())
        if len(again):
            self._refuse(again)
        return ids

    def _refuse(self, again: pl.DataFrame) -> None:
        """Raise a DataError of objects whose ids come twice."""
        within = again.filter(again.select(OBJECT_ID, VERSION).is_duplicated())
        first = (within if len(within) else again).sort(OBJECT_ID, maintain_order=True)
        snid, version = first.select(OBJECT_ID, VERSION).row(0)
        told = f"SNID {snid} is in {first[WHERE][0]} and in {first[WHERE][1]}"
        if len(within):
            raise DataError(f"{told}, both of version {version}, in which it may come once")
        if self.prefix:  # A@B of 1 and A of B@1
            raise DataError(f"{told}: the name of a version must not contain '{SEPARATOR}'")
        if not self._selectable:
            raise DataError(f"{told}: survey.root must be of one of the versions alone")
        raise DataError(
            f"{told}: survey.prefix_ids=true tells objects of several versions apart, by ids such "
            f"as {version}{SEPARATOR}{snid}, and survey.version reads one of the versions"
        )


def _several(folder: Path) -> list[str]:
    """Return the names of the versions that lie in one folder, none if it is one alone."""
    try:
        files = [file for file in visible(folder) if file.is_file()]
    except OSError:  # its files may be read and not listed
        return []
    lists = [file.stem for file in files if file.suffix == ".LIST"]
    heads = [_NUMBER.sub("", file.name) for file in files if HEAD.search(file.name)]
    names = [*dict.fromkeys(name for name in lists or heads if name)]
    return names if len(names) > 1 else []
