"""What a training run keeps for its report, and the report at its end."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.text import Text

from lcclassify.evaluation.examples import choose_examples
from lcclassify.tasks.inputs import TrainingInputs
from lcclassify.tasks.report import make_report
from lcclassify.tasks.report_folder import FOLDER, ReportFolder, read_json
from lcclassify.tasks.run_report import METRICS, run_objects
from lcclassify.tasks.runs import Run
from lcclassify.terminal import working


def finish_report(
    run: Run,
    inputs: TrainingInputs,
    seconds: float,
    remarks: list[str],
    console: Console,
) -> Path | None:
    """Make the report of a run at its end, if it is wanted, and say why where it is not made.

    Returns:
        Its file, or None where none was made.
    """
    if not run.plan.report:
        return None
    with working(console, "making the report"):
        keep = partial(keep_for_report, run, inputs, seconds, remarks)
        file, said = make_report(run.folder, keep)
    if file is None:
        console.print(Text(said), highlight=False, soft_wrap=True)
    return file


def keep_for_report(run: Run, inputs: TrainingInputs, seconds: float, remarks: list[str]) -> None:
    """Write what the report needs beside what the run's folder holds anyway.

    Args:
        run: The run, whose results are written.
        inputs: What was trained on; with the light curves that were kept.
        seconds: What the run took.
        remarks: What was done, in words.

    Raises:
        OutputError: It cannot be written.
    """
    kept = inputs.kept
    metrics = read_json(run.folder / METRICS)
    if kept is None or metrics is None:
        return
    shown = kept.ids.clear()
    objects, _ = run_objects(run.folder, metrics, None, {})
    if objects is not None:
        texts = kept.ids.cast(pl.String)
        having = set(texts)
        rows = np.array([i for i, one in enumerate(objects.ids) if one in having], dtype=np.int64)
        among = objects.take(rows)
        chosen = choose_examples(among.probabilities, among.targets, among.unknown)
        names = {among.ids[example.row] for example in chosen}
        shown = kept.ids.filter(texts.is_in(sorted(names)))
    account = {
        "seconds": round(seconds, 1),
        "sentences": [*inputs.account, inputs.line, *remarks, *kept.sentences],
        "published": inputs.published,
        "stacking": run.plan.mode,
        "passbands": list(kept.passbands),
        "quantities": kept.names,
    }
    ReportFolder(run.folder / FOLDER).write(account, kept.of(shown), kept.quantities)
