"""What a classifier's training objects were like, to compare with what it classifies.

Of each quantity the bundle holds quantiles over the training objects, and of the objects that
are classified it is counted how many lie between which: counts add up over chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import BundleError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_QUANTILES: Final = np.linspace(0, 1, 41)
_TOLD: Final = 0.02  # share of objects beyond all training objects that is told
_MOST_TOLD: Final = 6  # quantities
_OTHER: Final = 0.2  # distance of distributions from which they are called different


@dataclass(frozen=True)
class Quantity:
    """A feature that astronomers have a word for.

    Attributes:
        what: What it is.
        low: What objects with less are.
        high: What objects with more are.
    """

    what: str
    low: str
    high: str


# By the features' names; the redshift and further metadata have names of the survey's own.
_KNOWN: Final[Mapping[str, Quantity]] = {
    "flux_max": Quantity("highest flux", "fainter", "brighter"),
    "flux_ratio_sq_max": Quantity(
        "highest signal-to-noise ratio", "measured with less significance", "more significant"
    ),
    "detected_sum": Quantity("detections", "detected less often", "detected more often"),
    "flux_err_median": Quantity("median flux error", "observed deeper", "observed with more noise"),
    "mjd_size": Quantity("observations", "observed less often", "observed more often"),
    "mjd_global_diff": Quantity(
        "days from first to last detection", "seen for a shorter time", "seen for a longer time"
    ),
}


def quantities(
    feature_names: Sequence[str], metadata: Sequence[str], redshift: str | None
) -> dict[str, Quantity]:
    """Return the features by name that are compared."""
    found = {name: known for name, known in _KNOWN.items() if name in feature_names}
    for name in metadata:
        if name not in feature_names:
            continue
        word = name.replace("_", " ")
        found[name] = Quantity(word, f"lower in {word}", f"higher in {word}")
    if redshift is not None and redshift in feature_names:
        found[redshift] = Quantity("redshift", "nearer", "farther away")
    return found


@dataclass(frozen=True, eq=False)
class TrainingConditions:
    """Distributions over the training objects.

    Attributes:
        quantiles: By feature, 41 ascending values from the least to the largest; empty where
            nothing was defined.
        undefined: By feature, the share of training objects without a value.
        n_objects: Training objects.
    """

    quantiles: Mapping[str, FloatArray]
    undefined: Mapping[str, float]
    n_objects: int

    @classmethod
    def of(
        cls, features: FloatArray, feature_names: Sequence[str], compared: Sequence[str]
    ) -> TrainingConditions:
        """Summarise training objects.

        Args:
            features: ``(n, F)``, not finite where undefined.
            feature_names: Names of the F features.
            compared: Those to be compared.
        """
        quantiles, undefined = {}, {}
        for name in compared:
            values = features[:, list(feature_names).index(name)].astype(np.float64)
            defined = values[np.isfinite(values)]
            quantiles[name] = np.quantile(defined, _QUANTILES) if len(defined) else np.zeros(0)
            undefined[name] = 1 - len(defined) / max(len(values), 1)
        return cls(quantiles, undefined, len(features))

    def counts(self, features: FloatArray, feature_names: Sequence[str]) -> dict[str, list[int]]:
        """Return how many objects lie where, by feature.

        Args:
            features: ``(n, F)`` of objects to be classified.
            feature_names: Names of the F features.

        Returns:
            Objects below the least quantile, between each and the next, above the largest,
            and without a value: 43 counts.
        """
        found = {}
        for name, edges in self.quantiles.items():
            values = features[:, list(feature_names).index(name)]
            defined = values[np.isfinite(values)]
            # An object as large as the largest of training is not beyond it.
            place = np.searchsorted(edges, defined, side="right")
            place = np.where(defined == edges[-1], len(edges) - 1, place) if len(edges) else place
            counted = np.bincount(place, minlength=len(_QUANTILES) + 1)
            found[name] = [*counted.tolist(), len(values) - len(defined)]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the bundle."""
        return {
            "n_objects": self.n_objects,
            "quantiles": {name: values.tolist() for name, values in self.quantiles.items()},
            "undefined": dict(self.undefined),
        }

    @classmethod
    def from_dict(cls, content: Any) -> TrainingConditions:
        """Read what `to_dict` gave.

        Raises:
            BundleError: It is something else.
        """
        try:
            quantiles = {
                str(name): np.array([float(value) for value in values])
                for name, values in content["quantiles"].items()
            }
            undefined = {str(name): float(v) for name, v in content["undefined"].items()}
            n_objects = int(content["n_objects"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"the conditions of training are damaged: {error}") from error
        good = all(
            len(values) in (0, len(_QUANTILES)) and (np.diff(values) >= 0).all()
            for values in quantiles.values()
        )
        if not good or set(undefined) != set(quantiles):
            raise BundleError("the conditions of training are damaged: quantiles do not ascend")
        return cls(quantiles, undefined, n_objects)


@dataclass(frozen=True)
class Difference:
    """How a quantity is distributed among classified objects, beside training.

    Attributes:
        quantity: What it is.
        below: Share of the objects below every training object.
        above: Share above.
        distance: Largest difference of the cumulated distributions (Kolmogorov-Smirnov),
            as far as 41 quantiles tell it; of undefined values where that is more.
        median: Of the classified objects, as a share of training objects below it.
        undefined: Share of the objects without a value.
        undefined_before: Share of the training objects without one.
    """

    quantity: Quantity
    below: float
    above: float
    distance: float
    median: float
    undefined: float
    undefined_before: float

    def sentence(self) -> str | None:
        """Return what an astronomer should know, or None if it is nothing."""
        parts = [
            f"{100 * share:.0f} % are {word} than any training object"
            for share, word in ((self.below, self.quantity.low), (self.above, self.quantity.high))
            if share >= _TOLD
        ]
        missing = abs(self.undefined - self.undefined_before)
        if missing >= max(_OTHER, self.distance):
            parts.append(
                f"{100 * self.undefined:.0f} % have none, "
                f"{100 * self.undefined_before:.0f} % of the training objects"
            )
        elif not parts and self.distance >= _OTHER:
            word = self.quantity.low if self.median < 0.5 else self.quantity.high
            share = self.median if self.median < 0.5 else 1 - self.median
            parts = [f"half are {word} than {100 * (1 - share):.0f} % of the training objects"]
        return f"{self.quantity.what}: {', '.join(parts)}" if parts else None


def differences(
    training: TrainingConditions,
    counts: Mapping[str, Sequence[int]],
    compared: Mapping[str, Quantity],
) -> list[Difference]:
    """Return how classified objects differ from training ones, the largest difference first.

    Args:
        training: The training objects.
        counts: Sums of what `TrainingConditions.counts` gave.
        compared: The quantities by feature.
    """
    found = []
    for name, counted in counts.items():
        edges = training.quantiles[name]
        total = sum(counted)
        defined = total - counted[-1]
        if total == 0 or name not in compared:
            continue
        undefined = counted[-1] / total
        distance = abs(undefined - training.undefined[name])
        below = above = 0.0
        median = 0.5
        if defined and len(edges):
            cumulated = np.cumsum(counted[:-1])[:-1] / defined
            # Shares below each quantile, and, at the end, of what is no larger than the largest.
            # Where several quantiles are equal, what is below them is below the first.
            first = np.searchsorted(edges, edges[:-1], side="left")
            expected = np.append(_QUANTILES[first], 1.0)
            distance = max(distance, float(np.abs(cumulated - expected).max()))
            below, above = counted[0] / total, counted[-2] / total
            median = float(np.interp(0.5, np.maximum.accumulate(cumulated), _QUANTILES))
        found.append(
            Difference(
                compared[name], below, above, distance, median, undefined, training.undefined[name]
            )
        )
    return sorted(found, key=lambda one: -max(one.distance, one.below + one.above))


def told(found: Sequence[Difference]) -> list[str]:
    """Return the largest differences in words."""
    sentences = [sentence for one in found if (sentence := one.sentence()) is not None]
    return sentences[:_MOST_TOLD]
