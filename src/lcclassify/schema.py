"""The words that every part of lcclassify shares: columns, tables and batches.

Shapes are written with N objects, T nights, B passbands, C sequence channels,
F features, S context columns and K classes. Times are MJD in days, fluxes are
linear in the survey's own units, redshifts are dimensionless, angles degrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lcclassify.errors import ConfigError, did_you_mean, one_line

if TYPE_CHECKING:  # words cost a command's start nothing
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray
    from torch import Tensor

# Columns of the canonical observation table, one row an observation, sorted by
# (object_id, mjd, passband, flux_err, flux).
OBJECT_ID: Final = "object_id"  # Int64 or String, the same in both tables
MJD: Final = "mjd"  # Float64, days
PASSBAND: Final = "passband"  # UInt8, position in Passbands.names
FLUX: Final = "flux"  # Float64, linear, the survey's own units; may be negative
FLUX_ERR: Final = "flux_err"  # Float64, the same units, finite and > 0
DETECTED: Final = "detected"  # Boolean

# Columns of the canonical object table, one row an object, sorted by object_id:
# object_id, label, subset and the survey's metadata columns (Float64, null when
# missing).
LABEL: Final = "label"  # String, one of Taxonomy.classes, null when unknown
# String: "train", "test", "held_out" (for testing as well, but drawn like the training
# objects), or null where the survey does not decide it.
SUBSET: Final = "subset"

DISTANCE: Final = "distmod"  # metadata: PLAsTiCC's name of what follows from the redshift

OBSERVATION_COLUMNS: Final = (OBJECT_ID, MJD, PASSBAND, FLUX, FLUX_ERR, DETECTED)

SETS_BY: Final = ("class", "all")  # of what objects prediction sets hold the true class so often

STACK: Final = "stack"  # the model of several members, whatever they and its head are

UNKNOWN_TARGET: Final = -1  # integer target of an object without a label


@dataclass(frozen=True)
class Passbands:
    """The ordered passbands of a survey; a passband's index is its position.

    Attributes:
        names: Passband names in order, such as ``("u", "g", "r", "i", "z", "y")``.
        wavelengths: Effective wavelengths in nanometres, or empty if not stated.
    """

    names: tuple[str, ...]
    wavelengths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ConfigError(f"passbands must be distinct and at least one, got {self.names}")
        if self.wavelengths and len(self.wavelengths) != len(self.names):
            raise ConfigError(
                f"{len(self.wavelengths)} wavelengths were given for {len(self.names)} passbands"
            )

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Taxonomy:
    """The ordered classes a classifier can tell apart; the order of its outputs.

    Attributes:
        classes: Class labels as they stand in the label column, as strings.
        names: Readable name of a class, for figures and tables; the label if absent.
        weights: Weight of a class in the weighted log-loss; 1 if absent.
    """

    classes: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise ConfigError(f"the classes of a taxonomy must be distinct, got {self.classes}")
        for kind, mapping in (("names", self.names), ("weights", self.weights)):
            for label in mapping:
                if label not in self.classes:
                    raise ConfigError(
                        f"taxonomy {kind} mention the class '{label}': "
                        f"{did_you_mean(label, self.classes)}"
                    )

    def __len__(self) -> int:
        return len(self.classes)

    def display_names(self) -> list[str]:
        """Return the readable names in output order, each in one printable line."""
        return [one_line(self.names.get(label, label)) for label in self.classes]

    def weight_vector(self) -> NDArray[np.float64]:
        """Return the weights in output order, ``(K,) float64``."""
        import numpy as np

        return np.array([self.weights.get(label, 1.0) for label in self.classes], dtype=np.float64)


@dataclass(frozen=True)
class LightCurves:
    """Canonical tables of whole objects: all observations of each, and one row each.

    Attributes:
        observations: Columns `OBSERVATION_COLUMNS`, sorted; only clean rows.
        objects: `object_id`, `label`, `subset` and the metadata columns, sorted by
            id; may hold objects without any observation.
        passbands: What the `passband` indices mean.
    """

    observations: pl.DataFrame
    objects: pl.DataFrame
    passbands: Passbands

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """Names of the metadata columns, in the object table's order."""
        reserved = (OBJECT_ID, LABEL, SUBSET)
        return tuple(name for name in self.objects.columns if name not in reserved)

    def parts(self, n_objects: int) -> Iterator[LightCurves]:
        """Yield runs of so many objects, at least one run, which may be empty.

        Args:
            n_objects: Objects of a run; only the last has fewer.
        """
        ids = self.objects[OBJECT_ID]
        begin = 0
        for start in range(0, max(len(ids), 1), n_objects):
            stop = min(start + n_objects, len(ids))
            end = len(self.observations)
            if stop < len(ids):
                end = int(self.observations[OBJECT_ID].search_sorted(ids[stop], side="left"))
            observations, objects = self.observations[begin:end], self.objects[start:stop]
            yield LightCurves(observations, objects, self.passbands)
            begin = end


@dataclass(frozen=True)
class InputSizes:
    """Sizes that the data decide, handed to every network's constructor.

    Attributes:
        n_features: F, columns of the feature table.
        n_context: S, columns that may join the pooled state of a recurrent network.
        n_channels: C, channels of a sequence.
        n_classes: K.
        max_length: Longest training sequence in nights, the padded length of the
            reference's unmasked form.
        n_indicators: How many of the features, the last ones, only tell where another was
            undefined.
    """

    n_features: int
    n_context: int
    n_channels: int
    n_classes: int
    max_length: int
    n_indicators: int = 0


class Batch(NamedTuple):
    """What every network is called with.

    Attributes:
        features: ``(N, F) float64``, NaN where undefined; a feature may be beyond float32.
        context: ``(N, S) float64``, NaN where missing.
        sequences: ``(N, T, C) float32``, zero behind each sequence's end.
        lengths: ``(N,) int64``, nights of each sequence, at least 1, on the CPU.
        targets: ``(N,) int64``, class index or `UNKNOWN_TARGET`.
        rows: ``(N,) int64``, position in the prepared set.
    """

    features: Tensor
    context: Tensor
    sequences: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor


def redshift_columns(redshift: str | None, metadata: Sequence[str]) -> tuple[str, ...]:
    """Return the metadata that tell the redshift: itself, its error and the distance.

    Example:
        >>> redshift_columns("photoz", ("photoz", "photoz_err", "distmod", "mwebv"))
        ('photoz', 'photoz_err', 'distmod')
    """
    if redshift is None:
        return ()
    return tuple(name for name in metadata if name.startswith(redshift) or name == DISTANCE)


PlainConfig = dict[str, Any]  # a configuration as plain dicts, lists and scalars
