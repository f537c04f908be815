"""Variable stars and nuclei: what of their light curves is physics."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml

from lcclassify.build import config_dir, instantiate
from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.population import Population
from lcclassify.simulation.sources.agn import AGN, damped_random_walk
from lcclassify.simulation.sources.base import Epochs, Source, take
from lcclassify.simulation.sources.eclipsing import EclipsingBinary, overlap
from lcclassify.simulation.sources.flares import MDwarfFlares, profile
from lcclassify.simulation.sources.mira import Mira
from lcclassify.simulation.sources.rr_lyrae import RRLyrae
from lcclassify.simulation.sources.stars import Stars

SPAN = (59580.0, 60675.0)
STARS = Stars("r", [16.0, 18.0, 20.0], [[1.8, 0.2, 0.0, 0.0, 0.0], [2.0, 0.6, 0.3, 0.1, 0.1]])
STATIC = ("rr_lyrae", "eclipsing_binary", "mira", "m_dwarf_flare", "agn", "microlensing")
ALL = (*STATIC, "binary_lens")


def settings(name: str) -> dict[str, Any]:
    return yaml.safe_load((config_dir() / "population" / f"{name}.yaml").read_text())


def population(name: str) -> Population:
    found = instantiate(settings(name))
    assert isinstance(found, Population)
    return found


def drawn(
    source: Source, n: int, seed: int = 1, redshift: float = 0.0
) -> tuple[Draws, dict[str, np.ndarray]]:
    draws = Draws.of(seed, np.arange(n))
    redshifts = np.full(n, redshift if not source.galactic else 0.0)
    if not source.galactic and not redshift:
        redshifts = draws.uniform("redshift", 0.2, 3.0)
    return draws, dict(source.draw(draws, redshifts, SPAN))


def on_grid(n: int, times: np.ndarray, passband: int) -> Epochs:
    """The same times (V,) or times by object (n, V), in one passband."""
    mjd = np.broadcast_to(times, (n, times.shape[-1])).ravel()
    row = np.repeat(np.arange(n), times.shape[-1])
    return Epochs(row, mjd, np.full(len(row), passband, dtype=np.uint8))


def visits(n: int, count: int = 60) -> Epochs:
    rng = np.random.default_rng(0)
    mjd = np.sort(rng.uniform(*SPAN, (n, count)), axis=1).ravel()
    passband = rng.integers(0, 6, n * count).astype(np.uint8)
    return Epochs(np.repeat(np.arange(n), count), mjd, passband)


@pytest.mark.parametrize("name", ALL)
def test_every_argument_of_the_source_stands_in_its_file(name: str) -> None:
    config = settings(name)["source"]
    arguments = inspect.signature(type(population(name).source)).parameters
    assert set(config) - {"_target_"} == set(arguments)


@pytest.mark.parametrize("name", ALL)
def test_an_object_is_the_same_to_the_bit_whatever_the_others(name: str) -> None:
    source = population(name).source
    n = 48
    draws, parameters = drawn(source, n)
    epochs = visits(n)
    flux = source.flux(parameters, epochs).reshape(n, -1)
    redshift = np.zeros(n) if source.galactic else parameters["redshift"]
    for rows in (np.array([7]), np.arange(3, 30)[::-1], np.arange(0, n, 5)):
        some = source.draw(draws.take(rows), redshift[rows], SPAN)
        assert set(some) == set(parameters)
        for key, values in take(parameters, rows).items():
            np.testing.assert_array_equal(some[key], values, err_msg=key)
        at = [np.flatnonzero(epochs.row == row) for row in rows]
        part = Epochs(
            np.repeat(np.arange(len(rows)), [len(one) for one in at]),
            epochs.mjd[np.concatenate(at)],
            epochs.passband[np.concatenate(at)],
        )
        np.testing.assert_array_equal(source.flux(some, part).reshape(len(rows), -1), flux[rows])
        np.testing.assert_array_equal(source.template(some), source.template(parameters)[rows])
        np.testing.assert_array_equal(source.peak(some), source.peak(parameters)[rows])


@pytest.mark.parametrize("name", ALL)
def test_an_observation_does_not_depend_on_the_others_of_its_object(name: str) -> None:
    source = population(name).source
    _, parameters = drawn(source, 40)
    epochs = visits(40)
    some = np.arange(0, len(epochs), 7)
    alone = Epochs(epochs.row[some], epochs.mjd[some], epochs.passband[some])
    np.testing.assert_array_equal(
        source.flux(parameters, alone), source.flux(parameters, epochs)[some]
    )


@pytest.mark.parametrize("name", ALL)
def test_fluxes_are_finite_and_not_negative(name: str) -> None:
    source = population(name).source
    _, parameters = drawn(source, 1500)
    flux = source.flux(parameters, visits(1500))
    assert np.isfinite(flux).all()
    assert (flux >= 0).all()
    peak, template = source.peak(parameters), source.template(parameters)
    assert peak.shape == template.shape == (1500, 6)
    assert np.isfinite(peak).all()
    assert (peak > 0).all()
    assert (template > 0).all()


@pytest.mark.parametrize("name", ["rr_lyrae", "eclipsing_binary", "mira", "agn"])
def test_difference_fluxes_change_sign(name: str) -> None:
    source = population(name).source
    n = 200
    _, parameters = drawn(source, n)
    times = np.arange(SPAN[0], SPAN[1], 0.37)
    for passband in (1, 4):
        flux = source.flux(parameters, on_grid(n, times, passband)).reshape(n, -1)
        difference = flux - source.template(parameters)[:, passband, None]
        both = (difference.min(axis=1) < 0) & (difference.max(axis=1) > 0)
        # A slow nucleus may stay on one side of its mean for three years.
        assert both.mean() > (0.6 if name == "agn" else 0.995)


def plain_mira() -> Mira:
    return Mira(STARS, cycle_scatter=0.0, mean_scatter=0.0)


PERIODIC: list[Callable[[], Source]] = [
    lambda: RRLyrae(STARS),
    lambda: EclipsingBinary(STARS),
    plain_mira,
]


@pytest.mark.parametrize("make", PERIODIC)
def test_periodic_stars_fold_on_their_period(make: Callable[[], Source]) -> None:
    source = make()
    n = 300
    _, parameters = drawn(source, n)
    times = np.linspace(SPAN[0], SPAN[0] + 30, 50)[None, :] + np.zeros((n, 1))
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
def test_the_template_is_the_mean_flux(make: Callable[[], Source]) -> None:
    source = make()
    n, steps = 200, 4096
    _, parameters = drawn(source, n)
    phase = (np.arange(steps) + 0.5) / steps
    times = SPAN[0] + phase[None, :] * parameters["period"][:, None]
    for passband in (0, 2, 5):
        flux = source.flux(parameters, on_grid(n, times, passband)).reshape(n, -1)
        template = source.template(parameters)[:, passband]
        np.testing.assert_allclose(flux.mean(axis=1), template, rtol=1e-3)


@pytest.mark.parametrize("make", PERIODIC)
def test_the_peak_is_the_strongest_deviation(make: Callable[[], Source]) -> None:
    source = make()
    n, steps = 200, 2000
    _, parameters = drawn(source, n)
    times = SPAN[0] + np.linspace(0, 1, steps)[None, :] * parameters["period"][:, None]
    flux = source.flux(parameters, on_grid(n, times, 1)).reshape(n, -1)
    strongest = np.abs(flux - source.template(parameters)[:, 1, None]).max(axis=1)
    np.testing.assert_allclose(source.peak(parameters)[:, 1], strongest, rtol=0.03)


def test_rr_lyrae_vary_more_in_the_blue_and_rise_faster_than_they_fall() -> None:
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


def test_overlap_of_discs() -> None:
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


def test_the_hotter_stars_eclipse_is_the_deeper_one() -> None:
    source = EclipsingBinary(STARS, contact_fraction=0.0)
    n = 300
    _, parameters = drawn(source, n)
    first = parameters["peak_mjd"][:, None]
    second = first + parameters["period"][:, None] / 2
    at_first = source.flux(parameters, on_grid(n, first, 1))
    at_second = source.flux(parameters, on_grid(n, second, 1))
    assert (at_first <= at_second * (1 + 1e-9)).all()
    assert (at_first < 0.99 * at_second).mean() > 0.5


def test_miras_change_from_cycle_to_cycle_without_jumps() -> None:
    steady, changing = plain_mira(), Mira(STARS)
    n = 100
    times = np.arange(SPAN[0], SPAN[1], 0.5)
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


def test_miras_vary_more_in_the_blue() -> None:
    source = plain_mira()
    _, parameters = drawn(source, 50)
    relative = source.peak(parameters) / source.template(parameters)
    assert (np.diff(relative, axis=1) < 0).all()


def test_the_flare_profile() -> None:
    phase = np.linspace(-1, 20, 4201)
    flux = profile(phase)
    assert flux[np.abs(phase).argmin()] == pytest.approx(1.0, abs=0.01)
    assert (np.diff(flux[phase > 0]) <= 0).all()
    assert (np.diff(flux[(phase > -0.95) & (phase < -0.02)]) > 0).all()
    assert (profile(np.array([-1.5, 20.5])) == 0).all()
    # "Full width at half maximum" of 1 by definition.
    half = phase[(flux > 0.5) & (np.abs(phase) < 2)]
    assert half[-1] - half[0] == pytest.approx(1.0, abs=0.15)


def flaring() -> MDwarfFlares:
    source = population("m_dwarf_flare").source
    assert isinstance(source, MDwarfFlares)
    return source


def test_flares_are_blue_and_add_light_only() -> None:
    source = flaring()
    n = 300
    _, parameters = drawn(source, n)
    times = np.arange(SPAN[0], SPAN[0] + 30, 0.02)
    template = source.template(parameters)
    gain = np.stack(
        [
            source.flux(parameters, on_grid(n, times, band)) - np.repeat(template[:, band], 1500)
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


def test_flares_go_on_over_the_end_of_a_day() -> None:
    source = flaring()
    n = 4000
    _, parameters = drawn(source, n)
    noon = SPAN[0] + 10
    before = source.flux(parameters, on_grid(n, np.array([noon - 1e-6]), 0))
    after = source.flux(parameters, on_grid(n, np.array([noon + 1e-6]), 0))
    quiet = source.template(parameters)[:, 0]
    active = before - quiet > 0.5
    assert active.sum() > 10
    np.testing.assert_allclose(
        after[active] - quiet[active], before[active] - quiet[active], rtol=0.01
    )


def test_a_flare_decays() -> None:
    source = flaring()
    n = 500
    _, parameters = drawn(source, n)
    times = SPAN[0] + np.arange(0, 1, 0.002)
    gain = (
        source.flux(parameters, on_grid(n, times, 0)).reshape(n, -1)
        - source.template(parameters)[:, :1]
    )
    top = gain.argmax(axis=1)
    rows = np.flatnonzero((gain.max(axis=1) > 5) & (top < 300))
    assert len(rows) > 20
    later = gain[rows[:, None], top[rows, None] + np.array([50, 100, 190])]
    assert (later < 0.6 * gain[rows, top[rows]][:, None]).all()
    assert (np.diff(later, axis=1) <= 1e-9).mean() > 0.9  # but for the day before's flares


def test_the_walks_structure_function_is_that_of_a_damped_random_walk() -> None:
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


def test_nuclei_follow_one_walk_in_all_passbands_weaker_in_the_red() -> None:
    source = AGN()
    n = 200
    _, parameters = drawn(source, n)
    times = np.linspace(*SPAN, 50)
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


def test_nuclei_vary_more_slowly_the_farther_they_are() -> None:
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
        times = np.array([SPAN[0], SPAN[0] + lag * (1 + redshift)])
        flux = source.flux(parameters, on_grid(n, times, 1)).reshape(n, 2)
        host = (parameters["template"] - parameters["nucleus"])[:, 1, None]
        walk = np.log((flux - host) / parameters["nucleus"][:, 1, None])
        change = np.diff(walk, axis=1)[:, 0] / parameters["deviation"][:, 1]
        expected = np.mean(2 * (1 - np.exp(-lag / rest)))
        assert np.mean(change**2) == pytest.approx(expected, rel=0.06)
    np.testing.assert_allclose(rates[0.5], rates[2.0], rtol=1e-9)


def test_faint_nuclei_vary_more() -> None:
    source = AGN(eddington_scatter=0.0)
    _, parameters = drawn(source, 2000, redshift=1.0)
    order = np.argsort(parameters["nucleus"][:, 2])
    deviation = parameters["deviation"][order, 2]
    assert np.median(deviation[:400]) > np.median(deviation[-400:])


def test_stars_have_the_stated_magnitudes_and_colours() -> None:
    stars = Stars("i", [17.0, 19.0, 22.0], [[1.0, 0.5, 0.2, 0.1, 0.0]], [0.0, 0.1, 0.0, 0.0, 0.0])
    flux = stars.draw(Draws.of(0, np.arange(20_000)))
    magnitude = 27.5 - 2.5 * np.log10(flux)
    np.testing.assert_allclose(
        np.percentile(magnitude[:, 3], [25, 50, 75]), [18.0, 19.0, 20.5], atol=0.05
    )
    np.testing.assert_allclose(magnitude[:, 0] - magnitude[:, 1], 1.0)
    fainter = magnitude[:, 3] - 19.0
    np.testing.assert_allclose(magnitude[:, 1] - magnitude[:, 2], 0.5 + 0.1 * fainter)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RRLyrae(STARS, c_fraction=1.2), "c_fraction"),
        (lambda: RRLyrae(STARS, period_ab=0.0), "period_ab"),
        (lambda: EclipsingBinary(STARS, contact_fraction=-0.1), "contact_fraction"),
        (lambda: EclipsingBinary(STARS, temperature=-1.0), "temperature"),
        (lambda: Mira(STARS, rise=1.0), "rise"),
        (lambda: Mira(STARS, period=float("nan")), "period"),
        (lambda: MDwarfFlares(STARS, strongest=1e-5), "strongest"),
        (lambda: MDwarfFlares(STARS, duration=0.5), "duration"),
        (lambda: AGN(bright_slope=0.0), "bright_slope"),
        (lambda: AGN(host_scatter=-1.0), "host_scatter"),
        (lambda: AGN(break_magnitude=float("inf")), "break_magnitude"),
        (lambda: Stars("R", [1.0, 2.0], [[0.0] * 5]), "passband"),
        (lambda: Stars("r", [2.0, 1.0], [[0.0] * 5]), "magnitudes"),
        (lambda: Stars("r", [1.0, 2.0], [[0.0] * 4]), "colours"),
        (lambda: Stars("r", [1.0, 2.0], [[0.0] * 5], [0.0]), "trend"),
    ],
)
def test_impossible_values_are_named(make: Callable[[], object], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        make()
