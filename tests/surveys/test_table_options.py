"""Signs, upper limits and overrides of tables, and what is hardly a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.table import TableSurvey

BANDS = ["g", "r", "i"]


def survey(folder: Path, observations: str, objects: str | None = "o.csv", **options: Any) -> Any:
    arguments = {"columns": {"label": "kind"}, "metadata": ["z"], **options}
    return TableSurvey(observations, BANDS, root=folder, objects=objects, **arguments)


def text(folder: Path, content: str) -> None:
    (folder / "a.csv").write_text(content)


def test_signs_of_differences(tmp_path: Path) -> None:
    text(
        tmp_path,
        "object_id,mjd,passband,flux,flux_err,isdiffpos\n"
        "1,1,g,25,0.1,t\n1,2,g,25,0.1,f\n1,3,g,25,0.1,1\n1,4,g,25,0.1,-1\n1,5,g,25,0.1,0\n",
    )
    options = {"brightness": "magnitude", "columns": {"sign": "isdiffpos"}, "metadata": None}
    data = survey(tmp_path, "a.csv", None, **options).read()
    assert data.light_curves.observations["flux"].sign().to_list() == [1, -1, 1, -1, -1]
    text(tmp_path, "object_id,mjd,passband,flux,flux_err,isdiffpos\n1,1,g,25,1,nan\n1,2,g,25,1,-\n")
    data = survey(tmp_path, "a.csv", None, **options).read()
    assert data.report.nan_flux == 1
    assert data.light_curves.observations["flux"].sign().to_list() == [-1]
    text(tmp_path, "object_id,mjd,passband,flux,flux_err,isdiffpos\n1,1,g,25,0.1,up\n")
    with pytest.raises(DataError, match=r"a\.csv, line 2: the sign 'up' is none of"):
        survey(tmp_path, "a.csv", None, **options).read()


@pytest.mark.parametrize("form", ["limit", "flag"])
def test_upper_limits(tmp_path: Path, form: str) -> None:
    """22.5 at 5 sigma with zero-point 27.5: flux 100, so an error of 20."""
    lines = {
        "limit": "1,1,g,25,0.1,\n1,2,g,,,22.5\n1,3,g,25,0.1,23\n1,4,g,nan,nan,nan\n",
        "flag": "1,1,g,25,0.1,f\n1,2,g,22.5,,t\n1,3,g,25,0.1,0\n1,4,g,,,1\n",
    }
    text(tmp_path, f"object_id,mjd,passband,flux,flux_err,lim\n{lines[form]}")
    options = {"brightness": "magnitude", "columns": {"limit": "lim"}, "metadata": None}
    data = survey(tmp_path, "a.csv", None, limit_sigmas=5, **options).read()
    observed = data.light_curves.observations
    np.testing.assert_allclose(observed["flux"], [10, 0, 10])
    np.testing.assert_allclose(observed["flux_err"][1], 20)
    assert observed["detected"].to_list() == [True, False, True]
    assert (data.report.limits, data.report.nan_flux) == (1, 1)
    assert "1 observation is an upper limit" in " ".join(data.report.sentences())
    left_out = survey(tmp_path, "a.csv", None, **options).read()
    assert left_out.light_curves.observations["mjd"].to_list() == [1, 3]
    assert left_out.report.limits == 1
    text(tmp_path, "object_id,mjd,passband,flux,flux_err,lim\n1,1,g,25,0.1,deep\n")
    with pytest.raises(DataError, match=r"line 2: column 'limit' must hold a number, got 'deep'"):
        survey(tmp_path, "a.csv", None, **options).read()


def test_overrides(tmp_path: Path, rows: pl.DataFrame, objects: pl.DataFrame) -> None:
    rows.write_csv(tmp_path / "a.csv")
    objects.write_csv(tmp_path / "o.csv")
    (tmp_path / "better.csv").write_text("object_id,z,kind\n7,0.25,\n11,,C\n5,1,A\n")
    data = survey(tmp_path, "a.csv", overrides="better.csv").read()
    table = data.light_curves.objects.filter(pl.col("object_id").is_in([7, 11, 300]))
    assert table.select("label", "z").rows() == [("B", 0.25), ("C", 0.5), ("A", 0.5)]
    said = "2 objects have values of survey.overrides; 1 of its ids is not in the object table."
    assert said in data.report.messages
    (tmp_path / "better.csv").write_text("object_id,z\n7,0.25\n7,0.5\n")
    with pytest.raises(DataError, match="object 7 is there twice"):
        survey(tmp_path, "a.csv", overrides="better.csv").read()
    (tmp_path / "better.csv").write_text("object_id,redshift\n7,0.25\n")
    with pytest.raises(DataError, match="no column of the object table but its ids"):
        survey(tmp_path, "a.csv", overrides="better.csv").read()
    with pytest.raises(ConfigError, match=r"survey\.overrides needs an object table"):
        survey(tmp_path, "a.csv", None, columns=None, metadata=None, overrides="better.csv").read()


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("flux", [1.0, 2.0, 3.0, 99.0], None),  # once it may be measured
        ("flux", [-999.0, -999.0, -999.0, 1.0], r"'flux' holds fluxes such as -999, .*=\[-999\]"),
        ("flux", [1e20, 1.0, 2.0, 3.0], r"'flux' holds fluxes beyond 1e\+15"),
        ("magnitude", [20.0, 99.0, 21.0, 22.0], r"magnitudes such as 99, .*brightness=\[99\]"),
        ("magnitude", [20.0, -18.5, 21.0, 22.0], "outside -5 to 40.*negative fluxes"),
        ("magnitude", [20.0, -1.5, 39.0, 22.0], None),
    ],
)
def test_what_is_hardly_a_brightness_is_said(
    tmp_path: Path, kind: str, values: list[float], said: str | None
) -> None:
    frame = pl.DataFrame({"object_id": 1, "mjd": [1.0, 2, 3, 4], "passband": "g", "flux": values})
    frame.with_columns(flux_err=0.1).write_csv(tmp_path / "a.csv")
    found = survey(tmp_path, "a.csv", None, brightness=kind, columns=None, metadata=None)
    messages = found.read().report.messages
    assert len(messages) == (said is not None)
    if said:
        assert pl.Series(messages).str.contains(said).all()
        odd = next(value for value in values if value in (-999, 1e20, 99, -18.5))
        declared = survey(
            tmp_path,
            "a.csv",
            None,
            brightness=kind,
            columns=None,
            metadata=None,
            missing_brightness=[odd],
        ).read()
        assert declared.report.messages == ()
        assert declared.report.nan_flux > 0


@pytest.mark.parametrize(("missing", "said"), [(0, False), (200, True)])
def test_a_rounded_flux_is_as_often_a_sentinel_as_its_neighbours(
    tmp_path: Path, missing: int, said: bool
) -> None:
    flux = np.random.default_rng(0).normal(0, 20, 1000).round()  # as ATLAS prints microjansky
    assert (flux == -9).sum() > 10
    flux[:missing] = -9
    frame = pl.DataFrame({"mjd": np.arange(1000.0), "flux": flux})
    frame.with_columns(object_id=1, passband=pl.lit("g"), flux_err=20.0).write_csv(
        tmp_path / "a.csv"
    )
    messages = survey(tmp_path, "a.csv", None, columns=None, metadata=None).read().report.messages
    assert ["such as -9" in message for message in messages] == [True] * said


@pytest.mark.parametrize(("z", "said"), [([15000.0, 3.0], 1), ([99.0, 3.0], 0), ([21.5, 0.1], 0)])
def test_velocities_are_no_redshifts(
    tmp_path: Path, rows: pl.DataFrame, z: list[float], said: int
) -> None:
    rows.write_csv(tmp_path / "a.csv")
    pl.DataFrame({"object_id": [11, 7, 300, 4, 90, 2**60 + 1], "z": [0.1] * 4 + z}).write_csv(
        tmp_path / "o.csv"
    )
    messages = survey(tmp_path, "a.csv", columns=None, metadata=["z"]).read().report.messages
    assert sum("redshifts above 50, which are hardly any" in each for each in messages) == said


def test_what_is_hardly_metadata_is_said_and_words_stand_for_none(
    tmp_path: Path, rows: pl.DataFrame
) -> None:
    rows.write_csv(tmp_path / "a.csv")
    ids = [11, 7, 300, 4, 90, 2**60 + 1]
    columns = {
        "kind": ["A"] * 6,
        "z": [-9.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        "ebv": [99.0, 99.0, 0.0, 0.0, 0.0, 0.1],
    }
    pl.DataFrame({"object_id": ids, **columns}).write_csv(tmp_path / "o.csv")
    messages = survey(tmp_path, "a.csv", metadata=["z", "ebv"]).read().report.messages
    assert [message.split(":")[0] for message in messages] == [
        "Metadata column 'z' holds values such as -9",
        "Metadata column 'ebv' holds values such as 99",
    ]
    declared = survey(tmp_path, "a.csv", metadata=["z", "ebv"], missing=[-9, 99]).read()
    assert declared.report.messages == ()
    assert declared.light_curves.objects["ebv"].null_count() == 2
    columns["z"] = ["unknown", "N/A", "0.2", "-", "0.4", "Unknown"]  # type: ignore[list-item]
    pl.DataFrame({"object_id": ids, **columns}).write_csv(tmp_path / "o.csv")
    with pytest.raises(DataError, match=r"o\.csv, line 2: column 'z'.*'unknown'"):
        survey(tmp_path, "a.csv").read()
    data = survey(tmp_path, "a.csv", missing=["unknown", -9]).read()
    assert data.light_curves.objects["z"].drop_nulls().to_list() == [0.4, 0.2]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        *(
            (name, True)
            for name in ("mag", "magpsf", "MAG_AUTO", "g mag", "gmag", "psfMag", "Magnitude")
        ),
        *((name, False) for name in ("flux", "image flux", "magnification", "dimage", "magflux")),
    ],
)
def test_fluxes_that_are_called_magnitudes_are_said(
    tmp_path: Path, column: str, said: bool
) -> None:
    frame = pl.DataFrame({"object_id": 1, "mjd": [1.0, 2], "passband": "g", column: [19.0, 20]})
    frame.with_columns(flux_err=0.1).write_csv(tmp_path / "a.csv")
    of_flux = {"columns": {"flux": column}, "metadata": None}
    found = survey(tmp_path, "a.csv", None, **of_flux).read().report.messages
    assert ["called like a magnitude" in one for one in found] == [True] * said
    told = survey(tmp_path, "a.csv", None, brightness="magnitude", **of_flux).read()
    assert told.report.messages == ()
