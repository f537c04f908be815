"""Shares of the classes that are stated when objects are classified."""

import json

import numpy as np
import polars as pl
import pytest
import torch

import lcclassify
from lcclassify.errors import ConfigError
from lcclassify.tasks.predict import predict


@pytest.fixture(scope="module")
def run(dense_words, run_train, tmp_path_factory):
    words = [*dense_words, "stacking.mode=oof", "stacking.refit=0"]
    return run_train(tmp_path_factory.mktemp("run") / "run", *words)


@pytest.fixture
def classified(run, dense_words, compose_config, tmp_path):
    def classify(name, *more):
        survey = [word for word in dense_words if word.startswith("survey")]
        keys = [f"bundle={run.bundle}", f"output={tmp_path / name}", *more]
        result = predict(compose_config(*keys, *survey, name="predict"))
        manifest = json.loads(
            (tmp_path / f"{tmp_path.joinpath(name).stem}.manifest.json").read_text()
        )
        return pl.read_parquet(tmp_path / name), result, manifest

    return classify


def of_classes(frame):
    return frame.select(pl.col("^class_.*$")).to_numpy()


def test_probabilities_are_for_these_shares(run, classified, survey_folder):
    own, _, before = classified("own.parquet")
    classes = [name.removeprefix("class_") for name in own.columns if name.startswith("class_")]
    rare = classes[0]
    frame, result, manifest = classified("rare.parquet", f"priors={{{rare}: 0.01}}")
    counts = lcclassify.load(run.bundle).bundle.provenance["class_counts"]
    trained = np.array([counts[label] for label in classes]) / sum(counts.values())
    shares = np.where(np.arange(len(classes)) == 0, 0.01, 0.99 * trained / trained[1:].sum())
    expected = of_classes(own) * shares / trained
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(of_classes(frame), expected, rtol=1e-9)
    best = np.array(classes)[expected.argmax(axis=1)].tolist()
    assert frame["predicted_class"].to_list() == best
    assert any("Probabilities are for these shares of the classes" in s for s in result.sentences)
    assert manifest["inputs"]["priors"] == {rare: 0.01}
    assert before["inputs"]["priors"] is None
    assert set(before["shift"]["estimated_shares"]) == set(classes)
    # The evaluation is of the changed probabilities.
    found = result.evaluation.scalars
    truth = pl.read_csv(survey_folder / "objects.csv").sort("object_id")["type"].to_list()
    right = np.mean([said == true for said, true in zip(best, truth, strict=True)])
    assert found["accuracy"] == pytest.approx(right)

    for same in ("priors=training", "priors=null"):
        np.testing.assert_allclose(of_classes(classified("same.parquet", same)[0]), of_classes(own))
    tables = [pl.read_csv(survey_folder / f"{name}.csv") for name in ("observations", "objects")]
    python = lcclassify.load(run.bundle, priors={rare: 0.01}).predict_proba(*tables)
    np.testing.assert_allclose(of_classes(python), expected, rtol=1e-6)


def test_sets_by_class_hold_whatever_the_shares_are(classified, run):
    """Their thresholds are of each class by itself; of all together the common ones count."""
    own, _, _ = classified("own.parquet", "sets=0.8")
    moved, _, _ = classified("moved.parquet", "sets=0.8", "priors={slow: 0.9}")
    assert moved["set_80"].to_list() == own["set_80"].to_list()
    assert of_classes(moved).tolist() != of_classes(own).tolist()
    of_all, _, _ = classified("all.parquet", "sets=0.8", "sets_by=all", "priors={slow: 0.9}")
    bundle = lcclassify.load(run.bundle).bundle
    counts = np.array(
        [bundle.provenance["class_counts"][label] for label in bundle.taxonomy.classes]
    )
    shares = np.where(np.array(bundle.taxonomy.classes) == "slow", 0.9, 0.05)
    weights = (shares / counts).tolist()
    expected = bundle.classifier.sets.sets(torch.as_tensor(of_classes(own)), 0.8, "all", weights)
    found = [[label in one for label in bundle.taxonomy.classes] for one in of_all["set_80"]]
    assert found == expected.tolist()


def test_what_is_refused(classified, run):
    with pytest.raises(ConfigError, match=r"priors=estimated is for train\.py"):
        classified("x.parquet", "priors=estimated")
    with pytest.raises(ConfigError, match=r"priors names the class 'slw'.*did you mean 'slow'"):
        classified("x.parquet", "priors={slw: 0.5}")
    with pytest.raises(ConfigError, match=r"priors is 'falt'"):
        lcclassify.load(run.bundle, priors="falt")
