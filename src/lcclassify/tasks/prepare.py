"""Writes the features and sequences of a survey's objects to files, with names and ids."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import uuid4

import numpy as np
import polars as pl
from omegaconf import DictConfig
from rich.console import Console

from lcclassify.build import instantiate
from lcclassify.errors import ConfigError, DataError, OutputError, did_you_mean
from lcclassify.evaluation.report import write_metrics
from lcclassify.inference.bundle import load
from lcclassify.inference.writer import check_writable, write_table
from lcclassify.representations.prepared import PreparedSet
from lcclassify.representations.representation import FittedRepresentation, Representation
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.base import Survey, SurveyData
from lcclassify.tasks.predict import in_units_of, require

NIGHT: Final = "night"
FORMATS: Final = ("parquet", "csv")

_MANDATORY: Final = {
    "survey": "what to prepare, such as survey=plasticc survey.root=FOLDER",
    "output": "the folder to write to, such as output=prepared",
}


@dataclass(frozen=True)
class PrepareResult:
    """What a preparation left behind.

    Attributes:
        output: Folder of the files.
        files: The files, the manifest last.
        n_objects: Objects with at least one usable observation.
        n_nights: Rows of the sequences.
        elapsed: Seconds.
        sentences: What was left out or converted.
    """

    output: Path
    files: tuple[Path, ...]
    n_objects: int
    n_nights: int
    elapsed: float
    sentences: tuple[str, ...]


def prepare(cfg: DictConfig) -> PrepareResult:
    """Compute features, context and sequences as the networks are given them.

    That is before imputation and normalisation, which belong to the networks. The
    representation is fitted on all the objects read, or is that of a bundle.

    Writes `features` (`object_id` and the named columns, Float64, undefined values
    null), `sequences` (one row a night: `object_id`, `night` from 0, the named
    channels, Float32), `context` where the representation has any, and
    `manifest.json` with names, counts, what was left out and the representation.

    Args:
        cfg: `conf/prepare.yaml`, composed.

    Raises:
        ConfigError: A mandatory key is missing, or a value invalid.
        BundleError: The bundle cannot be used.
        DataError: The survey's files are not as described, or do not fit the bundle.
        OutputError: The folder cannot be written to.
    """
    begin = perf_counter()
    require(cfg, _MANDATORY)
    output = Path(str(cfg.output)).expanduser().absolute()
    if cfg.format not in FORMATS:
        raise ConfigError(f"format cannot be '{cfg.format}': {did_you_mean(cfg.format, FORMATS)}")
    if output.exists() and not output.is_dir():
        raise OutputError(f"output='{output}' must be a folder, but it is a file")
    manifest = output / "manifest.json"
    check_writable(manifest)
    bundle = None if cfg.bundle is None else load(str(cfg.bundle))
    survey: Survey = instantiate(cfg.survey)
    data = survey.read(labels=False)
    sentences: list[str] = []
    fitted: FittedRepresentation
    if bundle is None:
        settings: Representation = instantiate(cfg.representation)
        fitted = settings.fit(data.light_curves, int(cfg.seed))
    else:
        data, sentences = in_units_of(data, bundle.zeropoint)
        fitted = bundle.representation
    sentences = [*data.report.sentences(), *sentences]
    if data.light_curves.observations.is_empty():
        raise DataError(f"{survey.name} has no object with a usable observation")
    prepared = fitted.prepare(data.light_curves)

    tables = {f"{name}.{cfg.format}": table for name, table in _tables(prepared).items()}
    content = {
        "survey": survey.name,
        "files": list(tables),
        "n_objects": len(prepared),
        "n_nights": len(prepared.sequences),
        "feature_names": prepared.feature_names,
        "context_names": prepared.context_names,
        "channel_names": prepared.channel_names,
        "left_out": _left_out(data, prepared),
        "sentences": sentences,
        "bundle": None if bundle is None else str(cfg.bundle),
        "representation": fitted.state(),
    }
    # Files of two runs must never lie beside each other: they move in when all are written.
    partial = output / f".{uuid4().hex[:8]}.partial"
    try:
        for name, table in tables.items():
            write_table(table, partial / name, cfg.format)
        write_metrics(partial / manifest.name, content)
        for name in (*tables, manifest.name):
            (partial / name).replace(output / name)
    except OSError as error:
        raise OutputError(f"'{output}' cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    result = PrepareResult(
        output=output,
        files=(*(output / name for name in tables), manifest),
        n_objects=len(prepared),
        n_nights=len(prepared.sequences),
        elapsed=perf_counter() - begin,
        sentences=tuple(sentences),
    )
    _say(result)
    return result


def _tables(prepared: PreparedSet) -> dict[str, pl.DataFrame]:
    """Return the tables to write by name."""
    ids = prepared.object_ids.alias(OBJECT_ID)
    tables = {"features": _with_ids(ids, prepared.features, prepared.feature_names)}
    if prepared.context_names:
        tables["context"] = _with_ids(ids, prepared.context, prepared.context_names)
    lengths = prepared.lengths
    owner = np.repeat(np.arange(len(prepared)), lengths)
    night = np.arange(len(owner)) - np.repeat(prepared.offsets[:-1], lengths)
    tables["sequences"] = pl.DataFrame(
        {
            OBJECT_ID: ids.gather(owner),
            NIGHT: night.astype(np.int32),
            **{name: prepared.sequences[:, c] for c, name in enumerate(prepared.channel_names)},
        }
    )
    return tables


def _with_ids(ids: pl.Series, values: np.ndarray, names: tuple[str, ...]) -> pl.DataFrame:
    columns = {name: values[:, column] for column, name in enumerate(names)}
    return pl.DataFrame({OBJECT_ID: ids, **columns}).with_columns(
        pl.col(name).fill_nan(None) for name in names
    )


def _left_out(data: SurveyData, prepared: PreparedSet) -> dict[str, object]:
    report, objects = data.report, data.light_curves.objects
    unobserved = objects.join(prepared.object_ids.to_frame(OBJECT_ID), on=OBJECT_ID, how="anti")
    return {
        "observations_read": report.rows_read,
        "observations_used": report.rows_kept,
        "nan_flux": report.nan_flux,
        "bad_flux_err": report.bad_flux_err,
        "bad_mjd": report.bad_mjd,
        "duplicates": report.duplicates,
        "orphan_rows": report.orphan_rows,
        "objects_without_a_row": report.orphan_ids.to_list(),
        "objects_without_observations": unobserved[OBJECT_ID].sort().to_list(),
    }


def _say(result: PrepareResult) -> None:
    console = Console()
    for text in (
        *result.sentences,
        f"{result.n_objects:,} objects, {result.n_nights:,} nights in {result.elapsed:.1f} s:",
        *(f"  {path}" for path in result.files),
    ):
        console.print(text, markup=False, highlight=False, soft_wrap=True)
