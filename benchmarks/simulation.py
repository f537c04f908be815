"""How fast the simulated survey is written, and with how much memory.

Writes the survey at large to Parquet in a process of its own for each size and number of
threads, and prints objects and observations a second and the peak of resident memory.

    python benchmarks/simulation.py
    python benchmarks/simulation.py --sizes 20000 200000 --workers 1 2 --repeats 3
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter


def write(size: int, workers: int, connection: object) -> None:
    """Simulate and write one survey; sends what it took."""
    from hydra import compose, initialize_config_dir

    from lcclassify.build import config_dir, instantiate
    from lcclassify.cli import register_resolvers
    from lcclassify.simulation.simulator import wide_ids
    from lcclassify.surveys.plasticc_writer import PlasticcWriter

    register_resolvers()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        survey = instantiate(compose("simulate", overrides=["output=none"]).survey)
    begin = perf_counter()
    simulator = survey.simulator()
    fields = perf_counter() - begin
    rows = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        PlasticcWriter(Path(folder), "test", "zenodo", "parquet", size) as writer,
    ):
        for chunk in simulator.chunks(wide_ids(size), workers=workers):
            writer.write(chunk)
            rows += len(chunk.observations)
    seconds = perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    connection.send((seconds, fields, rows, peak))  # type: ignore[attr-defined]


def main() -> None:
    """Run every size and number of threads and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(
        f"{'objects':>9} {'threads':>7} {'observations':>13} {'seconds':>8} {'of fields':>9} "
        f"{'objects/s':>10} {'(spread)':>15} {'observations/s':>15} {'peak MB':>8}"
    )
    for size in options.sizes:
        for workers in options.workers:
            runs = []
            for _ in range(options.repeats):
                ours, theirs = context.Pipe()
                process = context.Process(target=write, args=(size, workers, theirs))
                process.start()
                # Without our own copy a process that dies ends the wait.
                theirs.close()
                runs.append(ours.recv())
                process.join()
            seconds = median(run[0] for run in runs)
            rates = sorted(size / run[0] for run in runs)
            rows = runs[0][2]
            print(
                f"{size:9,d} {workers:7d} {rows:13,d} {seconds:8.1f} {runs[0][1]:9.1f} "
                f"{size / seconds:10,.0f} {f'{rates[0]:,.0f}-{rates[-1]:,.0f}':>15} "
                f"{rows / seconds:15,.0f} {max(run[3] for run in runs):8,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
