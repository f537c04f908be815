"""What is kept of draws looks more like the target, and nothing is refused for sure."""

import numpy as np
import pytest

from lcclassify.augment.acceptance import Acceptance, brightness_of

RNG = np.random.default_rng(0)
N = 6000


@pytest.fixture(scope="module")
def target():
    """Objects far away, the farther the fainter."""
    redshift = RNG.normal(0.7, 0.15, N)
    return redshift, 1.6 - redshift + RNG.normal(0, 0.2, N)


@pytest.fixture(scope="module")
def drawn():
    """Draws anywhere, of any brightness."""
    return RNG.uniform(0, 1.2, N), RNG.uniform(0, 2.5, N)


def test_what_is_fainter_than_noise_is_alike():
    found = brightness_of(np.array([-40.0, 0.0, 0.1, 10.0, np.nan]))
    np.testing.assert_allclose(found, [-1, -1, -1, 1, -1], atol=1e-12)


def test_what_is_kept_lies_where_the_target_lies(target, drawn):
    acceptance = Acceptance.fitted(target, drawn)
    others = RNG.uniform(0, 1.2, 40_000), RNG.uniform(0, 2.5, 40_000)
    probability = acceptance.probability(*others)
    for values, wanted in zip(others, target, strict=True):
        before = abs(np.average(values) - wanted.mean())
        after = abs(np.average(values, weights=probability) - wanted.mean())
        assert after < 0.4 * before
    # Both are looked at together: the target is fainter farther away.
    kept = np.cov(others[0], others[1], aweights=probability)
    assert kept[0, 1] / np.sqrt(kept[0, 0] * kept[1, 1]) < -0.15


def test_probabilities(target, drawn):
    acceptance = Acceptance.fitted(target, drawn)
    probability = acceptance.probability(*drawn)
    assert probability.shape == (N,)
    assert probability.min() > 0
    assert probability.max() <= 1
    # A share that lets most draws be drawn again, and leaves most of the attempts' draws.
    assert 0.2 < probability.mean() < 0.5
    middle = acceptance.probability(np.array([0.7, 0.05]), np.array([0.9, 0.9]))
    assert middle[0] > 3 * middle[1]


def test_draws_like_the_target_are_kept_alike(target):
    acceptance = Acceptance.fitted(target, tuple(values[::-1] for values in target))
    assert np.ptp(acceptance.table[acceptance.table < 1]) < 1e-9
    assert np.ptp(acceptance.probability(*target)) < 1e-9


def test_too_few_of_either_say_nothing(target, drawn):
    few = tuple(values[:99] for values in drawn)
    assert Acceptance.fitted(target, few) is None
    assert Acceptance.fitted(few, drawn) is None
    enough = tuple(values[:100] for values in drawn)
    assert Acceptance.fitted(enough, enough) is not None


@pytest.fixture(scope="module")
def lacking(target):
    """The target, of which the faint half has no redshift."""
    lost = target[1] < np.median(target[1])
    return np.where(lost, np.nan, target[0]), target[1]


def test_draws_without_a_redshift_become_as_bright_as_objects_without(lacking, drawn):
    lost = RNG.random(N) < 0.3
    acceptance = Acceptance.fitted(lacking, (np.where(lost, np.nan, drawn[0]), drawn[1]))
    brightness = RNG.uniform(0, 2.5, 40_000)
    probability = acceptance.probability(np.full(40_000, np.nan), brightness)
    assert 0.2 < probability.mean() < 0.5
    assert np.average(brightness < np.median(lacking[1]), weights=probability) > 0.9
    assert np.average(brightness < np.median(lacking[1])) < 0.4


def test_how_many_lack_a_redshift_changes_nothing_for_the_others(lacking, drawn):
    kept = ~np.isnan(lacking[0])
    few = np.concatenate([np.flatnonzero(kept), np.flatnonzero(~kept)[::5]])
    lost = RNG.random(N) < 0.3
    redshift = np.where(lost, np.nan, drawn[0])
    whole, part = (
        Acceptance(a.redshift, np.zeros(0), a.table.mean(1, keepdims=True))
        for a in (
            Acceptance.fitted((rows[0], np.ones(len(rows[0]))), (redshift, np.ones(N)))
            for rows in (lacking, (lacking[0][few], lacking[1][few]))
        )
    )
    np.testing.assert_array_equal(whole.table[:-1], part.table[:-1])


@pytest.mark.parametrize(("many", "own"), [(False, 0.3), (True, 0.01)])
def test_few_without_a_redshift_are_compared_with_all(target, drawn, many, own):
    lost = np.arange(N) < (3000 if many else 50)
    given = np.where(lost, np.nan, target[0]), target[1]
    mine = np.where(RNG.random(N) < own, np.nan, drawn[0]), drawn[1]
    found = Acceptance.fitted(given, mine).probability(np.full(25, np.nan), np.arange(25) / 10)
    nothing = np.full(N, np.nan)
    alone = Acceptance.fitted((nothing, target[1]), (nothing, drawn[1]))
    expected = alone.probability(np.full(25, np.nan), np.arange(25) / 10)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("redshift", [0.0, np.nan])
def test_brightness_alone(target, drawn, redshift):
    """A survey of the Galaxy has no redshifts, or zeros."""
    alike = np.full(N, redshift)
    acceptance = Acceptance.fitted((alike, target[1]), (alike, drawn[1]))
    probability = acceptance.probability(alike[:3], np.array([0.9, 2.4, 0.0]))
    assert probability[0] > 3 * probability[1:].max()
