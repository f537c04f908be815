"""From a survey to the stream of training objects drawn anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.augment.augmenter import Augmenter, as_drawn
from lcclassify.augment.conditions import Conditions
from lcclassify.augment.coverage import Untouched
from lcclassify.augment.curves import Curves
from lcclassify.augment.elsewhere import FittedElsewhere
from lcclassify.augment.light import DropObservations, FluxJitter
from lcclassify.augment.missing import FittedMissing
from lcclassify.augment.observing import Cadences, Detections, FluxErrors, highest_ratios
from lcclassify.augment.steps import Sample
from lcclassify.augment.weights import shares_found, source_weights
from lcclassify.cores import n_cores
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.schema import OBJECT_ID, LightCurves
from lcclassify.tasks.augment_settings import AUTO, AugmentSettings
from lcclassify.training.splits import Split
from lcclassify.training.streams import DrawnStream

_MOST_LENDERS: Final = 5_000  # objects whose cadences are kept, in every process that draws


def photometric_columns(
    representation: FittedRepresentation, metadata: tuple[str, ...]
) -> tuple[str | None, str | None, str | None]:
    """Return the columns of the photometric redshift, its error and its distance modulus."""
    redshift = representation.redshift
    if redshift is None:
        return None, None, None
    error = f"{redshift}_err"
    return (
        redshift,
        error if error in metadata else None,
        "distmod" if "distmod" in metadata else None,  # as PLAsTiCC calls it
    )


def best_redshift(
    settings: AugmentSettings,
    redshift: NDArray[np.float64],
    objects: pl.DataFrame,
    photometric: str | None,
) -> NDArray[np.float64]:
    """Return the redshift that each object is moved from, ``(N,)``, NaN for none.

    Args:
        settings: Say which one.
        redshift: ``(N,)`` values of `AugmentSettings.column`.
        objects: N rows.
        photometric: Column of the photometric redshift.
    """
    if settings.redshift != AUTO or photometric is None:
        return redshift
    return np.where(np.isfinite(redshift), redshift, _column(objects, photometric))


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
    training = select(curves, curves.objects[rows])
    everything = Curves.of(curves)
    others = np.sort(np.concatenate([split.rows("test"), split.rows("unlabelled")]))
    aware = settings.target == "metadata" and len(others) > 0
    seen = everything.take(np.concatenate([rows, others]) if aware else rows)
    lenders = others if aware else rows
    if len(lenders) > _MOST_LENDERS:
        lenders = lenders[:: -(-len(lenders) // _MOST_LENDERS)]
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
        survey=Conditions(
            errors=errors,
            detections=Detections.fitted(seen),
            cadences=Cadences.of(
                everything.take(lenders),
                errors,
                {name: _column(curves.objects, name)[lenders] for name in curves.metadata_columns},
            ),
            # A survey's own trigger: what hardly any of its objects lack, two at most.
            least_detections=int(min(2, np.quantile(detections, 0.02))),
            n_bands=n_bands,
        ),
        threads=n_cores(),
    )
    augmenter = Augmenter.fitted(training, sample, list(settings.steps.values()))
    found = shares_found(augmenter, sample.threads)
    weights = source_weights(found)
    if weights is not None:
        sample.notes.append(
            f"Of a draw of all {len(rows):,} training objects {(1 - found).sum():,.0f} would stay "
            "as they are, not found anywhere else; such objects are drawn less often than others "
            "of their class."
        )
    positions = np.full(len(curves.objects), -1, dtype=np.int64)
    positions[rows] = np.arange(len(rows))
    stream = DrawnStream(
        augmenter,
        representation,
        positions,
        targets,
        settings.n_passes(len(rows)),
        weights,
        settings.repeats,
    )
    return stream, sample.notes


def settled(settings: AugmentSettings, stream: DrawnStream) -> tuple[AugmentSettings, DrawnStream]:
    """Return both by what the steps turned out to do with the training objects.

    Where all draws stay where the objects are, the head learns from held-out objects as they
    are: draws of them have more noise, and would teach it and the prediction sets a harder
    survey. Trees are grown on draws all the same.
    """
    steps = [step for step in stream.augmenter.steps if step != FittedMissing()]
    stay = any(isinstance(step, Untouched) for step in steps)
    if stay and all(isinstance(s, Untouched | FluxJitter | DropObservations) for s in steps):
        settings = replace(settings, held_out_draws=0)
        stream = replace(stream, grows_trees=True)
    return settings, stream


def is_moved(stream: DrawnStream | None) -> bool:
    """Tell whether draws of training objects are moved to where those to be classified are."""
    return stream is not None and any(
        isinstance(step, FittedElsewhere) for step in stream.augmenter.steps
    )


def select(curves: LightCurves, objects: pl.DataFrame) -> LightCurves:
    """Return the light curves of the objects of a table, some of theirs in the same order."""
    if objects.height == curves.objects.height:
        return replace(curves, objects=objects)
    observations = curves.observations.join(
        objects.select(OBJECT_ID), on=OBJECT_ID, how="semi", maintain_order="left"
    )
    return replace(curves, observations=observations, objects=objects)


def _column(table: pl.DataFrame, name: str) -> NDArray[np.float64]:
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
