"""How a classifier trained on near objects does on far ones, of SNPhotCC's spectroscopic sample.

No object without a spectrum is scored, so that settings of augmentation can be chosen by it: those
with a redshift below a limit train, those beyond test, and all others are unlabelled, a target
whose metadata may be used. The first command writes the split, the last one scores runs with
each class weighted to a stated share.

    python benchmarks/redshift_holdout.py split --root ../shared/data/snphotcc split.parquet
    python train.py model=bigru survey=snphotcc survey.root=../shared/data/snphotcc \
        survey.split=challenge augment=gp augment.target=metadata stacking.mode=holdout \
        split.file=split.parquet paths.output_dir=far
    python benchmarks/redshift_holdout.py score far
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from lcclassify.schema import OBJECT_ID, SUBSET
from lcclassify.surveys.snphotcc import SnphotccSurvey
from lcclassify.training.splits import (
    FOLD,
    ROLE,
    VALIDATION,
    SplitSettings,
    split_objects,
)

CLASSES = ("Ia", "II", "Ibc")
SHARES = (0.25, 0.57, 0.18)  # about those of a volume; the objects beyond are mostly Ia


def write_split(root: str, below: float, file: Path) -> None:
    """Write who trains, tests and is unlabelled."""
    survey = SnphotccSurvey(root, split="challenge")
    data = survey.with_column(str(survey.spectroscopic_redshift)).read()
    objects = data.light_curves.objects.sort(OBJECT_ID)
    near = (objects[SUBSET] == "train") & (objects["redshift_spec"] < below)
    far = (objects[SUBSET] == "train") & ~near
    roles = pl.select(
        pl.when(near).then(pl.lit("train")).when(far).then(pl.lit("test")).alias(SUBSET)
    )
    table = split_objects(
        objects.with_columns(roles.to_series()), data.taxonomy, SplitSettings(folds=3), seed=0
    ).table.select(OBJECT_ID, ROLE, FOLD, VALIDATION)
    table.write_parquet(file)
    print(table[ROLE].value_counts().sort(ROLE))


def score(runs: list[Path]) -> None:
    """Print the scores of runs on the objects beyond."""
    print(f"{'run':>20}  log-loss  accuracy  AUC of Ia  log-loss of {', '.join(CLASSES)}")
    for run in runs:
        table = pl.read_parquet(run / "probabilities.parquet")
        table = table.filter(pl.col("model") == table["model"][-1])
        values = table.select([f"class_{label}" for label in CLASSES]).to_numpy()
        targets = np.array([CLASSES.index(label) for label in table["label"]])
        counts = np.bincount(targets, minlength=len(CLASSES))
        weight = (np.array(SHARES) / counts)[targets]
        losses = -np.log(np.clip(values[np.arange(len(targets)), targets], 1e-6, 1))
        each = [losses[targets == k].mean() for k in range(len(CLASSES))]
        print(
            f"{run.name:>20}  {(weight * losses).sum():8.4f}  "
            f"{(weight * (values.argmax(1) == targets)).sum():8.4f}  "
            f"{roc_auc_score(targets == 0, values[:, 0]):9.4f}  "
            + "  ".join(f"{loss:.3f}" for loss in each)
        )


def main() -> None:
    """Write a split or score runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    splitting = commands.add_parser("split")
    splitting.add_argument("--root", required=True)
    splitting.add_argument("--below", type=float, default=0.5)
    splitting.add_argument("file", type=Path)
    scoring = commands.add_parser("score")
    scoring.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "split":
        write_split(arguments.root, arguments.below, arguments.file)
    else:
        score(arguments.runs)


if __name__ == "__main__":
    main()
