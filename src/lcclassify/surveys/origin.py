"""What tells simulated files in PLAsTiCC's form from PLAsTiCC's own: a file beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lcclassify.checks import is_number
from lcclassify.errors import DataError
from lcclassify.simulation.passbands import ZEROPOINT

ORIGIN: Final = "origin.json"
_KEY: Final = "zeropoint"


def write_origin(folder: Path) -> None:
    """Say of a folder's files that they are simulated, and what their fluxes are."""
    text = json.dumps({"written_by": "lcclassify, simulated", _KEY: ZEROPOINT})
    (folder / ORIGIN).write_text(text + "\n", encoding="utf-8")


def simulated_zeropoint(files: Iterable[Path]) -> float | None:
    """Return the AB magnitude of flux 1 of simulated files; None if they are not simulated.

    Args:
        files: Light curves, in one or more folders.

    Raises:
        DataError: A description is damaged, or files of several zero-points are mixed.
    """
    folders = sorted({file.parent for file in files})
    found = {folder: _stated(folder / ORIGIN) for folder in folders}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{folder} ({stated or 'none'})" for folder, stated in found.items())
        raise DataError(f"light curves of one survey must have one zero-point, but have: {listed}")
    return next(iter(found.values()), None)


def _stated(path: Path) -> float | None:
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))[_KEY]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error!r}): simulate the survey anew") from error
    if not is_number(value):
        raise DataError(f"{path}: {_KEY} must be a finite number, got {value!r}")
    return float(value)
