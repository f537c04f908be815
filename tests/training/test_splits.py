"""Splits are by object and class, seeded, and the same whatever the order of rows."""

import re
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.errors import ConfigError, DataError, TrainingError
from lcclassify.schema import Taxonomy
from lcclassify.training.splits import (
    Split,
    SplitSettings,
    assign_folds,
    check_folds,
    split_objects,
    stratified_pair,
)

COUNTS = {"A": 100, "B": 40, "C": 20}


def classes_of(objects, rows):
    return Counter(objects["label"][rows].to_list())


@pytest.fixture
def objects(new_objects):
    return new_objects(COUNTS, n_unlabelled=7)


@pytest.fixture
def split(objects, taxonomy):
    return split_objects(objects, taxonomy, SplitSettings(0.25, 5, 0.1), seed=3)


def test_every_object_has_one_role(objects, split):
    roles = [set(split.rows(role).tolist()) for role in ("train", "test", "unlabelled")]
    assert sum(map(len, roles)) == len(objects) == len(set.union(*roles))
    assert split.table["object_id"].equals(objects["object_id"])


def test_of_many_without_a_class_some_are_taken_at_random(split):
    rows = split.rows("unlabelled").tolist()
    assert split.unlabelled_at_random(7, seed=0).tolist() == rows
    found = [split.unlabelled_at_random(3, seed).tolist() for seed in range(20)]
    assert all(len(set(one)) == 3 and one == sorted(one) for one in found)
    assert set().union(*found) == set(rows)
    assert found[4] == split.unlabelled_at_random(3, 4).tolist()


def test_the_unlabelled_are_left_out(objects, split):
    assert classes_of(objects, split.rows("unlabelled")) == {None: 7}
    assert None not in classes_of(
        objects, np.concatenate([split.rows("train"), split.rows("test")])
    )


def test_shares_are_of_each_class(objects, split):
    assert classes_of(objects, split.rows("test")) == {"A": 25, "B": 10, "C": 5}
    validation = classes_of(objects, split.validation)
    assert sum(validation.values()) == 12
    assert all(abs(validation[label] - 0.1 * 0.75 * n) < 1 for label, n in COUNTS.items())
    assert set(split.validation) <= set(split.rows("train"))


def test_folds_are_balanced_and_of_training_objects_only(objects, split):
    training = split.rows("train")
    assert set(np.flatnonzero(split.folds >= 0)) == set(training)
    for fold in range(5):
        rows = np.flatnonzero(split.folds == fold)
        assert classes_of(objects, rows) == {"A": 15, "B": 6, "C": 3}


def test_seed_decides(objects, taxonomy, split):
    again = split_objects(objects, taxonomy, SplitSettings(0.25, 5, 0.1), seed=3)
    other = split_objects(objects, taxonomy, SplitSettings(0.25, 5, 0.1), seed=4)
    assert again.table.equals(split.table)
    assert not other.table.equals(split.table)
    assert not np.array_equal(other.rows("test"), split.rows("test"))


def test_number_of_folds_leaves_the_test_objects(objects, taxonomy, split):
    other = split_objects(objects, taxonomy, SplitSettings(0.25, 3, 0.2), seed=3)
    assert np.array_equal(other.rows("test"), split.rows("test"))


def test_the_surveys_own_split_is_honoured(objects, taxonomy):
    subset = pl.Series(["train", "test", "held_out", None] * len(objects))[: len(objects)]
    split = split_objects(
        objects.with_columns(subset=subset), taxonomy, SplitSettings(0.9, 2, 0.0), seed=0
    )
    labelled = objects["label"].is_not_null().to_numpy()
    for role in ("train", "test", "held_out"):
        expected = np.flatnonzero(labelled & (subset == role).fill_null(False).to_numpy())
        assert np.array_equal(split.rows(role), expected)


def test_a_survey_without_training_objects_of_its_own_is_refused(objects, taxonomy):
    objects = objects.with_columns(subset=pl.lit("test"))
    with pytest.raises(DataError, match="names no labelled training object"):
        split_objects(objects, taxonomy, SplitSettings(), seed=0)


def test_no_labels_at_all(new_objects, taxonomy):
    with pytest.raises(DataError, match="needs labelled objects"):
        split_objects(new_objects({}, n_unlabelled=4), taxonomy, SplitSettings(), seed=0)


def test_without_test_objects(objects, taxonomy):
    split = split_objects(objects, taxonomy, SplitSettings(test_fraction=0.0), seed=0)
    assert len(split.rows("test")) == 0
    assert len(split.rows("train")) == sum(COUNTS.values())


def test_without_validation_objects(objects, taxonomy):
    split = split_objects(objects, taxonomy, SplitSettings(validation_fraction=0), seed=0)
    assert len(split.validation) == 0


def test_a_class_of_one_stays_in_training(new_objects, taxonomy):
    objects = new_objects({"A": 50, "B": 50, "C": 1})
    split = split_objects(objects, taxonomy, SplitSettings(0.3, 3, 0.1), seed=1)
    (row,) = np.flatnonzero((objects["label"] == "C").to_numpy())
    assert row in split.rows("train")
    assert row not in split.validation
    # With a single member fewer folds are no way out, and are not proposed.
    with pytest.raises(
        TrainingError, match=re.escape("'C' (1) are fewer than the 3 folds: set stacking.mode=")
    ):
        check_folds(np.array([0, 1, 2] + [0, 1] * 9), 3, taxonomy)


def test_all_objects_of_one_class(new_objects, taxonomy):
    with pytest.raises(DataError, match=r"at least two classes, and all 30 .* class 'B'"):
        split_objects(new_objects({"B": 30}), taxonomy, SplitSettings(0.2, 3, 0.1), seed=1)


def test_too_few_objects_for_a_share_say_which_setting(new_objects, taxonomy):
    objects = new_objects({"A": 5, "B": 5, "C": 5})
    for settings_, key in (
        (SplitSettings(0.95, 2, 0.0), "split.test_fraction"),
        (SplitSettings(0.0, 2, 0.9), "split.validation_fraction"),
    ):
        with pytest.raises(DataError, match=re.escape(key)) as caught:
            split_objects(objects, taxonomy, settings_, seed=0)
        assert "A, B, C" in str(caught.value)


def test_a_small_share_still_has_an_object_of_each_class(new_objects, taxonomy):
    objects = new_objects({"A": 5, "B": 5, "C": 5})
    split = split_objects(objects, taxonomy, SplitSettings(0.1, 2, 0.05), seed=0)
    for rows in (split.rows("test"), split.validation):
        assert sorted(objects["label"][rows]) == ["A", "B", "C"]


def test_all_classes_of_one_member(new_objects, taxonomy):
    with pytest.raises(DataError, match="cannot spare"):
        split_objects(new_objects({"A": 1, "B": 1}), taxonomy, SplitSettings(), seed=0)


def test_an_error_of_many_classes_lists_some(new_objects):
    classes = tuple(f"c{i:03d}" for i in range(500))  # ids in place of classes
    with pytest.raises(DataError, match=r"500 classes \(c000, .*c009, \.\.\.\) cannot spare"):
        split_objects(
            new_objects(dict.fromkeys(classes, 1)), Taxonomy(classes), SplitSettings(), seed=0
        )


class TestKept:
    def test_saved_and_read(self, split, objects, tmp_path):
        split.save(tmp_path / "splits.parquet")
        read = Split.load(tmp_path / "splits.parquet", objects["object_id"])
        assert read.table.equals(split.table)
        assert [path.name for path in tmp_path.iterdir()] == ["splits.parquet"]

    def test_other_objects_are_refused(self, split, objects, tmp_path):
        split.save(tmp_path / "splits.parquet")
        with pytest.raises(DataError, match="made for other objects"):
            Split.load(tmp_path / "splits.parquet", objects["object_id"].head(10))
        with pytest.raises(DataError, match="made for other objects"):
            Split.load(tmp_path / "splits.parquet", objects["object_id"].reverse())

    @pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None])
    def test_damaged_files_are_refused(self, objects, tmp_path, content):
        path = tmp_path / "splits.parquet"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            Split.load(path, objects["object_id"])

    def test_other_tables_are_refused(self, objects, tmp_path):
        objects.write_parquet(tmp_path / "splits.parquet")
        with pytest.raises(DataError, match="lacks the column 'role'"):
            Split.load(tmp_path / "splits.parquet", objects["object_id"])


@pytest.mark.parametrize(
    "values",
    [
        {"test_fraction": 1},
        {"test_fraction": -0.1},
        {"test_fraction": "half"},
        {"validation_fraction": 1.5},
        {"validation_fraction": float("nan")},
        {"folds": 1},
        {"folds": 2.5},
        {"folds": True},
    ],
)
def test_invalid_settings_are_refused(values):
    (key,) = values
    with pytest.raises(ConfigError, match=re.escape(f"split.{key} must be")):
        SplitSettings(**values)


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    folds=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_folds_of_any_counts(counts, folds, seed):
    targets = np.repeat(np.arange(len(counts)), counts)
    targets = np.random.default_rng(seed).permutation(targets)
    result = assign_folds(targets, folds, seed)
    assert len(result) == len(targets)
    assert np.isin(result, range(folds)).all()
    sizes = np.bincount(result, minlength=folds)
    assert sizes.max(initial=0) - sizes.min(initial=99999) <= max(len(counts), 1)
    for target, count in enumerate(counts):
        if count >= folds:
            per_fold = np.bincount(result[targets == target], minlength=folds)
            assert per_fold.max() - per_fold.min() <= 1


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    fraction=st.floats(0, 0.99),
    seed=st.integers(0, 99),
)
def test_two_parts_are_all_rows_once(counts, fraction, seed):
    taxonomy = Taxonomy(tuple("ABCD"[: len(counts)]))
    targets = np.repeat(np.arange(len(counts)), counts)
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(targets)) < 0.8)
    try:
        first, second = stratified_pair(rows, targets, taxonomy, fraction, seed)
    except DataError:
        return
    assert np.array_equal(np.sort(np.concatenate([first, second])), rows)
    for target in np.unique(targets[second]):
        assert (targets[first] == target).any()
