"""A bundle: everything that classifying needs, in a folder that holds no code.

`weights.safetensors` holds the numbers, `bundle.yaml` everything else as plain
values, `MODEL_CARD.md` the same for a reader. Bundles come from strangers: nothing is
unpickled, and only networks of `lcclassify.nn` are ever built from one.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch
import yaml

from lcclassify.errors import BundleError, LcclassifyError, OutputError
from lcclassify.files import replaced_folder
from lcclassify.inference.conditions import TrainingConditions
from lcclassify.inference.document import (
    DOCUMENT,
    FORMAT_VERSION,
    WEIGHTS,
    read_bytes,
    read_document,
    version_of,
)
from lcclassify.inference.model_card import model_card
from lcclassify.inference.training_objects import FILE as OBJECTS
from lcclassify.inference.training_objects import TrainingObjects
from lcclassify.inference.weights import weights_from_bytes, weights_to_bytes
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.nn.submodel import Submodel
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.schema import PlainConfig, Taxonomy

CARD: Final = "MODEL_CARD.md"

_LIBRARIES: Final = ("lcclassify", "torch", "numpy", "polars", "safetensors")


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained classifier with all that turns light curves into its input.

    Attributes:
        representation: Fitted on the training objects.
        taxonomy: The K classes in output order.
        classifier: The ensemble; its members are frozen.
        member_names: Names of its M members, in order.
        provenance: Plain values on where it comes from. The model card knows
            `created`, `versions`, `survey`, `class_counts` (training objects by
            label), `seeds`, `metrics` (by name, or by model and name) and `notes`
            (sentences); `save` adds the first two where they are missing.
        zeropoint: AB magnitude of flux 1, or None where the units have none.
        detections_stated: Whether the training survey stated other detections than those
            that are computed for tables without any; None if not known.
        conditions: What the training objects were like; None if not known.
        training_objects: Some of them; None where none are kept.

    Raises:
        BundleError: The parts do not fit together.
    """

    representation: FittedRepresentation
    taxonomy: Taxonomy
    classifier: EnsembleClassifier
    member_names: tuple[str, ...]
    provenance: PlainConfig = field(default_factory=dict)
    zeropoint: float | None = None
    detections_stated: bool | None = None
    conditions: TrainingConditions | None = None
    training_objects: TrainingObjects | None = None

    def __post_init__(self) -> None:
        self.classifier.eval()
        if self.classifier.n_classes != len(self.taxonomy):
            raise BundleError(
                f"the classifier has {self.classifier.n_classes} outputs, the taxonomy "
                f"{len(self.taxonomy)} classes"
            )
        if len(set(self.member_names)) != len(self.classifier.members):
            raise BundleError(
                f"member_names must be one distinct name for each of the "
                f"{len(self.classifier.members)} members, got {list(self.member_names)}"
            )
        if self.training_objects is not None:
            self.training_objects.check(
                self.representation.feature_names, len(self.taxonomy), self.classifier.unknown
            )
        expected = {
            "features": len(self.representation.feature_names),
            "context columns": len(self.representation.context_names),
            "channels": len(self.representation.channel_names),
        }
        redshift = self.classifier.redshift
        if redshift is not None:
            if redshift.n_features != expected["features"]:
                raise BundleError(
                    f"what estimates redshifts takes {redshift.n_features} features, the "
                    f"representation has {expected['features']}"
                )
            expected["features"] += redshift.n_columns
            expected["context columns"] += redshift.n_columns
        for submodel in self.classifier.modules():
            if not isinstance(submodel, Submodel):
                continue
            found = {
                "features": submodel.features.n_features,
                "context columns": submodel.context.n_features,
                "channels": submodel.sequences.n_channels,
            }
            for what, count in expected.items():
                if found[what] != count:
                    raise BundleError(f"a network takes {found[what]} {what}, and is given {count}")


def save(bundle: Bundle, folder: str | Path) -> Path:
    """Write a bundle, whole or not at all.

    Args:
        bundle: What to write.
        folder: Its folder. An earlier bundle there stays until the new one is complete.

    Returns:
        The folder.

    Raises:
        BundleError: A value of the provenance is not plain.
        OutputError: The folder cannot be written, or holds something else.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not (folder / DOCUMENT).is_file() and not _is_empty(folder):
        raise OutputError(f"'{folder}' exists and is not a bundle: it is not replaced")
    weights = weights_to_bytes(bundle.classifier)
    document = _document(bundle, hashlib.sha256(weights).hexdigest())
    objects = None
    if bundle.training_objects is not None:
        objects = bundle.training_objects.to_bytes()
        document["training_objects"] = bundle.training_objects.describe(objects)
    try:
        with replaced_folder(folder) as partial:
            (partial / WEIGHTS).write_bytes(weights)
            if objects is not None:
                (partial / OBJECTS).write_bytes(objects)
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
            (partial / DOCUMENT).write_text(text, encoding="utf-8")
            (partial / CARD).write_text(model_card(document), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"the bundle '{folder}' cannot be written: {error.strerror or error}"
        ) from error
    return folder


def load(folder: str | Path) -> Bundle:
    """Read a bundle; its classifier is on the CPU and in eval mode.

    Args:
        folder: The bundle's folder, wherever it was moved to.

    Raises:
        BundleError: It is missing, damaged, of another format version, or does not
            fit what this version of lcclassify computes.
    """
    folder = Path(folder).expanduser()
    document = read_document(folder)
    content = read_bytes(folder / WEIGHTS)
    with _blaming(folder / DOCUMENT):
        representation = FittedRepresentation.from_state(document["representation"])
        if document["format_version"] < 7 and "gp" in representation.settings.features:
            raise BundleError(
                f"{folder / DOCUMENT}: the features of the set 'gp' were computed otherwise when "
                "it was written: train the classifier anew, or use the lcclassify it is of"
            )
        for kind, names in _names(representation).items():
            _check_names(folder / DOCUMENT, kind, document[kind], names)
        classes = document["classes"]
        if not all(isinstance(item["label"], str) for item in classes):
            raise BundleError(f"{folder / DOCUMENT}: the labels of the classes must be text")
        taxonomy = Taxonomy(
            tuple(item["label"] for item in classes),
            names={item["label"]: str(item["name"]) for item in classes},
            weights={item["label"]: float(item["weight"]) for item in classes},
        )
        zeropoint = document["zeropoint"]
        zeropoint = None if zeropoint is None else float(zeropoint)
        # Without memory first: sizes that are not those of the weights cost nothing.
        with torch.device("meta"):
            shapes = EnsembleClassifier.from_config(document["ensemble"]).state_dict()
    weights = weights_from_bytes(folder / WEIGHTS, content, shapes)
    if hashlib.sha256(content).hexdigest() != document["weights_sha256"]:
        raise BundleError(
            f"{folder / WEIGHTS} is not the file that {DOCUMENT} was written with: "
            "its checksum differs"
        )
    with _blaming(folder / DOCUMENT):
        # Fresh networks draw random weights; the caller's random numbers stay untouched.
        with torch.random.fork_rng(devices=[]):
            classifier = EnsembleClassifier.from_config(document["ensemble"])
        classifier.load_state_dict(weights)
        return Bundle(
            representation=representation,
            taxonomy=taxonomy,
            classifier=classifier,
            member_names=tuple(str(name) for name in document["members"]),
            provenance=document["provenance"],
            zeropoint=zeropoint,
            detections_stated=document["detections_stated"],
            conditions=_conditions(document.get("conditions"), representation),
            training_objects=_training_objects(folder, document.get("training_objects")),
        )


# --- writing ------------------------------------------------------------------------


def _document(bundle: Bundle, weights_sha256: str) -> PlainConfig:
    versions = {name: version_of(name) for name in _LIBRARIES}
    provenance = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **versions},
        **bundle.provenance,
    }
    weights = bundle.taxonomy.weight_vector()
    document = {
        "format_version": FORMAT_VERSION,
        "weights_sha256": weights_sha256,
        "classes": [
            {"label": label, "name": name, "weight": weight}
            for label, name, weight in zip(
                bundle.taxonomy.classes, bundle.taxonomy.display_names(), weights, strict=True
            )
        ],
        "zeropoint": bundle.zeropoint,
        "detections_stated": bundle.detections_stated,
        "conditions": None if bundle.conditions is None else bundle.conditions.to_dict(),
        # Holds the passbands and the metadata columns too.
        "representation": bundle.representation.state(),
        **_names(bundle.representation),
        "members": bundle.member_names,
        "ensemble": bundle.classifier.config(),
        "provenance": provenance,
    }
    plain: PlainConfig = _plain(document, "bundle")
    return plain


def _plain(value: Any, where: str) -> Any:
    """Return plain YAML values; NumPy and torch scalars and arrays become numbers, lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise BundleError(f"{where} must be a plain value to be saved, got {type(value).__name__}")


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is None


# --- reading ------------------------------------------------------------------------


def _conditions(content: Any, representation: FittedRepresentation) -> TrainingConditions | None:
    if content is None:  # of an older format
        return None
    conditions = TrainingConditions.from_dict(content)
    foreign = set(conditions.quantiles) - set(representation.feature_names)
    if foreign:
        raise BundleError(f"the conditions of training are of an unknown feature {min(foreign)}")
    return conditions


def _training_objects(folder: Path, described: Any) -> TrainingObjects | None:
    if described is None:  # written before there were any, or without
        return None
    return TrainingObjects.from_bytes(read_bytes(folder / OBJECTS), described)


def _names(representation: FittedRepresentation) -> dict[str, tuple[str, ...]]:
    return {
        "feature_names": representation.feature_names,
        "context_names": representation.context_names,
        "channel_names": representation.channel_names,
    }


@contextmanager
def _blaming(file: Path) -> Iterator[None]:
    """Turn what a wrong value in the document causes into one sentence."""
    try:
        yield
    except BundleError:
        raise
    except LcclassifyError as error:
        raise BundleError(f"{file}: {error}") from error
    except KeyError as error:
        raise BundleError(f"{file} lacks the key {error}") from error
    except (TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"{file} holds an invalid value: {reason}") from error


def _check_names(file: Path, key: str, stored: list[Any], computed: tuple[str, ...]) -> None:
    """Refuse columns that are not, one for one, those this version would compute."""
    what = key.removesuffix("_names")
    missing = [name for name in computed if name not in stored]
    if missing:
        raise BundleError(
            f"{file}: {key} lacks the {what} '{missing[0]}', one of {len(missing)} that this "
            f"version of lcclassify computes and the bundle does not have"
        )
    unknown = [name for name in stored if name not in computed]
    if unknown:
        raise BundleError(
            f"{file}: {key} holds the {what} '{unknown[0]}', one of {len(unknown)} that this "
            f"version of lcclassify does not compute"
        )
    if tuple(stored) != computed:
        raise BundleError(
            f"{file}: {key} lists the {what}s in another order, or twice, than this version of "
            f"lcclassify computes them"
        )
