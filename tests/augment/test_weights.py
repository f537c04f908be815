"""What a survey would not find elsewhere is drawn seldom."""

from dataclasses import replace

import numpy as np
import pytest

from lcclassify.augment.augmenter import Augmenter, as_drawn
from lcclassify.augment.curves import Curves
from lcclassify.augment.elsewhere import ObserveElsewhere
from lcclassify.augment.light import FluxJitter
from lcclassify.augment.weights import shares_found, source_weights

N = 6


@pytest.fixture(scope="module")
def training(explosions, sample_of, canonical):
    """Explosions, of which the second hardly shows and the fifth has two observations."""
    redshift = np.linspace(0.1, 0.3, N)
    curves, _ = explosions(redshift, seed=6, every=5.0)
    place = np.arange(len(curves.mjd)) - curves.bounds[curves.objects]
    curves = curves.select((curves.objects != 4) | (place < 2))
    faint = curves.objects == 1
    curves = replace(curves, flux=np.where(faint, 1e-3 * curves.flux, curves.flux))
    sample = sample_of(curves, redshift)
    light_curves = canonical(sample.drawn)
    return light_curves, replace(sample, drawn=as_drawn(light_curves))


def test_shares_found(training):
    augmenter = Augmenter.fitted(*training, [ObserveElsewhere(attempts=4)])
    found = shares_found(augmenter)
    assert found[1] == found[4] == 0
    np.testing.assert_array_equal(found[[0, 2, 3]], 1)
    # As they are: it is their own observations that they come out with.
    drawn = Curves.of(augmenter.draw(0, 0)).take(np.array([1, 4]))
    sources = augmenter.drawn.curves.take(np.array([1, 4]))
    np.testing.assert_array_equal(drawn.flux, sources.flux)
    np.testing.assert_array_equal(shares_found(augmenter), found)


def test_what_is_left_untouched_by_choice_counts_as_found(training):
    step = ObserveElsewhere(attempts=4, untouched=0.5)
    found = shares_found(Augmenter.fitted(*training, [step]))
    expected = shares_found(Augmenter.fitted(*training, [ObserveElsewhere(attempts=4)]))
    np.testing.assert_array_equal(found, expected)


def test_what_always_changes_is_always_found(training):
    augmenter = Augmenter.fitted(*training, [FluxJitter(0.6)])
    np.testing.assert_array_equal(shares_found(augmenter), 1)
    np.testing.assert_array_equal(shares_found(Augmenter.fitted(*training, [])), 0)


def test_weights_follow_what_is_found():
    assert source_weights(np.ones(4)) is None
    weights = source_weights(np.array([1.0, 0.5, 0.125, 0.0]))
    assert weights.tolist()[:3] == [1.0, 0.5, 0.125]
    assert 0 < weights[3] < 0.125  # its class may have no other
