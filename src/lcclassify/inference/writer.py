"""Writes tables of results, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from lcclassify.checks import check_choice
from lcclassify.errors import ConfigError, OutputError, did_you_mean
from lcclassify.files import GrowingTable, replaced_file, unfinished, unwritable
from lcclassify.inference.decisions import ABSTAINED, SET_PREFIX
from lcclassify.inference.predictions import CLASS_PREFIX, REASON
from lcclassify.parquet import parquet_schema, read_parquet, scan_parquet
from lcclassify.schema import OBJECT_ID

FORMATS: Final = ("parquet", "csv", "plasticc")
PLASTICC_CLASSES: Final = (
    *("6", "15", "16", "42", "52", "53", "62", "64"),
    *("65", "67", "88", "90", "92", "95", "99"),
)

_SUFFIXES: Final = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"}


def output_format(path: Path, form: str | None) -> str:
    """Return the format to write in, from its name or from the file's.

    Args:
        path: File to be written.
        form: One of `FORMATS`, or None to go by the suffix.

    Raises:
        ConfigError: The format is unknown, or none was given and the suffix tells none.
    """
    if form is not None:
        return check_choice("format", form, FORMATS)
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"output='{path}' must end in {', '.join(_SUFFIXES)}, or format must be one of "
            f"{', '.join(FORMATS)}"
        )
    return _SUFFIXES[path.suffix.lower()]


def check_writable(path: Path) -> None:
    """Refuse a place that cannot be written to, before long work is done for it.

    Raises:
        OutputError: The path is a folder, or its folder can not be made or written to.
    """
    if path.is_dir():
        raise OutputError(f"output='{path}' must be a file, but it is a folder")
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise OutputError(
                f"output='{path}' cannot be written: '{parent}' is a file, not a folder"
            )
    probe = unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"output='{path}' cannot be written: {error.strerror or error}"
        ) from error


def write_predictions(
    frames: pl.DataFrame | Iterable[pl.DataFrame], path: Path, form: str | None = None
) -> tuple[str, ...]:
    """Write predictions as Parquet, CSV or a Kaggle submission.

    Args:
        frames: What `Predictions.to_frame` gives, whole or in at least one part.
        path: File to write; an earlier one stays until the new one is complete.
        form: One of `FORMATS`, or None to go by the suffix. ``plasticc`` is a CSV of
            the ids and probabilities alone.

    Returns:
        Sentences on what the format does not hold.

    Raises:
        ConfigError: The format is unknown, or the classes are not PLAsTiCC's.
        OutputError: The file cannot be written.
    """
    form = output_format(path, form)
    parts = [frames] if isinstance(frames, pl.DataFrame) else frames
    if form != "plasticc":
        write_table(map(_flat, parts) if form == "csv" else parts, path, form)
        return ()
    unscored = 0
    absent: Sequence[str] = ()
    dropped: Sequence[str] = ()

    def submissions() -> Iterator[pl.DataFrame]:
        nonlocal unscored, absent, dropped
        for part in parts:
            names = part.columns
            dropped = [n for n in names if n == ABSTAINED or n.startswith(SET_PREFIX)]
            submission, absent = plasticc_submission(part)
            unscored += int(part[REASON].is_not_null().sum())
            yield submission

    write_table(submissions(), path, "csv")
    sentences = []
    if unscored:
        sentences.append(
            f"{unscored:,} objects that cannot be scored have the probability 1/"
            f"{len(PLASTICC_CLASSES)} of every class in the submission."
        )
    if absent:
        sentences.append(
            f"The bundle does not know the classes {', '.join(absent)}: their probability is 0 "
            "in the submission."
        )
    if dropped:
        sentences.append(f"A submission has no {' and no '.join(dropped)}.")
    return tuple(sentences)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose lists are texts, which a CSV can hold: their items and `|` between."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(pl.col(name).list.join("|") for name in lists)


def sorted_parts(
    paths: Sequence[Path], further: pl.DataFrame, rows: int = 500_000
) -> Iterator[pl.DataFrame]:
    """Yield the rows of many tables in the order of their ids, some at a time.

    Args:
        paths: Parquet files with the columns of `further`, each sorted by `object_id`.
        further: Further rows, or none.
        rows: Rows of a part, about.

    Yields:
        At least one table.
    """
    ids = [read_parquet(path, columns=[OBJECT_ID])[OBJECT_ID] for path in paths]
    if len(further) or not ids:
        ids.append(further[OBJECT_ID])
    wanted = pl.concat(ids).sort()
    schema = further.schema if not paths else parquet_schema(paths[0])
    for start in range(0, max(len(wanted), 1), rows):
        part = wanted[start : start + rows]
        # A bare string would be the name of a column.
        low, high = (pl.lit(end, wanted.dtype) for end in (part.min(), part.max()))
        chosen = pl.col(OBJECT_ID).is_between(low, high)
        tables = [further.filter(chosen)] if len(further) else []
        if paths:
            # Files without an id between are told by their statistics.
            tables.append(scan_parquet(paths).filter(chosen).collect())
        whole = pl.concat(tables) if tables else pl.DataFrame(schema=schema)
        yield whole.sort(OBJECT_ID)


def plasticc_submission(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the Kaggle submission of PLAsTiCC.

    Args:
        frame: What `Predictions.to_frame` gives.

    Returns:
        `object_id` and ``class_6`` ... ``class_99`` in Kaggle's order, without a missing
        value: an object without probabilities has equal ones, a class that the
        classifier does not know 0; and these classes.

    Raises:
        ConfigError: The classifier has a class that PLAsTiCC does not have.
    """
    names = [name for name in frame.columns if name.startswith(CLASS_PREFIX)]
    labels = [name.removeprefix(CLASS_PREFIX) for name in names]
    for label in labels:
        if label not in PLASTICC_CLASSES:
            raise ConfigError(
                f"format=plasticc needs PLAsTiCC's classes, and the bundle has the class "
                f"'{label}': {did_you_mean(label, PLASTICC_CLASSES)}"
            )
    equal = 1 / len(PLASTICC_CLASSES)
    scored = pl.col(REASON).is_null()
    submission = frame.select(
        OBJECT_ID,
        *(
            pl.when(scored)
            .then(pl.col(f"{CLASS_PREFIX}{label}") if label in labels else pl.lit(0.0))
            .otherwise(pl.lit(equal))
            .alias(f"{CLASS_PREFIX}{label}")
            for label in PLASTICC_CLASSES
        ),
    )
    return submission, [label for label in PLASTICC_CLASSES if label not in labels]


def write_table(frames: pl.DataFrame | Iterable[pl.DataFrame], path: Path, form: str) -> None:
    """Write a table beside its place and rename it into it.

    Args:
        frames: The table, whole or in at least one part.
        path: File to write; its folder is made if needed.
        form: ``parquet`` or ``csv`` (numbers in full precision, null as nothing).

    Raises:
        OutputError: The file cannot be written; an earlier one stays as it was.
    """
    if path.is_dir():
        raise OutputError(f"'{path}' cannot be written: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replaced_file(path) as partial,
            GrowingTable(partial, parquet=form == "parquet") as table,
        ):
            for frame in [frames] if isinstance(frames, pl.DataFrame) else frames:
                table.write(frame)
    except (OSError, pl.exceptions.ComputeError) as error:
        raise unwritable(path, error) from error
