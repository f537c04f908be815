from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.tables.opening import Column, read_columns
from lcclassify.tables.textform import TextForm

WANTED = {
    "id": Column(("object_id",), "id"),
    "n": Column(("n",), "integer"),
    "x": Column(("x", "ex"), "number"),
    "name": Column(("name",), "text", required=False),
}


def write(path: Path, text: str) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a [1]*.csv"])
@pytest.mark.parametrize(
    "text",
    [
        "object_id,n,x,name\n007,1,2.5,a\n8,-3,,b\n",
        "\ufeffname,x,n,object_id\r\na,2.5,1,007\r\nb,,-3,8\r\n",
        "object_id, n, ex, name, more\n 007, 1, 2.5, a, 0\n 8, -3, , b, 0\n\n\n",
        'object_id,n,x,name\n"007","1","2.5","a"\n8,-3,NA,b',
        "object_id,n,x,name\n007,1,2.50, a \n8,-3,--,b\n",
    ],
)
def test_text_files_in_their_variety(tmp_path: Path, name: str, text: str) -> None:
    table = read_columns([write(tmp_path / name, text)], WANTED)
    assert table.rows() == [("007", 1, 2.5, "a"), ("8", -3, None, "b")]
    assert table.dtypes == [pl.String, pl.Int64, pl.Float64, pl.String]


def test_tabs_and_other_separators(tmp_path: Path) -> None:
    tab = write(tmp_path / "a.tsv.gz", "object_id\tn\tx\n1\t1\t2\n")
    assert read_columns([tab], WANTED).rows() == [("1", 1, 2.0)]
    semicolon = write(tmp_path / "a.txt", "object_id;n;x\n1;1;2\n")
    assert read_columns([semicolon], WANTED, TextForm(";")).rows() == [("1", 1, 2.0)]


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    generator = random.Random(0)
    floats = [generator.uniform(-1, 1) * 10 ** generator.randint(-300, 300) for _ in range(3000)]
    integers = [generator.randint(-(2**63), 2**63 - 1) for _ in floats]
    lines = [f"a,{n},{x!r}" for n, x in zip(integers, floats, strict=True)]
    for spoiled in ("", "a,1,NA\n"):  # the second goes the slow way
        text = "object_id,n,x\n" + "\n".join(lines) + "\n" + spoiled
        table = read_columns([write(tmp_path / "a.csv", text)], WANTED).head(len(floats))
        assert table["n"].to_list() == integers
        assert table["x"].to_list() == floats
    as_text = table.cast(pl.String).rename({"id": "object_id"})
    as_text.write_parquet(tmp_path / "a.parquet")
    again = read_columns([tmp_path / "a.parquet"], WANTED)
    assert again["n"].to_list() == integers
    assert again["x"].to_list() == floats


def test_optional_columns_of_some_files_are_null_in_the_others(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", "object_id,n,x\n1,1,1\n")
    second = write(tmp_path / "b.csv", "object_id,n,x,name\n2,1,1,b\n")
    assert read_columns([first, second], WANTED)["name"].to_list() == [None, "b"]
    assert "name" not in read_columns([first], WANTED).columns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("object_id,n,x\n", ["no rows"]),
        ("object_id,m,x\n1,1,1\n", ["no column 'n'", "known: object_id, m, x"]),
        ("object_id,n,x,x\n1,1,1,1\n", ["2 columns named 'x'"]),
        ("object_id,n,x\n1,1,1\n2,1,abc\n3,1,x\n", ["line 3", "'x'", "'abc'", "a number"]),
        ("object_id,n,x\n1,1,1\n\n2,1.5,1\n", ["line 4", "'n'", "'1.5'", "an integer"]),
        ("object_id,n,x\n1,9223372036854775808,1\n", ["line 2", "'9223372036854775808'"]),
        ('object_id,n,x,c\n1,1,1,"a\nb"\n2,1,1_0,c\n', ["line 4", "'1_0'"]),
        ("object_id,n,x\n1,1,1\n1,1,1,4\n", ["line 3", "4 fields", "names 3"]),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_bad_text_files_are_named_with_the_line(
    tmp_path: Path, name: str, text: str, words: list[str]
) -> None:
    file = write(tmp_path / name, text)
    with pytest.raises(DataError) as caught:
        read_columns([file], WANTED)
    for word in [str(file), *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    text = "object_id,n,x\n" + "".join(f"{i},{i},{i * 0.37}\n" for i in range(5000))
    whole = gzip.compress(text.encode())
    for share in (0.0005, 0.5, 0.99):
        file = tmp_path / "a.csv.gz"
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=r"a\.csv\.gz"):
            read_columns([file], WANTED)
    file.write_bytes(whole[:-200] + b"\x00" * 192 + whole[-8:])
    with pytest.raises(DataError, match=r"a\.csv\.gz"):
        read_columns([file], WANTED)

    good = tmp_path / "b.parquet"
    pl.DataFrame({"object_id": range(5000), "n": range(5000), "x": 0.5}).write_parquet(good)
    content = good.read_bytes()
    for share in (0.0, 0.001, 0.5, 0.999):
        good.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataError, match=r"b\.parquet"):
            read_columns([good], WANTED)
    binary = tmp_path / "c.csv"
    binary.write_bytes(b"object_id,n,x\n1,1,\xff\xfe\n")
    with pytest.raises(DataError, match=r"c\.csv"):
        read_columns([binary], WANTED)


def test_parquet_types(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {"object_id": [1, 2], "n": [1.0, None], "x": ["2.5", "NA"], "name": [9, 8]}
    )
    frame.write_parquet(file)
    table = read_columns([file], WANTED)
    assert table.rows() == [(1, 1, 2.5, "9"), (2, None, None, "8")]
    frame.with_columns(x=pl.Series(["1", "abc"])).write_parquet(file)
    with pytest.raises(DataError, match=r"a\.parquet, row 2: column 'x'.*'abc'"):
        read_columns([file], WANTED)
    frame.with_columns(n=pl.Series([1.0, 2.5])).write_parquet(file)
    with pytest.raises(DataError, match=r"row 2: column 'n' must hold an integer, got '2.5'"):
        read_columns([file], WANTED)
    other = tmp_path / "b.csv"
    other.write_text("object_id,n,x\nab,1,1\n")
    frame.write_parquet(file)
    with pytest.raises(DataError, match="must agree"):
        read_columns([file, other], WANTED)
