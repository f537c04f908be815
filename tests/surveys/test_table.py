from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import Passbands
from lcclassify.surveys.canonical import canonicalise
from lcclassify.surveys.table import TableSurvey

STRANGE = {
    "object_id": "name",
    "mjd": "Time (MJD)",
    "passband": "Filter",
    "flux": "Flux",
    "flux_err": "Flux_err",
    "label": "type",
}


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A survey with string ids, strange names, NaN fluxes and twenty part files."""
    generator = np.random.default_rng(0)
    n = 400
    flux = [str(value) for value in generator.normal(0, 10, n)]
    flux[::40] = ["nan"] * len(flux[::40])
    rows = pl.DataFrame(
        {
            "name": [f"SN{i:03d}" for i in generator.integers(0, 30, n)],
            "Time (MJD)": generator.uniform(59000, 59100, n),
            "Filter": generator.choice(["g'", "r'"], n),
            "Flux": flux,
            "Flux_err": generator.uniform(0.5, 2, n),
        }
    )
    for part in range(20):
        rows[part::20].write_csv(tmp_path / f"part_{part:02d}.csv")
    rows.write_csv(tmp_path / "all.csv")
    names = sorted(set(rows["name"]))
    pl.DataFrame(
        {
            "name": names,
            "type": [["Ia", "IIP", "IIL"][i % 3] for i in range(len(names))],
            "photo z": [-9.0 if i % 5 == 0 else i / 10 for i in range(len(names))],
        }
    ).write_csv(tmp_path / "objects.csv")
    return tmp_path


def survey(root: Path, **changes: Any) -> TableSurvey:
    arguments: dict[str, Any] = {
        "observations": "part_*.csv",
        "objects": "objects.csv",
        "passbands": ["g'", "r'"],
        "root": root,
        "columns": STRANGE,
        **changes,
    }
    return TableSurvey(**arguments)


def test_a_survey_never_seen(strange: Path) -> None:
    data = survey(
        strange,
        class_map={"IIP": "II", "IIL": "II"},
        metadata={"photoz": "photo z"},
        missing=[-9, -999],
    ).read()
    assert data.report.rows_read == 400
    assert data.report.nan_flux == 10
    assert data.taxonomy.classes == ("II", "Ia")
    assert data.light_curves.objects.columns == ["object_id", "label", "subset", "photoz"]
    assert data.light_curves.objects["object_id"].dtype == pl.String
    assert data.light_curves.objects["photoz"].to_list()[:3] == [None, 0.1, 0.2]
    assert data.zeropoint is None
    whole = survey(strange, observations="all.csv").read()
    assert_frame_equal(whole.light_curves.observations, data.light_curves.observations)
    assert whole.taxonomy.classes == ("IIL", "IIP", "Ia")


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), files=st.integers(1, 6), parquet=st.booleans())
def test_spreading_rows_over_files_changes_nothing(seed: int, files: int, parquet: bool) -> None:
    generator = np.random.default_rng(seed)
    rows = pl.DataFrame(
        {
            "object_id": generator.integers(0, 5, 30),
            "mjd": generator.integers(0, 4, 30) / 7.0,
            "passband": generator.choice(["g", "r"], 30),
            "flux": generator.normal(size=30) * 10.0 ** generator.integers(-9, 9, 30),
            "flux_err": generator.uniform(0.0, 1.0, 30),
        }
    )
    expected, _ = canonicalise(rows, None, Passbands(("g", "r")))
    part_of = generator.integers(0, files, 30)
    with tempfile.TemporaryDirectory() as folder:
        for part in range(files):
            piece = rows.filter(pl.Series(part_of == part))
            if parquet:
                piece.write_parquet(f"{folder}/{part}.parquet")
            else:
                piece.write_csv(f"{folder}/{part}.csv")
        data = TableSurvey("*.parquet" if parquet else "*.csv", ["g", "r"], root=folder).read()
    assert_frame_equal(data.light_curves.observations, expected.observations)
    assert_frame_equal(data.light_curves.objects, expected.objects)


def test_overrides_from_the_shell_as_the_yaml_shows_them(
    strange: Path, conf: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "conf"
    (folder / "survey").mkdir(parents=True)
    (folder / "survey" / "table.yaml").write_text((conf / "table.yaml").read_text())
    (folder / "any.yaml").write_text("defaults:\n  - survey: table\n")
    with initialize_config_dir(str(folder), version_base="1.3"):
        config = compose(
            "any",
            [
                f"survey.observations={strange}/part_*.csv",
                f"survey.objects={strange}/objects.csv",
                """survey.passbands=["g'","r'"]""",
                "survey.columns.object_id=name",
                'survey.columns.mjd="Time (MJD)"',
                "survey.columns.flux=Flux",
                "survey.columns.flux_err=Flux_err",
                "survey.columns.passband=Filter",
                "survey.columns.label=type",
                'survey.metadata={photoz: "photo z"}',
                "survey.missing=[-9,-999]",
                # Hydra takes keys without quotes, blanks and slashes in them or not.
                "survey.class_map={IIP: II, IIL: II, SN Ib/c: SN Ibc, SN Ia-91bg: null, -9: null}",
            ],
        )
    read = instantiate(config.survey).read()
    expected = survey(
        strange,
        metadata={"photoz": "photo z"},
        missing=[-9],
        class_map={"IIP": "II", "IIL": "II"},
    ).read()
    assert_frame_equal(read.light_curves.objects, expected.light_curves.objects)
    assert_frame_equal(read.light_curves.observations, expected.light_curves.observations)
    assert read.taxonomy == expected.taxonomy
    assert read.report.messages == (
        "No object has the label 'SN Ib/c', 'SN Ia-91bg', '-9' of survey.class_map.",
    )
    assert expected.report.messages == ()


def test_one_table_that_carries_labels_and_metadata(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(
        "object_id,mjd,passband,flux,flux_err,kind,z\n"
        "2,1,g,1,1,B,0.5\n1,2,g,1,1,A,-1\n2,3,r,1,1,B,0.5\n"
    )
    data = TableSurvey(
        tmp_path / "one.csv",
        ["g", "r"],
        columns={"label": "kind"},
        metadata=["z"],
        missing=[-1],
        class_names={"A": "Alpha"},
        class_weights={"B": 2},
    ).read()
    assert data.light_curves.objects.rows() == [(1, "A", None, None), (2, "B", None, 0.5)]
    assert data.taxonomy.display_names() == ["Alpha", "B"]
    assert data.taxonomy.weight_vector().tolist() == [1.0, 2.0]


def test_without_labels_there_are_no_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("object_id,mjd,passband,flux,flux_err\n1,1,g,1,1\n")
    data = TableSurvey(tmp_path / "a.csv", ["g"]).read()
    assert len(data.taxonomy) == 0
    assert data.light_curves.objects["label"].to_list() == [None]


def test_magnitudes_of_two_passbands_with_sentinels_and_julian_dates(tmp_path: Path) -> None:
    (tmp_path / "mags.tsv").write_text(
        "object_id\tjd\tpassband\tmag\tmagerr\n"
        "a\t2459000.5\tV\t25.0\t0.1\na\t2459001.5\tI\t99\t99\na\t2459002.5\tI\t27.5\t0.2\n"
    )
    data = TableSurvey(
        [tmp_path / "mags.tsv"],
        ["V", "I"],
        columns={"mjd": "jd", "flux": "mag", "flux_err": "magerr"},
        brightness="magnitude",
        missing_brightness=[99],
        time_offset=-2400000.5,
        wavelengths=[550, 806],
    ).read()
    rows = data.light_curves.observations
    assert rows["mjd"].to_list() == [59000.0, 59002.0]
    np.testing.assert_allclose(rows["flux"], [10.0, 1.0])
    np.testing.assert_allclose(rows["flux_err"], np.array([1.0, 0.2]) * 0.4 * np.log(10))
    assert data.report.nan_flux == 1
    assert data.zeropoint == 27.5
    assert data.light_curves.passbands.wavelengths == (550.0, 806.0)


def test_asinh_magnitudes_with_a_softening_a_passband(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "object_id,mjd,passband,flux,flux_err\n1,1,0,24.8,0.3\n1,2,1,24.8,0.3\n"
    )
    data = TableSurvey(
        tmp_path / "a.csv",
        ["u", "g"],
        passband_aliases={0: "u", 1: "g"},  # type: ignore[dict-item]
        brightness="asinh",
        zeropoint=22.5,
        softening={"u": 1.4e-10, "g": 0.9e-10},
    ).read()
    flux = data.light_curves.observations["flux"].to_numpy()
    b = np.array([1.4e-10, 0.9e-10])
    ratio = flux * 10 ** (-0.4 * 22.5)
    magnitude = -2.5 / np.log(10) * (np.arcsinh(ratio / (2 * b)) + np.log(b))
    np.testing.assert_allclose(magnitude, 24.8)


@pytest.mark.parametrize(
    ("ids", "id_type", "expected"),
    [
        (["10", "9"], "auto", [9, 10]),
        (["007", "9"], "auto", ["007", "9"]),
        (["007", "9"], "integer", [7, 9]),
        (["10", "9"], "string", ["10", "9"]),
        (["9007199254740993", "-4"], "auto", [-4, 9007199254740993]),
        (["99999999999999999999", "4"], "auto", ["4", "99999999999999999999"]),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_ids(
    tmp_path: Path, ids: list[str], id_type: str, expected: list[object], form: str
) -> None:
    rows = pl.DataFrame(
        {"object_id": ids, "mjd": 1.0, "passband": "g", "flux": 1.0, "flux_err": 1.0}
    )
    table = pl.DataFrame({"id": ids, "label": "A"})
    if form == "csv":
        rows.write_csv(tmp_path / "o.csv")
        table.write_csv(tmp_path / "t.csv")
    else:
        rows.write_parquet(tmp_path / "o.parquet")
        table.write_parquet(tmp_path / "t.parquet")
    data = TableSurvey(
        f"o.{form}",
        ["g"],
        root=tmp_path,
        objects=f"t.{form}",
        columns={"objects_id": "id", "label": "label"},
        id_type=id_type,
    ).read()
    assert data.light_curves.objects["object_id"].to_list() == expected
    assert data.report.sentences() == []


def test_detected_and_subset_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "object_id;mjd;passband;flux;flux_err;seen;part\n1;1;g;1;1;True;train\n2;2;g;9;1;F;test\n"
    )
    data = TableSurvey(
        tmp_path / "a.csv",
        ["g"],
        separator="semicolon",
        columns={"detected": "seen", "subset": "part"},
    ).read()
    assert data.light_curves.observations["detected"].to_list() == [True, False]
    assert data.light_curves.objects["subset"].to_list() == ["train", "test"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observations": None}, r"survey\.observations"),
        ({"passbands": None}, r"survey\.passbands"),
        ({"passbands": "gr"}, r"survey\.passbands must be a list"),
        ({"columns": {"fluxes": "Flux"}}, "did you mean 'flux'"),
        ({"id_type": "int"}, r"survey\.id_type"),
        ({"separator": "::"}, "one character"),
        ({"passband_aliases": {"x": "y"}}, "passband_aliases"),
        ({"classes": ["Ia"], "class_map": {"IIP": "II"}}, "class_map"),
        ({"metadata": ["label"]}, "meaning of its own"),
        ({"separator": "semikolon"}, "did you mean 'semicolon'"),
        ({"comment": " "}, r"survey\.comment"),
        ({"metadata": "z"}, "must be a list"),
        ({"missing": "x"}, r"survey\.missing"),
        ({"time_offset": "x"}, r"survey\.time_offset"),
        ({"zeropoint": float("nan")}, r"survey\.zeropoint"),
        ({"classes": ["Ia"], "class_names": {"Iax": "x"}}, "did you mean 'Ia'"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        survey(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observations": "absent_*.csv"}, r"survey\.observations.*matches no file"),
        ({"objects": "object.csv"}, r"survey\.objects.*did you mean 'objects\.csv'"),
        ({"columns": {**STRANGE, "mjd": "Time (JD)"}}, r"did you mean 'Time \(MJD\)'"),
        ({"passbands": ["g'", "i'"]}, r"unknown passband 'r''"),
        ({"classes": ["Ia", "II"]}, r"objects\.csv: unknown class 'IIL'"),
        ({"metadata": ["photo_z"]}, r"objects\.csv has no column 'photo_z'.*'photo z'"),
        ({"metadata": {"kind": "type"}}, r"objects\.csv, line 2: column 'type'.*'Ia'"),
        ({"id_type": "integer"}, r"survey\.id_type\), got 'SN"),
    ],
)
def test_files_that_do_not_fit(strange: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        survey(strange, **changes).read()


def test_text_in_a_part_file_names_file_and_line(strange: Path) -> None:
    file = strange / "part_13.csv"
    lines = file.read_text().splitlines()
    cells = lines[4].split(",")
    lines[4] = ",".join([*cells[:3], "bright", cells[4]])
    file.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"part_13\.csv, line 5: column 'Flux'.*'bright'"):
        survey(strange).read()
