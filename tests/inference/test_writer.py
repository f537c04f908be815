"""Files appear whole or not at all, in the form that was asked for."""

import resource
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lcclassify.errors import ConfigError, OutputError
from lcclassify.inference.writer import (
    PLASTICC_CLASSES,
    check_writable,
    output_format,
    plasticc_submission,
    sorted_parts,
    write_predictions,
    write_table,
)


@pytest.fixture
def frame():
    return pl.DataFrame(
        {
            "object_id": [1, 2],
            "class_90": [0.1 + 0.2, None],
            "class_6": [0.7, None],
            "predicted_class": ["6", None],
            "reason": [None, "no usable observation"],
        }
    )


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("a.parquet", None, "parquet"),
        ("a.PQ", None, "parquet"),
        ("a.csv", None, "csv"),
        ("a.dat", "csv", "csv"),
        ("a.csv", "parquet", "parquet"),
        ("a.csv", "plasticc", "plasticc"),
    ],
)
def test_format_is_the_given_one_or_the_suffix(name, form, expected):
    assert output_format(Path(name), form) == expected


def test_unknown_formats():
    with pytest.raises(ConfigError, match=r"must end in \.parquet, \.pq, \.csv"):
        output_format(Path("a.fits"), None)
    with pytest.raises(ConfigError, match="did you mean 'parquet'"):
        output_format(Path("a.csv"), "parket")


def test_csv_keeps_every_digit_and_leaves_missing_values_empty(frame, tmp_path):
    assert write_predictions(frame, tmp_path / "new" / "a.csv") == ()
    assert (tmp_path / "new" / "a.csv").read_text() == (
        "object_id,class_90,class_6,predicted_class,reason\n"
        "1,0.30000000000000004,0.7,6,\n"
        "2,,,,no usable observation\n"
    )


def test_submission_has_every_class_and_no_gap(frame):
    submission, absent = plasticc_submission(frame)
    assert submission.columns == ["object_id", *(f"class_{label}" for label in PLASTICC_CLASSES)]
    assert submission["class_6"].to_list() == [0.7, 1 / 15]
    assert submission["class_99"].to_list() == [0.0, 1 / 15]
    assert absent == [label for label in PLASTICC_CLASSES if label not in ("90", "6")]
    whole = frame.drop_nulls("class_6").select(
        "object_id",
        *(pl.lit(1 / 15).alias(f"class_{label}") for label in reversed(PLASTICC_CLASSES)),
        "reason",
    )
    assert plasticc_submission(whole)[1] == []


def test_submission_in_parts_is_that_of_the_whole(frame, tmp_path):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    sentences = write_predictions(frame, whole, "plasticc")
    assert "1 objects that cannot be scored" in sentences[0]
    assert "does not know the classes 15, 16" in sentences[1]
    assert write_predictions([frame[:1], frame[1:]], parts, "plasticc") == sentences
    assert parts.read_bytes() == whole.read_bytes()


def test_parts_come_in_the_order_of_ids(frame, tmp_path):
    ids = np.random.default_rng(0).permutation(1000)
    table = pl.concat([frame[:1]] * 1000).with_columns(object_id=pl.Series(ids))
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.parquet")
        table[200 * number : 200 * number + 200].sort("object_id").write_parquet(paths[-1])
    parts = list(sorted_parts(paths, table[800:], rows=300))
    assert [len(part) for part in parts] == [300, 300, 300, 100]
    assert pl.concat(parts)["object_id"].to_list() == list(range(1000))
    assert [len(part) for part in sorted_parts(paths[:1], table[:0], rows=300)] == [200]
    assert [len(part) for part in sorted_parts([], table[:0])] == [0]


def test_parts_of_ids_that_are_text(frame, tmp_path):
    """They are values, whatever they look like, and sort as text."""
    ids = ["007", "7", "REASON", "ZTF18abc", "object_id", "oé 1", "reason"]
    table = pl.concat([frame[:1]] * len(ids)).with_columns(object_id=pl.Series(ids))
    table.write_parquet(tmp_path / "part.parquet")
    parts = list(sorted_parts([tmp_path / "part.parquet"], table[:0], rows=2))
    assert [part["object_id"].to_list() for part in parts] == [ids[:2], ids[2:4], ids[4:6], ids[6:]]


def test_an_error_of_the_rows_is_no_error_of_the_disk(frame, tmp_path):
    def rows():
        yield frame
        yield frame.select("no such column")

    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        write_predictions(rows(), tmp_path / "out.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_full_disk_leaves_the_earlier_file(tmp_path, form):
    path = tmp_path / f"a.{form}"
    write_table(pl.DataFrame({"x": [1]}), path, form)
    before = path.read_bytes()
    large = pl.DataFrame({"x": np.random.default_rng(0).random(100_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot be written: .*File too large") as caught:
            write_table(large, path, form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(frame, tmp_path):
    (tmp_path / "file").write_text("kept")
    for path, match in ((tmp_path, "folder"), (tmp_path / "file" / "a.csv", "cannot be written")):
        with pytest.raises(OutputError, match=match):
            check_writable(path)
        with pytest.raises(OutputError, match=match):
            write_table(frame, path, "csv")
    with pytest.raises(OutputError, match=f"'{tmp_path / 'file'}' is a file, not a folder"):
        check_writable(tmp_path / "file" / "deep" / "a.csv")
    check_writable(tmp_path / "new" / "a.csv")
    assert list((tmp_path / "new").iterdir()) == []
    assert (tmp_path / "file").read_text() == "kept"
