"""How objects are classified that lack a redshift which all training objects have.

The first command writes SNPhotCC as tables, a share of whose objects, none of them a training
object, have lost the photometric redshift and its error, and the split: half of all objects train,
or what a split file says; `--share 1` takes it from all. The last one scores runs on test objects
with and without a redshift.

    python benchmarks/lost_redshifts.py make lost --root ../shared/data/snphotcc --seed 14
    python train.py --config-dir lost experiment=at_large survey=lost \
        split.file=lost/splits.parquet seed=14 paths.output_dir=run
    python benchmarks/lost_redshifts.py score lost run
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from features import composed
from scipy.stats import rankdata

from lcclassify.augment.curves import Curves
from lcclassify.augment.observing import highest_ratios
from lcclassify.build import instantiate
from lcclassify.schema import OBJECT_ID, PASSBAND
from lcclassify.training.splits import SplitSettings, split_objects

PHOTOZ = ("hostgal_photoz", "hostgal_photoz_err")
YAML = """\
defaults: [table, _self_]
root: {folder}
observations: observations.parquet
objects: objects.parquet
passbands: [g, r, i, z]
wavelengths: [472, 641, 784, 926]
columns: {{object_id: object_id, mjd: mjd, flux: flux, flux_err: flux_err, passband: passband,
          detected: detected, label: label}}
metadata: {{hostgal_photoz: hostgal_photoz, hostgal_photoz_err: hostgal_photoz_err, mwebv: mwebv}}
redshift: hostgal_photoz
"""


def make(options: argparse.Namespace) -> None:
    """Write the tables, their description and the split."""
    words = ["survey=snphotcc", f"survey.root={options.root}", "split.test_fraction=0.5"]
    config = composed(*words)
    data = instantiate(config["survey"]).read()
    curves, folder = data.light_curves, options.folder.absolute()
    (folder / "survey").mkdir(parents=True, exist_ok=True)
    if options.split is None:
        settings = SplitSettings(**config["split"])
        split = split_objects(curves.objects, data.taxonomy, settings, options.seed)
        trains = np.isin(np.arange(len(curves.objects)), split.rows("train"))
        split.save(folder / "splits.parquet")
    else:
        table = pl.read_parquet(options.split)
        table.write_parquet(folder / "splits.parquet")
        training = table.filter(pl.col("role") == "train")[OBJECT_ID]
        trains = curves.objects[OBJECT_ID].is_in(training.implode()).to_numpy()
    lot = np.random.default_rng(options.seed).random(len(curves.objects))
    if options.faint:
        lot = rankdata(lot + rankdata(highest_ratios(Curves.of(curves))) / len(lot)) / len(lot)
    lost = pl.lit(pl.Series((lot < options.share) & ~trains))
    objects = curves.objects.drop("subset", strict=False).with_columns(
        pl.when(lost).then(None).otherwise(pl.col(name)).alias(name) for name in PHOTOZ
    )
    bands = dict(enumerate(curves.passbands.names))
    passband = pl.col(PASSBAND).cast(pl.Int64).replace_strict(bands, return_dtype=pl.String)
    curves.observations.with_columns(passband).write_parquet(folder / "observations.parquet")
    objects.write_parquet(folder / "objects.parquet")
    text = YAML.format(folder=folder)
    if options.no_column:
        text = text.replace("redshift: hostgal_photoz\n", "redshift: null\n")
        text = text.replace("".join(f"{name}: {name}, " for name in PHOTOZ), "")
    (folder / "survey" / "lost.yaml").write_text(text)


def score(options: argparse.Namespace) -> None:
    """Print log-loss and share that is right of test objects with and without a redshift."""
    objects = pl.read_parquet(options.folder / "objects.parquet").select(OBJECT_ID, PHOTOZ[0])
    print(f"{'run':20} {'with a redshift':>18} {'without':>18} {'all':>18}")
    for run in options.runs:
        table = pl.read_parquet(run / "probabilities.parquet")
        last = table.filter(pl.col("model") == table["model"].unique(maintain_order=True)[-1])
        last = last.filter(pl.col("evaluated_on") == "test objects").join(objects, OBJECT_ID)
        names = [name for name in last.columns if name.startswith("class_")]
        given, labels = last.select(names).to_numpy(), last["label"].to_list()
        own = np.array([names.index(f"class_{label}") for label in labels])
        loss = -np.log(np.clip(given[np.arange(len(own)), own], 1e-15, 1))
        right, has = given.argmax(axis=1) == own, last[PHOTOZ[0]].is_not_null().to_numpy()
        cells = [
            f"{loss[rows].mean():.3f}, {100 * right[rows].mean():.1f} %" if rows.any() else "none"
            for rows in (has, ~has, has | True)
        ]
        print(f"{run.name:20} " + " ".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    """Do what the first word says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--root", required=True, help="SNPhotCC's folder")
    making.add_argument("--split", type=Path, help="a run's splits.parquet; default half and half")
    making.add_argument("--share", type=float, default=0.2, help="of the others, without redshift")
    making.add_argument("--faint", action="store_true", help="faint objects lose it more often")
    making.add_argument(
        "--no-column",
        action="store_true",
        help="none has it, but training objects for augment.redshift",
    )
    making.add_argument("--seed", type=int, default=0)
    scoring = verbs.add_parser("score")
    scoring.add_argument("folder", type=Path)
    scoring.add_argument("runs", type=Path, nargs="+")
    options = parser.parse_args()
    make(options) if options.verb == "make" else score(options)


if __name__ == "__main__":
    main()
