"""What every table in memory passes on its way to a bundle's networks."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from typing import Final

import polars as pl

from lcclassify.errors import DataError, DataWarning, did_you_mean
from lcclassify.inference.bundle import Bundle
from lcclassify.inference.frames import to_polars
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    OBJECT_ID,
    OBSERVATION_COLUMNS,
    PASSBAND,
    LightCurves,
)
from lcclassify.surveys.canonical import DETECTION_SNR, canonicalise
from lcclassify.surveys.objecttable import implausible_metadata
from lcclassify.surveys.plasticc import MISSING, WITH_MISSING
from lcclassify.surveys.report import ReadReport

# Surveys in PLAsTiCC's form: their files number passbands from 0 and mark what is missing.
_OF_PLASTICC: Final = ("plasticc", "simulated")
_PASSBANDS_OF_PLASTICC: Final = ("u", "g", "r", "i", "z", "y")

_NULL: Final = "put null in place of {}"  # what is to be done about signs of missing metadata

_logger = logging.getLogger(__name__)


def check_fits(fitted: FittedRepresentation, light_curves: LightCurves) -> None:
    """Refuse light curves that a bundle was not trained for.

    Args:
        fitted: The bundle's representation.
        light_curves: What is to be classified.

    Raises:
        DataError: The passbands differ, or a metadata column is missing.
    """
    if light_curves.passbands.names != fitted.passbands.names:
        raise DataError(
            f"the survey has the passbands {', '.join(light_curves.passbands.names)}, and "
            f"the bundle was trained on {', '.join(fitted.passbands.names)} in this order"
        )
    given = light_curves.metadata_columns
    missing = [name for name in fitted.metadata if name not in given]
    if missing:
        raise DataError(
            f"the survey has no metadata column '{missing[0]}', which the bundle was trained "
            f"with: {did_you_mean(missing[0], given)}"
        )


def table_curves(
    bundle: Bundle, observations: object, objects: object
) -> tuple[LightCurves, pl.Series]:
    """Return the light curves of tables of any library.

    Args:
        bundle: What is to classify them.
        observations: As in `Predictor.predict_proba`.
        objects: Likewise.

    Returns:
        The light curves, and the ids of objects without a row in the object table.

    Raises:
        DataError: As in `light_curves`, or a table is of another kind.
    """
    fitted = bundle.representation
    carried = fitted.metadata if objects is None else ()
    rows = to_polars(
        observations,
        "observations",
        (*OBSERVATION_COLUMNS, *carried),
        needed=OBSERVATION_COLUMNS[:-1],
        zeropoint=bundle.zeropoint,
    )
    table = None
    if objects is not None:
        columns = (OBJECT_ID, *fitted.metadata)
        table = to_polars(objects, "objects", columns, needed=columns)
    cure = f"replace them, such as 0 with '{fitted.passbands.names[0]}' if it stands for that"
    curves, report = light_curves(bundle, rows, table, cure)
    return curves, report.orphan_ids


def light_curves(
    bundle: Bundle, observations: pl.DataFrame, objects: pl.DataFrame | None, cure: str
) -> tuple[LightCurves, ReadReport]:
    """Return the canonical light curves of tables, and tell what of them is not used.

    Args:
        bundle: What is to classify them.
        observations: As in `canonicalise`, of plain columns.
        objects: Likewise.
        cure: How the caller's user names passbands that have numbers, for a message.

    Raises:
        DataError: As in `canonicalise`, or passbands have numbers that mean nothing.
    """
    fitted = bundle.representation
    _check_passbands(bundle, observations, cure)
    curves, report = canonicalise(observations, objects, fitted.passbands, metadata=fitted.metadata)
    for sentence in report.sentences():
        _logger.warning("%s", sentence)
    unstated = DETECTED not in observations.columns or report.unstated_detections > 0
    if bundle.detections_stated and unstated and observations.height:
        warnings.warn(
            f"the bundle was trained with the detections that its survey states, and '{DETECTED}' "
            f"is missing here: {FLUX} / {FLUX_ERR} of at least {DETECTION_SNR:g} counts as a "
            "detection instead, and probabilities change with that",
            DataWarning,
            stacklevel=4,
        )
    if _is_of_plasticc(bundle):
        curves = _without_marks(curves, fitted.metadata)
    for sentence in implausible_metadata(curves.objects, fitted.metadata, _NULL):
        _logger.warning("%s", sentence)
    return curves, report


def detections_differ(observations: pl.DataFrame) -> bool:
    """Say whether canonical observations have other detections than tables without any get."""
    computed = observations[FLUX] / observations[FLUX_ERR] >= DETECTION_SNR
    return bool((computed != observations[DETECTED]).any())


def _check_passbands(bundle: Bundle, observations: pl.DataFrame, cure: str) -> None:
    """Refuse numbers that stand neither for names nor, in the bundle's survey, for positions."""
    if PASSBAND not in observations.columns or not observations[PASSBAND].dtype.is_numeric():
        return
    names = bundle.representation.passbands.names
    numbers = observations[PASSBAND].drop_nulls().drop_nans()
    if not len(numbers) or _is_of_plasticc(bundle) or all(name.isdecimal() for name in names):
        return
    raise DataError(
        f"{PASSBAND} must hold the names {', '.join(names)}, because the bundle's survey has no "
        f"numbers for them, got {numbers[0]:g}: {cure}"
    )


def _is_of_plasticc(bundle: Bundle) -> bool:
    passbands = bundle.representation.passbands.names
    return bundle.provenance.get("survey") in _OF_PLASTICC and passbands == _PASSBANDS_OF_PLASTICC


def _without_marks(curves: LightCurves, metadata: tuple[str, ...]) -> LightCurves:
    """Return metadata with null in place of what PLAsTiCC's files have for it."""
    objects = curves.objects
    for name in metadata:
        if name in WITH_MISSING and (missing := objects[name] == MISSING).any():
            objects = objects.with_columns(objects[name].set(missing, None))
    return curves if objects is curves.objects else replace(curves, objects=objects)
