"""Active galactic nuclei: damped random walks, their colours and their time scales."""

import numpy as np
import pytest

from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.agn import AGN, damped_random_walk


def test_the_walks_structure_function_is_that_of_a_damped_random_walk():
    n = 20_000
    draws = Draws.of(2, np.arange(n))
    row = np.arange(n)
    time = draws.uniform("time", 0, 40)
    start = damped_random_walk(draws, row, time)
    assert start.mean() == pytest.approx(0, abs=0.03)
    assert start.std() == pytest.approx(1, abs=0.03)
    for lag in (0.03, 0.1, 0.5, 1.0, 3.0, 10.0):
        later = damped_random_walk(draws, row, time + lag)
        expected = 2 * (1 - np.exp(-lag))
        assert np.mean((later - start) ** 2) == pytest.approx(expected, rel=0.05)
    np.testing.assert_array_equal(damped_random_walk(draws, row, time), start)
    near = damped_random_walk(draws, row, time + 1e-7)
    assert np.abs(near - start).max() < 1e-4


def test_nuclei_follow_one_walk_in_all_passbands_weaker_in_the_red(span, drawn, on_grid):
    source = AGN()
    n = 200
    _, parameters = drawn(source, n)
    times = np.linspace(*span, 50)
    host = parameters["template"] - parameters["nucleus"]
    walks = []
    for band in range(6):
        flux = source.flux(parameters, on_grid(n, times, band)).reshape(n, -1)
        relative = (flux - host[:, band, None]) / parameters["nucleus"][:, band, None]
        deviation = parameters["deviation"][:, band, None]
        walks.append((np.log(relative) + deviation**2 / 2) / deviation)
    for walk in walks[1:]:
        np.testing.assert_allclose(walk, walks[0], atol=1e-6)
    assert (np.diff(parameters["deviation"], axis=1) <= 0).all()


def test_nuclei_vary_more_slowly_the_farther_they_are(span, drawn, on_grid):
    """The same nucleus at a higher redshift: the structure function stretches by 1+z."""
    source = AGN(break_evolution=0.0)
    n = 6000
    lag = 60.0
    rates = {}
    for redshift in (0.5, 2.0):
        _, parameters = drawn(source, n, redshift=redshift)
        blue = 482.7 / (1 + redshift)
        rest = parameters["time_scale"] / (1 + redshift)
        rates[redshift] = rest / blue**0.17
        times = np.array([span[0], span[0] + lag * (1 + redshift)])
        flux = source.flux(parameters, on_grid(n, times, 1)).reshape(n, 2)
        host = (parameters["template"] - parameters["nucleus"])[:, 1, None]
        walk = np.log((flux - host) / parameters["nucleus"][:, 1, None])
        change = np.diff(walk, axis=1)[:, 0] / parameters["deviation"][:, 1]
        expected = np.mean(2 * (1 - np.exp(-lag / rest)))
        assert np.mean(change**2) == pytest.approx(expected, rel=0.06)
    np.testing.assert_allclose(rates[0.5], rates[2.0], rtol=1e-9)


def test_faint_nuclei_vary_more(drawn):
    source = AGN(eddington_scatter=0.0)
    _, parameters = drawn(source, 2000, redshift=1.0)
    order = np.argsort(parameters["nucleus"][:, 2])
    deviation = parameters["deviation"][order, 2]
    assert np.median(deviation[:400]) > np.median(deviation[-400:])
