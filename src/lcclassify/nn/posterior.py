"""The density of a redshift that a light curve and a photometric redshift speak of together."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled

FloatArray = NDArray[np.float64]

GRID_END: Final = math.log1p(6.0)  # in ln(1 + z), as far as there are any such objects
STEP: Final = 0.001  # about
WINDOW: Final = 30  # steps: 0.03 (1 + z) to either side of the estimate
# Of a photometric redshift that nothing explains, per unit of ln(1 + z).
BACKGROUND: Final = 0.01


def posteriors(
    seen: FloatArray,
    photometric: FloatArray,
    error: FloatArray,
    scale: FloatArray,
    log_errors: FloatArray,
    deviations: FloatArray,
    densities: FloatArray,
    levels: FloatArray,
    form: tuple[float, float, float],
) -> FloatArray:
    """Return quantiles of each object's redshift, and the redshift it is most probably near.

    The density over x = ln(1 + z) is the product of Student's t about the light curve's
    median, its width the distance to the outer quantile on that side, and of the table's
    density of the deviation ``(ln(1 + photometric) - x) / scale``.

    Args:
        seen: ``(N, 3)`` ascending quantiles of ln(1 + z) by the light curve, 16, 50 and 84 %.
        photometric: ``(N,)`` photometric redshifts, NaN where unknown, 0 for the Galaxy.
        error: ``(N,)`` their errors over 1 + z, by which the table is entered.
        scale: ``(N,)`` units of the deviations.
        log_errors: ``(E,)`` ascending logarithms of the table's errors.
        deviations: ``(D,)`` its ascending deviations, evenly spaced.
        densities: ``(E, D)``.
        levels: ``(L,)`` levels of the quantiles.
        form: Factor on the widths, degrees of freedom, and smallest width.

    Returns:
        ``(N, L + 1)`` redshifts, those of the levels first.
    """
    grid = np.linspace(0.0, GRID_END, round(GRID_END / STEP) + 1)
    logs: FloatArray = np.log(np.maximum(error, 1e-6))
    found = np.zeros((len(seen), len(levels) + 1))
    _fill(
        seen,
        photometric,
        logs,
        scale,
        log_errors,
        deviations,
        densities,
        levels,
        *form,
        grid,
        found,
    )
    return np.expm1(found)


@compiled
def _fill(
    seen: FloatArray,
    photometric: FloatArray,
    log_error: FloatArray,
    scale: FloatArray,
    log_errors: FloatArray,
    deviations: FloatArray,
    densities: FloatArray,
    levels: FloatArray,
    spread: float,
    freedom: float,
    least_spread: float,
    grid: FloatArray,
    found: FloatArray,
) -> None:
    """Write the quantiles and the estimate in ln(1 + z) into ``found (N, L + 1)``."""
    n_grid, n_table, n_levels = len(grid), len(deviations), len(levels)
    first, spacing = deviations[0], deviations[1] - deviations[0]
    row = np.zeros(n_table)
    below = np.zeros(n_grid + 1)  # probability below each cell of the grid, a cell about a node
    for n in range(len(seen)):
        redshift = photometric[n]
        if redshift == 0:
            continue
        known = redshift == redshift
        if known:
            upper = min(max(np.searchsorted(log_errors, log_error[n]), 1), len(log_errors) - 1)
            share = 0.0
            if len(log_errors) > 1:
                low, high = log_errors[upper - 1], log_errors[upper]
                share = min(max((log_error[n] - low) / (high - low), 0.0), 1.0)
            else:
                upper = 0
            for d in range(n_table):
                nearer = densities[max(upper - 1, 0), d]
                row[d] = nearer + share * (densities[upper, d] - nearer)
        middle = seen[n, 1]
        left = spread * max(middle - seen[n, 0], least_spread)
        right = spread * max(seen[n, 2] - middle, least_spread)
        start = math.log1p(redshift) if known else 0.0
        for g in range(n_grid):
            away = grid[g] - middle
            away /= left if away < 0 else right
            density = (1 + away * away / freedom) ** (-0.5 * (freedom + 1))
            if known:
                likelihood = BACKGROUND * scale[n]
                place = ((start - grid[g]) / scale[n] - first) / spacing
                if 0 <= place <= n_table - 1:
                    cell = min(int(place), n_table - 2)
                    likelihood += row[cell] + (place - cell) * (row[cell + 1] - row[cell])
                density *= likelihood
            if g == 0:  # of its cell half is below 0, where there is nothing
                density *= 0.5
            below[g + 1] = below[g] + density
        total = below[n_grid]
        step = grid[1] - grid[0]
        g = 0
        for k in range(n_levels):
            wanted = levels[k] * total
            while g < n_grid - 1 and below[g + 1] < wanted:
                g += 1
            part = (wanted - below[g]) / (below[g + 1] - below[g])
            found[n, k] = grid[g] + (part - 0.5) * step if g > 0 else 0.5 * part * step
        most = -1.0
        for g in range(n_grid):
            inside = below[min(g + WINDOW + 1, n_grid)] - below[max(g - WINDOW, 0)]
            if inside > most:
                most, found[n, n_levels] = inside, grid[g]
