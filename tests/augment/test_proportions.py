"""Classes have their proportions at all redshifts, though their sources cannot go everywhere."""

import numpy as np
import pytest

from lcclassify.augment.proportions import kept_shares, proportionate, redshift_bins
from lcclassify.augment.redshifts import RedshiftDensity

DENSITIES = {
    "logarithmic": RedshiftDensity.logarithmic(),
    "volumetric": RedshiftDensity.volumetric(),
}
EVEN = (np.arange(400) + 0.5) / 400


def reach_of(near, far, n=200):
    """Return the reach of sources between two redshifts, as `ObserveElsewhere` has it."""
    own = np.linspace(near, far, n)
    return 0.6 * own, np.minimum(5 * own, 1.5 * (1 + own) - 1)


def histogram(density, edges, reach, classes, kept, kind):
    """Return what is kept of a class, each source drawn until it is."""
    rows = np.flatnonzero(classes == kind)
    low, high = (np.repeat(side[rows], len(EVEN)) for side in reach)
    lots = np.tile(EVEN, len(rows))
    redshift = density.between(low, high, lots, np.full(len(lots), kind))
    place = np.clip(np.searchsorted(edges, redshift, side="right") - 1, 0, len(edges) - 2)
    each = kept[kind][place].reshape(len(rows), -1)
    each = each / each.sum(axis=1, keepdims=True)
    found = np.bincount(place, weights=each.ravel(), minlength=len(edges) - 1)
    return found / found.sum()


@pytest.mark.parametrize("name", DENSITIES)
def test_sixteen_bins_have_equal_shares_of_the_density(name):
    density = DENSITIES[name]
    edges = redshift_bins(density, 0.1, 0.6)
    assert edges[[0, -1]] == pytest.approx([0.1, 0.6])
    share = density.mass(edges[:-1], edges[1:]) / density.mass(edges[0], edges[-1])
    assert share == pytest.approx(np.full(16, 1 / 16), rel=0.01)
    assert len(redshift_bins(density, 0.3, 0.3)) == 1  # nowhere to choose from


@pytest.mark.parametrize("name", DENSITIES)
def test_classes_with_other_sources_go_where_they_all_go(name):
    density = DENSITIES[name]
    near, far = reach_of(0.05, 0.3), reach_of(0.1 if name == "logarithmic" else 0.2, 0.35)
    reach = tuple(np.minimum(np.concatenate(sides), 0.55) for sides in zip(near, far, strict=True))
    classes = np.repeat([0, 1], 200)
    edges = redshift_bins(density, reach[0].min(), 0.55)
    middle = (edges[1:] + edges[:-1]) / 2
    # Of one class less and less is found, of the other nearly all.
    kept = np.stack([np.exp(-4 * middle), np.full(len(middle), 0.9)])
    found = proportionate(density, edges, reach, classes, kept)
    for kind in (0, 1):
        wanted = density.mass(edges[:-1], edges[1:]) * kept[kind]
        wanted /= wanted.sum()
        before = histogram(
            density.tilted(edges, np.ones_like(kept)), edges, reach, classes, kept, kind
        )
        after = histogram(found, edges, reach, classes, kept, kind)
        missed = [np.abs(each - wanted).sum() / 2 for each in (before, after)]
        # Not all is within reach of the sources far away.
        assert missed[0] > 0.02
        assert missed[1] < 0.75 * missed[0]


def test_nobody_goes_farther_than_it_may():
    density = DENSITIES["volumetric"]
    reach = reach_of(0.05, 0.4)
    edges = redshift_bins(density, reach[0].min(), reach[1].max())
    classes = np.arange(200) % 3
    kept = np.full((3, len(edges) - 1), 0.5)
    found = proportionate(density, edges, reach, classes, kept)
    for lot in (0.0, 0.3, 1.0):
        redshift = found.between(*reach, np.full(200, lot), classes)
        assert (redshift >= reach[0]).all()
        assert (redshift <= reach[1]).all()


def test_classes_without_sources_keep_the_density():
    density = DENSITIES["logarithmic"]
    reach = reach_of(0.1, 0.3)
    edges = redshift_bins(density, 0.05, 1.0)
    kept = np.full((3, len(edges) - 1), 0.5)
    found = proportionate(density, edges, reach, np.full(200, 1), kept)
    np.testing.assert_allclose(found.cumulative[0], density.cumulative, rtol=1e-9)
    np.testing.assert_allclose(found.cumulative[2], density.cumulative, rtol=1e-9)
    assert not np.allclose(found.cumulative[1], density.cumulative)


def test_what_is_kept_is_counted_by_class_and_redshift():
    edges = np.array([0.1, 0.2, 0.4])
    redshift = np.repeat([0.15, 0.3, 0.15, 0.9], 1000)  # the last bin goes on
    classes = np.repeat([0, 0, 2, 2], 1000)
    kept = np.repeat([0.2, 0.4, 0.8, 0.0], 1000)
    found = kept_shares(edges, redshift, classes, kept, 3)
    assert found == pytest.approx(np.array([[0.2, 0.4], [0.5, 0.2], [0.8, 0.0]]), abs=0.01)


def test_where_nothing_was_tried_all_is_taken_to_be_kept_and_of_few_what_is_of_all():
    edges = np.array([0.0, 1.0, 2.0, 3.0])
    # In the second bin ten of a class, half of them kept, and one of another, which is not.
    redshift = np.r_[np.full(10, 1.0), 1.999]  # a bin begins with its lower edge
    found = kept_shares(edges, redshift, np.r_[np.zeros(10, int), 1], np.r_[np.full(10, 0.5), 0], 3)
    np.testing.assert_allclose(found[:, [0, 2]], 1)
    mean = 5 / 11
    assert found[2, 1] == pytest.approx(mean, abs=1e-3)
    # Ten of its own count as much as all: it is as if ten more had been kept in the mean share.
    assert found[0, 1] == pytest.approx((0.5 + mean) / 2, abs=1e-3)
    assert found[1, 1] == pytest.approx(10 * mean / 11, abs=1e-3)


def test_bins_have_as_much_of_the_density_each():
    density = DENSITIES["volumetric"]
    edges = redshift_bins(density, 0.05, 1.2)
    assert edges[0] == pytest.approx(0.05)
    assert edges[-1] == pytest.approx(1.2)
    mass = density.mass(edges[:-1], edges[1:])
    np.testing.assert_allclose(mass, mass.mean(), rtol=0.01)
    assert len(redshift_bins(density, 0.3, 0.3)) == 1


def test_volumes_grow_as_they_do_nearby():
    density = DENSITIES["volumetric"]
    near, twice = density.mass(np.zeros(2), np.array([0.05, 0.1]))
    assert twice / near == pytest.approx(8, rel=0.06)
