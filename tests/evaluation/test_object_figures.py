"""Figures of single objects: what is drawn of a light curve, and of what decided about it."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from lcclassify.errors import DataError
from lcclassify.evaluation.figures.explanation import ExplainedObject, explanation_figure
from lcclassify.evaluation.figures.importances import MOST, importances_figure
from lcclassify.evaluation.figures.light_curves import (
    LightCurvePanel,
    light_curve_figure,
    passband_style,
)
from lcclassify.evaluation.figures.style import BLUE, PALETTE, VERMILLION

PANEL = LightCurvePanel(
    "an object",
    np.array([0.0, 1.0, 2.0, 3.0]),
    np.array([1.0, 20.0, 5.0, -2.0]),
    np.array([1.0, 1.0, 1.0, 1.0]),
    np.array([0, 1, 0, 1]),
    np.zeros(0),
    np.zeros((2, 0)),
)
CLASSES = tuple("abcdefg")
SHOWN = ExplainedObject(
    light_curve=PANEL,
    passbands=("g", "r", "i"),
    class_names=CLASSES,
    probabilities=np.array([0.1, 0.5, 0.0, 0.2, 0.0, 0.2, 0.0]),
    member_names=("one", "other"),
    members=np.array([[0.0, 0.6, 0.0, 0.4, 0.0, 0, 0], [0.3, 0.3, 0.0, 0.1, 0.01, 0, 0.29]]),
    night_time=np.array([0.0, 1.0, 2.0, 3.0]),
    night_changes=np.array([-2.0, 1.0, np.nan, 0.09]),
    left_out=("g", "r", "metadata"),
    left_out_changes=np.array([0.5, np.nan, -0.25]),
    seen=np.array([[0.0, 0.2, 0.8, 0.0, 0, 0, 0]] * 3 + [[0.1, 0.5, 0.0, 0.2, 0.0, 0.2, 0]]),
    neighbours=(("7", 1, 0.8), ("9", 4, 1.5)),
)


def titled(figure):
    return {axes.get_title(): axes for axes in figure.axes}


@pytest.fixture(scope="module")
def explained():
    """The figure of an object."""
    return explanation_figure(SHOWN)


def bars(axes):
    """Names, widths and colours of bars."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    widths = [bar.get_width() for bar in axes.patches]
    return names, widths, [to_hex(bar.get_facecolor()).upper() for bar in axes.patches]


def test_the_most_probable_classes_at_any_time_are_named(explained):
    """Of seven the five with the highest probability of a member, of some nights or in all."""
    names, widths, colors = bars(titled(explained)["all nights"])
    assert names == ["b", "d", "a", "c", "g"]  # the most probable in all first
    np.testing.assert_allclose(widths, [0.5, 0.2, 0.1, 0, 0])
    order = dict(zip("abcdg", PALETTE, strict=False))
    assert colors == [order[name] for name in names]


def test_bars_of_members_end_at_one(explained):
    axes = titled(explained)["by member"]
    for row, members in enumerate(SHOWN.members):
        own = [bar for bar in axes.patches if abs(bar.get_y() + 0.325 - row) < 0.1]
        ends = np.cumsum([bar.get_width() for bar in own])
        np.testing.assert_allclose([bar.get_x() for bar in own], [0, *ends[:-1]], atol=1e-12)
        assert ends[-1] == pytest.approx(1)
        assert own[-1].get_width() == pytest.approx(1 - members[[0, 1, 2, 3, 6]].sum())


def test_nights_are_marked_by_what_leaving_them_out_changes(explained):
    figure = explained
    curve, nights = titled(figure)["an object"], titled(figure)["a night left out"]
    marked = [line for line in curve.lines if line.get_linewidth() == 4]
    # Of the largest change the last has less than a twentieth, and the third is undefined.
    assert [line.get_xdata()[0] for line in marked] == [0.0, 1.0]
    assert [line.get_color() for line in marked] == [VERMILLION, BLUE]
    assert marked[1].get_alpha() == pytest.approx(marked[0].get_alpha() / 2)
    segments = nights.collections[0].get_segments()
    assert [segment.tolist() for segment in segments] == [
        [[0, 0], [0, -2]],
        [[1, 0], [1, 1]],
        [[3, 0], [3, 0.09]],
    ]
    assert nights.get_ylabel() == "Δ ln p(b)"
    same = explanation_figure(replace(SHOWN, night_changes=np.zeros(4)))
    assert not [line for line in titled(same)["an object"].lines if line.get_linewidth() == 4]


def test_parts_left_out_and_what_is_all_there_is(explained):
    names, widths, colors = bars(titled(explained)["left out"])
    assert names == ["g", "r (all there is)", "metadata"]
    assert widths == [0.5, 0, -0.25]
    assert (colors[0], colors[2]) == (BLUE, VERMILLION)


def test_probabilities_after_the_first_nights(explained):
    axes = titled(explained)["after the first nights"]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 3, 4]] * 5
    np.testing.assert_array_equal(
        [line.get_ydata() for line in axes.lines], SHOWN.seen.T[[0, 1, 2, 3, 6]]
    )


def test_objects_like_it_are_drawn_where_they_are_known(explained):
    names, widths, colors = bars(titled(explained)["training objects like it"])
    assert (names, widths) == (["7, b", "9, e"], [0.8, 1.5])
    assert colors == [PALETTE[1], "#DDDDDD"]  # of a class without a name in the key
    without = explanation_figure(replace(SHOWN, neighbours=()))
    assert "training objects like it" not in titled(without)
    assert len(without.axes) == 6


def test_the_key_has_the_passbands_observed_and_the_classes_named(explained):
    (legend,) = explained.legends
    assert [text.get_text() for text in legend.get_texts()] == ["g", "r", *"abcdg"]


# --- light curves -----------------------------------------------------------------------


def test_each_passband_is_drawn_with_its_errors_and_the_curve_without_noise():
    panel = replace(
        PANEL,
        true_time=np.array([0.0, 3.0]),
        true_flux=np.array([[1.0, 2.0], [10.0, 12.0]]),
        true_err=np.array([[0.5, 0.5], [1.0, 2.0]]),
    )
    axes = light_curve_figure([panel], ("g", "r"), 1).axes[0]
    points = [container.lines[0] for container in axes.containers]
    assert [line.get_xdata().tolist() for line in points] == [[0, 2], [1, 3]]
    assert [line.get_ydata().tolist() for line in points] == [[1, 5], [20, -2]]
    band = [item for item in axes.collections if len(item.get_paths()) == 1]
    edges = [item.get_paths()[0].vertices[:, 1] for item in band]
    assert [(values.min(), values.max()) for values in edges] == [(0.5, 2.5), (9, 14)]


def test_limits_hold_all_but_wild_points_of_large_errors():
    """A margin of 8 % lies around the others, zero among them."""
    wild = replace(
        PANEL,
        time=np.arange(6.0),
        flux=np.array([1.0, 20.0, 5.0, -2.0, 80.0, -100.0]),
        flux_err=np.array([1.0, 1.0, 1.0, 1.0, 30.0, 20.0]),
        passband=np.array([0, 1, 0, 1, 0, 1]),
    )
    # The errors of the last two are large; the first of these is no detection.
    assert limits(wild) == pytest.approx((-100 - 0.08 * 120, 20 + 0.08 * 120))
    assert limits(replace(wild, flux=wild.flux * [1, 1, 1, 1, 1, 0.5])) == pytest.approx(
        (-2 - 0.08 * 22, 20 + 0.08 * 22)
    )
    nothing = replace(PANEL, **{name: np.zeros(0) for name in ("time", "flux", "flux_err")})
    nothing = replace(nothing, passband=np.zeros(0, dtype=np.int64))
    assert limits(nothing) == (-1, 1)


def limits(panel):
    return light_curve_figure([panel], ("g", "r"), 1).axes[0].get_ylim()


def test_panels_fill_rows_and_the_rest_is_empty():
    figure = light_curve_figure([PANEL] * 4, ("g", "r"), 3, "a title")
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4 + [False] * 2
    assert [axes.get_ylabel() for axes in figure.axes] == ["flux", "", ""] * 2
    assert len(light_curve_figure([PANEL] * 3, ("g", "r"), 3).axes) == 3
    with pytest.raises(DataError, match="at least one"):
        light_curve_figure([], ("g",), 3)


def test_passbands_of_lsst_have_their_colours_and_others_by_place():
    assert passband_style("r", ("x", "r")) == passband_style("r", ("r", "g"))
    others = [f"band {k}" for k in range(8)]
    styles = [passband_style(name, others) for name in others]
    assert len(set(styles)) == 6
    assert styles[6:] == styles[:2]


def test_importances_are_drawn_from_the_highest_on():
    rises = {f"quantity {k}": float(k * 7 % 30) for k in range(30)}
    names, widths, _ = bars(importances_figure(rises).axes[0])
    assert widths == sorted(rises.values(), reverse=True)[:MOST]
    assert [rises[name] for name in names] == widths
    with pytest.raises(DataError, match="at least one"):
        importances_figure({})
