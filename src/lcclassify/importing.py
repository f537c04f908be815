"""Imports without garbage collection, which takes a fifth of their time and finds nothing."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Import within this context: where something new was, all that there is stays for good.

    The collector would look through a million objects again and again, all of them functions,
    classes and what belongs to them. Later collections leave them out as well. Nothing happens
    where there is no collection anyway.
    """
    if not gc.isenabled():
        yield
        return
    before = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:  # otherwise what an earlier job of a sweep left can go
            gc.freeze()
        gc.enable()
