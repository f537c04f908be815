"""What is said beside probabilities: sets, and where no class is named."""

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import BundleError, ConfigError
from lcclassify.inference.decisions import UNLIKE, UNSURE, Decisions, check_unknown
from lcclassify.inference.predictions import NO_OBSERVATION, Predictions
from lcclassify.inference.writer import write_predictions

CLASSES = ("a", "b|c", "<d>")


@pytest.fixture
def predictions():
    probabilities = np.array([[0.9, 0.05, 0.05], [0.4, 0.35, 0.25], [0.6, 0.3, 0.1], [np.nan] * 3])
    return Predictions(
        object_ids=pl.Series("object_id", [1, 2, 3, 4]),
        probabilities=probabilities,
        reasons=pl.Series([None, None, None, NO_OBSERVATION], dtype=pl.String),
        unknown=np.array([0.01, 0.02, 0.95, np.nan]),
    )


def decided(decisions, predictions, sets=None):
    return decisions.decided(predictions.to_frame(CLASSES), predictions, CLASSES, sets)


def test_nothing_asked_for_changes_nothing(predictions):
    frame = predictions.to_frame(CLASSES)
    assert decided(Decisions(), predictions).equals(frame)
    assert frame.columns[-3:] == ["unknown", "predicted_class", "reason"]


def test_sets_are_lists_of_labels(predictions):
    sets = np.array([[1, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]], dtype=bool)
    frame = decided(Decisions(sets=0.9), predictions, sets)
    assert frame["set_90"].to_list() == [["a"], ["a", "b|c", "<d>"], [], None]
    assert frame.columns[-2:] == ["set_90", "reason"]
    assert Decisions(sets=0.975).set_column == "set_97.5"
    nobody = decided(Decisions(sets=0.9), predictions, np.zeros((4, 3), dtype=bool))
    assert nobody.schema == frame.schema
    assert nobody["set_90"].to_list() == [[], [], [], None]


def test_abstention_says_why(predictions):
    frame = decided(Decisions(below=0.5, unknown=0.9), predictions)
    assert frame["predicted_class"].to_list() == ["a", None, None, None]
    assert frame["abstained"].to_list() == [None, UNSURE, UNLIKE, None]
    assert frame["reason"].to_list() == [None, None, None, NO_OBSERVATION]
    assert frame["class_a"].null_count() == 1
    only = decided(Decisions(below=0.5), predictions)
    assert only["predicted_class"].to_list() == ["a", None, "a", None]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_written(form, predictions, tmp_path):
    sets = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=bool)
    path = tmp_path / f"out.{form}"
    write_predictions(decided(Decisions(sets=0.9), predictions, sets), path)
    if form == "parquet":
        assert pl.read_parquet(path)["set_90"].to_list() == [["a"], ["a", "<d>"], [], None]
    else:
        assert path.read_text().splitlines()[2].endswith("a,a|<d>,")


def test_a_submission_says_what_it_lacks(predictions, tmp_path):
    frame = predictions.to_frame(("42", "90", "99"))
    sets = np.ones((4, 3), dtype=bool)
    decisions = Decisions(sets=0.9, below=0.5)
    whole = decisions.decided(frame, predictions, ("42", "90", "99"), sets)
    said = write_predictions(whole, tmp_path / "out.csv", "plasticc")
    assert said[-1] == "A submission has no set_90 and no abstained."
    assert write_predictions(frame, tmp_path / "out.csv", "plasticc") == said[:-1]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((90, "class", None), "sets must be a number between 0 and 1"),
        ((True, "class", None), "sets must be a number"),
        ((0.9, "clas", None), "did you mean 'class'"),
        ((None, "class", {"below": 2}), "abstain.below must be a number between 0 and 1"),
        ((None, "class", {"unknown": "x"}), "abstain.unknown must be a number"),
        ((None, "class", {"bellow": 0.5}), "bellow"),
    ],
)
def test_impossible_values(keys, message):
    with pytest.raises(ConfigError, match=message):
        Decisions.from_config(*keys)


def test_what_a_bundle_cannot_tell():
    Decisions(sets=0.9, unknown=0.5).check(has_unknown=True, has_sets=True)
    with pytest.raises(BundleError, match="sets needs what the classifier said of held-out"):
        Decisions(sets=0.9).check(has_unknown=True, has_sets=False)
    with pytest.raises(BundleError, match=r"abstain\.unknown needs a bundle that tells"):
        Decisions(unknown=0.9).check(has_unknown=False, has_sets=True)
    for fraction, has_unknown in ((0.1, True), (None, True), (None, False)):
        check_unknown(fraction, has_unknown)
    with pytest.raises(BundleError, match=r"unknown\.fraction needs a bundle that tells"):
        check_unknown(0.1, has_unknown=False)
