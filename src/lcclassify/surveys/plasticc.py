"""PLAsTiCC, as Kaggle and as Zenodo name its files and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    LABEL,
    MJD,
    OBJECT_ID,
    PASSBAND,
    LightCurves,
    Passbands,
    Taxonomy,
)
from lcclassify.surveys import options, paths
from lcclassify.surveys.base import Survey, SurveyData
from lcclassify.surveys.canonical import DETECTION_SNR, canonicalise, canonicalise_part
from lcclassify.surveys.chunks import CHUNK_ROWS, OnError, SurveyChunks, check_on_error
from lcclassify.surveys.coerce import boolean_faults, passband_faults
from lcclassify.surveys.columns import Column
from lcclassify.surveys.objecttable import canonical_objects
from lcclassify.surveys.report import ReadReport
from lcclassify.surveys.rowchunks import RowChunks, RowSource, WholeTable, row_files
from lcclassify.surveys.tabular import read_columns

READER_VERSION: Final = 1  # raise when a change here gives other tables for the same files
METADATA: Final = ("hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv")

_CLASSES: Final = {
    "6": "Single-lens microlensing",
    "15": "Tidal disruption event",
    "16": "Eclipsing binary",
    "42": "SN II",
    "52": "SN Iax",
    "53": "Mira",
    "62": "SN Ibc",
    "64": "Kilonova",
    "65": "M-dwarf flare",
    "67": "SN Ia-91bg",
    "88": "AGN",
    "90": "SN Ia",
    "92": "RR Lyrae",
    "95": "Superluminous SN",
    "99": "Unknown",
}
UNKNOWN: Final = ("991", "992", "993", "994")  # the true classes behind 99
_UNLABELLED: Final = "0"  # `target` of a Zenodo test object
_PASSBANDS: Final = Passbands(
    ("u", "g", "r", "i", "z", "y"), (367.1, 482.7, 622.3, 754.6, 869.1, 971.0)
)
_MISSING: Final = -9.0
_WITH_SENTINEL: Final = ("hostgal_specz", "hostgal_photoz", "hostgal_photoz_err", "distmod")
_RENAMED: Final = {"ddf": ("ddf", "ddf_bool"), "ddf_bool": ("ddf_bool", "ddf")}
_SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")

# Names without suffix, in the order in which they are tried.
_OBSERVATIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "kaggle": {
        "train": ("training_set", "training_set_batch*"),
        "test": ("test_set", "test_set_batch*"),
    },
    "zenodo": {
        "train": ("plasticc_train_lightcurves", "plasticc_train_lightcurves_*"),
        "test": ("plasticc_test_lightcurves", "plasticc_test_lightcurves_*"),
    },
}
_OBJECTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "kaggle": {"train": ("training_set_metadata",), "test": ("test_set_metadata",)},
    "zenodo": {"train": ("plasticc_train_metadata",), "test": ("plasticc_test_metadata",)},
}

_OBSERVATION_COLUMNS: Final = {
    OBJECT_ID: Column((OBJECT_ID,), "integer", filled=True),
    MJD: Column((MJD,), "number"),
    PASSBAND: Column((PASSBAND,), "integer", filled=True),
    FLUX: Column((FLUX,), "number"),
    FLUX_ERR: Column((FLUX_ERR,), "number"),
    DETECTED: Column((DETECTED, "detected_bool"), "integer", required=False),
}
_LABEL_COLUMN: Final = Column(("true_target", "target"), "integer", required=False)


class PlasticcSurvey(Survey):
    """The Photometric LSST Astronomical Time-series Classification Challenge.

    Labels come from `true_target` where the files have it (991 to 994 become 99), else
    from `target`. All other truth columns are refused as metadata.

    Args:
        root: Folder of the files; may be None if both file arguments are given.
        part: ``train`` or ``test``.
        observations: Light-curve files instead of those found under `root`: a path, a
            glob pattern or a list, relative to `root` or else to the current folder.
        objects: Metadata files, likewise.
        metadata: Columns of the object table; `hostgal_specz` only if named here.
        detection_snr: Detection limit for files without a `detected` column.

    Raises:
        ConfigError: If an option is unknown, or a truth column is asked for as an input.
    """

    name = "plasticc"
    spectroscopic_redshift = "hostgal_specz"
    passbands = _PASSBANDS
    taxonomy = Taxonomy(tuple(_CLASSES), names=_CLASSES, weights={"15": 2.0, "64": 2.0, "99": 2.0})

    def __init__(
        self,
        root: str | Path | None = None,
        part: str = "train",
        observations: paths.PathSpec | None = None,
        objects: paths.PathSpec | None = None,
        metadata: Sequence[str] | None = METADATA,
        detection_snr: float = DETECTION_SNR,
    ) -> None:
        self.root = None if root is None else Path(root)
        self.part = options.choice(part, ("train", "test"), "survey.part")
        self.observations = observations
        self.objects = objects
        self.metadata = options.words(metadata, "survey.metadata")
        for column in self.metadata:
            if column.startswith(("true_", "tflux_")) or column in ("libid_cadence", "target"):
                raise ConfigError(
                    f"survey.metadata cannot contain '{column}': it is truth, which no classifier "
                    "may see"
                )
        self.detection_snr = options.number(detection_snr, "survey.detection_snr")

    def read(self, *, labels: bool = True) -> SurveyData:
        """Read the files into canonical tables."""
        observation_files, object_files = self._files()
        observations = read_columns(observation_files, _OBSERVATION_COLUMNS)
        curves, report = canonicalise(
            observations,
            self._object_table(object_files, labels),
            self.passbands,
            self.taxonomy if labels else None,
            self.metadata,
            detection_snr=self.detection_snr,
        )
        return SurveyData(curves, report, self.taxonomy, zeropoint=None)

    def chunks(
        self, *, labels: bool = True, rows: int = CHUNK_ROWS, on_error: OnError = "stop"
    ) -> SurveyChunks:
        """Return chunks that are read by themselves.

        Compressed text is unpacked once to know its size, and again as it is read.
        """
        check_on_error(on_error, rows)
        observation_files, object_files = self._files()
        files = row_files(observation_files, _OBSERVATION_COLUMNS, rows=rows)
        if files is None:
            return super().chunks(labels=labels, rows=rows, on_error=on_error)
        return RowChunks(_PlasticcRows(self, object_files, labels), files, rows, on_error)

    def object_table(self, files: Sequence[Path], labels: bool) -> pl.DataFrame:
        """Return the canonical object table alone."""
        table = self._object_table(files, labels)
        return canonical_objects(table, self.taxonomy if labels else None, self.metadata)

    def _object_table(self, files: Sequence[Path], labels: bool) -> pl.DataFrame:
        objects = read_columns(
            files,
            {
                OBJECT_ID: Column((OBJECT_ID,), "integer", filled=True),
                **({LABEL: _LABEL_COLUMN} if labels else {}),
                **{name: Column(_RENAMED.get(name, (name,)), "number") for name in self.metadata},
            },
        )
        return objects.with_columns(self._labels(objects), *self._present_metadata())

    def files(self) -> list[Path]:
        """Return the files of both tables."""
        return [file for files in self._files() for file in files]

    def fingerprint(self) -> dict[str, Any]:
        """Describe the files and options that decide what `read` returns."""
        observation_files, object_files = self._files()
        return {
            "survey": self.name,
            "reader_version": READER_VERSION,
            "part": self.part,
            "observations": paths.stamps(observation_files),
            "objects": paths.stamps(object_files),
            "metadata": list(self.metadata),
            "detection_snr": self.detection_snr,
        }

    def _labels(self, objects: pl.DataFrame) -> pl.Expr:
        if LABEL not in objects.columns:
            return pl.lit(None, pl.String).alias(LABEL)
        label = pl.col(LABEL).cast(pl.String)
        return label.replace(dict.fromkeys(UNKNOWN, "99")).replace(_UNLABELLED, None)

    def _present_metadata(self) -> list[pl.Expr]:
        columns = [name for name in self.metadata if name in _WITH_SENTINEL]
        return [pl.col(name).replace(_MISSING, None) for name in columns]

    def _files(self) -> tuple[list[Path], list[Path]]:
        """Return the light-curve files and the metadata files."""
        root = None
        if self.root is not None or self.observations is None or self.objects is None:
            root = paths.folder(self.root, "survey.root")
        naming = "kaggle"
        if self.observations is None:
            naming, observations = self._found(root, _OBSERVATIONS, ("kaggle", "zenodo"))
        else:
            observations = paths.expand(self.observations, "survey.observations", root)
            if any(file.name.startswith("plasticc_") for file in observations):
                naming = "zenodo"
        if self.objects is not None:
            return observations, paths.expand(self.objects, "survey.objects", root)
        other = "zenodo" if naming == "kaggle" else "kaggle"
        try:
            return observations, self._found(root, _OBJECTS, (naming,))[1]
        except DataError:
            return observations, self._found(root, _OBJECTS, (other, naming))[1]

    def _found(
        self,
        root: Path | None,
        names: Mapping[str, Mapping[str, tuple[str, ...]]],
        namings: Sequence[str],
    ) -> tuple[str, list[Path]]:
        """Return the one form (naming and suffix) of which files exist under `root`."""
        kind = "observations" if names is _OBSERVATIONS else "objects"
        forms: list[tuple[str, list[Path]]] = []
        for naming in namings:
            for suffix in _SUFFIXES:
                for stem in names[naming][self.part]:
                    files = sorted((root or Path()).glob(stem + suffix))
                    files = [file for file in files if file.is_file()]
                    if files:
                        forms.append((naming, files))
                        break
        if len(forms) == 1:
            return forms[0]
        if forms:
            listed = " and ".join(files[0].name for _, files in forms)
            raise ConfigError(
                f"{root} holds {listed}, more than one form of the same table: say which to read "
                f"with survey.{kind}"
            )
        wanted = " or ".join(f"{names[naming][self.part][0]}.csv" for naming in namings)
        raise DataError(
            f"{root} holds no PLAsTiCC {kind} of part '{self.part}': {wanted} was expected, plain, "
            f".gz or .parquet; other names can be given with survey.{kind}"
        )


class _PlasticcRows(RowSource):
    """What the rows of PLAsTiCC's light-curve files mean."""

    zeropoint = None

    def __init__(self, survey: PlasticcSurvey, object_files: Sequence[Path], labels: bool) -> None:
        self._survey = survey
        self._object_files = object_files
        self._labels = labels

    def whole_table(self) -> WholeTable:
        """Read the object table."""
        survey = self._survey
        objects = survey.object_table(self._object_files, self._labels)
        return WholeTable(objects, survey.taxonomy)

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows as they are: their ids are integers."""
        return frame

    def faults(self, frame: pl.DataFrame) -> pl.Series:
        """Tell why each row cannot be used."""
        found = [passband_faults(frame[PASSBAND], self._survey.passbands)]
        if DETECTED in frame.columns:
            found.append(boolean_faults(frame, DETECTED))
        return pl.select(pl.coalesce(found)).to_series()

    def canonical(
        self, frame: pl.DataFrame, table: WholeTable
    ) -> tuple[LightCurves, ReadReport, pl.Series]:
        """Return what `canonicalise_part` makes of rows."""
        survey = self._survey
        return canonicalise_part(
            frame,
            table.objects,
            survey.passbands,
            metadata=survey.metadata,
            detection_snr=survey.detection_snr,
            messages=table.messages,
        )
