"""Error-weighted mean fluxes in bins of time around an object's joint peak."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.features.peaks import Peaks
from lcclassify.representations.nights import FloatArray, IntArray

# Days from the joint peak, rest frame where there is a redshift.
EDGES: Final = (-200.0, -30.0, -8.0, 8.0, 25.0, 50.0, 100.0, 250.0, 600.0)
BINS: Final = tuple(f"{low:g}_to_{high:g}" for low, high in pairwise(EDGES))


def phase_means(peaks: Peaks) -> tuple[FloatArray, FloatArray]:
    """Return the means and their errors, ``(N, B, 8) float64`` each, NaN of no observation."""
    return _means(
        peaks.starts,
        peaks.mjd,
        peaks.flux,
        peaks.flux_err,
        peaks.when,
        peaks.stretch,
        np.array(EDGES),
    )


@compiled_forgiving
def _means(
    starts: IntArray,
    mjd: FloatArray,
    flux: FloatArray,
    flux_err: FloatArray,
    when: FloatArray,
    stretch: FloatArray,
    edges: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    n_objects, n_bands, n_bins = starts.shape[0], starts.shape[1] - 1, len(edges) - 1
    mean = np.full((n_objects, n_bands, n_bins), np.nan)
    error = np.full((n_objects, n_bands, n_bins), np.nan)
    for n in range(n_objects):
        for band in range(n_bands):
            place = 0
            total = weights = 0.0
            # Times rise: each bin is left once. The last turn closes the last bin.
            for row in range(starts[n, band], starts[n, band + 1]):
                phase = (mjd[row] - when[n]) / stretch[n]
                while place < n_bins and phase >= edges[place + 1]:
                    if weights > 0.0:
                        mean[n, band, place] = total / weights
                        error[n, band, place] = 1.0 / np.sqrt(weights)
                    total = weights = 0.0
                    place += 1
                if place < n_bins and phase >= edges[0]:
                    weight = 1.0 / (flux_err[row] * flux_err[row])
                    weights += weight
                    total += weight * flux[row]
            if place < n_bins and weights > 0.0:
                mean[n, band, place] = total / weights
                error[n, band, place] = 1.0 / np.sqrt(weights)
    return mean, error
