"""Stars that repeat: RR Lyrae, eclipsing binaries and Miras."""

import numpy as np
import pytest

from lcclassify.simulation.sources.eclipsing import EclipsingBinary, overlap
from lcclassify.simulation.sources.mira import Mira
from lcclassify.simulation.sources.rr_lyrae import RRLyrae
from lcclassify.simulation.sources.stars import Stars

STARS = Stars("r", [16.0, 18.0, 20.0], [[1.8, 0.2, 0.0, 0.0, 0.0], [2.0, 0.6, 0.3, 0.1, 0.1]])


def plain_mira():
    return Mira(STARS, cycle_scatter=0.0, mean_scatter=0.0)


PERIODIC = [lambda: RRLyrae(STARS), lambda: EclipsingBinary(STARS), plain_mira]


@pytest.mark.parametrize("make", PERIODIC)
def test_periodic_stars_fold_on_their_period(make, span, drawn, on_grid):
    source = make()
    n = 300
    _, parameters = drawn(source, n)
    times = np.linspace(span[0], span[0] + 30, 50)[None, :] + np.zeros((n, 1))
    flux = source.flux(parameters, on_grid(n, times, 2))
    scale = np.repeat(source.template(parameters)[:, 2], 50)
    for cycles in (1, 3):
        later = times + cycles * parameters["period"][:, None]
        again = source.flux(parameters, on_grid(n, later, 2))
        # Times are known to 1e-11 days, and an eclipse's edge is steep.
        np.testing.assert_allclose(again / scale, flux / scale, atol=2e-5, rtol=0)
        assert np.median(np.abs(again - flux) / scale) < 1e-9
    other = source.flux(parameters, on_grid(n, times + 0.4 * parameters["period"][:, None], 2))
    # By the mean: detached binaries are constant most of the time.
    assert np.mean(np.abs(other - flux) / scale) > 0.02


@pytest.mark.parametrize("make", PERIODIC)
def test_the_template_is_the_mean_flux(make, span, drawn, on_grid):
    source = make()
    n, steps = 200, 4096
    _, parameters = drawn(source, n)
    phase = (np.arange(steps) + 0.5) / steps
    times = span[0] + phase[None, :] * parameters["period"][:, None]
    for passband in (0, 2, 5):
        flux = source.flux(parameters, on_grid(n, times, passband)).reshape(n, -1)
        template = source.template(parameters)[:, passband]
        np.testing.assert_allclose(flux.mean(axis=1), template, rtol=1e-3)


@pytest.mark.parametrize("make", PERIODIC)
def test_the_peak_is_the_strongest_deviation(make, span, drawn, on_grid):
    source = make()
    n, steps = 200, 2000
    _, parameters = drawn(source, n)
    times = span[0] + np.linspace(0, 1, steps)[None, :] * parameters["period"][:, None]
    flux = source.flux(parameters, on_grid(n, times, 1)).reshape(n, -1)
    strongest = np.abs(flux - source.template(parameters)[:, 1, None]).max(axis=1)
    np.testing.assert_allclose(source.peak(parameters)[:, 1], strongest, rtol=0.03)


def test_rr_lyrae_vary_more_in_the_blue_and_rise_faster_than_they_fall(drawn, on_grid):
    source = RRLyrae(STARS, c_fraction=0.0)
    n, steps = 100, 1000
    _, parameters = drawn(source, n)
    times = (
        parameters["peak_mjd"][:, None] + np.arange(steps) / steps * parameters["period"][:, None]
    )
    ranges = []
    for passband in range(6):
        flux = source.flux(parameters, on_grid(n, times, passband)).reshape(n, -1)
        ranges.append(2.5 * np.log10(flux.max(axis=1) / flux.min(axis=1)))
        rising = (np.diff(flux, axis=1) > 0).mean(axis=1)
        assert (rising < 0.3).all()
        assert (flux.argmax(axis=1) == 0).all()
    assert (np.diff(ranges[1:], axis=0) < 0).all()
    assert np.min(ranges[1]) > 0.2
    assert np.max(ranges[1]) < 1.7


def test_overlap_of_discs():
    first, second = np.full(4, 2.0), np.full(4, 1.0)
    area = overlap(np.array([3.0, 1.0, 0.0, 2.0]), first, second)
    assert area[0] == 0
    np.testing.assert_allclose(area[1:3], 1.0)
    # Monte Carlo of the case that cuts.
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (400_000, 2))
    inside = (points**2).sum(axis=1) < 1
    both = inside & (((points - [2.0, 0.0]) ** 2).sum(axis=1) < 4)
    assert area[3] == pytest.approx(both.sum() * 4 / len(points) / np.pi, abs=0.01)


def test_the_hotter_stars_eclipse_is_the_deeper_one(drawn, on_grid):
    source = EclipsingBinary(STARS, contact_fraction=0.0)
    n = 300
    _, parameters = drawn(source, n)
    first = parameters["peak_mjd"][:, None]
    second = first + parameters["period"][:, None] / 2
    at_first = source.flux(parameters, on_grid(n, first, 1))
    at_second = source.flux(parameters, on_grid(n, second, 1))
    assert (at_first <= at_second * (1 + 1e-9)).all()
    assert (at_first < 0.99 * at_second).mean() > 0.5


def test_miras_change_from_cycle_to_cycle_without_jumps(span, drawn, on_grid):
    steady, changing = plain_mira(), Mira(STARS)
    n = 100
    times = np.arange(span[0], span[1], 0.5)
    ratios, steps = {}, {}
    for name, source in (("steady", steady), ("changing", changing)):
        _, parameters = drawn(source, n)
        flux = source.flux(parameters, on_grid(n, times, 2)).reshape(n, -1)
        later = source.flux(
            parameters, on_grid(n, times + parameters["period"][:, None], 2)
        ).reshape(n, -1)
        ratios[name] = np.abs(np.log(later / flux))
        steps[name] = np.abs(np.diff(np.log(flux), axis=1))
    assert ratios["steady"].max() < 1e-9
    assert np.median(ratios["changing"]) > 0.05
    assert steps["changing"].max() < 3 * steps["steady"].max()


def test_miras_vary_more_in_the_blue(drawn):
    source = plain_mira()
    _, parameters = drawn(source, 50)
    relative = source.peak(parameters) / source.template(parameters)
    assert (np.diff(relative, axis=1) < 0).all()
