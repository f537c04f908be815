"""Pages of Parquet files are looked at before they are decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lcclassify.errors import DataError
from lcclassify.surveys.table import TableSurvey
from lcclassify.tables.parquetpages import PageHeaders

N = 600
ROWS = pl.DataFrame(
    {
        "object_id": [k // 60 for k in range(N)],
        "mjd": [59000 + k / 8 for k in range(N)],
        "passband": ["g", "r"] * (N // 2),
        "flux": [None if k % 7 == 0 else k % 50 / 4 for k in range(N)],
        "flux_err": 1.0,
        "seen": [k % 3 == 0 for k in range(N)],
    }
)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data_page_version": "2.0", "compression": "zstd"},
        {"data_page_size": 64, "write_batch_size": 16, "compression": "none"},
        {"use_dictionary": False, "write_page_index": True, "write_page_checksum": True},
        {"use_dictionary": ["passband"], "dictionary_pagesize_limit": 1, "compression": "gzip"},
        {"write_statistics": False, "version": "1.0"},
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_whole_files_of_any_form_are_sound(
    options: dict[str, Any], nested: bool, tmp_path: Path
) -> None:
    rows = ROWS
    if nested:
        rows = rows.group_by("object_id", maintain_order=True).agg(pl.exclude("object_id"))
        rows = rows.select("object_id", lc=pl.struct(pl.exclude("object_id")))
    pq.write_table(rows.to_arrow(), tmp_path / "a.parquet", row_group_size=77, **options)
    PageHeaders(tmp_path / "a.parquet").check(rows.columns, 0, rows.height)


def test_columns_without_a_value_are_sound(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([[], None, []], pa.list_(pa.float64())), "b": pa.nulls(3)})
    with pq.ParquetWriter(tmp_path / "a.parquet", table.schema) as file:
        for part in (table, table.slice(0, 0), table):
            file.write_table(part)
    PageHeaders(tmp_path / "a.parquet").check(["a", "b"], 0, 6)


@pytest.mark.parametrize("number", [b"\x91\x03", b"\x92\x03", b"\x90\x7f", b"\x90\xff"])
def test_a_page_of_impossibly_many_values_spoils_its_rows_alone(
    number: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "a.parquet"
    ROWS.write_parquet(file, row_group_size=200, statistics=False, compression="uncompressed")
    chunk = pq.read_metadata(file).row_group(1).column(1)
    content = bytearray(file.read_bytes())
    place = content.index(b"\x15\x90\x03", chunk.data_page_offset)  # 200 values
    assert place < chunk.data_page_offset + 20
    content[place + 1 : place + 3] = number
    file.write_bytes(content)
    survey = TableSurvey("a.parquet", ["g", "r"], root=tmp_path)
    with pytest.raises(DataError, match="page of column 'mjd' in row group 2 is not what"):
        survey.read()
    for size in (70, 10**6):
        chunks = survey.chunks(rows=size, on_error="quarantine")
        parts = [chunks.read(index) for index in range(len(chunks))]
        rejects = pl.concat([part.rejects for part in parts])
        assert rejects["rows"].sum() == 200
        assert rejects["row"].min() == 200
        assert sum(part.report.rows_read for part in parts) == 400
