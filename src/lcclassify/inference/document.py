"""The document of a bundle, which is read before torch is imported.

What is wrong with a bundle's folder or format can thus be said at once; building the networks
that the document describes is for `lcclassify.inference.bundle`.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path
from typing import Final

import yaml

from lcclassify.errors import BundleError
from lcclassify.schema import PlainConfig

FORMAT_VERSION: Final = 7  # raise when a bundle written now cannot be read by older code
# 1: the input transforms had no clip; 2: the ensemble had no calibration;
# 3: names of features had numbers of passbands; 4: one set of features, no trees, no
# estimated redshift; 5: no unknown objects, no prediction sets;
# 6: unknown objects told by distances alone, processes (`gp`) fitted to all observations,
# for which bundles with these features are refused.
READABLE_VERSIONS: Final = (1, 2, 3, 4, 5, 6, 7)

DOCUMENT: Final = "bundle.yaml"
WEIGHTS: Final = "weights.safetensors"


def read_document(folder: Path) -> PlainConfig:
    """Read the document of a bundle; its keys are there, their values not looked at yet.

    Args:
        folder: The bundle's folder.

    Raises:
        BundleError: The folder is no bundle's, or the document damaged or of another format
            version.
    """
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise BundleError(f"bundle='{folder}' must be the folder of a bundle, but it {found}")
    if not (folder / DOCUMENT).is_file():
        inner = folder / "bundle"
        hint = f": did you mean '{inner}'?" if (inner / DOCUMENT).is_file() else ""
        raise BundleError(f"the bundle '{folder}' has no file {DOCUMENT}{hint}")
    file = folder / DOCUMENT
    try:
        document = yaml.safe_load(read_bytes(file).decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"{file} is damaged: {reason}") from error
    if not isinstance(document, dict):
        raise BundleError(f"{file} must hold a mapping, got {type(document).__name__}")
    version = document.get("format_version")
    if version not in READABLE_VERSIONS or isinstance(version, bool):
        readable = ", ".join(str(known) for known in READABLE_VERSIONS)
        raise BundleError(
            f"{file} has the format version {version!r}, and this version of lcclassify "
            f"({version_of('lcclassify')}) reads format versions {readable}"
        )
    document.setdefault("detections_stated", None)  # older bundles do not know
    expected: dict[str, type | tuple[type, ...]] = {
        "weights_sha256": str,
        "classes": list,
        "zeropoint": (int, float, type(None)),
        "detections_stated": (bool, type(None)),
        "representation": dict,
        "feature_names": list,
        "context_names": list,
        "channel_names": list,
        "members": list,
        "ensemble": dict,
        "provenance": dict,
    }
    for key, kind in expected.items():
        if key not in document:
            raise BundleError(f"{file} lacks the key '{key}'")
        if not isinstance(document[key], kind):
            raise BundleError(
                f"{file}: '{key}' is of the wrong type {type(document[key]).__name__}"
            )
    return document


def read_bytes(file: Path) -> bytes:
    """Return what a file of a bundle holds.

    Raises:
        BundleError: It is missing or cannot be read.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"the bundle '{file.parent}' has no file {file.name}") from None
    except OSError as error:
        raise BundleError(f"{file} cannot be read: {error.strerror or error}") from error


def fingerprint(folder: str | Path) -> str:
    """Return a checksum of all that a loaded bundle is."""
    # The document holds the checksum of the weights.
    return hashlib.sha256(read_bytes(Path(folder).expanduser() / DOCUMENT)).hexdigest()


def version_of(library: str) -> str:
    """Return the version of an installed library, or that it is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"
