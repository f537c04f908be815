"""What SNANA's files of different surveys and ages do in their own ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.base import SurveyData
from lcclassify.surveys.snana import SnanaSurvey

CURVES = [
    [(57000.5, "g", 10.0, 1.0), (57001.5, "r", -3.5, 1.5)],
    [(57010.25, "i", 20.0, 2.0)],
    [(57000.5, "g", 1.5, 0.5), (57002.75, "g", 9.0, 1.0), (57003.5, "z", 2.0, 1.0)],
]
HEAD = {"SNID": [7, 11, 300], "SNTYPE": [1, 29, 101]}


def survey(root: Path, **options: Any) -> SnanaSurvey:
    defaults = {"passbands": ["g", "r", "i", "z"], "cache_dir": None}
    return SnanaSurvey(root, **{**defaults, **options})


def flat(data: SurveyData) -> list[tuple[Any, ...]]:
    return data.light_curves.observations.rows()


def test_fluxes_of_another_zeropoint_become_those_of_the_usual_one(
    tmp_path: Path, snana_pair: Any
) -> None:
    snana_pair(tmp_path / "V", "V", HEAD, CURVES)
    expected = flat(survey(tmp_path / "V").read())
    snana_pair(tmp_path / "W", "W", {**HEAD, "ZP_FLUXCAL": [27.5, -9.0, np.nan]}, CURVES)
    assert flat(survey(tmp_path / "W").read()) == expected
    nano = [(*one[:2], one[2] * 10**1.56, one[3] * 10**1.56) for one in CURVES[0]]
    head = {**HEAD, "ZP_FLUXCAL": [31.4, 27.5, 27.5]}
    snana_pair(tmp_path / "X", "X", head, [nano, *CURVES[1:]])
    found = flat(survey(tmp_path / "X").read())
    assert found[2:] == expected[2:]
    for row, usual in zip(found[:2], expected[:2], strict=True):
        assert row[3:5] == pytest.approx(usual[3:5], rel=1e-6)


def test_letters_of_filters_are_not_taken_for_the_filters(tmp_path: Path, snana_pair: Any) -> None:
    names = ["CSP-g/b", "CSP-r/g", "CFA3K-V/r"]
    curve = [(57000.0 + day, name, 5.0, 2.0) for day, name in enumerate(names)]
    snana_pair(tmp_path, "V", {"SNID": [1], "SNTYPE": [1]}, [curve])

    def bands(*passbands: str, **aliases: str) -> list[str]:
        read = survey(tmp_path, passbands=passbands, passband_aliases=aliases).read()
        return [passbands[row[2]] for row in flat(read)]

    assert bands("g", "r", "V") == ["g", "r", "V"]
    assert bands("b", "g", "r") == ["b", "g", "r"]
    assert bands(*names) == names
    assert bands("g", "r", "i", **{"CFA3K-V/r": "i"}) == ["g", "r", "i"]
    with pytest.raises(DataError, match="unknown passbands 'C"):
        bands("g", "r", "i")
    with pytest.raises(DataError, match=r"'CFA3K-V/r' \S+ \S+ may mean V or r, .*passband_aliases"):
        bands("g", "r", "V", "b")


def test_what_macos_puts_beside_files_is_none_of_them(tmp_path: Path, snana_pair: Any) -> None:
    folder = tmp_path / "V"
    snana_pair(folder, "V", HEAD, CURVES)
    (folder / "V.LIST").write_text("V_HEAD.FITS\n")
    expected = flat(survey(tmp_path).read())
    for file in [*folder.iterdir(), folder, tmp_path / "V.tar.gz"]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7\0\2")
    assert flat(survey(tmp_path).read()) == expected
    (folder / "V.LIST").unlink()
    assert flat(survey(tmp_path).read()) == expected


def test_a_head_file_alone_stands_for_its_pair(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES)
    snana_pair(tmp_path, "W", {**HEAD, "SNID": [1, 2, 3]}, CURVES)
    (tmp_path / "V.IGNORE").write_text("IGNORE: 7\n")
    one = survey(tmp_path / "V_HEAD.FITS", cache_dir=tmp_path / "cache")
    assert one.read().light_curves.objects["object_id"].to_list() == [11, 300]
    before = one.fingerprint()
    for file in tmp_path.glob("V_*"):
        file.unlink()
    snana_pair(tmp_path, "V", HEAD, [*CURVES[:2], [(*row[:2], 5.0, 1.0) for row in CURVES[2]]])
    assert one.fingerprint() != before
    assert [row[3] for row in flat(one.read())] == [20.0, 5.0, 5.0, 5.0]


def test_redshifts_by_the_name_of_another_age(tmp_path: Path, snana_pair: Any) -> None:
    for old, new in (("REDSHIFT_CMB", "REDSHIFT_FINAL"), ("REDSHIFT_FINAL", "REDSHIFT_CMB")):
        snana_pair(tmp_path / old, "V", {**HEAD, old: [0.5, -9.0, 1.5]}, CURVES)
        objects = survey(tmp_path / old, metadata={"z": new}).read().light_curves.objects
        assert objects["z"].to_list() == [0.5, None, 1.5]
    both = {"REDSHIFT_CMB": [0.5, 0.25, 1.5], "REDSHIFT_FINAL": [0.0, 0.0, 0.0]}
    snana_pair(tmp_path / "both", "V", {**HEAD, **both}, CURVES)
    objects = survey(tmp_path / "both", metadata={"z": "REDSHIFT_CMB"}).read().light_curves.objects
    assert objects["z"].to_list() == [0.5, 0.25, 1.5]


def test_one_of_the_inputs_may_be_the_redshift(tmp_path: Path) -> None:
    metadata = {"z": "REDSHIFT_FINAL", "mwebv": "MWEBV"}
    assert survey(tmp_path, metadata=metadata).redshift is None
    assert survey(tmp_path, metadata=metadata, redshift="z").redshift == "z"
    with pytest.raises(ConfigError, match=r"survey\.redshift .*'REDSHIFT_FINAL'"):
        survey(tmp_path, metadata=metadata, redshift="REDSHIFT_FINAL")


def test_a_column_that_is_absent_is_told_with_what_asks_for_it(
    tmp_path: Path, snana_pair: Any
) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES)
    with pytest.raises(DataError, match=r"no column 'MWEBV' \(of survey\.metadata, where null"):
        survey(tmp_path, metadata={"mwebv": "MWEBV"}).read()
    with pytest.raises(DataError, match=r"no column 'SIM_TYPE_NAME' \(survey\.label_column, null"):
        survey(tmp_path, label_column="SIM_TYPE_NAME").read()
    for key in ("SIMSED_DM15", "LCLIB_AMPLITUDE"):
        with pytest.raises(ConfigError, match=key):
            survey(tmp_path, metadata={"x": key})


def test_a_masked_type_is_no_label(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES)
    with fits.open(tmp_path / "V_HEAD.FITS", mode="update") as units:
        units[1].header["TNULL5"] = 29
        assert units[1].columns[4].name == "SNTYPE"
    objects = survey(tmp_path).read().light_curves.objects
    assert objects["label"].to_list() == ["1", None, "101"]


def test_observations_are_left_out_by_their_photflag(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES, PHOTFLAG=[0, 4096, 1024, 5120, 2, 6])
    expected = flat(survey(tmp_path, detection_photflag=4096).read())
    options = {"detection_photflag": 4096, "rejected_photflag": 1024 + 2}
    data = survey(tmp_path, **options).read()
    assert flat(data) == expected[:2]
    assert data.report.sentences() == [
        "2 objects have no usable observation.",
        "Left out by survey.rejected_photflag: 4 observations.",
    ]
    assert survey(tmp_path, **options).fingerprint() != survey(tmp_path).fingerprint()
    with pytest.raises(ConfigError, match="rejected_photflag"):
        survey(tmp_path, rejected_photflag=0)
    snana_pair(tmp_path / "W", "W", HEAD, CURVES)
    with pytest.raises(DataError, match="rejected_photflag needs a column 'PHOTFLAG'"):
        survey(tmp_path / "W", rejected_photflag=1024).read()
