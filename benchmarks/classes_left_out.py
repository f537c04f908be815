"""How well objects of a class are told that no training object is of, class by class.

    python benchmarks/classes_left_out.py BUNDLE --seed 1 --objects 10000

BUNDLE is of a run on the simulated survey (`python train.py seed=1 survey.seed=1`): its
representation is used. The detector of unknown objects is fitted to that survey's training objects
without one class, for each in turn, and printed is the area under the ROC curve of this
class's objects against all objects of the others, at large. Networks have no part in the detector,
so that none is trained.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from sklearn.metrics import roc_auc_score
from unknown_objects import survey

from lcclassify.inference.predictor import Predictor
from lcclassify.schema import LABEL, OBJECT_ID, LightCurves
from lcclassify.tasks.mismatching import mismatched_objects
from lcclassify.training.mismatch import Mismatched
from lcclassify.training.unknown_fit import fit_unknown


def main() -> None:
    """Print an area a class, and their median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the sky")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.bundle, accelerator="cpu")
    taxonomy = predictor.bundle.taxonomy
    sky = f"survey.seed={arguments.seed}"
    training = survey([sky, "survey.part=train"])
    features, objects = features_of(predictor, training)
    large = survey([sky, f"survey.test={arguments.objects}", "survey.part=test"])
    values, others = features_of(predictor, large)
    at_large = others[LABEL].to_numpy()
    rows = np.arange(len(objects))
    mismatched = mismatched_objects(
        training, objects, rows, predictor.bundle.representation, arguments.seed
    )
    targets = np.array([taxonomy.classes.index(label) for label in objects[LABEL]])
    found = {}
    for k in np.unique(targets):
        label = taxonomy.classes[k]
        strange = at_large == label
        kept = rows[targets != k]
        fitted = fit_unknown(
            torch.as_tensor(features[kept]),
            targets[kept],
            kept,
            taxonomy,
            0.005,
            arguments.seed,
            mismatched=without(mismatched, kept),
        )
        if fitted is None or not strange.any():
            continue
        known = np.isin(at_large, [taxonomy.classes[j] for j in np.unique(targets[kept])])
        score = fitted.detector(torch.as_tensor(values)).numpy()
        among = strange | known
        found[label] = roc_auc_score(strange[among], score[among])
        name = taxonomy.display_names()[k]
        print(f"{name:32s} {strange.sum():6,} objects {found[label]:.3f}", flush=True)
    print(f"median {np.median(list(found.values())):.3f}, mean {np.mean(list(found.values())):.3f}")


def without(mismatched: Mismatched | None, kept: NDArray[np.int64]) -> Mismatched | None:
    """Return mismatched objects whose light curves are of the kept rows."""
    if mismatched is None:
        return None
    own = np.isin(mismatched.owners, kept)
    return Mismatched(mismatched.features[own], mismatched.owners[own])


def features_of(
    predictor: Predictor, curves: LightCurves
) -> tuple[NDArray[np.float64], pl.DataFrame]:
    """Return features ``(N, F)`` and the table of the objects that have some, ascending by id."""
    features, objects = [], []
    for part in curves.parts(5_000):
        prepared = predictor.prepare(part)
        if prepared is not None:
            own = part.objects.filter(pl.col(OBJECT_ID).is_in(prepared.object_ids.implode()))
            objects.append(own.sort(OBJECT_ID))
            features.append(prepared.features)
    return np.concatenate(features), pl.concat(objects)


if __name__ == "__main__":
    main()
