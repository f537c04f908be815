"""How the default does on small surveys, beside LightGBM on the reference's features.

Two surveys of tables are made of simulated objects. `six`: 3,043 objects in ugrizy with their
redshifts, of five lopsided classes. `two`: 2,485 bright supernovae in g and r, detections as
magnitudes and nothing else, of five classes. The last command prints the scores of each member
and stack on the run's test objects, and those of LightGBM (its own settings, and gentler ones)
on the reference's features, without fields that the survey lacks, of the same training objects.

    lcclassify simulate output=large survey.part=test survey.test=16000 survey.seed=1 \
        format=parquet
    lcclassify simulate output=bright survey.part=train survey.training=9000 survey.seed=1 \
        format=parquet
    python benchmarks/few_objects.py tables large bright small
    python train.py survey=table survey.root=small $(cat small/six.txt) \
        split.test_fraction=.3 paths.output_dir=six
    python train.py survey=table survey.root=small $(cat small/two.txt) \
        split.test_fraction=.3 paths.output_dir=two
    python benchmarks/few_objects.py score six two
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
import yaml
from features import composed, features, problem
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from lcclassify.build import instantiate
from lcclassify.schema import OBJECT_ID

SIX = {90: "Ia", 42: "II", 62: "Ibc", 95: "SLSN", 15: "TDE"}
TWO = {90: "Ia", 42: "II", 62: "Ibc", 95: "SLSN", 52: "Ia-pec", 67: "Ia-pec"}
N_SIX = 3_043
COMMON = (
    "survey.observations={name}.csv survey.objects={name}_objects.csv survey.columns.label=type "
)
WORDS = {
    "six": (
        "survey.passbands=[u,g,r,i,z,y] survey.wavelengths=[367,482,622,755,869,971] "
        "survey.metadata=[z,mwebv] survey.redshift=z"
    ),
    "two": (
        "survey.passbands=[g,r] survey.wavelengths=[482,622] survey.brightness=magnitude "
        "survey.columns.flux=mag survey.columns.flux_err=mag_err"
    ),
}
GENTLE = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "colsample_bytree": 0.3,
    "min_child_samples": 12,
    "reg_lambda": 1.0,
    "n_estimators": 150,
}
RATIO = pl.col("flux") / pl.col("flux_err")


def make_tables(large: Path, bright: Path, folder: Path) -> None:
    """Write both surveys, and the words that describe them to `train.py`."""
    folder.mkdir(parents=True, exist_ok=True)
    objects, curves = _simulated(large, "true_target", SIX)
    seen = curves.group_by(OBJECT_ID).agg(n=(RATIO > 5).sum(), most=RATIO.max())
    seen = seen.filter((pl.col("n") >= 6) & (pl.col("most") > 12))
    objects = objects.join(seen, on=OBJECT_ID, maintain_order="left").rename({"true_z": "z"})
    objects = objects.sample(min(N_SIX, len(objects)), seed=3, shuffle=True)
    columns = ["flux", "flux_err"]
    _write(folder / "six", objects.select(OBJECT_ID, "type", "z", "mwebv"), curves, columns)

    objects, curves = _simulated(bright, "target", TWO)
    curves = curves.filter(pl.col("passband").is_in(["g", "r"]) & (RATIO > 5)).with_columns(
        mag=27.5 - 2.5 * pl.col("flux").log10(),
        mag_err=2.5 / np.log(10) * pl.col("flux_err") / pl.col("flux"),
    )
    often = curves.group_by(OBJECT_ID).len().filter(pl.col("len") >= 5)
    objects = objects.join(often, on=OBJECT_ID, maintain_order="left")
    _write(folder / "two", objects.select(OBJECT_ID, "type"), curves, ["mag", "mag_err"])
    for name, words in WORDS.items():
        (folder / f"{name}.txt").write_text(COMMON.format(name=name) + words + "\n")


def _simulated(
    folder: Path, column: str, classes: Mapping[int, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return objects of some classes, and the observations of all."""
    (file,) = folder.glob("*metadata.parquet")
    objects = pl.read_parquet(file).filter(pl.col(column).is_in(list(classes)))
    curves = pl.read_parquet(folder / "*lightcurves.parquet")
    bands = pl.col("passband").replace_strict(dict(enumerate("ugrizy")), return_dtype=pl.String)
    labels = pl.col(column).replace_strict(dict(classes), return_dtype=pl.String)
    return objects.with_columns(type=labels), curves.with_columns(passband=bands)


def _write(stem: Path, objects: pl.DataFrame, curves: pl.DataFrame, columns: list[str]) -> None:
    curves = curves.join(objects, on=OBJECT_ID, how="semi", maintain_order="left")
    curves.select(OBJECT_ID, "mjd", "passband", *columns).write_csv(f"{stem}.csv")
    objects.write_csv(f"{stem}_objects.csv")


def score(run: Path) -> None:
    """Print the scores of a run's members and stack, and of LightGBM."""
    table = pl.read_parquet(run / "probabilities.parquet")
    table = table.filter(pl.col("evaluated_on") == "test objects").sort(OBJECT_ID)
    names = [name for name in table.columns if name.startswith("class_")]
    words = yaml.safe_load((run / ".hydra" / "overrides.yaml").read_text())
    survey = instantiate(composed(*[w for w in words if w.startswith("survey")])["survey"])
    data = survey.read()
    given = problem(data.light_curves, data.taxonomy, survey.redshift)
    ids = data.light_curves.objects[OBJECT_ID]
    print(f"{run.name}: log-loss, macro F1, accuracy")
    for (model,), own in table.group_by("model", maintain_order=True):
        tested = ids.is_in(own[OBJECT_ID].implode()).to_numpy()
        _print(str(model), own.select(names).to_numpy(), given.targets[tested])
    matrix, _, _ = features(given, "reference")
    for name, settings in (("LightGBM", {}), ("LightGBM, gentler", GENTLE)):
        trees = lightgbm.LGBMClassifier(verbosity=-1, n_jobs=1, **settings)
        trees.fit(matrix[~tested], given.targets[~tested])
        _print(name, trees.predict_proba(matrix[tested]), given.targets[tested])


def _print(name: str, values: NDArray[np.float64], targets: NDArray[np.int64]) -> None:
    values = values / values.sum(axis=1, keepdims=True)
    chosen = values.argmax(axis=1)
    loss = -np.log(np.clip(values[np.arange(len(targets)), targets], 1e-15, 1)).mean()
    f1 = f1_score(targets, chosen, average="macro")
    print(f"  {name:20} {loss:.4f}  {f1:.4f}  {(chosen == targets).mean():.4f}")


def main() -> None:
    """Make the tables or score runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("tables")
    for name in ("large", "bright", "folder"):
        making.add_argument(name, type=Path)
    scoring = commands.add_parser("score")
    scoring.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "tables":
        make_tables(arguments.large, arguments.bright, arguments.folder)
        return
    for run in arguments.runs:
        score(run)


if __name__ == "__main__":
    main()
