"""Reports beside runs and predictions, and again from what is stored there."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.tasks.kept_curves import keep_curves
from lcclassify.tasks.predict import predict
from lcclassify.tasks.report import make_report, report_of
from lcclassify.tasks.report_folder import ReportFolder, measured


@pytest.fixture(scope="module")
def words(dense_words):
    return [word for word in dense_words if word != "evaluation.report=false"]


@pytest.fixture(scope="module")
def run(run_train, words, tmp_path_factory):
    """A run on a survey that is gone afterwards."""
    folder = tmp_path_factory.mktemp("reported")
    return run_train(folder / "run", *words)


@pytest.fixture
def classify(compose_config, survey_words, survey_folder, run, tmp_path):
    def one(*overrides, output="out.parquet"):
        given = [
            word
            for word in survey_words(survey_folder)
            if word.startswith("survey") or word.startswith("paths")
        ]
        names = [f"bundle={run.bundle}", f"output={tmp_path / output}", "accelerator=cpu"]
        return predict(compose_config(*given, *names, *overrides, name="predict"))

    return one


# --- a run --------------------------------------------------------------------------


def test_a_run_has_a_report_and_the_light_curves_that_it_shows(run, survey_folder):
    assert run.report == run.folder / "report.html"
    text = run.report.read_text()
    split = pl.read_parquet(run.folder / "splits.parquet")
    tested = set(split.filter(role="test")["object_id"].cast(pl.String))
    curves = ReportFolder(run.folder / "report").curves()
    assert 0 < len(curves) <= len(tested)
    assert set(curves) <= tested
    observations = pl.read_csv(survey_folder / "observations.csv")
    for name, curve in curves.items():
        assert f"<strong>{name}</strong>" in text
        own = observations.filter(object_id=int(name)).sort("mjd")
        assert np.allclose(curve.mjd, own["mjd"])
        assert np.allclose(curve.flux, own["flux"])
        assert curve.passband == own["passband"].to_list()
    assert not [path for path in run.folder.iterdir() if path.name.endswith((".part", ".partial"))]
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert f"{metrics['models']['dense']['metrics']['log_loss']:.4f}" in text
    for section in ("Confusion matrix", "Training curves", "Accuracy by redshift", "seed: 0"):
        assert section in text


def test_the_report_again_is_the_same(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / "report.html").unlink()
    assert report_of(folder) == folder / "report.html"
    assert (folder / "report.html").read_bytes() == run.report.read_bytes()


def test_a_run_from_before_there_were_reports(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    for name in ("report", "fits", "bundle"):
        shutil.rmtree(folder / name)
    for name in ("probabilities.parquet", "splits.parquet", "config.yaml", "data.json"):
        (folder / name).unlink()
        assert report_of(folder).read_text().startswith("<!DOCTYPE html>")


def test_a_column_unknown_is_shown(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    path = folder / "probabilities.parquet"
    stored = pl.read_parquet(path)
    stored.with_columns(unknown=pl.int_range(pl.len()) / 100).write_parquet(path)
    text = report_of(folder).read_text()
    assert "Most unlike every class" in text
    assert "Most unlike every class" not in run.report.read_text()


def test_a_folder_of_other_things_stays(run, tmp_path):
    folder = shutil.copytree(run.folder / "report", tmp_path / "report")
    (folder / "mine.txt").write_text("mine")
    ReportFolder(folder).remove()
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_no_report_is_no_report(run_train, words, tmp_path):
    result = run_train(tmp_path / "run", *words, "evaluation.report=false")
    assert result.report is None
    assert not (tmp_path / "run" / "report.html").exists()
    assert not (tmp_path / "run" / "report").exists()
    with pytest.raises(ConfigError, match=r"evaluation\.report must be true or false"):
        run_train(tmp_path / "other", *words, "evaluation.report=some")


def test_without_test_objects_training_objects_are_shown(run_train, words, tmp_path):
    words = [word for word in words if not word.startswith("split.test_fraction")]
    result = run_train(tmp_path / "run", *words, "split.test_fraction=0")
    assert "training objects, out of fold" in result.report.read_text()
    assert ReportFolder(tmp_path / "run" / "report").curves()


def test_held_out_objects_have_the_same_tables(run_train, words, survey_folder, tmp_path):
    objects = pl.read_csv(survey_folder / "objects.csv")
    parts = pl.Series("part", (["train"] * 6 + ["held_out", "test"] * 3) * 10)
    objects.with_columns(parts).write_csv(tmp_path / "objects.csv")
    own = [f"survey.objects={tmp_path}/objects.csv", "survey.columns.subset=part"]
    text = run_train(tmp_path / "run", *words, *own).report.read_text()
    assert text.count("Models side by side</caption>") == 2
    assert text.count("Confusion matrix of dense</h3>") == 2
    assert text.count('class="objects"') == 2
    assert text.count("<caption>Sets of classes that should hold the true one for 90.0% of") == 2
    assert "of held-out objects, drawn like the training ones</caption>" in text


def test_what_is_no_run(tmp_path):
    with pytest.raises(DataError, match="must be the folder of a training run or a file"):
        report_of(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"but it has no metrics\.json"):
        report_of(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        report_of(tmp_path)
    file, said = make_report(tmp_path)
    assert file is None
    assert "The report was not made" in said


def test_of_many_objects_some_are_drawn_and_that_is_said(monkeypatch, tmp_path, canonical):
    curves = canonical()
    ids = curves.objects["object_id"]
    every = keep_curves(tmp_path, curves, ids, "photoz", None, 0)
    assert every.sentences == ()
    assert every.of(ids)["object_id"].n_unique() == len(ids)
    monkeypatch.setattr("lcclassify.tasks.kept_curves.MOST_KEPT", 7)
    some = keep_curves(tmp_path, curves, ids, "photoz", None, 0)
    assert some.of(ids)["object_id"].unique().sort().equals(some.ids)
    assert len(some.ids) == 7
    assert f"7 of the {len(ids)} evaluated objects" in some.sentences[0]
    assert some.quantities.equals(every.quantities)


def test_measured_quantities(canonical):
    curves = canonical()
    found = measured(curves, "photoz", 25.0)
    assert found["object_id"].equals(curves.objects["object_id"])
    assert found["redshift"].equals(curves.objects["photoz"].alias("redshift"))
    for name, brightness in found.select("object_id", "brightness").iter_rows():
        own = curves.observations.filter(object_id=name)
        best = (own["flux"] / own["flux_err"]).arg_max()
        assert brightness == pytest.approx(25 - 2.5 * np.log10(own["flux"][best]))
    without = measured(curves, None, None)
    assert without["redshift"].null_count() == len(found)
    assert np.allclose(without["brightness"], (25 - found["brightness"]) / 2.5)


@pytest.fixture
def canonical(survey_folder):
    from lcclassify.schema import Passbands
    from lcclassify.surveys.canonical import canonicalise

    def read():
        observations = pl.read_csv(survey_folder / "observations.csv")
        objects = pl.read_csv(survey_folder / "objects.csv").rename({"type": "label"})
        return canonicalise(observations, objects, Passbands(("g", "r")), metadata=("photoz",))[0]

    return read


# --- a prediction -------------------------------------------------------------------


def test_an_evaluated_prediction(classify, tmp_path):
    result = classify()
    assert result.report == tmp_path / "out.report.html"
    text = result.report.read_text()
    for section in ("Predicted classes", "120 labelled objects, evaluated", "Accuracy by redshift"):
        assert section in text
    assert "true class: " in text or "right" in text
    result.report.unlink()
    assert report_of(result.output).read_text() == text


def test_chunks_choose_what_the_whole_chooses(classify, tmp_path):
    text = classify().report.read_text()
    classify("chunk_rows=700", output="parts.parquet")
    curves = [
        pl.read_parquet(tmp_path / f"{name}.report" / "light_curves.parquet")
        for name in ("out", "parts")
    ]
    assert curves[0].equals(curves[1])
    assert "<strong>" in text


def test_predictions_without_labels(classify, tmp_path):
    result = classify("evaluate=false", output="out.csv")
    text = result.report.read_text()
    assert "Confusion matrix" not in text
    assert "Most confident" in text
    assert not (tmp_path / "out.report" / "objects.parquet").exists()
    assert report_of(result.output).read_text() == text


def test_a_report_of_replaced_predictions_does_not_stay(classify, tmp_path):
    classify()
    result = classify("report=false")
    assert result.report is None
    assert not (tmp_path / "out.report").exists()
    assert not (tmp_path / "out.report.html").exists()


def test_a_table_alone(tmp_path):
    table = pl.DataFrame(
        {
            "object_id": ["a", "<b>", "c"],
            "class_x": [0.75, None, 0.25],
            "class_y": [0.25, None, 0.75],
            "predicted_class": ["x", None, "y"],
            "reason": [None, "no <usable> observation", None],
            "unknown": [0.5, None, 0.25],
            "set_90": [["x"], None, ["x", "y"]],
            "abstained": [None, None, "no class is <probable> enough"],
        }
    )
    table.write_parquet(tmp_path / "table.parquet")
    text = report_of(tmp_path / "table.parquet").read_text()
    assert "no &lt;usable&gt; observation" in text
    assert "no class is &lt;probable&gt; enough" in text
    assert "Sets of classes</caption>" in text
    table.select("object_id").write_csv(tmp_path / "ids.csv")
    with pytest.raises(DataError, match="it has no column class_"):
        report_of(tmp_path / "ids.csv")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(DataError, match="cannot be read as predictions"):
        report_of(tmp_path / "text.parquet")
