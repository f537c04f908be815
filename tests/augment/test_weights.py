"""What a survey would not find elsewhere is drawn seldom."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.augment.augmenter import Augmenter, as_drawn
from lcclassify.augment.curves import Curves
from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.light import FluxJitter, LoseSeason
from lcclassify.augment.weights import shares_found, source_weights

FAINT, SHORT = 1, 4


@pytest.fixture(scope="module")
def training(explosions, shorten, sample_of, canonical):
    """Six explosions, of which one hardly shows and one has two observations."""
    redshift = np.linspace(0.1, 0.3, 6)
    curves = shorten(explosions(redshift, seed=6, every=5.0)[0], SHORT)
    less = np.where(curves.objects == FAINT, 1e-3, 1.0)
    sample = sample_of(replace(curves, flux=less * curves.flux), redshift)
    light_curves = canonical(sample.drawn)
    return light_curves, replace(sample, drawn=as_drawn(light_curves))


@pytest.fixture(scope="module")
def augmenter(training):
    return Augmenter.fitted(*training, [ObserveElsewhere(attempts=4)])


def test_what_is_found_nowhere_comes_out_as_it_is(augmenter):
    found = shares_found(augmenter)
    assert found.tolist() == [0.0 if number == FAINT else 1.0 for number in range(6)]
    for number in range(6):
        drawn, source = (
            curves.take(np.array([number])).flux.tolist()
            for curves in (Curves.of(augmenter.draw(0, 0)), augmenter.drawn.curves)
        )
        # One of few observations is not looked for, which is no reason to draw it seldom.
        assert (drawn == source) == (number in (FAINT, SHORT))


def test_shares_are_those_of_draws(training, canonical):
    """An object that is found in some draws and not in others has the share of those."""
    _, sample = training
    curves = sample.drawn.curves
    factor = np.where(curves.objects == FAINT, 18.0, 1.0)
    drawn = replace(sample.drawn, curves=replace(curves, flux=factor * curves.flux))
    augmenter = Augmenter.fitted(
        canonical(drawn), replace(sample, drawn=drawn), [ObserveElsewhere(attempts=1)]
    )
    found = shares_found(augmenter)
    assert 0 < found[FAINT] < 1
    changed = [
        not np.array_equal(
            Curves.of(augmenter.draw(0, number)).take(np.array([FAINT])).flux,
            augmenter.drawn.curves.take(np.array([FAINT])).flux,
        )
        for number in range(8)
    ]
    assert found[FAINT] == np.mean(changed)


def test_what_is_left_untouched_by_choice_counts_as_found(training, augmenter):
    step = ObserveElsewhere(attempts=4, untouched=0.5)
    found = shares_found(Augmenter.fitted(*training, [step]))
    np.testing.assert_array_equal(found, shares_found(augmenter))


@pytest.mark.parametrize("steps", [(), (FluxJitter(0.6),), (LoseSeason(0.5),)])
def test_steps_that_look_nowhere_else_find_all(steps, training):
    """Such as one that leaves objects of a single season as they are."""
    found = shares_found(Augmenter.fitted(*training, steps))
    np.testing.assert_array_equal(found, 1)
    assert source_weights(found) is None


def test_weights_follow_what_is_found():
    weights = source_weights(np.array([1.0, 0.5, 0.125, 0.0]))
    assert weights.tolist()[:3] == [1.0, 0.5, 0.125]
    assert 0 < weights[3] < 0.125  # its class may have no other
