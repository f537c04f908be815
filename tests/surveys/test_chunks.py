"""Chunks of every kind of file together give what reading the whole gives."""

from __future__ import annotations

import gzip
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.base import Survey, SurveyData
from lcclassify.surveys.chunks import Chunk, SurveyChunks
from lcclassify.surveys.plasticc import PlasticcSurvey
from lcclassify.surveys.table import TableSurvey

FORMS = ("csv", "crlf", "unended", "bom", "parquet", "one_group", "csv.gz")


def light_curves(counts: list[int], seed: int = 0) -> pl.DataFrame:
    """Return objects of so many observations each, some of them unusable or repeated."""
    generator = np.random.default_rng(seed)
    total = sum(counts)
    rows = pl.DataFrame(
        {
            "object_id": np.repeat(np.arange(len(counts)) * 7 + 5, counts),
            "mjd": generator.integers(0, 4000, total) / 8 + 59000,
            "passband": generator.integers(0, 6, total),
            "flux": generator.normal(0, 50, total),
            "flux_err": generator.uniform(1, 2, total),
            "detected": generator.integers(0, 2, total),
        }
    )
    odd = pl.int_range(pl.len())
    return rows.with_columns(
        pl.when(odd % 11 == 3).then(None).otherwise("flux").alias("flux"),
        pl.when(odd % 13 == 5).then(0.0).otherwise("flux_err").alias("flux_err"),
    )


def metadata(rows: pl.DataFrame, absent: int = 1) -> pl.DataFrame:
    """Return an object table that lacks some objects and has one too many."""
    ids = rows["object_id"].unique().sort()
    ids = pl.concat([ids[: len(ids) - absent], pl.Series([10**9], dtype=ids.dtype)])
    return pl.DataFrame(
        {
            "object_id": ids,
            "hostgal_photoz": 0.5,
            "hostgal_photoz_err": -9.0,
            "distmod": 40.0,
            "mwebv": 0.1,
            "target": 90,
        }
    )


def write(rows: pl.DataFrame, path: Path, form: str) -> None:
    if form == "parquet":
        rows.write_parquet(path, row_group_size=7)
    elif form == "one_group":
        rows.write_parquet(path, row_group_size=10**9)
    else:
        text = rows.write_csv()
        if form == "crlf":
            text = text.replace("\n", "\r\n")
        elif form == "unended":
            text = text.rstrip("\n")
        elif form == "bom":
            text = "\ufeff" + text
        data = text.encode()
        path.write_bytes(gzip.compress(data) if form == "csv.gz" else data)


def plasticc(folder: Path, rows: pl.DataFrame, files: int, form: str, absent: int = 1) -> Survey:
    """Write rows to files of unequal length, one of them empty if there are many."""
    suffix = "parquet" if form in ("parquet", "one_group") else form if "gz" in form else "csv"
    cuts = np.linspace(0, len(rows), files + 1).astype(int)
    if files > 2:
        cuts[1] = cuts[2]
    for number in range(files):
        part = rows[int(cuts[number]) : int(cuts[number + 1])]
        write(part, folder / f"test_set_batch{number}.{suffix}", form)
    metadata(rows, absent).write_csv(folder / "test_set_metadata.csv")
    return PlasticcSurvey(folder, part="test")


def read_all(chunks: SurveyChunks) -> list[Chunk]:
    # Backwards, so that nothing depends on what was read before.
    return [chunks.read(index) for index in reversed(range(len(chunks)))][::-1]


def check_same(chunks: SurveyChunks, whole: SurveyData, *, ordered: bool = True) -> list[Chunk]:
    """Check that chunks are disjoint and together what was read at once."""
    parts = read_all(chunks)
    observations = pl.concat([part.light_curves.observations for part in parts])
    objects = pl.concat([part.light_curves.objects for part in parts])
    if not ordered:
        observations = observations.sort(observations.columns)
        objects = objects.sort("object_id")
        expected = whole.light_curves.observations.sort(observations.columns)
    else:
        expected = whole.light_curves.observations
    assert_frame_equal(observations, expected)
    seen = whole.light_curves.objects.filter(
        pl.col("object_id").is_in(expected["object_id"].unique().implode())
    )
    assert_frame_equal(objects, seen)
    for part in parts:
        rows = part.light_curves.observations
        assert rows["object_id"].unique().sort().equals(part.light_curves.objects["object_id"])
        assert part.report.rows_kept == rows.height
        assert not part.rejects.height
    reports = [part.report for part in parts]
    for name in ("rows_read", "nan_flux", "bad_flux_err", "bad_mjd", "duplicates", "orphan_rows"):
        assert sum(getattr(report, name) for report in reports) == getattr(whole.report, name)
    orphans = pl.concat([report.orphan_ids for report in reports]).sort()
    assert orphans.to_list() == whole.report.orphan_ids.to_list()
    assert chunks.count_rows() in (None, whole.report.rows_read)
    if chunks.objects is not None:
        assert_frame_equal(chunks.objects, whole.light_curves.objects)
    assert chunks.taxonomy == whole.taxonomy
    assert chunks.zeropoint == whole.zeropoint
    return parts


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("files", [1, 2, 5])
@pytest.mark.parametrize("rows", [1, 7, 40, 10**6])
@pytest.mark.parametrize("on_error", ["stop", "quarantine"])
def test_every_row_is_in_exactly_one_chunk(
    tmp_path: Path, form: str, files: int, rows: int, on_error: Any
) -> None:
    table = light_curves([3, 1, 1, 40, 1, 2, 60, 5, 1, 1, 1, 9])
    survey = plasticc(tmp_path, table, files, form)
    check_same(survey.chunks(rows=rows, on_error=on_error), survey.read())


@settings(deadline=None, max_examples=40)
@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=12),
    files=st.integers(1, 5),
    rows=st.integers(1, 60),
    form=st.sampled_from(FORMS),
)
def test_any_cut(counts: list[int], files: int, rows: int, form: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        survey = plasticc(Path(folder), light_curves(counts, seed=1), files, form)
        check_same(survey.chunks(rows=rows), survey.read())


def test_an_object_over_several_chunks_is_in_the_one_where_it_begins(tmp_path: Path) -> None:
    survey = plasticc(tmp_path, light_curves([50, 3000, 50]), 2, "csv", absent=0)
    parts = check_same(survey.chunks(rows=100), survey.read())
    with_rows = [part for part in parts if part.light_curves.objects.height]
    assert len(parts) > 20
    assert len(with_rows) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "one_group"])
def test_one_object_of_a_hundred_thousand_observations(tmp_path: Path, form: str) -> None:
    survey = plasticc(tmp_path, light_curves([20, 100_000, 20]), 1, form, absent=0)
    check_same(survey.chunks(rows=10_000), survey.read())


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_thousand_objects_of_one_observation(tmp_path: Path, form: str) -> None:
    survey = plasticc(tmp_path, light_curves([1] * 1000), 3, form)
    parts = check_same(survey.chunks(rows=100), survey.read())
    assert 10 <= len(parts) <= 15


@pytest.mark.parametrize("form", ["csv", "one_group", "csv.gz"])
def test_interleaved_objects_are_regrouped(tmp_path: Path, form: str) -> None:
    table = light_curves([40, 30, 1, 20, 25, 3])
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=3)
    survey = plasticc(tmp_path, shuffled, 2, form)
    chunks = survey.chunks(rows=20)
    folder = tmp_path / "regrouped"
    again = chunks.regrouped(folder)
    check_same(again, survey.read(), ordered=False)
    ids = pl.concat(part.light_curves.objects["object_id"] for part in read_all(again))
    assert ids.is_unique().all()
    # A resumed job finds what is there and goes on with it.
    if folder.exists():
        stamps = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
        check_same(survey.chunks(rows=20).regrouped(folder), survey.read(), ordered=False)
        assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == stamps


def test_chunks_are_small_pickles_that_read_the_same(tmp_path: Path) -> None:
    survey = plasticc(tmp_path, light_curves([5] * 4000), 3, "parquet")
    chunks = survey.chunks(rows=50)
    content = pickle.dumps(chunks)
    assert len(chunks) >= 400
    assert len(content) < 100_000
    check_same(pickle.loads(content), survey.read())


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    survey = plasticc(tmp_path, light_curves([9, 1, 40, 3, 7]), 2, "csv")
    chunks = survey.chunks(rows=10)
    (tmp_path / "chunks.pickle").write_bytes(pickle.dumps(chunks))
    code = (
        "import pickle, sys\n"
        "chunks = pickle.loads(open(sys.argv[1] + '/chunks.pickle', 'rb').read())\n"
        "curves = chunks.read(int(sys.argv[2])).light_curves\n"
        "curves.observations.write_parquet(sys.argv[1] + '/o.parquet')\n"
    )
    index = len(chunks) // 2
    subprocess.run([sys.executable, "-c", code, str(tmp_path), str(index)], check=True)
    there = pl.read_parquet(tmp_path / "o.parquet")
    assert_frame_equal(there, chunks.read(index).light_curves.observations)


# --- files that are not as they should be -------------------------------------------


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
    tmp_path: Path, rows: int, every: int, form: str
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
def test_a_bad_line_is_named_wherever_it_is(tmp_path: Path, form: str, line: int) -> None:
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


def test_bad_values_of_parquet_are_listed_by_row(tmp_path: Path) -> None:
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
        read_all(survey.chunks(rows=10))


def test_a_damaged_row_group_is_listed_with_its_rows(tmp_path: Path) -> None:
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


def test_files_without_rows_or_columns(tmp_path: Path) -> None:
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


def test_a_column_of_some_files_is_absent_in_the_others(tmp_path: Path) -> None:
    table = light_curves([20, 5, 30, 3])
    survey = plasticc(tmp_path, table, 2, "csv", absent=0)
    file = tmp_path / "test_set_batch1.csv"
    pl.read_csv(file).drop("detected").write_csv(file)
    check_same(survey.chunks(rows=9), survey.read())


def test_arguments_are_checked(tmp_path: Path) -> None:
    survey = plasticc(tmp_path, light_curves([20]), 1, "csv", absent=0)
    with pytest.raises(ConfigError, match="on_error"):
        survey.chunks(on_error="skip")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="chunk_rows"):
        survey.chunks(rows=0)


# --- tables of one's own ------------------------------------------------------------


def own_table(folder: Path, text_ids: bool, **options: Any) -> TableSurvey:
    rows = light_curves([9, 1, 30, 4, 1, 17])
    rows = rows.with_columns(
        pl.col("passband").replace_strict(dict(enumerate("ugrizy")), return_dtype=pl.String)
    )
    table = metadata(rows).with_columns(
        kind=pl.when(pl.col("object_id") % 2 == 0).then(pl.lit("A")).otherwise(pl.lit("B"))
    )
    if text_ids:
        names = pl.col("object_id").cast(str).str.zfill(6)
        rows, table = rows.with_columns(names), table.with_columns(names)
    rows[:30].write_csv(folder / "o0.csv")
    rows[30:].write_csv(folder / "o1.csv")
    table.write_csv(folder / "objects.csv")
    arguments: dict[str, Any] = {
        "observations": "o?.csv",
        "passbands": list("ugrizy"),
        "root": folder,
        "objects": "objects.csv",
        "columns": {"label": "kind"},
        "metadata": {"z": "hostgal_photoz", "e": "hostgal_photoz_err"},
        "missing": [-9],
        "time_offset": 0.5,
        "brightness": "flux",
        "zeropoint": 27.5,
    }
    return TableSurvey(**{**arguments, **options})


@pytest.mark.parametrize("text_ids", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"classes": ["B", "A"], "id_type": "string"},
        {"id_type": "integer"},
        {"class_map": {"A": "C"}, "passband_aliases": {"y": "z"}},
        {"columns": {"label": "kind", "detected": "detected"}},
        {"brightness": "magnitude", "zeropoint": 25.0},
        {"missing_brightness": [0.0]},
    ],
)
@pytest.mark.parametrize("rows", [5, 25])
def test_tables_of_ones_own(
    tmp_path: Path, text_ids: bool, options: dict[str, Any], rows: int
) -> None:
    survey = own_table(tmp_path, text_ids, **options)
    whole = survey.read()
    # Ids that are text have another order than the rows of the files.
    parts = check_same(survey.chunks(rows=rows), whole, ordered=False)
    assert set(whole.report.messages) == {text for part in parts for text in part.report.messages}


def test_tables_without_an_object_table(tmp_path: Path) -> None:
    survey = own_table(tmp_path, False, objects=None, columns=None, metadata=None)
    chunks = survey.chunks(rows=10)
    parts = check_same(chunks, survey.read())
    if chunks.objects is None:
        unobserved = pl.concat([part.unobserved_ids for part in parts])
        objects = pl.concat([part.light_curves.objects for part in parts])["object_id"]
        whole = survey.read().light_curves.objects["object_id"]
        assert pl.concat([unobserved, objects]).sort().equals(whole)


def test_garbled_ids_and_passbands_of_a_table_are_listed(tmp_path: Path) -> None:
    survey = own_table(tmp_path, False, columns={"label": "kind", "detected": "detected"})
    file = tmp_path / "o0.csv"
    lines = file.read_text().splitlines()
    for number, (position, value) in {3: (0, "x7"), 9: (2, "w"), 20: (5, "perhaps")}.items():
        cells = lines[number - 1].split(",")
        cells[position] = value
        lines[number - 1] = ",".join(cells)
    file.write_text("\n".join(lines) + "\n")
    parts = read_all(survey.chunks(rows=10, on_error="quarantine"))
    rejects = pl.concat([part.rejects for part in parts])
    assert rejects["line"].to_list() == [3, 9, 20]
    assert rejects["rows"].sum() + sum(part.report.rows_read for part in parts) == 62
    with pytest.raises(DataError):
        read_all(survey.chunks(rows=10))


@pytest.mark.parametrize("rows", [4, 100])
def test_quotes_and_other_text_that_cannot_be_cut(tmp_path: Path, rows: int) -> None:
    survey = own_table(tmp_path, False)
    for file in tmp_path.glob("o?.csv"):
        frame = pl.read_csv(file)
        frame.write_csv(file, quote_style="always")
    check_same(survey.chunks(rows=rows), survey.read())
    survey = own_table(tmp_path, False, separator="whitespace", comment="#")
    for file in tmp_path.glob("*.csv"):
        text = file.read_text().replace(",,", ",nan,").replace(",", "  ")
        file.write_text("# a comment\n" + text)
    check_same(survey.chunks(rows=rows), survey.read())


def test_a_quote_far_behind_the_beginning_does_not_shift_rows(tmp_path: Path) -> None:
    table = light_curves([40] * 1000)
    survey = plasticc(tmp_path, table, 1, "csv", absent=0)
    file = tmp_path / "test_set_batch0.csv"
    lines = file.read_text().splitlines()
    lines[-5] = lines[-5].replace(lines[-5].split(",")[3], '"1.5\n"', 1)
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"batch0\.csv, line \d+"):
        read_all(survey.chunks(rows=1000))
