"""Simulated files in PLAsTiCC's form are told from PLAsTiCC's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lcclassify.errors import DataError
from lcclassify.surveys.origin import ORIGIN, write_origin
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.table import TableSurvey


def test_plasticcs_own_files_have_no_zeropoint(plasticc_folder: Path) -> None:
    survey = PlasticcSurvey(plasticc_folder)
    assert survey.published
    assert survey.zeropoint is survey.read().zeropoint is survey.chunks().zeropoint is None
    assert not TableSurvey("a.csv", ["g"]).published


def test_simulated_files_have_one_and_are_not_plasticc(plasticc_folder: Path) -> None:
    own = PlasticcSurvey(plasticc_folder).fingerprint()
    write_origin(plasticc_folder)
    survey = PlasticcSurvey(plasticc_folder)
    assert not survey.published
    assert survey.zeropoint == survey.read().zeropoint == survey.chunks().zeropoint == 27.5
    assert survey.fingerprint() == own | {"zeropoint": 27.5}
    named = PlasticcSurvey(plasticc_folder.parent, observations=f"{plasticc_folder.name}/*_set.csv",
                           objects=f"{plasticc_folder.name}/*_metadata.csv")  # fmt: skip
    assert named.zeropoint == 27.5


def test_files_of_both_are_not_mixed(plasticc_folder: Path) -> None:
    write_origin(plasticc_folder)
    other = plasticc_folder / "other"
    other.mkdir()
    shutil.copy(plasticc_folder / "training_set.csv", other)
    survey = PlasticcSurvey(plasticc_folder, observations=["training_set.csv", "other/*.csv"])
    with pytest.raises(DataError, match=r"one zero-point, but have: .* \(27.5\), .*other \(none\)"):
        survey.read()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is damaged"),
        ("{}", "is damaged"),
        ("[1]", "is damaged"),
        ('{"zeropoint": "27.5"}', "zeropoint must be a finite number, got '27.5'"),
        ('{"zeropoint": NaN}', "zeropoint must be a finite number, got nan"),
    ],
)
def test_a_damaged_description_is_refused(plasticc_folder: Path, text: str, sentence: str) -> None:
    (plasticc_folder / ORIGIN).write_text(text)
    with pytest.raises(DataError, match=f"{ORIGIN}.*{sentence}"):
        PlasticcSurvey(plasticc_folder).read()
