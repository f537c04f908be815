"""Surveys in the formats of SNANA, real and simulated, FITS and text."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from lcclassify.checks import check_choice, check_flag, check_number, check_whole
from lcclassify.codestamp import code_stamp
from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import DETECTED, LABEL, OBJECT_ID, PASSBAND, SUBSET, Taxonomy
from lcclassify.surveys import cache, options, paths, snana_bands, snana_files
from lcclassify.surveys.base import UNREADABLE, MemorySurvey, from_snr
from lcclassify.surveys.canonical import DETECTION_SNR
from lcclassify.surveys.casts import label_text
from lcclassify.surveys.labels import of_no_object
from lcclassify.surveys.report import counted
from lcclassify.surveys.snana_files import HEAD, N_OBS, PHOTFLAG, VERSION, WHERE, ZEROPOINT
from lcclassify.surveys.snana_fits import read_pairs
from lcclassify.surveys.snana_text import read_texts
from lcclassify.surveys.snana_versions import Versions
from lcclassify.tables.ids import cast_ids, common_type
from lcclassify.terminal import tracked

OTHERS: Final = "*"  # key of class_map for all types without one
_TRUTH: Final = ("SIM_", "SIMSED_", "LCLIB_")  # what keys begin with that only simulations have
_MEMBERS: Final = 21_319  # files of SNPhotCC, to estimate the time left of an archive


class Parsed(NamedTuple):
    """What SNANA's files hold.

    Attributes:
        observations: Of all objects.
        objects: With the wanted keys of their headers.
        messages: What there is to tell.
        unreadable: ``file`` and ``reason`` of those that are left out; may lack the columns.
    """

    observations: pl.DataFrame
    objects: pl.DataFrame
    messages: list[str]
    unreadable: pl.DataFrame


class SnanaSurvey(MemorySurvey):
    """One or more versions of SNANA's files.

    What a simulation knows (``SIM_*``) serves for labels only. The best redshift of an object
    is offered to augmentation, and as an input only where `metadata` names it.

    Args:
        root: A version's folder, a folder of versions, or an archive of text files.
        passbands: The passbands in order: the last character or the part behind a dash of the
            names in the files (``DES-g``), or the names themselves; of ``CSP-g/b`` g or b.
        version: Name of the only version to read; None reads all that are found.
        passband_aliases: Other spellings of passbands and what they mean.
        wavelengths: Effective wavelength of each passband in nanometres.
        label_column: Key of the type in the header; None where there is none.
        class_map: Class of a type, null for no label, ``*`` for all other types; the classes
            are its distinct values in their order. None takes the types as classes.
        metadata: Columns of the object table: new name of a key of the header; null is none.
        redshift: The one of them that is the redshift, for rest-frame times.
        missing: Values of keys of the header that stand for a missing one.
        spectroscopic_redshift: Key of the best redshift of training objects, for augmentation.
        detection_photflag: Bits of PHOTFLAG of which a detection has one; None takes the next.
        rejected_photflag: Bits of PHOTFLAG of which an observation has none, or it is left out.
        detection_snr: flux / flux_err from which an observation is a detection.
        cache_dir: Where the parsed files are kept; None parses them every time.
        prefix_ids: Whether ids are the version and the SNID, ``SIM_SNIa@123``, always text, for
            several versions in which SNIDs come again.

    Raises:
        ConfigError: If an option is missing or unknown, or truth is asked for as an input.
    """

    name = "snana"
    zeropoint = ZEROPOINT
    cure = options.MISSING
    root: Path
    _whose = ""  # said behind settings in messages that this survey lacks
    _usual: Collection[str] = ()  # types of which no object need be
    spectroscopic_redshift = "redshift_spec"

    def __init__(
        self,
        root: str | Path | None,
        passbands: Sequence[str] | None,
        version: str | None = None,
        passband_aliases: Mapping[str, str] | None = None,
        wavelengths: Sequence[float] | None = None,
        label_column: str | None = "SNTYPE",
        class_map: Mapping[Any, str | None] | None = None,
        metadata: Mapping[str, str | None] | None = None,
        redshift: str | None = None,
        missing: Sequence[float] = (-9,),
        spectroscopic_redshift: str = "REDSHIFT_HELIO",
        detection_photflag: int | None = None,
        rejected_photflag: int | None = None,
        detection_snr: float = DETECTION_SNR,
        cache_dir: str | Path | None = None,
        prefix_ids: bool = False,
    ) -> None:
        if root is None:
            raise ConfigError("survey.root must name the folder or archive of SNANA's files")
        self.root, self.version = Path(root), None if version is None else str(version)
        self.passbands = options.passbands(passbands, wavelengths)
        self.aliases = options.texts(passband_aliases, "survey.passband_aliases")
        for name in self.aliases.values():
            check_choice("survey.passband_aliases", name, self.passbands.names)
        self.label_column = label_column
        self.class_map = options.mapping(class_map, "survey.class_map")
        classes = dict.fromkeys(label for label in self.class_map.values() if label is not None)
        self.taxonomy = Taxonomy(tuple(classes))
        given = options.mapping(metadata, "survey.metadata")
        self.metadata = {name: key for name, key in given.items() if key is not None}
        for key in self.metadata.values():
            if key.startswith(_TRUTH) or key in (label_column, "SNTYPE", "TYPE"):
                raise ConfigError(f"survey.metadata cannot contain '{key}', which is truth")
        if redshift is not None:
            what = "survey.redshift (a name of survey.metadata)"
            self.redshift = check_choice(what, redshift, self.metadata)
        self.missing = options.numbers(missing, "survey.missing")
        self._redshift = spectroscopic_redshift
        # Keys of the header that are parsed, and whether every object must have them.
        self._numbers = {self._redshift: False, **dict.fromkeys(self.metadata.values(), True)}
        self.photflag, self.rejected = detection_photflag, rejected_photflag
        for name, bits in (("detection", detection_photflag), ("rejected", rejected_photflag)):
            if bits is not None:
                check_whole(f"survey.{name}_photflag", bits, 1)
        self.detection_snr = check_number("survey.detection_snr", detection_snr)
        if detection_photflag is None:
            self.detections = from_snr(self.detection_snr)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self.prefix_ids = check_flag("survey.prefix_ids", prefix_ids)

    def _add_column(self, name: str) -> None:
        key = self._redshift if name == self.spectroscopic_redshift else name
        self.metadata = {**self.metadata, name: key}

    def tables(self, labels: bool, lenient: bool) -> dict[str, pl.DataFrame]:
        """Read the files, or what was kept of them."""
        observations, objects, messages, unreadable = self._parsed(lenient)
        label, said = self._labels(objects, labels)
        for name, key in self.metadata.items():
            if key not in objects.columns or objects[key].is_null().all():
                raise DataError(f"no header under {self.root} has '{key}', for {name}")
        absent = dict.fromkeys(self.missing)
        objects = objects.select(
            OBJECT_ID,
            label,
            self._subset().alias(SUBSET),
            *(pl.col(key).replace(absent).alias(name) for name, key in self.metadata.items()),
        )
        told = pl.DataFrame({"message": [*messages, *said]}, {"message": pl.String})
        made = {"observations": observations, "objects": objects, "messages": told}
        return {**made, UNREADABLE: unreadable}

    def files(self) -> list[Path]:
        """Return all files that are read."""
        return snana_files.find(self.root, self.version)

    def fingerprint(self) -> dict[str, Any]:
        """Describe the files and options that decide what `read` returns."""
        return {
            "survey": self.name,
            **self._described(self.files()),
            "passbands": [list(part) for part in astuple(self.passbands)],
            "passband_aliases": self.aliases,
            "class_map": [list(item) for item in self.class_map.items()],  # their order counts
            "metadata": dict(self.metadata),
            "missing": list(self.missing),
            "detection_photflag": self.photflag,
            "rejected_photflag": self.rejected,
            "detection_snr": self.detection_snr,
        }

    def _described(self, files: list[Path]) -> dict[str, Any]:
        """Describe what decides which tables are parsed."""
        stamps = "\n".join(str([*stamp.values()]) for stamp in paths.stamps(files))
        return {
            "code": code_stamp("surveys", "tables"),
            "root": str(self.root),
            "files": len(files),
            "digest": hashlib.sha256(stamps.encode()).hexdigest(),
            "keys": [self.label_column, self._numbers],
            # What ids begin with, which files beside those that are read decide as well.
            "versions": Versions(files, prefix=True).names(files) if self.prefix_ids else None,
        }

    def _kept(self, files: list[Path], lenient: bool) -> dict[str, pl.DataFrame]:
        """Return what `parsed` gives of files, or what was kept of that."""
        described = self._described(files)
        names = Versions(files, prefix=self.prefix_ids, selectable=not self._whose)
        make = partial(parsed, files, self.label_column, self._numbers, names)
        try:
            return cache.kept(self.cache_dir, self.name, described, make)
        except DataError:
            if not lenient:
                raise
        # What lacks files must not be found by those who would have them all.
        described |= {"lenient": True}
        return cache.kept(self.cache_dir, self.name, described, partial(make, lenient=True))

    def _parsed(self, lenient: bool) -> Parsed:
        """Return observations, objects with the wanted keys of their headers, and what is said."""
        files = self.files()
        tables = self._kept(files, lenient)
        observations = tables["observations"]
        messages = tables["messages"]["message"].to_list()
        if self.photflag is not None:
            observations = observations.with_columns(
                self._has(observations, "detection_photflag", self.photflag).alias(DETECTED)
            )
        if self.rejected is not None:
            out = self._has(observations, "rejected_photflag", self.rejected).fill_null(False)
            observations = observations.filter(~out)
            left = counted(int(out.sum()), "observation", "observations")
            messages.append(f"Left out by survey.rejected_photflag: {left}.")
        observations, said = self._named(observations, lenient)
        bad = tables.get(UNREADABLE, pl.DataFrame())
        return Parsed(observations, tables["objects"], [*messages, *said], bad)

    def _has(self, observations: pl.DataFrame, option: str, bits: int) -> pl.Series:
        """Return which observations have one of some bits of PHOTFLAG; null where it is absent."""
        if PHOTFLAG not in observations.columns or observations[PHOTFLAG].is_null().all():
            raise DataError(f"survey.{option} needs a column 'PHOTFLAG', which {self.root} lacks")
        return observations.select((pl.col(PHOTFLAG) & bits) != 0).to_series()

    def _named(
        self, observations: pl.DataFrame, lenient: bool
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Return observations with the passbands that names in the files mean, and what has none.

        Raises:
            DataError: If names mean none, unless `lenient` leaves them to be rejected.
        """
        known = {
            name: self.aliases.get(name, name) for name in (*self.passbands.names, *self.aliases)
        }
        each = observations.drop_nulls(PASSBAND)[PASSBAND].value_counts(name="n").sort(PASSBAND)
        counts = dict(each.iter_rows())
        meant = snana_bands.meanings(counts, known, self.root, self._whose)
        unknown = snana_bands.unknown(meant, counts, self.passbands.names)
        if unknown and not lenient:
            raise DataError(
                f"{self.root} holds {unknown}; survey.passband_aliases{self._whose} takes other "
                "spellings"
            )
        named = observations.with_columns(pl.col(PASSBAND).replace(meant))
        return named, (f"Observations are rejected: {unknown}.",) if unknown else ()

    def _types(self, objects: pl.DataFrame) -> pl.Series:
        """Return the type of each object in words, null where it has none."""
        if self.label_column is None:
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(objects))
        absent = {f"{value:.0f}" for value in self.missing} - set(self.class_map)
        words = label_text(objects[self.label_column], self.class_map)
        return words.replace(dict.fromkeys(absent))

    def _labels(self, objects: pl.DataFrame, strict: bool) -> tuple[pl.Series, list[str]]:
        """Return the class of each object, and what has none."""
        types = self._types(objects)
        if not self.class_map:
            return types.alias(LABEL), []
        other = types.is_not_null() & ~types.is_in(list(self.class_map))
        if strict and OTHERS not in self.class_map and other.any():
            first = objects.with_columns(types.alias(LABEL)).filter(other).sort(OBJECT_ID)
            raise DataError(
                f"survey.class_map has no class for the type '{first[LABEL][0]}' of object "
                f"{first[OBJECT_ID][0]} and {len(first) - 1:,} more objects; its '{OTHERS}' is any"
            )
        others = self.class_map.get(OTHERS)
        words = {word: self.class_map.get(word, others) for word in types.drop_nulls().unique()}
        label = types.replace(words).alias(LABEL)
        idle = [word for word, named in self.class_map.items() if named and word not in words]
        idle = [word for word in idle if word not in (OTHERS, *self._usual)]
        said = [*of_no_object(idle)] if strict else []
        without = types.filter(label.is_null()).drop_nulls()
        if len(without):
            each = without.value_counts(sort=True, name="n").rows()
            told = ", ".join(f"{word} ({count:,})" for word, count in each)
            total = counted(len(without), "object has", "objects have")
            said.append(f"{total} no label, as survey.class_map gives none to the types {told}.")
        return label, said

    def _subset(self) -> pl.Expr:
        return pl.lit(None, pl.String)


def parsed(
    files: list[Path],
    label: str | None,
    numbers: Mapping[str, bool],
    versions: Versions,
    lenient: bool = False,
) -> dict[str, pl.DataFrame]:
    """Read all files, as `read_texts` and `read_pairs` do, with ids as `Versions` gives them.

    Args:
        files: What `snana_files.find` gave.
        label: As in `read_texts`.
        numbers: Likewise.
        versions: Which version each file is of, and what ids are made of.
        lenient: Whether text files and pairs that are damaged are left out, if others are not;
            a table ``unreadable`` has them then.

    Raises:
        DataError: If one is damaged, or an object is in two of them.
    """
    heads = [file for file in files if HEAD.search(file.name)]
    others = [file for file in files if file.suffix != ".LIST" and ".fits" not in file.name.lower()]
    total = len(others) if len(files) > 1 else _MEMBERS
    bad: dict[str, str] = {}
    note = bad if lenient else None
    contents = snana_files.contents(others, note)
    texts = tracked(contents, total, "reading SNANA files", "files")
    rows, named, lines = read_texts(texts, label, numbers, versions, note)
    pairs = tracked(heads, len(heads), "reading SNANA files", "pairs")
    read = read_pairs(pairs, label, numbers, versions, note)
    tables = [table for table in ((rows, named, list[str]()), *read) if len(table[1])]
    if not tables:
        for reason in bad.values():
            raise DataError(reason)
        raise DataError(f"{files[0]} and what belongs to it hold no object (an archive: no .DAT)")
    observations = pl.concat([table[0] for table in tables], how="diagonal")
    objects = pl.concat([table[1] for table in tables], how="diagonal")
    snids = objects[OBJECT_ID]
    wanted = pl.String() if versions.prefix else common_type([snids], complete=True)
    ids, faults = cast_ids(snids, wanted)
    if faults is not None:
        where = objects[WHERE].filter(faults.is_not_null())[0]
        raise DataError(f"{where}: {faults.drop_nulls()[0]}")
    objects = objects.with_columns(ids)
    objects = objects.with_columns(versions.distinct_ids(objects)).drop(VERSION)
    owners = np.repeat(np.arange(len(objects)), objects[N_OBS])
    observations = observations.with_columns(objects[OBJECT_ID].gather(owners))
    observations, objects, said = snana_files.without_ignored(observations, objects, lines)
    told = pl.Series("message", [*(one for table in tables for one in table[2]), *said], pl.String)
    found = {"observations": observations, "objects": objects, "messages": told.to_frame()}
    if bad:
        found[UNREADABLE] = pl.DataFrame({"file": [*bad], "reason": [*bad.values()]})
    return found
