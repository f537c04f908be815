"""SNANA's FITS files that are damaged, contradict each other or are missing are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.snana import SnanaSurvey

CURVES = [
    [(57000.5, "g", 10.0, 1.0), (57001.5, "r", -3.5, 1.5)],
    [(57010.25, "i", 20.0, 2.0)],
    [(57000.5, "g", 1.5, 0.5), (57002.75, "g", 9.0, 1.0), (57003.5, "z", 2.0, 1.0)],
]
HEAD = {"SNID": [11, 7, 300], "SNTYPE": [1, 29, 101]}


def survey(root: Path, **options: Any) -> SnanaSurvey:
    defaults = {"passbands": ["g", "r", "i", "z"], "cache_dir": None}
    return SnanaSurvey(root, **{**defaults, **options})


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"PTROBS_MAX": [2, 4, 80]}, ["V_HEAD.FITS, row 3", "PTROBS_MAX=80", "which has 9"]),
        ({"PTROBS_MIN": [0, 4, 6]}, ["V_HEAD.FITS, row 1", "PTROBS_MIN=0"]),
        ({"NOBS": [2, 2, 3]}, ["V_HEAD.FITS, row 2", "NOBS=2"]),
        ({"NOBS": [2, 1, -3], "PTROBS_MAX": [2, 4, 2]}, ["row 3", "NOBS=-3"]),
        ({"PTROBS_MIN": [1, 3, 6], "PTROBS_MAX": [2, 3, 8]}, ["row 2", "row 3 of", "ends a light"]),
        ({"PTROBS_MIN": [1, 2, 6], "PTROBS_MAX": [2, 2, 8]}, ["row 2 of", "another object"]),
        ({"SNID": [7, 7, 8]}, ["SNID 7", "row 1", "row 2", "both of version"]),
        ({"SNID": ["a", " ", "c"]}, ["row 2", "no SNID"]),
        ({"SNID": [1.5, 2.5, 3.5]}, ["'SNID'", "text"]),
        ({"PTROBS_MIN": [1.0, 4.0, 6.0]}, ["'PTROBS_MIN'", "integers"]),
        ({"MWEBV": ["a", "b", "c"]}, ["'MWEBV'", "numbers"]),
    ],
)
def test_pairs_that_contradict_each_other(
    tmp_path: Path, snana_pair: Any, head: dict[str, list[Any]], words: list[str]
) -> None:
    snana_pair(tmp_path, "V", {"MWEBV": [0.1, 0.1, 0.1], **HEAD, **head}, CURVES)
    with pytest.raises(DataError) as caught:
        survey(tmp_path, metadata={"mwebv": "MWEBV"}).read()
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("form", "values", "got"),
    [
        ("11E", np.ones((3, 11)), "arrays of 11 values"),
        ("6E", np.ones((3, 2, 3)), "arrays of 2 x 3 values"),
        ("2J", np.ones((3, 2)), "arrays of 2 values"),
        ("PE()", [np.ones(3), np.ones(2), np.ones(1)], "arrays of variable length"),
        ("QD()", [np.ones(2), np.ones(2), np.ones(2)], "arrays of variable length"),
        ("PJ()", [np.ones(1, int), np.ones(1, int), np.ones(1, int)], "arrays of variable length"),
        ("PA()", ["abc", "d", "ef"], "arrays of variable length"),
    ],
)
def test_columns_of_several_values_a_row_are_told(
    tmp_path: Path, snana_pair: Any, form: str, values: Any, got: str
) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES)
    several = np.empty(3, object)
    several[:] = list(values)
    dim = "(3,2)" if form == "6E" else None
    array = several if form[0] in "PQ" else values
    file = tmp_path / "V_HEAD.FITS"
    with fits.open(file, memmap=False) as units:
        columns = [*units[1].columns, fits.Column("Q", form, array=array, dim=dim)]
        fits.BinTableHDU.from_columns(columns).writeto(file, overwrite=True)
    assert survey(tmp_path).read().light_curves.objects.height == 3  # nobody asks for it
    for options, why in (
        ({"metadata": {"q": "Q"}}, "of survey.metadata, where null for its name leaves it out"),
        ({"label_column": "Q"}, "survey.label_column, null for no labels"),
        ({"spectroscopic_redshift": "Q"}, "survey.spectroscopic_redshift"),
    ):
        with pytest.raises(DataError) as caught:
            survey(tmp_path, **options).read()
        told = f"{file}: column 'Q' ({why}) must hold one value a row, got {got}"
        assert str(caught.value) == told


def test_files_that_are_missing_or_lack_columns(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES, band="PASSBAND")
    with pytest.raises(DataError, match=r"V_PHOT\.FITS has no column 'BAND'"):
        survey(tmp_path).read()
    (tmp_path / "V_PHOT.FITS").unlink()
    with pytest.raises(DataError, match=r"V_HEAD\.FITS needs .*V_PHOT\.FITS does not exist"):
        survey(tmp_path).fingerprint()
    (tmp_path / "W").mkdir()
    with pytest.raises(DataError, match="must hold SNANA files"):
        survey(tmp_path / "W").read()
    with pytest.raises(ConfigError, match=r"survey\.root"):
        SnanaSurvey(None, ["g"])
    with pytest.raises(ConfigError, match="passbands"):
        SnanaSurvey(tmp_path, None)


@pytest.mark.parametrize("suffix", ["FITS", "FITS.gz"])
@pytest.mark.parametrize("kind", ["HEAD", "PHOT"])
def test_every_truncation_of_a_fits_file_is_noticed(
    tmp_path: Path, snana_pair: Any, suffix: str, kind: str
) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES, suffix=suffix)
    file = tmp_path / f"V_{kind}.{suffix}"
    content = file.read_bytes()
    step = 719 if suffix == "FITS" else len(content) // 8
    for length in range(0, len(content) - 1, step):
        file.write_bytes(content[:length])
        with pytest.raises(DataError, match=file.name) as caught:
            survey(tmp_path).read()
        assert "\n" not in str(caught.value)
    file.write_bytes(b"<html>not found</html>" * 500)
    with pytest.raises(DataError, match=file.name):
        survey(tmp_path).read()
