"""What this code is, for the names of things that it made and keeps."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

_EVERYWHERE: Final = ("compiled", "cosmology", "hashing", "schema")  # modules that all packages use


@cache
def code_stamp(*packages: str) -> str:
    """Return a short text that changes with the version and with the source of packages.

    A release changes its version, a checkout changes under one version: what earlier code
    prepared or simulated must be found by neither. Any change of the source counts, of a
    comment too, so that nobody has to remember to raise a number.

    Args:
        packages: Names of packages of lcclassify, such as ``"representations"``.

    Returns:
        20 hexadecimal digits.
    """
    root = files("lcclassify")
    digest = hashlib.sha256(version("lcclassify").encode())
    for name in _EVERYWHERE:
        digest.update((root / f"{name}.py").read_bytes())
    for package in packages:
        _add(digest, root / package)
    return digest.hexdigest()[:20]


def _add(digest: hashlib._Hash, folder: Traversable) -> None:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_dir():
            _add(digest, path)
        elif path.name.endswith(".py"):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
