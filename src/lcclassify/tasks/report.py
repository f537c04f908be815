"""Makes the report of a training run or of a prediction, again if need be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lcclassify.errors import DataError, LcclassifyError


def report_of(path: Path) -> Path:
    """Make the report of a run or a prediction that is there.

    Args:
        path: Folder of a training run, or file of predictions.

    Returns:
        The HTML file: ``report.html`` in a run's folder, ``NAME.report.html`` beside a file
        ``NAME.parquet``.

    Raises:
        DataError: There is neither, or a file is damaged.
        OutputError: The report cannot be written.
    """
    path = path.expanduser()
    if path.is_dir():
        from lcclassify.tasks.run_report import run_report

        return run_report(path)
    if not path.is_file():
        raise DataError(
            f"'{path}' must be the folder of a training run or a file of predictions, but there "
            "is none"
        )
    from lcclassify.tasks.prediction_report import prediction_report

    return prediction_report(path)


def make_report(path: Path, keep: Callable[[], None] = lambda: None) -> tuple[Path | None, str]:
    """Make a report at the end of other work, whose result stays where this fails.

    Args:
        path: As in `report_of`.
        keep: Writes what the report needs besides; called first.

    Returns:
        The HTML file, or None; and the sentence that says so.
    """
    try:
        keep()
        file = report_of(path)
    except (LcclassifyError, OSError) as error:
        return None, f"The report was not made: {error}"
    return file, f"Report: {file}"
