"""Whatever is wrong with a row read in chunks, its file and line are named, or it is listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

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
    with pytest.raises(DataError, match=rf"test_set\.parquet, row {line - 1}: {match}"):
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
def test_a_line_that_lacks_a_wanted_field_is_damage_wherever_it_is(
    survey: PlasticcSurvey, rows: pl.DataFrame, tmp_path: Path, line: int
) -> None:
    file = tmp_path / "test_set.csv"
    rows.write_csv(file)
    lines = file.read_text().splitlines()
    lines[line - 1] = ",".join(lines[line - 1].split(",")[:4])
    file.write_text("\n".join(lines) + "\n")
    match = "4 fields, too few: the header names 6"
    with pytest.raises(DataError, match=rf"test_set\.csv, line {line}: {match}"):
        stop(survey, 10**6)
    assert rejected(survey, 10**6) == [(line, match)]


def test_a_line_may_lack_what_is_not_wanted(
    survey: PlasticcSurvey, rows: pl.DataFrame, tmp_path: Path
) -> None:
    file = tmp_path / "test_set.csv"
    rows.with_columns(remark=pl.lit("x"), flux_err=None).write_csv(file)
    lines = file.read_text().splitlines()
    lines[4] = lines[4].removesuffix(",x")
    file.write_text("\n".join(lines) + "\n")
    assert rejected(survey, 10**6) == []
    stop(survey, 10**6)


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


# --- damage of many kinds at once ---------------------------------------------------


def damaged(lines: list[str], every: int) -> tuple[list[str], dict[int, str]]:
    """Spoil some lines, the header not among them; return what came of which (from 1)."""
    spoilers: list[Callable[[list[str]], str]] = [
        lambda cells: ",".join([*cells[:3], "bright", *cells[4:]]),
        lambda cells: ",".join([*cells, "1", "2"]),
        lambda cells: ",".join(["", *cells[1:]]),
        lambda cells: ",".join(["4#", *cells[1:]]),
        lambda cells: ",".join([*cells[:2], "9", *cells[3:]]),
        lambda cells: ",".join([*cells[:2], "", *cells[3:]]),
        lambda cells: ",".join([*cells[:3], "1\udcff2", *cells[4:]]),
        lambda cells: ",".join([*cells[:3], "1\x002", *cells[4:]]),
        lambda cells: cells[0][:-1] + "\x07",
    ]
    bad = {}
    for number in range(every, len(lines), every):
        spoiler = spoilers[number // every % len(spoilers)]
        lines[number] = spoiler(lines[number].split(","))
        bad[number + 1] = lines[number]
    return lines, bad


@pytest.mark.parametrize("rows", [13, 100, 10**6])
@pytest.mark.parametrize("every", [2, 50])
@pytest.mark.parametrize("form", ["csv", "crlf"])
def test_corrupt_lines_are_listed_and_the_others_read(
    tmp_path: Path,
    rows: int,
    every: int,
    form: str,
    light_curves: Any,
    plasticc: Any,
    read_all: Any,
) -> None:
    table = light_curves([30, 5, 1, 90, 44, 30, 200])
    survey = plasticc(tmp_path, table, 1, "csv", absent=0)
    file = tmp_path / "test_set_batch0.csv"
    lines, bad = damaged(file.read_text().splitlines(), every)
    end = "\r\n" if form == "crlf" else "\n"
    content = (end.join(lines) + end).encode("utf-8", "surrogateescape")
    file.write_bytes(content)
    chunks = survey.chunks(rows=rows, on_error="quarantine")
    parts = read_all(chunks)
    rejects = pl.concat([part.rejects for part in parts])
    assert rejects["line"].to_list() == sorted(bad)
    assert rejects["rows"].to_list() == [1] * len(bad)
    assert set(rejects["file"]) == {str(file)}
    assert rejects["reason"].null_count() == 0
    kept = [line for number, line in enumerate(lines, 1) if number not in bad]
    file.write_text("\n".join(kept) + "\n")
    expected = survey.read()
    got = pl.concat([part.light_curves.observations for part in parts])
    assert_frame_equal(got, expected.light_curves.observations)
    assert sum(part.report.rows_read for part in parts) == expected.report.rows_read
    assert expected.report.rows_read + len(bad) == len(lines) - 1
    file.write_bytes(content)
    chunks = survey.chunks(rows=rows, on_error="quarantine")
    assert chunks.count_rows() in (None, len(lines) - 1)
    # Regrouped, every reject is handed out once.
    again = chunks.regrouped(tmp_path / "regrouped")
    parts = read_all(again)
    lines_listed = pl.concat([part.rejects for part in parts])["line"].sort()
    assert lines_listed.to_list() == sorted(bad)
    got = pl.concat([part.light_curves.observations for part in parts])
    assert_frame_equal(got.sort(got.columns), expected.light_curves.observations.sort(got.columns))


@pytest.mark.parametrize("form", ["csv", "bom", "crlf"])
@pytest.mark.parametrize("line", [2, 150, 401])
def test_a_bad_line_is_named_wherever_it_is(
    tmp_path: Path, form: str, line: int, light_curves: Any, plasticc: Any, read_all: Any
) -> None:
    survey = plasticc(tmp_path, light_curves([100, 300], seed=2), 1, form, absent=0)
    file = tmp_path / "test_set_batch0.csv"
    lines = file.read_bytes().split(b"\n")
    cells = lines[line - 1].split(b",")
    lines[line - 1] = b",".join([*cells[:3], b"bright", *cells[4:]])
    file.write_bytes(b"\n".join(lines))
    chunks = survey.chunks(rows=37)
    with pytest.raises(
        DataError, match=rf"batch0\.csv, line {line}: column 'flux' must hold a number.*'bright'"
    ):
        read_all(chunks)


def test_bad_values_of_parquet_are_listed_by_row(
    tmp_path: Path, light_curves: Any, plasticc: Any, read_all: Any
) -> None:
    table = light_curves([20, 5, 50])
    survey = plasticc(tmp_path, table, 1, "one_group", absent=0)
    file = tmp_path / "test_set_batch0.parquet"
    index = pl.int_range(pl.len())
    spoilt = table.with_columns(
        pl.when(index == 7).then(None).otherwise("object_id").alias("object_id"),
        pl.when(index == 30).then(17).otherwise("passband").alias("passband"),
        pl.when(index == 60).then(pl.lit("x")).otherwise(pl.col("flux").cast(str)).alias("flux"),
    )
    spoilt.write_parquet(file)
    parts = read_all(survey.chunks(rows=10, on_error="quarantine"))
    rejects = pl.concat([part.rejects for part in parts])
    assert rejects["row"].to_list() == [7, 30, 60]
    assert rejects["object_id"].to_list() == [None, "19", "19"]
    assert rejects["rows"].sum() + sum(part.report.rows_read for part in parts) == 75
    with pytest.raises(DataError, match=r"batch0\.parquet, row 8: column 'object_id' is empty"):
        survey.chunks(rows=10).read(0)


def test_a_damaged_row_group_is_listed_with_its_rows(
    tmp_path: Path, light_curves: Any, plasticc: Any, read_all: Any
) -> None:
    table = light_curves([5000, 400, 5000])
    survey = plasticc(tmp_path, table, 1, "csv", absent=0)
    (tmp_path / "test_set_batch0.csv").unlink()
    file = tmp_path / "test_set_batch0.parquet"
    table.write_parquet(file, row_group_size=2000)
    content = bytearray(file.read_bytes())
    # Of one row group the head of a page: damage among values shows in them alone.
    column = pq.read_metadata(file).row_group(2).column(1)
    page = column.dictionary_page_offset or column.data_page_offset
    content[page : page + 40] = b"\xff" * 40
    file.write_bytes(content)
    for rows in (700, 10**6):
        parts = read_all(survey.chunks(rows=rows, on_error="quarantine"))
        rejects = pl.concat([part.rejects for part in parts])
        read = sum(part.report.rows_read for part in parts)
        assert rejects.height > 0
        assert rejects["rows"].sum() + read == 10_400
        assert rejects["rows"].sum() == 2000
        assert rejects["row"].min() == 4000
    with pytest.raises(DataError, match="batch0"):
        read_all(survey.chunks(rows=700))
    file.write_bytes(content[: len(content) // 2])
    for on_error in ("stop", "quarantine"):
        with pytest.raises(DataError, match="batch0"):
            survey.chunks(on_error=on_error)  # type: ignore[arg-type]


def test_files_without_rows_or_columns(
    tmp_path: Path, light_curves: Any, plasticc: Any, check_same: Any
) -> None:
    table = light_curves([20, 5])
    survey = plasticc(tmp_path, table, 2, "csv", absent=0)
    file = tmp_path / "test_set_batch1.csv"
    header = file.read_text().splitlines()[0]
    for content in (header + "\n", header + "\r\n\r\n"):
        file.write_text(content)
        check_same(survey.chunks(rows=10), survey.read())
    file.write_text("")
    with pytest.raises(DataError, match=r"batch1\.csv is empty"):
        survey.chunks()
    file.write_text(header.replace("flux_err", "error") + "\n1,1,1,1,1,1\n")
    with pytest.raises(DataError, match=r"batch1\.csv has no column 'flux_err'"):
        survey.chunks()
    for one in tmp_path.glob("test_set_batch*.csv"):
        one.write_text(header + "\n")
    with pytest.raises(DataError, match="holds column names but no rows"):
        survey.chunks()


def test_a_column_of_some_files_is_absent_in_the_others(
    tmp_path: Path, light_curves: Any, plasticc: Any, check_same: Any
) -> None:
    table = light_curves([20, 5, 30, 3])
    survey = plasticc(tmp_path, table, 2, "csv", absent=0)
    file = tmp_path / "test_set_batch1.csv"
    pl.read_csv(file).drop("detected").write_csv(file)
    check_same(survey.chunks(rows=9), survey.read())
