"""Redshifts that are estimated before members are trained, and join their inputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.errors import ConfigError
from lcclassify.evaluation.redshifts import RedshiftScores
from lcclassify.training.context import TrainingContext

if TYPE_CHECKING:
    from rich.console import Console

    from lcclassify.nn.redshift import RedshiftEstimator
    from lcclassify.representations.representation import FittedRepresentation
    from lcclassify.surveys.base import Survey
    from lcclassify.training.redshift_settings import RedshiftSettings

FloatArray = NDArray[np.float64]

_ROLES: Final = {
    "train": "training objects, out of fold",
    "held_out": "held-out objects",
    "test": "test objects",
}


@dataclass(frozen=True)
class JoinedRedshifts:
    """Estimates that have joined the inputs.

    Attributes:
        estimator: What classifying needs.
        column_names: Names of the columns that joined.
        scores: By role of the objects, of those that have a spectroscopic redshift.
    """

    estimator: RedshiftEstimator
    column_names: tuple[str, ...]
    scores: dict[str, RedshiftScores]

    def sentences(self) -> list[str]:
        """Return the scores in words."""
        return [scores.sentence(_ROLES[role]) for role, scores in self.scores.items()]

    def to_dict(self) -> dict[str, Any]:
        """Return the plain values for `metrics.json`."""
        return {role: asdict(scores) for role, scores in self.scores.items()}


def truth_column(named: str, survey: Survey) -> str:
    """Return the column of the catalogue that redshifts are learned from.

    Args:
        named: Its name, or "auto" for the survey's spectroscopic redshift.
        survey: The survey.

    Raises:
        ConfigError: The survey has none that is known, or the column is an input.
    """
    from lcclassify.training.redshift_settings import AUTO

    column = survey.spectroscopic_redshift if named == AUTO else named
    if column is None:
        raise ConfigError(
            f"{survey.name} has no spectroscopic redshift that is known: name a column in "
            "model.redshift.truth, or take redshift@model.redshift=none"
        )
    if column in survey.metadata:
        raise ConfigError(
            f"survey.metadata has '{column}', so that it is an input, and model.redshift is to "
            "estimate it: leave it out of survey.metadata"
        )
    return column


@contextmanager
def with_redshifts(
    context: TrainingContext,
    settings: RedshiftSettings | None,
    truth: FloatArray,
    representation: FittedRepresentation,
    console: Console,
) -> Iterator[JoinedRedshifts | None]:
    """Estimate redshifts and let them join the context's inputs, while this context lasts.

    Args:
        context: What all fits share; its tensors become wider.
        settings: What estimates them; None for nothing.
        truth: ``(N,)`` spectroscopic redshifts, NaN where there is none.
        representation: What made the features.
        console: Where to say how good they are.

    Raises:
        TrainingError: Too few training objects have a spectroscopic redshift.
    """
    if settings is None:
        yield None
        return
    from lcclassify.tasks.console import FitConsole
    from lcclassify.training.mapped import MappedTensorSet, mapped
    from lcclassify.training.redshift_fit import CatalogueColumns, fit_redshifts, redshift_fits

    columns = CatalogueColumns.of(representation.feature_names, representation.redshift)
    fits = redshift_fits(context, settings, truth, columns)
    before, reporter = context.tensors, context.reporter
    with FitConsole(console, len(fits)) as context.reporter:
        fitted = fit_redshifts(context, fits)
    context.reporter = reporter
    photometric = None
    if columns.photometric is not None:
        photometric = before.features[:, columns.photometric].cpu().numpy()
    joined = JoinedRedshifts(
        fitted.estimator,
        fitted.estimator.posterior.column_names,
        _scores(context, fitted.columns, truth, photometric),
    )
    for sentence in joined.sentences():
        console.print(f"  {sentence}", highlight=False, soft_wrap=True)
    wider = before.joined(torch.as_tensor(fitted.columns))
    del fitted
    with ExitStack() as stack:
        if isinstance(before, MappedTensorSet):  # processes have to find it, too
            wider = stack.enter_context(mapped(wider, context.folder / settings.name))
        context.tensors = wider
        del wider
        yield joined
    context.tensors = before


def _scores(
    context: TrainingContext, columns: FloatArray, truth: FloatArray, photometric: FloatArray | None
) -> dict[str, RedshiftScores]:
    """Return scores by role, where any object of a role has a spectroscopic redshift."""
    scores = {}
    for role in _ROLES:
        rows = context.split.rows(role)
        quantiles, estimated = columns[rows, :-2], columns[rows, -2]
        given = None if photometric is None else photometric[rows]
        found = RedshiftScores.of(estimated, quantiles, truth[rows], given)
        if found is not None:
            scores[role] = found
    return scores
