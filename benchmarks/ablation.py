"""What each ingredient of augmentation is worth on SNPhotCC's own split, one network at a time.

1,103 objects with a spectrum train, 20,216 others are scored: `bigru` once without
augmentation, with the light steps, with objects moved in redshift, towards the target, with
classes in their proportions at every redshift, and with estimated priors; then two networks
whose head learns from held-out objects as they are, or from draws of them (the networks are the
same to the bit). Runs that are finished are not run again.

    python benchmarks/ablation.py --root ../shared/data/snphotcc ablation
    python benchmarks/ablation.py --root ../shared/data/snphotcc ablation --rows light --seeds 4
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from snphotcc import scores

TRAIN = Path(__file__).parent.parent / "train.py"
COMMON = ("survey=snphotcc", "survey.split=challenge", "stacking.mode=holdout")
ONE = ("model=bigru",)
TWO = ("model=recurrent_stack", "split.validation_fraction=0.2")
TARGET = ("augment=gp", "augment.target=metadata")
ALIKE = "augment.steps.elsewhere.proportionate=false"
ROWS = {
    "nothing": (*ONE, "augment=none", "model.fit.epochs=40"),
    "light": (*ONE, "augment=light", "augment.passes=10"),
    "gp": (*ONE, "augment=gp", ALIKE),
    "target": (*ONE, *TARGET, ALIKE),
    "weights": (*ONE, *TARGET),
    "priors": (*ONE, *TARGET, "priors=estimated"),
    "head": (*TWO, *TARGET, "augment.held_out_draws=0"),
    "drawn_head": (*TWO, *TARGET),
}
HEADER = ("AUC Ia", "Ia accuracy", "accuracy", "log-loss", "calib. error")


def figures(run: Path) -> list[float]:
    """Return the figures of a finished run, as in `HEADER`."""
    metrics = json.loads((run / "metrics.json").read_text())
    last = list(metrics["models"].values())[-1]["metrics"]
    return [*scores(run)[:4], last["ece"]]


def main() -> None:
    """Run what is not finished and print a line for each row: mean and standard deviation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--root", required=True, help="SNPhotCC's folder")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[3, 4, 5])
    parser.add_argument("--overrides", nargs="*", default=[], help="of all runs")
    words = parser.parse_args()
    for seed in words.seeds:
        for row in words.rows:
            run = words.folder / row / str(seed)
            if (run / "metrics.json").is_file():
                continue
            command = [sys.executable, str(TRAIN), *COMMON, *ROWS[row], *words.overrides]
            command += [f"survey.root={words.root}", f"seed={seed}", f"paths.output_dir={run}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"{'':>12}" + "".join(f"{word:>20}" for word in HEADER))
    for row in words.rows:
        found = np.array([figures(words.folder / row / str(seed)) for seed in words.seeds])
        spread = found.std(axis=0, ddof=1) if len(found) > 1 else np.zeros(found.shape[1])
        cells = [f"{a:.4f} +- {b:.4f}" for a, b in zip(found.mean(axis=0), spread, strict=True)]
        print(f"{row:>12}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
