"""Small drawings of light curves: which days and fluxes they show, and where points lie."""

import re
from dataclasses import replace

import numpy as np
import pytest

from lcclassify.evaluation.html.light_curves import LightCurve, band_key, light_curve_svg

LEFT, RIGHT, TOP, BOTTOM = 8, 244, 6, 130  # of the axes
DAYS = np.arange(0.0, 201.0, 10)


def drawn(curve, most=1000, passbands=("g", "r")):
    svg, said = light_curve_svg(curve, passbands, "an object", most)
    return str(svg), said


def points(svg):
    """Places of points in order of their passbands, and lower and upper ends of their bars."""
    marks = re.findall(r'<path fill="[^"]*" d="([^"]*)"', svg)
    bars = re.findall(r'<path class="err" stroke="[^"]*" d="([^"]*)"', svg)
    found = [re.findall(r"M([\d.-]+) ([\d.-]+)m", mark) for mark in marks]
    ends = [re.findall(r"M[\d.-]+ ([\d.-]+)V([\d.-]+)", bar) for bar in bars]
    return [np.array(part, dtype=float) for part in found], [
        np.array(part, dtype=float) for part in ends
    ]


def flare(**changes):
    """An object of 21 observations, of which two are significant."""
    flux = np.where(DAYS == 100, 50.0, 0.0) + np.where(DAYS == 110, -5.1, 0)
    flux[0] = 5.0  # five errors are none too many
    curve = LightCurve(59000 + DAYS, flux, np.ones(21), (["g", "r"] * 11)[:21])
    return replace(curve, **changes)


def test_days_are_those_about_what_is_significant():
    svg, said = drawn(flare())
    assert said == "8 of 21 observations"  # days 70 to 140
    assert ">MJD 59070<" in svg
    assert ">+70 d<" in svg
    places = np.sort(np.concatenate(points(svg)[0])[:, 0])
    np.testing.assert_allclose(places, np.linspace(LEFT, RIGHT, 8), atol=0.051)


@pytest.mark.parametrize(
    ("significant", "begin", "span"), [((0, 20), 59000, 50), ((190,), 59160, 40), ((), 59000, 200)]
)
def test_no_day_is_beyond_the_observations(significant, begin, span):
    svg, _ = drawn(flare(flux=np.where(np.isin(DAYS, significant), 9.0, 0.1)))
    assert f">MJD {begin}<" in svg
    assert f">+{span} d<" in svg


def test_fluxes_have_a_margin_and_zero_among_them():
    svg, _ = drawn(flare())
    low, high = -5.1 - 0.06 * 55.1, 50 + 0.06 * 55.1
    assert f">flux {low:.3g} to {high:.3g}<" in svg
    (first, second), (first_bars, _) = points(svg)

    def down(flux):
        return BOTTOM - (flux - low) / (high - low) * (BOTTOM - TOP)

    peak = first[np.argmin(first[:, 1])]
    assert peak[1] == pytest.approx(down(50), abs=0.051)
    assert max(first[:, 1].max(), second[:, 1].max()) == pytest.approx(down(-5.1), abs=0.051)
    assert first_bars[np.argmin(first[:, 1])] == pytest.approx([down(49), down(51)], abs=0.051)
    zero = re.search(r'class="grid" d="M8 ([\d.]+)H244"', svg)[1]
    assert float(zero) == pytest.approx(down(0), abs=0.051)


def test_wild_points_of_large_errors_are_left_out_and_their_bars_end_at_the_edge():
    flux, error = flare().flux.copy(), np.ones(21)
    flux[8], error[8] = 300.0, 110.0  # less than three errors
    flux[12], error[12] = 30.0, 200.0
    svg, said = drawn(flare(flux=flux, flux_err=error))
    assert said == "7 of 21 observations"
    ends = np.concatenate(points(svg)[1])
    assert ends.min() >= TOP - 5
    assert ends.max() <= BOTTOM + 5
    # Of one that is a detection the axes are high enough.
    error[8] = 99.0
    assert drawn(flare(flux=flux, flux_err=error))[1] == "8 of 21 observations"


@pytest.mark.parametrize(("most", "shown", "step"), [(8, 8, 1), (7, 4, 2), (3, 3, 3), (1, 1, 8)])
def test_of_more_than_the_most_every_so_manyth_is_shown(most, shown, step):
    one_in = f", one in {step}" if step > 1 else ""
    assert drawn(flare(), most)[1] == f"{shown} of 21 observations{one_in}"


@pytest.mark.parametrize(
    ("flux", "text"), [(99.9 / 1.06, "99.9"), (300 / 1.06, "300"), (4e6 / 1.06, "4e6")]
)
def test_fluxes_in_words(flux, text):
    curve = flare(flux=np.where(DAYS == 100, flux, 0.0))
    assert f" to {text}<" in drawn(curve)[0]


@pytest.mark.parametrize("begin", [59000.0, 2459000.5])
@pytest.mark.parametrize("unit", [1.0, 350.0, 1e5, 1e30])
def test_words_below_the_axis_do_not_overlap(begin, unit):
    noise = np.random.default_rng(0).normal(size=21)
    flux = unit * (np.where(DAYS == 100, 271.3, 0.0) + 30 * noise)
    svg, _ = drawn(flare(mjd=begin + DAYS, flux=flux, flux_err=np.full(21, unit)))
    words = re.findall(r'<text x="([\d.]+)" y="144"(?: text-anchor="(\w+)")?>([^<]+)<', svg)
    wide = {anchor: (float(x), 6.0 * len(word)) for x, anchor, word in words}
    (first, a), (middle, b), (last, c) = (wide[anchor] for anchor in ("", "middle", "end"))
    assert first + a < middle - b / 2
    assert middle + b / 2 < last - c


def test_one_observation_and_a_constant_are_drawn():
    one = LightCurve(np.array([59000.0]), np.zeros(1), np.ones(1), ["r"])
    svg, said = drawn(one)
    assert said == "1 of 1 observations"
    assert ">flux -1 to 1<" in svg
    assert points(svg)[0][0].tolist() == [[LEFT, (TOP + BOTTOM) / 2]]


def test_each_passband_has_its_mark():
    marks = dict(band_key(["g", "mine", "r", "other"]))
    assert len({str(mark) for mark in (marks["g"], marks["r"], marks["other"])}) == 3
