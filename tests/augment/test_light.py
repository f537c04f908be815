"""Each light step changes what it says and nothing else, of each object by its own key."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lcclassify.augment.drawn import Drawn
from lcclassify.augment.light import (
    DropObservations,
    FluxJitter,
    LosePassband,
    LoseSeason,
    ShiftTimes,
    Truncate,
)
from lcclassify.errors import ConfigError

STEPS = {
    "jitter": FluxJitter(0.7),
    "drop": DropObservations(0.8),
    "drop nearly all": DropObservations(1.0),
    "passband": LosePassband(0.5),
    "season": LoseSeason(0.8, 40.0),
    "truncate": Truncate(0.8),
    "truncate_early": Truncate(0.8, (1.0, 30.0)),
    "shift": ShiftTimes(20.0),
}
THINNING = [name for name in STEPS if name not in ("jitter", "shift")]


@pytest.fixture(scope="module")
def drawn_of(random_curves):
    """Return a function that makes objects of so many observations in three seasons."""

    def made(counts, seed=0):
        curves = random_curves(counts, seed=seed, span=300.0)
        season = np.floor((curves.mjd - 59000) / 100)
        curves = replace(
            curves, mjd=59000 + season * 100 + 0.4 * (curves.mjd - 59000 - season * 100)
        )
        rng = np.random.default_rng(seed)
        # Some objects have no detection, some the first passbands only.
        dark, red = rng.random(len(counts)) < 0.2, rng.random(len(counts)) < 0.3
        passband = np.where(red[curves.objects], curves.passband % 2, curves.passband)
        curves = replace(
            curves,
            passband=passband.astype(np.uint8),
            detected=curves.detected & ~dark[curves.objects],
        )
        n = len(counts)
        return Drawn(curves, {"photoz": rng.uniform(0, 1, n)}, rng.integers(0, 9, n))

    return made


@pytest.fixture(scope="module")
def drawn(drawn_of):
    counts = np.random.default_rng(3).integers(0, 50, 300)
    counts[:6] = [0, 1, 2, 3, 4, 5]
    return drawn_of(counts)


@pytest.fixture
def changed(drawn, keys_of):
    """Return a function that applies a step to all objects."""
    return lambda step: step.apply(drawn, keys_of(len(drawn)))


def kept_of(before, after, assert_same):
    """Return which observations are left; all that are must be as they were, and in order."""
    keep = np.isin(before.curves.flux, after.curves.flux)  # no two fluxes are equal
    assert_same(before.curves.select(keep), after.curves)
    return keep


@pytest.mark.parametrize("name", STEPS)
def test_the_objects_are_the_same(name, drawn, changed, assert_same):
    after = changed(STEPS[name])
    assert after.columns == drawn.columns
    np.testing.assert_array_equal(after.sources, drawn.sources)
    assert len(after.curves) == len(drawn)
    column = {"jitter": "flux", "shift": "mjd"}.get(name)
    if column is None:
        kept_of(drawn, after, assert_same)
    else:
        assert_same(after.curves, drawn.curves, column)
        assert not np.array_equal(getattr(after.curves, column), getattr(drawn.curves, column))


@pytest.mark.parametrize("name", THINNING)
def test_three_observations_are_left(name, drawn, changed):
    after = changed(STEPS[name])
    before = drawn.curves.counts
    least = 1 if name == "truncate_early" else 3  # early, one detection is all that is known
    assert (after.curves.counts >= np.minimum(before, least)).all()
    assert (after.curves.counts <= before).all()
    assert (after.curves.counts < before).sum() > 50


@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=15, deadline=None)
@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    seed=st.integers(0, 2**16),
    data=st.data(),
)
def test_an_object_does_not_depend_on_the_others(
    name, drawn_of, keys_of, assert_same, counts, seed, data
):
    drawn, keys = drawn_of(counts, seed), keys_of(len(counts), seed)
    whole = STEPS[name].apply(drawn, keys)
    places = st.lists(st.integers(0, len(counts) - 1), max_size=7, unique=True)
    chosen = np.array(data.draw(places), dtype=np.int64)
    some = STEPS[name].apply(drawn.take(chosen), keys[chosen])
    assert_same(some.curves, whole.curves.take(chosen))


@pytest.mark.parametrize("name", STEPS)
def test_an_object_alone_becomes_the_same(name, drawn, keys_of, assert_same):
    keys = keys_of(len(drawn))
    whole = STEPS[name].apply(drawn, keys)
    for n in range(len(drawn)):
        alone = STEPS[name].apply(drawn.take(np.array([n])), keys[n : n + 1])
        assert_same(alone.curves, whole.curves.take(np.array([n])))


@pytest.mark.parametrize("name", STEPS)
def test_other_keys_are_other_draws(name, drawn, keys_of):
    one, other = (STEPS[name].apply(drawn, keys_of(len(drawn), seed)) for seed in (0, 1))
    column = "mjd" if name == "shift" else "flux"
    assert not np.array_equal(getattr(one.curves, column), getattr(other.curves, column))


def test_jitter_is_normal_and_in_units_of_the_error(drawn, changed):
    after = changed(FluxJitter(0.7))
    noise = (after.curves.flux - drawn.curves.flux) / drawn.curves.flux_err / 0.7
    assert stats.kstest(noise, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 4 / np.sqrt(len(noise))
    np.testing.assert_array_equal(changed(FluxJitter(0)).curves.flux, drawn.curves.flux)


def test_a_random_share_is_dropped(drawn, changed):
    after = changed(DropObservations(0.8))
    long = drawn.curves.counts > 25
    lost = 1 - after.curves.counts[long] / drawn.curves.counts[long]
    assert lost.mean() == pytest.approx(0.4, abs=0.05)
    # Every share between 0 and the most, each object's own.
    assert lost.std() == pytest.approx(0.8 / np.sqrt(12), abs=0.06)
    assert lost.max() < 0.95


def test_a_whole_passband_is_lost(drawn, changed, assert_same):
    after = changed(LosePassband(0.5))
    keep = kept_of(drawn, after, assert_same)
    each, curves = drawn.curves.objects, drawn.curves
    for n in np.unique(each[~keep]):
        own = each == n
        assert len(np.unique(curves.passband[own & ~keep])) == 1
        gone = curves.passband[own & ~keep][0]
        assert gone not in curves.passband[own & keep]
    full = (
        np.bincount(each * 4 + curves.passband, minlength=4 * len(drawn)).reshape(-1, 4).min(1) > 2
    )
    lose = (after.curves.counts < curves.counts)[full]
    assert full.sum() > 100
    assert lose.mean() == pytest.approx(0.5, abs=0.15)
    gone = np.unique(np.stack([each, curves.passband])[:, ~keep & full[each]], axis=1)[1]
    assert np.bincount(gone, minlength=4).min() > 3


def test_a_whole_season_is_lost(drawn, changed, assert_same):
    after = changed(LoseSeason(0.8, 40.0))
    keep = kept_of(drawn, after, assert_same)
    each, curves = drawn.curves.objects, drawn.curves
    season = np.floor((curves.mjd - 59000) / 100)
    lost = set()
    for n in np.unique(each[~keep]):
        own = each == n
        gone = np.unique(season[own & ~keep])
        assert len(gone) == 1
        assert gone[0] not in season[own & keep]
        lost.add(gone[0])
    assert lost == {0, 1, 2}
    large = np.flatnonzero(curves.counts > 20)  # which all have three seasons
    share = np.mean([not keep[each == n].all() for n in large])
    assert share == pytest.approx(0.8, abs=0.1)
    # Where there is no gap as long, there is one season, which stays.
    np.testing.assert_array_equal(changed(LoseSeason(1.0, 400.0)).curves.flux, curves.flux)


def test_what_comes_late_is_cut_off(drawn, changed, assert_same):
    after = changed(Truncate(0.8))
    keep = kept_of(drawn, after, assert_same)
    curves = drawn.curves
    shares = []
    for n in range(len(drawn)):
        own = slice(curves.bounds[n], curves.bounds[n + 1])
        left = keep[own]
        first = np.flatnonzero(curves.detected[own])
        if not len(first):
            assert left.all()
            continue
        # The rest is a beginning of the whole, to the first detection at least.
        assert left[: first[0] + 1].all()
        assert (np.diff(left.astype(int)) <= 0).all()
        if len(left) > 20:
            shares.append(left.all())
    assert np.mean(shares) == pytest.approx(0.2, abs=0.12)


def test_days_until_what_comes_late_is_cut_off(drawn, changed, assert_same):
    after = changed(Truncate(1.0, (2.0, 50.0)))
    keep = kept_of(drawn, after, assert_same)
    curves = drawn.curves
    known = []
    for n in range(len(drawn)):
        own = slice(curves.bounds[n], curves.bounds[n + 1])
        days = curves.mjd[own] - curves.mjd[own][curves.detected[own]].min(initial=np.inf)
        if not np.isfinite(days).all():
            assert keep[own].all()
            continue
        assert keep[own][days <= 2.0].all()
        beyond = days > 50.0
        assert not keep[own][beyond].any()
        if beyond.any():
            known.append(days[keep[own]].max(initial=0.0))
    # Half of the moments are before ten days, the middle in the logarithm.
    assert 0.3 < np.mean(np.array(known) < 10.0) < 0.85


def test_all_times_of_an_object_move_alike(drawn, changed):
    after = changed(ShiftTimes(20.0))
    moved = after.curves.mjd - drawn.curves.mjd
    seen = np.flatnonzero(drawn.curves.counts)
    first = moved[drawn.curves.bounds[seen]]
    np.testing.assert_allclose(moved, np.repeat(first, drawn.curves.counts[seen]), atol=1e-9)
    assert stats.kstest((first + 20) / 40, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("kind", [DropObservations, LosePassband, LoseSeason, Truncate])
def test_nothing_is_lost_with_a_probability_of_zero(kind, drawn, changed, assert_same):
    assert_same(changed(kind(0)).curves, drawn.curves)


@pytest.mark.parametrize("name", STEPS)
def test_without_objects_or_observations(name, drawn_of, keys_of):
    for counts in ([], [0, 0]):
        after = STEPS[name].apply(drawn_of(counts), keys_of(len(counts)))
        assert after.curves.counts.tolist() == counts


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_there_is_nothing_to_fit(step, random_curves, sample_of):
    assert step.fitted(sample_of(random_curves([4]), [0.1])) is step


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (
            FluxJitter,
            {"share": -0.1},
            "augment: share must be a finite number .* 0, got -0.1",
        ),
        (FluxJitter, {"share": np.inf}, "share"),
        (FluxJitter, {"share": True}, "share"),
        (ShiftTimes, {"days": np.nan}, "days"),
        (ShiftTimes, {"days": "3"}, "days must be a finite number of at least 0, got '3'"),
        (DropObservations, {"most": 1.1}, "most must be between 0 and 1, got 1.1"),
        (LosePassband, {"probability": -1}, "probability must be between 0 and 1"),
        (LoseSeason, {"probability": None}, "probability"),
        (LoseSeason, {"gap": -1}, "gap"),
        (Truncate, {"probability": np.nan}, "probability"),
        (Truncate, {"days": (0, 3)}, "days must be two above 0, ascending"),
        (Truncate, {"days": [9, 3]}, "days must be two above 0, ascending"),
        (Truncate, {"days": 30}, "days must be two above 0, ascending, got 30"),
        (Truncate, {"days": [1, 2, 3]}, "days must be two above 0, ascending"),
        (Truncate, {"days": [1, None]}, "days must be a finite number"),
    ],
)
def test_impossible_settings_are_named(kind, arguments, message):
    with pytest.raises(ConfigError, match=message):
        kind(**arguments)
