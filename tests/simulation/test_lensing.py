"""Microlensing by one lens and by two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.sources.base import Epochs
from lcclassify.simulation.sources.binary_lens import BinaryLens, binary_magnification
from lcclassify.simulation.sources.microlensing import Microlensing, magnification
from lcclassify.simulation.sources.stars import Stars

SPAN = (59580.0, 60675.0)
STARS = Stars("r", [17.0, 20.0], [[1.6, 0.7, 0.3, 0.2, 0.1]])
N = 300


def unlensed(source: Microlensing | BinaryLens, n: int = N) -> dict[str, np.ndarray]:
    return dict(source.draw(Draws.of(4, np.arange(n)), np.zeros(n), SPAN))


def at(mjd: np.ndarray, passband: int) -> Epochs:
    """Times (n, V) in one passband."""
    row = np.repeat(np.arange(len(mjd)), mjd.shape[1])
    return Epochs(row, mjd.ravel(), np.full(len(row), passband, dtype=np.uint8))


def around(parameters: dict[str, np.ndarray], steps: np.ndarray) -> np.ndarray:
    """Times at these many Einstein times from the peak."""
    return parameters["peak_mjd"][:, None] + steps * parameters["time_scale"][:, None]


def test_without_a_blend_it_is_achromatic_and_paczynskis_curve() -> None:
    source = Microlensing(STARS, unblended_fraction=1.0, parallax_fraction=0.0)
    parameters = unlensed(source)
    steps = np.linspace(-2, 2, 21)
    times = around(parameters, steps)
    template = source.template(parameters)
    u = np.sqrt(steps**2 + parameters["impact"][:, None] ** 2)
    expected = (u**2 + 2) / (u * np.sqrt(u**2 + 4))
    for band in range(6):
        flux = source.flux(parameters, at(times, band)).reshape(N, -1)
        np.testing.assert_allclose(flux / template[:, band, None], expected, rtol=1e-9)
    np.testing.assert_allclose(
        source.peak(parameters), template * (expected[:, 10, None] - 1), rtol=1e-9
    )


def test_the_magnification_at_known_separations() -> None:
    found = magnification(np.array([1.0, 0.01, 100.0]))
    np.testing.assert_allclose(found, [3 / np.sqrt(5), 100.0, 1.0], rtol=1e-3)


def test_blending_makes_it_chromatic_and_weaker() -> None:
    source = Microlensing(STARS, unblended_fraction=0.0, parallax_fraction=0.0)
    parameters = unlensed(source)
    template, peak = source.template(parameters), source.peak(parameters)
    share = parameters["source"] / template
    assert ((share > 0) & (share < 1)).all()
    ratio = peak / template
    assert (np.ptp(ratio, axis=1) / ratio.mean(axis=1) > 0.02).mean() > 0.7
    # Far from the lens only the template is left.
    far = source.flux(parameters, at(around(parameters, np.array([300.0])), 2))
    np.testing.assert_allclose(far, template[:, 2], rtol=1e-7)


def test_a_single_lens_is_symmetric_in_time_and_parallax_is_not() -> None:
    asymmetry = {}
    steps = np.linspace(0.1, 2, 20)
    for fraction in (0.0, 1.0):
        source = Microlensing(STARS, unblended_fraction=1.0, parallax_fraction=fraction)
        parameters = unlensed(source)
        before = source.flux(parameters, at(around(parameters, -steps), 2))
        after = source.flux(parameters, at(around(parameters, steps), 2))
        asymmetry[fraction] = np.abs(after / before - 1).reshape(N, -1).max(axis=1)
        peak = source.flux(parameters, at(around(parameters, np.zeros(1)), 2))
        template = source.template(parameters)[:, 2]
        # The Earth's motion is taken out at the peak.
        np.testing.assert_allclose(peak / template, magnification(parameters["impact"]), rtol=1e-9)
    assert asymmetry[0.0].max() < 1e-6
    assert np.median(asymmetry[1.0]) > 0.005


def test_parallax_acts_more_the_longer_the_event() -> None:
    effects = []
    for days in (5.0, 200.0):
        source = Microlensing(STARS, time_scale=days, time_scale_scatter=0.0, parallax_fraction=1.0)
        parameters = unlensed(source)
        steps = np.linspace(0.1, 1.5, 10)
        before = source.flux(parameters, at(around(parameters, -steps), 2))
        after = source.flux(parameters, at(around(parameters, steps), 2))
        effects.append(np.median(np.abs(after / before - 1)))
    assert effects[1] > 20 * effects[0]


def plane(n: int, width: float = 1.5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-width, width, n) + 1j * rng.uniform(-width, width, n)


def test_a_feather_weight_companion_changes_nothing() -> None:
    source = plane(2000)
    found = binary_magnification(source, np.full(2000, 1.3), np.full(2000, 1e-7))
    away = np.abs(source) > 0.1
    np.testing.assert_allclose(found[away], magnification(np.abs(source[away])), rtol=1e-3)


def test_two_lenses_close_together_act_as_one() -> None:
    source = plane(2000)
    away = np.abs(source) > 0.1
    found = binary_magnification(source, np.full(2000, 1e-3), np.ones(2000))
    np.testing.assert_allclose(found[away], magnification(np.abs(source[away])), rtol=1e-4)


def test_far_away_two_lenses_act_as_one() -> None:
    direction = np.exp(2j * np.pi * np.arange(50) / 50)
    found = binary_magnification(6 * direction, np.ones(50), np.ones(50))
    np.testing.assert_allclose(found, magnification(np.full(50, 6.0)), atol=1e-3)


def test_two_equal_lenses_look_the_same_mirrored() -> None:
    source = plane(500)
    one, equal = np.full(500, 0.9), np.ones(500)
    found = binary_magnification(source, one, equal, size=0.001)
    for mirrored in (np.conj(source), -np.conj(source), -source):
        # Next to a caustic rounding of the position is magnified.
        again = binary_magnification(mirrored, one, equal, size=0.001)
        np.testing.assert_allclose(again, found, rtol=1e-6)


def test_against_shooting_rays_backwards() -> None:
    separation, ratio, radius = 1.0, 0.5, 0.05
    centres = np.array([0.1 + 0.2j, 0.3 - 0.1j, 0.8 + 0.5j])
    heavy, light = 1 / (1 + ratio), ratio / (1 + ratio)
    axis = (np.arange(2000) + 0.5) / 2000 * 6 - 3
    hits = np.zeros(3)
    for y in axis:
        image = axis + 1j * y
        conjugate = np.conj(image)
        landed = (
            image
            - heavy / (conjugate + light * separation)
            - light / (conjugate - heavy * separation)
        )
        hits += (np.abs(landed - centres[:, None]) < radius).sum(axis=1)
    shot = hits * (6 / 2000) ** 2 / (np.pi * radius**2)
    rng = np.random.default_rng(1)
    disc = radius * np.sqrt(rng.random(20_000)) * np.exp(2j * np.pi * rng.random(20_000))
    for centre, expected in zip(centres, shot, strict=True):
        points = binary_magnification(
            centre + disc, np.full(20_000, separation), np.full(20_000, ratio)
        )
        assert points.mean() == pytest.approx(expected, rel=0.03)


def test_inside_a_caustic_the_source_is_three_times_as_bright_at_least() -> None:
    # The central caustic of two equal lenses one Einstein radius apart holds the origin.
    inside = 0.05 * np.exp(2j * np.pi * np.arange(20) / 20)
    found = binary_magnification(inside, np.ones(20), np.ones(20))
    assert (found > 3).all()
    # Along a path through it the brightness jumps at the caustic, which a size keeps finite.
    path = np.linspace(-1.5, 1.5, 60_001) * np.exp(0.7j)
    one = np.ones(len(path))
    point = binary_magnification(path, one, one)
    disc = binary_magnification(path, one, one, size=0.01)
    assert point.max() > 60
    assert 3 < disc.max() <= 5 / np.sqrt(0.01)
    assert np.abs(np.diff(point)).max() > 5


def test_binary_events_are_achromatic_without_a_blend() -> None:
    source = BinaryLens(STARS, unblended_fraction=1.0)
    parameters = unlensed(source, 60)
    template = source.template(parameters)
    times = around(parameters, np.linspace(-2, 2, 31))
    gains = np.stack(
        [
            source.flux(parameters, at(times, band)).reshape(60, -1) / template[:, band, None]
            for band in range(6)
        ]
    )
    np.testing.assert_allclose(gains, np.broadcast_to(gains[:1], gains.shape), rtol=1e-9)
    assert (gains >= 1 - 1e-9).all()
    # Most are no single lens's curve.
    asymmetry = np.abs(gains[0] / gains[0][:, ::-1] - 1).max(axis=1)
    assert (asymmetry > 0.02).mean() > 0.6
    assert (gains[0].max(axis=1) > 3).mean() > 0.2


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Microlensing(STARS, time_scale=0.0), "time_scale"),
        (lambda: Microlensing(STARS, parallax_fraction=1.5), "parallax_fraction"),
        (lambda: Microlensing(STARS, margin=-1.0), "margin"),
        (lambda: BinaryLens(STARS, smallest_ratio=0.0), "smallest_ratio"),
        (lambda: BinaryLens(STARS, source_size=-0.1), "source_size"),
        (lambda: BinaryLens(STARS, unblended_fraction=2.0), "unblended_fraction"),
    ],
)
def test_impossible_values_are_named(make: Callable[[], object], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        make()
