"""Scores of finished SNPhotCC runs, as the literature states them, with their spread.

For each run: the stack's ROC AUC of Ia against the rest, its accuracy at telling Ia from
the rest (the most probable class), its accuracy at the three classes, its log-loss, and
the lowest log-loss of a single member. All on the run's own test objects.

    for s in 0 1 2; do
        python train.py experiment=snphotcc_half survey.root=DIR seed=$s paths.output_dir=half/$s
    done
    python benchmarks/snphotcc.py half/0 half/1 half/2
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import log_loss, roc_auc_score

HEADER = ("run", "AUC Ia", "Ia accuracy", "accuracy", "log-loss", "best member")


def scores(run: Path) -> list[float]:
    """Return the five figures of a run, those after its name in `HEADER`."""
    table = pl.read_parquet(run / "probabilities.parquet")
    models = table["model"].unique(maintain_order=True).to_list()
    losses = {}
    figures: list[float] = []
    for model in models:
        rows = table.filter(pl.col("model") == model)
        classes = [name.removeprefix("class_") for name in rows.columns if name[:6] == "class_"]
        probabilities = rows.select(f"class_{name}" for name in classes).to_numpy()
        targets = np.array([classes.index(label) for label in rows["label"]])
        losses[model] = log_loss(targets, probabilities)
        chosen = probabilities.argmax(axis=1)
        is_ia = targets == classes.index("Ia")
        figures = [
            roc_auc_score(is_ia, rows["class_Ia"].to_numpy()),
            float(((chosen == classes.index("Ia")) == is_ia).mean()),
            float((chosen == targets).mean()),
            losses[model],
        ]
    *members, _ = losses.values()
    return [*figures, min(members, default=float("nan"))]


def main() -> None:
    """Print a line a run, the mean and the standard deviation."""
    runs = [Path(word) for word in sys.argv[1:]]
    if not runs:
        sys.exit(__doc__)
    print("".join(f"{word:>14}" for word in HEADER))
    found = np.array([scores(run) for run in runs])
    lines = [(run.name, row) for run, row in zip(runs, found, strict=True)]
    if len(runs) > 1:
        lines += [("mean", found.mean(axis=0)), ("s.d.", found.std(axis=0, ddof=1))]
    for name, row in lines:
        print(f"{name:>14}" + "".join(f"{value:14.4f}" for value in row))


if __name__ == "__main__":
    main()
