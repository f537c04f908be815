"""Ids keep all their digits, or are refused."""

import re

import polars as pl
import pytest

from lcclassify.errors import DataError
from lcclassify.schema import OBJECT_ID
from lcclassify.surveys.objecttable import identifiers
from lcclassify.tables.ids import cast_ids, common_type, read_integers, similar_ids

LOST = "lost digits.*store the ids as integers or strings"
LARGE = 169830580431093821


def ids(values, dtype=None):
    return pl.Series(OBJECT_ID, values, dtype)


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
def test_whole_floats_are_the_integers(dtype):
    found = identifiers(ids([600.0, -7.0, 0.0], dtype), "frame")
    assert (found.dtype, found.to_list()) == (pl.Int64, [600, -7, 0])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([float(LARGE), 1.0], pl.Float64), ([2.0**53], pl.Float64), ([-(2.0**53)], pl.Float64),
     ([2.0**24], pl.Float32)],
)  # fmt: skip
def test_floats_that_may_have_lost_digits_are_refused(values, dtype):
    with pytest.raises(DataError, match=f"column 'object_id' of the frame.*{LOST}"):
        identifiers(ids(values, dtype), "frame")
    last = {pl.Float64: 2**53, pl.Float32: 2**24}[dtype] - 1
    assert identifiers(ids([float(last)], dtype), "frame").to_list() == [last]


@pytest.mark.parametrize("value", [1.5, float("inf")])
def test_floats_that_are_no_integers_are_refused(value):
    with pytest.raises(DataError, match=rf"must hold integers or strings, got {value}"):
        identifiers(ids([3.0, value]), "frame")
    values, faults = cast_ids(ids([3.0, value]))
    assert (values.to_list(), faults.null_count()) == ([3, None], 1)


def test_a_missing_float_is_a_missing_id():
    with pytest.raises(DataError, match=r"1 row of the frame with no object_id"):
        identifiers(ids([3.0, float("nan")]), "frame")


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
    assert common_type([ids([word, "1"])], complete=True) == pl.String
    assert cast_ids(ids([word, "1"]), pl.String())[0].to_list() == [word, "1"]


@pytest.mark.parametrize(
    "word", ["1.6983058043109382e+17", "1.6983058043109382e17", "169830580431093820.0", "1e+20"]
)
def test_written_floats_that_may_have_lost_digits_are_refused(word):
    column = ids([word, "3.0"])
    assert common_type([column], complete=True) == pl.Int64
    for exact in (True, False):
        values, faults = cast_ids(column, pl.Int64(), exact=exact)
        assert values.to_list() == [None, 3]
        assert re.search(LOST, faults[0])
        assert faults[1] is None
    assert cast_ids(column, pl.String())[0].equals(column)  # as the user says
    # Among names it is one.
    assert common_type([ids([word, "SN 2011fe"])], complete=True) == pl.String


def test_tables_agree_on_floats_and_integers():
    assert cast_ids(ids(["600.0", "7"]), pl.Int64())[0].to_list() == [600, 7]
    assert common_type([ids(["600.0", "7"]), ids([7, 600])], complete=True) == pl.Int64


@pytest.mark.parametrize(
    ("words", "complete", "expected"),
    [
        (["1", "2", "4#"], True, pl.String),
        (["1", "2", "4#"], False, pl.Int64),  # damage
        (["1", "2", "004"], False, pl.String),
        (["1", "SN2", "SN4"], False, pl.String),
        (["1", "SN2"], False, pl.String),
    ],
)
def test_a_single_word_may_be_damage_of_a_part(words, complete, expected):
    assert common_type([ids(words)], complete=complete) == expected


@pytest.mark.parametrize("word", ["nan", "None", "NULL", "NA"])
def test_words_for_missing_are_no_ids(word):
    column = ids(["SN1", word])
    assert common_type([ids(["1", "2", word])], complete=True) == pl.Int64
    for wanted in (None, pl.String()):
        values, faults = cast_ids(column, wanted)
        assert values.to_list() == ["SN1", None]
        assert faults.to_list() == [None, f"the id '{word}' stands for a missing one"]


def test_padded_numbers_among_integers_are_told_of():
    faults = cast_ids(ids(["1", "001", "SN1"]), pl.Int64())[1]
    assert faults is not None
    assert faults[0] is None
    assert "survey.id_type=string, or integer where zeros before a number" in faults[1]
    assert faults[2].endswith("survey.id_type=string")


@pytest.mark.parametrize(
    ("wanted", "ids", "expected"),
    [
        ("100000.0", ["1e5", "b"], ["1e5"]),
        ("1e5", ["100000", "7"], ["100000"]),
        ("007", [6, 7, 8], ["7"]),
        ("1_000", [1000, 100], ["1000", "100"]),
        ("sn2004DJ", ["SN2004dj", "SN1987A"], ["SN2004dj"]),
        ("ob-71", ["ob-72", "xyz"], ["ob-72"]),
        ("ZTF1", ["ZTF00001", "ZTF00011"], ["ZTF00001"]),
        ("SN 2004dj", ["SN2004dj", "SN1987A"], ["SN2004dj"]),
        ("x", ["y", None, "z"], []),
    ],
)
def test_ids_that_may_be_meant(wanted, ids, expected):
    found = similar_ids(wanted, pl.Series("object_id", ids))
    assert found[:1] == expected[:1]
    assert sorted(found) == sorted(expected)
