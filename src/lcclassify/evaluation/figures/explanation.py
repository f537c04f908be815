"""What decided about one object: its light curve, and what leaving parts of it out changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from lcclassify.evaluation.figures.light_curves import (
    LightCurvePanel,
    draw_light_curve,
    passband_style,
)
from lcclassify.evaluation.figures.style import (
    BLUE,
    GREY,
    PALETTE,
    VERMILLION,
    dress,
    legend_below,
    new_figure,
    plain,
)

FloatArray = NDArray[np.float64]

N_CLASSES: Final = 5  # that are named
_SIZE: Final = (10.5, 8.5)  # inches
_SMALL: Final = 8


@dataclass(frozen=True, eq=False)
class ExplainedObject:
    """What is drawn.

    Attributes:
        light_curve: Of the object.
        passbands: Names of all passbands.
        class_names: K names.
        probabilities: ``(K,)``.
        member_names: M names.
        members: ``(M, K)``.
        night_time: ``(J,)`` days, on the axis of the light curve.
        night_changes: ``(J,)`` changes of the logarithm of the predicted class's probability
            when a night is left out, NaN where undefined.
        left_out: Names of other parts that were left out.
        left_out_changes: One change for each of them, NaN where undefined.
        seen: ``(J, K)`` probabilities after the first nights.
        neighbours: Id, position of the class, and distance in units of a typical one, of the
            training objects most like it; none where they are not known.
    """

    light_curve: LightCurvePanel
    passbands: tuple[str, ...]
    class_names: tuple[str, ...]
    probabilities: FloatArray
    member_names: tuple[str, ...]
    members: FloatArray
    night_time: FloatArray
    night_changes: FloatArray
    left_out: tuple[str, ...]
    left_out_changes: FloatArray
    seen: FloatArray
    neighbours: Sequence[tuple[str, int, float]] = ()


def explanation_figure(shown: ExplainedObject) -> Figure:
    """Draw a light curve with the nights that mattered, and who says what of it.

    Nights that speak for the predicted class are vermillion, those against it blue, the
    stronger the more they change.
    """
    width, height = _SIZE
    rows = (1.3, 1.0, 1.1, *([0.75] if shown.neighbours else []))
    figure = new_figure(width, height * sum(rows) / sum(rows[:3]))
    places = figure.add_gridspec(len(rows), 3, height_ratios=rows)
    curve = figure.add_subplot(places[0, :2])
    nights = figure.add_subplot(places[1, :2], sharex=curve)
    named = _named(shown)
    # Few are named: they need no dashes, which bars do not have.
    colors = dict(zip(named, PALETTE, strict=False))

    draw_light_curve(curve, shown.light_curve, shown.passbands)
    curve.set_ylabel("flux", fontsize=_SMALL)
    _mark_nights(curve, shown)
    predicted = shown.class_names[int(shown.probabilities.argmax())]
    _draw_nights(nights, shown, predicted)
    _draw_ensemble(figure.add_subplot(places[0, 2]), shown, colors)
    _draw_left_out(figure.add_subplot(places[1, 2]), shown)
    _draw_seen(figure.add_subplot(places[2, :2]), shown, colors)
    _draw_members(figure.add_subplot(places[2, 2]), shown, colors)
    if shown.neighbours:
        _draw_neighbours(figure.add_subplot(places[3, :]), shown, colors)
    observed = [shown.passbands[b] for b in np.unique(shown.light_curve.passband)]
    keys = [
        Line2D([], [], color=color, marker=marker, linewidth=0, label=plain(name))
        for name in observed
        for color, marker in [passband_style(name, shown.passbands)]
    ]
    for k in named:
        key = Line2D([], [], label=plain(shown.class_names[k]))
        key.set_color(colors[k])
        keys.append(key)
    legend_below(figure, keys, min(len(keys), 8))
    return figure


def _named(shown: ExplainedObject) -> list[int]:
    """Return the classes that are most probable at some time, in the order of the outputs."""
    most = np.nan_to_num(np.vstack([shown.seen, shown.probabilities, shown.members])).max(axis=0)
    return sorted(np.argsort(-most, kind="stable")[:N_CLASSES].tolist())


def _strength(changes: FloatArray) -> FloatArray:
    """Return sizes from 0 to 1, the largest being 1."""
    size = np.abs(np.nan_to_num(changes))
    largest = float(size.max(initial=0.0))
    found: FloatArray = size / largest if largest > 0 else size
    return found


def _color(change: float) -> str:
    return VERMILLION if change < 0 else BLUE


def _mark_nights(axes: Axes, shown: ExplainedObject) -> None:
    strengths = _strength(shown.night_changes)
    for time, change, strength in zip(
        shown.night_time, shown.night_changes, strengths, strict=True
    ):
        if strength > 0.05:  # the others would be invisible
            axes.axvline(time, color=_color(change), alpha=0.6 * strength, linewidth=4, zorder=0)


def _draw_nights(axes: Axes, shown: ExplainedObject, predicted: str) -> None:
    known = np.isfinite(shown.night_changes)
    changes = shown.night_changes[known]
    colors = [_color(change) for change in changes]
    axes.vlines(shown.night_time[known], 0, changes, colors=colors, linewidth=2)
    axes.axhline(0, color=GREY, linewidth=0.8)
    dress(axes, "days", f"Δ ln p({plain(predicted)})", "a night left out")


def _bars(axes: Axes, names: Sequence[str], values: FloatArray, colors: Sequence[str]) -> None:
    rows = np.arange(len(names))
    axes.barh(rows, values, color=colors, height=0.65)
    axes.set_yticks(rows, [plain(name) for name in names], fontsize=_SMALL)
    axes.invert_yaxis()


def _draw_ensemble(axes: Axes, shown: ExplainedObject, colors: Mapping[int, str]) -> None:
    best = sorted(colors, key=lambda k: -shown.probabilities[k])
    names = [shown.class_names[k] for k in best]
    _bars(axes, names, shown.probabilities[best], [colors[k] for k in best])
    axes.set_xlim(0, 1)
    dress(axes, "probability", "", "all nights")


def _draw_left_out(axes: Axes, shown: ExplainedObject) -> None:
    changes = np.nan_to_num(shown.left_out_changes)
    names = [
        name if np.isfinite(change) else f"{name} (all there is)"
        for name, change in zip(shown.left_out, shown.left_out_changes, strict=True)
    ]
    _bars(axes, names, changes, [_color(change) for change in changes])
    axes.axvline(0, color=GREY, linewidth=0.8)
    dress(axes, "Δ ln p", "", "left out")


def _draw_seen(axes: Axes, shown: ExplainedObject, colors: Mapping[int, str]) -> None:
    nights = np.arange(1, len(shown.seen) + 1)
    marker = "o" if len(nights) < 30 else ""
    for k, color in colors.items():
        axes.plot(nights, shown.seen[:, k], color=color, linewidth=1.4, marker=marker, markersize=3)
    axes.set_ylim(-0.02, 1.02)
    dress(axes, "nights seen", "probability", "after the first nights")


def _draw_members(axes: Axes, shown: ExplainedObject, colors: Mapping[int, str]) -> None:
    rows = np.arange(len(shown.member_names))
    before = np.zeros(len(rows))
    for k, color in colors.items():
        axes.barh(rows, shown.members[:, k], left=before, color=color, height=0.65)
        before = before + shown.members[:, k]
    axes.barh(rows, 1 - before, left=before, color="#DDDDDD", height=0.65)
    axes.set_yticks(rows, [plain(name) for name in shown.member_names], fontsize=_SMALL)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    dress(axes, "probability (grey: other classes)", "", "by member")


def _draw_neighbours(axes: Axes, shown: ExplainedObject, colors: Mapping[int, str]) -> None:
    names = [f"{name}, {shown.class_names[k]}" for name, k, _ in shown.neighbours]
    distances = np.array([distance for _, _, distance in shown.neighbours])
    _bars(axes, names, distances, [colors.get(k, "#DDDDDD") for _, k, _ in shown.neighbours])
    axes.axvline(1, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xlim(left=0)
    dress(
        axes, "distance (1 is typical of nearest training objects)", "", "training objects like it"
    )
