"""The line in which every command says what its inputs are, and what it does without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lcclassify.build import instantiate, make_survey

if TYPE_CHECKING:
    import polars as pl

    from lcclassify.representations.representation import FittedRepresentation
    from lcclassify.schema import PlainConfig
    from lcclassify.surveys.base import Survey

_REST_TIMES = "rest_days_since_first_detection"


def input_line(
    survey: Survey,
    used: FittedRepresentation,
    zeropoint: float | None,
    objects: pl.DataFrame | None = None,
) -> str:
    """Return the redshift, metadata, passbands, units and detections that are used.

    Args:
        survey: What is read.
        used: What it is turned into; a bundle's, where one is used.
        zeropoint: AB magnitude of flux 1, or None.
        objects: The canonical object table, if it is there already: columns that values
            are missing of are marked.
    """
    missing = {} if objects is None else objects.null_count().row(0, named=True)
    columns = [
        f"{name} ({missing[name]:,} missing)" if missing.get(name) else name
        for name in used.metadata
    ]
    parts = (
        _redshift(survey, used),
        f"metadata {', '.join(columns)}" if columns else "no metadata",
        f"passbands {' '.join(used.passbands.names)}",
        "no zero-point stated" if zeropoint is None else f"zero-point {zeropoint:g}",
        f"detections {survey.detections}",
    )
    return f"Inputs of {survey.name}: {'; '.join(parts)}."


def input_line_of(config: PlainConfig) -> str:
    """Return the line of a training's configuration, of which no data are read yet."""
    survey: Survey = make_survey(config)
    settings = instantiate(config["representation"]).of_survey(survey.redshift, survey.metadata)
    used = settings.without_data(survey.passbands, tuple(survey.metadata), 0)
    return input_line(survey, used, survey.zeropoint)


def _redshift(survey: Survey, used: FittedRepresentation) -> str:
    if _REST_TIMES not in used.settings.sequences.times:
        return f"{f'redshift {used.redshift}, ' if used.redshift else ''}no rest-frame times"
    if used.redshift is not None:
        return f"redshift {used.redshift}"
    why = ""
    if survey.redshift is not None:
        why = f" ({survey.redshift} is not in use)"
    elif used.metadata:
        why = " (survey.redshift names none of the metadata)"
    return f"no redshift{why}, hence no rest-frame times"
