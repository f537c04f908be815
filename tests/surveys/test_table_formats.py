"""One table in every format gives the same survey to the bit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.surveys.table import TableSurvey

BANDS = ["g", "r", "i"]


def survey(folder: Path, observations: str, objects: str | None = "o.csv", **options: Any) -> Any:
    arguments = {"columns": {"label": "kind"}, "metadata": ["z"], **options}
    return TableSurvey(observations, BANDS, root=folder, objects=objects, **arguments)


def same(found: TableSurvey, expected: TableSurvey, size: int = 20) -> None:
    """Check that a survey read at once and in chunks is another one."""
    wanted = expected.read()
    data = found.read()
    assert_frame_equal(data.light_curves.observations, wanted.light_curves.observations)
    assert_frame_equal(data.light_curves.objects, wanted.light_curves.objects)
    assert data.report.sentences() == wanted.report.sentences()
    for on_error in ("stop", "quarantine"):
        chunks = found.chunks(rows=size, on_error=on_error)  # type: ignore[arg-type]
        assert len(chunks) > 1
        parts = [chunks.read(index) for index in range(len(chunks))]
        joined = pl.concat([part.light_curves.observations for part in parts])
        names = ["object_id", "mjd", "passband", "flux"]
        assert_frame_equal(joined.sort(names), wanted.light_curves.observations.sort(names))
        assert sum(part.report.rows_read for part in parts) == wanted.report.rows_read


def packed(name: str, data: bytes, path: Path) -> None:
    if name == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("table.csv", data)
    elif name == "zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(data)
    else:
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[name].compress(data))


@pytest.mark.parametrize("name", ["gz", "bz2", "xz", "zst", "zip"])
def test_compressed_text(
    tmp_path: Path, rows: pl.DataFrame, objects: pl.DataFrame, name: str
) -> None:
    objects.write_csv(tmp_path / "o.csv")
    rows.write_csv(tmp_path / "a.csv")
    data = (tmp_path / "a.csv").read_bytes()
    packed(name, data, tmp_path / f"b.csv.{name}")
    same(survey(tmp_path, f"b.csv.{name}"), survey(tmp_path, "a.csv"))
    whole = (tmp_path / f"b.csv.{name}").read_bytes()
    for share in (0.3, 0.98):
        (tmp_path / f"c.csv.{name}").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=r"c\.csv\..* (truncated|damaged)"):
            survey(tmp_path, f"c.csv.{name}").read()


def test_what_a_damaged_archive_holds_is_told_in_a_short_line(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x" * 3000, "object_id\n")
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"x", b"\xfe", 1))
    with pytest.raises(DataError, match=r"a\.zip is truncated or not a whole zip file") as caught:
        survey(tmp_path, "a.zip", None, columns=None, metadata=None).read()
    assert len(str(caught.value)) < 500


def test_a_zip_archive_of_several_files_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "object_id\n")
        archive.writestr("b.csv", "object_id\n")
    with pytest.raises(DataError, match=r"a\.zip is a zip archive of 2 files"):
        survey(tmp_path, "a.zip", None, columns=None, metadata=None).read()


@pytest.mark.parametrize("name", ["a.fits", "a.fit", "a.fits.gz", "a.ecsv", "a.vot"])
def test_files_of_astropy(
    tmp_path: Path, rows: pl.DataFrame, objects: pl.DataFrame, name: str
) -> None:
    objects.write_csv(tmp_path / "o.csv")
    rows.write_parquet(tmp_path / "a.parquet")
    table = Table(rows.to_dict(as_series=False))
    kind = {"ecsv": "ascii.ecsv", "vot": "votable"}.get(name[2:], "fits")
    table.write(tmp_path / name, format=kind)
    same(survey(tmp_path, name), survey(tmp_path, "a.parquet"))
    if kind == "fits":  # as big-endian columns, padded text
        Table(objects.fill_null(-9).to_dict(as_series=False)).write(tmp_path / "o.fits")
        found = survey(tmp_path, name, "o.fits", missing=[-9])
        same(found, survey(tmp_path, "a.parquet"))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * 0.6)])
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        survey(tmp_path, name).read()


def lists(rows: pl.DataFrame, objects: pl.DataFrame, form: str) -> pl.DataFrame:
    names = ["mjd", "passband", "flux", "flux_err"]
    listed = rows.group_by("object_id", maintain_order=True).agg(names)
    if form == "structs":
        listed = listed.select("object_id", lc=pl.struct(names))
    elif form == "list_of_structs":
        listed = rows.group_by("object_id", maintain_order=True).agg(lc=pl.struct(names))
    return objects.join(listed, on="object_id", maintain_order="left")


@pytest.mark.parametrize("form", ["lists", "structs", "list_of_structs"])
def test_one_row_an_object(
    tmp_path: Path, rows: pl.DataFrame, objects: pl.DataFrame, form: str
) -> None:
    objects.write_csv(tmp_path / "o.csv")
    rows.write_csv(tmp_path / "a.csv")
    lists(rows, objects, form).write_parquet(tmp_path / "n.parquet", row_group_size=2)
    names = ["mjd", "passband", "flux", "flux_err"]
    columns = {} if form == "lists" else {name: f"lc.{name}" for name in names}
    found = survey(tmp_path, "n.parquet", None, columns={"label": "kind", **columns})
    same(found, survey(tmp_path, "a.csv"))


def test_an_object_of_no_list_is_counted_and_unequal_lists_refused(
    tmp_path: Path, rows: pl.DataFrame, objects: pl.DataFrame
) -> None:
    table = lists(rows, objects, "lists")
    empty = pl.col("object_id") == 7
    table.with_columns(
        pl.when(empty).then(None if name == "mjd" else []).otherwise(name).alias(name)
        for name in ["mjd", "passband", "flux", "flux_err"]
    ).write_parquet(tmp_path / "n.parquet")
    data = survey(tmp_path, "n.parquet", None).read()
    assert data.report.objects_without_observations == 1
    assert data.light_curves.objects.height == 6
    table.with_columns(
        pl.when(empty).then([1.0, 2.0]).otherwise("flux").alias("flux")
    ).write_parquet(tmp_path / "n.parquet")
    found = survey(tmp_path, "n.parquet", None)
    with pytest.raises(DataError, match=r"n\.parquet, row 2: the lists .* differ in length"):
        found.read()
    for size in (3, 10**6):  # that row alone, whatever the chunks
        chunks = found.chunks(rows=size, on_error="quarantine")
        parts = [chunks.read(index) for index in range(len(chunks))]
        rejects = pl.concat([part.rejects for part in parts])
        assert rejects.select("row", "rows", "object_id").rows() == [(1, 1, "7")]
        assert sum(part.report.rows_read for part in parts) == rows.height - 1


def test_times_as_dates(tmp_path: Path) -> None:
    frame = pl.DataFrame({"object_id": [1, 1], "passband": "g", "flux": 1.0, "flux_err": 1.0})
    times = pl.Series("mjd", ["2020-05-31T12:00:00", "2020-06-01T00:00:00"]).str.to_datetime()
    frame.with_columns(times).write_parquet(tmp_path / "a.parquet")
    data = survey(tmp_path, "a.parquet", None, columns=None, metadata=None).read()
    assert data.light_curves.observations["mjd"].to_list() == [59000.5, 59001.0]


@pytest.mark.parametrize("name", ["gz", "bz2", "xz", "zst"])
def test_streams_one_behind_the_other_are_one_and_what_is_none_is_refused(
    tmp_path: Path, rows: pl.DataFrame, objects: pl.DataFrame, name: str
) -> None:
    objects.write_csv(tmp_path / "o.csv")
    rows.write_csv(tmp_path / "a.csv")
    data = (tmp_path / "a.csv").read_bytes()
    streams = []
    for part in (data[:200], data[200:]):
        packed(name, part, tmp_path / "part")
        streams.append((tmp_path / "part").read_bytes())
    file = tmp_path / f"b.csv.{name}"
    file.write_bytes(b"".join(streams))
    same(survey(tmp_path, file.name), survey(tmp_path, "a.csv"))
    file.write_bytes(streams[0] + b"damage of what followed")
    with pytest.raises(DataError, match=r"b\.csv\..* (truncated|damaged)"):
        survey(tmp_path, file.name).read()


@pytest.mark.parametrize(("offset", "value"), [(6, 1), (8, 97)])  # encrypted, another method
def test_zip_archives_that_python_cannot_unpack(tmp_path: Path, offset: int, value: int) -> None:
    packed("zip", b"object_id\n", tmp_path / "a.zip")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[offset] = content[content.index(b"PK\1\2") + offset + 2] = value
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip is damaged or cannot be read"):
        survey(tmp_path, "a.zip", None, columns=None, metadata=None).read()


def test_a_fits_table_of_text(tmp_path: Path, rows: pl.DataFrame, objects: pl.DataFrame) -> None:
    objects.write_csv(tmp_path / "o.csv")
    rows = rows.with_columns(pl.col("flux").fill_nan(0), object_id=pl.col("object_id") % 1000)
    rows.write_csv(tmp_path / "a.csv")
    forms = {"object_id": "I10", "passband": "A1"}
    columns = [
        fits.Column(name, forms.get(name, "E25.17"), array=rows[name].to_numpy().astype(kind))
        for name, kind in zip(rows.columns, "idUdd", strict=True)
    ]
    fits.TableHDU.from_columns(columns).writeto(tmp_path / "a.fits")
    same(survey(tmp_path, "a.fits"), survey(tmp_path, "a.csv"))


def test_lines_that_carriage_returns_alone_end_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"object_id,mjd,passband,flux,flux_err\r1,1,g,1,1\r")
    with pytest.raises(DataError, match=r"a\.csv ends lines with carriage returns alone"):
        survey(tmp_path, "a.csv", None, columns=None, metadata=None).read()


def test_blanks_around_text_count_in_no_format(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "object_id": ["a ", "a", " ", "b"],
            "mjd": [1.0, 2.0, 3.0, 4.0],
            "passband": ["g", " r", "g", ""],
            "flux": 1.0,
            "flux_err": 1.0,
        }
    )
    rows.write_csv(tmp_path / "a.csv")
    rows.write_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        found = survey(tmp_path, name, None, columns=None, metadata=None)
        part = found.chunks(on_error="quarantine").read(0)
        assert part.light_curves.observations["object_id"].to_list() == ["a", "a"]
        assert part.rejects["reason"].to_list() == [
            "column 'object_id' is empty",
            "column 'passband' is empty",
        ]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.csv.bz2", "a.parquet", "a.fits"])
def test_paths_of_bytes_that_are_no_text(tmp_path: Path, rows: pl.DataFrame, name: str) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    rows = rows.with_columns(passband=pl.Series(["zz", *rows["passband"][1:]]))
    if name == "a.parquet":
        rows.write_parquet(io := BytesIO())
        (folder / name).write_bytes(io.getvalue())
        with pytest.raises(DataError, match="is no text in this locale: set LC_ALL"):
            survey(folder, name, None, columns=None, metadata=None).chunks(on_error="quarantine")
        return
    elif name == "a.fits":
        Table(rows.to_dict(as_series=False)).write(folder / name)
    else:
        content = rows.write_csv(separator=" " if name == "a.txt" else ",").encode()
        (folder / name).write_bytes(bz2.compress(content) if name.endswith("2") else content)
    found = survey(folder, name, None, columns=None, metadata=None)
    assert str(found.fingerprint()).encode()  # can be written
    part = found.chunks(on_error="quarantine").read(0)
    assert part.rejects["file"].to_list() == [f"{tmp_path}/\ufffd/{name}"]
    with pytest.raises(DataError, match=rf"/{name}, (line 2|row 1): unknown passband 'zz'"):
        found.read()


def test_dates_have_no_offset(tmp_path: Path) -> None:
    frame = pl.DataFrame({"object_id": [1], "passband": "g", "flux": 1.0, "flux_err": 1.0})
    dates = pl.Series("mjd", ["2020-05-31"]).str.to_date()
    frame.with_columns(dates).write_parquet(tmp_path / "a.parquet")
    found = survey(tmp_path, "a.parquet", None, columns=None, metadata=None, time_offset=-2400000.5)
    with pytest.raises(ConfigError, match=r"time_offset is of numbers, and .*a\.parquet has dates"):
        found.read()
