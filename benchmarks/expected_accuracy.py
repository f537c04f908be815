"""Whether the accuracy that is expected of other surveys than the training set's is found there.

    python benchmarks/expected_accuracy.py BUNDLE --objects 2000

BUNDLE was trained on the simulated survey. Twenty surveys are simulated, of other
depth (nights and visits), cadence and mixture of classes, and classified; printed are the
expected interval and the accuracy.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from json import loads
from pathlib import Path

ROOT = Path(__file__).parent.parent
IA, II, IBC, STARS = (f"survey.classes.{k}.fraction" for k in ("90", "42", "62", "16"))
SURVEYS = [
    [],
    ["survey.cadence.wfd_visits=50"],
    ["survey.cadence.wfd_visits=90"],
    ["survey.cadence.wfd_visits=250"],
    ["survey.cadence.nights=500", "survey.cadence.wfd_visits=60"],
    ["survey.cadence.nights=730", "survey.cadence.wfd_visits=160"],
    [f"{IA}=300000"],
    [f"{IA}=5000000"],
    [f"{II}=300000", f"{STARS}=800000"],
    [f"{II}=4000000"],
    [f"{IBC}=800000"],
    [f"{STARS}=1500000"],
    [f"{IA}=600000", "survey.cadence.wfd_visits=70"],
    [f"{II}=2000000", "survey.cadence.wfd_visits=200"],
    [f"{IA}=3000000", "survey.cadence.wfd_visits=50"],
    ["survey.classes.95.fraction=500000"],
    ["survey.classes.88.fraction=1500000"],
    ["survey.classes.92.fraction=2000000"],
    ["survey.part=train"],
    ["survey.part=train", "survey.classes.42.training_fraction=3000"],
]


def main() -> None:
    """Print the intervals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=100, help="of the first sky")
    arguments = parser.parse_args()
    held = 0
    for number, words in enumerate(SURVEYS):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "out.parquet"
            part = [] if "survey.part=train" in words else ["survey.part=test"]
            subprocess.run(
                [
                    *(sys.executable, str(ROOT / "predict.py"), f"bundle={arguments.bundle}"),
                    *(
                        "survey=simulated",
                        f"output={output}",
                        f"survey.seed={arguments.seed + number}",
                    ),
                    *(f"survey.test={arguments.objects}", f"survey.training={arguments.objects}"),
                    *("survey.cache_dir=null", *part, *words),
                ],
                check=True,
                capture_output=True,
            )
            manifest = loads(output.with_name("out.manifest.json").read_text())
            metrics = loads(output.with_name("out.metrics.json").read_text())
        _, low, high = manifest["shift"]["expected_accuracy"]
        found = list(metrics.values())[-1]["metrics"]["accuracy"]
        held += low <= found <= high
        name = " ".join(word.removeprefix("survey.") for word in words) or "the survey at large"
        mark = "" if low <= found <= high else "  *"
        print(f"{name:66s} {low:.3f} to {high:.3f}, found {found:.3f}{mark}", flush=True)
    print(f"{held} of {len(SURVEYS)} inside")


if __name__ == "__main__":
    main()
