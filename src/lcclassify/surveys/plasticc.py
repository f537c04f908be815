"""PLAsTiCC, as Kaggle and as Zenodo name its files and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from lcclassify.checks import check_choice, check_number
from lcclassify.codestamp import code_stamp
from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    LABEL,
    MJD,
    OBJECT_ID,
    PASSBAND,
    Passbands,
    Taxonomy,
)
from lcclassify.surveys import options, paths
from lcclassify.surveys.base import Opened, Survey, from_snr
from lcclassify.surveys.canonical import DETECTION_SNR
from lcclassify.surveys.chunks import WholeTable
from lcclassify.surveys.origin import simulated_zeropoint
from lcclassify.tables.columns import Column
from lcclassify.tables.opening import Unreadable, open_files, read_columns

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
UNLABELLED: Final = "0"  # `target` of a Zenodo test object
_PASSBANDS: Final = Passbands(
    ("u", "g", "r", "i", "z", "y"), (367.1, 482.7, 622.3, 754.6, 869.1, 971.0)
)
MISSING: Final = -9.0
WITH_MISSING: Final = ("hostgal_specz", "hostgal_photoz", "hostgal_photoz_err", "distmod")
# What the files call a column in one of their two forms.
OTHER_NAMES: Final = {DETECTED: "detected_bool", "ddf": "ddf_bool", "ddf_bool": "ddf"}
_SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")

# Names without suffix, of light curves and metadata, by naming and part; and what follows the
# former where there are several files.
STEMS: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("kaggle", "train"): ("training_set", "training_set_metadata"),
    ("kaggle", "test"): ("test_set", "test_set_metadata"),
    ("zenodo", "train"): ("plasticc_train_lightcurves", "plasticc_train_metadata"),
    ("zenodo", "test"): ("plasticc_test_lightcurves", "plasticc_test_metadata"),
}
NUMBERED: Final = {"kaggle": "_batch{}", "zenodo": "_{:02}"}

_OBSERVATION_COLUMNS: Final = {
    OBJECT_ID: Column((OBJECT_ID,), "integer", filled=True),
    MJD: Column((MJD,), "number"),
    PASSBAND: Column((PASSBAND,), "integer", filled=True),
    FLUX: Column((FLUX,), "number"),
    FLUX_ERR: Column((FLUX_ERR,), "number"),
    DETECTED: Column((DETECTED, OTHER_NAMES[DETECTED]), "integer", required=False),
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
    redshift = "hostgal_photoz"
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
        self.part = check_choice("survey.part", part, ("train", "test"))
        self.observations = observations
        self.objects = objects
        self.metadata = options.words(metadata, "survey.metadata")
        for column in self.metadata:
            if column.startswith(("true_", "tflux_")) or column in ("libid_cadence", "target"):
                raise ConfigError(
                    f"survey.metadata cannot contain '{column}': it is truth, which no classifier "
                    "may see"
                )
        self.detection_snr = check_number("survey.detection_snr", detection_snr)
        self.detections = f"as stated, or else {from_snr(self.detection_snr)}"

    @property
    def zeropoint(self) -> float | None:  # type: ignore[override]
        """AB magnitude of flux 1 of simulated files; PLAsTiCC's own state none."""
        return simulated_zeropoint(self._files()[0])

    @property
    def published(self) -> bool:  # type: ignore[override]
        """Whether the files are PLAsTiCC's own."""
        return self.zeropoint is None

    def open(self, labels: bool, rows: int, *, lenient: bool) -> Opened:
        """Look into the files."""
        observation_files, object_files = self._files()
        bad: Unreadable | None = {} if lenient else None
        files = open_files(observation_files, _OBSERVATION_COLUMNS, rows=rows, unreadable=bad)
        table = partial(self._read_objects, object_files, labels)
        return Opened(files, table, unreadable=bad or {})

    def _read_objects(self, files: Sequence[Path], labels: bool) -> WholeTable:
        """Read the object table."""
        objects = read_columns(
            files,
            {
                OBJECT_ID: Column((OBJECT_ID,), "integer", filled=True),
                **({LABEL: _LABEL_COLUMN} if labels else {}),
                **{
                    name: Column((name, *filter(None, [OTHER_NAMES.get(name)])), "number")
                    for name in self.metadata
                },
            },
        )
        objects = objects.with_columns(self._labels(objects), *self._present_metadata())
        return WholeTable.of(objects, self, labels, self.taxonomy, files=files)

    def files(self) -> list[Path]:
        """Return the files of both tables."""
        return [file for files in self._files() for file in files]

    def fingerprint(self) -> dict[str, Any]:
        """Describe the files and options that decide what `read` returns."""
        observation_files, object_files = self._files()
        return {
            "survey": self.name,
            "code": code_stamp("surveys", "tables"),
            "part": self.part,
            "observations": paths.stamps(observation_files),
            "objects": paths.stamps(object_files),
            "metadata": list(self.metadata),
            "detection_snr": self.detection_snr,
            "zeropoint": self.zeropoint,
        }

    def _labels(self, objects: pl.DataFrame) -> pl.Expr:
        if LABEL not in objects.columns:
            return pl.lit(None, pl.String).alias(LABEL)
        label = pl.col(LABEL).cast(pl.String)
        return label.replace(dict.fromkeys(UNKNOWN, "99")).replace(UNLABELLED, None)

    def _present_metadata(self) -> list[pl.Expr]:
        columns = [name for name in self.metadata if name in WITH_MISSING]
        return [pl.col(name).replace(MISSING, None) for name in columns]

    def _files(self) -> tuple[list[Path], list[Path]]:
        """Return the light-curve files and the metadata files."""
        root = None
        if self.root is not None or self.observations is None or self.objects is None:
            root = paths.folder(self.root, "survey.root")
        naming = "kaggle"
        if self.observations is None:
            naming, observations = self._found(root, "observations", ("kaggle", "zenodo"))
        else:
            observations = paths.expand(self.observations, "survey.observations", root)
            if any(file.name.startswith("plasticc_") for file in observations):
                naming = "zenodo"
        if self.objects is not None:
            return observations, paths.expand(self.objects, "survey.objects", root)
        other = "zenodo" if naming == "kaggle" else "kaggle"
        try:
            return observations, self._found(root, "objects", (naming,))[1]
        except DataError:
            return observations, self._found(root, "objects", (other, naming))[1]

    def _found(
        self, root: Path | None, kind: str, namings: Sequence[str]
    ) -> tuple[str, list[Path]]:
        """Return the one form (naming and suffix) of which files exist under `root`."""
        forms: list[tuple[str, list[Path]]] = []
        stems = {}
        for naming in namings:
            curves, metadata = STEMS[naming, self.part]
            several = f"{curves}{NUMBERED[naming].partition('{')[0]}*"
            # In the order in which they are tried.
            stems[naming] = (curves, several) if kind == "observations" else (metadata,)
            for suffix in _SUFFIXES:
                for stem in stems[naming]:
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
        wanted = " or ".join(f"{stems[naming][0]}.csv" for naming in namings)
        raise DataError(
            f"{root} holds no PLAsTiCC {kind} of part '{self.part}': {wanted} was expected, plain, "
            f".gz or .parquet; other names can be given with survey.{kind}"
        )
