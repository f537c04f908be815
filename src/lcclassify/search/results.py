"""What a search leaves for people: its table of trials, figures and best configuration."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any, Final

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.table import Table

from lcclassify.errors import OutputError
from lcclassify.files import write_text
from lcclassify.search.experiment import write_experiment
from lcclassify.search.metrics import in_words
from lcclassify.search.ranking import ORDER, complete, ranked
from lcclassify.search.space import Space
from lcclassify.search.study import REASON, SECONDS, SPREAD, SearchStudy
from lcclassify.terminal import show_table

TABLE: Final = "trials.csv"
_SHOWN: Final = 10  # best trials in the terminal
_CONFIGURATION_WIDTH: Final = 24  # in columns, in a terminal that has too few for it


def write_results(search: SearchStudy, *, figures: bool) -> None:
    """Write the table, the figures and the best configuration of the trials so far.

    Raises:
        OutputError: They cannot be written.
    """
    folder, settings = search.folder, search.settings
    trials = ranked(search.trials(), settings.directions)
    best = complete(trials, settings.directions)
    with search.locks.study():  # of two processes that end together
        try:
            _write_table(folder / TABLE, trials, search)
            if best:
                write_experiment(folder, settings, best[0], len(trials))
            if figures:
                from lcclassify.search.figures import draw_figures

                draw_figures(search.study, settings, folder / "figures")
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(f"results cannot be written to '{folder}': {reason}") from error


def _write_table(path: Path, trials: list[FrozenTrial], search: SearchStudy) -> None:
    keys = [entry.key for entry in search.space.entries]
    objectives = search.settings.objectives
    head = ["trial", "state"]
    for name in objectives:
        head += [name, f"{name} (s.d.)"]
    rows: list[list[Any]] = [[*head, *keys, "seconds", "reason"]]
    for trial in trials:
        values = _values(trial, search.space)
        row: list[Any] = [trial.number, trial.state.name.lower()]
        known = _objectives(trial)
        for position in range(len(objectives)):
            pair = known[position] if known else (None, None)
            row += ["" if number is None else number for number in pair]
        row += [_cell(values.get(key, "")) for key in keys]
        rows.append([*row, trial.user_attrs.get(SECONDS, ""), trial.user_attrs.get(REASON, "")])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def show_results(console: Console, search: SearchStudy) -> None:
    """Show the best trials, and why others failed."""
    trials, settings = search.trials(), search.settings
    best = complete(trials, settings.directions)
    states = [trial.state for trial in trials]
    counts = ", ".join(
        f"{states.count(state)} {word}"
        for state, word in zip(ORDER, ("complete", "stopped early", "failed"), strict=True)
        if state in states
    )
    if best:
        table = Table(title=f"search {settings.name}: {counts}", title_justify="left")
        table.add_column("trial", justify="right")
        for name in settings.objectives:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("seconds", justify="right", no_wrap=True)
        table.add_column("configuration", overflow="fold", min_width=_CONFIGURATION_WIDTH)
        for trial in best[:_SHOWN]:
            cells = [
                in_words(value) if spread is None else f"{in_words(value)} ± {in_words(spread)}"
                for value, spread in _objectives(trial)
            ]
            seconds = trial.user_attrs.get(SECONDS, math.nan)
            shown = configuration(trial, search.space)
            table.add_row(str(trial.number), *cells, f"{seconds:.1f}", shown)
        show_table(console, table)
    else:
        console.print(f"search {settings.name}: {counts or 'no trial'}", highlight=False)
    for trial in trials:
        if trial.state == TrialState.FAIL:
            console.print(
                f"  trial {trial.number} failed: {trial.user_attrs.get(REASON, 'unknown')}",
                highlight=False,
                soft_wrap=True,
            )


def configuration(trial: FrozenTrial, space: Space) -> str:
    """Return a trial's configuration in short: last parts of keys and values."""
    values = _values(trial, space)
    names = [key.rsplit(".", 1)[-1] for key in values]
    short = {
        key: name if names.count(name) == 1 else key
        for key, name in zip(values, names, strict=True)
    }
    return ", ".join(f"{short[key]}={_cell(value)}" for key, value in values.items())


def _values(trial: FrozenTrial, space: Space) -> dict[str, Any]:
    try:
        return space.values(trial.params)
    except KeyError:  # another process is giving it its parameters
        return {}


def _objectives(trial: FrozenTrial) -> list[tuple[float, float | None]]:
    """Return values and spreads of a complete trial, nothing of others."""
    if trial.state != TrialState.COMPLETE:
        return []
    spreads = trial.user_attrs.get(SPREAD) or [None] * len(trial.values)
    return list(zip(trial.values, spreads, strict=True))


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "null" if value is None else value
