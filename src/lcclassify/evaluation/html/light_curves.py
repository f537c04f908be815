"""Light curves as small drawings, each passband in its colour and shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from lcclassify.evaluation.passband_styles import LSST_STYLES

FloatArray = NDArray[np.float64]

_WIDTH, _HEIGHT = 250, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 6, 6, 20
_LETTER: Final = 6.2  # width of a letter below the axis
_SIGNIFICANT: Final = 5.0  # of flux errors
_MARGIN: Final = 30.0  # days about what is significant

# Around the point that a path has moved to.
_SHAPES: Final = {
    "o": "m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0-4.8 0",
    "^": "m0-3l2.8 5h-5.6z",
    "v": "m0 3l2.8-5h-5.6z",
    "s": "m-2.2-2.2h4.4v4.4h-4.4z",
    "*": "m0-3.4l3.4 3.4l-3.4 3.4l-3.4-3.4z",
    "p": "m-3-.9h6v1.8h-6z",
}
# Where Rubin's own colour is too pale beside text.
_DARKER: Final = {"#ffc200": "#b07d00", "#49be61": "#23893b"}


@dataclass(frozen=True, eq=False)
class LightCurve:
    """The observations of one object.

    Attributes:
        mjd: ``(M,)`` days.
        flux: ``(M,)``.
        flux_err: ``(M,)``.
        passband: ``(M,)`` names.
    """

    mjd: FloatArray
    flux: FloatArray
    flux_err: FloatArray
    passband: Sequence[str]


def band_style(name: str, passbands: Sequence[str]) -> tuple[str, str]:
    """Return a passband's colour and the path of its shape."""
    styles = list(LSST_STYLES.values())
    color, shape = LSST_STYLES.get(name) or styles[list(passbands).index(name) % len(styles)]
    return _DARKER.get(color, color), _SHAPES[shape]


def band_key(passbands: Sequence[str]) -> list[tuple[str, Markup]]:
    """Return each passband with a drawing of its mark."""
    found = []
    for name in passbands:
        color, shape = band_style(name, passbands)
        mark = Markup(
            '<svg viewBox="0 0 10 10" width="13" height="13" aria-hidden="true">'
            '<path fill="{}" d="M5 5{}"/></svg>'
        ).format(color, shape)
        found.append((name, mark))
    return found


def light_curve_svg(
    curve: LightCurve, passbands: Sequence[str], said: str, most: int
) -> tuple[Markup, str]:
    """Draw a light curve about its significant observations.

    Args:
        curve: The observations, at least one.
        passbands: All passbands, in order.
        said: What a reader who cannot see the drawing is told of it.
        most: Observations that are drawn; of more, every second, third or so.

    Returns:
        The drawing, and how many of the observations it shows.
    """
    begin, end = _window(curve)
    inside = (curve.mjd >= begin) & (curve.mjd <= end)
    low, high = _limits(curve, inside)
    span = (end - begin) or 1.0
    x = _LEFT + (curve.mjd - begin) / span * (_WIDTH - _LEFT - _RIGHT)
    bottom = _HEIGHT - _BOTTOM

    def place(flux: FloatArray) -> FloatArray:
        return np.asarray(bottom - (flux - low) / (high - low) * (bottom - _TOP))

    middle, lower, upper = (place(curve.flux + s * curve.flux_err) for s in (0, -1, 1))
    shown = inside & (middle >= _TOP - 1) & (middle <= bottom + 1)
    step = -(-int(shown.sum()) // most)
    if step > 1:
        shown = np.isin(np.arange(len(shown)), np.flatnonzero(shown)[::step])
    lower, upper = (np.clip(ends, _TOP - 4, bottom + 4) for ends in (lower, upper))
    bands = np.asarray(curve.passband, dtype=object)
    zero = float(place(np.zeros(1))[0])
    parts = [Markup('<path class="grid" d="M{} {}H{}"/>').format(_LEFT, _n(zero), _WIDTH - _RIGHT)]
    for name in passbands:
        rows = np.flatnonzero(shown & (bands == name))
        if not len(rows):
            continue
        color, shape = band_style(name, passbands)
        bars = "".join(f"M{_n(x[i])} {_n(lower[i])}V{_n(upper[i])}" for i in rows)
        marks = "".join(f"M{_n(x[i])} {_n(middle[i])}{shape}" for i in rows)
        parts.append(
            Markup('<path class="err" stroke="{0}" d="{1}"/><path fill="{0}" d="{2}"/>').format(
                color, bars, marks
            )
        )
    first, last = f"MJD {begin:.0f}", f"+{end - begin:.0f} d"
    between = (_LEFT + _WIDTH - _RIGHT + _LETTER * (len(first) - len(last))) / 2
    axis = Markup(
        '<path class="axis" d="M{0} {1}V{2}H{3}"/>'
        '<text x="{0}" y="{4}">{5}</text>'
        '<text x="{3}" y="{4}" text-anchor="end">{6}</text>'
        '<text x="{7}" y="{4}" text-anchor="middle">{8}</text>'
    ).format(
        *(_LEFT, _TOP, bottom, _WIDTH - _RIGHT, _HEIGHT - 6),
        first,
        last,
        _n(between),
        f"flux {_short(low)} to {_short(high)}",
    )
    svg = Markup('<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    drawing = svg.format(_WIDTH, _HEIGHT, said, Markup("").join([*parts, axis]))
    one_in = f", one in {step}" if step > 1 else ""
    return drawing, f"{int(shown.sum()):,} of {len(curve.mjd):,} observations{one_in}"


def _window(curve: LightCurve) -> tuple[float, float]:
    significant = curve.mjd[np.abs(curve.flux) > _SIGNIFICANT * curve.flux_err]
    first, last = float(curve.mjd.min()), float(curve.mjd.max())
    if not len(significant):
        return first, last
    low, high = float(significant.min()) - _MARGIN, float(significant.max()) + _MARGIN
    return max(first, low), min(last, high)


def _limits(curve: LightCurve, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Return limits that a few wild points of a noisy passband do not decide."""
    flux, error = curve.flux[inside], curve.flux_err[inside]
    sharp = (error <= 3 * np.median(error)) | (np.abs(flux) > 3 * error)
    values = np.concatenate([[0.0], flux[sharp]])
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _short(flux: float) -> str:
    if 100 <= abs(flux) < 1e5:
        return f"{flux:,.0f}"
    word = f"{flux:.3g}"
    if "e" in word:
        digits, exponent = f"{flux:.1e}".split("e")
        word = f"{digits.removesuffix('.0')}e{int(exponent)}"
    return word


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
