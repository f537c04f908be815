"""`python train.py` by itself, made small: simulate, train, evaluate, classify."""

import json

import polars as pl
import pytest

pytestmark = pytest.mark.slow

SKY = ("survey.cadence.wfd_fields=200", "survey.cadence.ddf_fields=10")
SIZES = ("survey.training=400", "survey.held_out=80", "survey.test=150")
SMALL = (
    "model.members.dense.fit.epochs=2",
    "model.members.bigru.fit.epochs=1",
    "model.members.trees.boosting.rounds=3",
    "model.members.bigru.network.gru_units=[4]",
    "evaluation.figures=false",
)


def test_the_default_run_needs_no_data(tmp_path, train_command):
    words = (*SKY, *SIZES, *SMALL, f"paths.cache_dir={tmp_path}/cache", "paths.output_dir=run")
    done = train_command(*words, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "simulated: 630 objects" in done.stdout
    assert "80 held-out objects, drawn like the training ones" in done.stdout
    assert "150 test objects" in done.stdout
    assert "arXiv:2006.12333" not in done.stdout  # its scores are not beside PLAsTiCC's
    cure = "augment=gp augment.target=metadata"  # the survey at large is farther and fainter
    assert cure in done.stdout
    assert cure in (tmp_path / "run/report.txt").read_text()
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    members = ["dense", "bigru", "trees", "stack"]
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
    assert cure in predicted.stdout
    table = pl.read_parquet(tmp_path / "out.parquet")
    assert len(table) == 40
    assert "class_99" in table.columns
    # The same objects as those of the run, and so the same probabilities.
    stored = pl.read_parquet(tmp_path / "run/probabilities.parquet")
    stored = stored.filter(model="stack").join(table, on="object_id", suffix="_again")
    assert len(stored) == 40
    assert (stored["class_90"] - stored["class_90_again"]).abs().max() < 1e-6
