"""What goes to a terminal is text.

Rich reads markup in what it prints, such as ``[red]`` or ``:star:``; names of classes,
passbands and files may look like it and are none.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text


def terminal(**options: Any) -> Console:
    """Return a console that shows strings as they are.

    Args:
        options: As of `rich.console.Console`.
    """
    return Console(markup=False, emoji=False, **options)


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
    """Let a command go on with its work when nobody reads its output any more."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Enduring):
            setattr(sys, name, _Enduring(stream))
