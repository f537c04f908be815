"""What a training run shows in the terminal while it works."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class FitConsole:
    """Shows each fit's progress, and one line for every finished fit.

    Args:
        console: Where to write.
        n_fits: Number of fits of the run.
    """

    def __init__(self, console: Console, n_fits: int) -> None:
        self.console = console
        self.n_fits = n_fits
        self.n_done = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, name: str, total_steps: int, done_steps: int) -> None:
        """Open a fit's bar."""
        label = f"fit {self.n_done + 1}/{self.n_fits} {name}"
        self._task = self._progress.add_task(
            label, total=total_steps, completed=done_steps, note=""
        )

    def advanced(self, steps: int, note: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.update(self._task, advance=steps, note=note)

    def finished(self, name: str, note: str) -> None:
        """Replace the bar by a line."""
        self.n_done += 1
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        self.console.print(f"  {self.n_done}/{self.n_fits} {name}: {note}", highlight=False)

    def kept(self, name: str) -> None:
        """Say that a fit of an interrupted run is used as it is."""
        self.n_done += 1
        self.console.print(
            f"  {self.n_done}/{self.n_fits} {name}: kept from before", highlight=False
        )
