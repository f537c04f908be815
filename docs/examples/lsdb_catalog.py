"""Makes a nested HATS catalogue of a survey and classifies it with LSDB on two workers.

The survey is a folder in PLAsTiCC's form, in Parquet, such as `lcclassify simulate` writes:

    pip install "lcclassify[catalogs]"
    lcclassify simulate output=sky survey.training=0 survey.test=3000 gallery=false
    python docs/examples/lsdb_catalog.py --bundle outputs/run/bundle --survey sky --output hats

It is read into memory here; of larger ones hats-import makes the catalogue.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lsdb
import pandas as pd
from distributed import Client, LocalCluster
from nested_pandas import NestedFrame

from lcclassify.inference.nested import classify_nested

MISSING = -9.0
WITH_SENTINEL = ["hostgal_specz", "hostgal_photoz", "hostgal_photoz_err", "distmod"]
INPUTS = ["ra", "decl", "hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv"]


def nested_survey(folder: Path, part: str = "test") -> NestedFrame:
    """Return one row an object, its observations nested in the column `lightcurve`."""
    objects = pd.read_parquet(
        folder / f"plasticc_{part}_metadata.parquet", columns=["object_id", *INPUTS]
    ).set_index("object_id")
    for name in objects.columns.intersection(WITH_SENTINEL):
        objects[name] = objects[name].mask(objects[name] == MISSING)
    observations = pd.read_parquet(folder / f"plasticc_{part}_lightcurves.parquet")
    observations = observations.set_index("object_id")
    # The left join keeps objects without observations, which then get a reason.
    nested = NestedFrame(objects).join_nested(observations, "lightcurve", how="left")
    frame: NestedFrame = nested.reset_index()
    return frame


def main() -> None:
    """Write the catalogues `survey` and `classified` into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True, help="folder of a bundle")
    parser.add_argument("--survey", type=Path, required=True, help="folder of the survey")
    parser.add_argument("--output", type=Path, required=True, help="folder for the catalogues")
    options = parser.parse_args()

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        lsdb.from_dataframe(
            nested_survey(options.survey),
            catalog_name="survey",
            ra_column="ra",
            dec_column="decl",
            partition_rows=10_000,
            margin_threshold=None,
        ).write_catalog(options.output / "survey", progress_bar=False)

        catalog = lsdb.open_catalog(options.output / "survey")
        classified = catalog.map_partitions(
            classify_nested,
            bundle=options.bundle.absolute(),
            sources="lightcurve",
            # 0 to 5 are u, g, r, i, z, y, the numbers of PLAsTiCC.
            columns={"detected": "detected_bool"},
            keep=["object_id", "ra", "decl"],
        )
        classified.write_catalog(
            options.output / "classified", catalog_name="classified", progress_bar=False
        )

        written = lsdb.open_catalog(options.output / "classified")
        print(f"{len(written):,} objects in {written.npartitions} partitions")
        print(written.head(5)[["object_id", "ra", "decl", "predicted_class", "reason"]])


if __name__ == "__main__":
    main()
