"""Names of columns behind comment marks, with commas of their own, or in no line at all."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.table import TableSurvey

NAMES = ["object_id", "mjd", "passband", "flux", "flux_err"]
ROWS = [["7", "59000.5", "g", "1.5", "0.5"], ["7", "59001.5", "r", "2.5", "0.25"]]


def lines(separator: str, *header: str, ahead: str = "") -> str:
    return "\n".join([*header, *(ahead + separator.join(row) for row in ROWS)]) + "\n"


def read(path: Path, text: str, **options: Any) -> Any:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return TableSurvey(path.name, ["g", "r"], root=path.parent, **options).read()


def check(data: Any) -> None:
    rows = data.light_curves.observations
    assert rows["mjd"].to_list() == [59000.5, 59001.5]
    assert rows["flux"].to_list() == [1.5, 2.5]
    assert rows["object_id"].to_list() == [7, 7]
    assert data.report.rows_read == 2


@pytest.mark.parametrize("suffix", ["txt", "txt.gz"])
@pytest.mark.parametrize(
    ("text", "options"),
    [
        (lines(" ", "#" + " ".join(NAMES)), {}),
        (lines("  ", "###" + "  ".join(NAMES)), {}),
        (lines(" ", "# " + "   ".join(NAMES)), {}),
        (lines(",", "#" + ",".join(NAMES)), {}),
        (lines(",", "# " + ", ".join(NAMES)), {}),
        (lines(" ", " " + ", ".join(NAMES), ahead=" "), {}),
        (lines(" ", "# " + ", ".join(NAMES), ahead=" "), {}),
        (lines(" ", "# " + " ".join(NAMES)) + "#7 1 g 1 1\n", {}),
        (lines(",", "#" + ",".join(NAMES), "#7,1,g,1,1") + "# the end\n", {}),
        (lines(" ", "# made by hand", "# " + " ".join(NAMES)), {"comment": "#"}),
        (lines(" ", "# made, by hand", "#", "# " + ", ".join(NAMES)), {"comment": "#"}),
        (lines("\t", "% made by hand", "%% " + "\t".join(NAMES)), {"comment": "%"}),
        (lines(" ", "# made by hand", " ".join(NAMES), "# of columns"), {"comment": "#"}),
        (lines(" ", "# " + " ".join(NAMES), "# days mag", "#7 59000 g 1 1"), {"comment": "#"}),
        (lines(","), {"names": NAMES}),
        (lines(" "), {"names": NAMES}),
        (lines(";", "# no names"), {"names": NAMES, "comment": "#"}),
        ("\ufeff" + lines(","), {"names": NAMES}),
        ("\n\n" + lines(","), {"names": NAMES}),
    ],
)
def test_wherever_the_names_are(tmp_path, suffix, text, options):
    check(read(tmp_path / f"t.{suffix}", text, **options))


@pytest.mark.parametrize("code", ["0", "57,61", "57,61,64"])
def test_values_between_blanks_may_hold_the_commas_of_the_names(tmp_path, code):
    text = f" {', '.join([*NAMES, 'procstatus'])}\n" + "".join(
        f" {' '.join(row)} {code}\n" for row in ROWS
    )
    check(read(tmp_path / "a.txt", text))
    data = read(tmp_path / "a.txt", text, cuts={"procstatus": [0, 57]})
    assert data.report.cut == (0 if code == "0" else 2)


def test_a_column_may_be_called_by_the_mark(tmp_path):
    text = "\n".join(["# " + " ".join(NAMES), *(f"{n} " + " ".join(r) for n, r in enumerate(ROWS))])
    check(read(tmp_path / "t.txt", text))
    text = text.replace(" ", ",")
    check(read(tmp_path / "t.csv", text))


def test_lines_are_counted_from_the_beginning_of_the_file(tmp_path):
    bad = "7 noon g 1 1\n"
    text = lines(" ", "# made by hand", "# " + " ".join(NAMES)) + bad
    with pytest.raises(DataError, match="line 5: "):
        read(tmp_path / "t.txt", text, comment="#")
    with pytest.raises(DataError, match="line 3: "):
        read(tmp_path / "u.txt", lines(" ") + bad, names=NAMES)
    with pytest.raises(DataError, match="line 3: "):
        read(tmp_path / "u.csv", lines(",") + bad.replace(" ", ","), names=NAMES)


def test_a_damaged_first_row_does_not_hide_the_names(tmp_path):
    text = ",".join(NAMES) + "\ngarbage\n" + lines(",")
    found = TableSurvey("t.csv", ["g", "r"], root=tmp_path)
    (tmp_path / "t.csv").write_text(text)
    chunk = found.chunks(on_error="quarantine").read(0)
    assert chunk.report.rows_read == 2
    assert chunk.rejects["line"].to_list() == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", "no line of 5 fields"),
        ("", "is empty"),
        ("# only this\n", "is empty"),
    ],
)
def test_no_such_rows(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path / "t.csv", text, names=NAMES, comment="#")


def test_names_are_different_words(tmp_path):
    with pytest.raises(ConfigError, match="once"):
        TableSurvey("t.csv", ["g"], root=tmp_path, names=["mjd", "mjd"])
    with pytest.raises(ConfigError, match="must be a list"):
        TableSurvey("t.csv", ["g"], root=tmp_path, names="mjd")


def test_names_are_of_text_files(tmp_path):
    pl.DataFrame({"object_id": [1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match=r"survey\.names is of text files.*parquet is none"):
        TableSurvey("t.parquet", ["g"], root=tmp_path, names=NAMES).read()


def test_an_object_table_has_its_own_names(tmp_path):
    (tmp_path / "o.csv").write_text("object_id,kind\n7,X\n")
    data = read(
        tmp_path / "t.csv", lines(","), names=NAMES, objects="o.csv", columns={"label": "kind"}
    )
    check(data)
    assert data.light_curves.objects["label"].to_list() == ["X"]
