"""What a report needs of a survey, kept beside its result: it is made again without the survey."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from lcclassify.errors import DataError
from lcclassify.evaluation.html.light_curves import LightCurve
from lcclassify.evaluation.report import write_metrics
from lcclassify.inference.predictions import UNKNOWN
from lcclassify.inference.writer import write_table
from lcclassify.parquet import read_parquet
from lcclassify.schema import FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND, LightCurves

REPORT: Final = "report.html"  # the page, and the folder of what it needs besides
FOLDER: Final = "report"

ACCOUNT: Final = "account.json"
CURVES: Final = "light_curves.parquet"
OBJECTS: Final = "objects.parquet"

REDSHIFT: Final = "redshift"
BRIGHTNESS: Final = "brightness"


def measured(curves: LightCurves, redshift: str | None, zeropoint: float | None) -> pl.DataFrame:
    """Return the redshift and the brightness of objects that have observations.

    Args:
        curves: The light curves.
        redshift: Column of the object table, or None where there is none.
        zeropoint: AB magnitude of flux 1, or None.

    Returns:
        `object_id`, ``redshift`` and ``brightness``, the magnitude of the observation of the
        highest signal-to-noise ratio, or without a zero-point the logarithm of its flux; null
        where there is none.
    """
    best = pl.col(FLUX).get((pl.col(FLUX) / pl.col(FLUX_ERR)).arg_max())
    light = curves.observations.group_by(OBJECT_ID, maintain_order=True).agg(best.alias(BRIGHTNESS))
    logarithm = pl.when(pl.col(BRIGHTNESS) > 0).then(pl.col(BRIGHTNESS).log10())
    light = light.with_columns(
        (logarithm if zeropoint is None else zeropoint - 2.5 * logarithm).alias(BRIGHTNESS)
    )
    known = redshift in curves.objects.columns
    value = pl.col(str(redshift)) if known else pl.lit(None, dtype=pl.Float64)
    # Catalogues say 0 of what lies in the Galaxy.
    objects = curves.objects.select(
        OBJECT_ID, pl.when(value > 0).then(value).cast(pl.Float64).alias(REDSHIFT)
    )
    return light.join(objects, on=OBJECT_ID, how="left", maintain_order="left").select(
        OBJECT_ID, REDSHIFT, BRIGHTNESS
    )


def quantity_names(redshift: str | None, zeropoint: float | None) -> dict[str, str]:
    """Return what the columns of `measured` are called in a report."""
    light = "log10 flux" if zeropoint is None else "magnitude"
    names = {} if redshift is None else {REDSHIFT: f"redshift ({redshift})"}
    return names | {BRIGHTNESS: f"{light} of the most significant observation"}


def named_curves(curves: LightCurves, ids: pl.Series) -> pl.DataFrame:
    """Return observations of some objects, with names of passbands."""
    observations = curves.observations.join(ids.to_frame(OBJECT_ID), on=OBJECT_ID, how="semi")
    names = pl.Series(curves.passbands.names, dtype=pl.String)
    passbands = names[observations[PASSBAND].to_numpy()] if len(observations) else names.clear()
    return observations.select(
        OBJECT_ID, MJD, pl.Series(PASSBAND, passbands, dtype=pl.String), FLUX, FLUX_ERR
    )


def no_curves() -> pl.DataFrame:
    """Return a table as in `named_curves` without a row."""
    numbers = dict.fromkeys((FLUX, FLUX_ERR), pl.Float64)
    return pl.DataFrame(
        schema={OBJECT_ID: pl.String, MJD: pl.Float64, PASSBAND: pl.String, **numbers}
    )


class ReportFolder:
    """The folder of a report's own files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(
        self,
        account: Mapping[str, Any],
        curves: pl.DataFrame,
        objects: pl.DataFrame | None,
    ) -> None:
        """Write all files, in place of earlier ones.

        Args:
            account: Plain values.
            curves: Observations of `named_curves`.
            objects: `object_id` and what is known of objects one by one, such as `label`.

        Raises:
            OutputError: They cannot be written.
        """
        self.remove()
        write_metrics(self.path / ACCOUNT, account)
        write_table([curves], self.path / CURVES, "parquet")
        if objects is not None:
            write_table([objects], self.path / OBJECTS, "parquet")

    def remove(self) -> None:
        """Remove these files, and the folder if there is nothing else in it."""
        for name in (ACCOUNT, CURVES, OBJECTS):
            (self.path / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()

    def account(self) -> dict[str, Any]:
        """Return the plain values, none where there are none.

        Raises:
            DataError: The file is damaged.
        """
        return read_json(self.path / ACCOUNT) or {}

    def curves(self) -> dict[str, LightCurve]:
        """Return the light curves by id."""
        if not (self.path / CURVES).is_file():
            return {}
        table = read_parquet(self.path / CURVES)
        mjd, flux, error = (table[name].to_numpy() for name in (MJD, FLUX, FLUX_ERR))
        bands = table[PASSBAND].to_list()
        ids = table[OBJECT_ID].cast(pl.String).to_list()
        starts = [i for i, one in enumerate(ids) if i == 0 or one != ids[i - 1]]
        return {
            ids[begin]: LightCurve(
                mjd[begin:end], flux[begin:end], error[begin:end], bands[begin:end]
            )
            for begin, end in zip(starts, [*starts, len(ids)][1:], strict=True)
        }

    def objects(self) -> pl.DataFrame | None:
        """Return what is known of objects, ids as text, or None."""
        if not (self.path / OBJECTS).is_file():
            return None
        return read_parquet(self.path / OBJECTS).with_columns(pl.col(OBJECT_ID).cast(pl.String))


def quantities_of(
    ids: Iterable[str], objects: pl.DataFrame | None, names: Mapping[str, str]
) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the quantities of objects by their names in a report, NaN where missing."""
    wanted = [] if objects is None else [name for name in names if name in objects.columns]
    if objects is None or not wanted:
        return {}
    joined = pl.DataFrame({OBJECT_ID: list(ids)}, schema={OBJECT_ID: pl.String}).join(
        objects.select(OBJECT_ID, *wanted).unique(OBJECT_ID, keep="first"),
        on=OBJECT_ID,
        how="left",
        maintain_order="left",
    )
    found = {
        names[name]: joined[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in wanted
    }
    return {name: values for name, values in found.items() if np.isfinite(values).any()}


def targets_of(labels: pl.Series, classes: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return class positions of labels, -1 of those that are none."""
    return (
        labels.cast(pl.String)
        .replace_strict(classes, list(range(len(classes))), default=-1, return_dtype=pl.Int64)
        .fill_null(-1)
        .to_numpy()
    )


def unknown_of(table: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return how unlike all classes objects are, NaN where missing; None without the column."""
    if UNKNOWN not in table.columns or table[UNKNOWN].null_count() == len(table):
        return None
    return table[UNKNOWN].cast(pl.Float64).fill_null(np.nan).to_numpy()


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON file's mapping, None where there is no file.

    Raises:
        DataError: It is damaged.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' is damaged: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise DataError(f"'{path}' must hold a mapping, got {type(found).__name__}")
    return found
