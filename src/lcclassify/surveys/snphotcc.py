"""The Supernova Photometric Classification Challenge of 2010 (SNANA text files)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from lcclassify.checks import check_choice
from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID, Taxonomy
from lcclassify.surveys import options
from lcclassify.surveys.base import MemorySurvey
from lcclassify.surveys.snana import Parsed, SnanaSurvey
from lcclassify.surveys.snana_files import WHERE

_KEYS: Final = {
    "hostgal_photoz": "HOST_GALAXY_PHOTO-Z",
    "hostgal_photoz_err": "HOST_GALAXY_PHOTO-Z_ERR",
    "mwebv": "MWEBV",
}
METADATA: Final = tuple(_KEYS)
CLASS_MAP: Final[Mapping[str, str]] = {
    "Ia": "Ia",
    **dict.fromkeys(("II", "IIn", "IIP", "IIL"), "II"),
    **dict.fromkeys(("Ib", "Ic", "Ibc", "Ib/c"), "Ibc"),
}
_SPECTRUM: Final = "SNTYPE"  # of the objects that have a spectrum


class SnphotccSurvey(SnanaSurvey):
    """Simulated DES supernovae in griz, unblinded, from the archive or the unpacked files.

    What the simulation knows (``SIM_*``) serves for labels only. Spectroscopic redshifts
    are not offered as inputs, only for augmentation, and ``REDSHIFT_FINAL``, which holds them
    for the objects that have a spectrum, is not offered at all.

    Args:
        root: Folder of the ``.DAT`` files, or one that contains it or the archive, or this.
        split: ``random`` leaves the choice of test objects open; ``challenge`` makes the
            1,103 objects with a spectrum the training set and all others the test set.
        metadata: Columns of the object table, out of `METADATA`.
        class_map: Class of every type in ``SIM_COMMENT``, as in `SnanaSurvey`.
        settings: `detection_snr` and `cache_dir` of `SnanaSurvey`.
    """

    name = "snphotcc"
    cure = MemorySurvey.cure
    redshift = "hostgal_photoz"
    _whose = " of survey=snana"
    _usual = CLASS_MAP  # a sample lacks some of the many spellings that SNANA has

    def __init__(
        self,
        root: str | Path | None,
        split: str = "random",
        metadata: Sequence[str] | None = METADATA,
        class_map: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        names = options.words(metadata, "survey.metadata")
        super().__init__(
            root,
            ("g", "r", "i", "z"),
            wavelengths=(472.0, 641.5, 783.5, 926.0),
            label_column="SIM_COMMENT",
            class_map=class_map or CLASS_MAP,
            metadata={n: _KEYS[check_choice("survey.metadata", n, METADATA)] for n in names},
            spectroscopic_redshift="REDSHIFT_SPEC",
            **settings,
        )
        # One set of parsed files for all options.
        self._numbers |= dict.fromkeys((*_KEYS.values(), _SPECTRUM), True)
        self.split = check_choice("survey.split", split, ("random", "challenge"))
        classes = self.taxonomy.classes
        self.taxonomy = Taxonomy(classes, names={label: f"SN {label}" for label in classes})

    def fingerprint(self) -> dict[str, Any]:
        """Describe the files and options that decide what `read` returns."""
        return {**super().fingerprint(), "split": self.split}

    def _parsed(self, lenient: bool) -> Parsed:
        tables = super()._parsed(lenient)
        if tables[1].schema[OBJECT_ID] == pl.String:  # not all are integers
            integer = pl.col(OBJECT_ID).cast(pl.Int64, strict=False).cast(pl.String)
            odd = tables[1].filter(integer.ne_missing(pl.col(OBJECT_ID)))
            where, snid = odd.select(WHERE, OBJECT_ID).row(0)
            raise DataError(f"{where}: 'SNID:' must hold an integer, got '{snid}'")
        return tables

    def _types(self, objects: pl.DataFrame) -> pl.Series:
        stated = objects[str(self.label_column)].str.extract("SN Type =([^,]*)").str.strip_chars()
        return stated.replace({"": None})

    def _subset(self) -> pl.Expr:
        if self.split == "random":
            return super()._subset()
        spectrum = pl.col(_SPECTRUM) != self.missing[0]
        return pl.when(spectrum).then(pl.lit("train")).otherwise(pl.lit("test"))
