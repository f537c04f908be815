"""How far estimated redshifts are from spectroscopic ones, beside photometric ones.

Out of fold on the training objects (five folds, three seeds), overall and by class, and with
`--held-out` on the survey's held-out objects by the fit on all training objects. `simulated` has
4,000 training objects as `survey=simulated`, of which 2,780 are not of the Galaxy; `snphotcc` the
1,103 with a spectrum. NMAD is 1.48 median |d - median d| with d = dz / (1 + z), an outlier is off
by more than 0.15. With `--classify` trees are trained with and without the estimates.

    python benchmarks/redshift_member.py
    python benchmarks/redshift_member.py --held-out
    python benchmarks/redshift_member.py --survey snphotcc --root ../shared/data/snphotcc
    python benchmarks/redshift_member.py --classify --seeds 2
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray

from lcclassify.build import config_dir, instantiate, make_survey, to_plain
from lcclassify.cli import register_resolvers
from lcclassify.evaluation.redshifts import RedshiftScores
from lcclassify.nn.batching import TensorSet
from lcclassify.schema import LABEL, OBJECT_ID, SUBSET, Taxonomy
from lcclassify.tasks.console import FitConsole
from lcclassify.terminal import terminal
from lcclassify.training.member_fit import predict_rows
from lcclassify.training.redshift_fit import CatalogueColumns, RedshiftFit
from lcclassify.training.redshift_settings import RedshiftSettings
from lcclassify.training.splits import assign_folds, encode_labels

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Sample(NamedTuple):
    """Objects: ``held_out`` are those that no fit may see."""

    tensors: TensorSet
    targets: IntArray
    held_out: NDArray[np.bool_]
    taxonomy: Taxonomy
    truth: FloatArray
    columns: CatalogueColumns
    settings: RedshiftSettings


def read(words: Sequence[str]) -> Sample:
    """Read and prepare a survey with its spectroscopic redshifts beside."""
    register_resolvers()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = to_plain(
            compose("train", ["redshift@model.redshift=trees", "augment=none", *words])
        )
    survey = make_survey(config)
    metadata = tuple(survey.metadata)
    settings = instantiate(config["representation"]).of_survey(survey.redshift, metadata)
    column = str(survey.spectroscopic_redshift)
    data = survey.with_column(column).read()
    curves = data.light_curves
    truth = curves.objects[column].fill_null(np.nan).to_numpy()
    inputs = curves.objects.drop(column)
    fitted = settings.without_data(curves.passbands, metadata, 0)
    kept = (
        ~np.isnan(truth)
        & curves.objects[OBJECT_ID]
        .is_in(curves.observations[OBJECT_ID].unique().implode())
        .to_numpy()
    )
    ids = curves.objects[OBJECT_ID].filter(kept)
    observations = curves.observations.filter(curves.observations[OBJECT_ID].is_in(ids.implode()))
    prepared = fitted.prepare(type(curves)(observations, inputs.filter(kept), curves.passbands))
    objects = inputs.filter(kept)
    targets = encode_labels(objects[LABEL], data.taxonomy)
    redshift = RedshiftSettings.from_config(config["model"]["redshift"])
    if redshift is None:
        raise SystemExit("redshift@model.redshift is none")
    return Sample(
        TensorSet.from_prepared(prepared, targets),
        targets,
        (objects[SUBSET] == "held_out").fill_null(value=False).to_numpy(),
        data.taxonomy,
        truth[kept],
        CatalogueColumns.of(fitted.feature_names, fitted.redshift),
        redshift,
    )


def estimates(sample: Sample, train: IntArray, rows: IntArray, seed: int) -> FloatArray:
    """Return what a fit on some objects says of others, ``(n, L + 2)``."""
    usable = train[sample.truth[train] > 0]
    with tempfile.TemporaryDirectory() as folder:
        fit = RedshiftFit(
            settings=sample.settings,
            label="benchmark",
            folder=Path(folder),
            tensors=sample.tensors,
            train_rows=usable,
            truth=sample.truth[usable],
            columns=sample.columns,
            seed=seed,
        )
        fit.run(FitConsole(terminal(quiet=True)), None)
        estimator = fit.result()
    if estimator is None:
        raise SystemExit("the fit left nothing")
    return predict_rows(estimator, sample.tensors, rows)


def folds_of(sample: Sample, seed: int) -> IntArray:
    """Return the fold of each training object, -1 of the others."""
    folds = np.full(len(sample.targets), -1)
    training = np.flatnonzero(~sample.held_out)
    folds[training] = assign_folds(sample.targets[training], 5, seed)
    return folds


def out_of_fold(sample: Sample, seed: int) -> FloatArray:
    """Return what is said of each training object by the fit without its fold."""
    folds = folds_of(sample, seed)
    found = np.zeros((len(folds), len(sample.settings.posterior.column_names)))
    for fold in range(5):
        rows = np.flatnonzero(folds == fold)
        found[rows] = estimates(sample, np.flatnonzero((folds >= 0) & (folds != fold)), rows, seed)
    return found


def scores(sample: Sample, found: FloatArray, rows: NDArray[np.bool_]) -> RedshiftScores | None:
    """Compare estimates of some objects."""
    given = None
    if sample.columns.photometric is not None:
        given = sample.tensors.features[:, sample.columns.photometric].numpy()[rows]
    return RedshiftScores.of(found[rows, -2], found[rows, :-2], sample.truth[rows], given)


def line(what: str, each: Sequence[RedshiftScores | None]) -> str:
    """Return a row of the table: means over seeds."""
    known = [one for one in each if one is not None]
    if not known:
        return ""

    def mean(name: str) -> str:
        values = np.array([getattr(one, name) for one in known], dtype=np.float64)
        return f"{values.mean():.4f}" + (f" ± {values.std():.4f}" if len(values) > 1 else "")

    cells = [what, f"{known[0].objects:,}", mean("photometric_nmad"), mean("nmad")]
    cells += [mean("photometric_outliers"), mean("outliers"), mean("inside")]
    return " | ".join(cells)


def classified(sample: Sample, found: FloatArray | None, seed: int) -> tuple[float, float]:
    """Return log-loss and accuracy of trees out of fold, with estimates or without."""
    import lightgbm

    features = sample.tensors.features.numpy()
    if found is not None:
        features = np.concatenate([features, found], axis=1)
    folds = folds_of(sample, seed)
    own = folds >= 0
    classes, targets = np.unique(sample.targets, return_inverse=True)
    probabilities = np.zeros((len(own), len(classes)))
    options: dict[str, Any] = {
        "objective": "multiclass", "num_class": len(classes), "learning_rate": 0.1,
        "num_leaves": 8, "min_data_in_leaf": 10, "feature_fraction": 0.3, "lambda_l2": 1.0,
        "seed": seed, "num_threads": 1, "deterministic": True, "force_col_wise": True,
        "verbosity": -1,
    }  # fmt: skip
    for fold in range(5):
        train, test = own & (folds != fold), folds == fold
        booster = lightgbm.train(options, lightgbm.Dataset(features[train], targets[train]), 100)
        probabilities[test] = booster.predict(features[test])
    said = probabilities[own, targets[own]]
    right = probabilities[own].argmax(axis=1) == targets[own]
    return -float(np.log(np.maximum(said, 1e-15)).mean()), float(right.mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--survey", choices=("simulated", "snphotcc"), default="simulated")
    parser.add_argument("--root", help="folder of SNPhotCC's files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--classify", action="store_true")
    parser.add_argument("words", nargs="*", help="overrides, such as model.redshift.truth=...")
    arguments = parser.parse_args()
    words = [f"survey={arguments.survey}", *arguments.words]
    if arguments.survey == "snphotcc":
        words += [f"survey.root={arguments.root}", "survey.split=challenge"]
    else:
        words += ["survey.test=0", f"survey.held_out={1000 if arguments.held_out else 0}"]
    sample = read(words)
    torch.set_num_threads(1)
    console = terminal()
    heads = ("objects", "number", "NMAD photometric", "NMAD", "outliers photometric")
    console.print(" | ".join((*heads, "outliers", "inside")), soft_wrap=True)
    if arguments.held_out:
        train, rows = np.flatnonzero(~sample.held_out), np.flatnonzero(sample.held_out)
        each = []
        for seed in range(arguments.seeds):
            found = np.zeros((len(sample.truth), len(sample.settings.posterior.column_names)))
            found[rows] = estimates(sample, train, rows, seed)
            each.append(scores(sample, found, sample.held_out))
        console.print(line("held out", each), highlight=False, soft_wrap=True)
        return
    started = process_time()
    every = [out_of_fold(sample, seed) for seed in range(arguments.seeds)]
    seconds = (process_time() - started) / arguments.seeds
    for label in ("all", *sample.taxonomy.classes):
        rows = ~sample.held_out
        if label != "all":
            rows &= sample.targets == sample.taxonomy.classes.index(label)
        text = line(label, [scores(sample, found, rows) for found in every])
        if text:
            console.print(text, highlight=False, soft_wrap=True)
    console.print(f"{seconds:.1f} seconds of a core a seed", highlight=False)
    if arguments.classify:
        for seed, found in enumerate(every):
            for what, given in (("without", None), ("with", found)):
                loss, accuracy = classified(sample, given, seed)
                console.print(
                    f"seed {seed} {what}: log-loss {loss:.4f}, accuracy {accuracy:.4f}",
                    highlight=False,
                )


if __name__ == "__main__":
    main()
