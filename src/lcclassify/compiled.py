"""Machine code for loops that no array operation expresses cheaply."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Divisions by zero give infinity and are not looked for; products and sums are fused.
QUICK: Final[dict[str, Any]] = {"error_model": "numpy", "fastmath": {"contract", "nsz"}}


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function of arrays at its first call, and keep the code on disk.

    It runs outside of Python's lock. Its arithmetic is that of the source, operation by
    operation: nothing is reordered or fused, so that results equal NumPy's. All functions
    together take about half a minute to compile, once an installation, and a third of a second
    to load. Their place is beside the source, else in the user's cache folder, or where
    NUMBA_CACHE_DIR says.
    """
    return _compiled(function)


def compiled_quick(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Do as `compiled` with arithmetic that vectorises, right but for rounding."""
    return _compiled(function, **QUICK)


def compiled_forgiving(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Do as `compiled`, where a division by zero gives infinity.

    Nothing is fused: what is fused depends on whether code was just compiled or loaded.
    """
    return _compiled(function, error_model="numpy")


def _compiled(
    function: Callable[Parameters, Result], **options: Any
) -> Callable[Parameters, Result]:
    try:
        made = numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        # The same words from the same line: shown once, not once a function.
        warnings.warn(
            "neither the package's folder nor the user's cache folder can be written to: every "
            "process spends some seconds on compiling, unless NUMBA_CACHE_DIR names a folder "
            "that can be",
            stacklevel=1,
        )
        made = numba.njit(nogil=True, **options)(function)
    return cast("Callable[Parameters, Result]", made)
