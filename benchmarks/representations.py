"""Which form of the sequences does better: the same network, one change at a time.

Cross-validates `model=bigru` on the training half of SNPhotCC for each form and prints
log-loss and accuracy out of fold. The test half is never looked at.

    python benchmarks/representations.py --root ../shared/data/snphotcc
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

BANDS = "representation.sequences.bands"
TIMES = "representation.sequences.times"
RECOMMENDED = "asinh_significance,relative_flux,log_flux_err,observed"
VARIANTS = {
    "paper": ["representation=paper"],
    "paper, standardised, metadata and scale beside it": [
        "representation=paper",
        "representation.noise=0",
        "representation.transforms.sequences.kind=standard",
        "representation.transforms.context={kind: standard, impute: median, indicator: true}",
        "representation.context=[metadata,log_flux_scale]",
    ],
    "default": [],
    "default without observed flags": [f"{BANDS}=[asinh_significance,relative_flux,log_flux_err]"],
    "default without significance": [f"{BANDS}=[relative_flux,relative_flux_err,observed]"],
    "default without time since first detection": [f"{TIMES}=[days_since_previous]"],
    "default without rest-frame time": [
        f"{TIMES}=[days_since_previous,days_since_first_detection]"
    ],
    "default without metadata and scale": ["representation.context=[]"],
}


def main() -> None:
    """Run every form and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", required=True, help="survey.root of SNPhotCC")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of the forms to run")
    options = parser.parse_args()
    print(f"{'form':50} {'log-loss':>9} {'accuracy':>9} {'AUC Ia':>8}", flush=True)
    for name, words in VARIANTS.items():
        if options.only and name not in options.only:
            continue
        print("{:50} {:9.4f} {:9.4f} {:8.4f}".format(name, *score(words, options)), flush=True)


def score(words: list[str], options: argparse.Namespace) -> tuple[float, float, float]:
    """Train one form and return its log-loss, accuracy and Ia ROC AUC out of fold."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            *(sys.executable, str(Path(__file__).parents[1] / "train.py")),
            *(
                "survey=snphotcc",
                "split.test_fraction=0.5",
                f"survey.root={Path(options.root).absolute()}",
            ),
            *("model=bigru", f"model.fit.epochs={options.epochs}", f"seed={options.seed}"),
            *(f"split.folds={options.folds}", "evaluation.figures=false", "tensorboard=false"),
            *(f"paths.output_dir={run}", *words),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        metrics = json.loads((run / "metrics.json").read_text())
    found = metrics["cross_validation"]["bigru"]["all_folds"]
    return found["log_loss"], found["accuracy"], found["roc_auc/Ia"]


if __name__ == "__main__":
    main()
