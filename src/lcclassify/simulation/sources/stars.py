"""How bright and how red the stars of a class are in the reference image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import check_choice
from lcclassify.errors import ConfigError
from lcclassify.simulation import passbands
from lcclassify.simulation.draws import Draws

FloatArray = NDArray[np.float64]


class Stars:
    """Template magnitudes of stars: a distribution in one passband, and a sequence of colours.

    Both are tables. A star's magnitude in the reference passband is read at a uniform number
    off a quantile function, and its colours are read at another one off a sequence (of
    temperature, of reddening) along which the stars are spread evenly; colours may shift with
    the magnitude, as they do where faint stars are far and reddened.

    The colours of PLAsTiCC's own stars are not always those of real ones (its eclipsing
    binaries are bluer to the red than any black body), so they are given, not computed.

    Args:
        passband: Reference passband.
        magnitudes: Quantiles of its AB magnitude at evenly spaced fractions from 0 to 1, in
            ascending order.
        colours: Rows of the five colours u-g, g-r, r-i, i-z, z-y, evenly spaced along the
            sequence.
        trend: Change of each colour per magnitude fainter than the median.

    Raises:
        ConfigError: A table has the wrong shape or order.
    """

    def __init__(
        self,
        passband: str,
        magnitudes: Sequence[float],
        colours: Sequence[Sequence[float]],
        trend: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0),
    ) -> None:
        check_choice("stars.passband", passband, passbands.NAMES)
        self.passband = passbands.NAMES.index(passband)
        self.magnitudes = np.array(magnitudes, dtype=np.float64)
        if (
            self.magnitudes.ndim != 1
            or len(self.magnitudes) < 2
            or not np.isfinite(self.magnitudes).all()
            or (np.diff(self.magnitudes) < 0).any()
        ):
            raise ConfigError(
                f"stars.magnitudes must be at least two ascending numbers, got {magnitudes!r}"
            )
        lengths = {len(row) for row in colours}
        if len(colours) < 1 or lengths != {5}:
            raise ConfigError(
                "stars.colours must be rows of 5 (u-g, g-r, r-i, i-z, z-y), got rows of lengths "
                f"{sorted(lengths)}"
            )
        if len(trend) != 5:
            raise ConfigError(f"stars.trend must be 5 numbers, got {len(trend)}")
        self.colours = np.array(colours, dtype=np.float64)
        self.trend = np.array(trend, dtype=np.float64)
        if not (np.isfinite(self.colours).all() and np.isfinite(self.trend).all()):
            raise ConfigError("stars.colours and stars.trend must be finite")

    def draw(self, draws: Draws) -> FloatArray:
        """Return the fluxes of the stars in the reference image, ``(n, 6)``."""
        reference = _read(self.magnitudes, draws.uniform("template magnitude"))
        position = draws.uniform("template colour")
        fainter = reference - np.median(self.magnitudes)
        magnitudes = np.empty((len(draws), 6))
        magnitudes[:, 0] = 0.0
        for colour in range(5):
            value = _read(self.colours[:, colour], position) + self.trend[colour] * fainter
            magnitudes[:, colour + 1] = magnitudes[:, colour] - value
        magnitudes += (reference - magnitudes[:, self.passband])[:, None]
        return passbands.flux_of(magnitudes)


def _read(table: FloatArray, position: FloatArray) -> FloatArray:
    """Return an evenly spaced table read at positions between 0 and 1, linearly."""
    value: FloatArray = np.interp(position, np.linspace(0, 1, len(table)), table)
    return value
