"""What classifying and preparing a survey have in common before and after the chunks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from omegaconf import DictConfig, OmegaConf

from lcclassify.errors import ConfigError
from lcclassify.inference.writer import write_table
from lcclassify.parquet import read_parquet
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.report import counted
from lcclassify.tasks.chunked import ChunkedResult
from lcclassify.tasks.jobs import REJECTS


def require(cfg: DictConfig, meanings: dict[str, str]) -> None:
    """Refuse a configuration in which a key is missing, null or empty.

    Args:
        cfg: The configuration.
        meanings: What to pass, by key.

    Raises:
        ConfigError: A key has no value; the message says what to pass.
    """
    for key, meaning in meanings.items():
        if key not in cfg or OmegaConf.is_missing(cfg, key) or cfg[key] in (None, ""):
            raise ConfigError(f"{key} is missing: pass {meaning}")


def check_apart(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse to replace what is read.

    Args:
        outputs: Files or folders that are to be written.
        inputs: Files or folders that are read.

    Raises:
        ConfigError: An output is an input, in one, or a folder with one in it.
    """
    read = [path.resolve() for path in inputs]
    for output in outputs:
        place = output.resolve()
        for path in read:
            if place == path or path in place.parents or place in path.parents:
                over = "" if place == path else f" over '{path}'"
                raise ConfigError(
                    f"'{output}' would be written{over}, which is read: choose another output"
                )


def flux_factor(own: float | None, wanted: float | None) -> tuple[float, list[str]]:
    """Return what a survey's fluxes are multiplied by to be in a bundle's units.

    Args:
        own: AB magnitude of flux 1 in the survey's units, or None if not known.
        wanted: In the bundle's units.

    Returns:
        The factor, and sentences that say so.
    """
    if own == wanted:
        return 1.0, []
    if own is None or wanted is None:
        known, other = ("bundle", "survey") if own is None else ("survey", "bundle")
        return 1.0, [
            f"The {known} states a zero-point ({wanted if own is None else own:g}) and the "
            f"{other} none: the fluxes are taken to be in the same units."
        ]
    factor = 10 ** (0.4 * (wanted - own))
    return factor, [
        f"The fluxes were multiplied by {factor:.6g}, from the survey's zero-point {own:g} to the "
        f"bundle's {wanted:g}."
    ]


def unobserved_ids(objects: pl.DataFrame | None, ids: pl.Series) -> pl.Series:
    """Return the ids of the object table that no chunk had."""
    if objects is None:
        return ids.clear()
    if not len(ids):
        return objects[OBJECT_ID]
    return objects.select(OBJECT_ID).join(ids.to_frame(), on=OBJECT_ID, how="anti")[OBJECT_ID]


def write_rejects(run: ChunkedResult, path: Path, sentences: list[str]) -> Path | None:
    """Write the list of rejected rows, if there are any, and say so.

    Args:
        run: The finished job.
        path: File to write; one of an earlier run is removed.
        sentences: Where to say it.
    """
    files = run.store.paths(run.records, REJECTS)
    if not files:
        path.unlink(missing_ok=True)
        return None
    write_table((read_parquet(file) for file in files), path, "csv")
    rows = counted(run.n_rejects(), "row of the files", "rows of the files")
    sentences.append(f"{rows} could not be read: see {path.name}.")
    return path
