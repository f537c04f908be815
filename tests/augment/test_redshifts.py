"""Fluxes go with the distance, and redshifts are those that were asked for."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from hypothesis import given, settings
from hypothesis import strategies as st

from lcclassify.augment.redshifts import (
    NEAREST,
    PhotometricScatter,
    RedshiftDensity,
    dimming,
)

EVEN = (np.arange(20_000) + 0.5) / 20_000


def test_fluxes_go_with_the_distance():
    universe = FlatLambdaCDM(H0=70, Om0=0.3)
    old, new = np.array([0.01, 0.1, 0.3, 0.3, 2.0]), np.array([0.05, 0.2, 0.25, 1.1, 5.9])
    ratio = (universe.luminosity_distance(old) / universe.luminosity_distance(new)).value
    expected = ratio**2 * (1 + new) / (1 + old)
    np.testing.assert_allclose(dimming(old, new), expected, rtol=1e-5)
    assert dimming(old, new)[0] < 0.05
    assert dimming(old, new)[2] > 1


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.floats(NEAREST, 6)] * 3))
def test_there_and_back(redshifts):
    first, second, third = (np.array([z]) for z in redshifts)
    assert dimming(first, first)[0] == 1
    assert dimming(first, second) * dimming(second, first) == pytest.approx(1, rel=1e-12)
    by_way = dimming(first, second) * dimming(second, third)
    assert by_way == pytest.approx(dimming(first, third), rel=1e-12)


DENSITIES = {
    "logarithmic": RedshiftDensity.logarithmic(),
    "of a target": RedshiftDensity.of_target(np.linspace(0.2, 0.6, 50)),
    "of a target far away": RedshiftDensity.of_target(np.full(20, 5.9)),
}


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_redshifts_lie_between_two_others(density, data):
    low = data.draw(st.floats(NEAREST, 6))
    high = data.draw(st.floats(low, 6))
    n = len(EVEN[::500])
    found = density.between(np.full(n, low), np.full(n, high), EVEN[::500])
    assert (found >= low).all()
    assert (found <= high).all()
    assert (np.diff(found) >= 0).all()
    # No number of the even ones has all of the range.
    if high - low > 0.1:
        assert len(np.unique(found)) > n // 2


def drawn(density, low=NEAREST, high=6.0):
    n = len(EVEN)
    return density.between(np.full(n, low), np.full(n, high), EVEN)


def test_even_in_the_logarithm():
    found = drawn(RedshiftDensity.logarithmic(), 0.05, 2.0)
    expected = 0.05 * 40.0 ** np.array([0.1, 0.5, 0.9])
    assert np.quantile(found, [0.1, 0.5, 0.9]) == pytest.approx(expected, rel=0.02)


def test_as_a_target_has_them():
    rng = np.random.default_rng(0)
    target = np.where(
        rng.random(5000) < 0.7, rng.normal(0.4, 0.1, 5000), rng.normal(1.5, 0.2, 5000)
    )
    found = drawn(RedshiftDensity.of_target(target))
    edges = np.array([0, 0.2, 0.4, 0.6, 1.0, 1.4, 1.6, 6])
    expected, _ = np.histogram(target, edges)
    shares, _ = np.histogram(found, edges)
    np.testing.assert_allclose(shares / len(found), expected / len(target), atol=0.04)
    assert np.median(found) == pytest.approx(np.median(target), abs=0.04)
    # In a narrow range it is the same density, cut off.
    part = drawn(RedshiftDensity.of_target(target), 1.2, 1.8)
    inside = target[(target > 1.2) & (target < 1.8)]
    assert np.median(part) == pytest.approx(np.median(inside), abs=0.04)


def test_redshifts_of_a_target_that_are_none_are_left_out():
    usable = np.linspace(0.3, 0.7, 40)
    others = np.array([np.nan, 0.0, -9.0, np.inf])
    expected = drawn(RedshiftDensity.of_target(usable))
    mixed = np.concatenate([np.repeat(others, 30), usable])
    np.testing.assert_array_equal(drawn(RedshiftDensity.of_target(mixed)), expected)
    few = np.concatenate([np.repeat(others, 30), usable[:9]])
    logarithmic = drawn(RedshiftDensity.logarithmic())
    np.testing.assert_array_equal(drawn(RedshiftDensity.of_target(few)), logarithmic)


def test_photometric_redshifts_scatter_as_those_that_are_known():
    rng = np.random.default_rng(1)
    n = 4000
    true = rng.uniform(0.05, 2, n)
    # Beyond 1 they are twice as bad, and five hundredths too high.
    width, bias = np.where(true < 1, 0.02, 0.04), np.where(true < 1, 0.0, 0.05)
    photometric = true + (1 + true) * (bias + width * rng.normal(size=n))
    error = (1 + true) * width
    scatter = PhotometricScatter.of(true, photometric, error)
    for redshift, spread, shift in ((0.4, 0.02, 0), (1.6, 0.04, 0.05)):
        found, reported = scatter.drawn(np.full(n, redshift), rng.random(n))
        deviation = (found - redshift) / (1 + redshift)
        # Forty objects serve.
        assert np.std(deviation) == pytest.approx(spread, rel=0.4)
        assert np.mean(deviation) == pytest.approx(shift, abs=4 * spread / np.sqrt(40))
        np.testing.assert_allclose(reported, spread * (1 + redshift), rtol=1e-12)
        assert 20 < len(np.unique(found)) <= 40


def test_the_forty_nearest_serve_alike_half_of_them_on_either_side():
    true = np.linspace(0.1, 1.0, 200)
    scatter = PhotometricScatter.of(true, true + (1 + true) * 1e-3 * np.arange(200), true)
    for redshift, first in ((0.05, 0), (true[99:101].mean(), 80), (3.0, 160)):
        found, _ = scatter.drawn(np.full(len(EVEN), redshift), EVEN)
        numbers = np.rint((found - redshift) / (1 + redshift) * 1e3).astype(int)
        assert np.bincount(numbers).tolist() == [0] * first + [len(EVEN) // 40] * 40


def test_only_objects_with_both_redshifts_serve():
    redshift = np.array([0.5, np.nan, 0.3, 0.0, 0.2, 0.4])
    photometric = np.array([0.5, 0.9, np.nan, 0.9, 0.0, 0.4])
    scatter = PhotometricScatter.of(redshift, photometric, np.full(6, 0.1))
    assert scatter.redshift.tolist() == [0.4, 0.5]
    found, error = scatter.drawn(np.array([0.1, 0.5, 3.0]), np.array([0.0, 0.99, 0.5]))
    assert found == pytest.approx([0.1, 0.5, 3.0], rel=1e-12)
    assert error == pytest.approx([0.1 * 1.1 / 1.4, 0.1, 0.1 * 4 / 1.5], rel=1e-12)


def test_errors_that_a_catalogue_does_not_have():
    redshift = np.linspace(0.1, 1, 30)
    scatter = PhotometricScatter.of(redshift, redshift, np.full(30, np.nan))
    found, error = scatter.drawn(redshift, EVEN[:30])
    assert found == pytest.approx(redshift, rel=1e-12)
    assert np.isnan(error).all()


def test_without_objects_there_is_no_scatter():
    none = PhotometricScatter.of(np.array([np.nan]), np.array([0.3]), np.array([0.1]))
    found, error = none.drawn(np.array([0.2, 0.7]), np.array([0.1, 0.9]))
    assert found.tolist() == [0.2, 0.7]
    assert np.isnan(error).all()


def test_photometric_redshifts_are_turned_back_at_zero():
    near = np.full(50, 0.1)
    scatter = PhotometricScatter.of(near, np.linspace(0.001, 0.1, 50), np.full(50, 0.1))
    found, _ = scatter.drawn(np.full(1000, 0.02), EVEN[::20])
    assert found.min() >= NEAREST
    expected = np.abs(0.02 + scatter.deviation * 1.02)
    assert np.abs(found[:, None] - np.maximum(expected, NEAREST)).min(axis=1).max() < 1e-12
    assert len(np.unique(found)) > 35
