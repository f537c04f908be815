"""Columns of astropy and FITS become plain ones, or are refused by name."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.utils.masked import Masked

from lcclassify.errors import DataError
from lcclassify.tables.astropy_tables import (
    array_series,
    astropy_frame,
    astropy_table,
    flux_zeropoints,
    times_to_mjd,
)


def column(values, name="x", **options):
    return astropy_frame(Table({name: values}), [name], **options)[name]


@pytest.mark.parametrize(
    ("values", "expected", "dtype"),
    [
        (MaskedColumn([1, 2], mask=[False, True]), [1, None], pl.Int64),
        (Masked([1.0, 2.0] * u.nJy, mask=[True, False]), [None, 2.0], pl.Float64),
        (np.array([1.5, np.nan], ">f4"), [1.5, None], pl.Float32),
        (np.array([1, 2], ">i2"), [1, 2], pl.Int16),
        (np.array([0.5, 1], "g"), [0.5, 1.0], pl.Float64),
        (np.array([b"ab ", b" c\0\0"]), ["ab", " c"], pl.String),
        (np.array(["g   ", "é"]), ["g", "é"], pl.String),
        (MaskedColumn(["a", "b"], mask=[False, True]), ["a", None], pl.String),
        (np.array([True, False]), [True, False], pl.Boolean),
        (np.array([0.5, None], object), [0.5, None], pl.Float64),
        (np.array([b"a ", None], object), ["a", None], pl.String),
        (MaskedColumn(np.array(["a", 0], object), mask=[False, True]), ["a", None], pl.String),
        ([1.0, 2.0] * u.hour, [1.0, 2.0], pl.Float64),  # no time of an observation
    ],
)
def test_values(values, expected, dtype):
    for kind in (Table, QTable):
        found = astropy_frame(kind({"x": values}), ["x", "y"])["x"]
        assert found.to_list() == expected
        assert found.dtype == dtype


def test_names_in_their_order():
    table = Table({"a": [1], "b": [2], "c": [3]})
    assert astropy_frame(table, ["c", "d", "a"]).columns == ["c", "a"]
    assert astropy_frame(table, []).shape == (0, 0)


def test_fits_columns():
    table = QTable(
        {
            "id": MaskedColumn([7, 8], mask=[False, True]),
            "band": ["g", "lsst"],
            "flux": [1.5, np.nan] * u.nJy,
            "mjd": [2.0, 4.0] * u.hour,
            "flag": [True, False],
        }
    )
    data = fits.BinTableHDU(table).data
    frame = astropy_frame(data, table.colnames)
    assert frame.rows() == [(7, "g", 1.5, 2 / 24, True), (None, "lsst", None, 4 / 24, False)]
    assert flux_zeropoints(data, ["flux", "id"]) == {"flux": 31.4, "id": None}


def test_times():
    noon = "2020-01-01T12:00:00"
    for values, expected in (
        (Time([noon]), 58849.5),
        (Time([noon], scale="tai"), 58849.5 - 37 / 86400),
        (Time([2458850.0], format="jd"), 58849.5),
        (Column([58849.5], unit=u.day), 58849.5),
        (Column([58849.5], unit=u.Unit("MJD", parse_strict="silent")), 58849.5),
        (Column([58849.5 * 86400], unit="s"), 58849.5),
        (Column([58849]), 58849),
    ):
        assert column(values, "mjd").to_list() == pytest.approx([expected], rel=0, abs=1e-9)
    masked = Time([noon, noon])
    masked[1] = np.ma.masked
    assert column(masked, "start").to_list() == [58849.5, None]
    assert column([1.0] * u.hour, "start", times=("start",)).to_list() == [1 / 24]


@pytest.mark.parametrize("resolution", ["h", "s", "ms", "us", "ns"])
@pytest.mark.parametrize("order", "<>")
def test_times_of_numpy(resolution, order):
    values = np.array(["2020-01-01T12", "NaT"], f"{order}M8[{resolution}]")
    assert times_to_mjd(array_series("mjd", values, "it")).to_list() == [58849.5, None]


def test_mjd_of_dates_and_times():
    tokyo = dt.timezone(dt.timedelta(hours=9))
    for value, expected in (
        (dt.date(1858, 11, 17), 0),
        (dt.date(1858, 11, 16), -1),
        (dt.datetime(1858, 11, 16, 18), -0.25),
        (dt.datetime(2020, 1, 1, 21, tzinfo=tokyo), 58849.5),
        (dt.datetime(2020, 1, 1, 0, 0, 0, 1), 58849 + 1e-6 / 86400),
    ):
        found = times_to_mjd(pl.Series("mjd", [value, None]))
        assert found.to_list() == [expected, None]
        assert (found.name, found.dtype) == ("mjd", pl.Float64)
    with pytest.raises(TypeError, match="Date or Datetime, got Int64"):
        times_to_mjd(pl.Series([1]))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.zeros((3, 2)), r"'x' of the sky must hold one value a row, got the shape \(3, 2\)"),
        (np.array([1j]), "'x' of the sky holds mixed or unusable types: .*complex128"),
        (np.array([1, "a"], object), "'x' of the sky holds mixed"),
        (
            np.array([np.zeros(2), np.zeros(3)], object),
            "column 'x' of the sky must hold one value a row, got arrays of variable length",
        ),
        (np.array([b"\xff"]), "'x' of the sky holds mixed or unusable types: invalid utf8"),
        (SkyCoord([1, 2], [3, 4], unit="deg"), "'x' of the sky"),
        (Time([1.0], format="mjd", scale="local"), "time scale 'local'"),
    ],
)
def test_what_is_refused(values, sentence):
    with pytest.raises(DataError, match=sentence):
        column(values, where="the sky")


def test_a_table_of_answers():
    frame = pl.DataFrame({"id": [1, 2], "p": [0.5, None], "word": [None, "é"]})
    table = astropy_table(frame)
    assert table.colnames == frame.columns
    assert [table[name].tolist() for name in frame.columns] == [[1, 2], [0.5, None], [None, "é"]]
    none = astropy_table(frame.clear())
    assert len(none) == 0
    assert none.colnames == frame.columns
