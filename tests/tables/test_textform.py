from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from lcclassify.errors import DataError
from lcclassify.tables.opening import Column, read_columns
from lcclassify.tables.textform import TextForm

WANTED = {
    "id": Column(("object_id",), "id", filled=True),
    "x": Column(("x",), "number"),
    "name": Column(("name",), "text"),
}
ROWS = [("1", 2.5, "a"), ("2", -3.0, "b")]


def write(path: Path, text: str) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.dat.gz"])
@pytest.mark.parametrize(
    "text",
    [
        "object_id,x,name\n1,2.5,a\n2,-3,b\n",
        "object_id\tx\tname\n1\t2.5\ta\n2\t-3\tb\n",
        "\n\nobject_id; x; name\n1; 2.5; a\n\n2; -3; b\n",
        "name|x|object_id\r\na|2.5|1\r\nb|-3|2\r\n",
        "  object_id     x  name\n\n  1  \t 2.5 a\n  2    -3   b\n",
    ],
)
def test_the_separator_is_found_in_each_file(tmp_path: Path, name: str, text: str) -> None:
    assert read_columns([write(tmp_path / name, text)], WANTED).rows() == ROWS


def test_files_of_several_forms_make_one_table(tmp_path: Path) -> None:
    comma = write(tmp_path / "a.csv", "object_id,x,name\n1,2.5,a\n")
    blank = write(tmp_path / "b.csv", "object_id x name\n2 -3 b\n")
    assert read_columns([comma, blank], WANTED).rows() == ROWS


@pytest.mark.parametrize("separator", [",", "whitespace", None])
def test_comment_lines_are_left_out(tmp_path: Path, separator: str | None) -> None:
    gap = "," if separator == "," else " "
    lines = ["# by hand, on a rainy night", "object_id,x,name", "1,2.5,a", " # cloudy", "2,-3,b"]
    text = "\n".join(line if "#" in line else line.replace(",", gap) for line in lines)
    file = write(tmp_path / "a.txt", text)
    assert read_columns([file], WANTED, TextForm(separator, "#")).rows() == ROWS
    file = write(tmp_path / "b.txt", text + f"\n3{gap}bright{gap}c\n")
    with pytest.raises(DataError, match=r"b\.txt, line 6: column 'x'.*'bright'"):
        read_columns([file], WANTED, TextForm(separator, "#"))


def test_quoted_fields_survive_comments(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", '#\nobject_id,x,name\n1,2,"a, ""b""\tc"\n')
    assert read_columns([file], WANTED, TextForm(",", "#"))["name"].to_list() == ['a, "b"\tc']


def test_comments_with_no_rows_behind(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "#\nobject_id,x,name\n# none\n")
    with pytest.raises(DataError, match="no rows"):
        read_columns([file], WANTED, TextForm(",", "#"))


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("object_id;x;name\n1;2;a\n", TextForm(","), "separated by semicolon, not by comma"),
        ("object_id,x,name\n1,2,a\n", TextForm("!"), "separated by comma, not by '!'"),
        # Without its second field a row's third would be taken for it.
        ("object_id x name\n1 2 a\n2   b\n", TextForm(), "line 3: 2 fields.*names 3"),
        ("object_id x name\n1 2 a b\n", TextForm(), "line 2: 4 fields.*names 3"),
        ("# mine\nobject_id,x,name\n1,2,a\n", TextForm(), r"no column 'object_id'.*comment"),
        ("object_id,x,name\n1,2,a\n,3,b\n", TextForm(), "line 3: column 'object_id' is empty"),
        # An open quote swallows the lines behind it: the one that opens it is to blame.
        ('object_id,x,name\n1,2,a\n"2,3,b\n3,4,c\n', TextForm(), "line 3: a quote is opened"),
        ("\0\0\0\0\n\0\0", TextForm(), "not a text table.*zero bytes"),
    ],
)
def test_what_cannot_be_split_is_said(
    tmp_path: Path, text: str, form: TextForm, words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_columns([write(tmp_path / "a.csv", text)], WANTED, form)
    assert str(tmp_path / "a.csv") in str(caught.value)
    assert "\n" not in str(caught.value)
