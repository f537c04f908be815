"""What follows the head, from a training run to its bundle and to predictions."""

import json
from contextlib import suppress

import numpy as np
import polars as pl
import pytest

import lcclassify
from lcclassify.errors import BundleError, ConfigError
from lcclassify.inference.predictor import Predictor
from lcclassify.tasks.predict import predict


@pytest.fixture(scope="module")
def folder(survey_folder, tmp_path_factory):
    """The survey of all tests in six classes, of which one has test objects alone."""
    own = tmp_path_factory.mktemp("six")
    (own / "observations.csv").write_bytes((survey_folder / "observations.csv").read_bytes())
    objects = pl.read_csv(survey_folder / "objects.csv")
    number = pl.int_range(pl.len())
    half = pl.when(number // 3 % 2 == 0).then(pl.lit("_a")).otherwise(pl.lit("_b"))
    kind = pl.when(number >= len(objects) - 8).then(pl.lit("new")).otherwise(pl.col("type") + half)
    part = pl.when(number >= len(objects) - 20).then(pl.lit("test")).otherwise(pl.lit("train"))
    objects.with_columns(kind.alias("type"), part.alias("part")).write_csv(own / "objects.csv")
    return own


@pytest.fixture(scope="module")
def words(folder, survey_folder, dense_words):
    own = [word.replace(str(survey_folder), str(folder)) for word in dense_words]
    return [*own, "survey.columns.subset=part", "stacking.mode=oof", "stacking.refit=0"]


@pytest.fixture(scope="module")
def run(words, run_train, tmp_path_factory):
    return run_train(tmp_path_factory.mktemp("run") / "run", *words, "unknown.fraction=0.05")


def classify(compose_config, run, folder, words, output, *more):
    survey = [word for word in words if word.startswith("survey")]
    keys = [f"bundle={run.bundle}", f"output={output}", *more]
    return predict(compose_config(*keys, *survey, name="predict"))


def test_a_run_tells_unknown_objects_and_makes_sets(run, words):
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert metrics["unknown"]["fraction"] == 0.05
    classes = {f"{kind}_{half}" for kind in ("flat", "fast", "slow") for half in "ab"}
    assert set(metrics["unknown"]["auroc_of_classes_left_out"]) <= classes
    assert metrics["sets"]["marginal"]["objects"] == 12  # the eight of the new class are in none
    low, high = metrics["intervals"]["dense"]["accuracy"]
    assert low <= metrics["models"]["dense"]["metrics"]["accuracy"] <= high
    text = (run.folder / "report.txt").read_text()
    assert "each left out of training in turn" in text
    stored = pl.read_parquet(run.folder / "probabilities.parquet")
    assert np.allclose(stored["class_new"], stored["unknown"])
    assert stored["unknown"].is_between(0, 1).all()


def test_the_bundle_says_the_same(run, folder):
    stored = pl.read_parquet(run.folder / "probabilities.parquet").sort("object_id")
    predictor = Predictor.load(run.bundle)
    tables = [pl.read_csv(folder / f"{name}.csv") for name in ("observations", "objects")]
    said = predictor.predict_proba(*tables).filter(
        pl.col("object_id").is_in(stored["object_id"].to_list())
    )
    np.testing.assert_allclose(said.sort("object_id")["unknown"], stored["unknown"], rtol=1e-6)
    assert predictor.bundle.provenance["unknown"]["fraction"] == 0.05
    assert predictor.bundle.conditions.n_objects > 0


def test_sets_weigh_held_out_objects_by_how_frequent_their_classes_are_to_be(
    run, words, run_train, tmp_path
):
    of_training = Predictor.load(run.bundle).bundle.classifier.sets
    assert of_training.weights.tolist() == [1.0] * len(of_training.weights)
    keys = ("unknown.fraction=null", "priors={flat_a: 0.5}")
    bundle = Predictor.load(run_train(tmp_path / "run", *words, *keys).bundle).bundle
    counts = bundle.provenance["class_counts"]
    before = counts["flat_a"] / sum(counts.values())
    is_stated = bundle.classifier.sets.targets.numpy() == bundle.taxonomy.classes.index("flat_a")
    assert is_stated.any()
    expected = np.where(is_stated, 0.5 / before, 0.5 / (1 - before))
    np.testing.assert_allclose(bundle.classifier.sets.weights, expected, rtol=1e-9)


def test_the_bundle_keeps_training_objects(run, words, run_train, tmp_path, folder):
    kept = Predictor.load(run.bundle).bundle.training_objects
    split = pl.read_parquet(run.folder / "splits.parquet")
    trained = split.filter(role="train")["object_id"]
    assert kept.ids.sort().equals(trained.sort())
    assert kept.space is None  # that of the detector
    labels = pl.read_csv(folder / "objects.csv").select("object_id", "type")
    own = kept.ids.to_frame().join(labels, on="object_id", maintain_order="left")["type"]
    classes = np.array(Predictor.load(run.bundle).classes)
    assert own.to_list() == classes[kept.targets].tolist()
    few = run_train(tmp_path / "few", *words, "unknown.fraction=null", "bundle.training_objects=24")
    kept = Predictor.load(few.bundle).bundle.training_objects
    assert len(kept) == 24
    assert kept.space is not None
    assert kept.counts.sum() == len(trained)
    none = run_train(tmp_path / "none", *words, "bundle.training_objects=0")
    assert Predictor.load(none.bundle).bundle.training_objects is None
    for word in ("bundle.training_objects=-1", "bundle.training_objects=null", "bundle=3"):
        with pytest.raises(ConfigError, match="bundle"):
            run_train(tmp_path / "wrong", *words, word)


def test_sets_abstention_and_what_to_expect(run, folder, words, compose_config, tmp_path, capsys):
    output = tmp_path / "out.parquet"
    result = classify(
        compose_config, run, folder, words, output,
        "sets=0.8", "sets_by=all", "abstain.below=0.6", "abstain.unknown=0.3",
    )  # fmt: skip
    frame = pl.read_parquet(output)
    assert frame.columns[-4:] == ["predicted_class", "set_80", "abstained", "reason"]
    named = frame["abstained"].is_null()
    assert frame.filter(named)["predicted_class"].null_count() == 0
    assert frame.filter(~named)["predicted_class"].null_count() == (~named).sum() > 0
    shift = json.loads((tmp_path / "out.manifest.json").read_text())["shift"]
    middle, low, high = shift["expected_accuracy"]
    assert low < middle < high
    assert {row["what"] for row in shift["rows"]} >= {"highest flux", "observations"}
    assert any(sentence.startswith("Expected accuracy") for sentence in result.sentences)
    # The training objects are among those that are classified.
    assert abs(shift["auc"] - 0.5) < 4 * shift["auc_by_chance"]
    assert any("from training objects with an AUC of" in one for one in result.sentences)
    assert "A classifier tells the two apart with an AUC of" in result.report.read_text()
    # Other keys are another job, and a CSV has the sets as text.
    classify(compose_config, run, folder, words, tmp_path / "out.csv", "sets=0.5")
    assert "set_50" in pl.read_csv(tmp_path / "out.csv").columns


def test_another_share_of_unknown_objects_is_expected(
    run, folder, words, compose_config, tmp_path, monkeypatch
):
    def unknown(name, *more):
        result = classify(compose_config, run, folder, words, tmp_path / name, *more)
        return pl.read_parquet(tmp_path / name), result.sentences

    def stated(name):
        return json.loads((tmp_path / f"{name}.manifest.json").read_text())["inputs"]

    own, _ = unknown("own.parquet")
    many, said = unknown("many.parquet", "unknown.fraction=0.3")
    before, after = (frame["unknown"].to_numpy() for frame in (own, many))
    ratio = (after / (1 - after)) / (before / (1 - before))
    np.testing.assert_allclose(ratio, (0.3 / 0.7) / (0.05 / 0.95), rtol=1e-6)
    np.testing.assert_allclose(many["class_new"], after)
    total = many.select(pl.sum_horizontal(pl.col("^class_.*$"))).to_series()
    np.testing.assert_allclose(total, 1)
    assert any("share of 0.3 of unknown objects is expected" in one for one in said)
    assert stated("own")["unknown.fraction"] == 0.05
    assert stated("many")["unknown.fraction"] == 0.3
    assert unknown("same.parquet", "unknown.fraction=0.05")[0].equals(own)
    # In Python the same, and the bundle stays what it was.
    predictor = lcclassify.load(run.bundle, unknown_fraction=0.3)
    tables = [pl.read_csv(folder / f"{name}.csv") for name in ("observations", "objects")]
    found = predictor.predict_proba(*tables)
    np.testing.assert_allclose(found["unknown"], after, rtol=1e-6)
    assert predictor.bundle.classifier.unknown.fraction == 0.05
    # What was begun with one share does not go on with another.
    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr("lcclassify.tasks.predict.write_predictions", interrupted)
        unknown("stopped.parquet", "unknown.fraction=0.3")
    with pytest.raises(ConfigError, match=r"a begun job with another unknown\.fraction"):
        unknown("stopped.parquet", "unknown.fraction=0.2")
    assert unknown("stopped.parquet", "unknown.fraction=0.3")[0].equals(many)


def interrupted(*_):
    raise KeyboardInterrupt


def test_nothing_is_told_where_nothing_is_asked_for(
    words, run_train, folder, compose_config, tmp_path
):
    run = run_train(tmp_path / "run", *words, "unknown.fraction=null")
    assert json.loads((run.folder / "metrics.json").read_text())["unknown"] is None
    classify(compose_config, run, folder, words, tmp_path / "out.parquet")
    assert "unknown" not in pl.read_parquet(tmp_path / "out.parquet").columns
    with pytest.raises(BundleError, match=r"abstain\.unknown needs a bundle that tells"):
        classify(compose_config, run, folder, words, tmp_path / "x.csv", "abstain.unknown=0.5")
    with pytest.raises(BundleError, match=r"unknown\.fraction needs a bundle that tells"):
        classify(compose_config, run, folder, words, tmp_path / "x.csv", "unknown.fraction=0.5")
    with pytest.raises(BundleError, match=r"unknown\.fraction needs a bundle that tells"):
        lcclassify.load(run.bundle, unknown_fraction=0.5)


def test_impossible_keys(words, run_train, folder, compose_config, run, tmp_path):
    for word in ("unknown.fraction=1", "unknown.fraction=half", "unknown=0.1"):
        with pytest.raises(ConfigError, match="unknown"):
            run_train(tmp_path / "run", *words, word)
    for word in ("unknown.fraction=0", "unknown.fraction=half", "unknown=0.1"):
        with pytest.raises(ConfigError, match="unknown"):
            classify(compose_config, run, folder, words, tmp_path / "x.csv", word)
    with pytest.raises(ConfigError, match="sets must be a number between 0 and 1"):
        classify(compose_config, run, folder, words, tmp_path / "x.csv", "sets=90")
