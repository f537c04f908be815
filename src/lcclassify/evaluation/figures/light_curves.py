"""Light curves in panels, each passband in its usual colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.evaluation.figures.style import legend_below, new_figure, plain
from lcclassify.evaluation.passband_styles import LSST_STYLES

FloatArray = NDArray[np.float64]

_PANEL = (3.0, 2.0)  # inches


@dataclass(frozen=True, eq=False)
class LightCurvePanel:
    """One light curve.

    Attributes:
        title: Printed above.
        time: ``(M,)`` days, or phases.
        flux: ``(M,)``.
        flux_err: ``(M,)``.
        passband: ``(M,)`` position in the passbands.
        true_time: ``(G,)`` for the curve without noise; empty for none.
        true_flux: ``(B, G)``.
        time_label: Of the horizontal axis.
        true_err: ``(B, G)`` half width of a band around the curve; None for none.
    """

    title: str
    time: FloatArray
    flux: FloatArray
    flux_err: FloatArray
    passband: NDArray[np.int64]
    true_time: FloatArray
    true_flux: FloatArray
    time_label: str = "days"
    true_err: FloatArray | None = None


def light_curve_figure(
    panels: Sequence[LightCurvePanel], passbands: Sequence[str], columns: int, title: str = ""
) -> Figure:
    """Draw light curves side by side, points with error bars and lines without noise.

    Args:
        panels: Row by row.
        passbands: Names of the B passbands; those of LSST have their own colours.
        columns: Panels of a row.
        title: Printed above; nothing if empty.

    Raises:
        DataError: There are no panels.
    """
    if not panels:
        raise DataError("a figure of light curves needs at least one, got none")
    rows = -(-len(panels) // columns)
    figure = new_figure(_PANEL[0] * columns, _PANEL[1] * rows + 0.6)
    axes = figure.subplots(rows, columns, squeeze=False)
    for place in axes.flat[len(panels) :]:
        place.set_visible(False)
    for place, panel in zip(axes.flat, panels, strict=False):
        draw_light_curve(place, panel, passbands)
    for place in axes[:, 0]:
        place.set_ylabel("flux", fontsize=8)
    keys = [
        Line2D([], [], color=color, marker=marker, linewidth=1, label=plain(name))
        for name in passbands
        for color, marker in [passband_style(name, passbands)]
    ]
    legend_below(figure, keys)
    if title:
        figure.suptitle(plain(title), fontsize=11)
    return figure


def passband_style(name: str, passbands: Sequence[str]) -> tuple[str, str]:
    """Return colour and marker of a passband."""
    styles = list(LSST_STYLES.values())
    return LSST_STYLES.get(name, styles[list(passbands).index(name) % len(styles)])


def draw_light_curve(axes: Axes, panel: LightCurvePanel, passbands: Sequence[str]) -> None:
    """Draw one light curve, without a key to its passbands."""
    for band, name in enumerate(passbands):
        color, marker = passband_style(name, passbands)
        own = panel.passband == band
        if len(panel.true_time):
            axes.plot(panel.true_time, panel.true_flux[band], color=color, linewidth=0.8, zorder=1)
        if panel.true_err is not None:
            low, high = (panel.true_flux[band] + s * panel.true_err[band] for s in (-1, 1))
            axes.fill_between(
                panel.true_time, low, high, color=color, alpha=0.18, linewidth=0, zorder=0.5
            )
        axes.errorbar(
            panel.time[own],
            panel.flux[own],
            panel.flux_err[own],
            fmt=marker,
            color=color,
            markersize=3.4,
            elinewidth=0.6,
            markeredgewidth=0,
            zorder=2,
        )
    low, high = _limits(panel)
    axes.set_ylim(low, high)
    axes.axhline(0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axes.set_title(plain(panel.title), fontsize=8.5)
    axes.set_xlabel(panel.time_label, fontsize=7.5, labelpad=1)
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _limits(panel: LightCurvePanel) -> tuple[float, float]:
    """Return limits that a few wild points of a noisy passband do not decide."""
    values = np.concatenate([panel.true_flux.ravel(), [0.0]])
    if len(panel.flux):
        sharp = panel.flux_err <= 3 * np.median(panel.flux_err)
        sharp |= np.abs(panel.flux) > 3 * panel.flux_err
        values = np.concatenate([values, panel.flux[sharp]])
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin
