"""What preparing a survey costs, beside plain pandas, and how its memory grows.

Simulates PLAsTiCC-form surveys of the given sizes, prepares each from CSV and from Parquet
by `lcclassify prepare` in a process of its own, and lets plain pandas (`preparing_peer.py`) do
the same with the first objects of the smallest one, whose numbers must agree to 1e-6. Prints a
table, and writes it as CSV if asked to.

    python benchmarks/preparing.py
    python benchmarks/preparing.py --objects 16000 160000 --workers 1 2 --csv preparing.csv
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import polars as pl

ROOT = Path(__file__).parent.parent
PLASTICC_ROWS = 453_653_105  # observations of PLAsTiCC's test set
TOLERANCE = 1e-6  # relative to the value, or absolute below 1
REPRESENTATIONS = {
    "default": [],
    "paper": [  # what plain pandas computes: without noise, with the reference's constants
        "representation=paper",
        "representation.noise=0",
        "representation.flux_range=[-1596742.6487144697,2751626.3243459687]",
    ],
}

PREPARE, SIMULATE = (["-m", "lcclassify", verb] for verb in ("prepare", "simulate"))


class Cost(NamedTuple):
    """What a command took: seconds, CPU seconds, largest resident memory in MB, and output."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def run(words: Sequence[str]) -> Cost:
    """Run Python in the project's folder, such as ``["predict.py", "output=FILE"]``.

    Raises:
        RuntimeError: It failed.
    """
    begin = perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = process.stdout.read() if process.stdout is not None else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - begin
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{output}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def simulated(folder: Path, objects: int, form: str) -> Path:
    """Return the folder of a simulated survey's files, which are made if they are missing."""
    parquet = folder / f"{objects}-parquet"
    if not parquet.exists():
        words = ["survey.training=0", f"survey.test={objects}", "gallery=false"]
        run([*SIMULATE, f"output={parquet}", *words])
    if form == "parquet":
        return parquet
    text = folder / f"{objects}-csv"
    if not text.exists():
        text.mkdir()
        for file in parquet.glob("*.parquet"):
            pl.scan_parquet(file).sink_csv(text / f"{file.stem}.csv")
    return text


def main() -> None:
    """Run every case and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--objects", type=int, nargs="+", default=[16_000, 160_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[os.cpu_count() or 1])
    parser.add_argument("--engine", nargs="+", default=["local"], choices=["local", "dask"])
    parser.add_argument("--peer", type=int, default=2_000, help="objects that pandas prepares")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--representation", default="paper", choices=list(REPRESENTATIONS))
    parser.add_argument("--data", type=Path, help="where the simulated surveys are kept")
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    rows = []
    representation = REPRESENTATIONS[options.representation]
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data or Path(temporary)
        data.mkdir(parents=True, exist_ok=True)
        prepared = Path(temporary) / "out"
        for form in ("csv", "parquet"):
            for objects in options.objects:
                survey = simulated(data, objects, form)
                for engine in options.engine:
                    for workers in options.workers:
                        for _ in range(options.repeats):
                            rows.append(
                                ours(survey, form, engine, workers, prepared, representation)
                            )
                            print_row(rows[-1])
            if options.peer:
                survey = simulated(data, options.objects[0], form)
                engine, workers = options.engine[0], options.workers[-1]
                rows.append(ours(survey, form, engine, workers, prepared, REPRESENTATIONS["paper"]))
                print_row(rows[-1])
                rows.append(pandas(survey, form, options.peer, prepared))
                print_row(rows[-1])
                fastest = max(
                    row["rate"] for row in rows if row["form"] == form and row["who"] != "pandas"
                )
                print(f"{'':8} {fastest / rows[-1]['rate']:.1f} times as fast as plain pandas")
    table = pl.DataFrame(rows)
    print_extrapolated(table)
    if options.csv:
        table.write_csv(options.csv)


def ours(
    survey: Path, form: str, engine: str, workers: int, output: Path, representation: list[str]
) -> dict[str, object]:
    """Prepare a survey by the command."""
    words = [
        *representation,
        "survey=plasticc",
        "survey.part=test",
        f"survey.root={survey}",
        f"output={output}",
    ]
    cost = run([*PREPARE, *words, f"engine={engine}", f"engine.workers={workers}"])
    manifest = json.loads((output / "manifest.json").read_text())
    observations = manifest["left_out"]["observations_read"]
    # The table shows the work; starting Python is the same few seconds for any size.
    work = float(manifest["elapsed_seconds"])
    return {
        "form": form,
        "who": engine,
        "workers": workers,
        "observations": observations,
        "seconds": work,
        "rate": observations / work,
        "command_seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "peak_mb": cost.peak_mb,
    }


def pandas(survey: Path, form: str, objects: int, prepared: Path) -> dict[str, object]:
    """Prepare some objects by the peer, and hold what the command made of them against it."""
    peer = str(Path(__file__).parent / "preparing_peer.py")
    with tempfile.TemporaryDirectory() as output:
        words = ["--survey", str(survey), "--objects", str(objects), "--output", output]
        cost = run([peer, *words, "--compare", str(prepared)])
    told = json.loads(cost.output.strip().splitlines()[-1])
    for name in ("features", "sequences"):
        print(f"{'':8} {name} differ from plain pandas by {told[f'{name}_differ']:.1e} at most")
        if told[f"{name}_differ"] > TOLERANCE:
            raise RuntimeError(f"the {name} are not those of plain pandas")
    return {
        "form": form,
        "who": "pandas",
        "workers": 1,
        "observations": told["observations"],
        "seconds": told["seconds"],
        "rate": told["observations"] / told["seconds"],
        "command_seconds": cost.seconds,
        "cpu_seconds": cost.cpu_seconds,
        "peak_mb": cost.peak_mb,
    }


def print_row(row: dict[str, object]) -> None:
    """Print one line of the table."""
    print(
        f"{row['form']:8} {row['who']:7} {row['workers']} workers {row['observations']:12,d} "
        f"observations {row['seconds']:8.1f} s {row['rate']:12,.0f} observations/s, command "
        f"{row['command_seconds']:7.1f} s, CPU {row['cpu_seconds']:7.1f} s, peak "
        f"{row['peak_mb']:6,.0f} MB",
        flush=True,
    )


def print_extrapolated(table: pl.DataFrame) -> None:
    """Print what PLAsTiCC's test set would take, from the costs of the largest size."""
    for form in ("csv", "parquet"):
        mine = table.filter((pl.col("form") == form) & (pl.col("who") != "pandas"))
        if mine.is_empty():
            continue
        best = mine.sort("rate").group_by("observations").last().sort("observations")
        costs = ", ".join(f"{1e6 / rate:.2f}" for rate in best["rate"])
        minutes = PLASTICC_ROWS / best["rate"][-1] / 60
        print(
            f"{form}: {costs} s a million observations by size; PLAsTiCC's "
            f"{PLASTICC_ROWS:,} would take {minutes:.1f} minutes"
        )


if __name__ == "__main__":
    main()
