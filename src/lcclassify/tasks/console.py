"""What a training run shows in the terminal while it works."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lcclassify.terminal import terminal

_RATE_OF: Final = 10.0  # seconds that objects/s are counted over


@dataclass
class _Running:
    """A fit that runs.

    Attributes:
        total: Objects that it trains on, those of an epoch times the epochs.
        done: How many of these it has behind it.
        note: Its state in words.
    """

    total: int
    done: int
    note: str = ""

    @property
    def share(self) -> float:
        return min(self.done / self.total, 1.0) if self.total else 0.0


class FitConsole:
    """Shows all fits of a run together, what runs now, and one line for every finished fit.

    It survives pickling, so that a spawned training process shows the bar: that of a
    copy is shown while a fit runs and writes to the copy's own terminal.
    """

    def __init__(self, console: Console, n_fits: int = 0) -> None:
        self.console = console
        self.n_fits = n_fits
        self.n_done = 0
        self._costs: dict[str, float] = {}
        self._cost_done = 0.0
        self._running: dict[str, _Running] = {}
        self._began: tuple[float, float] | None = None  # seconds, and the cost done by then
        self._recent: deque[tuple[float, int]] = deque()
        self._live = Live(
            get_renderable=self.render,
            console=console,
            transient=True,
            refresh_per_second=5,
            auto_refresh=console.is_terminal,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._running.clear()
        self._live.stop()

    def __getstate__(self) -> dict[str, Any]:
        return {"n_fits": self.n_fits, "n_done": self.n_done, "costs": self._costs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(terminal(), state["n_fits"])  # type: ignore[misc]
        self.n_done = state["n_done"]
        self.planned(state["costs"])

    def expected(self, n_fits: int) -> None:
        """Take the number of fits of the run."""
        self.n_fits = n_fits

    def planned(self, costs: Mapping[str, float]) -> None:
        """Take what the next fits cost, for the time that is left."""
        self._costs.update(costs)

    def started(self, fit: str, total: int, done: int) -> None:
        """Show a fit."""
        self._running[fit] = _Running(total, done)
        if self._began is None:
            # What an earlier run did took none of this one's time.
            self._began = time.monotonic(), self._cost()
        if self.console.is_terminal:
            self._live.start()

    def advanced(self, fit: str, objects: int, note: str) -> None:
        """Move the bar."""
        if fit in self._running:
            running = self._running[fit]
            running.done += objects
            running.note = note
            now = time.monotonic()
            self._recent.append((now, objects))
            while now - self._recent[0][0] > _RATE_OF:
                self._recent.popleft()

    def stopped(self, fit: str) -> None:
        """Show a fit no longer."""
        self._running.pop(fit, None)
        if not self._running:
            self._live.stop()

    def finished(self, fit: str, note: str) -> None:
        """Say how a fit ended."""
        self._cost_done += self._costs.get(fit, 0.0)
        self._line(f"{fit}: {note}")

    def kept(self, fit: str) -> None:
        """Say that a fit of an interrupted run is used as it is."""
        self._line(f"{fit}: kept from before")

    def render(self) -> RenderableType:
        """Return what a terminal shows: all fits on one line, and each that runs below."""
        total = sum(self._costs.values())
        share = self._cost() / total if total else 0.0
        whole = Table.grid(padding=(0, 2), expand=False)
        whole.add_row(
            Text(f"fits {self.n_done}/{self.n_fits}", no_wrap=True),
            ProgressBar(total=1.0, completed=share, width=20),
            Text(f"{share:4.0%}", no_wrap=True),
            Text(f"{self._rate():,.0f} objects/s", no_wrap=True),
            Text(f"{self._left(share)} left", no_wrap=True),
        )
        each = Table.grid(padding=(0, 2), expand=False)
        for name, running in self._running.items():
            note = Text(running.note, style="dim", no_wrap=True, overflow="ellipsis")
            each.add_row(Text(f"  {name}", no_wrap=True), Text(f"{running.share:4.0%}"), note)
        return Group(whole, each)

    def _cost(self) -> float:
        running = sum(self._costs.get(name, 0.0) * fit.share for name, fit in self._running.items())
        return self._cost_done + running

    def _rate(self) -> float:
        """Return the objects a second of all fits."""
        if len(self._recent) < 2:
            return 0.0
        seconds = time.monotonic() - self._recent[0][0]
        return sum(objects for _, objects in self._recent) / max(seconds, 1e-9)

    def _left(self, share: float) -> str:
        """Return the time left in words, as far as it can be told."""
        total = sum(self._costs.values())
        if self._began is None or not total:
            return "-:--:--"
        began, before = self._began
        done = share - before / total
        if done < 0.01:
            return "-:--:--"
        seconds = (time.monotonic() - began) * (1 - share) / done
        return str(timedelta(seconds=round(seconds)))

    def _line(self, text: str) -> None:
        self.n_done += 1
        self.console.print(f"  {self.n_done}/{self.n_fits} {text}", highlight=False, soft_wrap=True)
