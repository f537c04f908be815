"""Fluxes of draws are those of the source, farther away, where it is known what they are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.observing import Cadences, Detections, FluxErrors, brightest_times
from lcclassify.augment.processes import Sources
from lcclassify.augment.redshifts import dimming

EVERYTHING = Detections(-np.inf, 1.0, False)


@pytest.mark.parametrize("spectra", ["none", "shared", "class"])
def test_an_object_that_stays_where_it_is_is_seen_as_it_was(
    spectra, survey, redshifts, sample_of, redrawn
):
    """At its own redshift and times the posterior is about the observations themselves."""
    errors = FluxErrors(np.zeros(4), np.zeros(4), np.full(4, 1e-30))
    settings = ObserveElsewhere(
        shift=0.0, spectra=spectra, nearer=1.0, farther=1.0, attempts=1, before=0.0, after=1e-6
    )
    ratios = []
    for n in range(len(survey)):
        own = survey.take(np.array([n]))
        quiet = replace(Cadences.of(own, errors), sky=np.full(len(own.mjd), 1e-12))
        sample = sample_of(own, redshifts[n : n + 1], detections=EVERYTHING, cadences=quiet)
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


@pytest.mark.parametrize("kinds", [("none", "shared"), ("shared", "class", "none")])
def test_each_draw_takes_one_kind_of_spectra(kinds, watched, keys_of):
    """Draws of a mixture are draws of one of its kinds, and of each of them alike."""
    n = 100
    watched = replace(watched, targets=np.arange(10) % 2, n_classes=2)
    drawn = watched.drawn.take(np.tile(np.arange(10), n // 10))
    found = []
    for kind in (kinds, *((kind,) for kind in kinds)):
        fitted = ObserveElsewhere(spectra=kind, attempts=1, fading=1e6).fitted(watched)
        found.append(fitted.apply(drawn, keys_of(n)).curves)
    mixed, alone = found[0], found[1:]
    # Rows are the same whatever the spectra: redshifts and cadences are drawn beside them.
    close = np.stack(
        [np.maximum.reduceat(np.abs(one.flux - mixed.flux), one.bounds[:-1]) for one in alone]
    )
    assert close.min(axis=0).max() < 1e-4
    counts = np.bincount(close.argmin(axis=0), minlength=len(kinds))
    assert counts == pytest.approx(np.full(len(kinds), n / len(kinds)), abs=20)


days = st.lists(st.integers(0, 20), max_size=8).map(sorted)


@settings(max_examples=60, deadline=None)
@given(st.lists(days, min_size=1, max_size=4), st.data())
def test_distances_to_observations(stack, wavelengths, objects, data):
    curves = stack([(mjd, *np.ones((4, len(mjd)))) for mjd in objects])
    sources = Sources.of(curves, np.zeros(len(objects)), wavelengths, 0.0)
    chosen = data.draw(st.lists(st.integers(0, len(objects) - 1), max_size=5))
    wanted = [np.array(data.draw(days)) + data.draw(st.sampled_from([0.0, 0.5])) for _ in chosen]
    bounds = np.cumsum([0, *map(len, wanted)])
    times = np.concatenate([np.zeros(0), *wanted])
    since, until, dark = sources.distances(np.array(chosen, dtype=np.int64), bounds, times)
    expected = [
        (
            min((time - mjd for mjd in objects[n] if mjd <= time), default=np.inf),
            min((mjd - time for mjd in objects[n] if mjd > time), default=np.inf),
        )
        for n, own in zip(chosen, wanted, strict=True)
        for time in own
    ]
    assert list(zip(since, until, strict=True)) == expected
    # Of an object that was never looked at nothing says that it was not.
    nobody = np.repeat([len(objects[n]) == 0 for n in chosen], [len(own) for own in wanted])
    assert dark.tolist() == nobody.tolist()
