"""How far photometric redshifts are from spectroscopic ones, for each error they state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_NODES: Final = 10  # errors of the table
_NEIGHBOURS: Final = 0.35  # in ln(error): how alike errors are whose objects count together
_SMOOTHING: Final = 0.2  # of deviations
_REACH: Final = 20.0  # deviations
_STEPS: Final = 801


@dataclass(frozen=True)
class PhotometricErrors:
    """The density of deviations ``(ln(1 + photometric) - ln(1 + z)) / scale`` by error.

    Attributes:
        log_errors: ``(E,)`` ascending logarithms of errors over 1 + z.
        deviations: ``(D,)`` ascending, evenly spaced.
        densities: ``(E, D)``; the integral over the deviations is 1, less what is beyond them.
    """

    log_errors: FloatArray
    deviations: FloatArray
    densities: FloatArray

    @classmethod
    def fitted(cls, errors: FloatArray, deviations: FloatArray) -> Self:
        """Estimate it with Gaussian kernels; evenly spread deviations without any objects.

        Args:
            errors: ``(n,)`` errors over 1 + z.
            deviations: ``(n,)``.
        """
        grid = np.linspace(-_REACH, _REACH, _STEPS)
        if not len(errors):
            return cls(np.zeros(1), grid, np.full((1, _STEPS), 0.5 / _REACH))
        logs = np.log(np.maximum(errors, 1e-6))
        nodes = np.unique(np.quantile(logs, np.linspace(0.03, 0.97, _NODES)).round(6))
        weights = np.exp(-0.5 * ((nodes[:, None] - logs) / _NEIGHBOURS) ** 2)
        weights /= weights.sum(axis=1, keepdims=True)
        # Binned first: the table does not grow with the number of objects.
        spacing = grid[1] - grid[0]
        place = np.rint((deviations - grid[0]) / spacing)
        inside = (place >= 0) & (place < _STEPS)
        counts = np.array(
            [
                np.bincount(place[inside].astype(np.int64), row[inside], minlength=_STEPS)
                for row in weights
            ]
        )
        width = int(np.ceil(5 * _SMOOTHING / spacing))
        kernel = np.exp(-0.5 * (np.arange(-width, width + 1) * spacing / _SMOOTHING) ** 2)
        kernel /= kernel.sum() * spacing
        return cls(nodes, grid, np.array([np.convolve(row, kernel, "same") for row in counts]))
