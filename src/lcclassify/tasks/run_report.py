"""The report of a training run, from what the run left in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml

from lcclassify.errors import BundleError, DataError
from lcclassify.evaluation.html import ReportObjects, RunAccount, training_html
from lcclassify.files import write_result
from lcclassify.inference.document import read_document
from lcclassify.inference.predictions import CLASS_PREFIX, UNKNOWN
from lcclassify.parquet import parquet_schema, scan_parquet
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
from lcclassify.tasks.results import TABLE_3
from lcclassify.tasks.runs import BUNDLE, CONFIG, FITS, SPLITS

METRICS: Final = "metrics.json"
_PROBABILITIES: Final = "probabilities.parquet"


def run_report(folder: Path) -> Path:
    """Make the report of a training run.

    Returns:
        ``report.html`` in its folder.

    Raises:
        DataError: The folder holds no finished run, or a file in it is damaged.
        OutputError: The report cannot be written.
    """
    metrics = read_json(folder / METRICS)
    if metrics is None or not metrics.get("models"):
        raise DataError(
            f"'{folder}' must be the folder of a finished training run, but it has no metrics.json "
            "with models"
        )
    own = ReportFolder(folder / FOLDER)
    kept = own.account()
    objects, held_out = run_objects(folder, metrics, own.objects(), kept)
    curves = own.curves()
    bands = kept.get("passbands") or sorted({b for one in curves.values() for b in one.passband})
    text = training_html(
        _account(folder, metrics, kept),
        metrics,
        objects,
        held_out,
        curves,
        bands,
        _histories(folder / FITS),
    )
    return write_result(folder / REPORT, text.encode())


def run_objects(
    folder: Path,
    metrics: Mapping[str, Any],
    known: pl.DataFrame | None,
    kept: Mapping[str, Any],
) -> tuple[ReportObjects | None, ReportObjects | None]:
    """Return the evaluated and the held-out objects of a run, None where they are not known.

    Raises:
        DataError: The probabilities are not those of the metrics.
    """
    path = folder / _PROBABILITIES
    if not path.is_file():
        return None, None
    main = list(metrics["models"])[-1]
    classes = metrics["models"][main]["classes"]
    columns = [f"{CLASS_PREFIX}{label}" for label in classes]
    further = [name for name in (UNKNOWN,) if name in parquet_schema(path)]
    try:
        table = (
            scan_parquet(path)
            .filter(pl.col("model") == main)
            .select(OBJECT_ID, LABEL, "evaluated_on", *columns, *further)
            .collect()
        )
    except pl.exceptions.PolarsError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"'{path}' does not hold what metrics.json says: {reason}") from error
    table = table.with_columns(pl.col(OBJECT_ID).cast(pl.String))
    names = kept.get("quantities") or {}
    found: list[ReportObjects | None] = []
    is_main = pl.col("evaluated_on") == metrics.get("evaluated_on")
    for own in (table.filter(is_main), table.filter(~is_main)):
        if own.is_empty():
            found.append(None)
            continue
        ids = own[OBJECT_ID].to_list()
        found.append(
            ReportObjects(
                own["evaluated_on"][0],
                ids,
                own.select(columns).to_numpy(),
                targets_of(own[LABEL], classes),
                unknown_of(own),
                quantities_of(ids, known, names),
            )
        )
    return found[0], found[1]


def _account(folder: Path, metrics: Mapping[str, Any], kept: Mapping[str, Any]) -> RunAccount:
    text = (folder / CONFIG).read_text(encoding="utf-8") if (folder / CONFIG).is_file() else ""
    try:
        config = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise DataError(
            f"'{folder / CONFIG}' is damaged: {' '.join(str(error).split())}"
        ) from error
    crossed = {
        TABLE_3.get(name, name): one["accuracy_of_folds"]["mean"]
        for name, one in (metrics.get("cross_validation") or {}).items()
    }
    return RunAccount(
        title=folder.resolve().name,
        facts=_facts(folder, config, metrics, kept),
        sentences=kept.get("sentences") or [],
        config=text,
        published=bool(kept.get("published")),
        cv_accuracy=crossed,
    )


def _facts(
    folder: Path, config: Mapping[str, Any], metrics: Mapping[str, Any], kept: Mapping[str, Any]
) -> list[tuple[str, str]]:
    def value(*keys: str) -> Any:
        found: Any = config
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    *members, whole = metrics["models"]
    facts = [
        ("survey", value("survey_name")),
        ("model", f"{whole} of {', '.join(members)}" if members else whole),
        ("seed", value("seed")),
        ("representation", value("representation", "name")),
        ("augmentation", (metrics.get("augmentation") or {}).get("name")),
        ("stacking", kept.get("stacking", value("stacking", "mode")) if members else None),
    ]
    if (folder / SPLITS).is_file():
        counts = scan_parquet(folder / SPLITS).group_by("role").len().sort("role").collect()
        said = [f"{n:,} {str(role).replace('_', '-')}" for role, n in counts.iter_rows()]
        facts.append(("objects", ", ".join(said)))
    if kept.get("seconds") is not None:
        facts.append(("time", f"{kept['seconds']:,.0f} s"))
    try:
        provenance = read_document(folder / BUNDLE)["provenance"]
    except BundleError:
        provenance = {}
    created = str(provenance.get("created") or "").replace("T", " ").replace("+00:00", " UTC")
    facts.append(("finished", created or None))
    versions = provenance.get("versions") or {}
    facts += [(name, versions.get(name)) for name in ("lcclassify", "torch", "python")]
    return [(name, str(found)) for name, found in facts if found is not None]


def _histories(fits: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what fits logged, by member and fit."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(fits.glob("*/*/history.json")):
        history = read_json(path)
        if history and history.get("epochs"):
            found.setdefault(path.parents[1].name, {})[path.parent.name] = history
    return found
