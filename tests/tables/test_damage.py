"""Whatever a file's bytes: every row is used, left out with a reason or listed, or a sentence."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from astropy.table import Table

from lcclassify.errors import LcclassifyError
from lcclassify.surveys.table import TableSurvey

BOM = b"\xef\xbb\xbf"
N_FILES = 30  # of each format
WORDS = [b"\xff", b"\0", b'"', b"\n", b",", b"nan", b"1e999", b"9" * 30, b"\r"]
WORDS += [BOM, b"\n" + BOM, b'"\n']
PACKED = {"gz": gzip, "bz2": bz2, "xz": lzma}
NAMES = {
    **dict.fromkeys(["csv", "quoted", "objects"], "a.csv"),
    **{kind: f"a.csv.{kind}" for kind in PACKED},
    **{"blanks": "a.txt", "parquet": "a.parquet", "lists": "a.parquet"},
    **{"fits": "a.fits", "ecsv": "a.ecsv", "vot": "a.vot", "binary": "a.vot"},
}


def write(kind: str, path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 62
    rows = pl.DataFrame(
        {
            "object_id": np.repeat([11, 7, 300, 4, 90], [7, 1, 30, 4, 20]),
            "mjd": 59000 + rng.integers(0, 4000, n) / 8,
            "passband": rng.choice(["g", "r"], n),
            "flux": np.round(rng.normal(0, 50, n), 3),
            "flux_err": np.round(rng.uniform(1, 2, n), 3),
            "seen": rng.integers(0, 2, n),
        }
    )
    if kind in PACKED:
        path.write_bytes(PACKED[kind].compress(rows.write_csv().encode()))
    elif kind == "quoted":
        rows.with_columns(remark=pl.lit('x,"\ny')).write_csv(path, quote_style="always")
    elif kind == "blanks":
        path.write_text("# a remark\n" + rows.write_csv().replace(",", " "))
    elif kind == "parquet":
        rows.write_parquet(path, row_group_size=20)
    elif kind == "lists":
        lists = rows.group_by("object_id", maintain_order=True).agg(pl.exclude("object_id"))
        lists.write_parquet(path, row_group_size=2)
    elif kind == "binary":
        table = Table(rows.to_dict(as_series=False))
        table.write(path, format="votable", tabledata_format="binary2")
    elif kind in ("fits", "ecsv", "vot"):
        form = {"ecsv": "ascii.ecsv", "vot": "votable"}.get(kind, kind)
        Table(rows.to_dict(as_series=False)).write(path, format=form)
    else:
        rows.write_csv(path)


def spoilt(content: bytes, generator: random.Random) -> bytes:
    """Flip, cut, double or insert bytes."""
    data = bytearray(content)
    for _ in range(generator.choice([1, 1, 1, 2, 5])):
        place, what = generator.randrange(len(data) + 1), generator.random()
        until = min(len(data), place + generator.randrange(1, 200))
        if what < 0.35 and place < len(data):
            data[place] ^= 1 << generator.randrange(8)
        elif what < 0.5:
            del data[place:]
        elif what < 0.6:
            del data[place:until]
        elif what < 0.75:
            data[place:place] = data[place:until]
        else:
            data[place:place] = generator.choice(WORDS)
    return bytes(data)


@pytest.mark.parametrize("kind", NAMES)
def test_every_row_of_a_spoilt_file_is_accounted_for(kind: str, tmp_path: Path) -> None:
    name = NAMES[kind]
    objects = "object_id,kind,z\n11,A,0.5\n7,B,\n300,A,0.1\n4,,0.2\n90,B,0.3\n"
    (tmp_path / "o.csv").write_text(objects)
    write(kind, tmp_path / name)
    file = tmp_path / ("o.csv" if kind == "objects" else name)
    content = file.read_bytes()
    generator = random.Random(1)
    used, sentences, refused = 0, [], []
    for _ in range(N_FILES):
        file.write_bytes(spoilt(content, generator))
        survey = TableSurvey(
            name,
            ["g", "r"],
            root=tmp_path,
            objects="o.csv",
            columns={"label": "kind", "detected": "seen"},
            metadata=["z"],
            comment="#" if kind == "blanks" else None,
        )
        read: list[int | None] = []
        for on_error in ("stop", "quarantine"):
            try:
                chunks = survey.chunks(rows=15, on_error=on_error)  # type: ignore[arg-type]
                parts = [chunks.read(index) for index in range(len(chunks))]
            except LcclassifyError as fault:
                sentences.append(str(fault))
                read.append(None)
                continue
            for part in parts:
                assert part.report.rows_kept == part.light_curves.observations.height
            rows = sum(part.report.rows_read for part in parts)
            rejected = sum(int(part.rejects["rows"].sum()) for part in parts)
            assert chunks.count_rows() in (None, rows + rejected)
            read.append(rows)
        used += read[1] is not None
        if read[0] is not None:  # nothing was rejected
            assert read == [read[0]] * 2
            try:
                assert survey.read().report.rows_read == read[0]
            except LcclassifyError as fault:
                refused.append(str(fault))
    assert used or kind in PACKED  # a check sum tells of these
    assert not [sentence for sentence in sentences if "\n" in sentence]
    # Chunks cannot know that all objects are others; reading at once can.
    assert all("have no object in common" in sentence for sentence in refused)


@pytest.mark.parametrize("column", ["object_id", "mjd", "passband", "seen"])
def test_what_a_damaged_field_holds_is_told_in_a_short_printable_line(
    column: str, tmp_path: Path
) -> None:
    write("csv", tmp_path / "a.csv")
    rows = pl.read_csv(tmp_path / "a.csv", infer_schema=False)
    spoilt = "\r\x1b[1m\x85" + "9z" * 500
    rows.with_columns(
        pl.when(pl.int_range(pl.len()) == 5).then(pl.lit(spoilt)).otherwise(column).alias(column)
    ).write_csv(tmp_path / "a.csv", quote_style="never")
    survey = TableSurvey("a.csv", ["g", "r"], root=tmp_path, columns={"detected": "seen"})
    with pytest.raises(LcclassifyError, match=r"a\.csv, line 7: ") as caught:
        survey.read()
    listed = survey.chunks(on_error="quarantine").read(0).rejects["reason"].to_list()
    for sentence in (str(caught.value), *listed):
        assert sentence.isprintable()
        assert len(sentence) < 400


def test_names_of_columns_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"object_id,m\xffjd,passband,flux,flux_err\n1,2,g,3,4\n")
    with pytest.raises(LcclassifyError, match="did you mean 'm\ufffdjd'") as caught:
        TableSurvey("a.csv", ["g", "r"], root=tmp_path).read()
    assert str(caught.value).isprintable()


def header_of_fewer_rows(content: bytes) -> bytes:
    return content.replace(b"NAXIS2  =                   62", b"NAXIS2  =                   58")


def one_row_more_stated(content: bytes) -> bytes:
    return content.replace(b"<TABLE", b'<TABLE nrows="63"', 1)


def rows_misspelt(content: bytes) -> bytes:
    return content.replace(b"<TR>", b"<TS>", 2).replace(b"</TR>", b"</TS>", 2)


def binary_row_cut(content: bytes) -> bytes:
    place = content.index(b"<STREAM") + 500
    return content[:place] + content[place + 8 :]  # six bytes


def quote_never_closed(content: bytes) -> bytes:
    return content.replace(b" 0\n", b' "0\n', 1)


def second_stream_spoilt(content: bytes) -> bytes:
    text = lzma.decompress(content)
    half = text.index(b"\n", 900) + 1
    streams = [lzma.compress(text[:half]), bytes(8), lzma.compress(text[half:]), bytes(4)]
    assert lzma.decompress(b"".join([streams[0], streams[2]])) == text
    return b"".join([*streams[:2], b"\xfc", streams[2][1:], streams[3]])


@pytest.mark.parametrize(
    ("kind", "spoil", "match"),
    [
        ("fits", header_of_fewer_rows, "holds more than its headers say"),
        ("fits", lambda content: content + b"\1" * 100, "holds more than its headers say"),
        ("ecsv", lambda content: content.replace(b"\n300 ", b"\n#00 ", 1), "line 20: a row begins"),
        ("vot", one_row_more_stated, "specified nrows=63, but table contains 62 rows"),
        ("vot", rows_misspelt, "line 15: '<TS' stands where rows"),
        ("vot", lambda content: content.replace(b">g<", b">gr<", 1), "too long for .* length of 1"),
        ("vot", lambda content: content.replace(b">11<", b">%d<" % 2**63, 1), "out of range"),
        ("binary", binary_row_cut, "2660 bytes of rows are no whole number"),
        ("ecsv", quote_never_closed, r"failed to convert: .{90,200}\.\.\.$"),
        ("binary", one_row_more_stated, "states 63 rows and has 62"),
        ("xz", second_stream_spoilt, "not a whole xz file"),
    ],
)
def test_damage_that_libraries_take_for_an_end_or_a_comment_loses_no_row(
    kind: str, spoil: Callable[[bytes], bytes], match: str, tmp_path: Path
) -> None:
    file = tmp_path / NAMES[kind]
    write(kind, file)
    survey = TableSurvey(file.name, ["g", "r"], root=tmp_path)
    assert survey.read().report.rows_read == 62
    content = file.read_bytes()
    file.write_bytes(spoil(content))
    assert file.read_bytes() != content
    for on_error in ("stop", "quarantine"):
        with pytest.raises(LcclassifyError, match=match):
            survey.chunks(on_error=on_error)  # type: ignore[arg-type]


def test_streams_of_a_compressed_file_may_follow_each_other(tmp_path: Path) -> None:
    write("csv", tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_bytes()
    for kind, module in PACKED.items():
        parts = [module.compress(text[:700]), module.compress(text[700:])]
        padding = bytes(4) if kind == "xz" else b""
        (tmp_path / f"b.csv.{kind}").write_bytes(padding.join([*parts, b""]))
        survey = TableSurvey(f"b.csv.{kind}", ["g", "r"], root=tmp_path)
        assert survey.read().report.rows_read == 62


@pytest.mark.parametrize("spoilt", ['\f"x,y",1', ',"x"y,1', ',"x,y",""1'])
@pytest.mark.parametrize("number", [2, 3, 30, 63])
@pytest.mark.parametrize("size", [10, 10**6])
def test_a_quote_within_a_field_spoils_its_line_alone(
    spoilt: str, number: int, size: int, tmp_path: Path
) -> None:
    write("csv", tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    lines = [lines[0] + ",remark,n", *(f'{line},"x,""y",1' for line in lines[1:])]
    lines[number - 1] = lines[number - 1].replace(',"x,""y",1', spoilt)
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    chunks = TableSurvey("a.csv", ["g", "r"], root=tmp_path).chunks(
        rows=size, on_error="quarantine"
    )
    parts = [chunks.read(index) for index in range(len(chunks))]
    rejects = pl.concat([part.rejects for part in parts])
    assert rejects["line"].to_list() == [number]
    assert rejects["reason"].to_list() == ["a quote stands within a field"]
    assert sum(part.report.rows_read for part in parts) == 61


@pytest.mark.parametrize("quote", ["", '"'])
def test_lines_of_too_many_fields_are_bad_whatever_is_read_of_them(
    quote: str, tmp_path: Path
) -> None:
    write("csv", tmp_path / "a.csv")
    lines = [line.split(",") for line in (tmp_path / "a.csv").read_text().splitlines()]
    lines = [[cells[0], "remark", *cells[1:]] for cells in lines]  # which is not read
    lines[19] += lines.pop(20)  # an end of line is lost
    lines[9] = lines[9][:3] + [f"{quote}{cells}{quote}" for cells in lines[9][3:]]
    for cells in lines[30:37]:  # as many are lacking, which are not needed
        del cells[6:]
    (tmp_path / "a.csv").write_text("\n".join(map(",".join, lines)) + "\n")
    survey = TableSurvey("a.csv", ["g", "r"], root=tmp_path)
    for size in (10, 10**6):
        chunks = survey.chunks(rows=size, on_error="quarantine")
        parts = [chunks.read(index) for index in range(len(chunks))]
        listed = pl.concat([part.rejects for part in parts])["line", "reason"].rows()
        assert listed == [(20, "14 fields, but the header names 7")]


@pytest.mark.parametrize("first", ["object_id", "mjd", "passband", "remark"])
@pytest.mark.parametrize("other", ["", ",more"])
def test_a_byte_order_mark_within_a_file_is_text_wherever_chunks_begin(
    first: str, other: str, tmp_path: Path
) -> None:
    write("csv", tmp_path / "a.csv")
    rows = pl.read_csv(tmp_path / "a.csv").with_columns(remark=pl.lit("x"))
    text = rows.select(first, pl.exclude(first)).write_csv(include_header=False).splitlines()
    header = ",".join(rows.select(first, pl.exclude(first)).columns)
    for number in range(0, 62, 3):
        text[number] = "\ufeff" + text[number]
    text[40] += other  # which is looked at another way
    (tmp_path / "a.csv").write_text("\n".join([header, *text]) + "\n", "utf-8-sig")
    survey = TableSurvey("a.csv", ["g", "r"], root=tmp_path, id_type="string")
    found = []
    for size in (3, 5, 11, 10**6):
        chunks = survey.chunks(rows=size, on_error="quarantine")
        parts = [chunks.read(index) for index in range(len(chunks))]
        rejects = pl.concat([part.rejects for part in parts])["line", "reason"]
        ids = pl.concat([part.light_curves.objects["object_id"] for part in parts])
        found.append((rejects.rows(), sorted(set(ids)), chunks.count_rows()))
        assert sum(part.report.rows_read for part in parts) + rejects.height == 62
    assert found == [found[0]] * 4
    damaged = {"remark": 0, "object_id": 0}.get(first, 21)
    assert len(found[0][0]) == damaged + bool(other)
    assert any("\ufeff" in one for one in found[0][1]) == (first == "object_id")


def test_a_byte_order_mark_before_a_file_of_astropy_says_nothing(tmp_path: Path) -> None:
    for kind in ("ecsv", "vot"):
        file = tmp_path / NAMES[kind]
        write(kind, file)
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        assert TableSurvey(file.name, ["g", "r"], root=tmp_path).read().report.rows_read == 62


@pytest.mark.parametrize("kind", ["csv", "quoted"])
@pytest.mark.parametrize(
    ("line", "rejected"),
    [('"', 1), (' "', 1), ('"""', 1), ('""', 0), ('"" ""', 0), ('""""', 0), ('"",""," "', 0)],
)
@pytest.mark.parametrize("number", [1, 30, 62])
def test_a_line_of_quotes_is_blank_or_damage_and_counted_as_such(
    kind: str, line: str, rejected: int, number: int, tmp_path: Path
) -> None:
    write("csv", tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    if kind == "quoted":
        lines = [lines[0] + ",remark", *(f'{one},"x,\ny"' for one in lines[1:])]
    lines.insert(number, line)
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    survey = TableSurvey("a.csv", ["g", "r"], root=tmp_path)
    for size in (10, 10**6):
        chunks = survey.chunks(rows=size, on_error="quarantine")
        parts = [chunks.read(index) for index in range(len(chunks))]
        read = sum(part.report.rows_read for part in parts)
        listed = pl.concat([part.rejects for part in parts])
        assert chunks.count_rows() == read + listed.height
        if kind == "csv":
            assert listed["line"].to_list() == [number + 1] * rejected
