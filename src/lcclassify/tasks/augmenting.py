"""From a survey to the stream of training objects drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.augment.augmenter import Augmenter, as_drawn
from lcclassify.augment.curves import Curves
from lcclassify.augment.drawn import Sample, Step
from lcclassify.augment.observing import Cadences, Detections, FluxErrors, highest_ratios
from lcclassify.build import instantiate
from lcclassify.cores import n_cores
from lcclassify.errors import ConfigError, check_keys, did_you_mean
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.schema import OBJECT_ID, LightCurves, PlainConfig
from lcclassify.surveys.base import Survey
from lcclassify.training.settings import check_whole
from lcclassify.training.splits import Split
from lcclassify.training.streams import DrawnStream

TARGETS: Final = ("none", "metadata")
AUTO: Final = "auto"
_OBJECTS_OF_AN_EPOCH: Final = 10_000  # that passes=auto makes of few training objects
_MOST_PASSES: Final = 10
_MOST_DONORS: Final = 5_000  # objects whose cadences are kept: more change nothing

_KEYS: Final = ("name", "steps", "passes", "held_out_draws", "target", "redshift")


@dataclass(frozen=True)
class AugmentSettings:
    """How training objects are drawn anew, one YAML of the group `augment`.

    Attributes:
        name: Name in reports.
        steps: What is done to each object, in order; none leaves training as it is.
        passes: Draws of each object in an epoch, or "auto": as many as make 10,000 objects
            an epoch, of which 10 at most.
        held_out_draws: Draws of each held-out object that the head learns from.
        target: ``none``, or ``metadata``: new redshifts and cadences are those of the
            objects to be classified.
        redshift: Column of the best redshift; "auto" for the survey's spectroscopic one or
            else the photometric one; None for none.
    """

    name: str
    steps: Mapping[str, Step]
    passes: int | str
    held_out_draws: int
    target: str
    redshift: str | None

    @classmethod
    def from_config(cls, config: Any) -> AugmentSettings:
        """Build from plain values.

        Raises:
            ConfigError: A key is unknown or missing, or a value is invalid.
        """
        if not isinstance(config, Mapping):
            raise ConfigError(f"augment must be a mapping, got {config!r}")
        check_keys("augment", config, _KEYS)
        values = dict(config)
        steps = values.get("steps") or {}
        if not isinstance(steps, Mapping):
            raise ConfigError(f"augment.steps must be a mapping, got {steps!r}")
        values["steps"] = {str(name): instantiate(dict(s)) for name, s in steps.items() if s}
        for key, default in (
            ("name", "none"),
            ("passes", 1),
            ("held_out_draws", 0),
            ("target", "none"),
            ("redshift", AUTO),
        ):
            values.setdefault(key, default)
        if values["passes"] != AUTO:
            check_whole("augment.passes (where it is not auto)", values["passes"], 1)
        check_whole("augment.held_out_draws", values["held_out_draws"], 0)
        if values["target"] not in TARGETS:
            wanted = str(values["target"])
            raise ConfigError(f"augment.target is '{wanted}': {did_you_mean(wanted, TARGETS)}")
        return cls(**values)

    def n_passes(self, n_objects: int) -> int:
        """Return the draws of each of some training objects in an epoch."""
        if isinstance(self.passes, int):
            return self.passes
        return int(np.clip(-(-_OBJECTS_OF_AN_EPOCH // max(n_objects, 1)), 1, _MOST_PASSES))

    def column(self, survey: Survey, photometric: str | None) -> str | None:
        """Return the column of the redshift that sources are moved from."""
        if self.redshift != AUTO:
            return self.redshift
        return survey.spectroscopic_redshift or photometric


def photometric_columns(
    representation: PlainConfig | Any, metadata: tuple[str, ...]
) -> tuple[str | None, str | None, str | None]:
    """Return the columns of the photometric redshift, its error and its distance modulus."""
    redshift = representation.settings.sequences.redshift
    if redshift not in metadata:
        return None, None, None
    error = f"{redshift}_err"
    return (
        redshift,
        error if error in metadata else None,
        "distmod" if "distmod" in metadata else None,
    )


def make_stream(
    settings: AugmentSettings,
    curves: LightCurves,
    redshift: NDArray[np.float64],
    split: Split,
    targets: NDArray[np.int64],
    n_classes: int,
    representation: FittedRepresentation,
) -> tuple[DrawnStream, list[str]]:
    """Fit the steps to the training objects.

    Args:
        settings: The steps.
        curves: All N objects of the run; the observations and metadata of those that do not
            train are used only where `settings.target` says so, their labels never.
        redshift: ``(N,)`` the best redshift, NaN where there is none.
        split: Their roles.
        targets: ``(N,)`` classes.
        n_classes: K.
        representation: Fitted.

    Returns:
        The stream, and sentences on it.
    """
    rows = split.rows("train")
    training = select(curves, rows)
    everything = Curves.of(curves)
    others = np.sort(np.concatenate([split.rows("test"), split.rows("unlabelled")]))
    aware = settings.target == "metadata" and len(others) > 0
    seen = everything.take(np.concatenate([rows, others]) if aware else rows)
    lenders = others if aware else rows
    if len(lenders) > _MOST_DONORS:
        lenders = lenders[:: -(-len(lenders) // _MOST_DONORS)]
    photometric = photometric_columns(representation, curves.metadata_columns)
    target = None
    if aware:
        redshifts = np.full(len(others), np.nan)
        if photometric[0] is not None:
            redshifts = _column(curves.objects, photometric[0])[others]
        target = redshifts, highest_ratios(everything.take(others))
    n_bands = len(curves.passbands)
    errors = FluxErrors.fitted(seen, n_bands)
    detections = np.bincount(seen.objects[seen.detected], minlength=len(seen))
    sample = Sample(
        drawn=as_drawn(training),
        wavelengths=np.array(curves.passbands.wavelengths, dtype=np.float64),
        targets=targets[rows],
        n_classes=n_classes,
        redshift=redshift[rows],
        photometric=photometric,
        target=target,
        errors=errors,
        detections=Detections.fitted(seen),
        cadences=Cadences.of(everything.take(lenders), errors),
        # A survey's own trigger: what hardly any of its objects lack, but not more than two.
        least_detections=int(min(2, np.quantile(detections, 0.02))),
        n_bands=n_bands,
        threads=n_cores(),
    )
    augmenter = Augmenter.fitted(training, sample, list(settings.steps.values()))
    positions = np.full(len(curves.objects), -1, dtype=np.int64)
    positions[rows] = np.arange(len(rows))
    stream = DrawnStream(
        augmenter, representation, positions, targets, settings.n_passes(len(rows))
    )
    return stream, sample.notes


def select(curves: LightCurves, rows: NDArray[np.int64]) -> LightCurves:
    """Return the light curves of some objects, by their ascending positions."""
    objects = curves.objects[rows]
    observations = curves.observations.join(
        objects.select(OBJECT_ID), on=OBJECT_ID, how="semi", maintain_order="left"
    )
    return replace(curves, observations=observations, objects=objects)


def _column(table: pl.DataFrame, name: str) -> NDArray[np.float64]:
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
