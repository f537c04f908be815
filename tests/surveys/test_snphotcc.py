from __future__ import annotations

import gzip
import shutil
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys import snana, snphotcc
from lcclassify.surveys.snphotcc import SnphotccSurvey


def archive_of(folder: Path) -> Path:
    archive = folder.parent / "SIMGEN_PUBLIC_DES.tar.gz"
    with tarfile.open(archive, "w:gz") as out:
        out.add(folder, arcname=folder.name)
    return archive


def test_folder_parent_archive_and_its_folder_give_the_same(snphotcc_folder: Path) -> None:
    plain = SnphotccSurvey(snphotcc_folder).read()
    parent = SnphotccSurvey(snphotcc_folder.parent).read()
    archive = archive_of(snphotcc_folder)
    shutil.rmtree(snphotcc_folder)
    before = sorted(archive.parent.rglob("*"))
    for root in (archive, archive.parent):
        packed = SnphotccSurvey(root).read()
        assert_frame_equal(packed.light_curves.observations, plain.light_curves.observations)
        assert_frame_equal(packed.light_curves.objects, plain.light_curves.objects)
    assert sorted(archive.parent.rglob("*")) == before  # nothing was unpacked
    assert_frame_equal(parent.light_curves.objects, plain.light_curves.objects)


def test_values_classes_and_metadata(snphotcc_folder: Path) -> None:
    data = SnphotccSurvey(snphotcc_folder, split="challenge").read()
    rows = data.light_curves.observations
    assert rows.height == 9
    assert rows.row(0) == (7, 56177.172, 0, 22.28, 4.823, False)
    assert rows.row(1) == (7, 56177.188, 1, 37.61, 5.386, True)
    assert rows.row(2) == (7, 56179.234, 3, -2.791, 4.722, False)
    assert data.report.rows_read == 12
    assert data.report.bad_flux_err == 3
    assert data.light_curves.objects.rows() == [
        (7, "Ia", "train", 0.6857, 0.0193, 0.0227),
        (12, "II", "test", 0.6857, 0.0193, 0.0227),
        (100, "Ibc", "test", 0.6857, 0.0193, 0.0227),
    ]
    assert data.taxonomy.classes == ("Ia", "II", "Ibc")
    assert data.zeropoint == 27.5
    assert SnphotccSurvey(snphotcc_folder).read().light_curves.objects["subset"].null_count() == 3


def test_missing_photometric_redshift_is_null_and_a_null_class_unlabels(
    snphotcc_folder: Path,
) -> None:
    file = next(iter(sorted(snphotcc_folder.glob("*.DAT"))))
    file.write_text(file.read_text().replace("0.6857  +- 0.0193", "-9.0000  +- 9.0000"))
    data = SnphotccSurvey(snphotcc_folder, class_map={"Ia": "Ia", "IIn": "II", "Ibc": None}).read()
    assert data.light_curves.objects["hostgal_photoz"].null_count() == 1
    assert data.light_curves.objects["label"].to_list() == ["Ia", "II", None]


def test_truth_cannot_be_an_input(snphotcc_folder: Path) -> None:
    for name in ("SIM_REDSHIFT", "redshift_spec", "redshift_final", "sntype"):
        with pytest.raises(ConfigError, match=name):
            SnphotccSurvey(snphotcc_folder, metadata=[name])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("NOBS: 4", "NOBS: 5", ["line 15", "NOBS states 5", "holds 4", "truncated"]),
        ("NOBS: 4\n", "", ["NOBS states no number"]),
        ("END:\n", "", ["END:", "truncated"]),
        ("2.228e+01", "abc", ["line 19", "'FLUXCAL'", "'abc'"]),
        ("   0.202   23.703", "", ["line 21", "9 values", "got 7"]),
        ("FLUXCALERR ", "", ["no column 'FLUXCALERR'"]),
        ("MWEBV: ", "MWEBW: ", ["MWEBV"]),
        ("0.6857", "text", ["HOST_GALAXY_PHOTO-Z", "text"]),
        ("SN Type = Ia", "SN Type = V", ["class_map", "'V'", "object 7"]),
        ("SNID:   7", "SNID:   x7", ["SNID", "'x7'"]),
    ],
)
def test_damaged_files_are_named(
    snphotcc_folder: Path, old: str, new: str, words: list[str]
) -> None:
    file = min(snphotcc_folder.glob("*.DAT"))
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(DataError) as caught:
        SnphotccSurvey(snphotcc_folder).read()
    for word in words:
        assert word in str(caught.value)
    if "class_map" not in words:
        assert file.name in str(caught.value)


def test_every_truncation_is_noticed(snphotcc_folder: Path) -> None:
    file = min(snphotcc_folder.glob("*.DAT"))
    content = file.read_bytes()
    for length in range(0, len(content.rstrip()) - 1, 23):
        file.write_bytes(content[:length])
        with pytest.raises(DataError, match=file.name):
            SnphotccSurvey(snphotcc_folder).read()


def test_a_damaged_header_or_check_sum_within_an_archive_is_no_end_of_it(
    snphotcc_folder: Path, tmp_path: Path
) -> None:
    whole = gzip.decompress(archive_of(snphotcc_folder).read_bytes())
    second = whole.index(b"DAT\0", whole.index(b"DAT\0") + 1)
    damaged = whole[:second] + b"X" + whole[second + 1 :]
    unended = whole.rstrip(b"\0")
    sums = gzip.compress(whole)[:-8] + bytes(8)
    file = tmp_path / "a.tar.gz"
    for content in (damaged, gzip.compress(damaged), unended + bytes(-len(unended) % 512), sums):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.tar\.gz is truncated or not a tar archive"):
            SnphotccSurvey(file).read()


def test_truncated_archive_and_wrong_roots(snphotcc_folder: Path, tmp_path: Path) -> None:
    archive = archive_of(snphotcc_folder)
    content = archive.read_bytes()
    for share in (0.0, 0.3, 0.6, 0.9):
        archive.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataError, match=r"SIMGEN_PUBLIC_DES\.tar\.gz"):
            SnphotccSurvey(archive).read()
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match="not a tar archive") as caught:
        SnphotccSurvey(archive).read()
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="does not exist"):
        SnphotccSurvey(tmp_path / "absent").read()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must hold SNANA"):
        SnphotccSurvey(tmp_path / "empty").read()
    with pytest.raises(ConfigError, match="did you mean 'challenge'"):
        SnphotccSurvey(tmp_path, split="chalenge")
    with pytest.raises(ConfigError, match=r"survey\.root"):
        SnphotccSurvey(None)


def test_cache_is_used_redone_when_damaged_and_never_for_changed_files(
    snphotcc_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[object] = []
    original = snana.parsed

    def counted(*arguments: Any) -> dict[str, pl.DataFrame]:
        parsed.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(snana, "parsed", counted)
    kept = tmp_path / "cache"

    def read(**changes: str) -> pl.DataFrame:
        data = SnphotccSurvey(snphotcc_folder, cache_dir=kept, **changes).read()
        assert data.report.messages == ()
        return data.light_curves.observations

    first = read()
    assert_frame_equal(read(split="challenge"), first)
    assert len(parsed) == 1
    entries = list(kept.iterdir())
    assert len(entries) == 1  # no temporary folder stays behind
    for name in ("observations.parquet", "objects.parquet", "checksums.json"):
        file = entries[0] / name
        file.write_bytes(file.read_bytes()[:-9])
        assert_frame_equal(read(), first)
    assert len(parsed) == 4
    (entries[0] / "objects.parquet").unlink()
    assert_frame_equal(read(), first)
    assert len(parsed) == 5

    survey = SnphotccSurvey(snphotcc_folder, cache_dir=kept)
    before = survey.fingerprint()
    file = min(snphotcc_folder.glob("*.DAT"))
    file.write_text(file.read_text().replace("3.761e+01", "3.861e+01"))
    assert survey.fingerprint() != before
    assert read()["flux"].to_list() != first["flux"].to_list()
    assert len(parsed) == 6


def test_a_cache_that_cannot_be_written_is_said(snphotcc_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data = SnphotccSurvey(snphotcc_folder, cache_dir=tmp_path / "file").read()
    assert len(data.report.messages) == 1
    assert "could not be kept" in data.report.sentences()[-1]


@pytest.mark.slow
def test_the_whole_challenge(shared_data: Path) -> None:
    data = SnphotccSurvey(shared_data / "snphotcc", split="challenge").read()
    objects = data.light_curves.objects
    assert objects.height == 21_319
    assert data.report.rows_read == 2_052_860
    # Each of the 20 rows left out has flux and error -9.
    assert (data.report.bad_flux_err, data.report.rows_kept) == (20, 2_052_840)
    assert data.report.objects_without_observations == 0
    counts = dict(objects.group_by("label").len().iter_rows())
    assert counts == {"Ia": 5088, "II": 13430, "Ibc": 2801}
    assert (objects["subset"] == "train").sum() == 1_103
    assert objects.select(pl.col(*snphotcc.METADATA).null_count()).row(0) == (0, 0, 0)


def test_a_label_that_no_object_has_is_said(snphotcc_folder: Path) -> None:
    survey = SnphotccSurvey(snphotcc_folder, class_map={**snphotcc.CLASS_MAP, "Iax": "Iax"})
    assert "No object has the label 'Iax' of survey.class_map." in survey.read().report.messages
    assert not survey.read(labels=False).report.messages
    assert not SnphotccSurvey(snphotcc_folder).read().report.messages
