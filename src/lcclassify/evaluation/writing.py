"""Result files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from lcclassify.errors import OutputError


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file beside its place and rename it into it, making the folder if needed.

    An earlier file of that name stays as it was until the new one is complete.

    Returns:
        The path written.

    Raises:
        OutputError: If the folder or the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial_exists = partial.parent.is_dir() and partial.exists()
        if partial_exists:
            partial.unlink()
        raise OutputError(f"'{path}' cannot be written: {error.strerror or error}") from error
    return path
