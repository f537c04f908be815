"""Chunks of every kind of file together give what reading the whole gives."""

from __future__ import annotations

import gzip
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.table import TableSurvey

FORMS = ("csv", "crlf", "unended", "bom", "parquet", "one_group", "csv.gz")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("files", [1, 2, 5])
@pytest.mark.parametrize("rows", [1, 5, 20, 10**6])
@pytest.mark.parametrize("on_error", ["stop", "quarantine"])
def test_every_row_is_in_exactly_one_chunk(
    tmp_path: Path,
    form: str,
    files: int,
    rows: int,
    on_error: Any,
    light_curves: Any,
    plasticc: Any,
    check_same: Any,
) -> None:
    table = light_curves([3, 1, 1, 12, 1, 2, 20, 5, 1, 1, 1, 4])
    survey = plasticc(tmp_path, table, files, form)
    check_same(survey.chunks(rows=rows, on_error=on_error), survey.read())


@settings(deadline=None, max_examples=40)
@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=12),
    files=st.integers(1, 5),
    rows=st.integers(1, 60),
    form=st.sampled_from(FORMS),
)
def test_any_cut(
    counts: list[int],
    files: int,
    rows: int,
    form: str,
    light_curves: Any,
    plasticc: Any,
    check_same: Any,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        survey = plasticc(Path(folder), light_curves(counts, seed=1), files, form)
        check_same(survey.chunks(rows=rows), survey.read())


def test_an_object_over_several_chunks_is_in_the_one_where_it_begins(
    tmp_path: Path, light_curves: Any, plasticc: Any, check_same: Any
) -> None:
    survey = plasticc(tmp_path, light_curves([50, 3000, 50]), 2, "csv", absent=0)
    parts = check_same(survey.chunks(rows=100), survey.read())
    with_rows = [part for part in parts if part.light_curves.objects.height]
    assert len(parts) > 20
    assert len(with_rows) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "one_group"])
def test_one_object_of_a_hundred_thousand_observations(
    tmp_path: Path, form: str, light_curves: Any, plasticc: Any, check_same: Any
) -> None:
    survey = plasticc(tmp_path, light_curves([20, 100_000, 20]), 1, form, absent=0)
    check_same(survey.chunks(rows=10_000), survey.read())


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_thousand_objects_of_one_observation(
    tmp_path: Path, form: str, light_curves: Any, plasticc: Any, check_same: Any
) -> None:
    survey = plasticc(tmp_path, light_curves([1] * 1000), 3, form)
    parts = check_same(survey.chunks(rows=100), survey.read())
    assert 10 <= len(parts) <= 15


@pytest.mark.parametrize("form", ["csv", "one_group", "csv.gz"])
def test_interleaved_objects_are_regrouped(
    tmp_path: Path, form: str, light_curves: Any, plasticc: Any, read_all: Any, check_same: Any
) -> None:
    table = light_curves([40, 30, 1, 20, 25, 3])
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=3)
    survey = plasticc(tmp_path, shuffled, 2, form)
    chunks = survey.chunks(rows=20)
    folder = tmp_path / "regrouped"
    again = chunks.regrouped(folder)
    check_same(again, survey.read(), ordered=False)
    ids = pl.concat(part.light_curves.objects["object_id"] for part in read_all(again))
    assert ids.is_unique().all()
    # A resumed job finds what is there and resumes from it.
    if folder.exists():
        stamps = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
        check_same(survey.chunks(rows=20).regrouped(folder), survey.read(), ordered=False)
        assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == stamps


def test_chunks_are_small_pickles_that_read_the_same(
    tmp_path: Path, light_curves: Any, plasticc: Any
) -> None:
    survey = plasticc(tmp_path, light_curves([5] * 1200), 3, "parquet")
    chunks = survey.chunks(rows=40)
    content = pickle.dumps(chunks)
    assert len(chunks) >= 120
    assert len(content) < 30_000
    again = pickle.loads(content)
    for index in (0, len(chunks) // 2, len(chunks) - 1):
        there, here = (every.read(index).light_curves for every in (again, chunks))
        assert_frame_equal(there.observations, here.observations)
        assert_frame_equal(there.objects, here.objects)


def test_another_process_reads_the_same(tmp_path: Path, light_curves: Any, plasticc: Any) -> None:
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


def test_arguments_are_checked(tmp_path: Path, light_curves: Any, plasticc: Any) -> None:
    survey = plasticc(tmp_path, light_curves([20]), 1, "csv", absent=0)
    with pytest.raises(ConfigError, match="on_error"):
        survey.chunks(on_error="skip")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="chunk_rows"):
        survey.chunks(rows=0)


# --- tables of one's own ------------------------------------------------------------


@pytest.fixture
def own_table(light_curves: Any, metadata: Any) -> Any:
    def one(folder: Path, text_ids: bool, **options: Any) -> TableSurvey:
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

    return one


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
    tmp_path: Path,
    text_ids: bool,
    options: dict[str, Any],
    rows: int,
    check_same: Any,
    own_table: Any,
) -> None:
    survey = own_table(tmp_path, text_ids, **options)
    whole = survey.read()
    # Ids that are text have another order than the rows of the files.
    parts = check_same(survey.chunks(rows=rows), whole, ordered=False)
    assert set(whole.report.messages) == {text for part in parts for text in part.report.messages}


def test_tables_without_an_object_table(tmp_path: Path, check_same: Any, own_table: Any) -> None:
    survey = own_table(tmp_path, False, objects=None, columns=None, metadata=None)
    chunks = survey.chunks(rows=10)
    parts = check_same(chunks, survey.read())
    if chunks.objects is None:
        unobserved = pl.concat([part.unobserved_ids for part in parts])
        objects = pl.concat([part.light_curves.objects for part in parts])["object_id"]
        whole = survey.read().light_curves.objects["object_id"]
        assert pl.concat([unobserved, objects]).sort().equals(whole)


def test_garbled_ids_and_passbands_of_a_table_are_listed(
    tmp_path: Path, read_all: Any, own_table: Any
) -> None:
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
def test_quotes_and_other_text_that_cannot_be_cut(
    tmp_path: Path, rows: int, check_same: Any, own_table: Any
) -> None:
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


def test_a_quote_far_behind_the_beginning_does_not_shift_rows(
    tmp_path: Path, light_curves: Any, plasticc: Any, read_all: Any
) -> None:
    table = light_curves([40] * 1000)
    survey = plasticc(tmp_path, table, 1, "csv", absent=0)
    file = tmp_path / "test_set_batch0.csv"
    lines = file.read_text().splitlines()
    lines[-5] = lines[-5].replace(lines[-5].split(",")[3], '"1.5\n"', 1)
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"batch0\.csv, line \d+"):
        read_all(survey.chunks(rows=1000))


@pytest.mark.parametrize("on_error", ["stop", "quarantine"])
@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("change", ["shorter", "gone"])
def test_a_file_that_changes_meanwhile_is_refused(
    tmp_path: Path, on_error: Any, form: str, change: str
) -> None:
    rows = pl.DataFrame(
        {"object_id": range(300), "mjd": 1.0, "passband": "g", "flux": 1.0, "flux_err": 1.0}
    )
    file = tmp_path / f"a.{form}"

    def write(frame: pl.DataFrame) -> None:
        if form == "parquet":
            frame.write_parquet(file, row_group_size=50)
        else:
            content = frame.write_csv().encode()
            file.write_bytes(gzip.compress(content) if form == "csv.gz" else content)

    write(rows)
    chunks = TableSurvey(file, ["g"]).chunks(rows=50, on_error=on_error)
    chunks.read(0)
    if change == "gone":
        file.unlink()
    else:
        write(rows[:100])
    with pytest.raises(DataError, match=r"a\.\S+ (was changed while it was|is damaged or cannot)"):
        chunks.read(len(chunks) - 1)


@pytest.mark.parametrize("ids", [[1.0, 1.0, 2.0, None], [1.0, 1.0, 2.5, 3.0], [None] * 4])
def test_a_bad_id_at_the_end_of_a_chunk_is_named(tmp_path: Path, ids: list[float | None]) -> None:
    rows = pl.DataFrame({"object_id": pl.Series(ids, dtype=pl.Float64), "mjd": [1.0, 2, 3, 4]})
    rows = rows.with_columns(passband=pl.lit("g"), flux=1.0, flux_err=1.0)
    rows.write_parquet(tmp_path / "a.parquet")
    chunks = TableSurvey(tmp_path / "a.parquet", ["g"]).chunks(rows=1)
    with pytest.raises(DataError, match=r"a\.parquet, row \d: column 'object_id'"):
        [chunks.read(index) for index in range(len(chunks))]
