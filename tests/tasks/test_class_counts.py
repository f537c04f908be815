"""What is said of classes of which nothing or little is learned."""

import numpy as np
import polars as pl
import pytest

from lcclassify.schema import Taxonomy
from lcclassify.tasks.class_counts import class_notes
from lcclassify.training.splits import Split

TAXONOMY = Taxonomy(("Ia", "II", "TDE", "KN"), {"II": "SN II"})


def notes(counts, *, folds=3, modes=("oof", "oof"), unknown_told=False):
    """Return the sentences of so many objects of each class in each role."""
    roles = [role for role, numbers in counts.items() for _ in range(sum(numbers))]
    targets = [k for numbers in counts.values() for k, n in enumerate(numbers) for _ in range(n)]
    split = Split(pl.DataFrame({"role": roles}))
    return class_notes(np.array(targets), split, TAXONOMY, folds, modes, unknown_told=unknown_told)


def test_nothing_of_classes_that_have_enough():
    assert notes({"train": [3, 9, 4, 3], "test": [1, 0, 2, 0]}) == ()


def test_classes_that_only_test_objects_are_of():
    found = notes({"train": [9, 0, 9, 0], "test": [3, 1, 3, 1_200], "held_out": [0, 0, 0, 7]})
    assert found == (
        "No training object is of SN II (1 test object), KN (1,200 test and 7 held-out objects): "
        "nothing is learned of these classes, and such objects are taken for others.",
    )


def test_where_unknown_objects_are_told_they_may_be_of_such_classes():
    [found] = notes({"train": [9, 9, 9, 0], "test": [0, 0, 0, 2]}, unknown_told=True)
    assert found == (
        "No training object is of KN (2 test objects): nothing is learned of this class, and "
        "such objects are found only by being unlike all other classes (unknown.fraction)."
    )


def test_classes_that_no_object_is_of():
    assert notes({"train": [9, 9, 0, 0]}) == ("No object that trains or tests is of TDE, KN.",)


@pytest.mark.parametrize(
    ("modes", "folds", "said"),
    [
        (
            ("auto", "holdout"),
            3,
            "hold, and as 3 folds need as many of each class, the head learns from a validation "
            "share instead (stacking.mode=auto). More",
        ),
        (("holdout", "holdout"), 3, "hold. More objects are needed"),
        (("oof", "oof"), 2, "hold. More objects are needed"),
    ],
)
def test_classes_with_few_training_objects(modes, folds, said):
    [found] = notes({"train": [9, 2, 9, 2]}, folds=folds, modes=modes)
    assert found.startswith("Few training objects are of SN II (2), KN (2): what is learned of")
    assert said in found


def test_what_ends_in_an_error_is_not_said_before():
    assert notes({"train": [9, 2, 9, 9]}, folds=3, modes=("oof", "oof")) == ()


def test_a_run_tells_of_a_class_that_only_tests(tmp_path, run_train, dense_words, survey_folder):
    objects = pl.read_csv(survey_folder / "objects.csv")
    part = pl.when(pl.col("type") == "slow").then(pl.lit("test")).otherwise(pl.lit("train"))
    objects.with_columns(part.alias("part")).write_csv(tmp_path / "objects.csv")
    words = [
        f"survey.objects={tmp_path}/objects.csv",
        "survey.columns.subset=part",
        "evaluation.report=true",
    ]
    run_train(tmp_path / "run", *dense_words, *words)
    said = "No training object is of slow (40 test objects): nothing is learned of this class"
    for name in ("report.txt", "report.html"):
        text = (tmp_path / "run" / name).read_text()
        assert text.count(said) == 1, name
