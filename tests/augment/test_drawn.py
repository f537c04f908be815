"""Objects are put together and taken apart; each has random numbers of its own."""

import numpy as np
import pytest
from scipy import stats

from lcclassify.augment.drawn import joined, normal, row_keys, uniform
from lcclassify.hashing import uniform as uniform_of


def test_objects_after_others(random_curves, sample_of, assert_same):
    drawn = sample_of(random_curves([3, 0, 5, 2]), [0.1, 0.2, np.nan, 0.0]).drawn
    first, second = drawn.take(np.array([2, 0])), drawn.take(np.array([1, 3, 3]))
    both = first.followed_by(second)
    expected = drawn.take(np.array([2, 0, 1, 3, 3]))
    assert len(both) == 5
    assert both.sources.tolist() == [2, 0, 1, 3, 3]
    assert_same(both.curves, expected.curves)
    assert_same(joined(first.curves, second.curves), expected.curves)
    for name, values in both.columns.items():
        np.testing.assert_array_equal(values, drawn.columns[name][[2, 0, 1, 3, 3]])


def test_numbers_of_objects(keys_of):
    keys = keys_of(20_000)
    even, gaussian = uniform(keys, "one"), normal(keys, "one")
    assert stats.kstest(even, "uniform").pvalue > 1e-3
    assert stats.kstest(gaussian, "norm").pvalue > 1e-3
    others = [uniform(keys, "two"), uniform(keys, "one", 1), uniform(keys_of(20_000, 1), "one")]
    for other in others:
        assert abs(np.corrcoef(even, other)[0, 1]) < 4 / np.sqrt(len(keys))
    order = np.random.default_rng(0).permutation(len(keys))[:77]
    np.testing.assert_array_equal(uniform(keys[order], "one"), even[order])
    np.testing.assert_array_equal(normal(keys[order], "one"), gaussian[order])


def test_keys_of_observations(random_curves, keys_of):
    curves = random_curves([40, 0, 3, 17])
    keys = keys_of(4)
    found = row_keys(curves, keys, "noise")
    assert len(np.unique(found)) == 60
    assert not np.isin(row_keys(curves, keys, "other"), found).any()
    order = np.array([3, 0, 2])
    some = row_keys(curves.take(order), keys[order], "noise")
    np.testing.assert_array_equal(some, np.concatenate([found[43:], found[:40], found[40:43]]))
    # An observation keeps its number when others of its object come after it.
    keep = np.arange(60) % 40 < 10
    np.testing.assert_array_equal(row_keys(curves.select(keep), keys, "noise")[:10], found[:10])
    many = row_keys(random_curves([50_000]), keys_of(1), "noise")
    assert uniform_of(many).mean() == pytest.approx(0.5, abs=0.01)
