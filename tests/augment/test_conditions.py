"""Draws are observed as the survey observes: its skies, its detections, its objects' times."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.observing import Cadences, Detections, FluxErrors

EVERYTHING = Detections(-np.inf, 1.0, False)


def test_errors_are_those_of_the_sky_and_the_flux(survey, redshifts, sample_of, watch, redrawn):
    errors = FluxErrors(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 1e-3), np.full(4, 1e-30))
    cadence = replace(watch(), sky=9.0 + 4 * watch().passband)
    sample = sample_of(survey, redshifts, detections=EVERYTHING, cadences=cadence, errors=errors)
    quiet = sample_of(survey, redshifts, detections=EVERYTHING, cadences=watch())
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


def test_detections_are_the_surveys(survey, redshifts, sample_of, watch, redrawn):
    cadence = replace(watch(), sky=np.full(len(watch().mjd), 25.0))
    detections = Detections(6.0, 1.0, False)
    sample = sample_of(survey, redshifts, detections=detections, cadences=cadence)
    drawn = redrawn(ObserveElsewhere(spectra="none"), sample, copies=20).curves
    expected = detections.probability(drawn.flux, drawn.flux_err)
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (expected >= low) & (expected < high)
        assert inside.sum() > 200
        spread = np.sqrt(expected[inside].mean() / inside.sum())
        assert abs(drawn.detected[inside].mean() - expected[inside].mean()) < 4 * spread


def test_what_is_not_detected_is_drawn_again_or_left(
    survey, redshifts, sample_of, watch, redrawn, assert_same
):
    cadence = replace(watch(), sky=np.full(len(watch().mjd), 200.0**2))
    sample = sample_of(survey, redshifts, cadences=cadence, least_detections=2)
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


def test_every_attempt_is_under_the_conditions_of_another(
    survey, redshifts, sample_of, change_sample, redrawn
):
    """Two of three lenders have too few observations for anything to be drawn."""
    place = np.arange(len(survey.mjd)) - survey.bounds[survey.objects]
    lenders = survey.select((survey.objects % 3 == 0) | (place < 2)).take(np.arange(9))
    sample = sample_of(survey, redshifts, detections=EVERYTHING)
    sample = change_sample(sample, cadences=Cadences.of(lenders, sample.survey.errors))
    left = []
    for attempts in (1, 20):
        drawn = redrawn(ObserveElsewhere(spectra="none", attempts=attempts), sample, copies=20)
        left.append((drawn.columns["photoz"] == redshifts[drawn.sources]).mean())
    assert left[0] > 0.5
    assert left[1] < 0.05


def test_found_is_what_has_three_observations_and_the_least_detections(
    watched, change_sample, stack
):
    curves = stack(
        [
            (np.arange(n), np.zeros(n), np.ones(n), np.ones(n), np.arange(n) < detections)
            for n, detections in ((2, 2), (3, 1), (3, 2), (9, 1), (9, 9))
        ]
    )
    conditions = change_sample(watched, least_detections=2).survey
    assert conditions.is_found(curves).tolist() == [False, False, True, False, True]


def test_nothing_detected_leaves_everything(watched, change_sample, redrawn, assert_same):
    blind = change_sample(watched, detections=Detections(np.inf, 1.0, False))
    drawn = redrawn(ObserveElsewhere(spectra="none"), blind)
    assert_same(drawn.curves, watched.drawn.curves)
    for name, values in drawn.columns.items():
        np.testing.assert_array_equal(values, watched.drawn.columns[name])


def test_cadences_of_all_objects_serve(survey, redshifts, sample_of, redrawn):
    """Each draw has the passbands and times of one of the lenders."""
    sample = sample_of(survey, redshifts, detections=EVERYTHING)
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


@pytest.mark.parametrize("vets", [True, False])
def test_noise_is_detected_where_the_survey_detects_it(
    vets, explosions, stack, sample_of, watch, redrawn
):
    """Told by the training objects' own observations from before and after their light."""
    redshifts = np.full(30, 0.2)
    near, peaks = explosions(redshifts, seed=5)
    rng = np.random.default_rng(6)
    n_dark = 300  # of an object, a season before the explosion
    mjd = peaks[:, None] - np.sort(rng.uniform(100, 300, (len(peaks), n_dark)))[:, ::-1]
    parts = []
    detections = Detections(3.5, 1.0, False)
    for n in range(len(near)):
        own = near.take(np.array([n]))
        flux = np.concatenate([rng.normal(0, 2, n_dark), own.flux])
        error = np.concatenate([np.full(n_dark, 2.0), own.flux_err])
        detected = rng.random(len(flux)) < detections.probability(flux, error)
        if vets:
            detected[:n_dark] = False
        band = np.concatenate([np.arange(n_dark) % 4, own.passband])
        parts.append((np.concatenate([mjd[n], own.mjd]), band, flux, error, detected))
    curves = stack(parts)
    cadence = replace(watch(), sky=np.full(len(watch().mjd), 4.0))
    sample = sample_of(curves, redshifts, detections=detections, cadences=cadence)
    settings = ObserveElsewhere(spectra="none", shift=0.0)
    assert settings.fitted(sample).survey.detections.vetted == vets
    drawn = redrawn(settings, sample, copies=3)
    curves = drawn.curves
    early = curves.mjd < 60000 - 150  # long before the light, whatever the stretch
    assert early.sum() > 10_000
    expected = detections.probability(curves.flux[early], curves.flux_err[early]).sum()
    assert expected > 50
    share = curves.detected[early].sum() / expected
    assert share < 0.1 if vets else share > 0.7


def test_what_is_of_the_sky_comes_with_the_cadence(
    survey, redshifts, sample_of, change_sample, redrawn
):
    sample = sample_of(survey, redshifts, detections=EVERYTHING)
    place = np.arange(10) + 0.5
    columns = {"dust": place, "mass": place}
    lenders = Cadences.of(survey, sample.survey.errors, columns)
    drawn = replace(sample.drawn, columns={**sample.drawn.columns, "mass": place + 100})
    sample = change_sample(sample, cadences=lenders, drawn=drawn)
    settings = ObserveElsewhere(spectra="none", attempts=1, line_of_sight=["dust", "none_such"])
    found = redrawn(settings, sample, copies=20)
    np.testing.assert_array_equal(found.columns["mass"], found.sources + 100.5)
    for n in range(len(found)):
        times = found.curves.take(np.array([n])).mjd
        lender = int(found.columns["dust"][n])
        assert np.isin(times, _times(survey, lender)[0]).all()
    assert len(np.unique(found.columns["dust"])) == 10
    assert "none_such" not in found.columns


@pytest.mark.parametrize(("n_galaxies", "apart"), [(120, True), (90, False)])
def test_a_source_in_a_galaxy_is_observed_as_such_sources_are(
    n_galaxies, apart, redshifts, survey, sample_of, change_sample, watch, redrawn
):
    """If there are enough of them: stars lie where dust is."""
    one = watch()
    n = n_galaxies + 60
    photoz = np.where(np.arange(n) < n_galaxies, 0.3, 0.0)
    cadences = replace(
        one.take(np.zeros(n, dtype=np.int64)),
        columns={"photoz": photoz, "dust": np.where(photoz > 0, 0.1, 9.0)},
    )
    sample = sample_of(survey, redshifts, detections=EVERYTHING)
    sample = change_sample(sample, cadences=cadences)
    settings = ObserveElsewhere(spectra="none", attempts=1, line_of_sight=("dust",))
    dust = redrawn(settings, sample, copies=40).columns["dust"]
    assert set(dust.tolist()) == ({0.1} if apart else {0.1, 9.0})
