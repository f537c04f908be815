"""Words that stand for no label, and labels that look like numbers."""

import polars as pl
import pytest

from lcclassify.schema import Passbands, Taxonomy
from lcclassify.surveys.canonical import canonicalise
from lcclassify.surveys.casts import label_text
from lcclassify.surveys.table import TableSurvey

ABSENT = ("nan", "None", "NA", "null", "-", "", " N/A ", "--")


def test_words_for_no_label():
    assert label_text(pl.Series([*ABSENT, "Ia"])).to_list() == [None] * len(ABSENT) + ["Ia"]


@pytest.mark.parametrize(
    ("word", "label"),
    [("42.0", "42"), ("42.", "42"), ("-1.0", "-1"), ("007", "007"), ("1.5", "1.5")],
)
def test_whole_numbers_in_text_are_integers(word, label):
    assert label_text(pl.Series([word, None])).to_list() == [label, None]


def test_known_words_are_labels_whatever_they_look_like():
    words = ["nan", "None", "42.0", "7.0"]
    assert label_text(pl.Series(words), ["None", "42.0"]).to_list() == [None, "None", "42.0", "7"]


def write(folder, labels):
    n = len(labels)
    pl.DataFrame(
        {"object_id": range(n), "mjd": 1.0, "passband": "g", "flux": 1.0, "flux_err": 1.0}
    ).write_csv(folder / "observations.csv")
    pl.DataFrame(
        {"object_id": range(n), "type": labels, "part": ["train", "null"] * (n // 2)}
    ).write_csv(folder / "objects.csv")


@pytest.mark.parametrize(
    ("options", "expected", "classes"),
    [
        ({}, [None] * 6 + ["Ia", "42"], ("42", "Ia")),
        ({"classes": ["Ia", "42", "None"]}, [None, "None", *[None] * 4, "Ia", "42"], None),
        ({"class_map": {"nan": "Ia", "42.0": "II"}}, ["Ia", *[None] * 5, "Ia", "II"], ("II", "Ia")),
    ],
)
def test_a_survey(options, expected, classes, tmp_path):
    write(tmp_path, ["nan", "None", "NA", "null", "-", "", "Ia", "42.0"])
    survey = TableSurvey(
        observations="observations.csv", objects="objects.csv", root=tmp_path, passbands=["g"],
        columns={"label": "type", "subset": "part"}, **options,
    )  # fmt: skip
    data = survey.read()
    assert data.light_curves.objects["label"].to_list() == expected
    assert data.light_curves.objects["subset"].to_list() == ["train", None] * 4
    if classes is not None:
        assert data.taxonomy.classes == classes
    chunk = survey.chunks().read(0)
    assert chunk.light_curves.objects["label"].to_list() == expected


def test_frames():
    observations = pl.DataFrame(
        {"object_id": [1, 2], "mjd": 1.0, "passband": "g", "flux": 1.0, "flux_err": 1.0}
    )
    objects = pl.DataFrame({"object_id": [1, 2], "label": ["nan", "90.0"]})
    curves, _ = canonicalise(observations, objects, Passbands(("g",)), Taxonomy(("90",)))
    assert curves.objects["label"].to_list() == [None, "90"]
