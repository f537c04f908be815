"""Several versions of SNANA's files, in which SNIDs come again."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.snana import SnanaSurvey

CURVES = [
    [(57000.5, "g", 10.0, 1.0), (57001.5, "r", -3.5, 1.5)],
    [(57010.25, "i", 20.0, 2.0)],
]
OTHERS = [[(57005.0, "z", 1.0, 1.0)], [(57006.0, "z", 2.0, 1.0), (57007.0, "z", 3.0, 1.0)]]
HEAD = {"SNID": [11, 7], "SNTYPE": [1, 1]}
TEXT = """SNID: {snid}
SNTYPE: 20
NOBS: 1
VARLIST: MJD BAND FIELD FLUXCAL FLUXCALERR
OBS: 57000.5 g X1 10.5 1.0
END:
"""


def survey(root: Path, **options: Any) -> SnanaSurvey:
    defaults = {"passbands": ["g", "r", "i", "z"], "cache_dir": None, "prefix_ids": True}
    return SnanaSurvey(root, **{**defaults, **options})


def ids(root: Path, **options: Any) -> list[Any]:
    found = survey(root, **options).read().light_curves
    observed = found.observations["object_id"].unique().sort()
    assert found.objects["object_id"].to_list() == observed.to_list()
    return observed.to_list()


@pytest.fixture
def versions(tmp_path: Path, snana_pair: Any) -> Path:
    """Return a folder of two versions with the same SNIDs."""
    root = tmp_path / "sims"
    root.mkdir()
    snana_pair(root / "SIM_SNIa", "SIM_SNIa", HEAD, CURVES)
    snana_pair(root / "SIM_SNII", "SIM_SNII", {**HEAD, "SNTYPE": [20, 20]}, OTHERS)
    return root


def test_the_refusal_says_what_tells_objects_of_versions_apart(versions: Path) -> None:
    with pytest.raises(DataError, match=r"SNID 7 is in .*survey\.prefix_ids=true .* such as SIM_S"):
        survey(versions, prefix_ids=False).read()
    with pytest.raises(ConfigError, match=r"survey\.prefix_ids must be true or false"):
        survey(versions, prefix_ids="yes")


def test_ids_begin_with_their_version(versions: Path) -> None:
    data = survey(versions).read()
    assert data.light_curves.objects.rows() == [
        ("SIM_SNII@11", "20", None),
        ("SIM_SNII@7", "20", None),
        ("SIM_SNIa@11", "1", None),
        ("SIM_SNIa@7", "1", None),
    ]
    rows = data.light_curves.observations.select("object_id", "mjd").rows()
    assert rows == [
        ("SIM_SNII@11", 57005.0),
        ("SIM_SNII@7", 57006.0),
        ("SIM_SNII@7", 57007.0),
        ("SIM_SNIa@11", 57000.5),
        ("SIM_SNIa@11", 57001.5),
        ("SIM_SNIa@7", 57010.25),
    ]


def test_an_object_has_one_id_however_it_is_read(
    versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ["SIM_SNIa@11", "SIM_SNIa@7"]
    folder = versions / "SIM_SNIa"
    for root in (folder, folder / "SIM_SNIa_HEAD.FITS", folder / ".." / "SIM_SNIa"):
        assert ids(root) == own
    assert ids(versions, version="SIM_SNIa") == own
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert ids(Path("..")) == own
    assert ids(folder, prefix_ids=False) == [7, 11]


def test_chunks_have_the_same_ids(versions: Path, check_same: Any) -> None:
    whole = survey(versions).read()
    for on_error in ("stop", "quarantine"):
        chunks = survey(versions).chunks(rows=2, on_error=on_error)
        assert len(chunks) == 3
        check_same(chunks, whole, ordered=False)


def test_rejects_name_the_object_of_its_version(versions: Path, snana_pair: Any) -> None:
    snana_pair(versions / "SIM_X", "SIM_X", {"SNID": [7], "SNTYPE": [1]}, [[(1.0, "Q", 1.0, 1.0)]])
    chunk = survey(versions).chunks(on_error="quarantine").read(0)
    assert chunk.rejects["object_id"].to_list() == ["SIM_X@7"]
    assert "SIM_X@7" not in chunk.light_curves.objects["object_id"]


def test_cache_and_fingerprint_follow_the_option_and_the_versions(
    versions: Path, tmp_path: Path
) -> None:
    folder, cache = versions / "SIM_SNIa", tmp_path / "cache"
    bare = survey(folder, prefix_ids=False, cache_dir=cache)
    own = survey(folder, cache_dir=cache)
    assert bare.fingerprint() != own.fingerprint()
    for _ in range(2):
        assert bare.read().light_curves.objects["object_id"].to_list() == [7, 11]
        assert own.read().light_curves.objects["object_id"].to_list() == [
            "SIM_SNIa@11",
            "SIM_SNIa@7",
        ]
    assert len(list(cache.iterdir())) == 2
    one = survey(versions, version="SIM_SNIa", cache_dir=cache)
    for file in folder.iterdir():
        file.rename(versions / file.name)
    folder.rmdir()
    shutil.rmtree(versions / "SIM_SNII")
    before = one.fingerprint()
    assert one.read().light_curves.objects["object_id"].to_list() == ["sims@11", "sims@7"]
    # A file that is not read makes its folder one of several versions.
    (versions / "V_HEAD.FITS").touch()
    assert one.fingerprint() != before
    assert one.read().light_curves.objects["object_id"].to_list() == ["SIM_SNIa@11", "SIM_SNIa@7"]


def test_versions_in_one_folder_by_their_lists_or_heads(tmp_path: Path, snana_pair: Any) -> None:
    for name, curves in (("A-0001", CURVES[:1]), ("A-0002", CURVES[1:]), ("A_B", OTHERS[:1])):
        snana_pair(tmp_path, name, {"SNID": [7 + name.count("2")], "SNTYPE": [1]}, curves)
    expected = ["A@7", "A@8", "A_B@7"]
    assert ids(tmp_path) == expected
    assert ids(tmp_path, version="A") == expected[:2]
    assert ids(tmp_path / "A_B_HEAD.FITS") == expected[2:]
    (tmp_path / "A.IGNORE").write_text("IGNORE: 8\n")
    (tmp_path / "A_B.IGNORE").write_text("IGNORE: 8\n")
    data = survey(tmp_path).read()
    assert data.light_curves.objects["object_id"].to_list() == ["A@7", "A_B@7"]
    assert "1 whole object; 1 line of them fits no other" in data.report.sentences()[0]
    for file in tmp_path.glob("*.IGNORE"):
        file.unlink()
    (tmp_path / "all.IGNORE").write_text("IGNORE: 7\n")  # of every version beside it
    assert ids(tmp_path) == ["A@8"]
    (tmp_path / "all.IGNORE").unlink()
    (tmp_path / "old.LIST").write_text("A-0001_HEAD.FITS\nA-0002_HEAD.FITS\n")
    (tmp_path / "new.LIST").write_text("A_B_HEAD.FITS\n")
    assert ids(tmp_path) == ["new@7", "old@7", "old@8"]


def test_ignored_objects_are_those_of_the_version(versions: Path) -> None:
    (versions / "SIM_SNIa" / "SIM_SNIa.IGNORE").write_text("IGNORE: 7\nIGNORE: 11 57000.5 g\n")
    data = survey(versions).read()
    assert data.light_curves.objects["object_id"].to_list() == [
        "SIM_SNII@11",
        "SIM_SNII@7",
        "SIM_SNIa@11",
    ]
    assert data.report.sentences() == [
        "Left out as IGNORE files say: 2 observations and 1 whole object."
    ]


def test_ids_in_text_and_numbers_text_files_and_archives(versions: Path, snana_pair: Any) -> None:
    snana_pair(versions / "names", "V", {"SNID": ["007", "2005aa"], "SNTYPE": [1, 1]}, CURVES)
    (versions / "texts").mkdir()
    for number in ("7", "11"):
        (versions / "texts" / f"{number}.DAT").write_text(TEXT.format(snid=number))
    (versions / "texts" / "V.IGNORE").write_text("IGNORE: 11\n")
    expected = ["names@007", "names@2005aa", "texts@7"]
    assert [each for each in ids(versions) if "SIM" not in each] == expected
    shutil.copytree(versions / "texts", versions.parent / "other")
    with tarfile.open(versions.parent / "all.tar.gz", "w:gz") as archive:
        archive.add(versions / "texts", arcname="texts")
        archive.add(versions.parent / "other", arcname="./deeper/other")
        archive.add(versions / "texts" / "7.DAT", arcname="7.DAT")
    assert ids(versions.parent / "all.tar.gz") == ["all@7", "other@7", "texts@7"]


@pytest.mark.parametrize("prefix", [True, False])
def test_an_id_that_comes_twice_in_one_version_is_refused(
    versions: Path, snana_pair: Any, prefix: bool
) -> None:
    snana_pair(versions / "SIM_X", "SIM_X", {"SNID": [5, 5], "SNTYPE": [1, 1]}, CURVES)
    with pytest.raises(DataError, match=r"SNID 5 is in .*row 1 and in .*row 2, both of version SI"):
        survey(versions, prefix_ids=prefix).read()
    (versions / "SIM_X" / "a.LIST").write_text("SIM_X_HEAD.FITS\nSIM_X_HEAD.FITS\n")
    with pytest.raises(DataError, match="both of version SIM_X"):
        survey(versions / "SIM_X", prefix_ids=prefix).read()


def test_names_that_cannot_be_told_apart_are_refused(tmp_path: Path, snana_pair: Any) -> None:
    for version, snid in (("A", "B@1"), ("A@B", "1")):
        snana_pair(tmp_path / version, "V", {"SNID": [snid], "SNTYPE": [1]}, CURVES[:1])
    with pytest.raises(DataError, match="the name of a version must not contain '@'"):
        survey(tmp_path).read()


@pytest.mark.parametrize("name", ["SIM [Ia] (2)", "a,b;c", "{object_id}", "*", "Ünï", "'\"$x"])
def test_versions_of_any_name(tmp_path: Path, snana_pair: Any, name: str) -> None:
    snana_pair(tmp_path / name, "V", HEAD, CURVES)
    snana_pair(tmp_path / "other", "V", HEAD, CURVES)
    assert ids(tmp_path) == sorted([f"{name}@11", f"{name}@7", "other@11", "other@7"])
    assert ids(tmp_path, version=name) == [f"{name}@11", f"{name}@7"]


def test_names_of_folders_that_are_no_text(tmp_path: Path, snana_pair: Any) -> None:
    root = tmp_path / os.fsdecode(b"V\xff")
    try:
        root.mkdir()
    except OSError:
        pytest.skip("names of files are text here")
    snana_pair(root, "V", {**HEAD, "NOBS": [2, 0]}, CURVES)
    read = survey(root, cache_dir=tmp_path / "cache")
    assert json.loads(json.dumps(read.fingerprint()))
    assert read.read().light_curves.objects["object_id"].to_list() == ["V\ufffd@11", "V\ufffd@7"]
    (root / "V_HEAD.FITS").unlink()
    (root / "a.DAT").write_text(TEXT.format(snid=1))
    assert ids(root) == ["V\ufffd@1"]


def test_lists_may_name_files_that_lie_elsewhere(tmp_path: Path, snana_pair: Any) -> None:
    (tmp_path / "root").mkdir()
    for name in ("one", "two"):
        snana_pair(tmp_path / f"data_{name}", "V", HEAD, CURVES)
        (tmp_path / "root" / name).mkdir()
        listed = f"../../data_{name}/V_HEAD.FITS\n"
        (tmp_path / "root" / name / "x.LIST").write_text(listed)
        (tmp_path / "root" / name / "x.IGNORE").write_text("IGNORE: 11\n" * (name == "two"))
    assert ids(tmp_path / "root") == ["one@11", "one@7", "two@7"]


@pytest.mark.parametrize("kind", ["HEAD", "PHOT"])
@pytest.mark.parametrize("size", [0, 3000, -2000])
def test_one_damaged_version_among_others_is_named(versions: Path, kind: str, size: int) -> None:
    file = versions / "SIM_SNII" / f"SIM_SNII_{kind}.FITS"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(DataError, match=re.escape(str(file))):
        survey(versions).chunks()
    part = survey(versions).chunks(on_error="quarantine").read(0)
    assert part.rejects["file"].to_list() == [str(file)]
    assert part.light_curves.objects["object_id"].to_list() == ["SIM_SNIa@11", "SIM_SNIa@7"]


def test_a_version_without_objects_adds_none(versions: Path) -> None:
    for file in (versions / "SIM_SNII").iterdir():
        with fits.open(file, memmap=False) as units:
            fits.BinTableHDU(units[1].data[:0]).writeto(file, overwrite=True)
    assert ids(versions) == ["SIM_SNIa@11", "SIM_SNIa@7"]
    with pytest.raises(DataError, match="hold no object"):
        survey(versions / "SIM_SNII").read()


def test_flags_of_one_version_alone(versions: Path, snana_pair: Any) -> None:
    folder = versions / "SIM_SNIa"
    shutil.rmtree(folder)
    snana_pair(folder, "SIM_SNIa", HEAD, CURVES, PHOTFLAG=[0, 4096, 1])
    data = survey(versions, detection_photflag=4096, detection_snr=2.5).read()
    found = data.light_curves.observations.select("object_id", "detected").rows()
    assert found == [
        ("SIM_SNII@11", False),  # by its signal-to-noise ratio
        ("SIM_SNII@7", False),
        ("SIM_SNII@7", True),
        ("SIM_SNIa@11", False),  # as stated
        ("SIM_SNIa@11", True),
        ("SIM_SNIa@7", False),
    ]
    assert "3 observations have no value of 'detected'" in data.report.sentences()[0]


def test_missing_ids_are_no_ids_of_a_version(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", {"SNID": ["nan", "7"], "SNTYPE": [1, 1]}, CURVES)
    with pytest.raises(DataError, match=r"row 1: the id 'nan' stands for a missing one"):
        survey(tmp_path).read()
