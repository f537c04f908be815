"""Runs on objects drawn anew: the same whatever happens to them, and what they leave."""

import json

import numpy as np
import polars as pl
import pytest
import yaml

import lcclassify
from lcclassify.errors import ConfigError, DataError
from lcclassify.training.callbacks import ProgressCallback

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def words(stack_words):
    return [
        *stack_words,
        "augment=gp",
        "augment.target=metadata",
        "augment.passes=2",
        "augment.held_out_draws=2",
        "survey.wavelengths=[480,620]",
        "priors=estimated",
        "stacking.refit=1",
    ]


@pytest.fixture(scope="module")
def drawn(run_train, words, tmp_path_factory, outcome):
    """A run in one go, and its outcome."""
    folder = tmp_path_factory.mktemp("drawn") / "run"
    run_train(folder, *words, "evaluation.figures=true", "tensorboard=true")
    return folder, outcome(folder)


def test_two_processes_do_the_same(tmp_path, train_command, words, drawn, outcome):
    done = train_command(
        *words,  # without figures, which change nothing either
        "trainer.workers=2",
        f"paths.output_dir={tmp_path / 'run'}",
        folder=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert outcome(tmp_path / "run") == drawn[1]
    assert "objects are moved in redshift" in " ".join(done.stdout.split())


def test_an_interrupted_run_goes_on_with_the_draws_it_would_have_had(
    monkeypatch, tmp_path, run_train, words, drawn, outcome
):
    folder, stops = tmp_path / "run", (4, 9, 6)
    todo = [*words, f"paths.output_dir={folder}"]
    finish = ProgressCallback.on_train_batch_end
    for stop in stops:
        batches = iter(range(1, 10_000))

        def spy(self, *args, batches=batches, stop=stop):
            finish(self, *args)
            if next(batches) == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(ProgressCallback, "on_train_batch_end", spy)
            with pytest.raises(KeyboardInterrupt):
                run_train(None, *todo)
        todo = [f"resume={folder}"]
    run_train(None, *todo)
    assert outcome(folder) == drawn[1]


def test_what_a_run_leaves(drawn):
    folder, _ = drawn
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert {"augmentation_examples.png", "augmentation_samples.png"} <= figures
    document = yaml.safe_load((folder / "bundle" / "bundle.yaml").read_text())
    assert document["provenance"]["augmentation"] == {"name": "gp", "target": "metadata"}
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["augmentation"] == {"name": "gp", "target": "metadata"}
    assert metrics["calibration"] == document["provenance"]["calibration"]
    report = (folder / "report.txt").read_text()
    assert "drawn anew" in report
    assert "temperature" in report
    last_step = document["provenance"]["calibration"]
    assert last_step["priors"] in ("estimated", "training")
    assert sum(last_step["shares"].values()) == pytest.approx(1)
    assert document["ensemble"]["calibration"]["temperature"] == last_step["temperature"]
    scaling = last_step["scaling"]
    assert (last_step["temperature"] != 1) == (scaling["kind"] == "temperature")
    assert set(scaling["log_loss"]) == {"none", "temperature", "vector"}
    assert ("reliability" in last_step) == (scaling["kind"] != "none")
    card = (folder / "bundle" / "MODEL_CARD.md").read_text()
    assert "like the training objects as drawn" in card
    assert ("in estimated shares" in card) == (last_step["priors"] == "estimated")


def test_the_bundle_says_what_the_run_says(drawn, survey_folder):
    folder, _ = drawn
    said = pl.read_parquet(folder / "probabilities.parquet").filter(pl.col("model") == "stack")
    observations = pl.read_csv(survey_folder / "observations.csv")
    objects = pl.read_csv(survey_folder / "objects.csv").select("object_id", "photoz")
    found = lcclassify.load(folder / "bundle").predict_proba(observations, objects)
    both = said.join(found, on="object_id", suffix="_found")
    assert len(both) == len(said) > 0
    for label in ("flat", "fast", "slow"):
        np.testing.assert_allclose(both[f"class_{label}_found"], both[f"class_{label}"], atol=1e-6)


def test_labels_of_the_target_are_not_looked_at(tmp_path, run_train, words, survey_folder, drawn):
    """Whatever the test objects are called, the bundle is the same."""
    folder = drawn[0]
    split = pl.read_parquet(folder / "splits.parquet")
    testing = split.filter(pl.col("role") == "test")["object_id"]
    for name in ("observations.csv", "objects.csv"):
        (tmp_path / name).write_bytes((survey_folder / name).read_bytes())
    objects = pl.read_csv(tmp_path / "objects.csv")
    others = pl.when(pl.col("object_id").is_in(testing.implode())).then(pl.lit("slow"))
    objects.with_columns(others.otherwise("type").alias("type")).write_csv(tmp_path / "objects.csv")
    run_train(
        tmp_path / "run",
        *words,
        f"survey.root={tmp_path}",
        f"split.file={folder / 'splits.parquet'}",
    )
    one, other = (
        (place / "bundle" / "weights.safetensors").read_bytes()
        for place in (folder, tmp_path / "run")
    )
    assert one == other


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["survey.wavelengths=null"], "needs the passbands' wavelengths"),
        (["augment.redshift=spec_z"], "spec_z"),
        (["priors={loud: 0.5}"], "priors names the class 'loud'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, run_train, words, changes, message):
    with pytest.raises((ConfigError, DataError), match=message):
        run_train(tmp_path / "run", *words, *changes)
    assert not list(tmp_path.rglob("*.ckpt"))  # said before anything was trained


def test_a_survey_without_redshifts_has_its_objects_dimmed(tmp_path, run_train, words):
    small = [word for word in words if not word.startswith("augment.target")]
    run_train(tmp_path / "run", *small, "augment.redshift=null", "priors=flat")
    document = yaml.safe_load((tmp_path / "run" / "bundle" / "bundle.yaml").read_text())
    assert document["provenance"]["calibration"]["priors"] == "flat"
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["models"]
