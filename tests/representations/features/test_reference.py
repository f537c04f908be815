"""The aggregated features agree with the reference's golden values and with a peer."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lcclassify.errors import ConfigError
from lcclassify.representations.features.reference import aggregate_features, feature_names
from lcclassify.representations.segments import STATISTICS, statistics
from lcclassify.schema import Passbands

METADATA = ("hostgal_photoz", "hostgal_photoz_err", "distmod", "mwebv")
UGRIZY = Passbands(tuple("ugrizy"))


def assert_same_features(ours, theirs):
    """Compare name by name: order, undefined values and numbers to a relative 1e-5."""
    assert ours.columns[1:] == list(theirs.columns)
    assert ours["object_id"].to_list() == list(theirs.index)
    for name in theirs.columns:
        expected = theirs[name].to_numpy(dtype=float)
        got = ours[name].to_numpy()
        np.testing.assert_array_equal(ours[name].is_null(), np.isnan(expected), err_msg=name)
        # The skewness of symmetric values is 0 but for rounding.
        absolute = 1e-9 if "skew" in name else 0.0
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=absolute, err_msg=name)


def test_golden_values(sample10, golden, curves_of):
    expected = pd.read_csv(golden / "plasticc10_features.csv", index_col="object_id")
    assert len(expected.columns) == 156
    ours = aggregate_features(curves_of(*sample10))
    assert_same_features(ours, expected.sort_index())


def test_peer_on_real_objects(sample10, peer, curves_of):
    observations, objects = sample10
    expected = peer.features(observations, objects.set_index("object_id"), 6, drop=True)
    assert_same_features(aggregate_features(curves_of(*sample10)), expected)


@pytest.mark.parametrize("n_bands", [1, 2, 4, 6, 7])
def test_peer_on_objects_of_every_kind(n_bands, survey, peer, curves_of):
    observations, objects = survey(240 if n_bands == 6 else 60, n_bands, seed=n_bands)
    expected = peer.features(
        observations, objects.set_index("object_id"), n_bands, drop=n_bands == 6
    )
    if n_bands > 1:
        unseen = expected[[f"flux_min_{band}" for band in range(n_bands)]].isna()
        assert unseen.any().all()  # every passband is missing somewhere
    assert_same_features(aggregate_features(curves_of(observations, objects, n_bands)), expected)


@pytest.mark.parametrize("n_bands", [1, 2, 4, 7, 11])
@pytest.mark.parametrize("metadata", [(), METADATA, ("z",)])
def test_number_of_features(n_bands, metadata):
    names = feature_names(Passbands(tuple(f"b{n}" for n in range(n_bands))), metadata)
    assert len(names) == 20 * n_bands + len(metadata) + 33 + 1 + n_bands + 8
    assert len(set(names)) == len(names)


def test_the_drop_list_is_for_the_references_own_passbands(peer):
    assert len(feature_names(UGRIZY, METADATA)) == 156
    assert not set(peer.DROPPED) & set(feature_names(UGRIZY, METADATA))
    everything = feature_names(Passbands(tuple("ugrizx")), METADATA)
    assert set(everything) - set(feature_names(UGRIZY, METADATA)) == set(peer.DROPPED)
    assert feature_names(Passbands(tuple("ugrizY")), METADATA) == feature_names(UGRIZY, METADATA)
    assert len(feature_names(Passbands(tuple("yzirgu")), METADATA)) == 156 + 16


def test_passbands_have_numbers_or_names_in_the_same_order():
    numbers = feature_names(UGRIZY, METADATA)
    names = feature_names(UGRIZY, METADATA, numbered=False)
    for number, name in zip(numbers, names, strict=True):
        prefix, band = number[:-1], number[-1:]
        if band.isdigit() and number not in ("flux_dif2", "flux_dif3"):
            band = UGRIZY.names[int(band)]
            number = f"{prefix}{'_' * prefix.endswith('pb')}{band}"
        assert name == number
    assert {"flux_max_g", "mjd_pb_g", "flux_max"} <= set(names)
    with pytest.raises(ConfigError, match="metadata column 'flux_min_g' has the name of a feature"):
        feature_names(UGRIZY, ("flux_min_g",), numbered=False)


@pytest.mark.parametrize("name", ["flux_mean", "mjd_size", "flux_median", "mjd_pb0"])
def test_a_metadata_column_cannot_have_the_name_of_a_feature(name):
    with pytest.raises(ConfigError, match=f"metadata column '{name}'"):
        feature_names(UGRIZY, ("z", name))


def test_an_object_without_observations_has_metadata_only(survey, curves_of):
    observations, objects = survey(5)
    rest = observations[observations["object_id"] != 1007]
    table = aggregate_features(curves_of(rest, objects))
    row = table.row(by_predicate=pl.col("object_id") == 1007, named=True)
    known = {name for name, value in row.items() if value is not None}
    assert known <= {"object_id", *METADATA}
    assert "mwebv" in known


def test_no_observations_at_all(survey, curves_of):
    observations, objects = survey(3)
    table = aggregate_features(curves_of(observations.head(0), objects))
    assert table.shape == (3, 157)
    assert table["mjd_global_diff"].null_count() == 3


def test_spans_are_zero_without_a_detection_and_the_rest_undefined(survey, curves_of):
    observations, objects = survey(8)
    table = aggregate_features(curves_of(observations.assign(detected=0), objects))
    assert table["mjd_global_diff"].to_list() == [0.0] * 8
    for band in range(5):
        seen = set(observations.loc[observations["passband"] == band, "object_id"])
        expected = [0.0 if i in seen else None for i in table["object_id"]]
        assert table[f"mjd_pb{band}"].to_list() == expected
    for name in ("flux_det_mean", "flux_diff_det", "flux_by_flux_ratio_sq_det_skew"):
        assert table[name].null_count() == 8


def test_extreme_fluxes_give_no_infinity_or_nan(survey, curves_of):
    observations, objects = survey(20)
    for flux_factor, error_factor in ((1e30, 1), (1e30, 1e-30), (1e200, 1), (1, 1e200), (0, 1)):
        curves = curves_of(
            observations.assign(
                flux=observations["flux"] * flux_factor,
                flux_err=observations["flux_err"] * error_factor,
            ),
            objects,
        )
        values = aggregate_features(curves).drop("object_id")
        assert values.select(pl.all().is_finite().all()).row(0) == (True,) * 156


# --- skewness -----------------------------------------------------------------------


def described(values):
    """Return the statistics of one object's values in one passband, by name."""
    values = np.array(values, dtype=np.float64)
    n = len(values)
    rows = (np.zeros(n, np.uint8), np.ones(n, bool), np.arange(n, dtype=np.float64))
    table, _, _ = statistics(np.array([0, n]), *rows, values[None], np.array([[True, True]]), 1)
    np.testing.assert_array_equal(table[0, 0], table[0, 1])  # the passband's are those of all
    without_median = [name != "median" for name in STATISTICS]
    of_detected = table[0, 2][:, without_median]
    np.testing.assert_array_equal(of_detected, table[0, 1][:, without_median])
    return dict(zip(STATISTICS, table[0, 0, 0].tolist(), strict=True))


def skew_of(values):
    skew = described(values)["skew"]
    return None if np.isnan(skew) else skew


@pytest.mark.parametrize("count", [3, 8, 9, 10, 100, 1001, 100_000])
@pytest.mark.parametrize("value", [0.0, 0.1, 51.275872326207804, -1e30])
def test_equal_values_have_no_skewness(count, value):
    assert skew_of(np.full(count, value)) is None


def test_below_three_values_there_is_no_skewness():
    assert skew_of([]) is None
    assert skew_of([1.0]) is None
    assert skew_of([1.0, 2.0]) is None
    assert skew_of([0.0, 0.0, 1.0]) == pytest.approx(3**0.5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=40), st.floats(1e-6, 1e6))
def test_skewness_is_scipys(numbers, scale):
    values = np.array(numbers) * scale
    if np.ptp(values) == 0:
        assert skew_of(values) is None
    else:
        assert skew_of(values) == pytest.approx(stats.skew(values, bias=False), rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=40),
    st.floats(1e-6, 1e6),
    st.sampled_from([0.0, 1e6]),
)
def test_statistics_are_those_of_pandas(numbers, scale, offset):
    values = pd.Series(np.array(numbers) * scale + offset)
    found = described(values)
    for name in ("min", "max", "mean", "median", "std", "sum"):
        expected = getattr(values, name)()
        if name == "std" and len(values) > 1 and values.min() == values.max():
            expected = 0.0
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-9 * scale)


# --- independence of the rest --------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 39))
def test_other_objects_and_row_order_do_not_change_features(survey, curves_of, random, first):
    observations, objects = survey(40, seed=3)
    together = aggregate_features(curves_of(observations, objects))
    chosen = objects["object_id"].iloc[first : first + 1 + random.randrange(4)]
    some = observations[observations["object_id"].isin(chosen)]
    some = some.sample(frac=1, random_state=random.randrange(1000))
    alone = aggregate_features(curves_of(some, objects[objects["object_id"].isin(chosen)]))
    expected = together.filter(pl.col("object_id").is_in(chosen.to_list()))
    assert alone["object_id"].equals(expected["object_id"])
    for name in alone.columns[1:]:
        assert alone[name].is_null().equals(expected[name].is_null())
        np.testing.assert_allclose(
            alone[name].to_numpy(), expected[name].to_numpy(), rtol=1e-12, atol=1e-12, err_msg=name
        )


def test_string_ids_give_the_same_features(survey, curves_of):
    observations, objects = survey(30)
    numbers = aggregate_features(curves_of(observations, objects))
    texts = aggregate_features(
        curves_of(
            observations.assign(object_id="SN" + observations["object_id"].astype(str)),
            objects.assign(object_id="SN" + objects["object_id"].astype(str)),
        )
    )
    assert texts["object_id"].to_list() == [f"SN{i}" for i in numbers["object_id"]]
    assert texts.drop("object_id").equals(numbers.drop("object_id"))
