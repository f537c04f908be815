"""How well objects are classified some days after their first detection.

    python benchmarks/early.py BUNDLE [BUNDLE ...] -- survey=simulated survey.part=test \
        survey.test=3000 survey.seed=92

For every bundle and number of days `predict.py days=N` of the survey, whose labels tell accuracy,
log-loss and calibration error of the stack; with `--classes 15,42,90` of objects of these alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from hydra import compose, initialize_config_dir

from lcclassify.build import config_dir, make_survey
from lcclassify.cli import register_resolvers
from lcclassify.evaluation.metrics import evaluate
from lcclassify.schema import LABEL, OBJECT_ID, Taxonomy
from lcclassify.tasks.predict import predict

DAYS = ("0.5", "3", "7", "14", "30", "60", "120", "null")


def main() -> None:
    """Print the table."""
    arguments, words = parsed(sys.argv[1:])
    register_resolvers()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'days':>6}  objects" + "".join(f"  {bundle}" for bundle in arguments.bundles))
        for days in arguments.days.split(","):
            cells, count = [], 0
            for bundle in arguments.bundles:
                count, cell = scored(bundle, days, words, Path(folder), arguments.classes)
                cells.append(cell)
            print(f"{days:>6}  {count:>7,}" + "".join(f"  {cell}" for cell in cells), flush=True)


def parsed(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the arguments, and the words behind ``--``."""
    own, survey = (words, []) if "--" not in words else split(words)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--days", default=",".join(DAYS))
    parser.add_argument("--classes", help="of the objects that are looked at, with commas")
    return parser.parse_args(own), survey


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return what stands before and behind ``--``."""
    place = words.index("--")
    return words[:place], words[place + 1 :]


def scored(
    bundle: str, days: str, words: list[str], folder: Path, classes: str | None
) -> tuple[int, str]:
    """Return how many objects a bundle classified, and how well, in a few words."""
    output = folder / "predictions.parquet"
    own = [f"bundle={bundle}", f"output={output}", f"days={days}", "report=false", "restart=true"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("predict", overrides=[*words, *own, "evaluate=false", "engine.workers=1"])
    with contextlib.redirect_stdout(io.StringIO()):
        predict(config)
    labels = make_survey(config).read().light_curves.objects.select(OBJECT_ID, LABEL)
    table = pl.read_parquet(output).filter(pl.col("reason").is_null()).join(labels, OBJECT_ID)
    names = [name.removeprefix("class_") for name in table.columns if name.startswith("class_")]
    looked_at = names if classes is None else classes.split(",")
    table = table.filter(pl.col(LABEL).is_in(looked_at))
    probabilities = table.select(f"class_{name}" for name in names).to_numpy()
    targets = np.array([names.index(label) for label in table[LABEL]])
    scalars = evaluate(probabilities, targets, Taxonomy(tuple(names))).scalars
    said = f"{scalars['accuracy']:.3f} {scalars['log_loss']:.3f} {scalars['ece']:.3f}"
    return len(targets), said


if __name__ == "__main__":
    main()
