"""What all figures share: canvas, colours that colour-blind readers tell apart, axes.

References:
    Okabe & Ito 2008, "Color Universal Design" (the palette, less its yellow, which is
    too pale for lines on white).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
PALETTE: Final = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: Final = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
GREY: Final = "#767676"
PALE_GREY: Final = "#E3E3E3"

LABEL_SIZE: Final = 10
TICK_SIZE: Final = 9
LEGEND_SIZE: Final = 8.5
PADDING: Final = 0.07  # inches between a figure's edge and its axes' labels


class LineStyle(NamedTuple):
    """How a class is drawn in every figure.

    Attributes:
        color: Hexadecimal colour.
        dashes: Dash pattern as matplotlib takes it.
    """

    color: str
    dashes: str | tuple[int, tuple[float, ...]]


def class_style(position: int) -> LineStyle:
    """Return the style of the class at a position: 7 colours, then the next dash pattern.

    The first 28 classes are distinct; behind them the styles begin again.
    """
    turn, color = divmod(position, len(PALETTE))
    return LineStyle(PALETTE[color], DASHES[turn % len(DASHES)])


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, width and height in inches, with its own Agg canvas.

    Made without pyplot, so that threads do not meet in its global list of figures and
    nothing has to be closed.
    """
    layout = ConstrainedLayoutEngine(w_pad=PADDING, h_pad=PADDING)
    figure = Figure(figsize=(width, height), layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain(text: str) -> str:
    """Return a text that matplotlib shows as it is.

    It reads what stands between dollars as mathematics, and leaves a label out of legends
    that begins with an underscore.
    """
    shown = text.replace("$", r"\$")
    return f"\u200b{shown}" if shown.startswith("_") else shown  # a space of no width


def dress(axes: Axes, x_label: str, y_label: str, title: str = "") -> None:
    """Give axes their labels, sizes and a faint grid behind the data."""
    axes.set_xlabel(x_label, fontsize=LABEL_SIZE)
    axes.set_ylabel(y_label, fontsize=LABEL_SIZE)
    if title:
        axes.set_title(plain(title), fontsize=LABEL_SIZE)
    axes.tick_params(labelsize=TICK_SIZE)
    axes.grid(True, color=PALE_GREY, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def legend_below(figure: Figure, keys: Sequence[Artist], columns: int | None = None) -> None:
    """Put a key to what all panels show below them, in one row where no columns are given."""
    figure.legend(
        handles=keys,
        loc="outside lower center",
        ncols=columns or len(keys),
        fontsize=LEGEND_SIZE,
        frameon=False,
    )


def unit_square(axes: Axes) -> None:
    """Limit both axes to 0..1 with a hair's breadth around and equal lengths."""
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
