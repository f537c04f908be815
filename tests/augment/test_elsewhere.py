"""Objects are moved as far as they may, and what is said of them follows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.observing import Detections, brightest_times
from lcclassify.cosmology import distance_modulus
from lcclassify.errors import ConfigError

EVERYTHING = Detections(-np.inf, 1.0, False)


def source_times(drawn, survey, redshifts, peak=60000.0):
    """Return the time of the source of each drawn observation, for photometric redshifts exact."""
    own, new = redshifts[drawn.sources], drawn.columns["photoz"]
    stretch = ((1 + new) / (1 + own))[drawn.curves.objects]
    best = brightest_times(survey)[drawn.sources][drawn.curves.objects]
    return best + (drawn.curves.mjd - peak) / stretch


def gaps_to_source(times, sources, survey):
    """Return the days since the source's observation before and until the one after."""
    since, until = np.full(len(times), np.inf), np.full(len(times), np.inf)
    for source in np.unique(sources):
        mjd = survey.mjd[survey.bounds[source] : survey.bounds[source + 1]]
        own = sources == source
        place = np.searchsorted(mjd, times[own], side="right")
        padded = np.concatenate([[-np.inf], mjd, [np.inf]])
        since[own], until[own] = times[own] - padded[place], padded[place + 1] - times[own]
    return since, until


# --- times ------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [(12.0, 25.0), (30.0, 0.0)])
def test_nothing_is_drawn_where_nothing_is_known(
    before, after, watched, survey, redshifts, redrawn, watch
):
    settings = ObserveElsewhere(
        before=before, after=after, dark=0.0, shift=0.0, spectra="none", attempts=1
    )
    drawn = redrawn(settings, watched, copies=60)
    assert (drawn.columns["photoz"] != redshifts[drawn.sources]).all()
    each = drawn.curves.objects
    since, until = gaps_to_source(
        source_times(drawn, survey, redshifts), drawn.sources[each], survey
    )
    slack = 1e-6
    assert ((since <= after + slack) | (until <= before + slack)).all()
    # It is right up to there, and all that the cadence has in between.
    assert until[since > after + slack].max() > before - 0.6
    if after:
        assert since[until > before + slack].max() > after - 0.6
    cadence = watch()
    stretch = (1 + drawn.columns["photoz"]) / (1 + redshifts[drawn.sources])
    best = brightest_times(survey)[drawn.sources]
    for n in range(0, len(drawn), 37):
        times = best[n] + (cadence.mjd - 60000) / stretch[n]
        since, until = gaps_to_source(times, np.full(len(times), drawn.sources[n]), survey)
        inside = (since < after - slack) | (until < before - slack)
        own = drawn.curves.mjd[drawn.curves.bounds[n] : drawn.curves.bounds[n + 1]]
        assert np.isin(cadence.mjd[inside], own).all()
        assert len(own) <= inside.sum() + 2


def test_a_transient_that_was_dark_stays_so(stack, sample_of, watch, redrawn):
    """Where nobody looked as well, if it was dark before and after."""
    mjd = np.arange(59700.0, 60200, 1)
    mjd = mjd[(np.abs(mjd - 59850) > 50) & (np.abs(mjd - 60040) > 20)]  # in the light, and before
    rng = np.random.default_rng(0)
    light = 400 * np.exp(-0.5 * ((mjd - 60000) / 20) ** 2)
    flux = light + rng.normal(size=len(mjd))
    curves = stack([(mjd, np.arange(len(mjd)) % 4, flux, np.ones(len(mjd)), flux > 5)])
    sample = sample_of(curves, [0.2], detections=EVERYTHING, cadences=watch())
    phases = []
    for dark in (0.0, 20.0):
        settings = ObserveElsewhere(
            before=5.0, after=5.0, dark=dark, shift=0.0, spectra="none", attempts=1
        )
        drawn = redrawn(settings, sample, copies=20)
        stretch = ((1 + drawn.columns["photoz"]) / 1.2)[drawn.curves.objects]
        best = brightest_times(curves)[0] - 60000
        phases.append(best + (drawn.curves.mjd - 60000) / stretch)
        flux = drawn.curves.flux
    without, found = phases
    for some, far in ((without, False), (found, True)):
        assert ((some > -190) & (some < -110)).any() == far  # the gap in the dark
        assert (some > 210).any() == far
        assert not ((some > 26) & (some < 54)).any()  # the gap that nothing is known in
    off = np.abs(flux[(found < -80) | (found > 110)])
    assert (off < 1e-4).mean() > 0.97  # but where noise looks like light
    assert flux[np.abs(found) < 15].min() > 1


def test_the_peak_is_shifted_by_some_days_at_most(survey, redshifts, sample_of, watch, redrawn):
    sample = sample_of(
        survey, redshifts, detections=EVERYTHING, cadences=watch(0.05, before=60, after=150)
    )
    settings = ObserveElsewhere(
        before=0.0,
        after=1.0,
        dark=0.0,
        shift=8.0,
        spectra="none",
        nearer=1.0,
        farther=1.0,
        attempts=1,
    )
    drawn = redrawn(settings, sample, copies=40)
    np.testing.assert_allclose(drawn.columns["photoz"], redshifts[drawn.sources], rtol=1e-12)
    # The first drawn observation is at the source's first, after at most one step.
    first = drawn.curves.mjd[drawn.curves.bounds[:-1]] - 60000
    past = survey.mjd[survey.bounds[:-1]] - brightest_times(survey)
    days = first - past[drawn.sources]
    assert days.min() > -8
    assert days.max() < 8.05
    assert stats.kstest((days - 0.025 + 8) / 16, "uniform").pvalue > 1e-3


def test_where_it_was_not_observed_a_source_dies_away(watched, redshifts, survey, keys_of):
    """Beyond its first and last observation at once, in a gap when it is long."""
    drawn, reach = [], None
    for fading in (0.2, 1e6):
        settings = ObserveElsewhere(spectra="none", shift=0.0, attempts=1, fading=fading, dark=0)
        fitted = settings.fitted(watched)
        reach = 0.2 * fitted.processes[0].scale
        drawn.append(fitted.apply(watched.drawn.take(np.tile(np.arange(10), 10)), keys_of(100)))
    faded, whole = drawn
    np.testing.assert_array_equal(faded.curves.mjd, whole.curves.mjd)
    each = faded.sources[faded.curves.objects]
    since, until = gaps_to_source(source_times(faded, survey, redshifts), each, survey)
    away = np.minimum(since, until) / reach[each]
    outside = np.isinf(since) | np.isinf(until)
    for where, begins in ((outside, 0), (~outside, 1)):
        expected = np.exp(-0.5 * np.maximum(away[where] - begins, 0) ** 2)
        assert expected.min() < 0.1
        bright = whole.curves.flux[where] > 1
        found = (faded.curves.flux[where] / whole.curves.flux[where])[bright]
        np.testing.assert_allclose(found, expected[bright], atol=1e-5)


# --- which draws ------------------------------------------------------------------------


def test_redshifts_keep_to_their_bounds(watched, redshifts, watch, redrawn, change_sample):
    settings = ObserveElsewhere(
        nearer=0.8, farther=3.0, stretch=1.25, spectra="none", attempts=1, proportionate=False
    )
    drawn = redrawn(settings, change_sample(watched, cadences=watch(10.0)), copies=300)
    own, new = redshifts[drawn.sources], drawn.columns["photoz"]
    low, high = 0.8 * own, np.minimum(3 * own, 1.25 * (1 + own) - 1)
    assert (new >= low - 1e-12).all()
    assert (new <= high + 1e-12).all()
    # All of the range is used, and more often near than far.
    place = (new - low) / (high - low)
    for n in range(len(redshifts)):
        mine = place[drawn.sources == n]
        assert mine.min() < 0.05
        assert mine.max() > 0.95
        assert np.median(mine) < 0.5


def test_an_object_does_not_depend_on_the_others(
    survey, redshifts, sample_of, keys_of, assert_same
):
    redshift = np.where(np.arange(10) % 3 == 0, np.nan, redshifts)
    sample = sample_of(survey, redshift, least_detections=10)
    fitted = ObserveElsewhere().fitted(sample)
    rows, keys = np.tile(np.arange(10), 5), keys_of(50)
    whole = fitted.apply(sample.drawn.take(rows), keys)
    assert not np.array_equal(whole.curves.bounds, sample.drawn.curves.take(rows).bounds)
    order = np.random.default_rng(0).permutation(50)
    for chosen in (order, order[:7], order[:1], order[:0]):
        some = fitted.apply(sample.drawn.take(rows[chosen]), keys[chosen])
        assert_same(some.curves, whole.curves.take(chosen))
        for name, values in some.columns.items():
            np.testing.assert_array_equal(values, whole.columns[name][chosen])


def test_objects_with_few_observations_are_left_as_they_are(
    survey, redshifts, sample_of, redrawn, watch, assert_same
):
    counts = survey.counts
    place = np.arange(len(survey.mjd)) - survey.bounds[survey.objects]
    keep = place < np.where(np.arange(10) < 8, np.arange(10) // 2, counts)[survey.objects]
    short = survey.select(keep)
    assert short.counts[:9].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, counts[8]]
    redshift = np.where(np.arange(10) % 2, redshifts, np.nan)
    sample = sample_of(short, redshift, detections=EVERYTHING, cadences=watch())
    drawn = redrawn(ObserveElsewhere(), sample, copies=4)
    original = sample.drawn.take(drawn.sources)
    few = np.flatnonzero(short.counts[drawn.sources] < 3)
    assert_same(drawn.curves.take(few), original.curves.take(few))
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values[few], original.columns[name][few])
    rest = np.setdiff1d(np.arange(len(drawn)), few)
    assert (drawn.curves.counts[rest] >= 3).all()
    assert any("6 with fewer than 3 observations" in note for note in sample.notes)
    for row in rest:
        one = np.array([row])
        assert not np.array_equal(drawn.curves.take(one).flux, original.curves.take(one).flux)


# --- columns ----------------------------------------------------------------------------


def test_photometric_columns_follow(survey, redshifts, watch, sample_of, redrawn, keys_of):
    rng = np.random.default_rng(2)
    sample = sample_of(survey, redshifts, detections=EVERYTHING, cadences=watch())
    scattered = redshifts + 0.005 * (1 + redshifts) * rng.normal(size=10)
    error = rng.uniform(0.01, 0.1, 10)
    lost = np.arange(10) % 5 == 2
    columns = {
        "photoz": np.where(lost, np.nan, scattered),
        "photoz_err": np.where(lost | (np.arange(10) == 4), np.nan, error),
        "distmod": np.where(lost, np.nan, distance_modulus(scattered)),
        "dust": sample.drawn.columns["dust"],
    }
    sample = replace(sample, drawn=replace(sample.drawn, columns=columns))
    settings = ObserveElsewhere(spectra="none", attempts=1)
    drawn = redrawn(settings, sample, copies=50)
    new = settings.fitted(sample).new_redshifts(drawn.sources, keys_of(500))
    deviation = (drawn.columns["photoz"] - new) / (1 + new)
    missing = lost[drawn.sources]
    for name in ("photoz", "photoz_err", "distmod"):
        assert np.isnan(drawn.columns[name][missing]).all()
    assert not np.isnan(drawn.columns["photoz"][~missing]).any()
    # The scatter is that of objects with both redshifts.
    known = ((scattered - redshifts) / (1 + redshifts))[~lost]
    nearest = np.abs(deviation[~missing, None] - known)
    assert nearest.min(axis=1).max() < 1e-9
    assert (np.bincount(nearest.argmin(axis=1), minlength=8) > 10).all()
    np.testing.assert_array_equal(
        drawn.columns["distmod"][~missing], distance_modulus(drawn.columns["photoz"][~missing])
    )
    np.testing.assert_array_equal(drawn.columns["dust"], columns["dust"][drawn.sources])


def test_a_photometric_redshift_is_no_measure_of_its_own_scatter(
    survey, redshifts, watch, sample_of, redrawn, keys_of
):
    sample = sample_of(survey, redshifts, detections=EVERYTHING, cadences=watch())
    scattered = redshifts * 1.05
    for without in (np.arange(10) >= 4, np.full(10, True)):  # objects without a spectrum
        columns = {"photoz": scattered, "dust": sample.drawn.columns["dust"]}
        known = np.where(without, scattered, redshifts)
        drawn = replace(sample.drawn, columns=columns)
        own = replace(sample, redshift=known, drawn=drawn, photometric=("photoz", None, None))
        settings = ObserveElsewhere(spectra="none", attempts=1)
        drawn = redrawn(settings, own, copies=50)
        new = settings.fitted(own).new_redshifts(drawn.sources, keys_of(500))
        scatter = np.abs(drawn.columns["photoz"] - new)
        assert (scatter < 1e-12).all() if without.all() else (scatter > 1e-4).all()


@pytest.mark.parametrize("none", [-9.0, -1.0])
def test_a_redshift_that_is_none_is_no_redshift(
    none, survey, redshifts, sample_of, redrawn, assert_same
):
    kinds = np.arange(10) // 5
    given = [np.where(np.arange(10) % 5 == 2, value, redshifts) for value in (none, np.nan)]
    drawn = [
        redrawn(ObserveElsewhere(spectra=("class",), attempts=1), sample, copies=5)
        for sample in (sample_of(survey, each, targets=kinds, n_classes=2) for each in given)
    ]
    assert_same(*(each.curves for each in drawn))


def test_a_survey_without_photometric_redshifts(survey, redshifts, sample_of, watch, redrawn):
    sample = sample_of(
        survey,
        redshifts,
        detections=EVERYTHING,
        cadences=watch(),
        photometric=(None, None, None),
    )
    drawn = redrawn(ObserveElsewhere(spectra="none"), sample)
    assert not np.array_equal(drawn.curves.bounds, survey.bounds)
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values, sample.drawn.columns[name])


# --- settings ---------------------------------------------------------------------------


def test_wavelengths_are_needed_where_something_is_moved(survey, redshifts, sample_of):
    sample = sample_of(survey, redshifts, wavelengths=np.zeros(0))
    with pytest.raises(ConfigError, match=r"set survey\.wavelengths"):
        ObserveElsewhere().fitted(sample)
    stars = sample_of(survey, np.full(10, np.nan), wavelengths=np.zeros(0))
    assert ObserveElsewhere().fitted(stars).dims.all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nearer": 0}, "augment: nearer must be a finite number above 0, got 0"),
        ({"farther": -1.0}, "farther must be a finite number above 0"),
        ({"stretch": np.nan}, "stretch must be a finite number above 0"),
        ({"fading": True}, "fading must be a finite number above 0"),
        (
            {"wavelength_scale": "600"},
            "wavelength_scale must be a finite number above 0, got '600'",
        ),
        ({"before": -1}, "before must be a finite number of at least 0, got -1"),
        ({"after": None}, "after must be a finite number of at least 0"),
        ({"shift": np.nan}, "shift must be a finite number of at least 0"),
        ({"attempts": 0}, "attempts must be a whole number of at least 1, got 0"),
        ({"attempts": 2.0}, "attempts must be a whole number"),
        ({"spectra": "clas"}, "did you mean 'class'"),
        ({"spectra": ()}, "spectra must be distinct words"),
        ({"spectra": ("none", "none")}, "spectra must be distinct words"),
        ({"fainter": (0.5,)}, "fainter must be a mean and a deviation"),
        ({"fainter": ("a", 1)}, "fainter must be a finite number, got .a."),
        ({"fainter": 0.5}, "fainter must be a list of numbers, got 0.5"),
        ({"untouched": 1.5}, r"untouched \(where it is not auto\) must be between 0 and 1"),
        ({"untouched": "atuo"}, "untouched .* must be between 0 and 1, got 'atuo'"),
    ],
)
def test_impossible_settings_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ObserveElsewhere(**arguments)


def test_a_share_of_draws_stays_untouched(survey, redshifts, sample_of, redrawn):
    sample = sample_of(survey, redshifts)
    whole, most = (
        redrawn(ObserveElsewhere(untouched=share), sample, copies=40) for share in (0.0, 0.3)
    )
    same = [
        np.array_equal(
            drawn.curves.take(np.array([k])).flux,
            survey.take(drawn.sources[k : k + 1]).flux,
        )
        for drawn in (whole, most)
        for k in range(len(drawn))
    ]
    before, after = np.array(same).reshape(2, -1)
    assert before.mean() < 0.05
    assert after.mean() == pytest.approx(0.3, abs=0.08)
    assert after[before].all()
    # The others are drawn as they would be anyway.
    rows = np.flatnonzero(~after)
    np.testing.assert_array_equal(most.curves.take(rows).flux, whole.curves.take(rows).flux)
