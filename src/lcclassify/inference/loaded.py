"""The predictors that a process keeps loaded, for workers that are called many times."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Final

from lcclassify.inference.document import DOCUMENT, WEIGHTS
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.predictor import Predictor

HELD: Final = 2  # predictors kept, the last used ones

_Stamp = tuple[tuple[int, int, int], ...]
_Key = tuple[Path, str, int | None, str, int | None, Expectations | None]
_held: dict[_Key, tuple[_Stamp | None, Predictor]] = {}
_loading = Lock()


def loaded_predictor(
    folder: str | Path,
    accelerator: str,
    batch_size: int | None,
    precision: str = "32",
    threads: int | None = None,
    expectations: Expectations | None = None,
) -> Predictor:
    """Return a predictor with the bundle of a folder, read once in this process.

    It is read anew when its files were replaced. Several threads may call at once.

    Args:
        folder: Folder of a bundle.
        accelerator: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.
        batch_size: Objects scored at a time; None for what is fast on the device.
        precision: As in `Predictor`.
        threads: As in `Predictor`.
        expectations: As in `Predictor`.

    Raises:
        BundleError: The bundle cannot be used.
        ConfigError: An argument is invalid, or there is no such accelerator.
    """
    folder = Path(folder).expanduser().absolute()
    key = (folder, accelerator, batch_size, precision, threads, expectations)
    with _loading:
        stamp = _stamp(folder)
        found = _held.pop(key, None)
        if found is None or stamp is None or found[0] != stamp:
            predictor = Predictor.load(
                folder,
                accelerator=accelerator,
                batch_size=batch_size,
                precision=precision,
                threads=threads,
                expectations=expectations,
            )
            found = (stamp, predictor)
        _held[key] = found
        while len(_held) > HELD:
            del _held[next(iter(_held))]
    return found[1]


def _stamp(folder: Path) -> _Stamp | None:
    """Return what tells a version of the files from another; None if there are none."""
    try:
        stats = [(folder / name).stat() for name in (DOCUMENT, WEIGHTS)]
    except OSError:
        return None
    return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)
