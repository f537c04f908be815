"""Cuts on quality, and zero-points of single rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.table import TableSurvey

TABLE = pl.DataFrame(
    {
        "object_id": [1, 1, 1, 1, 2, 2],
        "mjd": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "passband": ["g", "g", "r", "i", "g", "r"],
        "flux": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        "flux_err": [1.0] * 6,
        "flags": [0, 0, 4, 0, None, 64],
        "chi/N": [1.0, 20.0, 1.0, float("nan"), 2.0, 3.0],
        "rejected": [False, False, True, False, False, None],
        "large": [2**53, 2**53 + 1, 2**53, -(2**53), 0, None],
        "spelled": ["F", "1", "no", "T", "0", "yes"],
        "zp": [27.5, 25.0, 27.5, 30.0, None, 26.0],
    }
)


def survey(folder: Path, form: str = "csv", table: pl.DataFrame = TABLE, **options: Any) -> Any:
    file = folder / f"t.{form}"
    table.write_csv(file) if form == "csv" else table.write_parquet(file)
    return TableSurvey(file.name, ["g", "r", "i"], root=folder, **options)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("cuts", "kept"),
    [
        (None, [1, 2, 3, 4, 5, 6]),
        ({"flags": 0}, [1, 2, 4]),
        ({"flags": [0, "64"]}, [1, 2, 4, 6]),
        ({"flags": "0.0"}, [1, 2, 4]),
        ({"flags": ["0", "6_4"]}, [1, 2, 4]),  # no number, except to Python
        ({"chi/N": {"max": 3}}, [1, 3, 5, 6]),
        ({"chi/N": {"min": 2, "max": 3.5}}, [5, 6]),
        ({"rejected": False}, [1, 2, 4, 5]),
        ({"rejected": "FALSE", "chi/N": {"max": 1}}, [1]),
        ({"passband": ["g", "r"]}, [1, 2, 3, 5, 6]),
        ({"large": 2**53}, [1, 3]),
        ({"large": [str(2**53 + 1)]}, [2]),
        ({"spelled": False}, [1, 3, 5]),
        ({"rejected": 0}, [1, 2, 4, 5]),
        ({"spelled": True}, [2, 4, 6]),
        ({"spelled": ["t", "f"]}, [1, 4]),
    ],
)
def test_rows_that_pass(tmp_path, form, cuts, kept):
    data = survey(tmp_path, form, cuts=cuts).read()
    assert data.light_curves.observations["mjd"].to_list() == kept
    assert data.report.cut == 6 - len(kept)
    assert data.report.rows_read - data.report.cut == data.report.rows_kept
    said = any("survey.cuts" in sentence for sentence in data.report.sentences())
    assert said == (len(kept) < 6)


def test_what_else_is_wrong_with_rows_that_fail_does_not_matter(tmp_path):
    table = TABLE.with_columns(pl.col("passband").replace("i", "strange"))
    found = survey(tmp_path, table=table, cuts={"passband": ["g", "r"]})
    assert found.read().report.cut == 1
    with pytest.raises(DataError, match="strange"):
        survey(tmp_path, table=table, cuts={"flags": 0}).read()


def test_objects_of_which_nothing_passes_are_without_observations(tmp_path):
    (tmp_path / "o.csv").write_text("object_id\n1\n2\n")
    data = survey(tmp_path, objects="o.csv", cuts={"flags": 0}).read()
    assert data.report.objects_without_observations == 1
    (tmp_path / "o.csv").write_text("object_id\n3\n")
    with pytest.raises(DataError, match=r"^what survey\.cuts leaves .* no object in common"):
        survey(tmp_path, objects="o.csv", cuts={"flags": 0}).read()


def test_rows_that_are_cut_are_no_limits_and_no_sentinels(tmp_path):
    table = TABLE.with_columns(
        flux=pl.Series([10.0, None, -999.0, -999.0, -999.0, 7.0]),
        lim=pl.Series([None, 30.0, None, None, None, None]),
        keep=pl.Series([1, 0, 0, 0, 0, 1]),
    )
    options = {"columns": {"limit": "lim"}, "limit_sigmas": 3.0}
    told = survey(tmp_path, table=table, **options).read().report.sentences()
    assert any("upper limit" in sentence for sentence in told)
    assert any("missing_brightness" in sentence for sentence in told)
    told = survey(tmp_path, table=table, cuts={"keep": 1}, **options).read().report.sentences()
    assert told == ["4 observations were left out by survey.cuts."]


def test_chunks_count_what_reading_at_once_counts(tmp_path):
    found = survey(tmp_path, cuts={"flags": 0})
    chunks = found.chunks(rows=3)
    reports = [chunks.read(index).report for index in range(len(chunks))]
    assert sum(report.cut for report in reports) == 3
    assert sum(report.rows_read for report in reports) == 6


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        ([1], "survey.cuts must be a mapping"),
        ({"flags": "-"}, "which stands for no value"),
        ({"flags": [0, float("nan")]}, "which stands for no value"),
        ({"flags": None}, "must be a value, a list of values or"),
        ({"flags": []}, "must be a value, a list of values or"),
        ({"flags": {}}, "must be a range"),
        ({"flags": {"min": 3, "max": 2}}, "must be a range"),
        ({"flags": {"maximum": 3}}, "did you mean 'max'"),
        ({"flags": {"max": "low"}}, "max of survey.cuts of 'flags'"),
    ],
)
def test_cuts_that_say_something_else(tmp_path, cuts, message):
    with pytest.raises(ConfigError, match=message):
        survey(tmp_path, cuts=cuts)


def test_a_column_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"no column 'flag' .*did you mean 'flags'"):
        survey(tmp_path, cuts={"flag": 0}).read()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_zero_points_of_rows(tmp_path, form):
    found = survey(tmp_path, form, columns={"zeropoint": "zp"})
    data = found.read()
    assert data.zeropoint == 27.5
    assert data.report.nan_flux == 1  # of the row that states none
    scale = 10 ** (-0.4 * (np.array([27.5, 25.0, 27.5, 30.0, 26.0]) - 27.5))
    rows = data.light_curves.observations
    np.testing.assert_allclose(rows["flux"], scale * [10, 20, 30, 40, 60], rtol=1e-12)
    np.testing.assert_allclose(rows["flux_err"], scale, rtol=1e-12)
    other = survey(tmp_path, form, columns={"zeropoint": "zp"}, zeropoint=25.0).read()
    np.testing.assert_allclose(
        other.light_curves.observations["flux"], rows["flux"] * 10**-1.0, rtol=1e-12
    )


def test_zero_points_of_rows_may_be_missing_by_a_number(tmp_path):
    table = TABLE.with_columns(pl.col("zp").fill_null(-999.0))
    found = survey(tmp_path, table=table, columns={"zeropoint": "zp"}, missing_brightness=[-999.0])
    assert found.read().report.nan_flux == 1


def test_a_missing_brightness_with_a_limit_keeps_its_zero_point(tmp_path):
    table = TABLE[:2].with_columns(
        flux=pl.Series([10.0, -999.0]), flux_err=pl.Series([1.0, -999.0]), lim=pl.Series([None, 30])
    )
    found = survey(
        tmp_path,
        table=table,
        columns={"zeropoint": "zp", "limit": "lim"},
        limit_sigmas=3.0,
        missing_brightness=[-999.0],
    )
    rows = found.read().light_curves.observations
    assert rows["flux"].to_list() == pytest.approx([10.0, 0.0])
    assert rows["flux_err"].to_list() == pytest.approx([1.0, 100.0])


def test_what_is_hardly_a_zero_point_is_said(tmp_path):
    table = TABLE.with_columns(pl.col("zp").fill_null(99.0))
    found = survey(tmp_path, table=table, columns={"zeropoint": "zp"})
    with pytest.raises(DataError, match=r"line 6: the zero-point 99\.0 is hardly one"):
        found.read()
    assert found.chunks(on_error="quarantine").read(0).rejects.height == 1


def test_magnitudes_have_no_zero_points_of_rows(tmp_path):
    with pytest.raises(ConfigError, match="brightness=flux only"):
        survey(tmp_path, columns={"zeropoint": "zp"}, brightness="magnitude")
