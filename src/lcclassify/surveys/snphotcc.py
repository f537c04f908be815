"""The Supernova Photometric Classification Challenge of 2010 (SNANA text files)."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import (
    FLUX,
    FLUX_ERR,
    LABEL,
    MJD,
    OBJECT_ID,
    PASSBAND,
    SUBSET,
    Passbands,
    Taxonomy,
)
from lcclassify.surveys import cache, options, paths
from lcclassify.surveys.base import Survey, SurveyData
from lcclassify.surveys.canonical import DETECTION_SNR, canonicalise
from lcclassify.surveys.progress import tracked
from lcclassify.surveys.snana import SnanaFile, parse

READER_VERSION: Final = 2  # raise when a change here gives other tables for the same files
_REDSHIFT: Final = "REDSHIFT_SPEC"
_SPECTROSCOPIC: Final = "redshift_spec"
METADATA: Final = ("hostgal_photoz", "hostgal_photoz_err", "mwebv")
CLASS_MAP: Final[Mapping[str, str]] = {
    "Ia": "Ia",
    "II": "II",
    "IIn": "II",
    "IIP": "II",
    "IIL": "II",
    "Ib": "Ibc",
    "Ic": "Ibc",
    "Ibc": "Ibc",
    "Ib/c": "Ibc",
}

_PASSBANDS: Final = Passbands(("g", "r", "i", "z"), (472.0, 641.5, 783.5, 926.0))
_ZEROPOINT: Final = 27.5  # FLUXCAL = 10 ** (-0.4 mag + 11)
_MISSING: Final = -9.0
_MEMBERS: Final = 21_319  # files of the whole challenge, to estimate the time left of an archive
_SIM_TYPE, _SNTYPE = "sim_type", "sntype"
_OBJECT_SCHEMA: Final = {
    OBJECT_ID: pl.Int64,
    _SIM_TYPE: pl.String,
    _SNTYPE: pl.Int64,
    **dict.fromkeys((*METADATA, _SPECTROSCOPIC), pl.Float64),
}
_DAMAGED_ARCHIVE = (tarfile.TarError, EOFError, OSError, gzip.BadGzipFile, zlib.error)


class SnphotccSurvey(Survey):
    """Simulated DES supernovae in griz, unblinded, from the archive or the unpacked files.

    What the simulation knows (``SIM_*``) serves for labels only. Spectroscopic redshifts
    are not offered as inputs, only for augmentation, and ``REDSHIFT_FINAL``, which holds them
    for the objects that have a spectrum, is not offered at all.

    Args:
        root: The folder of the ``.DAT`` files, a folder that contains it or the archive,
            or the ``.tar.gz`` itself, which is read in memory.
        split: ``random`` leaves the choice of test objects open; ``challenge`` makes the
            1,103 objects with a spectrum the training set and all others the test set.
        metadata: Columns of the object table, out of `METADATA`.
        class_map: Class of every type in ``SIM_COMMENT``; the classes are its distinct
            values in their order, a value of null leaves the objects without a label.
        detection_snr: flux / flux_err from which an observation is a detection.
        cache_dir: Where the parsed files are kept; None parses them every time.

    Raises:
        ConfigError: If an option is unknown or `root` is not given.
    """

    name = "snphotcc"
    passbands = _PASSBANDS
    spectroscopic_redshift = _SPECTROSCOPIC

    def __init__(
        self,
        root: str | Path | None,
        split: str = "random",
        metadata: Sequence[str] | None = METADATA,
        class_map: Mapping[str, str] | None = None,
        detection_snr: float = DETECTION_SNR,
        cache_dir: str | Path | None = None,
    ) -> None:
        if root is None:
            raise ConfigError("survey.root must name the folder or archive of SNPhotCC")
        self.root = Path(root)
        self.split = options.choice(split, ("random", "challenge"), "survey.split")
        self.metadata = options.words(metadata, "survey.metadata")
        for name in self.metadata:
            options.choice(name, METADATA, "survey.metadata")
        self.class_map = options.mapping(class_map or CLASS_MAP, "survey.class_map")
        self.detection_snr = options.number(detection_snr, "survey.detection_snr")
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        classes = dict.fromkeys(label for label in self.class_map.values() if label is not None)
        self.taxonomy = Taxonomy(tuple(classes), names={label: f"SN {label}" for label in classes})

    def read(self, *, labels: bool = True) -> SurveyData:
        """Read the files, or what was kept of them, into canonical tables."""
        observations, objects, messages = self._tables()
        unknown = objects.filter(
            pl.col(_SIM_TYPE).is_not_null() & ~pl.col(_SIM_TYPE).is_in(list(self.class_map))
        ).sort(OBJECT_ID)
        if labels and unknown.height:
            raise DataError(
                f"survey.class_map has no class for the type '{unknown[_SIM_TYPE][0]}' of object "
                f"{unknown[OBJECT_ID][0]} and {unknown.height - 1:,} more objects"
            )
        subset = pl.lit(None, pl.String)
        if self.split == "challenge":
            spectrum = pl.col(_SNTYPE) != _MISSING
            subset = pl.when(spectrum).then(pl.lit("train")).otherwise(pl.lit("test"))
        objects = objects.with_columns(
            pl.col(_SIM_TYPE)
            .replace_strict(self.class_map, default=None, return_dtype=pl.String)
            .alias(LABEL),
            subset.alias(SUBSET),
        )
        curves, report = canonicalise(
            observations,
            objects,
            self.passbands,
            self.taxonomy if labels else None,
            self.metadata,
            detection_snr=self.detection_snr,
        )
        report = replace(report, messages=(*report.messages, *messages))
        return SurveyData(curves, report, self.taxonomy, _ZEROPOINT)

    def files(self) -> list[Path]:
        """Return the archive or the .DAT files."""
        source = self._source()
        return sorted(source.glob("*.DAT")) if source.is_dir() else [source]

    def fingerprint(self) -> dict[str, Any]:
        """Describe the files and options that decide what `read` returns."""
        return {
            "survey": self.name,
            "reader_version": READER_VERSION,
            "files": _described(self._source()),
            "split": self.split,
            "metadata": list(self.metadata),
            "class_map": [list(item) for item in self.class_map.items()],  # their order counts
            "detection_snr": self.detection_snr,
        }

    def _source(self) -> Path:
        """Return the archive or the folder of the .DAT files."""
        root = paths.existing(self.root, "survey.root")
        if root.is_file():
            return root
        for folder in (root, root / "SIMGEN_PUBLIC_DES"):
            if next(folder.glob("*.DAT"), None) is not None:
                return folder
        archives = sorted(root.glob("*.tar.gz")) + sorted(root.glob("*.tgz"))
        if len(archives) == 1:
            return archives[0]
        found = ", ".join(archive.name for archive in archives) or "none of them"
        raise DataError(
            f"survey.root={root} must hold SNANA .DAT files, the folder SIMGEN_PUBLIC_DES or one "
            f".tar.gz archive, found {found}"
        )

    def _tables(self) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
        """Return observations, objects as in the files, and messages."""
        source = self._source()
        described = {"reader_version": READER_VERSION, "files": _described(source)}

        def parse() -> dict[str, pl.DataFrame]:
            observations, objects = _parse_all(source)
            return {"observations": observations, "objects": objects}

        tables, messages = cache.kept(self.cache_dir, self.name, described, parse)
        return tables["observations"], tables["objects"], messages


def _described(source: Path) -> list[dict[str, Any]]:
    """Describe the archive, or all files of the folder as one digest."""
    if source.is_file():
        return paths.stamps([source])
    files = paths.stamps(sorted(source.glob("*.DAT")))
    lines = "\n".join(f"{item['path']} {item['size']} {item['mtime_ns']}" for item in files)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    return [{"path": str(source), "files": len(files), "digest": digest}]


def _contents(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every .DAT file; an archive is never unpacked to disk."""
    if source.is_dir():
        for file in sorted(source.glob("*.DAT")):
            yield str(file), file.read_bytes()
        return
    try:
        with tarfile.open(source, "r:*") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".DAT"):
                    content = archive.extractfile(member)
                    if content is not None:
                        yield f"{source}: {member.name}", content.read()
    except _DAMAGED_ARCHIVE as fault:
        reason = str(fault).split(":\n")[0]  # tarfile lists every format it tried
        raise DataError(f"{source} is truncated or not a tar archive: {reason}") from fault


def _parse_all(source: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Parse every file; one process, since starting more costs what they would save."""
    count = _MEMBERS if source.is_file() else sum(1 for _ in source.glob("*.DAT"))
    ids: list[int] = []
    lengths: list[int] = []
    observations: dict[str, list[Any]] = {MJD: [], PASSBAND: [], FLUX: [], FLUX_ERR: []}
    rows: list[dict[str, Any]] = []
    for where, content in tracked(_contents(source), count, "reading SNPhotCC", "files"):
        parsed = parse(content, where)
        row = _object_row(parsed, where)
        rows.append(row)
        ids.append(row[OBJECT_ID])
        lengths.append(len(parsed.mjd))
        observations[MJD] += parsed.mjd
        observations[PASSBAND] += parsed.passband
        observations[FLUX] += parsed.flux
        observations[FLUX_ERR] += parsed.flux_err
    if not rows:
        raise DataError(f"{source} holds no SNANA .DAT file")
    repeated = np.repeat(np.array(ids, dtype=np.int64), lengths)
    return (
        pl.DataFrame({OBJECT_ID: repeated, **observations}),
        pl.DataFrame(rows, schema=_OBJECT_SCHEMA),
    )


def _object_row(parsed: SnanaFile, where: str) -> dict[str, Any]:
    snid = parsed.words("SNID", where)[0]
    if not snid.isdecimal():
        raise DataError(f"{where}: 'SNID:' must hold an integer, got '{snid}'")
    _, _, stated = parsed.header.get("SIM_COMMENT", "").partition("SN Type =")
    photoz = "HOST_GALAXY_PHOTO-Z"  # value, "+-", error
    return {
        OBJECT_ID: int(snid),
        _SIM_TYPE: stated.split(",")[0].strip() or None,
        _SNTYPE: int(parsed.number("SNTYPE", where)),
        "hostgal_photoz": _present(parsed.number(photoz, where)),
        "hostgal_photoz_err": _present(parsed.number(photoz, where, position=2)),
        "mwebv": _present(parsed.number("MWEBV", where)),
        _SPECTROSCOPIC: _present(parsed.number(_REDSHIFT, where))
        if _REDSHIFT in parsed.header
        else None,
    }


def _present(value: float) -> float | None:
    return None if value == _MISSING else value
