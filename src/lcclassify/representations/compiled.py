"""Machine code for loops over observations that no array operation expresses cheaply."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function of arrays at its first call, and keep the code on disk.

    It runs outside of Python's lock. Its arithmetic is that of the source, operation by
    operation: nothing is reordered or fused, so that results equal NumPy's.
    """
    try:
        made = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError as fault:
        # Neither the package's folder nor the user's cache can be written to.
        warnings.warn(f"compiled anew in every process: {fault}", stacklevel=2)
        made = numba.njit(nogil=True)(function)
    return cast("Callable[Parameters, Result]", made)
