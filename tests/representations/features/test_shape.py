"""The form of a light curve: definitions, invariances, and what is undefined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.representations.features import colour, shape
from lcclassify.representations.features.light_statistics import STATISTICS, sort_pairs
from lcclassify.representations.features.sets import feature_matrix, feature_names
from lcclassify.schema import Passbands

SETS = {"shape": shape, "colour": colour}
# Columns in units of flux, or its logarithm.
SCALED = ("peak_flux_", "weighted_mean_", "peak_absolute_magnitude_")


def table(module, observed, with_redshift=False):
    """Return a set's columns by name."""
    with np.errstate(all="raise"):
        values = module.matrix(observed, with_redshift=with_redshift)
    names = module.names(observed.passbands, with_redshift=with_redshift)
    assert values.shape == (len(observed), len(names))
    return dict(zip(names, values.T, strict=True))


@pytest.mark.parametrize("module", SETS.values(), ids=SETS)
@pytest.mark.parametrize("with_redshift", [False, True])
@pytest.mark.parametrize("n_bands", range(1, 8))
def test_names_are_distinct_and_as_many_as_columns(
    module, with_redshift, n_bands, observed_of, transient
):
    passbands = Passbands(tuple(f"band {k}" for k in range(n_bands)))
    observed = observed_of([transient(0, n_bands), transient(1, n_bands)], passbands)
    found = table(module, observed, with_redshift)
    assert len(found) == len(module.names(passbands, with_redshift=with_redshift))


@pytest.mark.parametrize("module", SETS.values(), ids=SETS)
@pytest.mark.parametrize("unit", [64.0, 2.0**-40])
def test_the_epoch_and_the_unit_of_flux_do_not_matter(module, unit, observed_of, transient):
    curves = [transient(k) for k in range(6)]
    moved = [(mjd + 512.0, band, flux * unit, err * unit) for mjd, band, flux, err in curves]
    before = table(module, observed_of(curves))
    after = table(module, observed_of(moved))
    for name, values in before.items():
        factor = unit if name.startswith(SCALED) and not name.startswith("joint_") else 1
        np.testing.assert_allclose(after[name] / factor, values, rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("module", SETS.values(), ids=SETS)
def test_an_object_is_the_same_in_any_company(module, observed_of, transient):
    curves = [transient(k, n=3 + 17 * k) for k in range(5)]
    redshift = np.array([0.1, np.nan, 0.5, 0.0, 1.0])
    together = module.matrix(observed_of(curves, redshift=redshift), with_redshift=True)
    for k, one in enumerate(curves):
        alone = module.matrix(observed_of([one], redshift=redshift[k : k + 1]), with_redshift=True)
        np.testing.assert_array_equal(alone[0], together[k])


@pytest.mark.parametrize("module", SETS.values(), ids=SETS)
def test_an_object_without_observations_has_nothing_defined(module, observed_of, transient):
    nothing = tuple(np.zeros(0) for _ in range(4))
    observed = observed_of([nothing, transient(0), nothing], redshift=[0.2, 0.3, np.nan])
    for name, values in table(module, observed, with_redshift=True).items():
        if name != "redshift":
            assert np.isnan(values[[0, 2]]).all(), name
    alone = module.matrix(observed_of([transient(0)], redshift=[0.3]), with_redshift=True)
    np.testing.assert_array_equal(module.matrix(observed, with_redshift=True)[1], alone[0])


@pytest.mark.parametrize("module", SETS.values(), ids=SETS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_absurd_values_are_no_errors(module, data, observed_of):
    values = st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e30, -1e30, 1e200, -1e200, 1e308])
    errors = st.sampled_from([1.0, 1e-30, 1e30, 1e-200, 1e200, 1e308])
    curves = []
    for _ in range(data.draw(st.integers(1, 3))):
        n = data.draw(st.integers(0, 8))
        days = st.lists(st.sampled_from([0.0, 0.1, 1.0, 5.0, 1e6]), min_size=n, max_size=n)
        curves.append(
            (
                np.sort(np.array(data.draw(days))),
                np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))),
                np.array(data.draw(st.lists(values, min_size=n, max_size=n))),
                np.array(data.draw(st.lists(errors, min_size=n, max_size=n))),
            )
        )
    redshift = np.array([data.draw(st.sampled_from([np.nan, -2, 0, 0.5, 9])) for _ in curves])
    table(module, observed_of(curves, redshift=redshift), with_redshift=True)


@pytest.mark.parametrize("n_bands", [1, 2, 6, 7])
def test_sets_side_by_side_in_a_table_of_objects_of_every_kind(n_bands, survey, curves_of):
    curves = curves_of(*survey(40, n_bands, seed=n_bands), n_bands)
    redshift = curves.objects["hostgal_photoz"].to_numpy()
    chosen = ("shape", "reference", "colour")
    with np.errstate(all="raise", under="ignore"):
        values = feature_matrix(chosen, curves, redshift, with_redshift=True)
    columns = feature_names(
        chosen, curves.passbands, curves.metadata_columns, numbered=False, with_redshift=True
    )
    assert values.shape == (len(curves.objects), len(columns))
    assert len(set(columns)) == len(columns)
    assert not np.isinf(values).any()
    for name, one in zip(columns, values.T, strict=True):
        assert np.isfinite(one).any() or "600" in name, name
    # The smaller table is part of the larger one.
    alone = feature_matrix(("reference",), curves, redshift, with_redshift=True)
    first = columns.index("flux_min_" + curves.passbands.names[0])
    np.testing.assert_array_equal(values[:, first : first + alone.shape[1]], alone)


def test_without_a_redshift_of_its_own_an_object_is_in_the_observers_frame(observed_of, transient):
    curves = [transient(0), transient(0), transient(0)]
    found = table(shape, observed_of(curves, redshift=[np.nan, 0.0, -0.3]), with_redshift=True)
    for name, values in found.items():
        np.testing.assert_array_equal(values, values[0], err_msg=name)
    assert np.isnan(found["peak_absolute_magnitude_r"]).all()


def test_a_farther_object_of_the_same_flux_is_brighter(observed_of, transient):
    curves = [transient(0, n=400), transient(0, n=400, stretch=1.2)]
    found = table(shape, observed_of(curves, redshift=[0.1, 0.2]), with_redshift=True)
    # Astropy's distance moduli at H0 = 70 km/s/Mpc and a matter density of 0.3.
    near, far = found["peak_absolute_magnitude_g"]
    assert near - far == pytest.approx(39.9573 - 38.3109, abs=0.01)


def test_rise_and_decline_of_a_triangle(observed_of):
    mjd = np.arange(-50.0, 101.0, 2)
    flux = np.where(mjd < 0, 1 + mjd / 20, 1 - mjd / 80).clip(0) * 1000
    found = table(shape, observed_of([(mjd, np.zeros(len(mjd)), flux, np.ones(len(mjd)))]))
    assert found["rise_50_g"][0] == pytest.approx(10, abs=5)
    assert found["decline_50_g"][0] == pytest.approx(40, abs=5)
    # One passband alone is all of them.
    for side in ("rise", "decline"):
        joint, own = found[f"joint_{side}_50"][0], found[f"{side}_50_g"][0]
        assert joint == pytest.approx(own, abs=1e-6)
    assert found["joint_rise_50"][0] < found["joint_rise_20"][0]
    assert found["joint_decline_20"][0] == pytest.approx(64, abs=5)
    assert found["peak_after_joint_g"][0] == pytest.approx(0, abs=2)
    assert np.isnan(found["rise_50_r"][0])


@pytest.mark.parametrize("n_dark", [1, 2])
def test_passbands_without_light_change_no_days_of_all_together(n_dark, observed_of):
    """They are seen at the same times, and in the table before the one that has light."""
    mjd = np.arange(-50.0, 101.0, 2)
    flux = np.where(mjd < 0, 1 + mjd / 20, 1 - mjd / 80).clip(0) * 1000
    alone = mjd, np.full(len(mjd), 3), flux, np.ones(len(mjd))
    beside = (
        np.repeat(mjd, n_dark + 1),
        np.tile([*range(n_dark), 3], len(mjd)),
        np.stack([*[np.full(len(mjd), -7.0)] * n_dark, flux], axis=1).ravel(),
        np.ones(len(mjd) * (n_dark + 1)),
    )
    found = table(shape, observed_of([alone, beside]))
    for name in ("joint_rise_50", "joint_decline_50", "joint_rise_20", "joint_decline_20"):
        assert found[name][1] == found[name][0], name


def test_eight_bins_of_time_reach_from_200_days_before_the_peak_to_600_after(observed_of):
    flux = np.array([5.0, 80.0, 100.0, 80.0, 5.0])
    found = table(
        shape,
        observed_of(
            [
                (np.array([-before, -1, 0, 1, after]), np.zeros(5), flux, np.ones(5))
                for before, after in ((190.0, 590.0), (210.0, 610.0))
            ]
        ),
    )
    bins = [values for name, values in found.items() if name.startswith("joint_flux_")]
    assert len(bins) == 8
    assert np.isfinite(bins)[:, 0].nonzero()[0].tolist() == [0, 2, 7]
    assert np.isfinite(bins)[:, 1].nonzero()[0].tolist() == [2]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([-3.0, 0.0, 1.0, 1.5, 1e300, np.inf]), max_size=60))
def test_pairs_are_sorted_together(values):
    ordered, places = np.array(values), np.arange(len(values), dtype=float)
    sort_pairs(ordered, places)
    np.testing.assert_array_equal(ordered, np.sort(values))
    np.testing.assert_array_equal(np.array(values)[places.astype(int)], ordered)


def test_statistics_are_those_of_their_definitions(observed_of):
    rng = np.random.default_rng(5)
    n = 41
    mjd = np.sort(rng.uniform(0, 300, n))
    err = rng.uniform(0.5, 2, n)
    flux = 3 * rng.normal(size=n) + 0.02 * mjd
    found = {
        name.removesuffix("_g"): values[0]
        for name, values in table(shape, observed_of([(mjd, np.zeros(n), flux, err)])).items()
        if name.endswith("_g") and not name.startswith("joint_")
    }
    weights = err**-2
    centre = np.average(flux, weights=weights)
    ratio = (flux - centre) / err
    std = flux.std()
    sums = np.concatenate([[0], np.cumsum(flux - flux.mean())])
    steps = np.diff(flux) ** 2
    ordered = np.argsort(flux)
    reached = (np.cumsum(weights[ordered]) - weights[ordered] / 2) / weights.sum()
    low, quarter, half, upper, high = np.interp(
        [0.05, 0.25, 0.5, 0.75, 0.95], reached, flux[ordered]
    )
    expected = {
        "weighted_mean": centre,
        "negative": (flux < -3 * err).mean(),
        "red_chi2": (ratio**2).sum() / (n - 1),
        "excess_variance": (std**2 - (err**2).mean()) / (flux.mean() ** 2 + (err**2).mean()),
        "stetson_k": np.abs(ratio).mean() / np.sqrt((ratio**2).mean()),
        "beyond_1_std": (np.abs(flux - flux.mean()) > std).mean(),
        "cusum": np.ptp(sums) / (n * std),
        "trend": np.polyfit(mjd, flux, 1, w=1 / err)[0] * np.ptp(mjd) / std,
        "eta": steps.mean() / std**2,
        "eta_noise": (steps / (err[1:] ** 2 + err[:-1] ** 2)).mean(),
        "range_25_75": (upper - quarter) / (high - low),
        "median_position": (half - low) / (high - low),
        "crossings": (np.diff(np.sign(flux - half - 1e-12)) != 0).mean(),
    }
    assert list(expected) == list(STATISTICS)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


def test_of_two_observations_none_is_beyond_one_deviation(observed_of):
    rng = np.random.default_rng(5)
    flux = rng.normal(size=(500, 2)) * 10.0 ** rng.uniform(-3, 6, (500, 1))
    pairs = [(np.arange(2.0), np.zeros(2), pair, np.ones(2)) for pair in flux]
    assert (table(shape, observed_of(pairs))["beyond_1_std_g"] == 0).all()


def test_the_course_of_an_object(observed_of):
    days = np.array([0.0, 10, 20, 30, 40, 50, 60, 100, 100.5])
    flux = np.array([0.0, 1, 40, 100, 60, 30, 10, -8, -8])
    band = np.zeros(9)
    found = table(shape, observed_of([(days, band, flux, np.full(9, 2.0))]))
    found = {name: values[0] for name, values in found.items()}
    assert found["first_detection"] == -10
    assert found["last_detection"] == 20
    assert found["gap_before_first_detection"] == found["gap_before_peak"] == 10
    assert found["gap_after_peak"] == 10
    assert (found["observed_before"], found["observed_after"]) == (-30, 70.5)
    assert found["joint_negative"] == pytest.approx(2 / 9)
    squares = flux[2:7] ** 2
    assert found["share_of_signal_before"] == pytest.approx(squares[0] / squares.sum())
    assert found["share_of_signal_near"] == pytest.approx(squares[:-1].sum() / squares.sum())
    assert found["joint_crossings"] == pytest.approx(2 / 8)
    # Weights of when it shines are fluxes less two errors, no higher than the peak.
    height = np.clip(flux - 4, 0, found["peak_flux_g"])
    centre = np.average(days - 30, weights=height)
    assert found["centroid"] == pytest.approx(centre)
    assert found["breadth"] ** 2 == pytest.approx(
        np.average((days - 30 - centre) ** 2, weights=height)
    )
    # Only the observations of days 100 and 100.5 are a pair.
    assert found["joint_stetson_j"] == pytest.approx((flux.mean() + 8) / 2)


@pytest.mark.parametrize(("length", "crossings"), [(1, 19), (2, 9)])
def test_the_smallest_changes_of_sign_are_crossings(length, crossings, observed_of):
    days = np.arange(20.0)
    flux = 5 + np.where(days % (2 * length) < length, 1.0, -1.0)
    found = table(shape, observed_of([(days, np.zeros(20), flux, np.full(20, 1e6))]))
    assert found["joint_crossings"][0] == found["crossings_g"][0] == crossings / 19


def test_a_constant_object_has_no_form(observed_of):
    n = 12
    found = table(shape, observed_of([(np.arange(n), np.zeros(n), np.full(n, 7.0), np.ones(n))]))
    for name in ("trend", "eta", "stetson_k", "cusum", "range_25_75"):
        assert np.isnan(found[f"{name}_g"][0]), name
    assert found["red_chi2_g"][0] == 0
    assert found["crossings_g"][0] == 0
