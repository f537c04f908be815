"""What a biased training set costs on the simulated survey: mean and spread over runs.

Reads the probabilities of finished runs, such as, for three seeds each,

    python train.py model=stack seed=0 survey.seed=10 survey.part=test survey.test=12000 \
        split.test_fraction=0.5 paths.output_dir=outputs/representative0
    python train.py model=stack seed=0 survey.seed=10 survey.training=6000 \
        survey.held_out=2000 survey.test=6000 paths.output_dir=outputs/biased0

    python benchmarks/simulated_scores.py --representative outputs/representative? \
        --biased outputs/biased?
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from lcclassify.evaluation.metrics import Evaluation, evaluate
from lcclassify.surveys.plasticc import PlasticcSurvey

TAXONOMY = PlasticcSurvey.taxonomy


def evaluation(run: Path, what: str, model: str) -> Evaluation:
    """Return the scores of a run's model on the objects that `what` begins with."""
    table = pl.read_parquet(run / "probabilities.parquet").filter(
        pl.col("evaluated_on").str.starts_with(what), model=model
    )
    targets = np.array([TAXONOMY.classes.index(label) for label in table["label"]])
    values = table.select(f"class_{label}" for label in TAXONOMY.classes).to_numpy()
    return evaluate(values, targets, TAXONOMY)


def spread(values: list[float | None]) -> str:
    """Return mean and standard deviation of the values that are defined."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    deviation = np.std(known, ddof=1) if len(known) > 1 else 0.0
    return f"{np.mean(known):.3f} ± {deviation:.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--representative", type=Path, nargs="+", required=True)
    parser.add_argument("--biased", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="stack")
    options = parser.parse_args()
    columns = {
        "representative": [
            evaluation(run, "test", options.model) for run in options.representative
        ],
        "biased": [evaluation(run, "test", options.model) for run in options.biased],
        "biased, held out": [evaluation(run, "held-out", options.model) for run in options.biased],
    }
    print(f"{'':36}" + "".join(f"{name:>20}" for name in columns))
    for metric in ("accuracy", "log_loss", "ece"):
        row = [spread([one.scalars[metric] for one in runs]) for runs in columns.values()]
        print(f"{metric:36}" + "".join(f"{cell:>20}" for cell in row))
    for label, name in zip(TAXONOMY.classes, TAXONOMY.display_names(), strict=True):
        row = [
            spread([one.scalars[f"recall/{label}"] for one in runs]) for runs in columns.values()
        ]
        print(f"recall of {label + ' ' + name:26}" + "".join(f"{cell:>20}" for cell in row))


if __name__ == "__main__":
    main()
