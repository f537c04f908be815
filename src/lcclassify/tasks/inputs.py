"""From a survey's files to what the networks train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from lcclassify.build import instantiate, make_survey
from lcclassify.codestamp import code_stamp
from lcclassify.errors import DataError
from lcclassify.inference.door import detections_differ
from lcclassify.representations.prepared import PreparedSet, cache_key
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.schema import LABEL, OBJECT_ID, PASSBAND, LightCurves, Taxonomy
from lcclassify.surveys.base import Survey
from lcclassify.surveys.chunks import SurveyData
from lcclassify.tables.sortedids import distinct_sorted, positions, within
from lcclassify.tasks.augment_settings import AugmentSettings
from lcclassify.tasks.augmentation_figures import AugmentationArrays
from lcclassify.tasks.augmenting import best_redshift, make_stream, select, settled
from lcclassify.tasks.input_line import input_line
from lcclassify.tasks.kept_curves import KeptCurves, keep_curves
from lcclassify.tasks.mismatching import cached, mismatched_objects
from lcclassify.tasks.redshift import truth_column
from lcclassify.tasks.runs import SPLITS, Run, check_same_data
from lcclassify.tasks.shift import foretold
from lcclassify.terminal import working
from lcclassify.training.mismatch import Mismatched
from lcclassify.training.seeds import derive_seed
from lcclassify.training.splits import Split, encode_labels, split_objects
from lcclassify.training.streams import DrawnStream
from lcclassify.training.unknown_fit import can_leave_classes_out

_MOST_OF_TARGET: Final = 20_000  # objects without a class that training is aimed at, mostly
_PART: Final = 50_000  # objects that are prepared at a time


@dataclass(frozen=True)
class TrainingInputs:
    """Everything that training needs of the data.

    Attributes:
        taxonomy: The classes.
        zeropoint: AB magnitude of flux 1, or None.
        detections_stated: Whether the survey states other detections than tables without any get.
        survey_name: What the survey is called.
        published: Whether figures were published of these very objects.
        line: What the inputs are, in words.
        objects: Canonical object table of the objects that are used.
        split: Their roles and folds.
        representation: Fitted on the training objects.
        targets: ``(N,) int64``, their classes.
        augment: How training objects are drawn anew, or that they are not, being many.
        stream: Draws training objects anew, or None.
        notes: What follows from the training objects for how they are drawn and what is
            trained on them, in sentences.
        drawn: What figures show of that, or None.
        redshift: ``(N,)`` the best redshift of each, where one is read to learn from, else NaN.
        account: How the survey was read, in sentences.
        kept: Light curves that the report shows some of, or None.
        mismatched: Training objects with the redshifts of others, which teach what is unlike
            any class, or None.
    """

    taxonomy: Taxonomy
    zeropoint: float | None
    detections_stated: bool
    survey_name: str
    published: bool
    line: str
    objects: pl.DataFrame
    split: Split
    representation: FittedRepresentation
    targets: NDArray[np.int64]
    augment: AugmentSettings
    stream: DrawnStream | None
    notes: tuple[str, ...]
    drawn: AugmentationArrays | None
    redshift: NDArray[np.float64]
    account: tuple[str, ...]
    kept: KeptCurves | None
    mismatched: Mismatched | None


def read_inputs(run: Run, console: Console, said: set[str]) -> tuple[TrainingInputs, PreparedSet]:
    """Read the survey, split its objects and prepare them, from the cache where possible.

    Args:
        run: The run.
        console: Where to say what was read.
        said: Lines of inputs that runs of the same sweep have said.

    Returns:
        The inputs, and the arrays of their objects in the same order.

    Raises:
        DataError: The files do not hold what was described, or nothing to train on.
        ConfigError: The configuration is invalid.
    """
    config, seed, augment = run.config, run.plan.seed, run.plan.augment
    survey: Survey = make_survey(config)
    metadata = tuple(survey.metadata)
    settings = instantiate(config["representation"]).of_survey(survey.redshift, metadata)
    column = augment.column(survey, settings.sequences.redshift) if augment.steps else None
    if run.plan.redshift is not None:
        column = truth_column(run.plan.redshift.truth, survey)
    added = column is not None and column not in survey.metadata
    if added:
        survey = survey.with_column(str(column))
    fingerprint = survey.fingerprint()
    check_same_data(run, fingerprint)
    with working(console, f"reading {survey.name}"):
        data: SurveyData = survey.read()
    curves = data.light_curves
    _say_what_was_read(data, survey.name, console)
    used = settings.without_data(survey.passbands, metadata, 0)
    line = input_line(survey, used, data.zeropoint, curves.objects)
    if line not in said:
        said.add(line)
        console.print(Text(f"  {line}"), highlight=False, soft_wrap=True)

    if idle := augment.without_effect():
        console.print(
            f"  {', '.join(idle)} without effect: augment.steps is empty.",
            highlight=False,
            soft_wrap=True,
        )
    # Of all that is read there is no second copy: it may fill a good part of the memory.
    ids = distinct_sorted(curves.observations[OBJECT_ID])
    observed = curves.objects[positions(ids, curves.objects[OBJECT_ID])]
    if observed.is_empty():
        raise DataError(f"{survey.name} has no object with a usable observation")
    split = _split(run, observed, data, seed)
    used = (split.table["role"] != "unlabelled").to_numpy()
    n_training = len(split.rows("train"))
    if (augment := run.plan.augment.for_objects(n_training)) is not run.plan.augment:
        console.print(
            f"  {n_training:,} training objects are taken as they are: augment="
            f"{run.plan.augment.name} is for {run.plan.augment.most_objects:,} at most.",
            highlight=False,
            soft_wrap=True,
        )
    is_aimed = bool(augment.steps) and augment.target != "none"
    if not is_aimed:
        _say_what_is_unlike(curves, observed, split, settings.sequences.redshift, console)
    if unlabelled := int((~used).sum()):
        without = f"{unlabelled:,} objects without a known class"
        if is_aimed or run.plan.priors.estimated:
            # Test objects are of the target too, and mostly like the training ones.
            most = max(_MOST_OF_TARGET, 10 * len(split.rows("test")))
            aimed_at = split.unlabelled_at_random(most, seed)
            used[aimed_at] = True
            some = "" if len(aimed_at) == unlabelled else f"{len(aimed_at):,} of "
            console.print(f"  {some}{without} are part of the target.")
        else:
            console.print(f"  {without} are left out.")
    observed = observed.filter(pl.Series(used))
    split = Split(split.table.filter(pl.Series(used)))
    redshift = np.full(len(observed), np.nan)
    if column is not None and column in observed.columns:
        redshift = observed[column].fill_null(np.nan).to_numpy()
    if added:  # not an input
        observed = observed.drop(str(column))
    curves = select(curves, observed)
    taxonomy, zeropoint = data.taxonomy, data.zeropoint
    account = (_what_was_read(data, survey.name), *data.report.sentences())
    del data  # it may be most of the memory
    targets = encode_labels(observed[LABEL], taxonomy)

    stated = detections_differ(curves.observations)
    kept = None
    if run.plan.report:
        kept = keep_curves(
            run.folder,
            curves,
            observed[OBJECT_ID].filter(pl.Series(_evaluated(run, split))),
            settings.sequences.redshift,
            zeropoint,
            derive_seed(seed, "report"),
        )
    with working(console, "fitting the representation"):
        training = _parts_of(curves, observed[split.rows("train")])
        representation = settings.fit_parts(training, derive_seed(seed, "noise"))
    of_inputs = {
        "survey": fingerprint,
        "representation": representation.state(),
        "objects": observed[OBJECT_ID].to_list(),
        "code": code_stamp("representations", "augment"),
    }
    cache = Path(config["paths"]["cache_dir"])
    mismatched = None
    training_rows = split.rows("train")
    if run.plan.unknown is not None and can_leave_classes_out(targets[training_rows]):
        drawn_by = derive_seed(seed, "mismatched")
        chosen = {
            "training": training_rows.tolist(),
            "seed": drawn_by,
            "code": code_stamp("representations", "augment", "tasks"),
        }
        with working(console, "giving training objects the redshifts of others"):
            mismatched = cached(
                cache / "mismatched" / cache_key({**of_inputs, **chosen}),
                lambda: mismatched_objects(
                    curves, observed, training_rows, representation, drawn_by
                ),
            )
    with working(console, f"preparing {len(observed):,} objects"):
        folder = cache / "prepared" / cache_key(of_inputs)
        prepared = PreparedSet.load(folder)
        if prepared is None or not prepared.object_ids.equals(observed[OBJECT_ID]):
            prepared = _prepared(representation, curves, folder, console)
            if not augment.steps:
                del curves, training
    stream = drawn = None
    notes: list[str] = []
    if augment.steps:
        with working(console, "fitting what training objects are drawn from"):
            best = best_redshift(augment, redshift, observed, settings.sequences.redshift)
            stream, notes = make_stream(
                augment, curves, best, split, targets, len(taxonomy), representation
            )
            augment, stream = settled(augment, stream)
        for sentence in notes:
            console.print(f"  {sentence}", highlight=False, soft_wrap=True)
        if config["evaluation"]["figures"]:
            with working(console, "drawing objects to show"):
                drawn = AugmentationArrays.of(
                    stream, curves, split, taxonomy, zeropoint, derive_seed(seed, "shown")
                )
    inputs = TrainingInputs(
        taxonomy,
        zeropoint,
        stated,
        survey.name,
        survey.published,
        line,
        observed,
        split,
        representation,
        targets,
        augment,
        stream,
        tuple(notes),
        drawn,
        redshift,
        account,
        kept,
        mismatched,
    )
    return inputs, prepared


def _evaluated(run: Run, split: Split) -> NDArray[np.bool_]:
    """Return which rows the evaluation can be of."""
    roles = split.table["role"]
    tested = run.plan.test and (roles == "test").any()
    named = ["test", "held_out"] if tested else ["train", "held_out"]
    found: NDArray[np.bool_] = roles.is_in(named).to_numpy()
    return found


def _parts_of(curves: LightCurves, objects: pl.DataFrame) -> Iterator[LightCurves]:
    """Yield the light curves of some objects, some at a time."""
    for part in curves.parts(_PART):
        inside = within(part.objects[OBJECT_ID], objects[OBJECT_ID])
        yield select(part, part.objects.filter(pl.Series(inside)))


def _say_what_is_unlike(
    curves: LightCurves, objects: pl.DataFrame, split: Split, redshift: str | None, console: Console
) -> None:
    """Tell, before hours are spent, where training objects should be drawn farther away."""
    others = np.sort(np.concatenate([split.rows("test"), split.rows("unlabelled")]))
    ids = objects[OBJECT_ID]
    found = foretold(curves, ids[split.rows("train")], ids[others], redshift)
    for sentence in () if found is None else found.advice():
        console.print(f"  {sentence}", highlight=False, soft_wrap=True)


def _say_what_was_read(data: SurveyData, name: str, console: Console) -> None:
    line = Text(_what_was_read(data, name))
    line.stylize("bold", 0, len(name))
    console.print(line, highlight=False, soft_wrap=True)
    for sentence in data.report.sentences():
        console.print(f"  {sentence}", highlight=False, soft_wrap=True)


def _what_was_read(data: SurveyData, name: str) -> str:
    curves = data.light_curves
    seen = set(curves.observations[PASSBAND].unique())
    unseen = [band for k, band in enumerate(curves.passbands.names) if k not in seen]
    none = f" (none in {' '.join(unseen)})" if unseen else ""
    return (
        f"{name}: {len(curves.objects):,} objects, {len(curves.observations):,} observations in "
        f"{' '.join(curves.passbands.names)}{none}, classes {', '.join(data.taxonomy.classes)}"
    )


def _split(run: Run, observed: pl.DataFrame, data: SurveyData, seed: int) -> Split:
    settings = run.plan.split
    path = run.folder / SPLITS
    if path.is_file():
        return Split.load(path, observed[OBJECT_ID])
    if settings.file is not None:
        split = Split.load(Path(str(settings.file)), observed[OBJECT_ID])
    else:
        split = split_objects(observed, data.taxonomy, settings, seed)
    split.save(path)
    return split


def _prepared(
    representation: FittedRepresentation, curves: LightCurves, folder: Path, console: Console
) -> PreparedSet:
    """Prepare light curves, into the cache if it can be written: its memory can be given back."""

    def parts() -> Iterator[PreparedSet]:
        return map(representation.prepare, curves.parts(_PART))

    try:
        PreparedSet.save_parts(parts(), folder)
    except OSError as error:
        # The cache saves time and memory: the run continues without it.
        console.print(f"  the prepared set is not cached: {error}", highlight=False, soft_wrap=True)
    else:
        if (saved := PreparedSet.load(folder, check=False)) is not None:
            return saved
    return PreparedSet.together(parts(), len(curves.objects), len(curves.observations))
