"""Writes the features and sequences of a survey's objects to files, with names and ids."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from omegaconf import DictConfig

from lcclassify.build import instantiate, make_survey
from lcclassify.checks import check_choice, check_flag, check_whole
from lcclassify.codestamp import code_stamp
from lcclassify.errors import ConfigError, DataError, OutputError
from lcclassify.evaluation.report import write_metrics
from lcclassify.files import unwritable
from lcclassify.inference.document import fingerprint, read_document
from lcclassify.inference.writer import check_writable, write_table
from lcclassify.jobs.chunked import remove_work, run_chunks, working_folder
from lcclassify.jobs.engines import Engine
from lcclassify.jobs.result import Account, ChunkedResult, stage_shares
from lcclassify.jobs.shards import ShardStore
from lcclassify.parquet import read_parquet
from lcclassify.schema import LightCurves
from lcclassify.surveys.base import Survey
from lcclassify.surveys.chunks import SurveyChunks
from lcclassify.tasks.input_line import input_line
from lcclassify.tasks.prepare_job import CONTEXT, FEATURES, SEQUENCES, PrepareJob
from lcclassify.tasks.surveying import check_apart, flux_factor, output_of, require
from lcclassify.terminal import say, tracked

if TYPE_CHECKING:
    from lcclassify.inference.bundle import Bundle
    from lcclassify.representations.representation import FittedRepresentation, Representation

FORMATS: Final = ("parquet", "csv")
TABLES: Final = (FEATURES, CONTEXT, SEQUENCES)
MANIFEST: Final = "manifest.json"
REJECTS: Final = "rejects.csv"
WORK: Final = "unfinished"  # folder of the shards, in the output's

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
        stages: Seconds of each stage, summed over the chunks.
        sentences: What was left out or converted.
    """

    output: Path
    files: tuple[Path, ...]
    n_objects: int
    n_nights: int
    elapsed: float
    stages: dict[str, float]
    sentences: tuple[str, ...]


def prepare(cfg: DictConfig, overrides: Sequence[str] = ()) -> PrepareResult:
    """Compute features, context and sequences as the networks are given them.

    That is before imputation and normalisation, which belong to the networks. The
    representation is fitted on all the objects read, or is that of a bundle.

    Writes `features` (`object_id` and the named columns, Float64, undefined values
    null), `sequences` (one row a night: `object_id`, `night` from 0, the named
    channels, Float32), `context` where the representation has any, and
    `manifest.json` with names, counts, what was left out and the representation.
    A Parquet table is a folder of files, one a chunk, which Polars, pandas, Arrow and Dask
    read by the folder's name; ids ascend in each file, and files follow each other as the
    survey's do. So no row is written twice, and readers need not have the whole in memory.

    Args:
        cfg: `conf/prepare.yaml`, composed.
        overrides: The user's own words on the command line.

    Raises:
        ConfigError: A mandatory key is missing, or a value invalid or without effect.
        BundleError: The bundle cannot be used.
        DataError: The survey's files are not as described, or do not fit the bundle.
        OutputError: The folder cannot be written to.
    """
    begin = perf_counter()
    require(cfg, _MANDATORY)
    output = output_of(cfg)
    check_choice("format", cfg.format, FORMATS)
    if output.exists() and not output.is_dir():
        raise OutputError(f"output='{output}' must be a folder, but it is a file")
    check_writable(output / MANIFEST)
    if cfg.bundle is not None:
        for word in overrides:
            if re.match(r"[+~]*(representation|seed)\b", word):
                raise ConfigError(f"'{word}' has no effect with bundle=..., which has its own")
        read_document(Path(str(cfg.bundle)).expanduser())
    restart = check_flag("restart", cfg.restart)
    seed = check_whole("seed", cfg.seed, 0)
    survey: Survey = make_survey(cfg)
    _check_places(output, survey, None if cfg.bundle is None else str(cfg.bundle))
    engine: Engine = instantiate(cfg.engine)
    # Only a bundle needs torch.
    bundle = None if cfg.bundle is None else _load(str(cfg.bundle))
    work = output / WORK
    with working_folder(work):
        chunks = survey.chunks(labels=False, rows=cfg.chunk_rows, on_error=cfg.on_error)
        factor = 1.0
        sentences: list[str] = []
        if bundle is None:
            fitted = fit(instantiate(cfg.representation), survey, chunks, seed)
        else:
            factor, sentences = flux_factor(chunks.zeropoint, bundle.zeropoint)
            fitted = bundle.representation
        say(input_line(survey, fitted, chunks.zeropoint, chunks.objects))

        def job(chunks: SurveyChunks, store: ShardStore) -> PrepareJob:
            return PrepareJob(chunks, store, fitted, factor)

        description = {
            "survey": survey.fingerprint(),
            "representation": fitted.state(),
            "bundle": None if bundle is None else fingerprint(str(cfg.bundle)),
            "chunk_rows": cfg.chunk_rows,
            "on_error": cfg.on_error,
            "code": code_stamp("representations", "tasks"),
        }
        run = run_chunks(
            chunks,
            job,
            engine=engine,
            work=work,
            description=description,
            table=FEATURES,
            title=f"preparing {survey.name}",
            restart=restart,
        )
        if not run.store.paths(run.records, FEATURES):
            raise DataError(f"{survey.name} has no object with a usable observation")
        if bundle is None:
            longest = max(record.account.get("longest", 0) for record in run.records)
            fitted = replace(fitted, max_length=longest)
        account = run.account(FEATURES, sentences)
        rejects = account.write_rejects(work / REJECTS)
        n_nights = sum(record.rows.get(SEQUENCES, 0) for record in run.records)
        n_objects = sum(record.rows.get(FEATURES, 0) for record in run.records)
        try:
            tables = _put_in_place(run, output, work, cfg.format)
            if rejects is not None:
                rejects.replace(output / rejects.name)
            else:
                (output / REJECTS).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(output, error) from error
        content = {
            "survey": survey.name,
            "files": tables,
            "n_objects": n_objects,
            "n_nights": n_nights,
            "feature_names": fitted.feature_names,
            "context_names": fitted.context_names,
            "channel_names": fitted.channel_names,
            "left_out": _left_out(account),
            "counts": account.counts(),
            **account.manifest(rejects, perf_counter() - begin),
            "bundle": None if bundle is None else str(cfg.bundle),
            "representation": fitted.state(),
        }
        write_metrics(output / MANIFEST, content)
        remove_work(work)
    result = PrepareResult(
        output=output,
        files=(*(output / name for name in tables), output / MANIFEST),
        n_objects=n_objects,
        n_nights=n_nights,
        elapsed=perf_counter() - begin,
        stages=run.seconds,
        sentences=tuple(account.sentences),
    )
    _say(result)
    return result


def _load(folder: str) -> Bundle:
    from lcclassify.inference.bundle import load

    return load(folder)


def fit(
    settings: Representation, survey: Survey, chunks: SurveyChunks, seed: int
) -> FittedRepresentation:
    """Fit a representation on all objects, without reading them where nothing needs it."""

    def parts() -> Iterator[LightCurves]:
        for index in tracked(
            range(len(chunks)), len(chunks), f"fitting on {survey.name}", "chunks"
        ):
            yield chunks.read(index).light_curves

    settings = settings.of_survey(survey.redshift, tuple(survey.metadata))
    if settings.needs_data:
        return settings.fit_parts(parts(), seed)
    objects = chunks.objects
    if objects is None:
        objects = chunks.read(0).light_curves.objects
    columns = LightCurves(pl.DataFrame(), objects, survey.passbands).metadata_columns
    return settings.without_data(survey.passbands, columns, seed)


def _check_places(output: Path, survey: Survey, bundle: str | None) -> None:
    """Refuse to replace what is read, or a folder that no preparation has made."""
    places = [output / f"{name}.{form}" for name in TABLES for form in FORMATS]
    read = survey.files()
    if bundle is not None:
        read.append(Path(bundle).expanduser())
    check_apart([*places, output / MANIFEST, output / REJECTS], read)
    for place in places:
        strange = [] if not place.is_dir() else [p for p in place.iterdir() if not _is_part(p)]
        if strange:
            raise OutputError(
                f"'{place}' would be replaced, but holds '{strange[0].name}', which is no part of "
                "an earlier output: choose another one"
            )


def _is_part(path: Path) -> bool:
    return path.match("part-*.parquet") and path.is_file()


def _put_in_place(run: ChunkedResult, output: Path, work: Path, form: str) -> list[str]:
    """Move the shards' tables to the names they have in the output, and return the names.

    Tables of two runs must never lie beside each other as if they were of one: the
    manifest of an earlier run goes first.
    """
    tables = {
        name: run.store.paths(run.records, name)
        for name in TABLES
        if run.store.paths(run.records, name)
    }
    if form == "csv":  # what may fail comes before what cannot be undone
        for name, files in tables.items():
            merged = work / f"{name}.csv"
            write_table((read_parquet(file) for file in files), merged, form)
            tables[name] = [merged]
    else:
        tables = {name: [_folder_of(files, work / name)] for name, files in tables.items()}
    (output / MANIFEST).unlink(missing_ok=True)
    for name in TABLES:
        for suffix in FORMATS:
            stale = output / f"{name}.{suffix}"
            if stale.is_dir():
                shutil.rmtree(stale)
            else:
                stale.unlink(missing_ok=True)
    for name, [table] in tables.items():
        table.replace(output / f"{name}.{form}")
    return [f"{name}.{form}" for name in tables]


def _folder_of(files: Sequence[Path], folder: Path) -> Path:
    """Move shards into a folder that takes its place whole."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, file in enumerate(files):
        file.replace(folder / f"part-{number:05}.parquet")
    return folder


def _left_out(account: Account) -> dict[str, Any]:
    report = account.report
    return {
        "observations_read": report.rows_read,
        "observations_used": report.rows_kept,
        "cut": report.cut,
        "nan_flux": report.nan_flux,
        "bad_flux_err": report.bad_flux_err,
        "bad_mjd": report.bad_mjd,
        "duplicates": report.duplicates,
        "orphan_rows": report.orphan_rows,
        "objects_without_a_row": report.orphan_ids.to_list(),
        "objects_without_observations": account.unobserved.sort().to_list(),
    }


def _say(result: PrepareResult) -> None:
    for text in (
        *result.sentences,
        f"{result.n_objects:,} objects, {result.n_nights:,} nights in {result.elapsed:.1f} s "
        f"({stage_shares(result.stages)}):",
        *(f"  {path}" for path in result.files),
    ):
        say(text)
