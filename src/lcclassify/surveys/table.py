"""Any pair of CSV, TSV or Parquet tables, described wholly by configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import (
    DETECTED,
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
from lcclassify.surveys import options, paths
from lcclassify.surveys.base import Survey, SurveyData
from lcclassify.surveys.brightness import Brightness
from lcclassify.surveys.canonical import DETECTION_SNR, canonicalise
from lcclassify.surveys.chunks import CHUNK_ROWS, OnError, SurveyChunks, check_on_error
from lcclassify.surveys.coerce import label_text
from lcclassify.surveys.columns import Column
from lcclassify.surveys.delimited import SEPARATORS, TextForm
from lcclassify.surveys.ids import same_ids
from lcclassify.surveys.rowchunks import RowChunks, row_files
from lcclassify.surveys.tablerows import TableRows, common_id_type
from lcclassify.surveys.tabular import read_columns

READER_VERSION: Final = 2  # raise when a change here gives other tables for the same files

_OBSERVATION_KEYS: Final = (OBJECT_ID, MJD, PASSBAND, FLUX, FLUX_ERR)
_COLUMN_KEYS: Final = (*_OBSERVATION_KEYS, DETECTED, "objects_id", LABEL, SUBSET)


class TableSurvey(Survey):
    """A survey of one row an observation, with or without a table of one row an object.

    Args:
        observations: Files of the observation table: a path, a glob pattern or a list.
        passbands: The passbands in order, spelled as in the files (or as the values of
            `passband_aliases`).
        root: Folder that relative paths start from, before the current folder is tried.
        objects: Files of the object table. Without them label, subset and metadata are
            taken from columns of the observation table.
        separator: Field separator, one character or one of the words comma, tab,
            semicolon, pipe, space (a single blank) and whitespace (any run of blanks and
            tabs, without quotes); by default found in each file.
        comment: Lines of text files that begin with it are left out, such as ``#``.
        columns: Name in the files of `object_id`, `mjd`, `passband`, `flux`, `flux_err`
            (all by default called so), `detected`, `label`, `subset` (by default none)
            and `objects_id` (the id in the object table, by default as `object_id`).
        passband_aliases: Other spellings of passbands and what they mean.
        wavelengths: Effective wavelength of each passband in nanometres.
        brightness: ``flux``, ``magnitude`` or ``asinh``, what `flux` and `flux_err` hold.
        zeropoint: Magnitude of flux 1. For fluxes a statement, for magnitudes the unit
            they are converted to (27.5 if not given).
        softening: b of asinh magnitudes, one for all passbands or one for each name.
        time_offset: Days added to the time column; -2400000.5 makes MJD of JD.
        id_type: ``integer``, ``string`` or ``auto``, which reads ids as integers only if
            none of them loses anything (such as the zeros of 007).
        classes: The classes in order; by default the sorted distinct labels.
        class_names: Readable name of a class.
        class_weights: Weight of a class in the weighted log-loss.
        class_map: Class of a label in the files; null leaves its objects unlabelled.
        metadata: Metadata columns, as a list or as new names of columns in the files.
        missing: Values of metadata columns that stand for a missing one, such as -9.
        missing_brightness: Values of the brightness and its error that do so.
        detection_snr: Detection limit for tables without a `detected` column.

    Raises:
        ConfigError: If an option is missing, unknown or contradicts another.
    """

    name = "table"

    def __init__(
        self,
        observations: paths.PathSpec | None,
        passbands: Sequence[str] | None,
        root: str | Path | None = None,
        objects: paths.PathSpec | None = None,
        separator: str | None = None,
        comment: str | None = None,
        columns: Mapping[str, str | None] | None = None,
        passband_aliases: Mapping[str, str] | None = None,
        wavelengths: Sequence[float] | None = None,
        brightness: str = "flux",
        zeropoint: float | None = None,
        softening: float | Mapping[str, float] | None = None,
        time_offset: float = 0.0,
        id_type: str = "auto",
        classes: Sequence[str] | None = None,
        class_names: Mapping[str, str] | None = None,
        class_weights: Mapping[str, float] | None = None,
        class_map: Mapping[str, str | None] | None = None,
        metadata: Sequence[str] | Mapping[str, str] | None = None,
        missing: Sequence[float] | None = None,
        missing_brightness: Sequence[float] | None = None,
        detection_snr: float = DETECTION_SNR,
    ) -> None:
        if observations is None:
            raise ConfigError("survey.observations must name the files of the observation table")
        if passbands is None:
            raise ConfigError("survey.passbands must list the passbands in order, such as [g,r]")
        self.root = None if root is None else Path(root)
        self.observations, self.objects = observations, objects
        self.form = _text_form(separator, comment)
        self.columns = _columns(columns)
        self.passbands = Passbands(
            options.words(passbands, "survey.passbands"),
            options.numbers(wavelengths, "survey.wavelengths"),
        )
        self.aliases = self._aliases(passband_aliases)
        self.brightness = Brightness.of(brightness, zeropoint, softening, self.passbands)
        self.time_offset = options.number(time_offset, "survey.time_offset")
        self.id_type = options.choice(id_type, ("auto", "integer", "string"), "survey.id_type")
        self.taxonomy = Taxonomy(options.words(classes, "survey.classes"))
        self.class_map = self._checked_class_map(class_map)
        self._class_names = options.texts(class_names, "survey.class_names")
        self._class_weights = {
            label: options.number(weight, "survey.class_weights")
            for label, weight in options.pairs(class_weights, "survey.class_weights")
        }
        if len(self.taxonomy):
            self.taxonomy = self._taxonomy(self.taxonomy.classes)
        self.metadata = _metadata(metadata)
        self.missing = options.numbers(missing, "survey.missing")
        self.missing_brightness = options.numbers(missing_brightness, "survey.missing_brightness")
        self.detection_snr = options.number(detection_snr, "survey.detection_snr")

    def _add_column(self, name: str) -> None:
        self.metadata = _metadata({**self.metadata, name: name})

    def read(self, *, labels: bool = True) -> SurveyData:
        """Read the files into canonical tables."""
        observation_files, object_files = self._files()
        carried = self._object_columns() if not object_files else {}
        observations = read_columns(
            observation_files, {**carried, **self._observation_columns()}, self.form
        )
        objects = None
        if object_files:
            objects = read_columns(object_files, self._object_columns(), self.form)
        observations = self.with_flux(observations)
        if objects is None:
            observations = same_ids([observations], self.id_type)[0]
        else:
            observations, objects = same_ids([observations, objects], self.id_type)
        labelled, taxonomy, messages = self.object_values(
            observations if objects is None else objects, labels=labels
        )
        curves, report = canonicalise(
            labelled if objects is None else observations,
            None if objects is None else labelled,
            self.passbands,
            taxonomy if labels else None,
            tuple(self.metadata),
            detection_snr=self.detection_snr,
        )
        report = replace(report, messages=(*report.messages, *messages))
        return SurveyData(curves, report, taxonomy, self.brightness.zeropoint)

    def chunks(
        self, *, labels: bool = True, rows: int = CHUNK_ROWS, on_error: OnError = "stop"
    ) -> SurveyChunks:
        """Return chunks that are read by themselves.

        Everything is read first where the classes are to be found in the observation table,
        and of Parquet files with ids or names in floating-point columns.

        With `id_type` auto the ids of the object table decide for all, or else the first ones
        of each file; an id that does not fit is an error.
        """
        check_on_error(on_error, rows)
        observation_files, object_files = self._files()
        columns = self._observation_columns()
        if not object_files:
            columns = {**self._object_columns(), **columns}
        files = None
        if object_files or self.columns[LABEL] is None or len(self.taxonomy) or not labels:
            files = row_files(observation_files, columns, self.form, rows=rows)
        if files is None:
            return super().chunks(labels=labels, rows=rows, on_error=on_error)
        ids = None
        if object_files:
            ids = read_columns(
                object_files, {OBJECT_ID: self._object_columns()[OBJECT_ID]}, self.form
            )
        lenient = on_error != "stop"
        source = TableRows(self, object_files, labels, common_id_type(self, files, ids, lenient))
        return RowChunks(source, files, rows, on_error)

    def object_table(self, files: Sequence[Path]) -> pl.DataFrame:
        """Read the object table as it stands in the files."""
        return read_columns(files, self._object_columns(), self.form)

    def files(self) -> list[Path]:
        """Return the files of both tables."""
        return [file for files in self._files() for file in files]

    def fingerprint(self) -> dict[str, Any]:
        """Describe the files and options that decide what `read` returns."""
        observation_files, object_files = self._files()
        return {
            "survey": self.name,
            "reader_version": READER_VERSION,
            "observations": paths.stamps(observation_files),
            "objects": paths.stamps(object_files),
            "text_form": asdict(self.form),
            "columns": self.columns,
            "passbands": list(self.passbands.names),
            "wavelengths": list(self.passbands.wavelengths),
            "passband_aliases": self.aliases,
            "brightness": asdict(self.brightness),
            "time_offset": self.time_offset,
            "id_type": self.id_type,
            "classes": list(self.taxonomy.classes),
            "class_names": self._class_names,
            "class_weights": self._class_weights,
            "class_map": self.class_map,
            "metadata": self.metadata,
            "missing": list(self.missing),
            "missing_brightness": list(self.missing_brightness),
            "detection_snr": self.detection_snr,
        }

    # --- options --------------------------------------------------------------------

    def _checked_class_map(
        self, class_map: Mapping[str, str | None] | None
    ) -> dict[str, str | None]:
        found = options.mapping(class_map, "survey.class_map")
        for label in found.values():
            if label is not None and len(self.taxonomy):
                options.choice(label, self.taxonomy.classes, "a value of survey.class_map")
        return found

    def _aliases(self, aliases: Mapping[str, str] | None) -> dict[str, str]:
        found = options.texts(aliases, "survey.passband_aliases")
        for target in found.values():
            options.choice(target, self.passbands.names, "a value of survey.passband_aliases")
        return found

    def _taxonomy(self, classes: tuple[str, ...]) -> Taxonomy:
        return Taxonomy(classes, names=self._class_names, weights=self._class_weights)

    def _files(self) -> tuple[list[Path], list[Path]]:
        root = None if self.root is None else paths.folder(self.root, "survey.root")
        observations = paths.expand(self.observations, "survey.observations", root)
        if self.objects is None:
            return observations, []
        return observations, paths.expand(self.objects, "survey.objects", root)

    # --- columns --------------------------------------------------------------------

    def _source(self, key: str) -> str:
        return self.columns[key] or key

    def _observation_columns(self) -> dict[str, Column]:
        wanted = {
            OBJECT_ID: Column((self._source(OBJECT_ID),), "id", filled=True),
            MJD: Column((self._source(MJD),), "number"),
            PASSBAND: Column((self._source(PASSBAND),), "text", filled=True),
            FLUX: Column((self._source(FLUX),), "number"),
            FLUX_ERR: Column((self._source(FLUX_ERR),), "number"),
        }
        if self.columns[DETECTED] is not None:
            wanted[DETECTED] = Column((self._source(DETECTED),), "text")
        return wanted

    def _object_columns(self) -> dict[str, Column]:
        id_source = self.columns["objects_id"] or self._source(OBJECT_ID)
        wanted = {OBJECT_ID: Column((id_source,), "id", filled=True)}
        for key in (LABEL, SUBSET):
            if self.columns[key] is not None:
                wanted[key] = Column((self._source(key),), "text")
        for name, source in self.metadata.items():
            wanted[name] = Column((source,), "number")
        return wanted

    # --- values ---------------------------------------------------------------------

    def with_flux(self, observations: pl.DataFrame) -> pl.DataFrame:
        """Apply the time offset, the passband aliases and the brightness scale."""
        if self.missing_brightness:
            columns = [pl.col(FLUX), pl.col(FLUX_ERR)]
            absent = pl.any_horizontal(
                column.is_in(self.missing_brightness).fill_null(False) for column in columns
            )
            observations = observations.with_columns(
                pl.when(~absent).then(column) for column in columns
            )
        observations = observations.with_columns(
            pl.col(PASSBAND).replace(self.aliases),
            pl.col(MJD) + self.time_offset,
        )
        flux, error = self.brightness.to_flux(pl.col(FLUX), pl.col(FLUX_ERR), pl.col(PASSBAND))
        return observations.with_columns(flux.alias(FLUX), error.alias(FLUX_ERR))

    def object_values(
        self, table: pl.DataFrame, *, labels: bool
    ) -> tuple[pl.DataFrame, Taxonomy, tuple[str, ...]]:
        """Apply the class map and the sentinels of missing metadata.

        Args:
            table: With the columns of the object table.
            labels: As of `read`.

        Returns:
            The table, the classes and what is to be told of them.
        """
        if self.missing:
            table = table.with_columns(
                pl.when(~pl.col(name).is_in(self.missing)).then(pl.col(name)).alias(name)
                for name in self.metadata
            )
        if LABEL not in table.columns:
            return table, self.taxonomy, ()
        known = {*self.class_map, *self.taxonomy.classes}
        table = table.with_columns(label_text(table[LABEL], known).alias(LABEL))
        messages: tuple[str, ...] = ()
        found = set(table[LABEL].unique().to_list())
        unmatched = [word for word in self.class_map if word not in found]
        if labels and unmatched:
            # Such as misspelt ones.
            words = ", ".join(f"'{word}'" for word in unmatched)
            messages = (f"No object has the label {words} of survey.class_map.",)
        if self.class_map:
            table = table.with_columns(pl.col(LABEL).replace(self.class_map))
        taxonomy = self.taxonomy
        if not len(taxonomy):
            taxonomy = self._taxonomy(tuple(table[LABEL].drop_nulls().unique().sort().to_list()))
        return table, taxonomy, messages


def _text_form(separator: str | None, comment: str | None) -> TextForm:
    if separator is not None:
        word = separator
        separator = SEPARATORS.get(word, "\t" if word == "\\t" else word)
        if word not in SEPARATORS and len(separator) != 1:
            raise ConfigError(
                f"survey.separator must be one character or a word, got '{word}'; "
                f"{did_you_mean(word, SEPARATORS)}"
            )
    if comment is not None and not str(comment).strip():
        raise ConfigError(f"survey.comment must be what comment lines begin with, got '{comment}'")
    return TextForm(separator, None if comment is None else str(comment).strip())


def _columns(columns: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """Return the file's name of every key, None where it is the default."""
    found = options.mapping(columns, "survey.columns")
    for key in found:
        options.choice(key, _COLUMN_KEYS, "a key of survey.columns")
    return {key: found.get(key) for key in _COLUMN_KEYS}


def _metadata(metadata: Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Return the file's name of every metadata column by its new name."""
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
