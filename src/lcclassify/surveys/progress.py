"""Progress with a rate for reading that a person waits on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from lcclassify.terminal import terminal

Item = TypeVar("Item")


class _RateColumn(ProgressColumn):
    """Items a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f} {self._unit}/s" if speed else "")


def tracked(items: Iterable[Item], total: int, description: str, unit: str) -> Iterator[Item]:
    """Yield `items` while a terminal's standard error shows a bar with a rate.

    Args:
        items: What to go through.
        total: Number of items.
        description: What is going on, such as ``reading snphotcc``.
        unit: What one item is, in the plural.

    Yields:
        Each item in turn.
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
        yield from progress.track(items, total=total, description=description)
