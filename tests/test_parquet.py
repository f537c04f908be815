"""A path that is named is no pattern."""

import polars as pl
import pytest

from lcclassify.parquet import parquet_schema, read_parquet, scan_parquet

FOLDERS = ("plain", "run[1]", "q?1", "a*", "k=v", "%20 #", "~x", "{a,b}")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_is_read_by_its_very_path(folder, tmp_path):
    for number, name in enumerate((folder, "run1", "qx1", "ab", "k")):
        (tmp_path / name).mkdir(exist_ok=True)
        for file in ("x [1].parquet", "x 1.parquet"):
            table = pl.DataFrame({"a": [number, 7], "b": [file, ""]})
            table.write_parquet(tmp_path / name / file)
    path = tmp_path / folder / "x [1].parquet"
    expected = pl.DataFrame({"a": [0, 7], "b": ["x [1].parquet", ""]})
    assert read_parquet(path).equals(expected)
    assert read_parquet(path, ["b"]).equals(expected.select("b"))
    assert scan_parquet(path).collect().equals(expected)
    assert scan_parquet([path, path]).collect().equals(pl.concat([expected] * 2))
    assert parquet_schema(path) == {"a": pl.Int64, "b": pl.String}
