"""The report of a prediction, from its table and the files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from lcclassify.errors import DataError
from lcclassify.evaluation.html import PredictionAccount, ReportObjects, prediction_html
from lcclassify.files import write_result
from lcclassify.inference.decisions import ABSTAINED, SET_PREFIX
from lcclassify.inference.predictions import CLASS_PREFIX, REASON, UNKNOWN
from lcclassify.parquet import read_parquet
from lcclassify.schema import LABEL, OBJECT_ID
from lcclassify.tasks.report_folder import (
    FOLDER,
    REPORT,
    ReportFolder,
    quantities_of,
    read_json,
    targets_of,
    unknown_of,
)

_COUNTS: Final = {
    "objects": "objects",
    "objects_scored": "classified",
    "rows_read": "rows read",
    "rows_used": "rows used",
    "rows_rejected": "rows rejected",
}


def beside(output: Path, kind: str) -> Path:
    """Return the place of a file that goes with the predictions."""
    return output.with_name(f"{output.stem}.{kind}")


def prediction_report(output: Path) -> Path:
    """Make the report of a prediction.

    Returns:
        ``NAME.report.html`` beside it.

    Raises:
        DataError: It holds no predictions, or a file beside it is damaged.
        OutputError: The report cannot be written.
    """
    table = _read(output)
    manifest = read_json(beside(output, "manifest.json")) or {}
    metrics = read_json(beside(output, "metrics.json"))
    own = ReportFolder(beside(output, FOLDER))
    kept = own.account()
    classes = _classes(table, metrics, kept, output)
    columns = [f"{CLASS_PREFIX}{label}" for label in classes]
    scored = table.filter(pl.all_horizontal(pl.col(columns).is_not_null()))
    ids = scored[OBJECT_ID].to_list()
    known = own.objects()
    objects = ReportObjects(
        "objects",
        ids,
        scored.select(columns).cast(pl.Float64).to_numpy(),
        _targets(scored, known, classes),
        unknown_of(scored),
        quantities_of(ids, known, kept.get("quantities") or {}),
    )
    curves = own.curves()
    bands = kept.get("passbands") or sorted({b for one in curves.values() for b in one.passband})
    account = PredictionAccount(
        title=output.name,
        facts=_facts(table, manifest, kept),
        sentences=[*(kept.get("sentences") or []), *(manifest.get("sentences") or [])],
        classes=classes,
        names=kept.get("names") or _names(metrics),
        unscored=_reasons(table, REASON),
        abstained=_reasons(table, ABSTAINED),
        set_sizes=_set_sizes(table),
    )
    models = {k: v for k, v in (metrics or {}).items() if isinstance(v, dict) and "confusion" in v}
    text = prediction_html(
        account,
        objects,
        curves,
        bands,
        models or None,
        manifest.get("shift"),
        (metrics or {}).get("sets") or manifest.get("sets"),
        (metrics or {}).get("intervals"),
    )
    return write_result(beside(output, REPORT), text.encode())


def _read(output: Path) -> pl.DataFrame:
    try:
        if output.suffix.lower() == ".csv":
            head = pl.read_csv(output, n_rows=0, infer_schema=False).columns
            texts: dict[str, Any] = {
                name: pl.String for name in head if not name.startswith(CLASS_PREFIX)
            }
            numbers: dict[str, Any] = {
                name: pl.Float64 for name in head if name not in texts or name == UNKNOWN
            }
            table = pl.read_csv(output, schema_overrides=texts | numbers)
        else:
            table = read_parquet(output)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"'{output}' cannot be read as predictions: {reason}") from error
    if OBJECT_ID not in table.columns:
        raise DataError(f"'{output}' holds no predictions: it has no column {OBJECT_ID}")
    return table.with_columns(pl.col(OBJECT_ID).cast(pl.String))


def _classes(
    table: pl.DataFrame, metrics: Mapping[str, Any] | None, kept: Mapping[str, Any], output: Path
) -> list[str]:
    """Return the labels in the order of the bundle, where that is known."""
    there = [name.removeprefix(CLASS_PREFIX) for name in table.columns
             if name.startswith(CLASS_PREFIX)]  # fmt: skip
    if not there:
        raise DataError(f"'{output}' holds no predictions: it has no column {CLASS_PREFIX}…")
    for stated in (kept.get("classes"), *(one.get("classes") for one in (metrics or {}).values())):
        if stated and set(stated) <= set(there):
            return list(stated)
    return there


def _names(metrics: Mapping[str, Any] | None) -> dict[str, str]:
    for one in (metrics or {}).values():
        if isinstance(one, dict) and "names" in one:
            return dict(zip(one["classes"], one["names"], strict=True))
    return {}


def _targets(
    scored: pl.DataFrame, known: pl.DataFrame | None, classes: list[str]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    if known is None or LABEL not in known.columns:
        return np.full(len(scored), -1, dtype=np.int64)
    joined = scored.select(OBJECT_ID).join(
        known.select(OBJECT_ID, LABEL).unique(OBJECT_ID, keep="first"),
        on=OBJECT_ID,
        how="left",
        maintain_order="left",
    )
    return targets_of(joined[LABEL], classes)


def _reasons(table: pl.DataFrame, column: str) -> dict[str, int]:
    if column not in table.columns:
        return {}
    counts = (
        table[column].drop_nulls().value_counts().sort("count", column, descending=[True, False])
    )
    return {str(reason): int(n) for reason, n in counts.iter_rows()}


def _set_sizes(table: pl.DataFrame) -> dict[str, int]:
    """Return how many objects have sets of each size, where the table has sets."""
    columns = [
        name
        for name, kind in table.schema.items()
        if name.startswith(SET_PREFIX) and isinstance(kind, pl.List)
    ]
    if not columns:
        return {}
    sizes = table[columns[0]].drop_nulls().list.len().alias("size").value_counts().sort("size")
    return {str(size): int(n) for size, n in sizes.iter_rows()}


def _facts(
    table: pl.DataFrame, manifest: Mapping[str, Any], kept: Mapping[str, Any]
) -> list[tuple[str, str]]:
    facts = [(name, kept.get(name)) for name in ("survey", "bundle")]
    known = {"objects": len(table), **manifest}
    facts += [(name, f"{known[key]:,}") for key, name in _COUNTS.items() if key in known]
    if manifest.get("elapsed_seconds") is not None:
        facts.append(("time", f"{manifest['elapsed_seconds']:,.1f} s"))
    inputs = manifest.get("inputs") or {}
    facts += [("device", inputs.get("device")), ("lcclassify", inputs.get("version"))]
    return [(name, str(value)) for name, value in facts if value is not None]
