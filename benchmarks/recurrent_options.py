"""What options of the recurrent member are worth: one change at a time, training objects only.

Trains `model=bigru` on a part of the training half of SNPhotCC and scores it on the rest of that
half, with the last epoch's weights, so that nothing is chosen on what is scored. All
forms and seeds share one split; a seed is of initialisation, batches and dropout. The
difference to the first form is that of equal seeds. The test half is never looked at.

    python benchmarks/recurrent_options.py --root ../shared/data/snphotcc
    python benchmarks/recurrent_options.py --root ... --held-out 0.3 augment=light
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

CONSTANT = "model.fit.schedule={kind: constant, warmup: 0.2}"
CONTEXT = "representation.context=[metadata,log_flux_scale,log_luminosity]"
FORMS = {
    "default": [],
    "luminosity": [CONTEXT],
    "constant rate": [CONSTANT],
    "constant rate, averaged": [CONSTANT, "model.fit.averaging=0.15"],
    "constant rate, averaged longer": [CONSTANT, "model.fit.averaging=0.35"],
    "noise 0.2": ["model.network.gaussian_noise=0.2"],
    "attention": ["model.network.pooling=attention"],
    "maximum and mean": ["model.network.pooling=max_mean"],
    "more dropout": [
        "model.network.dropout=0.5",
        "model.network.spatial_dropout=0.25",
        "model.network.spatial_dropout_after_last=true",
    ],
    "weight decay 0.3": ["model.optimizer.weight_decay=0.3"],
    "weight decay 1": ["model.optimizer.weight_decay=1.0"],
    "label smoothing": ["model.loss.label_smoothing=0.05"],
}


def main() -> None:
    """Run every form with every seed and print a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", required=True, help="survey.root of SNPhotCC")
    parser.add_argument("--folder", type=Path, default=Path("recurrent_options"))
    parser.add_argument("--held-out", type=float, default=0.625, help="0.625: trains on 4,000")
    parser.add_argument("--seeds", type=int, nargs="*", default=[20, 21, 22])
    parser.add_argument("--only", nargs="*", help="names of the forms to run")
    parser.add_argument("words", nargs="*", help="of train.py, for all forms")
    options = parser.parse_args()
    first: list[float] | None = None
    print(f"{'form':34} {'log-loss':>16} {'difference':>17}", flush=True)
    for name, words in FORMS.items():
        if options.only and name not in options.only:
            continue
        found = [score(name, [*options.words, *words], seed, options) for seed in options.seeds]
        first = found if first is None else first
        line = f"{name:34} {spread(found):>16}"
        if first is not found:
            line += f" {spread([a - b for a, b in zip(found, first, strict=True)], '+'):>17}"
        print(line, flush=True)


def score(name: str, words: list[str], seed: int, options: argparse.Namespace) -> float:
    """Train one form and return its log-loss; a run that is there already is read."""
    run = options.folder / f"{name.replace(' ', '_').replace(',', '')}_{seed}"
    metrics = run / "metrics.json"
    if not metrics.is_file():
        split = options.folder / "splits.parquet"
        command = [
            *(sys.executable, str(Path(__file__).parents[1] / "train.py")),
            *(
                "survey=snphotcc",
                "split.test_fraction=0.5",
                f"survey.root={Path(options.root).absolute()}",
            ),
            *("model=bigru", "model.fit.checkpoint=last", f"seed={seed}"),
            *("stacking.mode=holdout", f"split.validation_fraction={options.held_out}"),
            *("evaluation.test=false", "evaluation.figures=false", "tensorboard=false"),
            *("trainer.workers=1", f"paths.output_dir={run}", *words),
        ]
        if split.is_file():
            command.append(f"split.file={split}")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        if not split.is_file():
            split.write_bytes((run / "splits.parquet").read_bytes())
    return float(json.loads(metrics.read_text())["models"]["bigru"]["metrics"]["log_loss"])


def spread(values: list[float], sign: str = "") -> str:
    """Return the mean and the standard deviation of some numbers in words."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else float("nan")
    return f"{np.mean(values):{sign}.4f} ± {deviation:.4f}"


if __name__ == "__main__":
    main()
