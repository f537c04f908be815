"""Whatever is wrong with a row read in chunks, its file and line are named, or it is listed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.table import TableSurvey

N_OBJECTS = 20
N_ROWS = 400


@pytest.fixture
def rows() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "object_id": np.repeat(np.arange(N_OBJECTS), N_ROWS // N_OBJECTS),
            "mjd": np.arange(N_ROWS) / 4,
            "passband": rng.integers(0, 6, N_ROWS),
            "flux": rng.normal(0, 50, N_ROWS),
            "flux_err": rng.uniform(1, 2, N_ROWS),
            "detected": rng.integers(0, 2, N_ROWS),
        }
    )


@pytest.fixture
def survey(tmp_path: Path, rows: pl.DataFrame) -> PlasticcSurvey:
    pl.DataFrame({"object_id": range(N_OBJECTS), "mwebv": 0.1}).write_csv(
        tmp_path / "test_set_metadata.csv"
    )
    return PlasticcSurvey(tmp_path, part="test", metadata=["mwebv"])


def stop(survey: PlasticcSurvey | TableSurvey, size: int, *, apart: Path | None = None) -> None:
    chunks = survey.chunks(rows=size, labels=False)
    if apart is not None:
        chunks = chunks.regrouped(apart)
    for index in range(len(chunks)):
        chunks.read(index)


def rejected(survey: PlasticcSurvey, size: int) -> list[tuple[int, str]]:
    chunks = survey.chunks(rows=size, labels=False, on_error="quarantine")
    tables = [chunks.read(index).rejects for index in range(len(chunks))]
    return pl.concat(tables).select("line", "reason").rows()


@pytest.mark.parametrize("size", [30, 10**6])
@pytest.mark.parametrize("line", [2, 222, N_ROWS + 1])
@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("detected", 2, "column 'detected' must hold 0 or 1, got '2'"),
        ("passband", 7, "unknown passband '7', known: 0, 1, 2, 3, 4, 5"),
    ],
)
def test_values_that_cannot_be(
    survey: PlasticcSurvey,
    rows: pl.DataFrame,
    tmp_path: Path,
    size: int,
    line: int,
    column: str,
    value: int,
    match: str,
) -> None:
    rows[line - 2, column] = value
    rows.write_csv(tmp_path / "test_set.csv")
    where = rf"test_set\.csv, line {line}: {match}"
    with pytest.raises(DataError, match=where):
        stop(survey, size)
    with pytest.raises(DataError, match=where):
        stop(survey, size, apart=tmp_path / "apart")
    assert rejected(survey, size) == [(line, match)]
    (tmp_path / "test_set.csv").unlink()
    rows.write_parquet(tmp_path / "test_set.parquet")
    with pytest.raises(DataError, match=rf"test_set\.parquet, row {line - 2}: {match}"):
        stop(survey, size)


@pytest.mark.parametrize("size", [30, 10**6])
@pytest.mark.parametrize("column", [0, 3, 5])
@pytest.mark.parametrize("others", [[], [9], [350]])
def test_a_stray_quote_spoils_its_line_alone(
    survey: PlasticcSurvey,
    rows: pl.DataFrame,
    tmp_path: Path,
    size: int,
    column: int,
    others: list[int],
) -> None:
    """Two of them in one column make a row of the right length, spread over lines."""
    file = tmp_path / "test_set.csv"
    rows.write_csv(file)
    lines = file.read_text().splitlines()
    for number in (5, *others):
        cells = lines[number - 1].split(",")
        quoted = f'"{cells[column]}' if number == 5 else f'{cells[column]}"'
        lines[number - 1] = ",".join([*cells[:column], quoted, *cells[column + 1 :]])
    file.write_text("\n".join(lines) + "\n")
    match = "a quote is opened and not closed in its line"
    with pytest.raises(DataError, match=f"test_set.csv, line 5: {match}") as caught:
        stop(survey, size)
    assert len(str(caught.value)) < 500
    assert rejected(survey, size) == [(number, match) for number in (5, *others)]


@pytest.mark.parametrize("size", [7, 1000])
def test_fields_that_spread_over_lines_are_read(
    rows: pl.DataFrame, tmp_path: Path, size: int
) -> None:
    remarks = [f"cloudy,\nrow {k}" for k in range(N_ROWS)]
    rows.with_columns(remark=pl.Series(remarks)).write_csv(tmp_path / "seen.csv")
    names = list("ugrizy")
    survey = TableSurvey(
        observations="seen.csv",
        passbands=names,
        root=tmp_path,
        passband_aliases={str(k): name for k, name in enumerate(names)},
    )
    chunks = survey.chunks(rows=size, labels=False)
    tables = [chunks.read(index).light_curves.observations for index in range(len(chunks))]
    assert pl.concat(tables)["flux"].sort().equals(rows["flux"].sort())


@pytest.mark.parametrize("line", [2, 3, 100])
def test_a_short_line_lacks_its_last_values_wherever_it_is(
    survey: PlasticcSurvey, rows: pl.DataFrame, tmp_path: Path, line: int
) -> None:
    file = tmp_path / "test_set.csv"
    rows.write_csv(file)
    lines = file.read_text().splitlines()
    lines[line - 1] = ",".join(lines[line - 1].split(",")[:4])
    file.write_text("\n".join(lines) + "\n")
    report = survey.chunks(rows=10**6, labels=False).read(0).report
    assert (report.rows_read, report.bad_flux_err) == (N_ROWS, 1)


@pytest.mark.parametrize("value", ["9223372036854775808", "-99999999999999999999"])
def test_integers_that_are_too_large(
    survey: PlasticcSurvey, rows: pl.DataFrame, tmp_path: Path, value: str
) -> None:
    rows.with_columns(object_id=pl.lit(value)).write_csv(tmp_path / "test_set.csv")
    with pytest.raises(DataError, match=rf"line 2: .*an integer below 2\^63, got '{value}'"):
        stop(survey, 1000)


def test_a_file_is_no_folder(rows: pl.DataFrame, tmp_path: Path) -> None:
    rows.write_csv(tmp_path / "test_set.csv")
    with pytest.raises(DataError, match=r"survey\.root must name a folder, but '.*' is a file"):
        stop(PlasticcSurvey(tmp_path / "test_set.csv", part="test"), 10)
