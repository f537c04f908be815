"""Any pair of CSV, TSV or Parquet tables, described wholly by configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from lcclassify.checks import check_choice, check_number
from lcclassify.codestamp import code_stamp
from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import DETECTED, FLUX, LABEL, OBJECT_ID
from lcclassify.surveys import options, paths
from lcclassify.surveys.base import Opened, Survey, from_snr
from lcclassify.surveys.brightness import Brightness
from lcclassify.surveys.canonical import DETECTION_SNR, cast_observations
from lcclassify.surveys.casts import first_of
from lcclassify.surveys.chunks import CHUNK_ROWS, WholeTable
from lcclassify.surveys.cuts import IS_CUT, Cuts
from lcclassify.surveys.file_names import NamedFile, check_columns, named_files, places
from lcclassify.surveys.labels import Labels
from lcclassify.surveys.overrides import overridden
from lcclassify.surveys.photometry import ZEROPOINT, Photometry
from lcclassify.surveys.stated_units import check_stated
from lcclassify.surveys.table_columns import (
    column_names,
    metadata_names,
    missing_values,
    object_columns,
    observation_columns,
)
from lcclassify.tables.columns import Column
from lcclassify.tables.ids import cast_ids, common_type
from lcclassify.tables.opening import Unreadable, has_lists, open_files, read_columns
from lcclassify.tables.rowfile import RowFile
from lcclassify.tables.stated import StatedRows


class TableSurvey(Survey):
    """A survey of one row an observation, with or without a table of one row an object.

    Args:
        observations: Files of the observation table: a path, a glob pattern or a list. Where
            their names say it, ``{object_id}`` and ``{passband}`` stand in the pattern.
        passbands: The passbands in order, spelled as in the files (or as the values of
            `passband_aliases`).
        root: Folder that relative paths start from, before the current folder is tried.
        objects: Files of the object table. Without them label, subset and metadata are
            taken from columns of the observation table.
        separator: Field separator, one character or one of the words comma, tab,
            semicolon, pipe, space (a single blank) and whitespace (any run of blanks and
            tabs, without quotes); by default found in each file.
        comment: Lines of text files that begin with it are left out, such as ``#``; the last
            one before the first row may be that of the column names.
        names: Names of the columns of text files that do not begin with them.
        columns: Name in the files of `object_id`, `mjd`, `passband`, `flux`, `flux_err`
            (all by default called so), `detected`, `label`, `subset`, `sign` (by default none;
            of a flux of which the magnitude is stated, such as ZTF's isdiffpos), `limit` (an
            upper limit where the brightness is absent, or whether the brightness is one),
            `zeropoint` (of the flux of a row) and `objects_id` (the id in the object table, by
            default as `object_id`).
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
        redshift: The one of them that is the redshift, for rest-frame times.
        missing: Values of metadata columns that stand for a missing one, such as -9, or words.
        missing_brightness: Values of the brightness and its error that do so.
        limit_sigmas: Of how many errors upper limits are, which become flux 0 with that error;
            None leaves them out.
        cuts: What columns of the observation table must hold for a row to count: a value, one
            of several, or a range ``{min: 0, max: 1}``.
        overrides: Files of a table of ids with other metadata or labels than the object table
            has, under the same names; where they are not empty, they count.
        detection_snr: Detection limit for tables without a `detected` column.

    Raises:
        ConfigError: If an option is missing, unknown or contradicts another.
    """

    name = "table"
    cure = options.MISSING

    def __init__(
        self,
        observations: paths.PathSpec | None,
        passbands: Sequence[str] | None,
        root: str | Path | None = None,
        objects: paths.PathSpec | None = None,
        separator: str | None = None,
        comment: str | None = None,
        names: Sequence[str] | None = None,
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
        redshift: str | None = None,
        missing: Sequence[float | str] | None = None,
        missing_brightness: Sequence[float] | None = None,
        limit_sigmas: float | None = None,
        cuts: Mapping[str, Any] | None = None,
        overrides: paths.PathSpec | None = None,
        detection_snr: float = DETECTION_SNR,
    ) -> None:
        if observations is None:
            raise ConfigError("survey.observations must name the files of the observation table")
        self.passbands = options.passbands(passbands, wavelengths)
        self.root = None if root is None else Path(root)
        self.observations, self.objects, self.overrides = observations, objects, overrides
        self.told = places(observations)
        self.form = options.text_form(separator, comment, names)
        self._object_form = replace(self.form, names=())
        self.columns = column_names(columns)
        check_columns(self.told, self.columns, has_objects=objects is not None)
        if objects is None and self.columns["objects_id"] is not None:
            raise ConfigError("survey.columns.objects_id needs an object table: survey.objects")
        own = self.columns[ZEROPOINT]
        self.brightness = Brightness.of(
            brightness, zeropoint, softening, self.passbands, zeropoint_column=own
        )
        self.zeropoint = self.brightness.zeropoint
        self.id_type = check_choice("survey.id_type", id_type, ("auto", "integer", "string"))
        self.labels = Labels(classes, class_names, class_weights, class_map)
        self.taxonomy = self.labels.taxonomy
        self.metadata = metadata_names(metadata)
        self.redshift = redshift
        if redshift is not None:
            check_choice("survey.redshift (a name of survey.metadata)", redshift, self.metadata)
        self.missing, self.missing_words = missing_values(missing)
        if limit_sigmas is not None and check_number("survey.limit_sigmas", limit_sigmas) <= 0:
            raise ConfigError(f"survey.limit_sigmas must be positive, got {limit_sigmas}")
        self.photometry = Photometry(
            self.brightness,
            check_number("survey.time_offset", time_offset),
            self._aliases(passband_aliases),
            options.numbers(missing_brightness, "survey.missing_brightness"),
            limit_sigmas,
        )
        self.cuts = Cuts.of(cuts)
        self.detection_snr = check_number("survey.detection_snr", detection_snr)
        if self.columns[DETECTED] is None:
            self.detections = from_snr(self.detection_snr)

    def _add_column(self, name: str) -> None:
        self.metadata = metadata_names({**self.metadata, name: name})

    def open(self, labels: bool, rows: int, *, lenient: bool) -> Opened:
        """Look into the files.

        With `id_type` auto the ids of the object table decide for all, or else the first ones
        of each file; an id that does not fit is an error.
        """
        named, object_files = self._files()
        paths_of = [file.path for file in named]
        columns = {**observation_columns(self.columns, self.told), **self.cuts.columns()}
        is_nested = not object_files and has_lists(paths_of, columns, lenient=lenient)
        if is_nested and self.told:
            raise ConfigError("survey.observations: tables of one row an object take no braces")
        if object_files or is_nested:
            files, bad = self._opened(named, columns, rows, lenient)
            object_files = object_files or [file.path for file in files]
            table = partial(self._read_objects, object_files, labels)
            return Opened(files, table, unreadable=bad)
        if self.overrides is not None:
            raise ConfigError("survey.overrides needs an object table: survey.objects")
        carried = self._object_columns()
        if OBJECT_ID in self.told:
            ids = [pl.Series([file.says[OBJECT_ID] for file in named])]
            del carried[OBJECT_ID]
        files, bad = self._opened(named, {**carried, **columns}, rows, lenient)
        table = partial(self._carried_classes, [file.path for file in files], labels)
        if OBJECT_ID not in self.told:
            starts = [(file, min(file.end, file.first + file.step)) for file in files]
            ids = [a.read(a.first, stop, lenient=True).frame[OBJECT_ID] for a, stop in starts]
        elif not carried:  # so that an object of whose file no row can be used is told of
            table = partial(self._named_objects, ids[0])
        return Opened(files, table, self._type_of(ids, OBJECT_ID in self.told), bad)

    def _opened(
        self, files: Sequence[NamedFile], columns: Mapping[str, Column], rows: int, lenient: bool
    ) -> tuple[list[RowFile], Unreadable]:
        bad: Unreadable = {}
        paths_of, note = [file.path for file in files], bad if lenient else None
        opened = open_files(paths_of, columns, self.form, rows=rows, unreadable=note)
        own = ZEROPOINT in columns
        check_stated(opened, self.brightness, self.photometry.time_offset, own=own)
        if self.told:
            says = [file.says for file in files if file.path not in bad]
            opened = [StatedRows(file, own) for file, own in zip(opened, says, strict=True)]
        return opened, bad

    def _type_of(self, ids: Sequence[pl.Series], complete: bool) -> pl.DataType:
        if self.id_type == "auto":
            return common_type(ids, complete=complete)
        return pl.String() if self.id_type == "string" else pl.Int64()

    def _read_objects(self, files: Sequence[Path], labels: bool) -> WholeTable:
        """Read the object table."""
        table = read_columns(files, self._object_columns(), self._object_form)
        ids, faults = self._ids(table[OBJECT_ID], self._type_of([table[OBJECT_ID]], True))
        if faults is not None:
            raise DataError(f"{files[0]}: {faults.drop_nulls()[0]}")
        table, told = table.with_columns(ids), tuple[str, ...]()
        if over := self._override_files():
            columns = self._object_columns()
            table, told = overridden(table, over, columns, self._object_form, self._ids)
        table = self._object_values(table)
        taxonomy, messages = self.labels.found(table, labels)
        table = self.labels.mapped(table)
        return WholeTable.of(table, self, labels, taxonomy, (*told, *messages), files)

    def _named_objects(self, names: pl.Series) -> WholeTable:
        """Return an object table of nothing but what the names of files say."""
        ids = self._ids(names, self._type_of([names], True))[0].unique().alias(OBJECT_ID)
        return WholeTable.of(ids.to_frame(), self, False, self.taxonomy)

    def _carried_classes(self, files: Sequence[Path], labels: bool) -> WholeTable:
        """Look for the classes of observations that carry their labels, if they are to be found."""
        if not labels or self.columns[LABEL] is None:
            return WholeTable(None, self.taxonomy)
        column = {LABEL: self._object_columns()[LABEL]}
        found: list[pl.DataFrame] = []
        for file in open_files(files, column, self.form):
            parts = file.parts(CHUNK_ROWS)
            found += [file.read(one.begin, one.end).frame.unique() for one in parts]
        table = self._object_values(pl.concat(found, how="vertical_relaxed"))
        return WholeTable(None, *self.labels.found(table, labels))

    def convert(
        self, id_type: pl.DataType, frame: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.Series | None]:
        """Return rows as `cast_observations` does, in the units and words of the survey."""
        ids, faults = self._ids(frame[OBJECT_ID], id_type)
        frame = self.labels.mapped(self._object_values(frame.with_columns(ids)))
        odd = None
        if FLUX in frame.columns:  # else ids alone
            frame, odd = self.photometry.apply(self.cuts.apply(frame))
        rows, others = cast_observations(frame, self.passbands, id_type)
        if IS_CUT in rows.columns:  # whatever else these hold, such as another passband
            cut = rows[IS_CUT]
            odd, others = (None if one is None else one.set(cut, None) for one in (odd, others))
        return rows, first_of([faults, odd, others])

    def remarks(self, frame: pl.DataFrame) -> tuple[str, ...]:
        """Return what is to be told of brightnesses that nothing has, or that are called others."""
        return self.photometry.remarks(frame, self.columns[FLUX] or FLUX)

    def _ids(self, ids: pl.Series, id_type: pl.DataType) -> tuple[pl.Series, pl.Series | None]:
        if id_type == pl.String and ids.dtype.is_integer() and self.id_type == "auto":
            raise DataError(
                "object_id must be of one type in both tables, but they are integers in the "
                "observation table and strings in the object table"
            )
        return cast_ids(ids, id_type, exact=self.id_type == "auto")

    def files(self) -> list[Path]:
        """Return the files of both tables."""
        observations, objects = self._files()
        return [*(file.path for file in observations), *objects, *self._override_files()]

    def fingerprint(self) -> dict[str, Any]:
        """Describe the files and options that decide what `read` returns."""
        observation_files, object_files = self._files()
        return {
            "survey": self.name,
            "code": code_stamp("surveys", "tables"),
            "observations": paths.stamps(file.path for file in observation_files),
            "told": [dict(file.says) for file in observation_files] if self.told else [],
            "cuts": self.cuts.described(),
            "objects": paths.stamps(object_files),
            "text_form": asdict(self.form) | {"names": list(self.form.names)},
            "columns": self.columns,
            "passbands": list(self.passbands.names),
            "wavelengths": list(self.passbands.wavelengths),
            "passband_aliases": dict(self.photometry.aliases),
            "brightness": asdict(self.brightness),
            "time_offset": self.photometry.time_offset,
            "id_type": self.id_type,
            **self.labels.described(),
            "metadata": self.metadata,
            "missing": [*self.missing, *self.missing_words],
            "missing_brightness": list(self.photometry.missing),
            "limit_sigmas": self.photometry.limit_sigmas,
            "overrides": paths.stamps(self._override_files()),
            "detection_snr": self.detection_snr,
        }

    def _aliases(self, aliases: Mapping[str, str] | None) -> dict[str, str]:
        found = options.texts(aliases, "survey.passband_aliases")
        for target in found.values():
            check_choice("a value of survey.passband_aliases", target, self.passbands.names)
        return found

    def _files(self) -> tuple[list[NamedFile], list[Path]]:
        named = named_files(self.observations, self._root())
        objects = self._expanded(self.objects, "survey.objects")
        # The other tables may lie in the same folder, where a pattern matches them.
        others = {*objects, *self._override_files()}
        return [file for file in named if file.path not in others] or named, objects

    def _override_files(self) -> list[Path]:
        return self._expanded(self.overrides, "survey.overrides")

    def _expanded(self, spec: paths.PathSpec | None, argument: str) -> list[Path]:
        return [] if spec is None else paths.expand(spec, argument, self._root())

    def _root(self) -> Path | None:
        return None if self.root is None else paths.folder(self.root, "survey.root")

    def _object_columns(self) -> dict[str, Column]:
        return object_columns(self.columns, self.metadata, self.missing_words)

    def _object_values(self, table: pl.DataFrame) -> pl.DataFrame:
        """Apply the sentinels of missing metadata, and read labels as words."""
        if self.missing:
            names = [name for name in self.metadata if name in table.columns]
            table = table.with_columns(
                pl.when(~pl.col(name).is_in(self.missing)).then(pl.col(name)).alias(name)
                for name in names
            )
        return self.labels.words(table)
