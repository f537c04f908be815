"""From a survey's files to what the networks train on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from lcclassify import __version__
from lcclassify.build import instantiate
from lcclassify.errors import DataError
from lcclassify.representations.prepared import PreparedSet, cache_key
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.schema import LABEL, OBJECT_ID
from lcclassify.surveys.base import SurveyData
from lcclassify.tasks.augmentation_figures import AugmentationArrays
from lcclassify.tasks.augmenting import make_stream, select
from lcclassify.tasks.runs import SPLITS, Run, check_same_data
from lcclassify.terminal import working
from lcclassify.training.seeds import derive_seed
from lcclassify.training.splits import Split, encode_labels, split_objects
from lcclassify.training.streams import DrawnStream


@dataclass(frozen=True)
class TrainingInputs:
    """Everything that training needs of the data.

    Attributes:
        survey: What was read.
        survey_name: Short name of the survey.
        objects: Canonical object table of the objects that are used.
        split: Their roles and folds.
        representation: Fitted on the training objects.
        prepared: Their arrays, in the same order.
        targets: ``(N,) int64``, their classes.
        stream: Draws training objects anew, or None.
        drawn: What figures show of that, or None.
    """

    survey: SurveyData
    survey_name: str
    objects: pl.DataFrame
    split: Split
    representation: FittedRepresentation
    prepared: PreparedSet
    targets: NDArray[np.int64]
    stream: DrawnStream | None
    drawn: AugmentationArrays | None


def read_inputs(run: Run, console: Console) -> TrainingInputs:
    """Read the survey, split its objects and prepare them, from the cache where possible.

    Raises:
        DataError: The files do not hold what was described, or nothing to train on.
        ConfigError: The configuration is invalid.
    """
    config, seed, augment = run.config, run.plan.seed, run.plan.augment
    survey = instantiate(config["survey"])
    settings = instantiate(config["representation"])
    column = augment.column(survey, settings.sequences.redshift) if augment.steps else None
    added = column is not None and column not in survey.metadata
    if added:
        survey = survey.with_column(str(column))
    fingerprint = survey.fingerprint()
    check_same_data(run, fingerprint)
    with working(console, f"reading {survey.name}"):
        data: SurveyData = survey.read()
    curves = data.light_curves
    _say_what_was_read(data, survey.name, console)

    observed = curves.objects.join(
        curves.observations.select(OBJECT_ID).unique(), on=OBJECT_ID, how="semi"
    ).sort(OBJECT_ID)
    if observed.is_empty():
        raise DataError(f"{survey.name} has no object with a usable observation")
    split = _split(run, observed, data, seed)
    used = (split.table["role"] != "unlabelled").to_numpy()
    unlabelled = int((~used).sum())
    if unlabelled and ((augment.steps and augment.target != "none") or run.plan.priors.estimated):
        used[:] = True
        console.print(f"  {unlabelled:,} objects without a known class are part of the target.")
    elif unlabelled:
        console.print(f"  {unlabelled:,} objects without a known class are left out.")
    observed = observed.filter(pl.Series(used))
    split = Split(split.table.filter(pl.Series(used)))
    redshift = np.full(len(observed), np.nan)
    if column is not None and column in observed.columns:
        redshift = observed[column].fill_null(np.nan).to_numpy()
    if added:  # not an input
        observed = observed.drop(str(column))
    curves = select(curves, observed)
    targets = encode_labels(observed[LABEL], data.taxonomy)

    training = select(curves, observed[split.rows("train")])
    with working(console, f"preparing {len(observed):,} objects"):
        representation = settings.fit(training, derive_seed(seed, "noise"))
        key = cache_key(
            {
                "survey": fingerprint,
                "representation": representation.state(),
                "objects": observed[OBJECT_ID].to_list(),
                "version": __version__,
            }
        )
        folder = Path(config["paths"]["cache_dir"]) / "prepared" / key
        prepared = PreparedSet.load(folder)
        if prepared is None or not prepared.object_ids.equals(observed[OBJECT_ID]):
            prepared = representation.prepare(curves)
            _keep(prepared, folder, console)
    stream = drawn = None
    if augment.steps:
        with working(console, "fitting what training objects are drawn from"):
            stream, notes = make_stream(
                augment, curves, redshift, split, targets, len(data.taxonomy), representation
            )
        for sentence in notes:
            console.print(f"  {sentence}", highlight=False, soft_wrap=True)
        if config["evaluation"]["figures"]:
            with working(console, "drawing objects to show"):
                drawn = AugmentationArrays.of(
                    stream, curves, split, data.taxonomy, data.zeropoint, derive_seed(seed, "shown")
                )
    return TrainingInputs(
        data, survey.name, observed, split, representation, prepared, targets, stream, drawn
    )


def _say_what_was_read(data: SurveyData, name: str, console: Console) -> None:
    curves = data.light_curves
    console.print(
        Text.assemble(
            (name, "bold"),
            f": {len(curves.objects):,} objects, {len(curves.observations):,} observations in "
            f"{' '.join(curves.passbands.names)}, classes {', '.join(data.taxonomy.classes)}",
        ),
        highlight=False,
        soft_wrap=True,
    )
    for sentence in data.report.sentences():
        console.print(f"  {sentence}", highlight=False, soft_wrap=True)


def _split(run: Run, observed: pl.DataFrame, data: SurveyData, seed: int) -> Split:
    settings = run.plan.split
    path = run.folder / SPLITS
    if path.is_file():
        return Split.load(path, observed[OBJECT_ID])
    if settings.file is not None:
        split = Split.load(Path(settings.file), observed[OBJECT_ID])
    else:
        split = split_objects(observed, data.taxonomy, settings, seed)
    split.save(path)
    return split


def _keep(prepared: PreparedSet, folder: Path, console: Console) -> None:
    try:
        prepared.save(folder)
    except OSError as error:
        # The cache only saves time: without it the run goes on all the same.
        console.print(f"  the prepared set is not cached: {error}", highlight=False, soft_wrap=True)
