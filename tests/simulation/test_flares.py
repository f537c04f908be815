"""Flares of M dwarfs."""

import numpy as np
import pytest

from lcclassify.simulation.sources.flares import profile


def test_the_flare_profile():
    phase = np.linspace(-1, 20, 4201)
    flux = profile(phase)
    assert flux[np.abs(phase).argmin()] == pytest.approx(1.0, abs=0.01)
    assert (np.diff(flux[phase > 0]) <= 0).all()
    assert (np.diff(flux[(phase > -0.95) & (phase < -0.02)]) > 0).all()
    assert (profile(np.array([-1.5, 20.5])) == 0).all()
    # "Full width at half maximum" of 1 by definition.
    half = phase[(flux > 0.5) & (np.abs(phase) < 2)]
    assert half[-1] - half[0] == pytest.approx(1.0, abs=0.15)


@pytest.fixture(scope="module")
def flaring(source_of):
    return source_of("m_dwarf_flare")


def test_flares_are_blue_and_add_light_only(flaring, span, drawn, on_grid):
    n = 300
    _, parameters = drawn(flaring, n)
    times = np.arange(span[0], span[0] + 30, 0.02)
    template = flaring.template(parameters)
    gain = np.stack(
        [
            flaring.flux(parameters, on_grid(n, times, band)) - np.repeat(template[:, band], 1500)
            for band in range(6)
        ]
    )
    rounding = 1e-12 * template.max()
    assert (gain >= -rounding).all()
    flare = gain[3] > 1.0
    assert 0.0005 < flare.mean() < 0.2  # stars are quiet most of the time
    # A black body of 9,500 K is brightest near g, and falls from i on at any of its temperatures.
    assert (np.diff(gain[3:, flare], axis=0) < 0).all()
    contrast = gain[:, flare] / template.T[:, np.repeat(np.arange(n), 1500)[flare]]
    assert (np.diff(contrast, axis=0) < 0).all()
    assert np.median(contrast[0] / contrast[3]) > 20


def test_flares_go_on_over_the_end_of_a_day(flaring, span, drawn, on_grid):
    n = 4000
    _, parameters = drawn(flaring, n)
    noon = span[0] + 10
    before = flaring.flux(parameters, on_grid(n, np.array([noon - 1e-6]), 0))
    after = flaring.flux(parameters, on_grid(n, np.array([noon + 1e-6]), 0))
    quiet = flaring.template(parameters)[:, 0]
    active = before - quiet > 0.5
    assert active.sum() > 10
    np.testing.assert_allclose(
        after[active] - quiet[active], before[active] - quiet[active], rtol=0.01
    )


def test_a_flare_decays(flaring, span, drawn, on_grid):
    n = 500
    _, parameters = drawn(flaring, n)
    times = span[0] + np.arange(0, 1, 0.002)
    gain = (
        flaring.flux(parameters, on_grid(n, times, 0)).reshape(n, -1)
        - flaring.template(parameters)[:, :1]
    )
    top = gain.argmax(axis=1)
    rows = np.flatnonzero((gain.max(axis=1) > 5) & (top < 300))
    assert len(rows) > 20
    later = gain[rows[:, None], top[rows, None] + np.array([50, 100, 190])]
    assert (later < 0.6 * gain[rows, top[rows]][:, None]).all()
    assert (np.diff(later, axis=1) <= 1e-9).mean() > 0.9  # but for the day before's flares


def test_no_flare_exceeds_the_strongest_one_possible(flaring, span, drawn, on_grid):
    n = 300
    _, parameters = drawn(flaring, n)
    times = np.arange(span[0], span[0] + 30, 0.01)
    for band in (0, 3):
        flux = flaring.flux(parameters, on_grid(n, times, band)).reshape(n, -1)
        gain = flux.max(axis=1) - flaring.template(parameters)[:, band]
        # Two flares may overlap; both as strong as can be never do here.
        assert (gain <= flaring.peak(parameters)[:, band]).all()
        assert (gain > 0.05 * flaring.peak(parameters)[:, band]).any()
