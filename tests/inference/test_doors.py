"""Every kind of table gets the same probabilities, to the bit, or the same refusal."""

import datetime as dt
import io
import logging
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time

from lcclassify.errors import DataError, DataWarning
from lcclassify.inference.bundle import save
from lcclassify.inference.nested import classify_nested
from lcclassify.inference.predictor import Predictor
from lcclassify.surveys.alerts import alert_tables

nested_pandas = pytest.importorskip("nested_pandas")

ANSWERS = ["class_Ia", "class_II", "class_90", "predicted_class", "reason"]


def of_astropy(frame):
    def column(series):
        if series.dtype.is_temporal():
            moments = series.cast(pl.Datetime("us")).to_physical().to_numpy()  # in UTC
            return Time(moments.astype("M8[us]"), format="datetime64")
        if series.dtype in (pl.Categorical, pl.Enum):
            series = series.cast(pl.String)
        if series.dtype == pl.List or isinstance(series.dtype, pl.Decimal):
            return MaskedColumn(np.array([*series, None], object)[:-1])
        if series.dtype == pl.Binary:
            return MaskedColumn(np.array(series.to_list(), "S8"))
        kind = str if series.dtype == pl.String else None
        values = series.drop_nulls().to_numpy().astype(kind or series.to_numpy().dtype)
        filled = np.zeros(len(series), values.dtype)
        filled[series.is_not_null().to_numpy()] = values
        return MaskedColumn(filled, mask=series.is_null().to_numpy())

    return Table({series.name: column(series) for series in frame})


def of_fits(frame):
    table = of_astropy(frame)
    for name in table.colnames:
        if isinstance(table[name], Time):
            table[name] = table[name].mjd
    file = io.BytesIO()
    fits.BinTableHDU(table).writeto(file)
    with fits.open(io.BytesIO(file.getvalue()), memmap=False) as hdus:
        return hdus[1].data


def of_record_batch(frame):
    table = frame.to_arrow()
    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def of_swapped_bytes(frame):
    table = frame.to_pandas()
    for name in table.columns:
        if isinstance(table[name].dtype, np.dtype) and table[name].dtype.kind in "iuf":
            table[name] = table[name].to_numpy().astype(table[name].dtype.newbyteorder(">"))
    return table


FLAT = {
    "polars": lambda frame: frame,
    "pandas": pl.DataFrame.to_pandas,
    "pandas nullable": lambda frame: frame.to_pandas().convert_dtypes(),
    "pandas arrow": lambda frame: frame.to_pandas(use_pyarrow_extension_array=True),
    "pandas objects": lambda frame: frame.to_pandas().astype(object),
    "pandas big-endian": of_swapped_bytes,
    "pyarrow": pl.DataFrame.to_arrow,
    "record batch": of_record_batch,
    "astropy": of_astropy,
    "qtable": lambda frame: QTable(of_astropy(frame)),
    "fits": of_fits,
}
DOORS = [*FLAT, "nested"]


def nest(observations, objects):
    """Return a nested frame: the observations as lists of Arrow, which have every type."""
    own = observations.drop("object_id")
    rows = objects.select("object_id").with_row_index("__row")
    where = observations.select("object_id").with_columns(pl.int_range(pl.len()).alias("__at"))
    where = where.join(rows, on="object_id", how="left", nulls_equal=True)
    where = where.sort("__row", "__at", maintain_order=True)
    ends = np.cumsum(np.bincount(where["__row"].to_numpy().astype(int), minlength=len(rows)))
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    lists = [
        pa.ListArray.from_arrays(offsets, column.combine_chunks())
        for column in own[where["__at"]].to_arrow().columns
    ]
    struct = pa.StructArray.from_arrays(lists, names=own.columns)
    frame = nested_pandas.NestedFrame(objects.to_pandas())
    kind = nested_pandas.NestedDtype(struct.type)
    return frame.assign(sources=pd.Series(struct, dtype=kind, index=frame.index))


class Doors:
    """A bundle in memory and in a folder."""

    def __init__(self, bundle, folder):
        self.predictor = Predictor(bundle, accelerator="cpu")
        self.folder = save(bundle, folder)

    def __call__(self, door, observations, objects):
        """Return the answers, sorted by id."""
        if door == "nested":
            found = classify_nested(nest(observations, objects), bundle=self.folder)
            found = pl.from_pandas(pd.DataFrame(found)[["object_id", *ANSWERS]])
        else:
            tables = [FLAT[door](table) for table in (observations, objects)]
            found = self.predictor.predict_proba(*tables)
            assert isinstance(found, self.kind(tables[0]))
            if isinstance(found, Table):
                found = {name: found[name].tolist() for name in found.colnames}
            found = pl.from_pandas(found) if door.startswith("pandas") else pl.DataFrame(found)
        return found.select(
            pl.col("object_id").rank("dense"),
            pl.col("^class_.*$").cast(pl.Float64),
            pl.col("predicted_class", "reason").cast(pl.String),
        ).sort("object_id")

    @staticmethod
    def kind(table):
        kinds = {pl.DataFrame: pl.DataFrame, pd.DataFrame: pd.DataFrame, pa.Table: pa.Table}
        return kinds.get(type(table), pa.Table if isinstance(table, pa.RecordBatch) else Table)


@pytest.fixture(scope="module")
def doors(bundle, tmp_path_factory):
    return Doors(bundle, tmp_path_factory.mktemp("doors") / "bundle")


def both(expression):
    return lambda observations, objects: (
        observations.with_columns(expression),
        objects.with_columns(expression),
    )


def rows(expression):
    return lambda observations, objects: (observations.with_columns(expression), objects)


def whole(expression):
    return lambda observations, objects: (observations, objects.with_columns(expression))


first = pl.int_range(pl.len()) == 0
every_third = pl.int_range(pl.len()) % 3 == 0
quarters = (pl.col("mjd") * 4).round() / 4  # exact in any unit
flag = pl.col("flux") > 10
ID, FLUX, PHOTOZ = pl.col("object_id"), pl.col("flux"), pl.col("photoz")

# What does not change the light curves, or changes them alike at every door.
SAME = {
    "as they are": lambda *tables: tables,
    "shuffled": lambda *tables: (
        table.sample(fraction=1, shuffle=True, seed=4) for table in tables
    ),
    "rows twice": lambda observations, objects: (pl.concat([observations, observations]), objects),
    "integers": both(ID.cast(pl.Int32)),
    "whole floats as ids": both(ID.cast(pl.Float64)),
}
CHANGED = {
    "text ids": both(pl.format("SN{}", ID)),
    "one object": lambda *tables: (table.filter(ID == 12) for table in tables),
    "one row": lambda *tables: (table.filter(ID == 12)[:1] for table in tables),
    "no observation": lambda observations, objects: (observations.clear(), objects),
    "nothing": lambda *tables: (table.clear() for table in tables),
    "negative zeros": rows(pl.when(every_third).then(-0.0).otherwise(FLUX).alias("flux")),
    "infinities": rows(pl.when(every_third).then(-np.inf).otherwise(FLUX).alias("flux")),
    "infinite metadata": whole(pl.when(every_third).then(np.inf).otherwise(PHOTOZ).alias("photoz")),
    "missing fluxes": rows(pl.when(~every_third).then(FLUX).alias("flux")),
    "missing metadata": whole(pl.when(~every_third).then(PHOTOZ).alias("photoz")),
    "words for missing metadata": whole(
        pl.when(every_third).then(pl.lit(" N/A")).otherwise(pl.lit("0.25")).alias("photoz")
    ),
    "numbers in text": rows(FLUX.round(2).cast(pl.String)),
    "small floats": rows(pl.col("flux", "flux_err").cast(pl.Float32)),
    "flags": rows(flag.alias("detected")),
    "flags that are numbers": rows(flag.cast(pl.Int16).alias("detected")),
    "flags that are text": rows(flag.cast(pl.String).alias("detected")),
    "flags of which some are missing": rows(pl.when(~every_third).then(flag).alias("detected")),
    "PLAsTiCC's name of flags": rows(flag.cast(pl.Int8).alias("detected_bool")),
    "truth": lambda observations, objects: (observations, objects.with_columns(true_target=90)),
    "categories": rows(pl.col("passband").cast(pl.Categorical)),
    "an enumeration": rows(pl.col("passband").cast(pl.Enum(["i", "g", "r"]))),
    "bytes": rows(pl.col("passband").cast(pl.Binary)),
    "padded text": rows(pl.format("{}  ", "passband").alias("passband")),
    "times": rows((pl.datetime(2024, 3, 1) + pl.duration(seconds=quarters * 86400)).alias("mjd")),
    "times of a zone": rows(
        (pl.datetime(2024, 3, 1, time_zone="UTC") + pl.duration(seconds=quarters * 86400))
        .dt.convert_time_zone("Asia/Tokyo")
        .alias("mjd")
    ),
    "dates": rows((pl.date(2024, 3, 1) + pl.duration(days=pl.col("mjd").round())).alias("mjd")),
    "decimals": rows(FLUX.round(2).cast(pl.Decimal(12, 2))),
}
# What a kind of table has no such column for.
LACKING = {
    ("decimals", "fits"),
    ("flags of which some are missing", "fits"),
    ("lists", "fits"),
    ("ids without digits", "pandas nullable"),  # they are made integers by pandas
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", [*SAME, *CHANGED])
def test_the_same_answers(doors, tables, door, name):
    if (name, door) in LACKING:
        pytest.skip(f"{door} has no {name}")
    changed = tuple({**SAME, **CHANGED}[name](*tables))
    found = doors(door, *changed)
    assert found.equals(doors("polars", *changed), null_equal=True)
    if name in SAME:
        assert found.equals(doors("polars", *tables), null_equal=True)


WRONG = {
    "an unknown passband": (rows(pl.lit("z").alias("passband")), "unknown passband 'z'"),
    "no passband": (
        rows(pl.when(~first).then("passband").alias("passband")),
        "no passband|unknown passband ''",  # FITS has text without letters for it
    ),
    "passbands by number": (
        rows(pl.lit(1).alias("passband")),
        "passband must hold the names g, r, i, because .*, got 1",
    ),
    "passbands by whole floats": (rows(pl.lit(2.0).alias("passband")), "hold the names g, r, i"),
    "passbands by number in text": (rows(pl.lit("1").alias("passband")), "unknown passband '1'"),
    "no fluxes": (
        lambda o, m: (o.drop("flux"), m),
        "no column 'flux'(; did you mean 'flux_err'|, which)",
    ),
    "no metadata": (lambda o, m: (o, m.drop("photoz")), "no column 'photoz'"),
    "words for fluxes": (rows(pl.lit("bright").alias("flux")), "'flux' .* got 'bright'"),
    "words for metadata": (whole(pl.lit("far").alias("photoz")), "'photoz' .* got 'far'"),
    "other flags": (rows(pl.lit(7).alias("detected")), "'detected' must hold 0 or 1"),
    "times that are text": (rows(pl.lit("2024-03-01").alias("mjd")), "'mjd' .* got '2024-03-01'"),
    "lists": (
        rows(pl.concat_list("flux", "flux").alias("flux")),
        "'flux' .* (must hold|holds|one value a row)",
    ),
    "fractions as ids": (both(ID + 0.5), "must hold integers or strings, got"),
    "ids without digits": (both(ID * 1.0 + 1e17), "lost digits"),
    "a missing id": (both(pl.when(ID != 12).then(ID).alias("object_id")), "with no object_id"),
    "a blank id": (
        both(pl.when(ID != 12).then(ID.cast(pl.String)).otherwise(pl.lit(" ")).alias("object_id")),
        "with no object_id",
    ),
    "truth values as ids": (both((ID > 5).alias("object_id")), "integers or strings, got Boolean"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", WRONG)
def test_the_same_refusals(doors, tables, door, name):
    change, sentence = WRONG[name]
    if (name, door) in LACKING:
        pytest.skip(f"{door} has no {name}")
    with pytest.raises(DataError, match=sentence) as caught:
        doors(door, *change(*tables))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("door", ["polars", "astropy", "nested"])
def test_detections_that_are_not_stated(bundle, tables, door, tmp_path):
    observations, objects = tables
    some = pl.when(pl.col("mjd") > 5).then(pl.col("flux") > 10).alias("detected")
    stated = observations.with_columns(detected=pl.col("flux") > 10)
    none = observations.with_columns(detected=pl.lit(None, pl.Boolean))
    for states, table, told in (
        (True, observations, True),
        (True, none, True),
        (True, stated.with_columns(some), True),
        (True, stated, False),
        (True, stated.rename({"detected": "detected_bool"}), False),
        (True, observations.clear(), False),
        (False, observations, False),
        (None, observations, False),
    ):
        one = Doors(replace(bundle, detections_stated=states), tmp_path / "bundle")
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always", DataWarning)
            one(door, table, objects)
        given = [each for each in given if each.category is DataWarning]
        assert len(given) == told, (states, table)
        assert all(each.filename == __file__ for each in given if door != "nested")
        given = [str(each.message) for each in given]
        assert all("'detected'" in sentence and "at least 5" in sentence for sentence in given)


@pytest.mark.parametrize("door", DOORS)
def test_what_is_left_out_is_logged(doors, tables, door, caplog):
    observations, objects = tables
    bad = pl.when(first).then(None).otherwise(FLUX).alias("flux")
    with caplog.at_level(logging.WARNING, logger="lcclassify"):
        doors(door, observations.with_columns(bad), objects)
    flux = "1 observation was left out because the flux is missing or not finite."
    assert {flux, "3 objects have no usable observation."} <= set(caplog.messages)


@pytest.mark.parametrize("door", DOORS)
def test_redshifts_that_nothing_has_are_said(doors, tables, door, caplog):
    with caplog.at_level(logging.WARNING, logger="lcclassify"):
        doors(door, *tables)
        assert "-9" not in caplog.text
        doors(door, tables[0], tables[1].with_columns(photoz=pl.lit(-9.0)))
    assert "Metadata column 'photoz' holds values such as -9: " in caplog.text


def test_columns_that_no_library_converts(doors, tables):
    """Types beyond those of every door, and what pandas can hold besides."""
    observations, objects = tables
    swapped, rows = observations.to_arrow(), observations.to_pandas()
    count = len(rows)
    for fluxes in (rows["flux"].astype("longdouble"), pd.arrays.SparseArray(rows["flux"])):
        found = doors.predictor.predict_proba(rows.assign(flux=fluxes), objects)
        assert found.equals(doors.predictor.predict_proba(rows, objects))
    union = pa.UnionArray.from_sparse(pa.array([0] * count, pa.int8()), [swapped["flux"].chunk(0)])
    moments = [dt.datetime(2020, 1, 1), dt.date(2020, 1, 1)]
    for table, sentence in (
        (rows.assign(flux=1j), "'flux' of observations holds mixed or unusable types"),
        (rows.assign(flux=[1, "a"] * (count // 2)), "'flux' of observations holds mixed"),
        (rows.assign(flux=pd.Series([2**70] * count, dtype=object)), "'flux' of obs.* mixed"),
        (rows.assign(mjd=pd.Series(moments * (count // 2), dtype=object)), "'mjd' of obs.* mixed"),
        (rows.assign(mjd=pd.to_timedelta(rows["mjd"], unit="D")), "'mjd' .* got .* Duration"),
        (rows.assign(passband=b"\xff"), "'passband' of observations holds .* utf8"),
        (pd.concat([rows, rows[["flux"]]], axis=1), "2 columns named 'flux'"),
        (swapped.append_column("flux", swapped["flux"]), "2 columns named 'flux'"),
        (swapped.set_column(3, "flux", union), "'flux' of observations holds mixed"),
        (observations.with_columns(flux=pl.lit(object(), pl.Object)), "'flux' .* got .* Object"),
        (observations.lazy(), "of Polars, pandas, pyarrow or astropy, got LazyFrame"),
        (None, "got NoneType"),
    ):
        with pytest.raises(DataError, match=sentence) as caught:
            doors.predictor.predict_proba(table, objects)
        assert "\n" not in str(caught.value)


def test_tables_of_two_libraries(doors, tables):
    observations, objects = tables
    found = doors.predictor.predict_proba(observations.to_arrow(), of_astropy(objects))
    assert pl.DataFrame(found).equals(doors.predictor.predict_proba(observations, objects))
    flags = observations.with_columns(detected_bool=1)
    doors.predictor.predict_proba(flags, objects)
    assert "detected_bool" in flags.columns  # the caller's table is its own


def test_alert_packets_get_what_their_light_curves_get(bundle, tables):
    observations, objects = tables
    predictor = Predictor(bundle, accelerator="cpu")
    seen = observations.join(objects, on="object_id").filter(pl.col("object_id") > 0)
    seen = seen.with_columns(detected=pl.col("flux") > 3 * pl.col("flux_err")).sort("mjd")
    nanojansky = 10 ** (0.4 * (31.4 - bundle.zeropoint))
    packets = []
    for _, rows in seen.group_by("object_id", maintain_order=True):
        sources = [
            {
                "diaObjectId": row["object_id"],
                "visit": visit,
                "midpointMjdTai": row["mjd"],
                "band": row["passband"],
                "psfFlux": row["flux"] * nanojansky,
                "psfFluxErr": row["flux_err"] * nanojansky,
                "ra": 1.0,
                "dec": 2.0,
            }
            for visit, row in enumerate(rows.to_dicts())
        ]
        detections = [a for a, b in zip(sources, rows["detected"], strict=True) if b]
        if not detections:
            continue
        packet = {"diaSource": detections[-1], "prvDiaSources": detections}
        packets.append(packet | {"prvDiaForcedSources": sources})
    found = alert_tables(packets, zeropoint=bundle.zeropoint)
    assert found.objects.height == len(packets) > 20
    scored = predictor.predict_proba(found.observations, found.objects.join(objects, "object_id"))
    own = seen.join(found.objects, on="object_id", how="semi")
    expected = predictor.predict_proba(own.select(found.observations.columns), objects)
    expected = expected.join(found.objects, on="object_id", how="semi")
    assert scored["object_id"].to_list() == expected["object_id"].to_list()
    for name in ANSWERS[:3]:
        np.testing.assert_allclose(scored[name], expected[name], rtol=1e-6, atol=1e-9)
