"""`predict` needs a bundle and files only, says what it did, and damages nothing."""

import json

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.evaluation.metrics import evaluate
from lcclassify.evaluation.published import PLASTICC_CLASSES
from lcclassify.inference.bundle import save
from lcclassify.schema import Taxonomy
from lcclassify.surveys.table import TableSurvey

N_OBJECTS = 40
BLIND = 11  # the object without a usable flux


def numbers(frame):
    return frame.select(pl.col("^class_.*$")).drop_nulls().to_numpy()


# --- what it writes -----------------------------------------------------------------


def test_predictions_metrics_and_result(run, tables, capsys):
    result = run()
    frame = pl.read_parquet(result.output)
    assert frame.columns == ["object_id", "class_Ia", "class_II", "predicted_class", "reason"]
    assert frame["object_id"].to_list() == list(range(N_OBJECTS))
    assert frame.filter(pl.col("reason").is_not_null()).select("object_id", "reason").rows() == [
        (BLIND, "no usable observation")
    ]
    assert (result.n_objects, result.n_scored, result.n_unscored) == (N_OBJECTS, N_OBJECTS - 1, 1)

    scored = frame.filter(pl.col("reason").is_null())
    labels = scored.join(tables[1], on="object_id")["label"]
    targets = np.array([["Ia", "II"].index(label) for label in labels])
    expected = evaluate(numbers(scored), targets, Taxonomy(("Ia", "II")))
    assert result.evaluation == expected
    metrics = json.loads(result.metrics.read_text())
    assert list(metrics) == ["dense", "bigru", "stack"]
    assert metrics["stack"]["metrics"] == expected.scalars
    assert metrics["dense"]["metrics"] != metrics["bigru"]["metrics"]
    assert result.metrics.name == "out.metrics.json"

    said = capsys.readouterr().out
    for words in ("stack", "dense", "bigru", "accuracy", "39 classified, 1 not", "out.parquet"):
        assert words in said
    assert "left out because the flux is missing" in said


def test_formats_hold_the_same_numbers(run):
    parquet = pl.read_parquet(run().output)
    csv = pl.read_csv(run(output="out.csv").output, schema=parquet.schema)
    assert csv.equals(parquet)
    named = pl.read_csv(run("format=csv", output="out.txt").output, schema=parquet.schema)
    assert named.equals(parquet)


def test_batch_size_and_file_order_change_nothing(run, tables, tmp_path):
    expected = pl.read_parquet(run().output)
    observations, objects = tables
    shuffled = observations.sample(fraction=1, shuffle=True, seed=1)
    for i, part in enumerate((shuffled[:300], shuffled[300:310], shuffled[310:])):
        part.write_csv(tmp_path / f"part_{i}.csv")
    objects[::-1].write_csv(tmp_path / "objects.csv")
    again = run("survey.observations=part_*.csv", "batch_size=3", output="again.parquet")
    found = pl.read_parquet(again.output)
    assert found.drop("^class_.*$").equals(expected.drop("^class_.*$"))
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=1e-6)


def test_days_after_the_first_detection(run, tables, tmp_path):
    found = pl.read_parquet(run("days=20", "chunk_rows=100", output="early.parquet").output)
    observations = tables[0]
    usable = pl.col("flux").is_finite()
    seen = pl.when((pl.col("flux") / pl.col("flux_err") >= 8) & usable).then("mjd")
    until = (seen.min().over("object_id") + 20).fill_null(np.inf)
    observations = observations.filter(pl.col("mjd") <= until)
    assert 100 < observations.height < tables[0].height / 2
    observations.write_csv(tmp_path / "observations.csv")
    expected = pl.read_parquet(run("survey.detection_snr=8", output="cut.parquet").output)
    assert not np.allclose(numbers(found), numbers(expected))  # of another limit of detection
    found = run("days=20", "survey.detection_snr=8", "chunk_rows=100", output="early.parquet")
    found = pl.read_parquet(found.output)
    assert found.drop("^class_.*$").equals(expected.drop("^class_.*$"))
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=2e-6)


def test_orphans_have_a_row(run, tables, tmp_path):
    tables[1].filter(pl.col("object_id") != 5).write_csv(tmp_path / "objects.csv")
    frame = pl.read_parquet(run().output)
    assert frame["object_id"].to_list() == list(range(N_OBJECTS))
    assert frame.row(5) == (5, None, None, None, "not in the object table")


def test_ids_may_be_text(run, tables, tmp_path):
    """README's own example: ZTF00145."""
    expected = pl.read_parquet(run(output="integers.parquet").output)
    for table, name in zip(tables, ("observations", "objects"), strict=True):
        named = pl.format("ZTF{}", pl.col("object_id").cast(pl.String).str.zfill(5))
        table.with_columns(object_id=named).write_csv(tmp_path / f"{name}.csv")
    found = pl.read_parquet(run("chunk_rows=100", output="text.parquet").output)
    assert found["object_id"].to_list() == [f"ZTF{k:05}" for k in expected["object_id"]]
    assert found.drop("object_id", "^class_.*$").equals(expected.drop("object_id", "^class_.*$"))
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=0, atol=2e-6)


def test_tables_of_different_objects(run, tables, tmp_path):
    tables[1].with_columns(pl.col("object_id") + 10_000).write_csv(tmp_path / "objects.csv")
    for words in ([], ["chunk_rows=100"]):
        with pytest.raises(DataError, match="have no object in common"):
            run(*words, "restart=true")


def test_observations_without_a_detection_flag_are_counted(run, tables, tmp_path):
    flags = pl.when(pl.int_range(pl.len()) % 9 > 0).then(1)
    tables[0].with_columns(seen=flags).sort("object_id").write_csv(tmp_path / "observations.csv")
    words = ["survey.columns.detected=seen", "chunk_rows=50", "on_error=quarantine"]
    told = [text for text in run(*words).sentences if "detected" in text]
    unused = tables[0]["flux"][::9].is_nan().sum()
    assert told == [
        f"{100 - unused} observations have no value of 'detected': the detection_snr of the "
        "survey tells."
    ]


def test_units_are_converted_and_it_is_said(run, tables, tmp_path):
    expected = pl.read_parquet(run().output)
    factor = 10 ** (0.4 * 2.5)
    tables[0].with_columns(pl.col("flux") / factor, pl.col("flux_err") / factor).write_csv(
        tmp_path / "observations.csv"
    )
    result = run("survey.zeropoint=25", output="other.parquet")
    np.testing.assert_allclose(
        numbers(pl.read_parquet(result.output)), numbers(expected), rtol=0, atol=1e-6
    )
    assert any("multiplied by 10, from the survey's zero-point 25" in s for s in result.sentences)
    unstated = run("survey.zeropoint=null", output="unstated.parquet")
    assert any("taken to be in the same units" in s for s in unstated.sentences)


# --- evaluation ---------------------------------------------------------------------


def test_no_labels_no_evaluation(run, tables, tmp_path):
    assert run("evaluate=false").evaluation is None
    tables[1].drop("label").write_csv(tmp_path / "objects.csv")
    result = run("survey.columns.label=null")
    assert result.evaluation is None
    assert result.metrics is None
    assert not (tmp_path / "out.metrics.json").exists()


def test_metrics_of_replaced_predictions_do_not_stay(run, tmp_path):
    assert run().metrics.is_file()
    result = run("evaluate=false")
    assert not (tmp_path / "out.metrics.json").exists()
    assert "out.metrics.json was of the replaced predictions" in result.sentences[-1]


def test_labels_unknown_to_the_bundle_are_left_out(run, tables, tmp_path):
    objects = tables[1].with_columns(
        label=pl.when(pl.col("object_id") < 3)
        .then(pl.lit("TDE"))
        .when(pl.col("object_id") < 5)
        .then(None)
        .otherwise("label")
    )
    objects.write_csv(tmp_path / "objects.csv")
    result = run()
    assert result.n_scored == N_OBJECTS - 1
    assert result.evaluation.n_objects == N_OBJECTS - 6
    assert any("3 objects have a label that is none of" in s for s in result.sentences)
    assert any("2 objects without a label" in s for s in result.sentences)
    objects.with_columns(label=pl.lit("TDE")).write_csv(tmp_path / "objects.csv")
    nothing = run()
    assert nothing.evaluation is None
    assert any("Nothing was evaluated" in s for s in nothing.sentences)


def test_marked_test_objects_alone_are_evaluated(run, tables, tmp_path):
    subset = pl.when(pl.col("object_id") < 30).then(pl.lit("train")).otherwise(pl.lit("test"))
    tables[1].with_columns(subset.alias("subset")).write_csv(tmp_path / "objects.csv")
    result = run("survey.columns.subset=subset")
    assert result.n_scored == N_OBJECTS - 1
    assert result.evaluation.n_objects == 10
    assert any("10 objects that the survey marks as test" in s for s in result.sentences)


# --- Kaggle's form ------------------------------------------------------------------


def test_submission(run, make_bundle, tmp_path):
    folder = save(make_bundle(("90", "6")), tmp_path / "kaggle")
    overrides = (f"bundle={folder}", "survey.class_map={Ia: '90', II: '6'}")
    expected = pl.read_parquet(run(*overrides).output)
    result = run(*overrides, "format=plasticc", output="submission.csv")
    lines = result.output.read_text().splitlines()
    assert lines[0] == (
        "object_id,class_6,class_15,class_16,class_42,class_52,class_53,class_62,class_64,"
        "class_65,class_67,class_88,class_90,class_92,class_95,class_99"
    )
    frame = pl.read_csv(result.output)
    assert frame.null_count().sum_horizontal().item() == 0
    np.testing.assert_allclose(frame.drop("object_id").sum_horizontal(), 1, atol=1e-12)
    assert frame.row(BLIND)[1:] == pytest.approx([1 / 15] * 15)
    scored = frame.filter(pl.col("object_id") != BLIND)
    kept = expected.filter(pl.col("object_id") != BLIND)
    assert scored["class_90"].equals(kept["class_90"])
    assert scored["class_6"].equals(kept["class_6"])
    assert any("1 objects that cannot be scored" in s for s in result.sentences)
    assert any("does not know the classes 15, 16" in s for s in result.sentences)


@pytest.mark.parametrize("published", [False, True])
def test_published_figures_stand_beside_those_of_plasticc_alone(
    run, make_bundle, tmp_path, capsys, monkeypatch, published
):
    """The classes do not tell: those of a table or a simulated survey may be the same."""
    folder = save(make_bundle(PLASTICC_CLASSES), tmp_path / "plasticc")
    monkeypatch.setattr(TableSurvey, "published", published)
    run(f"bundle={folder}", "survey.class_map={Ia: '90', II: '6'}")
    assert ("arXiv:2006.12333" in capsys.readouterr().out) == published


def test_submission_of_other_classes(run, tmp_path):
    with pytest.raises(ConfigError, match=r"needs PLAsTiCC's classes, and the bundle has .* 'Ia'"):
        run("format=plasticc", output="submission.csv")
    assert not (tmp_path / "submission.csv").exists()
