"""What goes to a terminal is text.

Rich reads markup in what it prints, such as ``[red]`` or ``:star:``; names of classes,
passbands and files may look like it and are none.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.status import Status
from rich.table import Table
from rich.text import Text

Item = TypeVar("Item")

_WIDEST: Final = 1_000  # columns of a table


def terminal(**options: Any) -> Console:
    """Return a console that shows strings as they are.

    Args:
        options: As in `rich.console.Console`.
    """
    return Console(markup=False, emoji=False, **options)


def say(text: str) -> None:
    """Show a line on standard output as it is, however wide the terminal."""
    terminal().print(text, highlight=False, soft_wrap=True)


def show_table(console: Console, table: Table) -> None:
    """Show a table with all its columns, in lines that a narrower terminal breaks.

    Rich would take the width that is missing from the names of the rows, until none is left.
    """
    anywhere = console.options.update(width=_WIDEST)
    whole = console.measure(table, options=anywhere).minimum
    if whole > console.width:
        table.width = whole
    console.print(table, crop=False)


def working(console: Console, text: str) -> Status:
    """Return what shows that something is under way, to be used in a ``with`` statement."""
    return console.status(Text(text))


def typed(key: str, path: Path) -> str:
    """Return ``key=path`` as typed in a shell, in quotes of Hydra and of the shell where needed.

    Example:
        >>> print(typed("resume", Path("runs/first [1]")))
        'resume='"'"'runs/first [1]'"'"''
    """
    text = str(path)
    if re.fullmatch(r"[\w./:@%+-]+", text) and text.lower() not in ("null", "true", "false"):
        return shlex.quote(f"{key}={text}")
    # Hydra takes backslashes as such, but before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + m[2].replace("'", "\\'"), text)
    return shlex.quote(f"{key}='{escaped}'")


def substitute_unprintable() -> None:
    """Let standard output show a question mark for what its encoding lacks, and not fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test's or a notebook's stream may be another kind
            stream.reconfigure(errors="replace")


class _Enduring:
    """A stream whose reader may go away, as `head` does; what follows goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._give_up()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._give_up()

    def _give_up(self) -> None:
        # What is left in the buffer goes there, too.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def endure_closed_output() -> None:
    """Let a command continue its work when nobody reads its output any more."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Enduring):
            setattr(sys, name, _Enduring(stream))


class _RateColumn(ProgressColumn):
    """Items a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        digits = 0 if speed and speed >= 100 else 1
        return Text(f"{speed:,.{digits}f} {self._unit}/s" if speed else "")


@contextmanager
def progress_bar(total: int | None, description: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Show a bar with a rate on a terminal's standard error, and yield what moves it on.

    Args:
        total: Number of items, None if it is not known.
        description: What is being done, such as ``reading snphotcc``.
        unit: What one item is, in the plural.
    """
    console = terminal(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(unit),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.advance(task, done)


def tracked(items: Iterable[Item], total: int, description: str, unit: str) -> Iterator[Item]:
    """Yield `items` while a terminal's standard error shows a bar with a rate.

    Args:
        items: What to go through.
        total: Number of items.
        description: As in `progress_bar`.
        unit: Likewise.

    Yields:
        Each item in turn.
    """
    if total < 2:
        yield from items
        return
    with progress_bar(total, description, unit) as advance:
        for item in items:
            yield item
            advance(1)
