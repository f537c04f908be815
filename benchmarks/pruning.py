"""What pruning saves: the same search with and without a pruner, one after the other.

    python benchmarks/pruning.py                                  # dense_quick, simulated survey
    python benchmarks/pruning.py --search bigru_quick --pruner median n_startup_trials=4 \
        n_warmup_steps=3 --overrides survey=snphotcc survey.root=DIR

Random search draws trial n's configuration from the seed and n alone, so that both
searches go through the same configurations; they share the folds and all seeds. Printed
are the best value of either, the epochs trained and the seconds of its trials.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import polars as pl

TRAIN = Path(__file__).parent.parent / "train.py"


class Outcome(NamedTuple):
    """What came of one search."""

    best: float
    complete: int
    epochs: int
    seconds: float


def search(name: str, overrides: list[str], folder: Path) -> Outcome:
    """Run a search to its end and read what it left behind."""
    command = [sys.executable, str(TRAIN), "-m", f"search={name}"]
    subprocess.run([*command, *overrides, f"paths.output_dir={folder}"], check=True)
    trials = pl.read_csv(folder / "trials.csv")
    histories = folder.glob("*/fits/*/*/history.json")
    return Outcome(
        best=float(trials[trials.columns[2]][0]),
        complete=int((trials["state"] == "complete").sum()),
        epochs=sum(len(json.loads(path.read_text())["epochs"]) for path in histories),
        seconds=float(trials["seconds"].sum()),
    )


def main() -> None:
    """Run both searches and print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--search", default="dense_quick")
    parser.add_argument(
        "--pruner",
        nargs="+",
        default=["median", "n_startup_trials=4", "n_warmup_steps=3"],
        metavar=("NAME", "ARGUMENT=VALUE"),
    )
    parser.add_argument("--overrides", nargs="*", default=[], help="of train.py, for both")
    parser.add_argument("--folder", type=Path, help="where to leave the searches")
    options = parser.parse_args()
    name, *arguments = options.pruner
    pruner = [f"search.pruner.name={name}", *(f"++search.pruner.{word}" for word in arguments)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        outcomes = {
            "no pruner": search(
                options.search,
                [*options.overrides, "search.pruner.name=none"],
                folder / "unpruned",
            ),
            name: search(options.search, [*options.overrides, *pruner], folder / "pruned"),
        }
    print(f"\n{'':12}{'best':>10}{'complete':>10}{'epochs':>10}{'seconds':>10}")
    for label, one in outcomes.items():
        print(
            f"{label:12}{one.best:10.4f}{one.complete:10}{one.epochs:10,}{one.seconds:10.0f}",
        )
    without, pruned = outcomes.values()
    print(
        f"{'ratio':12}{'':20}{pruned.epochs / without.epochs:10.2f}"
        f"{pruned.seconds / without.seconds:10.2f}"
    )


if __name__ == "__main__":
    main()
