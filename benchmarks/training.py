"""What a whole training takes: with PyTorch's own layers and one fit at a time, and as it is.

Runs `train.py` in processes of its own, the ways in turn, and prints the seconds and the scores
of each run, and the ratios of neighbours in time:

    torch    this checkout, one fit at a time in one thread, PyTorch's own recurrent layers
    before   another checkout, as it is
    now      this checkout, as it is

Each run has a new cache, so that reading, simulating and preparing count. With --busy a process
that does nothing but keep one core busy runs beside every second one of the runs.

    python benchmarks/training.py
    python benchmarks/training.py --ways before now --before ../release
    python benchmarks/training.py --busy --ways now
    python benchmarks/training.py -- \
        model=stack survey=snphotcc survey.root=../shared/data/snphotcc split.test_fraction=0.5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parents[1]
WAYS = ("torch", "before", "now")

# Both kinds of layers that have a compiled form compute as PyTorch does.
TORCH_LAYERS = """
from lcclassify.cli import train
from lcclassify.nn.gru import GRULayer
from lcclassify.nn.pooling import TimePooling

GRULayer.compiled = TimePooling.compiled = False
train()
"""


@contextmanager
def busy_core(wanted: bool) -> Iterator[None]:
    """Keep one core busy while the context lasts."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run(way: str, words: list[str], checkout: Path, folder: Path) -> tuple[float, Path]:
    """Train once and return the seconds it took and the run's folder."""
    output = folder / "run"
    if way == "torch":
        command = [sys.executable, "-c", TORCH_LAYERS, *words, "trainer.workers=1"]
    else:
        command = [sys.executable, str(checkout / "train.py"), *words]
    command += [f"paths.output_dir={output}", f"paths.cache_dir={folder / 'cache'}"]
    begin = perf_counter()
    with (folder / "log").open("w") as log:
        code = subprocess.call(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": str(checkout / "src")},
        )
    seconds = perf_counter() - begin
    if code != 0:
        sys.exit((folder / "log").read_text())
    return seconds, output


def scores(output: Path) -> str:
    """Return what a run's stack scores, in words."""
    metrics = json.loads((output / "metrics.json").read_text())
    parts = []
    for where in ("models", "held_out"):
        if metrics.get(where):
            scalars = list(metrics[where].values())[-1]["metrics"]
            shown = ("accuracy", "log_loss", "macro_roc_auc")
            found = [f"{key} {scalars[key]:.4f}" for key in shown if key in scalars]
            parts.append(f"{'test' if where == 'models' else 'held out'}: {', '.join(found)}")
    return "; ".join(parts)


def main() -> None:
    """Run all ways in turn and print what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["torch", "now"])
    parser.add_argument("--before", type=Path, help="the other checkout")
    parser.add_argument("--runs", type=int, default=1, help="of each way")
    parser.add_argument("--busy", action="store_true", help="each also beside a busy process")
    parser.add_argument("words", nargs="*", help="overrides of train.py, after --")
    options = parser.parse_args()
    if "before" in options.ways and options.before is None:
        parser.error("the way 'before' needs --before CHECKOUT")
    ways = [(way, busy) for way in options.ways for busy in (False, True)[: 1 + options.busy]]
    print(f"train.py {' '.join(options.words)} on {os.cpu_count()} cores", flush=True)
    seconds: dict[tuple[str, bool], list[float]] = {key: [] for key in ways}
    for _ in range(options.runs):
        for way, busy in ways:
            checkout = options.before.absolute() if way == "before" else HERE
            with tempfile.TemporaryDirectory() as temporary, busy_core(busy):
                took, output = run(way, options.words, checkout, Path(temporary))
                beside = " beside a busy process" if busy else ""
                print(f"  {way}{beside}: {took:.1f} s; {scores(output)}", flush=True)
            seconds[way, busy].append(took)
    for way in options.ways[1:]:
        tell(f"{way} is # times as fast as {ways[0][0]}", seconds[ways[0]], seconds[way, False])
    for way in options.ways if options.busy else ():
        tell(
            f"{way} takes # times as long beside a busy process",
            seconds[way, True],
            seconds[way, False],
        )


def tell(text: str, above: list[float], below: list[float]) -> None:
    """Print the ratios of some runs' seconds where a text has #."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    middle, spread = statistics.median(ratios), f"({min(ratios):.2f} to {max(ratios):.2f})"
    print(text.replace("#", f"{middle:.2f} {spread}"), flush=True)


if __name__ == "__main__":
    main()
