"""What a training run shows in the terminal while it works."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text


class _Note(ProgressColumn):
    """The latest state in words: what is cut off first where the terminal is narrow."""

    def render(self, task: Task) -> Text:
        """Return it on one line."""
        return Text(task.fields["note"], style="dim", no_wrap=True, overflow="ellipsis")


class FitConsole:
    """Shows each fit's progress, and one line for every finished fit.

    It survives pickling, so that a spawned training process shows the bar: that of a
    copy is shown while a fit runs and writes to the copy's own terminal.

    Args:
        console: Where to write.
        n_fits: Number of fits of the run.
    """

    def __init__(self, console: Console, n_fits: int) -> None:
        self.console = console
        self.n_fits = n_fits
        self.n_done = 0
        self._progress = self._bar()
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped()

    def __getstate__(self) -> dict[str, Any]:
        return {"n_fits": self.n_fits, "n_done": self.n_done}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(Console(), state["n_fits"])  # type: ignore[misc]
        self.n_done = state["n_done"]

    def started(self, name: str, total_steps: int, done_steps: int) -> None:
        """Open a fit's bar."""
        label = f"fit {self.n_done + 1}/{self.n_fits} {name}"
        self._progress.start()
        self._task = self._progress.add_task(
            label, total=total_steps, completed=done_steps, note=""
        )

    def advanced(self, steps: int, note: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.update(self._task, advance=steps, note=note)

    def stopped(self) -> None:
        """Remove the bar."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
            self._progress.stop()

    def finished(self, name: str, note: str) -> None:
        """Say how a fit ended."""
        self._line(f"{name}: {note}")

    def kept(self, name: str) -> None:
        """Say that a fit of an interrupted run is used as it is."""
        self._line(f"{name}: kept from before")

    def _line(self, text: str) -> None:
        self.n_done += 1
        self.console.print(
            f"  {self.n_done}/{self.n_fits} {text}", highlight=False, markup=False, soft_wrap=True
        )

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=8, table_column=Column(no_wrap=True)),
            TaskProgressColumn(table_column=Column(no_wrap=True)),
            TextColumn("left", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            _Note(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
