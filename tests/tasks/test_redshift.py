"""A stack whose members are given estimated redshifts: from files to a bundle and back."""

import json
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import yaml
from safetensors.torch import load_file, save_file

from lcclassify.errors import BundleError, ConfigError, TrainingError
from lcclassify.inference.bundle import load
from lcclassify.inference.predictor import Predictor

TRUTH = "true_redshift"
ADDED = [
    "redshift@model.redshift=trees",
    f"model.redshift.truth={TRUTH}",
    "model.redshift.fewest=20",
    "model.redshift.boosting.rounds=10",
    "~model.members.bigru",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, survey_folder):
    """The survey with a column of spectroscopic redshifts, which a tenth of objects lack."""
    folder = tmp_path_factory.mktemp("redshifts")
    (folder / "observations.csv").write_bytes((survey_folder / "observations.csv").read_bytes())
    objects = pl.read_csv(survey_folder / "objects.csv")
    rng = np.random.default_rng(0)
    truth = objects["photoz"].to_numpy() + rng.normal(0, 0.05, len(objects))
    truth = pl.Series(TRUTH, np.maximum(truth, 0.01)).scatter(range(0, len(objects), 10), None)
    objects.with_columns(truth).write_csv(folder / "objects.csv")
    return folder


@pytest.fixture(scope="module")
def words(folder, stack_words, survey_words):
    return [*stack_words, *survey_words(folder)[1:2], f"paths.cache_dir={folder}/cache", *ADDED]


@pytest.fixture(scope="module")
def run(tmp_path_factory, run_train, words):
    place = tmp_path_factory.mktemp("run") / "run"
    return run_train(place, *words, "stacking.refit=1")


def test_the_truth_is_no_input(run):
    bundle = load(run.bundle)
    names = (*bundle.representation.feature_names, *bundle.representation.context_names)
    assert not any(TRUTH in name for name in (*names, *bundle.representation.metadata))
    assert TRUTH not in (run.bundle / "bundle.yaml").read_text()


def test_scores_are_told(run):
    scores = json.loads((run.folder / "metrics.json").read_text())["redshift"]
    assert scores.keys() == {"train", "test"}
    assert scores["train"]["objects"] + scores["test"]["objects"] == 108
    assert 0 < scores["train"]["nmad"] < 1
    assert "Redshifts of" in (run.folder / "report.txt").read_text()
    fits = {path.name for path in (run.folder / "fits/redshift").iterdir()}
    assert fits == {"fold_0", "fold_1", "all"}


def test_another_process_classifies_as_the_run_did(run, folder, tmp_path):
    """It estimates the redshifts again, from a bundle that was moved."""
    moved = run.bundle.rename(tmp_path / "moved")
    script = (
        "import sys, polars; from lcclassify.inference.predictor import Predictor; "
        "bundle, folder, out = sys.argv[1:]; "
        "read = lambda name: polars.read_csv(f'{folder}/{name}.csv'); "
        "said = Predictor.load(bundle, accelerator='cpu')"
        ".predict_proba(read('observations'), read('objects').drop('true_redshift', 'type')); "
        "said.write_parquet(out)"
    )
    words = [str(moved), str(folder), str(tmp_path / "said.parquet")]
    subprocess.run([sys.executable, "-c", script, *words], check=True, timeout=600)
    moved.rename(run.bundle)
    stored = pl.read_parquet(run.folder / "probabilities.parquet").filter(model="stack")
    said = pl.read_parquet(tmp_path / "said.parquet")
    columns = [name for name in said.columns if name.startswith("class_")]
    expected = stored.sort("object_id").select("object_id", *columns)
    found = said.filter(pl.col("object_id").is_in(stored["object_id"].implode()))
    assert expected.height == 30
    assert np.allclose(
        found.sort("object_id").select(columns).to_numpy(),
        expected.select(columns).to_numpy(),
        rtol=0,
        atol=1e-6,  # other batches of a float32 network
    )
    here = Predictor.load(run.bundle, accelerator="cpu").predict_proba(
        pl.read_csv(folder / "observations.csv"), pl.read_csv(folder / "objects.csv")
    )
    assert here.equals(said)


def test_a_run_can_be_gone_on_with(run, run_train):
    before = (run.folder / "bundle/weights.safetensors").read_bytes()
    run_train(None, f"resume={run.folder}")
    assert (run.folder / "bundle/weights.safetensors").read_bytes() == before


@pytest.fixture
def copy(run, tmp_path):
    """A bundle to damage."""
    place = tmp_path / "bundle"
    place.mkdir()
    for file in run.bundle.iterdir():
        os.link(file, place / file.name)
    return place


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("photometric", 999, "redshift.photometric must be one of"),
        ("n_features", 3, "redshift"),
        ("posterior", None, "an estimator of redshifts"),
        ("n_deviations", 5, "weights 'redshift.de"),
        ("trees", {"n_trees": 1, "n_splits": 0, "n_leaves": 1}, "cannot be for 3"),
    ],
)
def test_a_damaged_document_is_refused(copy, key, value, match):
    document = yaml.safe_load((copy / "bundle.yaml").read_text())
    document["ensemble"]["redshift"][key] = value
    (copy / "bundle.yaml").unlink()
    (copy / "bundle.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(BundleError, match=match):
        load(copy)


def test_a_bundle_that_lost_its_estimator_is_refused(copy):
    document = yaml.safe_load((copy / "bundle.yaml").read_text())
    document["ensemble"]["redshift"] = None
    (copy / "bundle.yaml").unlink()
    (copy / "bundle.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(BundleError, match=r"weights 'redshift\..*does not describe"):
        load(copy)
    weights = load_file(copy / "weights.safetensors")
    (copy / "weights.safetensors").unlink()
    save_file(
        {name: w for name, w in weights.items() if not name.startswith("redshift.")},
        copy / "weights.safetensors",
    )
    with pytest.raises(BundleError, match="checksum"):
        load(copy)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        (["model.redshift.truth=auto"], ConfigError, "has no spectroscopic redshift that is known"),
        ([f"survey.metadata=[photoz,{TRUTH}]"], ConfigError, f"'{TRUTH}', so that it is an input"),
        (["model.redshift.fewest=5000"], TrainingError, "have a spectroscopic redshift above 0"),
        (["augment=light"], ConfigError, "model.redshift learns from objects as they are"),
        (["model.redshift.name=dense"], ConfigError, "another part of the model are 'dense'"),
        (["model.redshift.posterior.spread=0"], ConfigError, r"model: redshift\.spread"),
    ],
)
def test_what_cannot_be(tmp_path, run_train, words, changed, error, match):
    with pytest.raises(error, match=match) as caught:
        run_train(tmp_path / "run", *words, *changed)
    assert "\n" not in str(caught.value)
