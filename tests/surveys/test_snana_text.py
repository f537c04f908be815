"""SNANA's text files, alone and beside pairs of FITS files."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from lcclassify.errors import DataError
from lcclassify.surveys.base import SurveyData
from lcclassify.surveys.snana import SnanaSurvey

CURVES = [
    [(57000.5, "g", 10.0, 1.0), (57001.5, "r", -3.5, 1.5)],
    [(57010.25, "i", 20.0, 2.0)],
    [(57000.5, "g", 1.5, 0.5), (57002.75, "g", 9.0, 1.0), (57003.5, "z", 2.0, 1.0)],
]
HEAD = {"SNID": [11, 7, 300], "SNTYPE": [1, 29, 101]}
TEXT = """SURVEY: DES
SNID:  {snid}
TYPE:  {kind}     # by spectrum
DECL: -9.5
REDSHIFT_HELIO: 0.15 +- 0.02 (helio)
HOSTGAL_PHOTOZ: {photoz} +- 0.05
NOBS: 2
NVAR: 6
VARNAMES: MJD BAND FIELD FLUXCAL FLUXCALERR PHOTFLAG
OBS: 57000.5 DES-g X1 10.5 1.0 0
OBS: 57001.5 DES-r X1 20.0 1.5 4097
END_PHOTOMETRY:
"""


def survey(root: Path, **options: Any) -> SnanaSurvey:
    defaults = {"passbands": ["g", "r", "i", "z"], "cache_dir": None}
    return SnanaSurvey(root, **{**defaults, **options})


def flat(data: SurveyData) -> list[tuple[Any, ...]]:
    return data.light_curves.observations.rows()


def text(snid: object = 7, kind: object = 1, photoz: object = 0.2) -> str:
    return TEXT.format(snid=snid, kind=kind, photoz=photoz)


def test_text_files_of_today_plain_packed_and_listed(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(text(7))
    (tmp_path / "b.DAT.gz").write_bytes(gzip.compress(text(8, 101, -9).encode()))
    (tmp_path / "README.txt").write_text("no light curve")
    options = {
        "metadata": {"photoz": "HOSTGAL_PHOTOZ", "photoz_err": "HOSTGAL_PHOTOZ_ERR", "dec": "DEC"},
        "class_map": {1: "Ia", "*": None},
        "detection_photflag": 4096,
    }
    data = survey(tmp_path, **options).read()
    assert flat(data)[:2] == [
        (7, 57000.5, 0, 10.5, 1.0, False),
        (7, 57001.5, 1, 20.0, 1.5, True),
    ]
    assert data.light_curves.objects.rows() == [
        (7, "Ia", None, 0.2, 0.05, -9.5),
        (8, None, None, None, 0.05, -9.5),
    ]
    more = survey(tmp_path, **options).with_column("redshift_spec").read()
    assert more.light_curves.objects["redshift_spec"].to_list() == [0.15, 0.15]
    (tmp_path / "c.txt").write_text(text(9))
    (tmp_path / "V.LIST").write_text(f"{'c' * 300}\n")
    with pytest.raises(DataError, match=r"V\.LIST, line 1 names a file, but .*ccc does not exist"):
        survey(tmp_path).read()
    (tmp_path / "V.LIST").write_text("c.txt\nb.DAT\n")
    (tmp_path / "V.IGNORE").write_text("IGNORE: 9 57000.5 g\n")
    data = survey(tmp_path, **options).read()
    assert [row[0] for row in flat(data)] == [8, 8, 9]
    (tmp_path / "b.DAT.gz").write_bytes(gzip.compress(text(8).encode())[:60])
    with pytest.raises(DataError, match=r"b\.DAT\.gz is truncated"):
        survey(tmp_path).read()


def test_archives_and_versions_of_both_formats(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path / "V", "V", {**HEAD, "REDSHIFT_HELIO": [0.5, -9.0, 0.25]}, CURVES)
    (tmp_path / "W").mkdir()
    (tmp_path / "W" / "a.DAT").write_text(text("SN9"))
    both = survey(tmp_path).with_column("redshift_spec").read().light_curves
    assert both.objects["object_id"].to_list() == ["11", "300", "7", "SN9"]
    assert both.objects["redshift_spec"].to_list() == [0.5, 0.25, None, 0.15]
    (tmp_path / "W" / "W.IGNORE").write_text("IGNORE: SN9 57001.5 r\n")
    alone = survey(tmp_path / "W").read()
    with tarfile.open(tmp_path / "W.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "W", arcname="W")
    packed = survey(tmp_path / "W.tar.gz").read()
    assert_frame_equal(packed.light_curves.observations, alone.light_curves.observations)
    assert packed.report.sentences() == alone.report.sentences() != []
    with tarfile.open(tmp_path / "V.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "V", arcname="V")
    with pytest.raises(DataError, match=r"V\.tar\.gz .*hold no object .*no \.DAT"):
        survey(tmp_path / "V.tar.gz").read()


def test_a_byte_order_mark_before_a_file_says_nothing(tmp_path: Path) -> None:
    bare = text(7).partition("\n")[2]  # whose first line is that of the SNID
    for name, content in (
        ("a.txt", bare),
        ("V.LIST", "a.txt\n"),
        ("V.IGNORE", "IGNORE: 7 57001.5 r"),
    ):
        (tmp_path / name).write_text(content, "utf-8-sig")
    assert [row[:2] for row in flat(survey(tmp_path).read())] == [(7, 57000.5)]


def test_txt_files_where_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text(7))
    assert survey(tmp_path).read().light_curves.objects.height == 1
    (tmp_path / "b.txt").write_text(text(7))
    with pytest.raises(DataError, match=r"SNID 7 is in .*a\.txt and in .*b\.txt"):
        survey(tmp_path).read()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("4097", "1.5", ["line 11", "'PHOTFLAG'", "'1.5'"]),
        ("4097", f"{2**63}", ["line 11", "'PHOTFLAG'", f"'{2**63}'"]),
        ("57001.5", "", ["line 11", "6 values", "got 5"]),
        (" BAND", " COLOR", ["no column 'BAND'"]),
        ("SNID:  7", "SNID:", ["no value of 'SNID:'"]),
        ("END_PHOTOMETRY", "end", ["line 12", "END:"]),
    ],
)
def test_damaged_text_is_named(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    (tmp_path / "a.dat").write_text(text().replace(old, new))
    with pytest.raises(DataError, match=r"a\.dat") as caught:
        survey(tmp_path).read()
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("word", ["1_0.5", "\u0661"])
def test_what_python_alone_takes_for_a_number_is_none(tmp_path: Path, word: str) -> None:
    (tmp_path / "a.DAT").write_text(text().replace("10.5", word), encoding="utf-8")
    with pytest.raises(DataError, match="line 10: column 'FLUXCAL' must hold a number, got"):
        survey(tmp_path).read()
    (tmp_path / "a.DAT").write_text(text(photoz=word), encoding="utf-8")
    with pytest.raises(DataError, match="'HOSTGAL_PHOTOZ:' must hold a number, got"):
        survey(tmp_path, metadata={"photoz": "HOSTGAL_PHOTOZ"}).read()


def test_fluxes_of_another_zeropoint_become_those_of_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(text(7).replace("NVAR", "ZP_FLUXCAL: 31.4\nNVAR"))
    (tmp_path / "b.dat").write_text(text(8).replace("NVAR", "ZP_FLUXCAL: 27.50\nNVAR"))
    nano, usual = [row[3:5] for row in flat(survey(tmp_path).read())][::2]
    assert usual == (10.5, 1.0)
    assert nano == pytest.approx((10.5 / 10**1.56, 1 / 10**1.56))
    (tmp_path / "a.dat").write_text(text(7).replace("NVAR", "ZP_FLUXCAL: AB\nNVAR"))
    with pytest.raises(DataError, match=r"a\.dat: 'ZP_FLUXCAL:' must hold a number, got 'AB'"):
        survey(tmp_path).read()


def test_types_read_as_labels_of_tables_do(tmp_path: Path) -> None:
    for snid, kind in enumerate(("1", "1.0", "NULL", "nan", "None", "01")):
        (tmp_path / f"{snid}.DAT").write_text(text(snid, kind))
    found = survey(tmp_path).read()
    assert found.light_curves.objects["label"].to_list() == ["1", "1", None, None, None, "01"]
    found = survey(tmp_path, class_map={"NULL": "none", "*": "any"}).read()
    assert found.light_curves.objects["label"].to_list()[2:4] == ["none", None]
