"""Objects that are observed elsewhere are the same objects, as the survey would see them there."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.observing import Cadences, Detections, FluxErrors, brightest_times
from lcclassify.augment.redshifts import NEAREST, dimming
from lcclassify.errors import ConfigError
from lcclassify.simulation.cosmology import distance_modulus

EVERYTHING = Detections(-np.inf, 1.0, False)
REDSHIFTS = np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6])


@pytest.fixture(scope="module")
def survey(explosions):
    """Ten explosions, two of them with a season that nobody looked."""
    curves, peak = explosions(REDSHIFTS, seed=3)
    gap = (curves.objects % 5 == 1) & (np.abs(curves.mjd - peak[curves.objects] - 35) < 25)
    return curves.select(~gap)


@pytest.fixture(scope="module")
def watched(survey, sample_of, watch):
    """The sample, seen without noise and all of it detected, at any time."""
    return sample_of(survey, REDSHIFTS, detections=EVERYTHING, cadences=watch())


@pytest.fixture
def redrawn(keys_of):
    """Return a function that draws every object of a sample so many times."""

    def draw(settings, sample, copies=1, seed=0):
        n = len(sample.drawn)
        rows = np.tile(np.arange(n), copies)
        fitted = settings.fitted(sample)
        return fitted.apply(sample.drawn.take(rows), keys_of(n * copies, seed))

    return draw


def source_times(drawn, survey, peak=60000.0):
    """Return the time of the source of each drawn observation, for photometric redshifts exact."""
    own, new = REDSHIFTS[drawn.sources], drawn.columns["photoz"]
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
def test_nothing_is_drawn_where_nothing_is_known(before, after, watched, survey, redrawn, watch):
    settings = ObserveElsewhere(before=before, after=after, shift=0.0, spectra="none", attempts=1)
    drawn = redrawn(settings, watched, copies=60)
    assert (drawn.columns["photoz"] != REDSHIFTS[drawn.sources]).all()
    each = drawn.curves.objects
    since, until = gaps_to_source(source_times(drawn, survey), drawn.sources[each], survey)
    slack = 1e-6
    assert ((since <= after + slack) | (until <= before + slack)).all()
    # It is right up to there, and all that the cadence has in between.
    assert until[since > after + slack].max() > before - 0.6
    if after:
        assert since[until > before + slack].max() > after - 0.6
    cadence = watch()
    stretch = (1 + drawn.columns["photoz"]) / (1 + REDSHIFTS[drawn.sources])
    best = brightest_times(survey)[drawn.sources]
    for n in range(0, len(drawn), 37):
        times = best[n] + (cadence.mjd - 60000) / stretch[n]
        since, until = gaps_to_source(times, np.full(len(times), drawn.sources[n]), survey)
        inside = (since < after - slack) | (until < before - slack)
        own = drawn.curves.mjd[drawn.curves.bounds[n] : drawn.curves.bounds[n + 1]]
        assert np.isin(cadence.mjd[inside], own).all()
        assert len(own) <= inside.sum() + 2


def test_the_peak_is_shifted_by_some_days_at_most(survey, sample_of, watch, redrawn):
    sample = sample_of(
        survey, REDSHIFTS, detections=EVERYTHING, cadences=watch(0.05, before=60, after=150)
    )
    settings = ObserveElsewhere(
        before=0.0, after=1.0, shift=8.0, spectra="none", nearer=1.0, farther=1.0, attempts=1
    )
    drawn = redrawn(settings, sample, copies=40)
    np.testing.assert_allclose(drawn.columns["photoz"], REDSHIFTS[drawn.sources], rtol=1e-12)
    # The first drawn observation is at the source's first, after at most one step.
    first = drawn.curves.mjd[drawn.curves.bounds[:-1]] - 60000
    past = survey.mjd[survey.bounds[:-1]] - brightest_times(survey)
    days = first - past[drawn.sources]
    assert days.min() > -8
    assert days.max() < 8.05
    assert stats.kstest((days - 0.025 + 8) / 16, "uniform").pvalue > 1e-3


# --- fluxes -----------------------------------------------------------------------------


@pytest.mark.parametrize("spectra", ["none", "shared", "class"])
def test_an_object_that_stays_where_it_is_is_seen_as_it_was(spectra, survey, sample_of, redrawn):
    """At its own redshift and times the posterior is about the observations themselves."""
    errors = FluxErrors(np.zeros(4), np.zeros(4), np.full(4, 1e-30))
    settings = ObserveElsewhere(
        shift=0.0, spectra=spectra, nearer=1.0, farther=1.0, attempts=1, before=0.0, after=1e-6
    )
    ratios = []
    for n in range(len(survey)):
        own = survey.take(np.array([n]))
        quiet = replace(Cadences.of(own, errors), sky=np.full(len(own.mjd), 1e-12))
        sample = sample_of(own, REDSHIFTS[n : n + 1], detections=EVERYTHING, cadences=quiet)
        drawn = redrawn(settings, sample, copies=10)
        np.testing.assert_allclose(drawn.curves.mjd, np.tile(own.mjd, 10), atol=1e-9)
        ratio = (drawn.curves.flux - np.tile(own.flux, 10)) / np.tile(own.flux_err, 10)
        ratios.append(ratio[np.tile(own.flux > 5 * own.flux_err, 10)])  # others may be cut off
    ratios = np.concatenate(ratios)
    assert len(ratios) > 2000
    # No observation is without its error, and neither is a draw.
    assert abs(ratios.mean()) < 0.15
    assert 0.5 < ratios.std() < 1.5
    assert np.abs(ratios).max() < 7


def test_fluxes_go_with_distance_and_time_is_stretched(stack, sample_of, watch, redrawn):
    """Light of one colour, in which no wavelength is far from another."""
    mjd = np.repeat(59950 + np.arange(0, 100, 1.0), 4)
    light = 500 * np.exp(-0.5 * ((mjd - 60000) / 15) ** 2)
    passband = np.tile(np.arange(4), 100)
    curves = stack([(mjd, passband, light, np.full(400, 0.05), light > 0.25)])
    sample = sample_of(curves, [0.2], detections=EVERYTHING, cadences=watch())
    settings = ObserveElsewhere(
        shift=0.0,
        spectra="none",
        nearer=1.8,
        farther=1.8,
        attempts=1,
        fading=1e6,
        wavelength_scale=6000.0,
    )
    drawn = redrawn(settings, sample, copies=5)
    assert drawn.columns["photoz"] == pytest.approx(np.full(5, 0.36), rel=1e-12)
    phase = (drawn.curves.mjd - 60000) / (1.36 / 1.2)
    expected = 500 * np.exp(-0.5 * (phase / 15) ** 2) * dimming(np.array([0.2]), np.array([0.36]))
    inside = np.abs(phase) < 30
    assert inside.sum() > 500
    np.testing.assert_allclose(drawn.curves.flux[inside], expected[inside], rtol=0.03, atol=1.5)


@pytest.mark.parametrize("spectra", ["shared", "class"])
def test_what_is_moved_looks_like_what_is_there(
    spectra, explosions, sample_of, watch, redrawn, true_flux
):
    """Of known light curves and colours it is known what they would be farther away."""
    redshift = np.linspace(0.05, 0.5, 30)
    curves, peak = explosions(redshift, seed=8, error=1.0)
    sample = sample_of(curves, redshift, detections=EVERYTHING, cadences=watch(1.0))
    settings = ObserveElsewhere(shift=0.0, spectra=spectra, attempts=1, before=5.0, after=5.0)
    drawn = redrawn(settings, sample, copies=20)
    each = drawn.curves.objects
    new = drawn.columns["photoz"]
    assert ((1 + new) / (1 + redshift[drawn.sources])).max() > 1.4
    # Where the source's best observation was, not its peak, is the cadence's.
    off = (brightest_times(curves) - peak)[drawn.sources] / (1 + redshift[drawn.sources])
    mjd = drawn.curves.mjd + (off * (1 + new))[each]
    true = true_flux(new[each], 60000.0, mjd, drawn.curves.passband)
    phase = (mjd - 60000) / (1 + new[each])
    rest = np.array([480.0, 620.0, 750.0, 870.0])[drawn.curves.passband] / (1 + new[each])
    known = (np.abs(phase) < 25) & (rest > 330) & (rest < 800)
    assert known.sum() > 5000
    ratio = drawn.curves.flux[known] / true[known]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    # In each part of the spectrum as well, and at each distance.
    for values, edges in (
        (rest[known], (330, 400, 480, 600, 800)),
        (((1 + new) / (1 + redshift[drawn.sources]))[each][known], (0.9, 1.1, 1.25, 1.5)),
    ):
        for low, high in pairwise(edges):
            inside = (values > low) & (values < high)
            assert inside.sum() > 300
            assert np.median(ratio[inside]) == pytest.approx(1, abs=0.15), (low, high)
    low, high = np.quantile(ratio, [0.1, 0.9])
    assert 0.6 < low < high < 1.6


def test_fluxes_of_what_only_brightens_are_never_below_zero(watched, survey, redrawn):
    drawn = redrawn(ObserveElsewhere(spectra="none", shift=0.0), watched, copies=20)
    assert drawn.curves.flux_err.max() < 1e-5
    assert drawn.curves.flux.min() > -1e-4
    # Draws are not clipped for want of anything below: far from the peak there is none.
    assert (drawn.curves.flux < 1e-4).any()


def test_what_varies_about_a_mean_goes_below_zero(stack, sample_of, watch, redrawn):
    mjd = np.arange(59900, 60100, 2.0)
    flux = 100 * np.sin(mjd / 10)
    both = [
        (mjd, np.arange(100) % 4, value, np.full(100, 2.0), value > 10)
        for value in (flux, np.abs(flux))
    ]
    sample = sample_of(stack(both), [0.2, 0.2], detections=EVERYTHING, cadences=watch())
    settings = ObserveElsewhere(spectra="none", before=1.0, after=1.0, nearer=1.0, farther=1.0)
    drawn = redrawn(settings, sample, copies=10)
    lowest = np.minimum.reduceat(drawn.curves.flux, drawn.curves.bounds[:-1])
    assert (lowest[drawn.sources == 0] < -70).all()
    assert (lowest[drawn.sources == 1] > -1e-4).all()


def test_beyond_its_observations_a_source_dies_away(watched, survey, redrawn):
    settings = ObserveElsewhere(spectra="none", shift=0.0, before=40.0, after=40.0, fading=3.0)
    drawn = redrawn(settings, watched, copies=20)
    times, each = source_times(drawn, survey), drawn.sources[drawn.curves.objects]
    first, last = survey.mjd[survey.bounds[:-1]][each], survey.mjd[survey.bounds[1:] - 1][each]
    beyond = np.maximum(first - times, times - last)
    assert beyond.max() > 35
    assert np.abs(drawn.curves.flux[beyond > 20]).max() < 1e-4
    assert np.abs(drawn.curves.flux[(beyond > 0) & (beyond < 1)]).max() > 1


def test_errors_are_those_of_the_sky_and_the_flux(survey, sample_of, watch, redrawn):
    errors = FluxErrors(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 1e-3), np.full(4, 1e-30))
    cadence = replace(watch(), sky=9.0 + 4 * watch().passband)
    sample = sample_of(survey, REDSHIFTS, detections=EVERYTHING, cadences=cadence, errors=errors)
    quiet = sample_of(survey, REDSHIFTS, detections=EVERYTHING, cadences=watch())
    settings = ObserveElsewhere(spectra="none", attempts=1)
    noisy, true = (redrawn(settings, one, copies=20) for one in (sample, quiet))
    # The same keys draw the same objects, and only the sky is another.
    np.testing.assert_array_equal(noisy.curves.mjd, true.curves.mjd)
    band, flux = true.curves.passband, np.maximum(true.curves.flux, 0)
    variance = 9.0 + 4 * band + (1.0 + band) * flux + 1e-3 * flux**2
    np.testing.assert_allclose(noisy.curves.flux_err, np.sqrt(variance), rtol=1e-5)
    noise = (noisy.curves.flux - true.curves.flux) / noisy.curves.flux_err
    assert stats.kstest(noise, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 4 / np.sqrt(len(noise))


def test_detections_are_the_surveys(survey, sample_of, watch, redrawn):
    cadence = replace(watch(), sky=np.full(len(watch().mjd), 25.0))
    detections = Detections(6.0, 1.0, False)
    sample = sample_of(survey, REDSHIFTS, detections=detections, cadences=cadence)
    drawn = redrawn(ObserveElsewhere(spectra="none"), sample, copies=20).curves
    expected = detections.probability(drawn.flux, drawn.flux_err)
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (expected >= low) & (expected < high)
        assert inside.sum() > 200
        spread = np.sqrt(expected[inside].mean() / inside.sum())
        assert abs(drawn.detected[inside].mean() - expected[inside].mean()) < 4 * spread


# --- which draws ------------------------------------------------------------------------


def test_redshifts_keep_to_their_bounds(watched, watch, redrawn):
    settings = ObserveElsewhere(nearer=0.8, farther=3.0, stretch=1.25, spectra="none", attempts=1)
    drawn = redrawn(settings, replace(watched, cadences=watch(10.0)), copies=300)
    own, new = REDSHIFTS[drawn.sources], drawn.columns["photoz"]
    low, high = 0.8 * own, np.minimum(3 * own, 1.25 * (1 + own) - 1)
    assert (new >= low - 1e-12).all()
    assert (new <= high + 1e-12).all()
    # All of the range is used, and more often near than far.
    place = (new - low) / (high - low)
    for n in range(len(REDSHIFTS)):
        mine = place[drawn.sources == n]
        assert mine.min() < 0.05
        assert mine.max() > 0.95
        assert np.median(mine) < 0.5


def test_what_is_not_detected_is_drawn_again_or_left(
    survey, sample_of, watch, redrawn, assert_same
):
    cadence = replace(watch(), sky=np.full(len(watch().mjd), 200.0**2))
    sample = sample_of(survey, REDSHIFTS, cadences=cadence, least_detections=2)
    shares = []
    for attempts in (1, 10):
        drawn = redrawn(ObserveElsewhere(spectra="none", attempts=attempts), sample, copies=20)
        original = sample.drawn.take(drawn.sources)
        seen = np.bincount(drawn.curves.objects[drawn.curves.detected], minlength=len(drawn))
        left = drawn.columns["photoz"] == original.columns["photoz"]
        assert (seen[~left] >= 2).all()
        rows = np.flatnonzero(left)
        assert_same(drawn.curves.take(rows), original.curves.take(rows))
        shares.append(left.mean())
    assert 0 < shares[1] < shares[0] < 1


def test_nothing_detected_leaves_everything(watched, redrawn, assert_same):
    blind = replace(watched, detections=Detections(np.inf, 1.0, False))
    drawn = redrawn(ObserveElsewhere(spectra="none"), blind)
    assert_same(drawn.curves, watched.drawn.curves)
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values, watched.drawn.columns[name])


def test_cadences_of_all_objects_serve(survey, sample_of, redrawn):
    """Each draw has the passbands and times of one of the lenders."""
    sample = sample_of(survey, REDSHIFTS, detections=EVERYTHING)
    drawn = redrawn(ObserveElsewhere(spectra="none", attempts=1), sample, copies=20)
    lenders = []
    for n in range(len(drawn)):
        own = drawn.curves.take(np.array([n]))
        pairs = set(zip(own.mjd.tolist(), own.passband.tolist(), strict=True))
        fits = [
            m
            for m in range(len(survey))
            if pairs <= set(zip(*(x.tolist() for x in _times(survey, m)), strict=True))
        ]
        assert len(fits) == 1
        lenders.append(fits[0])
    assert np.bincount(lenders, minlength=len(survey)).min() > 5


def _times(curves, n):
    rows = slice(curves.bounds[n], curves.bounds[n + 1])
    return curves.mjd[rows], curves.passband[rows]


def test_an_object_does_not_depend_on_the_others(survey, sample_of, keys_of, assert_same):
    redshift = np.where(np.arange(10) % 3 == 0, np.nan, REDSHIFTS)
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


@pytest.mark.parametrize("kinds", [("none",), ("none", "shared"), ("shared", "class", "none")])
def test_each_draw_takes_one_kind_of_spectra(kinds, watched, keys_of):
    """Draws of a mixture are draws of one of its kinds, and of each of them alike."""
    n = 100
    drawn = watched.drawn.take(np.tile(np.arange(10), n // 10))
    found = []
    for kind in (kinds, *((kind,) for kind in kinds)):
        fitted = ObserveElsewhere(spectra=kind, attempts=1).fitted(watched)
        found.append(fitted.apply(drawn, keys_of(n)).curves)
    mixed, alone = found[0], found[1:]
    # Rows are the same whatever the spectra: redshifts and cadences are drawn beside them.
    close = np.stack(
        [np.maximum.reduceat(np.abs(one.flux - mixed.flux), one.bounds[:-1]) for one in alone]
    )
    assert close.min(axis=0).max() < 1e-4
    counts = np.bincount(close.argmin(axis=0), minlength=len(kinds))
    if len(kinds) == 2:  # of three, shared and class are the same where there is one class
        assert counts == pytest.approx(np.full(2, n / 2), abs=20)


# --- objects without a redshift ---------------------------------------------------------


@pytest.mark.parametrize("redshift", [np.nan, 0.0, -9.0, NEAREST / 2, 7.0])
def test_objects_without_a_redshift_are_dimmed_and_never_moved(
    redshift, survey, sample_of, redrawn
):
    n = len(survey)
    sample = sample_of(survey, np.full(n, redshift), detections=EVERYTHING, least_detections=0)
    settings = ObserveElsewhere(fainter=(0.8, 0.3))
    drawn = redrawn(settings, sample, copies=30)
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values, sample.drawn.columns[name][drawn.sources])
    lost = []
    for number in range(len(drawn)):
        own, source = drawn.curves.take(np.array([number])), drawn.sources[number]
        rows = survey.take(np.array([source]))
        # Its observations are some of the source's.
        place = np.searchsorted(rows.mjd, own.mjd)
        np.testing.assert_array_equal(rows.mjd[place], own.mjd)
        np.testing.assert_array_equal(rows.passband[place], own.passband)
        bright = rows.flux[place] > 20 * rows.flux_err[place]
        if bright.sum() > 5:
            lost.append(-2.5 * np.log10(np.median((own.flux / rows.flux[place])[bright])))
    lost = np.array(lost)
    assert lost.mean() == pytest.approx(0.8, abs=0.08)
    assert lost.std() == pytest.approx(0.3, abs=0.06)
    assert lost.min() > -0.05


def test_dimmed_errors_are_those_of_the_survey(stack, sample_of, redrawn):
    """Under a lender's sky, but no less than what the source's own errors have become."""
    rng = np.random.default_rng(0)
    mjd = np.arange(400) * 1.0
    good = (mjd, np.zeros(400), np.full(400, 1000.0) + rng.normal(size=400), np.ones(400), mjd >= 0)
    bad = (mjd, np.zeros(400), rng.normal(1000, 50, 400), np.full(400, 50.0), mjd >= 0)
    errors = FluxErrors(np.full(4, 0.1), np.zeros(4), np.zeros(4))
    cadence = Cadences(
        np.array([0, 300]), mjd[:300], np.zeros(300, dtype=np.uint8), np.full(300, 36.0), mjd[:1]
    )
    sample = sample_of(
        stack([good, bad]), [np.nan, 0.0], detections=EVERYTHING, cadences=cadence, errors=errors
    )
    drawn = redrawn(ObserveElsewhere(fainter=(1.0, 0.0)), sample, copies=10)
    assert drawn.curves.counts.tolist() == [300] * 20
    factor = 10**-0.4
    each = drawn.sources[drawn.curves.objects]
    expected = np.sqrt(36 + 0.1 * factor * 1000)
    np.testing.assert_allclose(drawn.curves.flux_err[each == 0], expected, rtol=0.01)
    np.testing.assert_allclose(drawn.curves.flux_err[each == 1], 50 * factor, rtol=1e-12)
    # Noise is added up to the error, once.
    scatter = (drawn.curves.flux - factor * 1000) / drawn.curves.flux_err
    for source in (0, 1):
        assert scatter[each == source].std() == pytest.approx(1, abs=0.06)
        assert scatter[each == source].mean() == pytest.approx(0, abs=0.12)


def test_dimmed_objects_have_no_more_observations_than_lenders(stack, sample_of, redrawn):
    mjd = np.arange(100.0)
    many = (mjd, np.repeat([0, 1], 50), np.full(100, 50.0), np.ones(100), mjd >= 0)
    lenders = stack(
        [
            (mjd[:30], np.repeat([0, 1, 2], [4, 20, 6]), np.zeros(30), np.ones(30), mjd[:30] < 0),
            (mjd[:70], np.repeat([0, 1], [60, 10]), np.zeros(70), np.ones(70), mjd[:70] < 0),
        ]
    )
    errors = FluxErrors(np.zeros(4), np.zeros(4), np.zeros(4))
    sample = sample_of(
        stack([many]), [np.nan], detections=EVERYTHING, cadences=Cadences.of(lenders, errors)
    )
    drawn = redrawn(ObserveElsewhere(attempts=1), sample, copies=100).curves
    of_band = np.bincount(drawn.objects * 4 + drawn.passband, minlength=400).reshape(100, 4)
    kinds, counts = np.unique(of_band, axis=0, return_counts=True)
    assert kinds.tolist() == [[4, 20, 0, 0], [50, 10, 0, 0]]
    assert counts.min() > 30
    # Which of the source's they are is left to chance.
    first = drawn.mjd[drawn.bounds[:-1]]
    assert len(np.unique(first)) > 5


def test_objects_with_few_observations_are_left_as_they_are(
    survey, sample_of, redrawn, watch, assert_same
):
    counts = survey.counts
    place = np.arange(len(survey.mjd)) - survey.bounds[survey.objects]
    keep = place < np.where(np.arange(10) < 6, np.arange(10) // 2, counts)[survey.objects]
    short = survey.select(keep)
    assert short.counts[:7].tolist() == [0, 0, 1, 1, 2, 2, counts[6]]
    redshift = np.where(np.arange(10) % 2, REDSHIFTS, np.nan)
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


def test_photometric_columns_follow(survey, watch, sample_of, redrawn, keys_of):
    rng = np.random.default_rng(2)
    sample = sample_of(survey, REDSHIFTS, detections=EVERYTHING, cadences=watch())
    scattered = REDSHIFTS + 0.005 * (1 + REDSHIFTS) * rng.normal(size=10)
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
    known = ((scattered - REDSHIFTS) / (1 + REDSHIFTS))[~lost]
    nearest = np.abs(deviation[~missing, None] - known)
    assert nearest.min(axis=1).max() < 1e-9
    assert (np.bincount(nearest.argmin(axis=1), minlength=8) > 10).all()
    np.testing.assert_array_equal(
        drawn.columns["distmod"][~missing], distance_modulus(drawn.columns["photoz"][~missing])
    )
    np.testing.assert_array_equal(drawn.columns["dust"], columns["dust"][drawn.sources])


def test_a_survey_without_photometric_redshifts(survey, sample_of, watch, redrawn):
    sample = sample_of(
        survey,
        REDSHIFTS,
        detections=EVERYTHING,
        cadences=watch(),
        photometric=(None, None, None),
    )
    drawn = redrawn(ObserveElsewhere(spectra="none"), sample)
    assert not np.array_equal(drawn.curves.bounds, survey.bounds)
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values, sample.drawn.columns[name])


# --- the target -------------------------------------------------------------------------


def test_draws_lie_where_the_target_lies(explosions, sample_of, watch, redrawn):
    redshift = np.linspace(0.05, 0.4, 20)
    curves, _ = explosions(redshift, every=6.0)
    cadence = replace(watch(3.0, before=40, after=80), sky=np.full(40, 25.0))
    rng = np.random.default_rng(0)
    target = rng.normal(0.55, 0.05, 400), 10 ** rng.normal(1.2, 0.2, 400)
    settings = ObserveElsewhere(spectra="none")
    found = {}
    for name, wanted in (("none", None), ("metadata", target)):
        sample = sample_of(curves, redshift, cadences=cadence, target=wanted)
        drawn = redrawn(settings, sample, copies=20)
        found[name] = drawn.columns["photoz"]
    before, after = (np.abs(np.median(found[name]) - 0.55) for name in ("none", "metadata"))
    assert after < 0.5 * before
    # No source goes farther than it may all the same.
    own = np.tile(redshift, 20)
    assert (found["metadata"] <= 1.5 * (1 + own) - 1 + 1e-9).all()


def test_a_target_of_few_objects_changes_redshifts_alone(explosions, sample_of, redrawn, keys_of):
    curves, _ = explosions(REDSHIFTS, every=20.0)
    few = np.full(20, 0.8), np.full(20, 30.0)
    sample = sample_of(curves, REDSHIFTS, target=few, detections=EVERYTHING)
    settings = ObserveElsewhere(spectra="none", attempts=1)
    fitted = settings.fitted(sample)
    assert fitted.acceptances == (None, None)
    drawn = fitted.apply(sample.drawn.take(np.tile(np.arange(10), 10)), keys_of(100))
    plain = redrawn(settings, replace(sample, target=None), copies=10)
    assert np.median(drawn.columns["photoz"]) > np.median(plain.columns["photoz"]) + 0.05


# --- settings ---------------------------------------------------------------------------


def test_wavelengths_are_needed_where_something_is_moved(survey, sample_of):
    sample = sample_of(survey, REDSHIFTS, wavelengths=np.zeros(0))
    with pytest.raises(ConfigError, match=r"set survey\.wavelengths"):
        ObserveElsewhere().fitted(sample)
    stars = sample_of(survey, np.full(10, np.nan), wavelengths=np.zeros(0))
    assert ObserveElsewhere().fitted(stars).dims.all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nearer": 0}, "augment: nearer must be a positive number, got 0"),
        ({"farther": -1.0}, "farther must be a positive number"),
        ({"stretch": np.nan}, "stretch must be a positive number"),
        ({"fading": True}, "fading must be a positive number"),
        ({"wavelength_scale": "600"}, "wavelength_scale must be a positive number, got '600'"),
        ({"before": -1}, "before must be days of at least 0, got -1"),
        ({"after": None}, "after must be days"),
        ({"shift": np.nan}, "shift must be days"),
        ({"attempts": 0}, "attempts must be a whole number of at least 1, got 0"),
        ({"attempts": 2.0}, "attempts must be a whole number"),
        ({"spectra": "clas"}, "did you mean 'class'"),
        ({"spectra": ()}, "spectra must be distinct words"),
        ({"spectra": ("none", "none")}, "spectra must be distinct words"),
        ({"fainter": (0.5,)}, "fainter must be a mean and a deviation"),
        ({"fainter": ("a", 1)}, "fainter must be a mean and a deviation"),
    ],
)
def test_impossible_settings_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ObserveElsewhere(**arguments)
