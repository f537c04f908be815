"""Ctrl-C that no library can lose.

Python raises KeyboardInterrupt wherever the main thread is. Within a library's clean-up that may
be lost: OmegaConf turns one into an error of its own, and Python itself drops those that are
raised while an object is deleted. A command that went on would look as if it had not heard.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_heard = threading.Event()


@contextlib.contextmanager
def heard_interrupts() -> Iterator[None]:
    """Remember ctrl-C while the context lasts, and leave it by KeyboardInterrupt if there was one.

    Without effect besides the main thread, and where the signal is ignored or somebody else's.

    Raises:
        KeyboardInterrupt: The user stopped the process, whatever became of the first one raised.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    _heard.clear()
    signal.signal(signal.SIGINT, _hear)
    before, sys.unraisablehook = sys.unraisablehook, _quiet(sys.unraisablehook)
    try:
        with interrupts_kept():
            yield
    finally:
        sys.unraisablehook = before
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _heard.clear()


@contextlib.contextmanager
def interrupts_kept() -> Iterator[None]:
    """Raise KeyboardInterrupt where the work within lost one, failed or not.

    For work whose errors are recorded while something else continues: a trial of a search.

    Raises:
        KeyboardInterrupt: The user stopped the process.
    """
    try:
        yield
    except Exception as error:
        if _heard.is_set():
            raise KeyboardInterrupt from error
        raise
    if _heard.is_set():
        raise KeyboardInterrupt


def _quiet(show: Callable[[sys.UnraisableHookArgs], object]) -> Callable[..., None]:
    """Return a hook that shows what was raised while objects were deleted, but for ctrl-C."""

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            show(dropped)

    return hook


def _hear(number: int, frame: FrameType | None) -> None:
    _heard.set()
    signal.default_int_handler(number, frame)
