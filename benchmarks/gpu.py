"""What training and classifying take on a GPU.

Trains the paper's four networks and their head on simulated objects, as many as PLAsTiCC has for
training, with the given numbers of fits at a time, and prints seconds, those of each
fit, and how busy the GPU was. The last bundle then classifies the same objects, prepared, again
and again in batches of several sizes; some of its probabilities are compared with a CPU's. The
first training simulates and prepares, the others find that cached.

    python benchmarks/gpu.py --workers 1 4
    python benchmarks/gpu.py --workers auto -- model=stack
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import polars as pl
import torch
from predicting import take
from preparing import ROOT

from lcclassify.inference.predictor import Predictor
from lcclassify.representations.prepared import PreparedSet

RUNS = 3
OBJECTS = 7_848  # PLAsTiCC's training set
PAPER = ("experiment=paper", "survey=simulated", "survey.part=train", f"survey.training={OBJECTS}")
PAPER += ("stacking.cross_validate=false", "evaluation.figures=false")


@contextmanager
def watched_gpu() -> Iterator[list[tuple[int, int]]]:
    """Yield a list that takes the GPU's use in % and its memory in MiB, every second."""
    seen: list[tuple[int, int]] = []
    command = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "-l", "1"]
    command.append("--format=csv,noheader,nounits")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield seen
        process.terminate()
        lines = process.stdout.read().split("\n") if process.stdout else []
    seen += [(int(a), int(b)) for a, _, b in (x.partition(", ") for x in lines) if b.isdigit()]


def train(words: list[str], folder: Path) -> None:
    """Train once by the command and print what it took."""
    begin = perf_counter()
    command = [sys.executable, str(ROOT / "train.py"), *words, f"paths.output_dir={folder}"]
    with watched_gpu() as seen, folder.with_suffix(".log").open("w") as log:
        code = subprocess.call(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    seconds = perf_counter() - begin
    if code != 0:
        sys.exit(folder.with_suffix(".log").read_text())
    use, memory = np.array(seen or [(0, 0)]).T
    print(
        f"{' '.join(words)}: {seconds:.1f} s in all, GPU used {use.mean():.0f} % of the time, "
        f"at most {memory.max():,} MiB",
        flush=True,
    )
    for file in sorted(folder.glob("fits/*/*/history.json")):
        epochs = json.loads(file.read_text())["epochs"]
        took = sum(epoch["seconds"] for epoch in epochs)
        print(f"    {file.parent.relative_to(folder / 'fits')}: {len(epochs)} epochs, {took:.1f} s")
    metrics = json.loads((folder / "metrics.json").read_text())
    for name, model in metrics["models"].items():
        scores = {key: round(model["metrics"][key], 4) for key in ("accuracy", "log_loss")}
        print(f"    {name}: {scores}", flush=True)


def repeated(prepared: PreparedSet, count: int) -> PreparedSet:
    """Return a prepared set of at least so many objects: the given ones again and again."""
    times = -(-count // len(prepared))
    lengths = np.tile(prepared.lengths, times)
    return replace(
        prepared,
        object_ids=pl.Series(np.arange(len(lengths))),
        features=np.tile(prepared.features, (times, 1)),
        context=np.tile(prepared.context, (times, 1)),
        sequences=np.tile(prepared.sequences, (times, 1)),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
    )


def classify(run: Path, cache: Path, objects: int, batch_sizes: list[int]) -> None:
    """Print how fast a run's bundle classifies prepared objects, and how far from a CPU."""
    prepared = (PreparedSet.load(folder) for folder in (cache / "prepared").iterdir())
    given = next(one for one in prepared if one is not None)
    few, many = take(given, 500), repeated(given, objects)
    bundle = run / "bundle"
    exact = Predictor.load(bundle, accelerator="cpu").score(few, few.object_ids).probabilities
    print(f"  {len(many):,} prepared objects of {many.lengths.mean():.0f} nights on average:")
    for precision, batch_size in product(("32", "bf16"), batch_sizes):
        predictor = Predictor.load(
            bundle, accelerator="cuda", precision=precision, batch_size=batch_size
        )
        torch.cuda.reset_peak_memory_stats()
        seconds = []
        for _ in range(RUNS):
            begin = perf_counter()
            predictor.score(many, many.object_ids)
            seconds.append(perf_counter() - begin)
        found = predictor.score(few, few.object_ids).probabilities
        print(
            f"    precision {precision}, batches of {batch_size:,}: "
            f"{len(many) / median(seconds):,.0f} objects/s (up to "
            f"{len(many) / min(seconds):,.0f}), {np.abs(found - exact).max():.1e} from the CPU, "
            f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB",
            flush=True,
        )


def main() -> None:
    """Train and classify as asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workers", nargs="+", default=["auto"], help="fits at a time")
    parser.add_argument("--objects", type=int, default=60_000, help="at least so many to classify")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[1_024, 4_096, 16_384])
    parser.add_argument("words", nargs="*", help="overrides of train.py, after --")
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(temporary) / "cache"
        words = [*(options.words or PAPER), f"paths.cache_dir={cache}"]
        for workers in options.workers:
            run = Path(temporary) / f"workers_{workers}"
            train([*words, f"trainer.workers={workers}"], run)
        classify(run, cache, options.objects, options.batch_size)


if __name__ == "__main__":
    main()
