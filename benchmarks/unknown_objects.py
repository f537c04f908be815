"""How well objects of no known class are told, beside simpler scores.

    python benchmarks/unknown_objects.py BUNDLE --objects 20000 --seed 1

BUNDLE was trained by `python train.py` or another run on the simulated survey. Classes 991 to 994,
which no training set has, are raised to some 3 % of the survey at large. Printed are areas under
the ROC curve of these against all others, and the log-loss of the others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from hydra import compose, initialize_config_dir
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from lcclassify.build import config_dir, make_survey
from lcclassify.cli import register_resolvers
from lcclassify.inference.predictor import Predictor
from lcclassify.schema import LABEL, OBJECT_ID, LightCurves

FloatArray = NDArray[np.float64]

UNKNOWN = "99"
RAISED = {"991": 15_000, "992": 30_000, "993": 30_000, "994": 25_000}


def main() -> None:
    """Print the areas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="of the sky")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.bundle)
    if predictor.bundle.classifier.unknown is None:
        sys.exit("the bundle tells no unknown objects")
    features, labels, predictions, members = [], [], [], []
    raised = [f"survey.classes.{name}.fraction={share}" for name, share in RAISED.items()]
    sky = [f"survey.seed={arguments.seed}", f"survey.test={arguments.objects}", "survey.part=test"]
    for part in survey([*sky, *raised]).parts(5_000):
        prepared = predictor.prepare(part)
        if prepared is None:
            continue
        found = predictor.score(prepared, prepared.object_ids, keep_members=True)
        known = part.objects.filter(pl.col(OBJECT_ID).is_in(prepared.object_ids.implode()))
        labels.append(known.sort(OBJECT_ID)[LABEL].to_numpy())
        features.append(prepared.features)
        predictions.append(np.c_[found.probabilities, found.unknown])
        members.append(found.members)
    label = np.concatenate(labels)
    table, values = np.concatenate(features), np.concatenate(predictions)
    p, unknown = values[:, :-1], values[:, -1]
    truth = label == UNKNOWN
    each = np.concatenate([part for part in members if part is not None])
    mean = each.mean(axis=1, keepdims=True)
    forest = IsolationForest(n_estimators=200, random_state=0).fit(np.nan_to_num(table))
    scores = {
        "unknown": unknown,
        "entropy": -np.sum(p * np.log(np.maximum(p, 1e-12)), axis=1),
        "disagreement of members": np.sum(
            each * np.log(np.maximum(each, 1e-9) / np.maximum(mean, 1e-9)), axis=(1, 2)
        ),
        "isolation forest on these very objects": -forest.score_samples(np.nan_to_num(table)),
    }
    print(f"{truth.sum():,} unknown of {len(truth):,} objects")
    for name, score in scores.items():
        print(f"{name:40s} {roc_auc_score(truth, score):.3f}")
    classes = list(predictor.classes)
    own = np.array([classes.index(name) for name in label])
    without = p.copy()
    without[:, classes.index(UNKNOWN)] = 0
    without /= without.sum(axis=1, keepdims=True)
    losses = [-np.log(q[np.arange(len(own)), own][~truth]).mean() for q in (p, without)]
    print(f"log-loss of the others: {losses[0]:.4f}, {losses[1]:.4f} without class {UNKNOWN}")
    print(f"log-loss of the unknown: {-np.log(p[truth, classes.index(UNKNOWN)]).mean():.3f}")


def survey(words: list[str]) -> LightCurves:
    """Return the light curves of a simulated survey."""
    register_resolvers()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        made = make_survey(compose("train", overrides=["survey=simulated", *words]))
    return made.read().light_curves


if __name__ == "__main__":
    main()
