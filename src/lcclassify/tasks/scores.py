"""Tables of scores: what the evaluation of a classified survey needs of labelled objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from lcclassify.evaluation.metrics import Evaluation, each_log_loss, evaluate
from lcclassify.evaluation.worth import beside_members
from lcclassify.inference.predictions import Predictions
from lcclassify.parquet import read_parquet
from lcclassify.schema import LABEL, OBJECT_ID, STACK, SUBSET, LightCurves, Taxonomy
from lcclassify.tasks.report_folder import BRIGHTNESS, REDSHIFT, measured

if TYPE_CHECKING:
    from lcclassify.inference.bundle import Bundle
    from lcclassify.inference.predictor import Predictor

# Table of a shard: label, subset and every model's probabilities, of labelled objects.
SCORES: Final = "scores"


def models_of(bundle: Bundle) -> tuple[str, ...]:
    """Return what of a bundle is evaluated, the whole last: members and stack, or one network."""
    names = bundle.member_names
    return names if len(names) == 1 and bundle.classifier.head is None else (*names, STACK)


def scores(predictor: Predictor, predictions: Predictions, curves: LightCurves) -> pl.DataFrame:
    """Return label, subset, quantities and probabilities of labelled objects that have them."""
    objects, bundle = curves.objects, predictor.bundle
    quantities = measured(
        curves, bundle.representation.settings.sequences.redshift, bundle.zeropoint
    )
    *members, whole = models_of(predictor.bundle)
    models = {whole: predictions.probabilities}
    if predictions.members is not None:
        models |= {name: predictions.members[:, m] for m, name in enumerate(members)}
    columns = {
        _column(model, label): values[:, k]
        for model, values in models.items()
        for k, label in enumerate(predictor.classes)
    }
    used = pl.Series(predictions.scored) & objects[LABEL].is_not_null()
    known = objects.select(OBJECT_ID, LABEL, SUBSET).with_columns(**columns).filter(used)
    return known.join(quantities, on=OBJECT_ID, how="left", maintain_order="left")


def evaluations(
    paths: Sequence[Path], taxonomy: Taxonomy, models: Sequence[str], n_scored: int
) -> tuple[dict[str, Evaluation], list[str]]:
    """Evaluate models on the labelled objects.

    Objects of classes that the bundle does not know are left out, and where the survey
    marks test objects, all others.

    Args:
        paths: Files of the tables of scores.
        taxonomy: The bundle's classes.
        models: Names of the models.
        n_scored: Objects with probabilities, labelled or not.

    Returns:
        Evaluations by name, in this order, and sentences on what is left out.
    """
    truth = pl.concat([read_parquet(path, columns=[LABEL, SUBSET]) for path in paths])
    label = truth[LABEL]
    used, sentences = _used(truth, taxonomy)
    if not used.any():
        sentences.append("Nothing was evaluated: no object has probabilities and a known label.")
        return {}, sentences
    without = n_scored - len(truth)
    if without:
        sentences.append(f"{without:,} objects without a label are left out of the evaluation.")
    targets = label.filter(used).replace_strict(
        list(taxonomy.classes), list(range(len(taxonomy))), return_dtype=pl.Int64
    )
    found, losses = {}, []
    # One model at a time: all of them may not fit into the memory.
    for model in models:
        columns = [_column(model, label) for label in taxonomy.classes]
        table = pl.concat([read_parquet(path, columns=columns) for path in paths])
        probabilities = table.filter(used).to_numpy()
        found[model] = evaluate(probabilities, targets.to_numpy(), taxonomy)
        losses.append(each_log_loss(probabilities, targets.to_numpy()))
    return beside_members(found, losses), sentences


def evaluated_objects(paths: Sequence[Path], taxonomy: Taxonomy) -> pl.DataFrame:
    """Return the objects that `evaluations` are of.

    Returns:
        `object_id`, `label` and the quantities that the tables hold of them.
    """
    columns = [OBJECT_ID, LABEL, SUBSET, REDSHIFT, BRIGHTNESS]
    truth = pl.concat([read_parquet(path, columns=columns) for path in paths])
    return truth.filter(_used(truth, taxonomy)[0]).drop(SUBSET)


def _used(truth: pl.DataFrame, taxonomy: Taxonomy) -> tuple[pl.Series, list[str]]:
    """Return which objects are evaluated, and sentences on those that are not."""
    sentences = []
    label = truth[LABEL]
    known = label.is_in(list(taxonomy.classes))
    foreign = label.filter(~known)
    if len(foreign):
        kinds = ", ".join(foreign.unique().sort().to_list())
        who = "1 object has" if len(foreign) == 1 else f"{len(foreign):,} objects have"
        sentences.append(
            f"{who} a label that is none of the bundle's classes ({kinds}): classified, and left "
            "out of the evaluation."
        )
    used = known
    is_test = (truth[SUBSET] == "test").fill_null(False)
    if (used & is_test).any() and not is_test.filter(used).all():
        used = used & is_test
        sentences.append(
            f"The evaluation is of the {used.sum():,} objects that the survey marks as test "
            "objects."
        )
    return used, sentences


def _column(model: str, label: str) -> str:
    """Return the column of a model's probability of a class in the table of scores."""
    return f"{model}:{label}"
