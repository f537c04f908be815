"""Periods: the parts against their definitions, known light curves found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.representations.features import folding, harmonics, periodic, periodogram
from lcclassify.representations.features.observed import Observed
from lcclassify.schema import Passbands

BANDS = Passbands(("u", "g", "r", "i"))
AMPLITUDES = np.array([2.0, 5.0, 4.0, 3.0])  # half of the full ones
MEANS = np.array([10.0, -300.0, 0.0, 50.0])


def observed(curves, passbands=BANDS):
    """Return light curves of ``(mjd, passband, flux, flux_err)``."""
    sizes = [len(curve[0]) for curve in curves]
    mjd, band, flux, flux_err = (
        np.concatenate([np.asarray(curve[k], dtype=float) for curve in curves]) for k in range(4)
    )
    return Observed(
        bounds=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        mjd=mjd,
        passband=band.astype(np.uint8),
        flux=flux,
        flux_err=flux_err,
        detected=np.ones(len(mjd), dtype=bool),
        redshift=np.full(len(curves), np.nan),
        passbands=passbands,
    )


def star(shape, period, *, n=120, span=1000.0, noise=0.05, seed=0, start=59580.0):
    """Return observations of a star whose passbands vary as `shape` of the phase in radians."""
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(0, span, n))
    band = rng.integers(0, len(BANDS), n)
    flux = shape(2 * np.pi * mjd / period)
    flux = MEANS[band] + AMPLITUDES[band] * (flux + noise * rng.normal(size=n))
    return start + mjd, band, flux, noise * AMPLITUDES[band] + 1e-3


def supernova(seed=0, noise=0.05):
    """Return observations of what rises and falls once, within two hundred days."""
    mjd, band, *_ = star(np.cos, 1.0, seed=seed)
    days = mjd - mjd[0] - 400
    light = np.where(days > 0, np.exp(-days / 60) * (1 - np.exp(-days / 20)), 0.0)
    rng = np.random.default_rng(seed)
    flux = 1000 * AMPLITUDES[band] * light + 20 * noise * rng.normal(size=len(mjd))
    return mjd, band, flux, np.full(len(mjd), 20 * noise)


def described(*curves, passbands=BANDS):
    """Return the features of the first object by name, or of many as arrays."""
    table = periodic.matrix(observed(curves, passbands), with_redshift=False)
    names = periodic.names(passbands, with_redshift=False)
    assert table.shape == (len(curves), len(names))
    values = table[0] if len(curves) == 1 else table.T
    return dict(zip(names, values, strict=True))


def near(found, period, span=1000.0):
    """Whether two periods differ by less than a half of a cycle in the span."""
    return abs(1 / found - 1 / period) < 0.5 / span


# --- the parts ----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "first"), [(1, 0), (7, 20), (130, 3), (64, 1000)])
def test_power_spectrum_is_the_squared_sum(n, first):
    rng = np.random.default_rng(n)
    place, values = rng.uniform(-0.5, 0.5, n), rng.normal(size=n)
    found = periodogram.power_spectrum(place, values, first, first + 5003)
    frequency = np.arange(first, first + 5003) / 10
    sums = np.exp(-2j * np.pi * frequency[:, None] * place) @ values
    # Against the power of all observations in phase.
    assert np.abs(found - np.abs(sums) ** 2).max() < 1e-3 * np.abs(values).sum() ** 2


def test_summed_harmonics_and_peaks():
    power = np.zeros(100, np.float32)
    power[[7, 14, 21, 50]] = 1.0, 2.0, 4.0, 5.0
    summed = periodogram.summed_harmonics(power, 3)
    assert len(summed) == 34
    assert summed[7] == 7.0
    place = np.empty(3)
    assert periodogram.highest_peaks(power, 8, place) == 3
    assert place.tolist() == [50.0, 21.0, 14.0]
    # A parabola through three values has its vertex found exactly.
    parabola = (100 - (np.arange(100) - 40.25) ** 2).astype(np.float32)
    assert periodogram.highest_peaks(parabola, 1, place) == 1
    assert place[0] == pytest.approx(40.25, abs=1e-3)


@pytest.mark.parametrize("n_harmonics", [1, 2, 3, 4])
def test_series_is_the_least_squares_fit(n_harmonics):
    rng = np.random.default_rng(1)
    place, value, weight = rng.uniform(-0.5, 0.5, 40), rng.normal(size=40), rng.uniform(0, 2, 40)
    sums, found = np.empty((4, 9)), np.empty(9)
    harmonics.moments(place, value, weight, 3.3, sums)
    drop = harmonics.series(sums, n_harmonics, found)
    angle = 2 * np.pi * 3.3 * place
    columns = [np.ones(40)]
    for h in range(1, n_harmonics + 1):
        columns += [np.cos(h * angle), np.sin(h * angle)]
    design = np.stack(columns, axis=1)
    root = np.sqrt(weight)
    wanted, *_ = np.linalg.lstsq(design * root[:, None], value * root)
    np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=1e-6, atol=1e-9)
    assert not found[len(wanted) :].any()
    mean = np.average(value, weights=weight)
    chi = (weight * (value - mean) ** 2).sum(), (weight * (value - design @ wanted) ** 2).sum()
    assert drop == pytest.approx(chi[0] - chi[1], rel=1e-9)


def test_a_series_that_the_observations_do_not_decide_is_undefined():
    sums, found = np.empty((4, 9)), np.empty(9)
    harmonics.moments(np.array([0.0, 0.1, 0.2]), np.ones(3), np.ones(3), 1.0, sums)
    assert np.isnan(harmonics.series(sums, 2, found))


def test_what_chance_explains_is_taken_from_what_a_series_does():
    # Six tenths of the scatter of 11 observations, by a constant and two harmonics.
    assert harmonics.adjusted(6.0, 10.0, 11, 2) == pytest.approx(1 - 0.4 * 10 / 6)
    assert harmonics.adjusted(10.0, 10.0, 6, 2) == 1.0
    assert np.isnan(harmonics.adjusted(10.0, 10.0, 5, 2))
    assert np.isnan(harmonics.adjusted(0.0, 0.0, 11, 2))


def test_roughness_is_that_of_neighbours_in_phase():
    rng = np.random.default_rng(2)
    place, value = rng.uniform(-0.5, 0.5, 50), 3 * rng.normal(size=50)
    variance = rng.uniform(0, 3, 50)
    variance[::7] = np.inf
    found = folding.roughness(place, value, variance, 11.7)
    kept = np.isfinite(variance)
    order = np.argsort((11.7 * place[kept]) % 1)
    y, v = value[kept][order], variance[kept][order]
    noise = v[1:] + v[:-1]
    above = ((y[1:] - y[:-1]) ** 2 - noise) / (noise + 2)
    wanted = above.sum() / ((y[1:] ** 2 + y[:-1] ** 2 - noise) / (noise + 2)).sum()
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("start", [0, 20])
@pytest.mark.parametrize(("place", "is_found"), [(15, False), (16, True), (48, True), (49, False)])
def test_a_second_minimum_is_looked_for_in_the_other_half_of_the_cycle(start, place, is_found):
    curve, found = np.full(64, 2.0), np.empty(3)
    curve[start], curve[(start + place) % 64] = 0.0, 1.0
    folding.double(np.array([7.0, 3, 0, 0, 4, 0, 0, 0, 0]), curve, found)
    # Depth over the first's, distance, and what the odd harmonics have of the power.
    assert found.tolist() == [*((0.5, 0.25) if is_found else (0, 0.5)), 9 / 25]


# --- known light curves -------------------------------------------------------------


@pytest.mark.parametrize("period", [0.17, 0.33, 0.58, 0.9973, 2.2, 9.1])
def test_a_sinusoid_is_found(period):
    found = described(star(np.cos, period))
    assert near(found["period"], period)
    assert found["period_power_1"] > 0.95
    assert found["period_roughness"] < 0.1
    assert found["period_log_false_alarm"] < -20
    assert found["period_peak_snr"] > 10
    assert found["double_odd"] < 0.01
    amplitudes = [found[f"period_amplitude_{band}"] for band in BANDS.names]
    np.testing.assert_allclose(amplitudes, 2 * AMPLITUDES, rtol=0.1)
    ratios = [found[f"period_amplitude_ratio_{band}"] for band in BANDS.names]
    np.testing.assert_allclose(ratios, amplitudes / np.mean(amplitudes), rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_noise_neither_doubles_a_period_nor_hides_how_much_of_the_star_is_periodic(seed):
    found = described(star(np.cos, 0.58, noise=0.6, seed=seed))
    assert near(found["period"], 0.58)
    for name in ("period_power_1", "period_power_2", "period_power_4", "double_power"):
        assert found[name] == pytest.approx(1.0, abs=0.2), name


@pytest.mark.parametrize("start", [0.0, 59580.0, 59580.2])
def test_fourier_ratios_are_the_known_ones_whenever_time_begins(start):
    def shape(phase):
        return np.cos(phase) + 0.4 * np.cos(2 * phase + 1) + 0.2 * np.cos(3 * phase + 2)

    found = described(star(shape, 0.61, noise=0.001, start=start))
    assert near(found["period"], 0.61)
    assert found["period_r21"] == pytest.approx(0.4, abs=0.02)
    assert found["period_r31"] == pytest.approx(0.2, abs=0.02)
    assert found["period_phi21"] == pytest.approx(1.0, abs=0.1)
    assert found["period_phi31"] == pytest.approx(2.0, abs=0.2)


def test_a_steep_rise_is_a_short_one():
    def saw(phase):  # falls for four fifths of the cycle
        cycle = (phase / (2 * np.pi)) % 1
        return np.where(cycle < 0.8, 1 - cycle / 0.8, (cycle - 0.8) / 0.2)

    steep, even = described(star(saw, 0.58)), described(star(np.cos, 0.58))
    assert steep["period_rise"] < 0.35
    assert even["period_rise"] == pytest.approx(0.5, abs=0.05)
    assert even["period_mean_level"] == pytest.approx(0.5, abs=0.02)


def test_unequal_minima_are_seen_at_twice_the_period():
    found = described(star(lambda phase: -np.cos(2 * phase) - 0.2 * np.cos(phase), 0.8, n=400))
    assert near(found["period"], 0.4)
    assert found["double_power"] > found["period_power_4"]
    # Minima at phases 0 and pi: -1.2 and -0.8; maxima just above 1.
    assert found["double_depth_ratio"] == pytest.approx((1.005 + 0.8) / (1.005 + 1.2), abs=0.03)
    assert found["double_distance"] == pytest.approx(0.5, abs=0.04)
    assert found["double_odd"] == pytest.approx(0.04 / 1.04, abs=0.01)
    assert found["double_roughness"] < found["period_roughness"]


def test_narrow_eclipses_are_found_and_narrow():
    def eclipse(phase):
        cycle = (phase / (2 * np.pi)) % 1
        return (
            1 - 1.0 * (np.abs(cycle - 0.5) < 0.07) - 0.6 * (np.abs((cycle + 0.5) % 1 - 0.5) < 0.07)
        )

    found = described(star(eclipse, 1.7, n=200))
    assert any(near(found["narrow_period"], 1.7 * k) for k in (0.5, 1, 2))
    assert found["narrow_minimum_width"] < 0.3
    assert found["curve_skew"] < -1
    assert found["period_mean_level"] > 0.6


# --- who is searched, and what does not matter ----------------------------------------


def test_transients_and_noise_are_not_searched():
    rng = np.random.default_rng(0)
    mjd, band, *_ = star(np.cos, 1.0)
    noise = mjd, band, rng.normal(size=len(mjd)), np.ones(len(mjd))
    found = described(supernova(), noise, star(np.cos, 0.5))
    assert found["fast_share"][0] < 0.2
    assert found["fast_share"][2] == pytest.approx(1.0, abs=0.3)
    assert found["fast_significance"][1] < 3
    searched = [name for name in found if name not in periodic._OF_CURVE]
    for name in searched:
        assert np.isnan(found[name][:2]).all(), name
        assert np.isfinite(found[name][2]), name


def test_units_means_and_time_zero_do_not_matter():
    mjd, band, flux, flux_err = star(np.cos, 0.58)
    one = described((mjd, band, flux, flux_err))
    other = described((mjd + 4096.0, band, 7.5 * (flux + 32 * band), 7.5 * flux_err))
    for name, value in one.items():
        factor = 7.5 if name.startswith("period_amplitude_") and "ratio" not in name else 1.0
        assert other[name] == pytest.approx(factor * value, rel=1e-3, abs=1e-3), name


def test_the_order_of_passbands_does_not_matter():
    mjd, band, flux, flux_err = star(np.cos, 0.58)
    order = np.array([2, 0, 3, 1])  # a passband's new number
    names = [BANDS.names[k] for k in np.argsort(order)]
    other = described((mjd, order[band], flux, flux_err), passbands=Passbands(tuple(names)))
    for name, value in described((mjd, band, flux, flux_err)).items():
        assert other[name] == pytest.approx(value, rel=1e-6), name


def test_an_object_is_the_same_alone():
    curves = [star(np.cos, 0.3 + 0.1 * k, seed=k) for k in range(5)]
    curves.insert(2, supernova())
    curves.insert(3, ([], [], [], []))
    curves.insert(0, star(np.cos, 0.003, span=0.3))  # fast, and too short to be searched
    data = observed(curves)
    together = periodic.matrix(data, with_redshift=True)
    alone = [periodic.matrix(data.block(k, k + 1), with_redshift=True) for k in range(len(curves))]
    np.testing.assert_array_equal(together, np.concatenate(alone))
    assert np.isnan(together[4]).all()
    searched = np.isfinite(together[:, periodic.names(BANDS, with_redshift=True).index("period")])
    assert searched.tolist() == [False, True, True, False, False, True, True, True]


def test_survey_of_one_passband():
    mjd, *_ = star(np.cos, 0.58)
    band = np.zeros(len(mjd))
    rng = np.random.default_rng(0)
    flux = np.cos(2 * np.pi * mjd / 0.58) + 0.05 * rng.normal(size=len(mjd))
    found = described((mjd, band, flux, np.full(len(mjd), 0.05)), passbands=Passbands(("R",)))
    assert near(found["period"], 0.58)
    assert found["period_amplitude_R"] == pytest.approx(2.0, rel=0.1)
    assert found["period_amplitude_ratio_R"] == 1.0


def test_a_passband_without_variation_takes_no_part():
    mjd, band, flux, flux_err = star(np.cos, 0.58)
    flux = np.where(band == 1, 5.0, flux)
    found = described((mjd, band, flux, flux_err))
    assert near(found["period"], 0.58)
    assert np.isnan(found["period_amplitude_g"])
    assert np.isfinite(found["period_amplitude_r"])


def test_long_surveys_take_bounded_time():
    mjd, band, flux, flux_err = star(np.cos, 250.0, span=1000.0)
    stretched = described((mjd * 1e4, band, flux, flux_err))
    assert np.isnan(stretched["period"])  # no two observations within days: not searched
    pairs = np.concatenate([mjd * 1e4, mjd * 1e4 + 0.3])
    order = np.argsort(pairs)
    flux = np.cos(2 * np.pi * pairs / 0.7)[order]
    found = described((pairs[order], np.tile(band, 2)[order], flux, np.full(240, 0.01)))
    assert found["period"] > 100.0  # searched, as high as the bound on the work lets it


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 40),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-300, 1e-30, 1.0, 1e30, 1e300]),
    error=st.sampled_from([1e-12, 1.0, 1e12]),
    span=st.sampled_from([0.0, 1e-6, 1.0, 1000.0, 1e6]),
)
def test_absurd_values_give_values_or_nothing(n, seed, scale, error, span):
    rng = np.random.default_rng(seed)
    mjd = np.sort(rng.uniform(0, 1, n)) * span
    flux = scale * rng.choice([-1.0, 0.0, 1.0, rng.normal()], n)
    flux_err = np.maximum(min(scale * error, 1e305) * rng.uniform(0.5, 1, n), 1e-308)
    found = described((mjd, rng.integers(0, 4, n), flux, flux_err))
    assert not np.isinf(found["period"])
    for name in ("period_power_1", "narrow_power"):
        assert not found[name] > 10 + 1e-6
    for name in ("period_rise", "period_minimum_width", "narrow_minimum_width"):
        assert np.isnan(found[name]) or 0 <= found[name] <= 1
