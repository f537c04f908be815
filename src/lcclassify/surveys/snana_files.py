"""Finds the files of SNANA's versions, and leaves out what their IGNORE files name."""

from __future__ import annotations

import gzip
import lzma
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, Final, cast

import polars as pl

from lcclassify.errors import DataError
from lcclassify.schema import FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND
from lcclassify.surveys import paths
from lcclassify.surveys.options import plain_number
from lcclassify.surveys.report import counted

# Columns of the parsed tables beside those of `lcclassify.schema`. The observations of an
# object are the next N_OBS rows, in the order of the objects.
N_OBS: Final = "n_obs"
WHERE: Final = "where"  # file, and row where it holds several objects
VERSION: Final = "version"  # of whose files that is one
PHOTFLAG: Final = "photflag"

ZEROPOINT: Final = 27.5  # FLUXCAL = 10 ** (-0.4 mag + 11), unless a header says otherwise
ZP_KEY: Final = "ZP_FLUXCAL"  # of the header: the zero-point of its object's FLUXCAL

# Name in the files and kind of the columns of observations; all but PHOTFLAG must be there.
COLUMNS: Final[Mapping[str, tuple[str, type[str | float | int]]]] = {
    MJD: ("MJD", float),
    PASSBAND: ("BAND", str),
    FLUX: ("FLUXCAL", float),
    FLUX_ERR: ("FLUXCALERR", float),
    PHOTFLAG: ("PHOTFLAG", int),
}
# Names of one thing in files of different age.
SYNONYMS: Final = {
    "SNTYPE": "TYPE",
    "BAND": "FLT",
    "DEC": "DECL",
    "DECL": "DEC",
    "REDSHIFT_FINAL": "REDSHIFT_CMB",
    "REDSHIFT_CMB": "REDSHIFT_FINAL",
}
HEAD: Final = re.compile(r"HEAD(?=\.fits(\.gz)?$)", re.IGNORECASE)
_ARCHIVE: Final = re.compile(r"\.(tar\.gz|tgz)$")
_TEXT: Final = re.compile(r"\.(dat|txt)(\.gz)?$", re.IGNORECASE)
# IGNORE files round times to single precision, a 256th of a day, and then to 0.001 days.
_SAME_TIME: Final = 0.005
# Ids of which the object has one; time and passband, or None for a whole object.
Ignored = tuple[list[str], float | None, str]
_DAMAGED: Final = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)


def find(root: Path, version: str | None) -> list[Path]:
    """Return every file to read: FITS pairs or text files, their LIST and IGNORE; or an archive.

    Raises:
        DataError: If there are no SNANA files, or one that is named elsewhere is missing.
    """
    source = paths.existing(root, "survey.root")
    if source.is_file():
        if HEAD.search(source.name):
            ignoring = [file for file in visible(source.parent) if file.suffix == ".IGNORE"]
            return [*ignoring, source, photometry_of(source)]
        return [source]
    archives = [entry for entry in visible(source) if _ARCHIVE.search(entry.name)]
    folders = [entry for entry in visible(source) if entry.is_dir()]
    tried = [[source], folders]
    if version is not None:
        tried = [[source / version] if source / version in folders else [source]]
    for ending in (".dat", ".txt"):  # .txt may be anything, and comes last
        for group in tried:
            found = [file for folder in group for file in _in_folder(folder, version, ending)]
            if found:
                return found
        if len(archives) == 1:
            return archives
    told = ", ".join(archive.name for archive in archives) or "none of them"
    raise DataError(
        f"survey.root={root} must hold SNANA files{f' of {version}' if version else ''}: a pair "
        "*_HEAD.FITS and *_PHOT.FITS, .DAT files, folders of them, or one .tar.gz archive, found "
        f"{told}"
    )


def photometry_of(head: Path) -> Path:
    """Return the PHOT file of a HEAD file, either of which may be compressed."""
    name = HEAD.sub(lambda word: "phot" if word[0].islower() else "PHOT", head.name)
    return _existing(head.with_name(name), f"{head} needs its light curves")


def contents(
    files: Iterable[Path], unreadable: dict[str, str] | None = None
) -> Iterator[tuple[str, PurePath, bytes]]:
    """Yield text and IGNORE files, as messages call them, their path and content.

    An archive is never unpacked to disk; its name is the folder of what it holds.

    Args:
        files: The files and archives.
        unreadable: Takes why text files are left out that are damaged; None refuses them.

    Raises:
        DataError: A file cannot be read, or an archive is damaged.
    """
    for file in files:
        try:
            if file.suffix == ".IGNORE" or _TEXT.search(file.name):
                content = file.read_bytes()
                plain = gzip.decompress(content) if file.suffix == ".gz" else content
                yield text_of(file), file, plain
                continue
            unpacked = file.with_name(_ARCHIVE.sub("", file.name))
            with tarfile.open(file, "r:*") as archive:
                for member in archive:
                    hidden = PurePosixPath(member.name).name.startswith(".")
                    wanted = member.name.endswith((".DAT", ".IGNORE")) and not hidden
                    if member.isfile() and wanted:
                        packed = archive.extractfile(member)
                        if packed is not None:
                            inside = unpacked / member.name
                            yield text_of(f"{file}: {member.name}"), inside, packed.read()
                # For tarfile a damaged header is an end; check sums stand behind the true one.
                rest = cast(IO[bytes], archive.fileobj).read()
                if not rest or rest.strip(b"\0"):
                    raise tarfile.ReadError("it does not end behind its last whole file")
        except _DAMAGED as fault:
            kind = "gzip" if _TEXT.search(file.name) else "tar"
            reason = str(fault).split(":\n")[0]  # tarfile lists every format it tried
            told = f"{text_of(file)} is truncated or not a {kind} archive: {reason}"
            if unreadable is None or kind == "tar":
                raise DataError(told) from fault
            unreadable[text_of(file)] = told


def text_of(path: PurePath | str) -> str:
    """Return a path or a name as text that Polars takes, whatever its bytes."""
    return os.fsencode(path).decode(errors="replace")


def flux_factor(zeropoint: float) -> float:
    """Return what brings FLUXCAL of a zero-point to the usual one; 1 where none is stated."""
    if not zeropoint > 0:  # NaN, or a number that marks what is missing
        return 1.0
    return float(10 ** (0.4 * (ZEROPOINT - round(zeropoint, 4))))  # files hold single precision


def ignored(content: bytes, where: str, ids_of: Callable[[str], list[str]]) -> list[Ignored]:
    """Return what an IGNORE file names; lines without its keyword are remarks.

    Args:
        content: Of the file.
        where: What messages call it.
        ids_of: Returns the ids that an SNID in it may stand for.

    Raises:
        DataError: If a line has a keyword and not what must follow it.
    """
    found: list[Ignored] = []
    for line, text in enumerate(content.decode("utf-8-sig", "replace").split("\n"), start=1):
        keyword, *words = text.split() or [""]
        try:
            if keyword == "IGNORE:":
                place = (plain_number(words[1], float), words[2]) if words[1:] else (None, "")
                found.append((ids_of(words[0]), *place))
        except (IndexError, ValueError) as fault:
            said = "must be followed by an SNID, or by SNID, MJD and passband"
            raise DataError(f"{where}, line {line}: 'IGNORE:' {said}, got '{text}'") from fault
    return found


def without_ignored(
    observations: pl.DataFrame, objects: pl.DataFrame, lines: list[Ignored]
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Leave out observations and objects, and say how many."""
    if not lines:
        return observations, objects, []
    schema: dict[str, Any] = {OBJECT_ID: pl.List(pl.String), "time": pl.Float64, "band": pl.String}
    named = pl.DataFrame(lines, schema, orient="row").with_row_index("line").explode(OBJECT_ID)
    rows = observations.select(pl.col(OBJECT_ID).cast(pl.String), MJD, PASSBAND).with_row_index()
    met = rows.join(named, on=OBJECT_ID).with_columns(apart=(pl.col(MJD) - pl.col("time")).abs())
    whole = met.filter(pl.col("time").is_null())
    out, used = set(whole["index"]), set(whole["line"])
    same = pl.col(PASSBAND).str.tail(1) == pl.col("band").str.tail(1)  # as SNANA knows them
    near = met.filter((pl.col("apart") <= _SAME_TIME) & same)
    for line, row in near.sort("apart", "line").select("line", "index").iter_rows():
        if line not in used and row not in out:  # a line is of one observation, the nearest
            used.add(line)
            out.add(row)
    gone = named.filter(pl.col("time").is_null())[OBJECT_ID].implode()
    stay = objects.filter(~pl.col(OBJECT_ID).cast(pl.String).is_in(gone))
    kept = observations.filter(~rows["index"].is_in(list(out)))
    said = f"Left out as IGNORE files say: {counted(len(out), 'observation', 'observations')}"
    said += f" and {counted(len(objects) - len(stay), 'whole object', 'whole objects')}"
    if idle := len(lines) - len(used):
        said += f"; {counted(idle, 'line of them fits', 'lines of them fit')} no other observation"
    return kept, stay, [f"{said}."]


def _in_folder(folder: Path, version: str | None, ending: str) -> list[Path]:
    """Return what LIST files name, or else the FITS pairs, or else the text files."""
    files = [entry for entry in visible(folder) if entry.is_file()]
    if version is not None and folder.name != version:
        own = re.compile(rf"{re.escape(version)}(\.(LIST|IGNORE)|(-\d+)?[_.]HEAD\..*)", re.I)
        files = [file for file in files if own.fullmatch(file.name)]
    beside = [file for file in files if file.suffix in (".LIST", ".IGNORE")]
    named = [one for file in beside if file.suffix == ".LIST" for one in listed(file)]
    texts = [file for file in files if _TEXT.search(file.name) and ending in file.name.lower()]
    named = named or [file for file in files if HEAD.search(file.name)] or texts
    phots = [photometry_of(file) for file in named if HEAD.search(file.name)]
    return [*beside, *named, *phots] if named else []


def visible(folder: Path) -> list[Path]:
    """Return what is in a folder, but not what macOS puts beside each file (``._V_HEAD.FITS``)."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def listed(file: Path) -> list[Path]:
    """Return the files that a LIST file names.

    Raises:
        DataError: If one is missing.
    """
    words = [line.split() for line in file.read_text("utf-8-sig", "replace").split("\n")]
    return [
        _existing(file.parent / names[0], f"{file}, line {line} names a file")
        for line, names in enumerate(words, start=1)
        if names
    ]


def _existing(file: Path, what: str) -> Path:
    """Return a file, or what is compressed or plain of it."""
    other = file.with_suffix("") if file.suffix == ".gz" else file.with_name(f"{file.name}.gz")
    for candidate in (file, other):
        if os.path.isfile(candidate):  # whose name may be too long for one
            return candidate
    raise DataError(f"{what}, but {file} does not exist, plain or as .gz")
