"""Ids keep all their digits, or are refused."""

import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.ids import identifier, of_floats, read_integers, same_ids

LOST = "lost digits.*store the ids as integers or strings"
LARGE = 169830580431093821


def ids(values, dtype=None):
    return pl.Series(OBJECT_ID, values, dtype)


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
def test_whole_floats_are_the_integers(dtype):
    found = identifier(ids([600.0, -7.0, 0.0], dtype), "frame")
    assert (found.dtype, found.to_list()) == (pl.Int64, [600, -7, 0])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([float(LARGE), 1.0], pl.Float64), ([2.0**53], pl.Float64), ([-(2.0**53)], pl.Float64),
     ([2.0**24], pl.Float32)],
)  # fmt: skip
def test_floats_that_may_have_lost_digits_are_refused(values, dtype):
    with pytest.raises(DataError, match=f"column 'object_id' of the frame.*{LOST}"):
        identifier(ids(values, dtype), "frame")
    last = {pl.Float64: 2**53, pl.Float32: 2**24}[dtype] - 1
    assert identifier(ids([float(last)], dtype), "frame").to_list() == [last]


@pytest.mark.parametrize("value", [1.5, float("inf")])
def test_floats_that_are_no_integers_are_refused(value):
    with pytest.raises(DataError, match=rf"must hold integers or strings, got {value}"):
        identifier(ids([3.0, value]), "frame")
    assert of_floats(ids([3.0, value]), "x") is None


def test_a_missing_float_is_a_missing_id():
    with pytest.raises(DataError, match=r"1 row of the frame with no object_id"):
        identifier(ids([3.0, float("nan")]), "frame")


@pytest.mark.parametrize(
    ("word", "value"),
    [("600.0", 600), ("600.", 600), ("-7.00", -7), ("1.5e+3", 1500), ("0.0", 0), ("12", 12),
     ("9.007199254740991e+15", 2**53 - 1), (str(LARGE), LARGE)],
)  # fmt: skip
def test_integers_as_programs_write_them(word, value):
    reading = read_integers(ids([word, None]), exact=True)
    assert reading.values.to_list() == [value, None]
    assert not reading.is_text.any()
    assert not reading.is_lost.any()


@pytest.mark.parametrize(
    "word", ["007", "007.0", "SN1", "1.5", "6e2", "5e10", "+7", "1e400", "", "."]
)
def test_other_words_are_text(word):
    reading = read_integers(ids([word, "1"]), exact=True)
    assert reading.is_text.to_list() == [True, False]
    assert same_ids([pl.DataFrame(ids([word, "1"]))], "auto")[0][OBJECT_ID].to_list() == [word, "1"]


@pytest.mark.parametrize(
    "word", ["1.6983058043109382e+17", "1.6983058043109382e17", "169830580431093820.0", "1e+20"]
)
def test_written_floats_that_may_have_lost_digits_are_refused(word):
    table = pl.DataFrame(ids([word, "3.0"]))
    for id_type in ("auto", "integer"):
        with pytest.raises(DataError, match=LOST):
            same_ids([table], id_type)
    assert same_ids([table], "string")[0].equals(table)  # as the user says
    # Among names it is one.
    named = pl.DataFrame(ids([word, "SN 2011fe"]))
    assert same_ids([named], "auto")[0].equals(named)


def test_tables_agree_on_floats_and_integers():
    written, stored = pl.DataFrame(ids(["600.0", "7"])), pl.DataFrame(ids([7, 600]))
    first, second = same_ids([written, stored], "auto")
    assert first[OBJECT_ID].to_list() == [600, 7]
    assert second.equals(stored)
