"""Features and sequences of a survey's first objects by plain pandas, for `preparing.py`.

The pandas pipeline of `tests/representations/peer.py`: `groupby().agg()` for the 156
features, a loop over objects for the nightly sequences. Reading, computing and writing
Parquet are timed together, in one process. Afterwards its numbers are held against those
that `lcclassify prepare` wrote for the same survey; the last line is JSON.

    python benchmarks/preparing_peer.py --survey DIR --objects 2000 --output DIR --compare PREPARED
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import polars as pl

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "representations"))

import peer

FLUX_RANGE = (-1596742.6487144697, 2751626.3243459687)  # the reference's two constants
METADATA = ["hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv"]
N_BANDS = 6


def subset(survey: Path, objects: int, folder: Path) -> tuple[Path, Path]:
    """Write the first objects' rows to files of their own, of the survey's form."""
    (curves,) = survey.glob("*_lightcurves*")
    (table,) = survey.glob("*_metadata*")
    text = curves.suffix == ".csv"
    scan = pl.scan_csv if text else pl.scan_parquet
    rows = scan(table).head(objects).collect()
    own = scan(curves).filter(pl.col("object_id").is_in(rows["object_id"].implode())).collect()
    paths = folder / f"curves{curves.suffix}", folder / f"objects{curves.suffix}"
    for frame, path in zip((own, rows), paths, strict=True):
        frame.write_csv(path) if text else frame.write_parquet(path)
    return paths


def prepare(curves: Path, table: Path, output: Path) -> int:
    """Read, compute and write; return the number of observations."""
    read = pd.read_csv if curves.suffix == ".csv" else pd.read_parquet
    observations = read(curves).rename(columns={"detected_bool": "detected"})
    objects = read(table).set_index("object_id")[METADATA].replace(-9.0, np.nan)
    scale = 1 / np.log2(FLUX_RANGE[1] - FLUX_RANGE[0])
    observations[["flux", "flux_err"]] *= scale
    features = peer.features(observations, objects, N_BANDS, drop=True)
    features.reset_index().to_parquet(output / "features.parquet")
    sequences = peer.sequences(observations, N_BANDS)
    ids = np.repeat(list(sequences), [len(one) for one in sequences.values()])
    nights = pd.DataFrame(np.concatenate(list(sequences.values())).astype(np.float32))
    nights.columns = nights.columns.astype(str)
    nights.insert(0, "object_id", ids)
    nights.to_parquet(output / "sequences.parquet")
    return len(observations)


def largest_difference(output: Path, prepared: Path, name: str) -> float:
    """Return the largest difference from what was prepared, relative to the value or 1."""
    theirs = pl.read_parquet(output / f"{name}.parquet").sort("object_id", maintain_order=True)
    ours = pl.scan_parquet(prepared / f"{name}.parquet").filter(
        pl.col("object_id").is_in(theirs["object_id"].unique().implode())
    )
    table = ours.collect().sort("object_id", maintain_order=True)
    wanted = [c for c in table.columns if c not in ("object_id", "night")]
    left = table.select(wanted).to_numpy().astype(float)
    right = theirs.drop("object_id").to_numpy().astype(float)
    if not np.array_equal(np.isnan(left), np.isnan(right)):
        return float("inf")
    return float(np.nanmax(np.abs(left - right) / np.maximum(np.abs(right), 1)))


def main() -> None:
    """Time the pipeline and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--survey", type=Path, required=True)
    parser.add_argument("--objects", type=int, default=2_000)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--compare", type=Path, help="folder that lcclassify prepare wrote")
    options = parser.parse_args()
    curves, table = subset(options.survey, options.objects, options.output)
    begin = perf_counter()
    observations = prepare(curves, table, options.output)
    told = {"observations": observations, "seconds": perf_counter() - begin}
    if options.compare:
        for name in ("features", "sequences"):
            told[f"{name}_differ"] = largest_difference(options.output, options.compare, name)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
