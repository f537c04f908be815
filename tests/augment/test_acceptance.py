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
    np.testing.assert_allclose(found, [-1, -1, -1, 1, np.nan], atol=1e-12)


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


def test_a_missing_redshift_is_one_of_zero(target, drawn):
    lost = RNG.random(N) < 0.5
    redshift = [np.where(lost, value, target[0]) for value in (0.0, np.nan)]
    zero, missing = (Acceptance.fitted((values, target[1]), drawn) for values in redshift)
    np.testing.assert_array_equal(zero.table, missing.table)
    brightness = np.linspace(0, 2, 9)
    np.testing.assert_array_equal(
        missing.probability(np.full(9, np.nan), brightness),
        missing.probability(np.zeros(9), brightness),
    )


def test_brightness_alone(target, drawn):
    """A survey of the Galaxy has no redshifts."""
    zero = np.zeros(N)
    acceptance = Acceptance.fitted((zero, target[1]), (zero, drawn[1]))
    probability = acceptance.probability(zero[:3], np.array([0.9, 2.4, 0.0]))
    assert probability[0] > 3 * probability[1:].max()
