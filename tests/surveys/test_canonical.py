from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lcclassify.errors import ConfigError, DataError
from lcclassify.schema import OBSERVATION_COLUMNS, Passbands, Taxonomy
from lcclassify.surveys.canonical import canonicalise

BANDS = Passbands(("g", "r"))
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.one_of(FLOATS, st.sampled_from([1.0, 2.0])),
        st.sampled_from(["g", "r"]),
        st.one_of(FLOATS, st.sampled_from([0.0, -0.0, 3.0])),
        st.one_of(FLOATS, st.sampled_from([0.0, 1.0])),
    ),
    max_size=30,
)
SCHEMA = {
    "object_id": pl.Int64,
    "mjd": pl.Float64,
    "passband": pl.String,
    "flux": pl.Float64,
    "flux_err": pl.Float64,
}


def table(**changes: object) -> pl.DataFrame:
    columns: dict[str, object] = {
        "object_id": [2, 1, 1],
        "mjd": [3.0, 2.0, 1.0],
        "passband": ["g", "r", "g"],
        "flux": [10.0, 4.0, -1.0],
        "flux_err": [1.0, 1.0, 1.0],
    }
    return pl.DataFrame({**columns, **changes})


def test_dtypes_order_and_detections_are_as_the_schema_says() -> None:
    curves, report = canonicalise(table(), None, BANDS)
    assert curves.observations.columns == list(OBSERVATION_COLUMNS)
    assert curves.observations.dtypes == [
        pl.Int64, pl.Float64, pl.UInt8, pl.Float64, pl.Float64, pl.Boolean,
    ]  # fmt: skip
    assert curves.observations["object_id"].to_list() == [1, 1, 2]
    assert curves.observations["mjd"].to_list() == [1.0, 2.0, 3.0]
    assert curves.observations["detected"].to_list() == [False, False, True]
    assert curves.objects.schema == {"object_id": pl.Int64, "label": pl.String, "subset": pl.String}
    assert report.sentences() == []


def test_no_zero_is_negative() -> None:
    curves, _ = canonicalise(table(flux=[-0.0, 0.0, -0.0], mjd=[-0.0, 1.0, 2.0]), None, BANDS)
    assert not np.signbit(curves.observations.select("mjd", "flux").to_numpy()).any()


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, data=st.data())
def test_order_and_repetition_change_nothing_and_every_row_is_accounted_for(
    rows: list[tuple[object, ...]], data: st.DataObject
) -> None:
    plain = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    curves, report = canonicalise(plain, None, BANDS)
    shuffled = data.draw(st.permutations(rows + rows[: len(rows) // 2]))
    again, _ = canonicalise(pl.DataFrame(shuffled, schema=SCHEMA, orient="row"), None, BANDS)
    assert_frame_equal(curves.observations, again.observations)
    assert_frame_equal(curves.objects, again.objects)
    assert report.rows_kept == curves.observations.height
    # Canonical tables are a fixed point.
    same, nothing = canonicalise(curves.observations, curves.objects, BANDS)
    assert_frame_equal(same.observations, curves.observations)
    assert nothing.rows_kept == nothing.rows_read
    kept = curves.observations
    assert kept.select(pl.col("mjd", "flux", "flux_err").is_finite().all()).row(0) == (True,) * 3
    assert (kept["flux_err"] > 0).all()


def test_bad_rows_are_counted_once_each_and_said() -> None:
    nan, inf = float("nan"), float("inf")
    dirty = table(
        object_id=[1] * 8,
        mjd=[1.0, nan, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0],
        passband=["g"] * 8,
        flux=[nan, nan, inf, 1.0, 1.0, 1.0, 2.0, 2.0],
        flux_err=[nan, 1.0, 1.0, 0.0, -1.0, None, 1.0, 1.0],
    )
    curves, report = canonicalise(dirty, None, BANDS)
    assert curves.observations.height == 1
    counts = report.rows_read, report.nan_flux, report.bad_flux_err, report.bad_mjd
    assert counts == (8, 2, 3, 1)
    assert report.duplicates == 1
    assert len(report.sentences()) == 4
    assert report.sentences()[0].startswith("2 observations were left out because the flux")


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"flux": [1e300, 4.0, -1e31]}, (2, 0, 0)),
        ({"flux_err": [1e-300, 1.0, 1e31]}, (0, 2, 0)),
        ({"mjd": [1e300, -1e21, 1.0]}, (0, 0, 2)),
    ],
)
def test_values_that_nothing_has_count_as_not_finite(
    changes: dict[str, object], counts: tuple[int, ...]
) -> None:
    curves, report = canonicalise(table(**changes), None, BANDS)
    assert (report.nan_flux, report.bad_flux_err, report.bad_mjd) == counts
    assert curves.observations.height == 1
    assert [text for text in report.messages if "count as not finite" in text] == list(
        report.messages
    )
    assert len(report.messages) == 1


def test_units_of_any_size_are_taken() -> None:
    for unit in (1e-35, 1e14):
        changed = table(flux=[10 * unit, 4 * unit, -unit], flux_err=[unit] * 3)
        curves, report = canonicalise(changed, None, BANDS)
        assert (curves.observations.height, report.messages) == (3, ())


def test_errors_that_nothing_is_measured_with_are_said() -> None:
    curves, report = canonicalise(table(flux_err=[1e-12, 1.0, 1.0]), None, BANDS)
    assert curves.observations.height == 3
    assert "more than 1e+09 times their errors" in report.messages[0]


def test_times_that_are_hardly_days_are_said() -> None:
    for mjd, said in (
        ([59000.0, 59001.0, 2459002.5], True),  # Julian dates beside modified ones
        ([86400.0 * day for day in (59000, 59001, 59002)], True),
        ([10000.0, 59000.0, 61000.0], False),  # plates
        ([2459000.5, 2459001.5, 2459002.5], False),
    ):
        _, report = canonicalise(table(mjd=mjd), None, BANDS)
        assert ["100,000 days apart" in message for message in report.messages] == [True] * said
    assert canonicalise(table().clear(), None, BANDS)[1].messages == ()


def test_co_observations_with_another_flux_are_both_kept() -> None:
    pair = table(object_id=[1, 1, 1], mjd=[1.0] * 3, passband=["g"] * 3, flux=[5.0, 4.0, 4.0])
    curves, report = canonicalise(pair, None, BANDS)
    assert curves.observations["flux"].to_list() == [4.0, 5.0]
    assert report.duplicates == 1


def test_metadata_without_a_partner_and_the_reverse() -> None:
    objects = pl.DataFrame({"object_id": [1, 9], "z": [float("nan"), 0.5]})
    curves, report = canonicalise(table(), objects, BANDS, None, ["z"])
    assert report.orphan_ids.to_list() == [2]
    assert report.orphan_rows == 1
    assert report.objects_without_observations == 1
    assert curves.objects["z"].to_list() == [None, 0.5]
    assert curves.observations["object_id"].unique().to_list() == [1]
    assert "(2)" in report.sentences()[0]
    with pytest.raises(DataError, match="no object in common"):
        canonicalise(table(), objects.with_columns(object_id=pl.Series([8, 9])), BANDS)


def test_an_object_of_bad_rows_only_stays_in_the_object_table() -> None:
    curves, report = canonicalise(table(flux=[None, 4.0, -1.0]), None, BANDS)
    assert curves.objects["object_id"].to_list() == [1, 2]
    assert report.objects_without_observations == 1


@pytest.mark.parametrize(
    ("passband", "expected"),
    [
        (["g", " r ", "g"], [0, 0, 1]),
        ([0, 1, 0], [0, 0, 1]),
        ([0.0, 1.0, 0.0], [0, 0, 1]),
        (pl.Series(["g", "r", "g"], dtype=pl.Categorical), [0, 0, 1]),
    ],
)
def test_passbands_are_names_or_indices(passband: object, expected: list[int]) -> None:
    curves, _ = canonicalise(table(passband=passband), None, BANDS)
    assert sorted(curves.observations["passband"].to_list()) == expected


def test_numeric_passband_names_are_names() -> None:
    curves, _ = canonicalise(table(passband=[2, 1, 2]), None, Passbands(("1", "2")))
    assert curves.observations["passband"].to_list() == [1, 0, 1]


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ([1, 0, 1], [True, False, True]),
        (["T", "false", "1"], [True, False, True]),
        ([True, None, None], [False, False, True]),  # unstated: by flux / flux_err
    ],
)
def test_detected_in_its_spellings(value: list[object], result: list[bool]) -> None:
    curves, report = canonicalise(table(detected=value), None, BANDS)
    assert curves.observations["detected"].to_list() == result
    assert report.unstated_detections == value.count(None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"passband": ["g", "rr", "rr"]},
            ["'rr'", "1 more such row", "object 1", "did you mean 'r'"],
        ),
        ({"passband": [0, 7, 1]}, ["'7'", "object 1", "0, 1"]),
        ({"passband": ["g", None, "r"]}, ["no passband", "object 1"]),
        ({"flux": ["1", "abc", "2"]}, ["'flux'", "'abc'", "row 2", "object 1"]),
        ({"object_id": [1, None, 2]}, ["object_id", "row 2"]),
        ({"object_id": ["a", " ", "b"]}, ["object_id", "row 2"]),
        ({"object_id": [1.5, 1.0, 2.0]}, ["object_id", "integers or strings, got 1.5"]),
        ({"detected": [0, 2, 1]}, ["'detected'", "'2'", "row 2"]),
        ({"mjd": [[1.0], [2.0], [3.0]]}, ["'mjd'", "List"]),
    ],
)
def test_unusable_observations_are_named(changes: dict[str, object], words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        canonicalise(table(**changes), None, BANDS)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ({"object_id": ["1", "2"]}, ["integers", "strings", "object_id"]),
        ({"object_id": [1, 2], "label": ["Ia", "Iax"]}, ["class 'Iax'", "object 2", "'Ia'"]),
        ({"object_id": [1, 2], "subset": ["train", "tests"]}, ["subset 'tests'", "'test'"]),
        ({"object_id": [1, 1], "label": ["Ia", "II"]}, ["object 1", "'label'", "'II'", "'Ia'"]),
        ({"object_id": [1, 1], "z": [1.0, None]}, ["object 1", "'z'", "none and '1.0'"]),
        ({"object_id": [1, 2], "z": ["1", "x"]}, ["'z'", "'x'", "object 2"]),
    ],
)
def test_unusable_objects_are_named(objects: dict[str, object], words: list[str]) -> None:
    given_objects = pl.DataFrame(objects)
    names = ["z"] if "z" in objects else []
    with pytest.raises(DataError) as caught:
        canonicalise(table(), given_objects, BANDS, Taxonomy(("Ia", "II")), names)
    for word in words:
        assert word in str(caught.value)


def test_identical_object_rows_collapse() -> None:
    objects = pl.DataFrame({"object_id": [1, 2, 1], "label": [90.0, None, 90.0]})
    curves, _ = canonicalise(table(), objects, BANDS, Taxonomy(("90",)))
    assert curves.objects["label"].to_list() == ["90", None]


def test_missing_columns_are_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"no column 'flux_err'; did you mean 'fluxerr'"):
        canonicalise(table().rename({"flux_err": "fluxerr"}), None, BANDS)
    with pytest.raises(DataError, match=r"object table has no column 'photoz'"):
        canonicalise(table(), pl.DataFrame({"object_id": [1, 2]}), BANDS, None, ["photoz"])
    with pytest.raises(ConfigError, match="label"):
        canonicalise(table(), None, BANDS, None, ["label"])


def test_without_an_object_table_observations_may_carry_its_columns() -> None:
    carrying = table(label=["II", "Ia", "Ia"], z=[0.1, 0.2, 0.2])
    curves, report = canonicalise(carrying, None, BANDS, None, ["z", "w"])
    assert curves.objects.to_dicts() == [
        {"object_id": 1, "label": "Ia", "subset": None, "z": 0.2, "w": None},
        {"object_id": 2, "label": "II", "subset": None, "z": 0.1, "w": None},
    ]
    assert report.messages == ("There is no object table: w is missing for every object.",)


def test_large_integer_and_zero_padded_ids_keep_every_digit() -> None:
    large = [2**53 + 1, 2**53, 2**63 - 1]
    assert canonicalise(table(object_id=large), None, BANDS)[0].objects["object_id"].to_list() == (
        sorted(large)
    )
    padded = ["007", "7", "07"]
    assert canonicalise(table(object_id=padded), None, BANDS)[0].objects["object_id"].to_list() == (
        sorted(padded)
    )
