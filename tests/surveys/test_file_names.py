"""Ids and passbands that stand in the names of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.file_names import named_files, places
from lcclassify.surveys.table import TableSurvey

BANDS = ["g", "r"]
COLUMNS = {"label": "kind"}


def rows(ids: list[Any]) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    n = 6 * len(ids)
    return pl.DataFrame(
        {
            "object_id": np.repeat(ids, 6),
            "mjd": 59000.0 + np.arange(n),
            "passband": np.tile(BANDS, n // 2),
            "flux": rng.normal(50, 9, n).round(3),
            "flux_err": rng.uniform(1, 2, n).round(3),
        }
    )


@pytest.fixture
def whole(tmp_path: Path) -> tuple[pl.DataFrame, TableSurvey]:
    table = rows(["b [1]", "a_2", "c"])
    table.write_csv(tmp_path / "all.csv")
    objects = pl.DataFrame({"object_id": ["c", "a_2", "b [1]"], "kind": ["X", "Y", "X"]})
    objects.write_csv(tmp_path / "o.csv")
    return table, TableSurvey("all.csv", BANDS, root=tmp_path, objects="o.csv", columns=COLUMNS)


def split(table: pl.DataFrame, folder: Path, pattern: str, *keys: str, form: str = "csv") -> None:
    for values, part in table.group_by(*keys, maintain_order=True):
        file = folder / pattern.format(**dict(zip(keys, values, strict=True)))
        file.parent.mkdir(parents=True, exist_ok=True)
        part = part.drop(*keys)
        part.write_parquet(file) if form == "parquet" else part.write_csv(file)


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("lc/{object_id}.csv", ["object_id"]),
        ("l[c]/{object_id}/forced.csv", ["object_id"]),
        ("{passband}/{object_id}.csv", ["object_id", "passband"]),
        ("x_{object_id}_{passband}.parquet", ["object_id", "passband"]),
        ("band_{passband}.csv", ["passband"]),
        ("band_{passband}.parquet", ["passband"]),
    ],
)
def test_the_same_survey_as_one_table(tmp_path, whole, pattern, keys):
    table, expected = whole
    split(table, tmp_path, pattern, *keys, form=pattern.rsplit(".")[-1])
    found = TableSurvey(pattern, BANDS, root=tmp_path, objects="o.csv", columns=COLUMNS)
    assert set(found.told) == set(keys)
    wanted, data = expected.read(), found.read()
    assert_frame_equal(data.light_curves.observations, wanted.light_curves.observations)
    assert_frame_equal(data.light_curves.objects, wanted.light_curves.objects)
    assert data.report.sentences() == wanted.report.sentences()

    chunks = found.chunks(rows=7)
    assert len(chunks) > 1
    if "object_id" not in keys:
        chunks = chunks.regrouped(tmp_path / "regrouped")
    parts = [chunks.read(index) for index in range(len(chunks))]
    joined = pl.concat([part.light_curves.observations for part in parts]).sort("object_id", "mjd")
    assert_frame_equal(joined, wanted.light_curves.observations)


def test_names_of_digits_are_integers_where_those_of_the_object_table_are(tmp_path):
    table = rows([12, 600])
    split(table, tmp_path, "{object_id}.csv", "object_id")
    data = TableSurvey("{object_id}.csv", BANDS, root=tmp_path).read()
    assert data.light_curves.objects["object_id"].to_list() == [12, 600]
    (tmp_path / "0012.csv").write_bytes((tmp_path / "12.csv").read_bytes())
    data = TableSurvey("{object_id}.csv", BANDS, root=tmp_path).read()
    assert data.light_curves.objects["object_id"].to_list() == ["0012", "12", "600"]


def test_rows_that_cannot_be_read_name_the_object_of_their_file(tmp_path):
    split(rows(["a", "b"]), tmp_path, "{object_id}.csv", "object_id")
    with (tmp_path / "b.csv").open("a") as file:
        file.write("59000,g,bright,1\n59001,u,1,1\n")
    found = TableSurvey("{object_id}.csv", BANDS, root=tmp_path)
    with pytest.raises(DataError, match=r"b\.csv, line 8: .*'flux' must hold a number"):
        found.read()
    rejects = found.chunks(on_error="quarantine").read(0).rejects
    assert rejects["object_id"].to_list() == ["b", "b"]
    assert rejects["line"].to_list() == [8, 9]


def test_what_is_wrong_in_one_of_many_small_files_has_its_own_line(tmp_path):
    """Files are converted together as far as their columns are alike; places stay their own."""
    head = "mjd,passband,flux,flux_err,seen\n"
    (tmp_path / "a.csv").write_text(head + "1,g,9,1,1\n2,x,9,1,0\n3,r,9,1,1\n")
    (tmp_path / "b.csv").write_text(head + "1,r,9,1,0\n")
    (tmp_path / "c.csv").write_text(
        "seen;flux;mjd;passband;flux_err\n0;9;1;g;1\n0;9;2\n1;9;3;y;1\n"
    )
    (tmp_path / "d.csv").write_text(head + "1,z,9,1,1\n2,g,bright,1,1\n3,g,9,1,1\n")
    survey = TableSurvey("{object_id}.csv", BANDS, root=tmp_path, columns={"detected": "seen"})
    chunks = survey.chunks(on_error="quarantine")
    assert len(chunks) == 1
    chunk = chunks.read(0)
    found = [(Path(row["file"]).stem, row["line"]) for row in chunk.rejects.to_dicts()]
    assert found == [("a", 3), ("c", 3), ("c", 4), ("d", 2), ("d", 3)]
    assert chunk.rejects["object_id"].to_list() == [name for name, _ in found]
    assert chunk.light_curves.observations.rows() == [
        ("a", 1.0, 0, 9.0, 1.0, True),
        ("a", 3.0, 1, 9.0, 1.0, True),
        ("b", 1.0, 1, 9.0, 1.0, False),
        ("c", 1.0, 0, 9.0, 1.0, False),
        ("d", 3.0, 0, 9.0, 1.0, True),
    ]
    with pytest.raises(DataError, match=r"a\.csv, line 3: unknown passband 'x'"):
        survey.read()


def test_a_column_of_ids_is_not_needed_and_not_read(tmp_path):
    table = rows(["a", "b"]).with_columns(object_id=pl.lit("same"))
    table[:6].write_csv(tmp_path / "first.csv")
    table[6:].write_csv(tmp_path / "second.csv")
    data = TableSurvey("{object_id}.csv", BANDS, root=tmp_path).read()
    assert data.light_curves.objects["object_id"].to_list() == ["first", "second"]


def test_labels_of_observations_with_ids_in_names(tmp_path):
    table = rows(["a", "b"]).with_columns(kind=pl.Series(["X"] * 6 + ["Y"] * 6))
    split(table, tmp_path, "{object_id}.csv", "object_id")
    data = TableSurvey("{object_id}.csv", BANDS, root=tmp_path, columns=COLUMNS).read()
    assert data.light_curves.objects["label"].to_list() == ["X", "Y"]


def test_several_patterns_and_the_first_place_that_has_files(tmp_path, monkeypatch):
    split(rows(["a"]), tmp_path / "one", "{object_id}.csv", "object_id")
    split(rows(["b"]), tmp_path / "two", "{object_id}.txt", "object_id")
    monkeypatch.chdir(tmp_path)
    found = named_files(["one/{object_id}.csv", "two/{object_id}.txt"], tmp_path / "one")
    assert [(file.path.name, dict(file.says)) for file in found] == [
        ("a.csv", {"object_id": "a"}),
        ("b.txt", {"object_id": "b"}),
    ]
    absolute = named_files(str(tmp_path / "*" / "{object_id}.csv"), None)
    assert [file.says["object_id"] for file in absolute] == ["a"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (["{object_id}.csv", "all.csv"], "the same words in braces"),
        ("{object_id}/{object_id}.csv", "twice"),
        ("{passband}/{object_id}/{object_id}.csv", r"\{object_id\} twice"),
        ("{object_id}/**/x.csv", r"\*\* before braces"),
    ],
)
def test_patterns_that_contradict_themselves(spec, message):
    with pytest.raises(ConfigError, match=message):
        places(spec)


def test_names_of_columns_that_are_not_read_are_refused(tmp_path):
    for name in ("passband", "object_id"):
        with pytest.raises(ConfigError, match=f"columns.{name} has no effect"):
            TableSurvey("{passband}_{object_id}.csv", BANDS, columns={name: "x"})
    TableSurvey("{object_id}.csv", BANDS, objects="o.csv", columns={"object_id": "x"})  # of that


def test_no_file_and_blank_names(tmp_path):
    with pytest.raises(DataError, match="matches no file"):
        named_files("{object_id}.csv", tmp_path)
    with pytest.raises(DataError, match=r"of words in braces, did you mean 'object_id'\?"):
        named_files("{objectid}.csv", tmp_path)
    (tmp_path / "{band}.csv").write_text("")
    assert [file.path.name for file in named_files("{band}.csv", tmp_path)] == ["{band}.csv"]
    (tmp_path / "{band}.csv").unlink()
    (tmp_path / " .csv").write_text("")
    with pytest.raises(DataError, match="does not say"):
        named_files("{object_id}.csv", tmp_path)


def test_the_fingerprint_follows_what_names_say(tmp_path):
    (tmp_path / "SN1_g_r.csv").write_text("mjd,flux,flux_err\n1,2,3\n")
    patterns = ("{object_id}_{passband}_*.csv", "{object_id}_*_{passband}.csv")
    found = [TableSurvey(pattern, BANDS, root=tmp_path).fingerprint() for pattern in patterns]
    assert found[0] != found[1]


def test_an_object_without_a_row_is_told_of(tmp_path):
    table = rows(["a", "b", "c"])
    split(table, tmp_path, "{object_id}.csv", "object_id")
    (tmp_path / "b.csv").write_text("mjd,passband,flux,flux_err\n")
    found = TableSurvey("{object_id}.csv", BANDS, root=tmp_path)
    data = found.read()
    assert data.report.objects_without_observations == 1
    assert data.light_curves.objects["object_id"].to_list() == ["a", "b", "c"]
    objects = found.chunks().objects
    assert objects is not None
    assert objects.height == 3


def test_tables_of_one_row_an_object_take_no_braces(tmp_path):
    lists = {"mjd": [[1.0]], "passband": [["g"]], "flux": [[1.0]], "flux_err": [[1.0]]}
    pl.DataFrame(lists).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match="take no braces"):
        TableSurvey("{object_id}.parquet", BANDS, root=tmp_path).read()


def test_a_name_that_is_no_text_is_refused(tmp_path):
    name = os.fsencode(tmp_path) + b"/SN\xe9.csv"
    try:
        with open(name, "w") as file:
            file.write("mjd,passband,flux,flux_err\n")
    except OSError:
        pytest.skip("the file system has no such names")
    with pytest.raises(DataError, match="does not say"):
        TableSurvey("{object_id}.csv", BANDS, root=tmp_path).read()


@pytest.mark.parametrize("pattern", ["*.csv", "**/{object_id}.csv", "{object_id}.csv"])
def test_the_root_is_a_plain_path(tmp_path, monkeypatch, pattern):
    table = rows(["a"])
    for folder in ("br[1]", "br1", "here"):
        (tmp_path / folder).mkdir()
    table.write_csv(tmp_path / "br[1]" / "a.csv")
    rows(["x"]).write_csv(tmp_path / "br1" / "x.csv")
    rows(["y"]).write_csv(tmp_path / "here" / "y.csv")
    monkeypatch.chdir(tmp_path / "here")
    found = TableSurvey(pattern, BANDS, root=tmp_path / "br[1]")
    assert [file.name for file in found.files()] == ["a.csv"]


@pytest.mark.parametrize("pattern", ["*.csv", "{object_id}.csv"])
def test_the_other_tables_may_lie_beside_the_light_curves(tmp_path, pattern):
    table = rows(["a", "b"])
    table[:6].write_csv(tmp_path / "a.csv")
    table[6:].write_csv(tmp_path / "b.csv")
    (tmp_path / "classes.csv").write_text("object_id,kind\na,X\nb,Y\n")
    (tmp_path / "better.csv").write_text("object_id,kind\nb,Z\n")
    found = TableSurvey(
        pattern,
        BANDS,
        root=tmp_path,
        objects="classes.csv",
        overrides="better.csv",
        columns=COLUMNS,
    )
    data = found.read()
    assert data.light_curves.objects["label"].to_list() == ["X", "Z"]
    names = {file.name for file in found.files()}
    assert names == {"a.csv", "b.csv", "classes.csv", "better.csv"}
    assert len(found.files()) == 4
