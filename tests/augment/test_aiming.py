"""Draws of training objects lie where the objects to be classified lie."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.augment.acceptance import Acceptance, brightness_of
from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.missing import FittedMissing
from lcclassify.augment.observing import Detections, highest_ratios

EVERYTHING = Detections(-np.inf, 1.0, False)


@pytest.mark.parametrize("proportionate", [False, True])
def test_draws_lie_where_the_target_lies(
    proportionate, explosions, sample_of, watch, redrawn, keys_of
):
    redshift = np.linspace(0.05, 0.4, 20)
    curves, _ = explosions(redshift, every=6.0)
    cadence = replace(watch(3.0, before=40, after=80), sky=np.full(40, 25.0))
    rng = np.random.default_rng(0)
    target = rng.normal(0.4, 0.02, 400), 10 ** rng.normal(1.0, 0.1, 400)
    settings = ObserveElsewhere(spectra="none", nearer=0.95, proportionate=proportionate)
    plain = sample_of(curves, redshift, cadences=cadence)
    found = {"anywhere": redrawn(settings, plain, copies=20)}
    fitted = settings.fitted(replace(plain, target=target))
    sources, keys = plain.drawn.take(np.tile(np.arange(20), 20)), keys_of(400)
    found["not refused"] = replace(fitted, acceptances=(None, None)).apply(sources, keys)
    found["accepted"] = fitted.apply(sources, keys)
    able = 5 * sources.columns["photoz"] > 0.5  # to be there
    away = {n: np.abs(drawn.columns["photoz"] - 0.4)[able].mean() for n, drawn in found.items()}
    # Volumes alone, which proportions begin with, know nothing of this target.
    assert proportionate or away["not refused"] < 0.8 * away["anywhere"]
    assert away["accepted"] < 0.85 * away["not refused"]
    assert away["accepted"] < 0.65 * away["anywhere"]
    # No source goes farther than it may all the same.
    own = redshift[found["accepted"].sources]
    assert (found["accepted"].columns["photoz"] <= 1.5 * (1 + own) - 1 + 1e-9).all()


def test_a_target_of_few_objects_changes_redshifts_alone(
    explosions, sample_of, redrawn, keys_of, redshifts
):
    curves, _ = explosions(redshifts, every=20.0)
    few = np.full(20, 0.8), np.full(20, 30.0)
    sample = sample_of(curves, redshifts, target=few, detections=EVERYTHING)
    settings = ObserveElsewhere(spectra="none", attempts=1)
    fitted = settings.fitted(sample)
    assert fitted.acceptances == (None, None)
    drawn = fitted.apply(sample.drawn.take(np.tile(np.arange(10), 10)), keys_of(100))
    plain = redrawn(settings, replace(sample, target=None), copies=10)
    assert np.median(drawn.columns["photoz"]) > np.median(plain.columns["photoz"]) + 0.05


def test_of_many_sources_a_few_draws_each_are_looked_at(explosions, sample_of, watch, monkeypatch):
    redshift = np.full(400, 0.2)
    curves, _ = explosions(redshift, every=40.0)
    sample = sample_of(
        curves, redshift, target=(redshift, redshift), cadences=watch(40.0), detections=EVERYTHING
    )
    looked_at = []
    monkeypatch.setattr(Acceptance, "fitted", lambda _, drawn: looked_at.append(len(drawn[0])))
    ObserveElsewhere(spectra="none", attempts=1, proportionate=False).fitted(sample)
    assert looked_at == [8000]


@pytest.fixture(scope="module")
def faint(explosions, sample_of, watch):
    """Return a function that makes a sample of a faint target, a share without redshift."""
    redshift = np.linspace(0.05, 0.4, 20)
    curves, _ = explosions(redshift, every=6.0)
    cadence = replace(watch(3.0, before=40, after=80), sky=np.full(40, 25.0))

    def made(lost, **changes):
        rng = np.random.default_rng(0)
        given, ratio = rng.normal(0.1, 0.02, 800), 10 ** rng.normal(1.6, 0.1, 800)
        # What lacks a redshift is much fainter, and lies where nobody knows.
        ratio[:lost] /= 3
        given[:lost] = np.nan
        return sample_of(curves, redshift, cadences=cadence, target=(given, ratio), **changes)

    return made


def brightnesses(fitted, sample, keys_of, copies=10):
    """Return mean logarithms of ratios of draws with and without a redshift."""
    n, keys = len(sample.drawn), keys_of(copies * len(sample.drawn))
    drawn = sample.drawn.take(np.tile(np.arange(n), copies))
    for step in (*sample.steps, fitted):
        drawn = step.apply(drawn, keys)
    found = brightness_of(highest_ratios(drawn.curves))
    lost = np.isnan(drawn.columns[sample.photometric[0]])
    return [found[rows].mean() if rows.any() else None for rows in (~lost, lost)]


def test_draws_without_a_redshift_are_as_faint_as_objects_without(faint, keys_of):
    plain = faint(400)
    sample = replace(plain, steps=(FittedMissing({"photoz": 0.5}),))
    settings = ObserveElsewhere(spectra="none", nearer=0.4)
    fitted = settings.fitted(sample)
    means = brightnesses(fitted, sample, keys_of)
    anywhere = brightnesses(settings.fitted(replace(sample, target=None)), sample, keys_of)
    assert means[1] < means[0] - 0.05
    assert abs(means[1] - 1.1) < 0.8 * abs(anywhere[1] - 1.1)


@pytest.mark.parametrize("column", [True, False])
def test_where_nothing_has_a_redshift_brightness_decides(faint, keys_of, column):
    plain = faint(800) if column else faint(800, photometric=(None, None, None))
    sample = replace(plain, steps=(FittedMissing({"photoz": 1.0}),) if column else ())
    settings = ObserveElsewhere(spectra="none", nearer=0.4)
    found, anywhere = settings.fitted(sample), settings.fitted(replace(sample, target=None))
    if not column:  # the tests' objects have one all the same
        sample = replace(sample, photometric=("dust", None, None))
    here, there = (brightnesses(each, sample, keys_of)[column] for each in (found, anywhere))
    assert abs(here - 1.1) < 0.8 * abs(there - 1.1)
