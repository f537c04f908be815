"""What a prediction keeps for its report, and the report at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from lcclassify.errors import OutputError
from lcclassify.jobs.result import ChunkedResult
from lcclassify.surveys.base import Survey
from lcclassify.tasks.classify_job import EXAMPLES, PREDICTIONS
from lcclassify.tasks.prediction_examples import chosen_curves
from lcclassify.tasks.prediction_report import beside
from lcclassify.tasks.report import make_report
from lcclassify.tasks.report_folder import (
    FOLDER,
    REPORT,
    ReportFolder,
    no_curves,
    quantity_names,
)
from lcclassify.tasks.scores import SCORES, evaluated_objects

if TYPE_CHECKING:
    from lcclassify.inference.predictor import Predictor

MOST_REPORTED: Final = 5_000_000  # objects, whose table is in memory whole


def remove_report(output: Path) -> None:
    """Remove a report of predictions that are replaced."""
    ReportFolder(beside(output, FOLDER)).remove()
    beside(output, REPORT).unlink(missing_ok=True)


def report_prediction(
    run: ChunkedResult,
    predictor: Predictor,
    survey: Survey,
    bundle: Path,
    output: Path,
    *,
    evaluated: bool,
) -> tuple[Path | None, str]:
    """Make the report of a finished prediction.

    Returns:
        The HTML file, or None where none was made; and the sentence that says so.
    """
    n_objects = sum(record.rows.get(PREDICTIONS, 0) for record in run.records)
    if n_objects > MOST_REPORTED:
        return None, f"No report is made of more than {MOST_REPORTED:,} objects."
    taxonomy = predictor.bundle.taxonomy
    predictions, examples, scores = (
        run.store.paths(run.records, table) for table in (PREDICTIONS, EXAMPLES, SCORES)
    )
    redshift = predictor.bundle.representation.settings.sequences.redshift
    place = bundle.absolute()
    account = {
        "survey": survey.name,
        "bundle": f"{place.parent.name}/{place.name}",
        "classes": list(taxonomy.classes),
        "names": dict(zip(taxonomy.classes, taxonomy.display_names(), strict=True)),
        "passbands": list(survey.passbands.names),
        "quantities": quantity_names(redshift, predictor.bundle.zeropoint),
    }
    try:
        ReportFolder(beside(output, FOLDER)).write(
            account,
            chosen_curves(examples, predictions, taxonomy.classes) if examples else no_curves(),
            evaluated_objects(scores, taxonomy) if scores and evaluated else None,
        )
    except OutputError as error:
        return None, f"The report was not made: {error}"
    return make_report(output)
