"""Nightly sequences agree with the reference's golden values and with a peer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.errors import ConfigError
from lcclassify.representations.nights import Nights, group_nights
from lcclassify.representations.sequences import (
    BAND_CHANNELS,
    TIME_CHANNELS,
    SequenceForm,
    build_sequences,
    channel_names,
    days_since_first_detection,
    days_since_previous,
    interpolate_missing,
    object_flux_scale,
)
from lcclassify.schema import Passbands

EVERYTHING = SequenceForm(BAND_CHANNELS, TIME_CHANNELS)


def build(curves, form=None, redshift=None):
    """Return the sequences of light curves, flat, and the offsets of the objects."""
    nights = group_nights(curves)
    redshift = np.full(len(curves.objects), np.nan) if redshift is None else redshift
    form = SequenceForm() if form is None else form
    return build_sequences(nights, object_flux_scale(nights), redshift, form), nights.offsets


def by_name(curves, **kwargs):
    """Return every channel of the fullest form by its name."""
    values, offsets = build(curves, EVERYTHING, **kwargs)
    names = channel_names(curves.passbands, EVERYTHING)
    return dict(zip(names, values.T.astype(np.float64), strict=True)), offsets


def assert_same_sequences(curves, expected):
    values, offsets = build(curves)
    assert values.dtype == np.float32
    assert len(curves.objects) == len(expected)
    for number, object_id in enumerate(curves.objects["object_id"]):
        ours = values[offsets[number] : offsets[number + 1]]
        assert ours.shape == expected[object_id].shape
        # The largest value of a channel is the unit of what cancels to nearly nothing.
        unit = np.abs(expected[object_id]).max(axis=0)
        np.testing.assert_allclose(ours, expected[object_id], rtol=1e-5, atol=1e-7 * unit.max())


def test_golden_values(sample10, golden, curves_of):
    with np.load(golden / "plasticc10_sequences.npz") as file:
        expected = {int(key): file[key] for key in file}
    assert_same_sequences(curves_of(*sample10), expected)


def test_peer_on_real_objects(sample10, peer, curves_of):
    assert_same_sequences(curves_of(*sample10), peer.sequences(sample10[0], 6))


@pytest.mark.parametrize("n_bands", [1, 2, 4, 6, 7])
def test_peer_on_objects_of_every_kind(n_bands, survey, peer, curves_of):
    observations, objects = survey(240 if n_bands == 6 else 60, n_bands, seed=n_bands)
    expected = peer.sequences(observations, n_bands)
    lengths = [len(rows) for rows in expected.values()]
    assert min(lengths) == 1
    assert max(lengths) > 250
    assert_same_sequences(curves_of(observations, objects, n_bands), expected)


def test_the_references_form_has_13_channels():
    assert channel_names(Passbands(tuple("ugrizy")), SequenceForm()) == (
        *(f"flux_{band}" for band in "ugrizy"),
        *(f"flux_err_{band}" for band in "ugrizy"),
        "days_since_previous",
    )


@pytest.mark.parametrize("n_bands", [1, 2, 7])
@pytest.mark.parametrize(
    "form", [EVERYTHING, SequenceForm((), TIME_CHANNELS), SequenceForm(("observed",), ())]
)
def test_channels_and_names_agree(n_bands, form, survey, curves_of):
    curves = curves_of(*survey(12, n_bands), n_bands)
    values, offsets = build(curves, form)
    names = channel_names(curves.passbands, form)
    assert values.shape == (offsets[-1], len(names))
    assert values.flags.c_contiguous  # what safetensors and torch take as it lies
    assert np.isfinite(values).all()
    for kind in form.bands:  # a channel alone is the same as among others
        alone, _ = build(curves, SequenceForm((kind,), ()))
        chosen = [names.index(f"{kind}_{band}") for band in curves.passbands.names]
        np.testing.assert_array_equal(alone, values[:, chosen])


# --- interpolation ------------------------------------------------------------------

cells = st.one_of(st.just(np.nan), st.floats(-1e6, 1e6))
grids = st.lists(
    st.lists(st.tuples(st.floats(0.01, 50), cells, cells), min_size=0, max_size=12),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(grids)
def test_interpolation_is_numpys_within_each_object(objects):
    rows = np.array([row for rows in objects for row in rows], dtype=float).reshape(-1, 3)
    offsets = np.cumsum([0, *map(len, objects)])
    time_ = np.concatenate([np.cumsum(rows[a:b, 0]) for a, b in _pairs(offsets)])
    filled = interpolate_missing(rows[:, 1:], time_, offsets)
    for a, b in _pairs(offsets):
        for band in (0, 1):
            column = rows[a:b, 1 + band]
            known = ~np.isnan(column)
            if not known.any():
                assert (filled[a:b, band] == 0).all()
                continue
            expected = np.interp(time_[a:b], time_[a:b][known], column[known])
            scale = max(np.abs(column[known]).max(), 1e-300)
            np.testing.assert_allclose(filled[a:b, band] / scale, expected / scale, atol=1e-12)
            np.testing.assert_array_equal(filled[a:b, band][known], column[known])
            slack = 1e-12 * scale
            assert (filled[a:b, band] >= column[known].min() - slack).all()
            assert (filled[a:b, band] <= column[known].max() + slack).all()


def _pairs(offsets):
    return list(pairwise(offsets))


def test_interpolation_stays_between_the_two_neighbours():
    values = np.array([[np.nan], [2.0], [np.nan], [10.0], [np.nan], [-5.0], [np.nan]])
    filled = interpolate_missing(values, np.array([0.0, 1, 2, 5, 6, 7, 9]), np.array([0, 7]))
    np.testing.assert_allclose(filled[:, 0], [2, 2, 4, 10, 2.5, -5, -5])


# --- times --------------------------------------------------------------------------


def nights_of(lengths, start, detected):
    shape = (len(start), 1)
    return Nights(
        offsets=np.cumsum([0, *lengths]),
        start=np.array(start, dtype=float),
        flux=np.ones(shape),
        flux_err=np.ones(shape),
        detected=np.array(detected, dtype=bool),
    )


def test_times_of_every_object_start_anew():
    nights = nights_of([3, 0, 1, 2], [5, 6, 9, 2, 1, 4], [0, 1, 1, 0, 0, 1])
    assert days_since_previous(nights).tolist() == [0, 1, 3, 0, 0, 3]
    # The third object has no detection and counts from its first night.
    assert days_since_first_detection(nights).tolist() == [-1, 0, 3, 0, -3, 0]


def test_the_first_detected_night_is_day_zero(survey, curves_of):
    curves = curves_of(*survey(60))
    nights = group_nights(curves)
    days = days_since_first_detection(nights)
    previous = days_since_previous(nights)
    for a, b in _pairs(nights.offsets):
        detected = np.flatnonzero(nights.detected[a:b])
        first = detected[0] if len(detected) else 0
        assert days[a + first] == 0
        assert (days[a : a + first] < 0).all()
        np.testing.assert_allclose(np.cumsum(previous[a:b]), days[a:b] - days[a], atol=1e-9)


def test_rest_times_are_shorter_and_stay_as_observed_without_a_redshift(survey, curves_of):
    curves = curves_of(*survey(20))
    redshift = np.full(20, 1.5)
    redshift[:4] = [np.nan, -1.0, -2.0, np.inf]
    channels, offsets = by_name(curves, redshift=redshift)
    observed = channels["days_since_first_detection"]
    stretch = np.repeat(np.where(np.arange(20) < 4, 1.0, 2.5), np.diff(offsets))
    np.testing.assert_allclose(
        channels["rest_days_since_first_detection"], observed / stretch, rtol=1e-6
    )


# --- scaling and extremes -----------------------------------------------------------


@pytest.mark.parametrize("factor", [1e-6, 0.3, 7.0, 1e12])
def test_relative_channels_do_not_depend_on_the_unit_of_flux(factor, survey, curves_of, scale_flux):
    observations, objects = survey(40)
    light = observations.groupby("object_id")["flux"].transform(lambda flux: (flux != 0).any())
    curves = curves_of(observations[light], objects)  # of no light, a survey's unit is all there is
    one, _ = by_name(curves)
    other, _ = by_name(scale_flux(curves, factor))
    for name, values in one.items():
        if name.startswith(("relative", "asinh", "observed", "days", "rest")):
            np.testing.assert_allclose(other[name], values, rtol=1e-5, atol=1e-5, err_msg=name)
        elif name.startswith("flux"):
            np.testing.assert_allclose(other[name], values * factor, rtol=1e-5, err_msg=name)


def test_the_flux_scale_is_the_brightest_significant_flux():
    nights = nights_of([2, 2, 1], [0, 1, 0, 1, 0], [0] * 5)
    flux = np.array([[4.0], [90.0], [-3.0], [2.0], [0.0]])
    error = np.array([[1.0], [50.0], [9.0], [9.0], [9.0]])
    nights = Nights(nights.offsets, nights.start, flux, error, nights.detected)
    # The second object has no significant flux, the third no flux at all.
    assert object_flux_scale(nights).tolist() == [4, 3, 1]


@pytest.mark.parametrize(
    ("flux_factor", "error_factor"),
    [(1e30, 1), (1e30, 1e-30), (1, 1e60), (1e290, 1e290), (1e-300, 1e-300), (0, 1)],
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_extreme_values_give_no_infinity_or_nan(flux_factor, error_factor, survey, curves_of):
    curves = curves_of(*survey(20))
    # Surveys leave out what nothing has; other callers need not.
    observations = curves.observations.with_columns(
        pl.col("flux") * flux_factor, pl.col("flux_err") * error_factor
    )
    channels, _ = by_name(replace(curves, observations=observations))
    assert len(channels) > 10
    for name, values in channels.items():
        assert np.isfinite(values).all(), name
        if name.startswith("relative"):
            assert np.abs(values).max() <= 100


def test_relative_values_are_limited(curves_of):
    rows = [(1.0, 10.0, 1.0), (2.0, -5e4, 1.0), (3.0, 40.0, 20.0), (4.0, 2e4, 1e4)]
    table = pl.DataFrame(rows, schema=["mjd", "flux", "flux_err"], orient="row")
    table = table.with_columns(object_id=1, passband=0, detected=0)
    channels, _ = by_name(curves_of(table, None, 1))
    assert channels["relative_flux_r"].tolist() == [1, -100, 4, 100]
    assert channels["relative_flux_err_r"].tolist() == pytest.approx([0.1, 0.1, 2, 100])


def test_a_passband_never_observed_is_zero_in_every_channel(survey, curves_of):
    observations, objects = survey(20, 2)
    curves = curves_of(observations[observations["passband"] == 0], objects, 2)
    channels, _ = by_name(curves)
    for kind in BAND_CHANNELS:
        assert (channels[f"{kind}_r"] == 0).all(), kind


def test_a_single_observation(curves_of):
    row = {"object_id": 3, "mjd": 60000.0, "passband": 1, "flux": 8.0, "flux_err": 2.0}
    curves = curves_of(pl.DataFrame([row | {"detected": 1}]), None, 2)
    channels, offsets = by_name(curves)
    assert offsets.tolist() == [0, 1]
    expected = {
        "flux_r": 8,
        "flux_err_r": 2,
        "relative_flux_r": 1,
        "relative_flux_err_r": 0.25,
        "asinh_significance_r": np.arcsinh(4),
        "log_flux_err_r": np.log(2),
        "observed_r": 1,
    }
    for name, values in channels.items():
        assert values[0] == pytest.approx(expected.get(name, 0.0), rel=1e-6), name


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 39))
def test_other_objects_and_row_order_do_not_change_sequences(survey, curves_of, random, first):
    observations, objects = survey(40, seed=3)
    together, offsets = build(curves_of(observations, objects), EVERYTHING)
    last = min(first + 1 + random.randrange(4), 40)
    some = objects.iloc[first:last]
    rows = observations[observations["object_id"].isin(some["object_id"])]
    rows = rows.sample(frac=1, random_state=random.randrange(1000))
    alone, _ = build(curves_of(rows, some), EVERYTHING)
    np.testing.assert_array_equal(alone, together[offsets[first] : offsets[last]])


@pytest.mark.timeout(300)  # seconds if the time grows with their number, hours with its square
def test_a_million_observations_of_one_object_come_to_an_end(curves_of):
    rng = np.random.default_rng(0)
    count = 1_000_000
    table = pl.DataFrame(
        {
            "object_id": np.ones(count, dtype=np.int64),
            "mjd": rng.uniform(59000, 60000, count),
            "passband": rng.integers(0, 2, count),
            "flux": rng.normal(0, 1, count),
            "flux_err": rng.uniform(1, 2, count),
        }
    )
    curves = curves_of(table, None, 2)
    values, _ = build(curves, EVERYTHING)
    assert len(values) > 2000


# --- settings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"bands": ["flux", "flux_er"]}, "bands has 'flux_er': did you mean 'flux_err'"),
        ({"times": ["days_since_last"]}, "times has 'days_since_last': did you mean 'days_since_p"),
        ({"band": ["flux"]}, "no key 'band': did you mean 'bands'"),
        ({"bands": "flux"}, "bands must be a list, got 'flux'"),
        ({"times": 3}, "times must be a list, got 3"),
        ({"bands": ["flux", "flux"]}, "bands names a channel twice"),
        ({"bands": [], "times": []}, "needs a channel in bands or in times"),
        (
            {"redshift": 0.5},
            "redshift must be the name of a metadata column, auto or null, got 0.5",
        ),
    ],
)
def test_wrong_settings_are_named(config, message):
    with pytest.raises(ConfigError, match=message):
        SequenceForm.from_config(config)
