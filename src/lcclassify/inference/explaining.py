"""What of an object's light curve decided about its class, by leaving parts of it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.inference.predictions import concatenated
from lcclassify.inference.training_objects import Neighbour
from lcclassify.representations.nights import group_nights
from lcclassify.representations.noise import add_flux_noise
from lcclassify.schema import MJD, OBJECT_ID, PASSBAND, LightCurves, redshift_columns

if TYPE_CHECKING:
    from lcclassify.inference.predictor import Predictor

FloatArray = NDArray[np.float64]

_AT_A_TIME: Final = 500  # variants of the object
_FLOOR: Final = 1e-30  # a probability of zero has no logarithm


@dataclass(frozen=True, eq=False)
class Explanation:
    """What decided about one object.

    A change is that of the natural logarithm of the predicted class's probability when
    something is left out: below 0 where it speaks for the class, NaN where nothing is left.

    Attributes:
        object_id: Of the object.
        classes: K labels.
        probabilities: ``(K,)``.
        member_names: M names.
        members: ``(M, K)``, each member's probabilities.
        unknown: Probability of no known class; None where the bundle does not tell it.
        night_mjd: ``(J,)`` first observation of each night, in days.
        night_changes: ``(J,)``.
        passbands: Names of the B passbands that the object was observed in.
        passband_changes: ``(B,)``.
        redshift_change: Of all metadata that tell the redshift; None where there are none.
        seen: ``(J, K)`` probabilities after the first nights, the last row being of all.
        neighbours: The training objects most like it, the nearest first; None where the bundle
            keeps none.
    """

    object_id: int | str
    classes: tuple[str, ...]
    probabilities: FloatArray
    member_names: tuple[str, ...]
    members: FloatArray
    unknown: float | None
    night_mjd: FloatArray
    night_changes: FloatArray
    passbands: tuple[str, ...]
    passband_changes: FloatArray
    redshift_change: float | None
    seen: FloatArray
    neighbours: tuple[Neighbour, ...] | None = None

    @property
    def predicted(self) -> int:
        """Position of the predicted class."""
        return int(self.probabilities.argmax())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as a JSON file holds them; None where undefined."""

        def by_class(row: FloatArray) -> dict[str, float | None]:
            return dict(zip(self.classes, _plain(row), strict=True))

        nights = zip(self.night_mjd.tolist(), _plain(self.night_changes), self.seen, strict=True)
        return {
            "object_id": self.object_id,
            "predicted_class": self.classes[self.predicted],
            "probabilities": by_class(self.probabilities),
            "unknown": self.unknown,
            "members": {
                name: by_class(row)
                for name, row in zip(self.member_names, self.members, strict=True)
            },
            "nights": [
                {
                    "mjd": mjd,
                    "log_probability_change": change,
                    "probabilities_so_far": by_class(row),
                }
                for mjd, change, row in nights
            ],
            "passband_log_probability_changes": dict(
                zip(self.passbands, _plain(self.passband_changes), strict=True)
            ),
            "redshift_log_probability_change": self.redshift_change,
            "nearest_training_objects": None
            if self.neighbours is None
            else [
                {
                    "object_id": one.object_id,
                    "class": self.classes[one.target],
                    "distance": one.distance,
                }
                for one in self.neighbours
            ],
        }


@dataclass(frozen=True, eq=False)
class _Variant:
    """An object with something left out: which observations stay, and which metadata do not."""

    kept: NDArray[np.bool_]
    without: tuple[str, ...] = ()


def explain(
    predictor: Predictor, light_curves: LightCurves, object_id: int | str | None = None
) -> Explanation:
    """Classify an object with each night, each passband and the redshift left out in turn.

    Noise that the representation adds is added once, to all of the object's observations, so
    that what is left stays what it was.

    Args:
        predictor: Classifies.
        light_curves: Canonical tables with the object.
        object_id: The object; may be left out where the tables have one alone.

    Raises:
        DataError: The object is not there, has no usable observation, or the networks give no
            finite probability of it.
    """
    predictor.check(light_curves)
    own = _of_object(light_curves, object_id)
    name = own.objects[OBJECT_ID][0]
    fitted = predictor.bundle.representation
    own = add_flux_noise(own, fitted.settings.noise, fitted.seed)
    start = group_nights(own, fitted.settings.night_length).start
    mjd, band = (own.observations[column].to_numpy() for column in (MJD, PASSBAND))
    night = np.searchsorted(start, mjd, side="right") - 1
    bands = np.unique(band)
    redshift = redshift_columns(fitted.redshift, fitted.metadata)

    whole = np.ones(len(mjd), dtype=bool)
    variants = [_Variant(whole)]
    variants += [_Variant(night != j) for j in range(len(start))]
    variants += [_Variant(band != b) for b in bands]
    variants += [_Variant(whole, redshift)]
    variants += [_Variant(night <= j) for j in range(len(start))]
    quiet = replace(fitted, settings=replace(fitted.settings, noise=0.0))
    predictions = concatenated(
        [
            predictor.score(
                None if part.observations.is_empty() else quiet.prepare(part),
                part.objects[OBJECT_ID],
                keep_members=True,
            )
            for part in _parts(own, variants)
        ]
    )
    found = predictions.probabilities
    if not np.isfinite(found[0]).all() or predictions.members is None:
        raise DataError(f"the networks gave no finite probability of object {name}")
    logs = np.log(np.maximum(found[:, found[0].argmax()], _FLOOR))
    nights, passbands, redshifts, seen = np.split(
        np.arange(len(variants)), np.cumsum([1 + len(start), len(bands), 1])
    )
    return Explanation(
        object_id=name,
        classes=predictor.classes,
        probabilities=found[0],
        member_names=predictor.bundle.member_names,
        members=predictions.members[0],
        unknown=None if predictions.unknown is None else float(predictions.unknown[0]),
        night_mjd=start,
        night_changes=logs[nights[1:]] - logs[0],
        passbands=tuple(own.passbands.names[b] for b in bands),
        passband_changes=logs[passbands] - logs[0],
        redshift_change=float(logs[redshifts[0]] - logs[0]) if redshift else None,
        seen=found[seen],
        neighbours=_neighbours(predictor, quiet.prepare(own).features[0]),
    )


def _neighbours(predictor: Predictor, features: FloatArray) -> tuple[Neighbour, ...] | None:
    kept = predictor.bundle.training_objects
    return None if kept is None else kept.nearest(features, predictor.bundle.classifier.unknown)


def _of_object(light_curves: LightCurves, object_id: int | str | None) -> LightCurves:
    """Return the tables of one object."""
    objects = light_curves.objects
    if object_id is None:
        if len(objects) != 1:
            raise DataError(f"one object is explained at a time: name one of {len(objects):,}")
        object_id = objects[OBJECT_ID][0]
    own = objects.filter(objects[OBJECT_ID].cast(pl.String) == str(object_id))
    if not len(own):
        raise DataError(f"there is no object {object_id}")
    ids = light_curves.observations[OBJECT_ID]
    observations = light_curves.observations.filter(ids == own[OBJECT_ID][0])
    if not len(observations):
        raise DataError(f"object {object_id} has no usable observation")
    return LightCurves(observations, own, light_curves.passbands)


def _parts(own: LightCurves, variants: Sequence[_Variant]) -> Iterator[LightCurves]:
    """Yield variants of an object as objects of their own, numbered from 0."""
    for first in range(0, len(variants), _AT_A_TIME):
        part = variants[first : first + _AT_A_TIME]
        which, rows = np.nonzero([variant.kept for variant in part])
        ids = pl.Series(OBJECT_ID, np.arange(first, first + len(part)))
        objects = own.objects[np.zeros(len(part), dtype=np.int64)].with_columns(ids)
        for name in {column for variant in part for column in variant.without}:
            gone = pl.Series([name in variant.without for variant in part])
            objects = objects.with_columns(objects[name].set(gone, None))
        observations = own.observations[rows].with_columns(ids[which])
        yield LightCurves(observations, objects, own.passbands)


def _plain(values: FloatArray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
