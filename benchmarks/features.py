"""Which sets of features help trees, and what they cost: four surveys, cross-validated.

LightGBM on each choice of sets, out of fold in five folds: log-loss, macro F1, accuracy and,
for the smallest class, average precision, as mean and deviation over seeds (of the folds
and of the trees). The surveys are `half`, the training half of `experiment=snphotcc_half` (the
test half is never looked at); of its objects `small`, 3,043 in five lopsided classes,
and `two_bands`, 2,700 in g and r without any redshift or other metadata; and `simulated`,
4,000 spectroscopic objects of `survey=simulated` in 14 classes.

    python benchmarks/features.py --root ../shared/data/snphotcc
    python benchmarks/features.py --root ../shared/data/snphotcc --surveys small two_bands \
        --sets reference,shape,colour --without observed_
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import process_time
from typing import NamedTuple

import numpy as np
import polars as pl
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray

from lcclassify.build import config_dir, instantiate, to_plain
from lcclassify.cli import register_resolvers
from lcclassify.representations.features.sets import REFERENCE, feature_matrix, feature_names
from lcclassify.schema import LABEL, OBJECT_ID, PASSBAND, LightCurves, Passbands, Taxonomy
from lcclassify.training.splits import SplitSettings, encode_labels, split_objects

FOLDS = 5
BOTH = "reference,shape,colour"
CHOICES = (REFERENCE, "reference,shape", "reference,colour", BOTH, "shape,colour")
TREES = {
    "objective": "multiclass",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "feature_fraction": 0.3,
    "max_bin": 63,
    "min_data_in_leaf": 12,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
# The types of SNPhotCC in five classes, and how many objects of each `small` has.
FINE = {
    **{"Ia": "Ia", "II": "II", "IIP": "II", "IIL": "IIL", "IIn": "IIn"},
    **dict.fromkeys(("Ib", "Ic", "Ibc", "Ib/c"), "Ibc"),
}
SMALL = {"Ia": 2130, "II": 456, "Ibc": 244, "IIn": 122, "IIL": 91}
TWO_BANDS = 2700


class Problem(NamedTuple):
    """Light curves with labels: ``redshift`` is a column of metadata or None."""

    curves: LightCurves
    targets: NDArray[np.int64]
    redshift: str | None


def problem(curves: LightCurves, taxonomy: Taxonomy, redshift: str | None) -> Problem:
    """Return light curves of labelled objects with their classes as numbers without gaps."""
    targets = encode_labels(curves.objects[LABEL], taxonomy)
    return Problem(curves, np.unique(targets, return_inverse=True)[1], redshift)


def of_objects(curves: LightCurves, rows: NDArray[np.int64]) -> LightCurves:
    """Return the light curves of the objects at some positions."""
    objects = curves.objects[np.sort(rows)]
    observations = curves.observations.join(objects.select(OBJECT_ID), OBJECT_ID, "semi")
    return LightCurves(observations, objects, curves.passbands)


def training_half(root: str, class_map: Mapping[str, str] | None = None) -> Problem:
    """Return what `experiment=snphotcc_half` trains on with seed 0, in whatever classes."""
    config = composed("experiment=snphotcc_half", f"survey.root={root}")
    survey = instantiate(config["survey"])
    data = survey.read()
    settings = SplitSettings(**config["split"])
    rows = split_objects(data.light_curves.objects, data.taxonomy, settings, 0).rows("train")
    half = of_objects(data.light_curves, rows)
    if class_map is None:
        return problem(half, data.taxonomy, survey.redshift)
    fine = instantiate({**config["survey"], "class_map": class_map}).read()
    labels = fine.light_curves.objects.select(OBJECT_ID, LABEL)
    objects = half.objects.drop(LABEL).join(labels, OBJECT_ID, "left", maintain_order="left")
    return problem(replace(half, objects=objects), fine.taxonomy, survey.redshift)


def small(root: str) -> Problem:
    """Return 3,043 objects of the training half in five lopsided classes."""
    half = training_half(root, FINE).curves
    rng = np.random.default_rng(0)
    labels = half.objects[LABEL]
    rows = [
        rng.choice(np.flatnonzero((labels == label).to_numpy()), n, replace=False)
        for label, n in SMALL.items()
    ]
    chosen = of_objects(half, np.concatenate(rows))
    return problem(chosen, Taxonomy(tuple(SMALL)), "hostgal_photoz")


def two_bands(root: str) -> Problem:
    """Return 2,700 objects of the training half in g and r, of which nothing else is known."""
    half = training_half(root)
    rng = np.random.default_rng(1)
    rows = rng.choice(len(half.targets), TWO_BANDS, replace=False)
    chosen = of_objects(half.curves, rows)
    objects = chosen.objects.drop(chosen.metadata_columns)
    observations = chosen.observations.filter(pl.col(PASSBAND) < 2)
    return Problem(
        LightCurves(observations, objects, Passbands(("g", "r"), (472.0, 641.5))),
        half.targets[np.sort(rows)],
        None,
    )


def simulated() -> Problem:
    """Return 4,000 simulated objects that have a spectrum."""
    config = composed("survey=simulated", "survey.part=train")
    survey = instantiate(config["survey"])
    data = survey.read()
    return problem(data.light_curves, data.taxonomy, survey.redshift)


def composed(*words: str) -> dict:
    """Return the configuration of a training run."""
    register_resolvers()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return to_plain(compose("train", overrides=list(words)))


def features(given: Problem, sets: str) -> tuple[NDArray[np.float64], list[str], float]:
    """Return the columns of comma-separated sets, their names and the seconds it took."""
    curves = given.curves
    known = given.redshift is not None
    redshift = np.full(len(curves.objects), np.nan)
    if given.redshift is not None:
        redshift = curves.objects[given.redshift].cast(pl.Float64).to_numpy()
    chosen = sets.split(",")
    begin = process_time()
    matrix = feature_matrix(chosen, curves, redshift, with_redshift=known)
    seconds = process_time() - begin
    names = feature_names(
        chosen, curves.passbands, curves.metadata_columns, numbered=False, with_redshift=known
    )
    return matrix, list(names), seconds


def out_of_fold(
    matrix: NDArray[np.float64], targets: NDArray[np.int64], seed: int, rounds: int
) -> NDArray[np.float64]:
    """Return the probabilities ``(N, K)`` of trees that have not seen the object."""
    import lightgbm
    from sklearn.model_selection import StratifiedKFold

    parameters = TREES | {"num_class": int(targets.max()) + 1, "seed": seed}
    binning = {key: TREES[key] for key in ("verbosity", "max_bin")}
    found = np.zeros((len(targets), parameters["num_class"]))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(matrix, targets):
        data = lightgbm.Dataset(matrix[train], targets[train], params=binning)
        found[test] = lightgbm.train(parameters, data, rounds).predict(matrix[test])
    return found


def scores(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> list[float]:
    """Return log-loss, macro F1, accuracy and the rarest class's average precision."""
    from sklearn.metrics import average_precision_score, f1_score, log_loss

    chosen = probabilities.argmax(axis=1)
    rarest = int(np.bincount(targets).argmin())
    return [
        log_loss(targets, probabilities),
        f1_score(targets, chosen, average="macro"),
        float((chosen == targets).mean()),
        average_precision_score(targets == rarest, probabilities[:, rarest]),
    ]


def problems(names: list[str], root: str) -> Iterator[tuple[str, Problem]]:
    """Yield the surveys that are asked for."""
    makers = {
        "half": lambda: training_half(root),
        "small": lambda: small(root),
        "two_bands": lambda: two_bands(root),
        "simulated": simulated,
    }
    for name in names:
        yield name, makers[name]()


def main() -> None:
    """Print a line for each survey and choice of sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    surveys = ["half", "small", "two_bands", "simulated"]
    parser.add_argument("--root", required=True, help="survey.root of SNPhotCC")
    parser.add_argument("--surveys", nargs="+", choices=surveys, default=surveys)
    parser.add_argument("--sets", nargs="+", default=list(CHOICES), help="comma-separated")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--without", help="pattern that names of columns to leave out begin with")
    options = parser.parse_args()
    words = ("log-loss", "macro F1", "accuracy", "rarest AP")
    print(f"{'survey':10} {'sets':24} {'columns':>7}" + "".join(f"{w:>17}" for w in words))
    for name, given in problems(options.surveys, options.root):
        n = len(given.curves.observations)
        for sets in options.sets:
            features(given, sets)  # compiles
            matrix, columns, seconds = features(given, sets)
            kept = [not (options.without and re.match(options.without, c)) for c in columns]
            matrix = matrix[:, kept]
            found = np.array(
                [
                    scores(out_of_fold(matrix, given.targets, seed, options.rounds), given.targets)
                    for seed in options.seeds
                ]
            )
            spread = found.std(axis=0, ddof=1) if len(found) > 1 else np.zeros(found.shape[1])
            line = "".join(
                f"{mean:9.4f} ± {deviation:5.4f}"
                for mean, deviation in zip(found.mean(axis=0), spread, strict=True)
            )
            print(
                f"{name:10} {sets:24} {sum(kept):7}{line}   {n / seconds:12,.0f} observations/s",
                flush=True,
            )


if __name__ == "__main__":
    main()
