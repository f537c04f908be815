"""`python train.py` by itself, made small: simulate, train, evaluate, classify."""

import json

import polars as pl
import pytest

pytestmark = pytest.mark.slow

SKY = ("survey.cadence.wfd_fields=200", "survey.cadence.ddf_fields=10")
SIZES = ("survey.training=400", "survey.held_out=80", "survey.test=150")
SMALL = (
    "model.members.dense.fit.epochs=2",
    "model.members.trees.boosting.rounds=3",
    "evaluation.figures=false",
)
NAMED = (
    "model=stack",
    "model.members.bigru.fit.epochs=1",
    "model.members.bigru.network.gru_units=[4]",
)
ALONE = ("model.members.dense_twin.fit.epochs=1",)
CURE = "experiment=at_large"  # the survey at large is farther and fainter


@pytest.mark.parametrize(
    ("choices", "members"),
    [
        (ALONE, ["dense", "dense_twin", "trees", "stack"]),
        (NAMED, ["dense", "bigru", "trees", "stack"]),
    ],
    ids=["by itself", "a model by its name"],
)
def test_a_run_that_needs_no_data(tmp_path, train_command, choices, members):
    words = (*SKY, *SIZES, *SMALL, *choices, "paths.output_dir=run")
    done = train_command(*words, f"paths.cache_dir={tmp_path}/cache", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "simulated: 630 objects" in done.stdout
    assert "80 held-out objects, drawn like the training ones" in done.stdout
    assert "150 test objects" in done.stdout
    assert "arXiv:2006.12333" not in done.stdout  # its scores are not beside PLAsTiCC's
    said = "experiment=at_large, as the command chooses no augment"
    alone = choices is ALONE
    assert done.stdout.startswith(said) is alone
    if not alone:  # before it trains, and in the report
        assert done.stdout.index(CURE) < done.stdout.index("holdout:")
    assert (CURE in (tmp_path / "run/report.txt").read_text()) is not alone
    assert ("objects are moved in redshift" in done.stdout) is alone
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert list(metrics["models"]) == list(metrics["held_out"]) == members

    predicted = train_command(
        *SKY,
        "bundle=run/bundle",
        "survey=simulated",
        "survey.part=test",
        "survey.test=40",
        "output=out.parquet",
        folder=tmp_path,
        script="predict.py",
    )
    assert (predicted.returncode, predicted.stderr) == (0, "")
    assert "unlike the training objects" in predicted.stdout
    assert (CURE in predicted.stdout) is not alone
    table = pl.read_parquet(tmp_path / "out.parquet")
    assert len(table) == 40
    assert "class_99" in table.columns
    # The same objects as those of the run, and so the same probabilities.
    stored = pl.read_parquet(tmp_path / "run/probabilities.parquet")
    stored = stored.filter(model="stack").join(table, on="object_id", suffix="_again")
    assert len(stored) == 40
    assert (stored["class_90"] - stored["class_90_again"]).abs().max() < 1e-6
