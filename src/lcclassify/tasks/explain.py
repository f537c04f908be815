"""Shows what decided about one object of a survey."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from omegaconf import DictConfig

from lcclassify.build import make_survey
from lcclassify.errors import DataError
from lcclassify.evaluation.report import write_metrics
from lcclassify.importing import uncollected
from lcclassify.inference.document import read_document
from lcclassify.inference.expectations import Expectations
from lcclassify.inference.writer import check_writable
from lcclassify.schema import FLUX, FLUX_ERR, MJD, OBJECT_ID, PASSBAND, LightCurves
from lcclassify.surveys.base import Survey
from lcclassify.surveys.chunks import CHUNK_ROWS, SurveyChunks
from lcclassify.tables.ids import similar_ids
from lcclassify.tasks.surveying import (
    check_apart,
    flux_factor,
    output_of,
    require,
    with_flux_factor,
)
from lcclassify.terminal import say, tracked

if TYPE_CHECKING:
    from lcclassify.inference.explaining import Explanation

SUFFIX: Final = ".png"
_NIGHTS_TOLD: Final = 3
_SAME: Final = 1e-3  # distance at which an object of the same id is the object, and no namesake

_MANDATORY: Final = {
    "bundle": "the folder of a trained bundle, such as bundle=outputs/run/bundle",
    "survey": "where the object is, such as survey=snphotcc survey.root=FOLDER",
    "object": "the id of an object of the survey, such as object=615",
    "output": "the figure to write, such as output=object.png",
}


@dataclass(frozen=True)
class ExplainResult:
    """What was found and written.

    Attributes:
        explanation: Of the object.
        figure: PNG file.
        values: JSON file beside it.
    """

    explanation: Explanation
    figure: Path
    values: Path


def explain(cfg: DictConfig) -> ExplainResult:
    """Explain the class of one object by a figure, and by its numbers as JSON beside it.

    Args:
        cfg: `conf/explain.yaml`, composed.

    Raises:
        ConfigError: A mandatory key is missing, or a value invalid.
        BundleError: The bundle cannot be used.
        DataError: The survey's files are not as described, do not fit the bundle, or have no
            such object.
        OutputError: The result cannot be written.
    """
    require(cfg, _MANDATORY)
    output, folder = output_of(cfg, SUFFIX), Path(str(cfg.bundle)).expanduser()
    check_writable(output)
    expected = Expectations.from_config(cfg)
    expected.check(read_document(folder))
    survey: Survey = make_survey(cfg)
    values = output.with_suffix(".json")
    check_apart([output, values], [*survey.files(), folder])
    with uncollected():
        from lcclassify.inference.explaining import explain as explained
        from lcclassify.inference.predictor import Predictor

    predictor = Predictor.load(folder, accelerator="cpu", expectations=expected)
    chunks = survey.chunks(labels=False, rows=CHUNK_ROWS)
    factor, sentences = flux_factor(chunks.zeropoint, predictor.bundle.zeropoint)
    sentences += expected.sentences(predictor.bundle)
    curves = with_flux_factor(_found(chunks, str(cfg.object), survey.name), factor)
    explanation = explained(predictor, curves)
    names = tuple(predictor.bundle.taxonomy.display_names())
    _draw(explanation, curves, names, output)
    stated = {"priors": expected.described(), "unknown_fraction": predictor.unknown_fraction}
    write_metrics(values, {**explanation.to_dict(), **stated})
    for sentence in sentences:
        say(sentence)
    _say(explanation, names)
    say(f"Figure: {output}")
    say(f"Values: {values}")
    return ExplainResult(explanation, output, values)


def _found(chunks: SurveyChunks, wanted: str, survey: str) -> LightCurves:
    """Return the light curve of an object, whose rows may lie in several chunks."""

    def own(table: pl.DataFrame) -> pl.DataFrame:
        return table.filter(table[OBJECT_ID].cast(pl.String) == wanted)

    if chunks.objects is not None and not len(own(chunks.objects)):
        raise _missing(survey, wanted, chunks.objects[OBJECT_ID])
    observations, objects = [], []
    others: list[pl.Series] = []
    passbands = None
    for index in tracked(range(len(chunks)), len(chunks), f"looking through {survey}", "chunks"):
        curves = chunks.read(index).light_curves
        passbands = curves.passbands
        rows = own(curves.observations)
        if len(rows):
            observations.append(rows)
            objects.append(own(curves.objects))
        elif chunks.objects is None and not observations:
            others.append(curves.objects[OBJECT_ID])
    if passbands is None or not observations:
        if chunks.objects is not None:
            raise DataError(f"object {wanted} has no usable observation")
        raise _missing(survey, wanted, pl.concat(others) if others else pl.Series([""]))
    return LightCurves(
        pl.concat(observations).sort(MJD, maintain_order=True), objects[0], passbands
    )


def _missing(survey: str, wanted: str, ids: pl.Series) -> DataError:
    """Return the error of an id that no object has, with the ids that look like it."""
    near = similar_ids(wanted, ids)
    hint = f": similar ids are {', '.join(near)}" if near else ""
    return DataError(f"{survey} has no object {wanted}{hint}")


def _draw(
    explanation: Explanation, curves: LightCurves, names: tuple[str, ...], output: Path
) -> None:
    from lcclassify.evaluation.figures import (
        ExplainedObject,
        LightCurvePanel,
        explanation_figure,
        write_figures,
    )

    rows = curves.observations
    first = float(explanation.night_mjd[0])
    k = explanation.predicted
    panel = LightCurvePanel(
        f"{explanation.object_id}: {names[k]} ({explanation.probabilities[k]:.1%})",
        rows[MJD].to_numpy() - first,
        rows[FLUX].to_numpy(),
        rows[FLUX_ERR].to_numpy(),
        rows[PASSBAND].to_numpy().astype(np.int64),
        np.zeros(0),
        np.zeros((len(curves.passbands), 0)),
        time_label="",
    )
    redshift = explanation.redshift_change
    shown = ExplainedObject(
        light_curve=panel,
        passbands=curves.passbands.names,
        class_names=names,
        probabilities=explanation.probabilities,
        member_names=explanation.member_names,
        members=explanation.members,
        night_time=explanation.night_mjd - first,
        night_changes=explanation.night_changes,
        left_out=(*explanation.passbands, *(["redshift"] if redshift is not None else [])),
        left_out_changes=np.append(
            explanation.passband_changes, [] if redshift is None else [redshift]
        ),
        seen=explanation.seen,
        neighbours=[
            (str(one.object_id), one.target, one.distance) for one in explanation.neighbours or ()
        ],
    )
    write_figures({output.stem: explanation_figure(shown)}, output.parent)


def _say(explanation: Explanation, names: tuple[str, ...]) -> None:
    k = explanation.predicted
    say(
        f"Object {explanation.object_id} is {names[k]} with a probability of "
        f"{explanation.probabilities[k]:.1%}."
    )
    if explanation.unknown is not None:
        say(f"It is of no known class with a probability of {explanation.unknown:.1%}.")
    changes = np.nan_to_num(explanation.night_changes)
    best = [j for j in np.argsort(changes, kind="stable")[:_NIGHTS_TOLD] if changes[j] < 0]
    if best:
        told = ", ".join(f"MJD {explanation.night_mjd[j]:.2f} ({changes[j]:+.2g})" for j in best)
        say(f"Nights that speak for it most, by the change of ln p without them: {told}.")
    if explanation.neighbours is None:
        say("The bundle keeps no training objects, of which the nearest ones could be named.")
    else:
        first = explanation.neighbours[0] if explanation.neighbours else None
        if first and first.object_id == explanation.object_id and first.distance < _SAME:
            say("It is a training object itself: the classifier has learned from its class.")
        near = ", ".join(
            f"{one.object_id} ({names[one.target]}, {one.distance:.2f})"
            for one in explanation.neighbours
        )
        say(
            f"Training objects most like it, with their distances: {near}; 1 is the median "
            "distance of a kept training object from the nearest other one."
        )
