from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from astropy.io import fits
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.base import SurveyData
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


def flat(data: SurveyData) -> list[tuple[Any, ...]]:
    return data.light_curves.observations.rows()


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("suffix", ["FITS", "fits", "FITS.gz"])
def test_pairs_with_and_without_rows_between_light_curves(
    tmp_path: Path, snana_pair: Any, ends: bool, suffix: str
) -> None:
    snana_pair(tmp_path / "V", "V", HEAD, CURVES, ends=ends, suffix=suffix, band="FLT")
    data = survey(tmp_path / "V").read()
    assert flat(data) == [
        (7, 57010.25, 2, 20.0, 2.0, True),
        (11, 57000.5, 0, 10.0, 1.0, True),
        (11, 57001.5, 1, -3.5, 1.5, False),
        (300, 57000.5, 0, 1.5, 0.5, False),
        (300, 57002.75, 0, 9.0, 1.0, True),
        (300, 57003.5, 3, 2.0, 1.0, False),
    ]
    assert data.light_curves.objects.rows() == [
        (7, "29", None),
        (11, "1", None),
        (300, "101", None),
    ]
    assert data.taxonomy.classes == ("1", "101", "29")
    assert data.zeropoint == 27.5
    assert data.report.sentences() == []


def test_folders_of_versions_lists_and_one_version(tmp_path: Path, snana_pair: Any) -> None:
    first, second = {"SNID": ["a"], "SNTYPE": [1]}, {"SNID": ["b"], "SNTYPE": [2]}
    snana_pair(tmp_path / "V", "V-0001", first, CURVES[:1])
    snana_pair(tmp_path / "V", "V-0002", second, CURVES[1:2], suffix="FITS.gz")
    snana_pair(tmp_path / "W", "W", {"SNID": ["c"], "SNTYPE": [2]}, CURVES[2:])

    def ids(root: Path, **options: Any) -> list[str]:
        return survey(root, **options).read().light_curves.objects["object_id"].to_list()

    assert ids(tmp_path) == ["a", "b", "c"]
    assert ids(tmp_path, version="W") == ids(tmp_path / "W", version="W") == ["c"]
    (tmp_path / "V" / "V.LIST").write_text("V-0002_HEAD.FITS\n\n")  # compressed on the disk
    assert ids(tmp_path / "V") == ["b"]
    for file in [*(tmp_path / "V").iterdir(), *(tmp_path / "W").iterdir()]:
        file.rename(tmp_path / file.name)
    shutil.rmtree(tmp_path / "V")
    shutil.rmtree(tmp_path / "W")
    assert ids(tmp_path, version="V") == ["b"]
    (tmp_path / "V.LIST").unlink()
    assert ids(tmp_path, version="V") == ["a", "b"]
    assert ids(tmp_path, version="W") == ["c"]
    with pytest.raises(DataError, match="must hold SNANA files of V-0"):
        ids(tmp_path, version="V-0")


def test_a_list_of_a_missing_file_names_its_line(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES)
    (tmp_path / "V.LIST").write_text("V_HEAD.FITS\nV-0002_HEAD.FITS\n")
    with pytest.raises(DataError, match=r"V\.LIST, line 2 .*V-0002_HEAD\.FITS does not exist"):
        survey(tmp_path).read()


def test_ids_in_text_are_integers_only_if_none_loses_anything(
    tmp_path: Path, snana_pair: Any
) -> None:
    for folder, ids, expected in (
        ("integers", ["11", "7", "300"], [7, 11, 300]),
        ("zeros", ["011", "7", "300"], ["011", "300", "7"]),
        ("names", ["2005aa", "7", "300"], ["2005aa", "300", "7"]),
    ):
        snana_pair(tmp_path / folder, "V", {**HEAD, "SNID": ids}, CURVES)
        found = survey(tmp_path / folder).read().light_curves.objects["object_id"]
        assert found.to_list() == expected


def test_bands_by_last_character_part_behind_the_dash_or_alias(
    tmp_path: Path, snana_pair: Any
) -> None:
    bands = ["LSST-g", "ZTF-rr", "LSST_i", "Y"]
    curve = [(57000.0 + day, band, 5.0, 2.0) for day, band in enumerate(bands)]
    snana_pair(tmp_path, "V", {"SNID": [1], "SNTYPE": [1]}, [curve])
    options = {"passbands": ["g", "rr", "i"], "passband_aliases": {"Y": "i"}}
    assert [row[2] for row in flat(survey(tmp_path, **options).read())] == [0, 1, 2, 2]
    with pytest.raises(DataError, match="unknown passband 'Y'"):
        survey(tmp_path, passbands=["g", "rr", "i"]).read()
    with pytest.raises(ConfigError, match="passband_aliases"):
        survey(tmp_path, passband_aliases={"Y": "y"})


def test_photflag_states_detections(tmp_path: Path, snana_pair: Any) -> None:
    flags = [0, 4096, 1, 4097, 2, 6]
    snana_pair(tmp_path, "V", HEAD, CURVES, PHOTFLAG=flags)
    data = survey(tmp_path, detection_photflag=4096).read()
    assert [row[5] for row in flat(data)] == [False, False, True, True, False, False]
    data = survey(tmp_path, detection_photflag=6).read()
    assert [row[5] for row in flat(data)] == [False, False, False, False, True, True]
    for file in tmp_path.glob("V_*"):
        file.unlink()
    snana_pair(tmp_path, "V", HEAD, CURVES)
    with pytest.raises(DataError, match="'PHOTFLAG'"):
        survey(tmp_path, detection_photflag=4096).read()
    with pytest.raises(ConfigError, match="detection_photflag"):
        survey(tmp_path, detection_photflag=0)


def test_a_simulation_is_labelled_by_its_truth_which_is_no_input(
    tmp_path: Path, snana_pair: Any
) -> None:
    head = {
        "SNID": [1, 2, 3],
        "SIM_TYPE_INDEX": [10, 20, 30],
        "SIM_TYPE_NAME": ["Ia", "II", "Ib"],
        "SIM_REDSHIFT_CMB": [0.1, 0.2, 0.3],
    }
    snana_pair(tmp_path, "V", head, CURVES)
    labels = {"SIM_TYPE_INDEX": ["10", "20", "30"], "SIM_TYPE_NAME": ["Ia", "II", "Ib"]}
    for key, expected in labels.items():
        objects = survey(tmp_path, label_column=key).read().light_curves.objects
        assert objects["label"].to_list() == expected
    for key in ("SIM_REDSHIFT_CMB", "SIM_TYPE_INDEX", "SNTYPE"):
        with pytest.raises(ConfigError, match=key):
            survey(tmp_path, metadata={"z": key})
    with pytest.raises(DataError, match="no column 'SNTYPE'"):
        survey(tmp_path).read()
    assert survey(tmp_path, label_column=None).read().light_curves.objects["label"].is_null().all()


def test_types_without_a_class(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", {**HEAD, "SNTYPE": [1, -9, 101]}, CURVES)

    def labels(class_map: dict[Any, str | None]) -> tuple[list[str | None], list[str]]:
        data = survey(tmp_path, class_map=class_map).read()
        return data.light_curves.objects["label"].to_list(), data.report.sentences()

    assert labels({1: "Ia", 101: "Ia?"}) == ([None, "Ia", "Ia?"], [])
    told = "1 object has no label, as survey.class_map gives none to the types 101 (1)."
    assert labels({1: "Ia", 101: None}) == ([None, "Ia", None], [told])
    assert labels({1: "Ia", "*": None}) == ([None, "Ia", None], [told])
    assert labels({1: "Ia", "*": "other"})[0] == [None, "Ia", "other"]
    with pytest.raises(DataError, match=r"type '101' of object 300 and 0 more objects; .*'\*'"):
        labels({1: "Ia"})
    read = survey(tmp_path, class_map={1: "Ia"}).read(labels=False)
    assert read.light_curves.objects.height == 3


def test_metadata_sentinels_and_the_redshift_of_augmentation(
    tmp_path: Path, snana_pair: Any
) -> None:
    head = {**HEAD, "HOSTGAL_PHOTOZ": [0.25, -9.0, -999.0], "REDSHIFT_HELIO": [0.5, -9.0, 1.5]}
    snana_pair(tmp_path, "V", head, CURVES)
    options = {"metadata": {"photoz": "HOSTGAL_PHOTOZ"}, "missing": [-9, -999]}
    read = survey(tmp_path, **options)
    objects = read.read().light_curves.objects
    assert objects["photoz"].to_list() == [None, 0.25, None]
    fewer = survey(tmp_path, **{**options, "metadata": {"photoz": None}}).read()
    assert fewer.light_curves.metadata_columns == ()
    more = read.with_column("redshift_spec").read().light_curves.objects
    assert more["redshift_spec"].to_list() == [None, 0.5, 1.5]
    assert_frame_equal(more.drop("redshift_spec"), objects)
    lacking = survey(tmp_path, **options, spectroscopic_redshift="REDSHIFT_CMB")
    assert_frame_equal(lacking.read().light_curves.objects, objects)
    with pytest.raises(DataError, match=r"no header .* has 'REDSHIFT_CMB'"):
        lacking.with_column("redshift_spec").read()
    with pytest.raises(DataError, match="no column 'MWEBV'"):
        survey(tmp_path, metadata={"mwebv": "MWEBV"}).read()


def test_ignored_observations_and_objects_are_left_out_and_counted(
    tmp_path: Path, snana_pair: Any
) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES)
    lines = [" CID MJD FILTER", "IGNORE: 300  57002.748 DES-g", "IGNORE: 300 57002.748 r"]
    (tmp_path / "V.IGNORE").write_text(
        "\n".join([*lines, "IGNORE: 7", "IGNORE: 12", "", "4 lines"])
    )
    data = survey(tmp_path).read()
    assert [row[:3] for row in flat(data)] == [
        (11, 57000.5, 0),
        (11, 57001.5, 1),
        (300, 57000.5, 0),
        (300, 57003.5, 3),
    ]
    assert data.light_curves.objects["object_id"].to_list() == [11, 300]
    assert data.report.sentences() == [
        "Left out as IGNORE files say: 2 observations and 1 whole object; 2 lines of them fit no "
        "other observation."
    ]
    for line in ("IGNORE: 7 57000 ", "IGNORE: 7 5_7000 g"):
        (tmp_path / "V.IGNORE").write_text(f"\n{line}\n")
        with pytest.raises(DataError, match=r"V\.IGNORE, line 2"):
            survey(tmp_path).read()


def test_a_line_ignores_the_nearest_observation_alone(tmp_path: Path, snana_pair: Any) -> None:
    curve = [(57000.5 + step * 0.002, "g", float(step), 1.0) for step in range(4)]
    snana_pair(tmp_path, "V", {"SNID": ["a"], "SNTYPE": [1]}, [curve])
    (tmp_path / "V.IGNORE").write_text("IGNORE: a 57000.502 g\nIGNORE: a 57000.502 g\n")
    assert [row[3] for row in flat(survey(tmp_path).read())] in ([2.0, 3.0], [0.0, 3.0])


def test_what_belongs_to_no_object_is_said(tmp_path: Path, snana_pair: Any) -> None:
    head = {"NOBS": [2, 0, 3], "PTROBS_MIN": [1, -9, 6], "PTROBS_MAX": [2, -9, 8]}
    snana_pair(tmp_path, "V", {**HEAD, **head}, CURVES)
    data = survey(tmp_path).read()
    assert data.light_curves.observations.height == 5
    assert data.report.sentences() == [
        "1 object has no usable observation.",
        "1 observation of V_PHOT.FITS left out: of no object of V_HEAD.FITS.",
    ]


# --- cache and real data --------------------------------------------------------------


def test_integers_that_mark_what_is_missing_are_no_fluxes(tmp_path: Path, snana_pair: Any) -> None:
    snana_pair(tmp_path, "V", HEAD, CURVES)
    file = tmp_path / "V_PHOT.FITS"
    with fits.open(file, memmap=False) as units:
        phot = units[1]
        whole = fits.Column("FLUXCAL", "J", array=phot.data["FLUXCAL"].astype(int), null=20)
        others = [column for column in phot.columns if column.name != "FLUXCAL"]
        fits.BinTableHDU.from_columns([*others, whole]).writeto(file, overwrite=True)
    assert survey(tmp_path).read().report.nan_flux == 1


def test_the_cache_keeps_what_was_said_and_follows_files_and_keys(
    tmp_path: Path, snana_pair: Any
) -> None:
    snana_pair(tmp_path / "V", "V", {**HEAD, "MWEBV": [0.1, 0.2, 0.3]}, CURVES)
    (tmp_path / "V" / "V.IGNORE").write_text("IGNORE: 7\n")
    cache = tmp_path / "cache"
    first = survey(tmp_path / "V", cache_dir=cache).read()
    again = survey(tmp_path / "V", cache_dir=cache, detection_snr=3.0).read()
    assert again.report.sentences() == first.report.sentences() != []
    assert len(list(cache.iterdir())) == 1
    survey(tmp_path / "V", cache_dir=cache, metadata={"mwebv": "MWEBV"}).read()
    (tmp_path / "V" / "V.IGNORE").write_text("IGNORE: 11\n")
    changed = survey(tmp_path / "V", cache_dir=cache).read()
    assert changed.light_curves.objects["object_id"].to_list() == [7, 300]
    assert len(list(cache.iterdir())) == 3


def test_real_light_curves_are_what_astropy_shows(shared_data: Path) -> None:
    from astropy.table import Table

    folder = shared_data / "snana" / "DES-SN5YR_Foundation"
    if not folder.is_dir():
        pytest.skip(f"DES-SN5YR_Foundation is not in {folder.parent}")
    head = Table.read(folder / "DES-SN5YR_Foundation_HEAD.FITS.gz", hdu=1)
    phot = Table.read(folder / "DES-SN5YR_Foundation_PHOT.FITS.gz", hdu=1)
    metadata = {"z": "REDSHIFT_FINAL", "mwebv": "MWEBV", "photoz": "HOSTGAL_PHOTOZ"}
    data = survey(shared_data / "snana", class_map={1: "Ia"}, metadata=metadata).read()
    lines = [
        line.split()[1:]
        for line in (folder / "DES-SN5YR_Foundation.IGNORE").read_text().splitlines()
        if line.startswith("IGNORE:")
    ]
    expected, left_out = [], 0
    for row in head:
        curve = phot[row["PTROBS_MIN"] - 1 : row["PTROBS_MAX"]]
        assert len(curve) == row["NOBS"]
        keep = np.ones(len(curve), dtype=bool)
        for snid, time, band in lines:
            apart = np.abs(np.array(curve["MJD"]) - float(time))
            apart[(np.char.strip(curve["BAND"].astype(str)) != band) | ~keep] = np.inf
            if snid == row["SNID"].strip() and apart.min() < 0.005:
                keep[apart.argmin()] = False
        left_out += int((~keep).sum())
        for one in curve[keep]:
            flux, error = float(one["FLUXCAL"]), float(one["FLUXCALERR"])
            passband = "griz".index(one["BAND"].strip())
            key = (row["SNID"].strip(), float(one["MJD"]), passband, flux, error)
            expected.append((*key, flux / error >= 5))
    assert left_out == 129
    assert sorted(flat(data)) == sorted(expected)
    objects = {row[0]: row[1:] for row in data.light_curves.objects.rows()}
    assert objects == {
        row["SNID"].strip(): ("Ia", None, float(row["REDSHIFT_FINAL"]), float(row["MWEBV"]), None)
        for row in head
    }
    assert len(objects) == 185
    assert isinstance(data.light_curves.observations, pl.DataFrame)
