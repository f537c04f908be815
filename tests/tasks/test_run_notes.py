"""What is said where there is nothing to learn, or a member has learned nothing."""

import polars as pl
import pytest

SAME = "trees says the same of every object: no split of its trees leaves {} training objects"
ALIKE = "training objects have the same features: nothing tells their classes apart"


@pytest.fixture
def trees_words(base_words):
    return [*base_words, "model=trees", "model.boosting.rounds=3"]


def report_of(folder):
    return (folder / "report.txt").read_text()


@pytest.mark.parametrize("mode", ["oof", "holdout"])
def test_trees_without_a_split_are_named(tmp_path, run_train, trees_words, mode):
    few = ["split.test_fraction=0.9", f"stacking.mode={mode}"]
    run_train(tmp_path / "run", *trees_words, *few)
    text = report_of(tmp_path / "run")
    assert SAME.format(10) in text
    assert "Set boosting.min_objects lower.\n" in text  # alone it cannot be left out
    assert ALIKE not in text


def test_trees_that_taught_the_head_without_a_split_are_named(
    tmp_path, run_train, base_words, trees_words
):
    words = [word for word in base_words if not word.startswith("stacking.refit")]
    members = [
        "~model.members.dense",
        "~model.members.bigru",
        "model.members.trees.boosting.rounds=3",
    ]
    # Of 12 objects a split may leave 6 on either side, of the 6 of a fold not.
    words += [*members, "split.test_fraction=0.9", "model.members.trees.boosting.min_objects=5"]
    run_train(tmp_path / "run", *words, "stacking.refit=1", "split.validation_fraction=0")
    text = report_of(tmp_path / "run")
    assert SAME.format(5) in text
    assert "or leave it out (~model.members.trees)" in text


def test_trees_with_splits_are_not(tmp_path, run_train, trees_words):
    run_train(tmp_path / "run", *trees_words)
    assert "says the same of every object" not in report_of(tmp_path / "run")


def test_objects_that_are_all_the_same(tmp_path, run_train, trees_words, survey_folder):
    observations = pl.read_csv(survey_folder / "observations.csv")
    objects = pl.read_csv(survey_folder / "objects.csv")
    one = observations.filter(object_id=100).drop("object_id")
    objects.select("object_id").join(one, how="cross").write_csv(tmp_path / "observations.csv")
    objects.with_columns(photoz=0.5).write_csv(tmp_path / "objects.csv")
    tables = [f"survey.{name}={tmp_path}/{name}.csv" for name in ("observations", "objects")]
    run_train(tmp_path / "run", *trees_words, *tables)
    assert f"All 90 {ALIKE}" in report_of(tmp_path / "run")
