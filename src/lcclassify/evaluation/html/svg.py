"""Charts as SVG: axes, lines, points and bars, sized by the page that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Each at least 3:1 against white.
PALETTE: Final = ("#0067a3", "#c44e00", "#00795a", "#b0447f", "#8a6100", "#5346b0", "#1a1a1a")
DASHES: Final = ("", "7 3", "2 3", "9 3 2 3")

_WIDTH: Final = 460
_HEIGHT: Final = 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 46


def style_of(position: int) -> tuple[str, str]:
    """Return colour and dashes of the series at a position."""
    turn, color = divmod(position, len(PALETTE))
    return PALETTE[color], DASHES[turn % len(DASHES)]


@dataclass(frozen=True, eq=False)
class Series:
    """What is drawn in one style.

    Attributes:
        name: As the legend calls it.
        x: ``(M,)``.
        y: ``(M,)``.
        style: Position in colours and dashes; series of one style are shown together.
        line: Whether points are joined.
        marks: Whether points are marked.
        low: ``(M,)`` lower ends of error bars, or None.
        high: ``(M,)`` upper ends.
    """

    name: str
    x: FloatArray
    y: FloatArray
    style: int = 0
    line: bool = True
    marks: bool = False
    low: FloatArray | None = None
    high: FloatArray | None = None


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        label: What is along it.
        low: Its lower end.
        high: Its upper end.
        whole: Whether it counts.
    """

    label: str
    low: float
    high: float
    whole: bool = False

    @classmethod
    def around(cls, label: str, values: FloatArray, *, whole: bool = False) -> Axis:
        """Return an axis that holds all finite values, with a margin."""
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        margin = 0.04 * (high - low) or 0.5
        return cls(label, low - margin, high + margin, whole)

    def ticks(self) -> list[tuple[float, str]]:
        """Return round values inside, at most seven, with their text."""
        span = self.high - self.low
        power = 10.0 ** np.floor(np.log10(span / 4))
        step = next(m * power for m in (1, 2, 2.5, 5, 10) if span / (m * power) <= 6)
        if self.whole:
            step = max(1.0, float(np.ceil(step)))
        first = np.ceil(self.low / step - 1e-9)
        values = [float(v) * step for v in np.arange(first, np.floor(self.high / step + 1e-9) + 1)]
        digits = max(0, -int(np.floor(np.log10(step) + 1e-9)) + (step / power == 2.5))
        if step >= 1000 and max(abs(self.low), abs(self.high)) < 1e7:
            return [(v, f"{v / 1000:g}k" if v else "0") for v in values]
        plain = abs(self.high) < 1e6 and (step > 1e-4)
        return [(v, f"{v + 0.0:,.{digits}f}" if plain else f"{v:.3g}") for v in values]


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart and the words around it.

    Attributes:
        title: Heading.
        svg: The drawing.
        legend: ``(name, colour, dashes)`` of each style, in order; empty for none.
        note: A sentence below.
        table: Rows of text behind the drawing, header first; empty for none.
    """

    title: str
    svg: Markup
    legend: list[tuple[str, str, str]] = field(default_factory=list)
    note: str = ""
    table: list[list[str]] = field(default_factory=list)


def xy_chart(
    title: str,
    said: str,
    x: Axis,
    y: Axis,
    series: Sequence[Series],
    *,
    diagonal: bool = False,
    note: str = "",
    table: list[list[str]] | None = None,
) -> Chart:
    """Draw series over two axes.

    Args:
        title: Heading.
        said: What a reader who cannot see the drawing is told of it.
        x: Horizontal axis.
        y: Vertical axis.
        series: What is drawn, in the order of the legend.
        diagonal: Whether to draw where y is x.
        note: A sentence below.
        table: Rows of text behind the drawing.
    """
    frame = _Frame(x, y)
    parts = [frame.axes()]
    if diagonal:
        ends = np.array([max(x.low, y.low), min(x.high, y.high)])
        parts.append(Markup('<path class="guide" d="{}"/>').format(frame.path(ends, ends)))
    styles: dict[int, str] = {}
    for one in series:
        styles.setdefault(one.style, one.name)
    order = {style: number for number, style in enumerate(styles)}
    parts += [_drawn(one, frame, order[one.style]) for one in series]
    return Chart(
        title,
        _svg(said, parts),
        [(name, *style_of(style)) for style, name in styles.items()] if len(styles) > 1 else [],
        note,
        table or [],
    )


def bar_chart(title: str, said: str, x: Axis, edges: FloatArray, heights: FloatArray) -> Chart:
    """Draw a histogram.

    Args:
        title: Heading.
        said: What a reader who cannot see the drawing is told of it.
        x: Horizontal axis.
        edges: ``(M + 1,)``.
        heights: ``(M,)``.
    """
    frame = _Frame(x, Axis("objects", 0.0, float(heights.max(initial=1.0)) * 1.05, whole=True))
    bars = [
        Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>')
        .format(
            *(_n(v) for v in (left, top, max(right - left - 1, 0.5), max(bottom - top, 0))),
            f"{low:g} to {high:g}: {int(height):,}",
        )
        for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True)
        for left, right in [(frame.x(low), frame.x(high))]
        for top, bottom in [(frame.y(height), frame.y(0.0))]
    ]  # fmt: skip
    table = [["from", "to", "objects"]] + [
        [f"{low:g}", f"{high:g}", f"{int(height):,}"]
        for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True)
    ]
    return Chart(title, _svg(said, [frame.axes(), *bars]), table=table)


class _Frame:
    """From values to places in the drawing."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self._x, self._y = x, y

    def x(self, value: float) -> float:
        share = (value - self._x.low) / (self._x.high - self._x.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self._y.low) / (self._y.high - self._y.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self) -> Markup:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        parts = []
        for value, text in self._x.ticks():
            place = _n(self.x(value))
            parts.append(
                Markup(
                    '<path class="grid" d="M{0} {1}V{2}"/>'
                    '<text x="{0}" y="{3}" text-anchor="middle">{4}</text>'
                ).format(place, bottom, _TOP, bottom + 17, text)
            )
        for value, text in self._y.ticks():
            place = _n(self.y(value))
            parts.append(
                Markup(
                    '<path class="grid" d="M{0} {1}H{2}"/>'
                    '<text x="{3}" y="{1}" dy="4" text-anchor="end">{4}</text>'
                ).format(_LEFT, place, right, _LEFT - 6, text)
            )
        parts.append(
            Markup(
                '<path class="axis" d="M{0} {1}V{2}H{3}"/>'
                '<text class="label" x="{4}" y="{5}" text-anchor="middle">{6}</text>'
                '<text class="label" transform="translate(13 {7}) rotate(-90)" '
                'text-anchor="middle">{8}</text>'
            ).format(
                *(_LEFT, _TOP, bottom, right),
                *((_LEFT + right) // 2, _HEIGHT - 8, self._x.label),
                *((_TOP + bottom) // 2, self._y.label),
            )
        )
        return Markup("").join(parts)

    def path(self, x: FloatArray, y: FloatArray) -> str:
        """Return the path through finite points, to half a unit; what adds nothing is left out."""
        finite = np.isfinite(x) & np.isfinite(y)
        places = np.stack([np.asarray(self.x(x[finite])), np.asarray(self.y(y[finite]))])  # type: ignore[arg-type]
        places = np.round(places * 2) / 2
        moved = np.ones(places.shape[1], dtype=bool)
        moved[1:] = (np.diff(places, axis=1) != 0).any(axis=0)
        places = places[:, moved]
        if places.shape[1] > 2:
            step = np.diff(places, axis=1)
            turned = step[0, 1:] * step[1, :-1] != step[0, :-1] * step[1, 1:]
            turned |= (step[:, 1:] * step[:, :-1]).sum(axis=0) < 0
            places = places[:, np.concatenate([[True], turned, [True]])]
        return "".join(f"{'L' if i else 'M'}{_n(a)} {_n(b)}" for i, (a, b) in enumerate(places.T))


def _drawn(one: Series, frame: _Frame, number: int) -> Markup:
    color, dashes = style_of(one.style)
    parts = []
    if one.low is not None and one.high is not None:
        bars = "".join(
            f"M{_n(frame.x(a))} {_n(frame.y(low))}V{_n(frame.y(high))}"
            for a, low, high in zip(one.x, one.low, one.high, strict=True)
            if np.isfinite(low) and np.isfinite(high)
        )
        parts.append(Markup('<path class="line" d="{}"/>').format(bars))
    if one.line:
        dash = Markup(' stroke-dasharray="{}"').format(dashes) if dashes else Markup("")
        parts.append(Markup('<path class="line"{} d="{}"/>').format(dash, frame.path(one.x, one.y)))
    if one.marks:
        parts += [
            Markup('<circle cx="{}" cy="{}" r="3.2"/>').format(_n(frame.x(a)), _n(frame.y(b)))
            for a, b in zip(one.x, one.y, strict=True)
            if np.isfinite(a) and np.isfinite(b)
        ]
    return Markup(
        '<g data-series="{}" stroke="{}" fill="{}"><title>{}</title>{}</g>'
    ).format(number, color, color, one.name, Markup("").join(parts))  # fmt: skip


def _svg(said: str, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, _HEIGHT, said, Markup("").join(parts))  # fmt: skip


def _n(value: float) -> str:
    """Return a place to a tenth."""
    return f"{value:.1f}".removesuffix(".0")
