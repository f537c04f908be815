"""What a table of very many short light curves costs: one epoch of a network, and classifying it.

Writes a made-up table of transients in three classes, in two passbands with twenty observations
each, as Parquet files with an object table beside them. Then `train.py` reads it and trains
`model=dense` for one epoch, and `predict.py` classifies it with that bundle; of both it prints
seconds and the peak of resident memory.

    python benchmarks/many_objects.py FOLDER
    python benchmarks/many_objects.py FOLDER --objects 150000 -- features=reference
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from preparing import run

OBSERVATIONS = 20
PER_FILE = 100_000  # objects
CLASSES = {"fast": 8.0, "slow": 40.0, "steady": 1e4}  # time scales in days


def write(folder: Path, objects: int) -> None:
    """Write the survey's files, unless they are there already."""
    if (folder / "objects.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    labels = rng.choice(len(CLASSES), objects)
    scales = np.array(list(CLASSES.values()))
    for first in range(0, objects, PER_FILE):
        ids = np.arange(first, min(first + PER_FILE, objects))
        mjd = 60_000 + np.sort(rng.uniform(0, 100, (len(ids), OBSERVATIONS)), axis=1)
        away = (mjd - 60_000 - rng.uniform(20, 80, (len(ids), 1))) / scales[labels[ids], None]
        bright = 10 ** rng.uniform(1, 3, (len(ids), 1))
        error = np.full(mjd.shape, 5.0)
        flux = bright * np.exp(-(away**2)) + rng.normal(0, error)
        pl.DataFrame(
            {
                "object_id": np.repeat(ids, OBSERVATIONS),
                "mjd": mjd.ravel(),
                "passband": np.tile(["g", "r"], mjd.size // 2),
                "flux": flux.ravel(),
                "flux_err": error.ravel(),
            }
        ).write_parquet(folder / f"light_curves_{first // PER_FILE:03d}.parquet")
    names = np.array(list(CLASSES))
    pl.DataFrame({"object_id": np.arange(objects), "type": names[labels]}).write_parquet(
        folder / "objects.parquet"
    )


def main() -> None:
    """Make the files, train, classify, and print what each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--objects", type=int, default=1_500_000)
    parser.add_argument("words", nargs="*", help="further words for train.py, behind --")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    survey = folder / f"survey_{arguments.objects}"
    write(survey, arguments.objects)
    tables = [
        "survey=table",
        f"survey.root={survey}",
        "survey.observations='light_curves_*.parquet'",
        "survey.objects=objects.parquet",
        "survey.passbands=[g,r]",
        "survey.wavelengths=[472,641]",
        "survey.columns.label=type",
    ]
    trained = folder / f"run_{arguments.objects}"
    training = ["model=dense", "model.fit.epochs=1", "stacking.mode=holdout"]
    training += [f"paths.output_dir={trained}", f"paths.cache_dir={folder / 'cache'}"]
    cases = {
        "training": ["train.py", *tables, *training, *arguments.words],
        "classifying": [
            *("predict.py", *tables, f"bundle={trained / 'bundle'}"),
            f"output={folder / f'predictions_{arguments.objects}.parquet'}",
        ],
    }
    for name, words in cases.items():
        cost = run(words)
        print(
            f"{name:>11}: {arguments.objects:,} objects, {arguments.objects * OBSERVATIONS:,} "
            f"observations: {cost.seconds:,.0f} s, {cost.cpu_seconds:,.0f} s of processors, "
            f"peak {cost.peak_mb:,.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
