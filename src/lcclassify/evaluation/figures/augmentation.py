"""Training objects drawn anew: a few beside their sources, and all among what they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from lcclassify.errors import DataError
from lcclassify.evaluation.figures.light_curves import LightCurvePanel, light_curve_figure
from lcclassify.evaluation.figures.style import (
    BLUE,
    LABEL_SIZE,
    VERMILLION,
    dress,
    legend_below,
    new_figure,
    plain,
)

FloatArray = NDArray[np.float64]

_PANEL: Final = (4.3, 2.9)  # inches
_COLUMNS: Final = 2
_TAIL: Final = 0.005  # of each sample, at either end, goes into the outermost bins
_FEWEST_BINS: Final = 8
_MOST_BINS: Final = 30


@dataclass(frozen=True, eq=False)
class AugmentationExample:
    """One training object and what is drawn of it.

    Attributes:
        source: As observed, with what its Gaussian process says where there is one.
        copies: Drawn ones.
    """

    source: LightCurvePanel
    copies: tuple[LightCurvePanel, ...]


@dataclass(frozen=True, eq=False)
class ComparedQuantity:
    """One quantity of three samples; NaN of objects that do not have it.

    Attributes:
        label: Of its axis, with the unit.
        training: ``(n,)`` of training objects as they are.
        drawn: ``(m,)`` of what is drawn of them.
        target: ``(t,)`` of objects to be classified; empty where there are none.
        logarithmic: Whether its axis is; values that are not above 0 are left out.
    """

    label: str
    training: FloatArray
    drawn: FloatArray
    target: FloatArray
    logarithmic: bool = False

    def usable(self, sample: str) -> FloatArray:
        """Return the values of a sample, by the attribute's name, that can be drawn."""
        values: FloatArray = getattr(self, sample)
        there = np.isfinite(values)
        if self.logarithmic:
            there &= values > 0
        return values[there]


class _SampleStyle(NamedTuple):
    attribute: str
    name: str
    color: str
    dashes: str
    filled: bool


# The ground first, that the others are held against.
_SAMPLES: Final = (
    _SampleStyle("target", "objects to be classified", "#8C8C8C", "-", True),
    _SampleStyle("training", "training objects as observed", BLUE, "--", False),
    _SampleStyle("drawn", "training objects as drawn", VERMILLION, "-", False),
)


def augmentation_examples_figure(
    examples: Sequence[AugmentationExample], passbands: Sequence[str], title: str = ""
) -> Figure:
    """Draw training objects, one a row, and their copies to the right of them.

    Args:
        examples: With as many copies each.
        passbands: Names of the B passbands.
        title: Printed above; nothing if empty.

    Raises:
        DataError: There are no examples, or some have more copies than others.
    """
    if len({len(example.copies) for example in examples}) != 1:
        raise DataError("examples of drawn objects need the same number of copies each, got none")
    panels = [panel for example in examples for panel in (example.source, *example.copies)]
    columns = len(panels) // len(examples)
    # All panels have the same axis of time; said once a column it is not in the way.
    panels[:-columns] = [replace(panel, time_label="") for panel in panels[:-columns]]
    return light_curve_figure(panels, passbands, columns, title)


def augmentation_samples_figure(quantities: Sequence[ComparedQuantity], title: str = "") -> Figure:
    """Draw how three samples are distributed, one panel a quantity.

    Every sample is drawn as shares of its own objects that have the quantity. One that no
    object has gets no panel.

    Args:
        quantities: To compare.
        title: Printed above; nothing if empty.

    Raises:
        DataError: No quantity has a value.
    """
    shown = [q for q in quantities if any(len(q.usable(style.attribute)) for style in _SAMPLES)]
    if not shown:
        raise DataError("samples can be compared in quantities that objects have, got none")
    rows = -(-len(shown) // _COLUMNS)
    columns = min(len(shown), _COLUMNS)
    figure = new_figure(_PANEL[0] * columns, _PANEL[1] * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    keys: dict[str, Artist] = {}
    for axes, quantity in zip(grid.flat, shown, strict=False):
        dress(axes, "", "")
        axes.set_xlabel(plain(quantity.label), fontsize=LABEL_SIZE)
        _draw(axes, quantity)
        handles, labels = axes.get_legend_handles_labels()
        keys |= dict(zip(labels, handles, strict=True))
    for axes in grid[:, 0]:
        axes.set_ylabel("share of the sample", fontsize=LABEL_SIZE)
    legend_below(figure, [keys[style.name] for style in _SAMPLES if style.name in keys])
    if title:
        figure.suptitle(plain(title), fontsize=LABEL_SIZE)
    return figure


def bin_edges(samples: Sequence[FloatArray], *, logarithmic: bool = False) -> FloatArray:
    """Return edges of bins that fit samples of different sizes, ``(n + 1,)``.

    They reach from the lowest to the highest of the samples, but for half a percent of each,
    and are as many as the smallest sample can fill.

    Args:
        samples: At least one, none of them empty, finite, and above 0 if logarithmic.
        logarithmic: Whether they are even in the logarithm.
    """
    scaled = [np.log10(values) if logarithmic else values for values in samples]
    low = min(float(np.quantile(values, _TAIL)) for values in scaled)
    high = max(float(np.quantile(values, 1 - _TAIL)) for values in scaled)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    smallest = min(len(values) for values in samples)
    n_bins = int(np.clip(1.5 * np.sqrt(smallest), _FEWEST_BINS, _MOST_BINS))
    edges: FloatArray = np.linspace(low, high, n_bins + 1)
    return 10**edges if logarithmic else edges


def _draw(axes: Axes, quantity: ComparedQuantity) -> None:
    usable = {style.attribute: quantity.usable(style.attribute) for style in _SAMPLES}
    edges = bin_edges(
        [values for values in usable.values() if len(values)], logarithmic=quantity.logarithmic
    )
    for style in _SAMPLES:
        values = usable[style.attribute]
        if not len(values):
            continue
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axes.stairs(
            counts / len(values),
            edges,
            color=style.color,
            alpha=0.45 if style.filled else 1.0,
            fill=style.filled,
            linestyle=style.dashes,
            linewidth=0 if style.filled else 1.6,
            label=style.name,
        )
    axes.set_ylim(bottom=0)
    if quantity.logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(edges[0], edges[-1])
