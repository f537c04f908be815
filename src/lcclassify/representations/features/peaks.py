"""When an object is brightest, told by all its passbands, and how bright it is in each.

A peak is the greatest lower bound (mean less one error) of a running error-weighted mean. A
lone measurement far above its neighbours in time, such as a cosmic ray, counts as little
more than they do, unless nothing else of the object is significant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.compiled import compiled_forgiving
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.nights import FloatArray, IntArray

# The running mean: days to either side, rest frame where there is a redshift, and how many
# neighbours at most, so that a dense light curve costs no more than its length.
WINDOW: Final = 8.0
_NEIGHBOURS: Final = 5
_JOINT_NEIGHBOURS: Final = 12
# A measurement counts for no more than so many times its brighter neighbour and so many errors.
_TIMES: Final = 2.0
_ERRORS: Final = 5.0


@dataclass(frozen=True)
class Peaks:
    """Observations sorted by object, passband and time, and the peaks of N objects.

    Attributes:
        starts: ``(N, B + 1) int64``; object n has in passband b the rows
            ``starts[n, b]:starts[n, b + 1]`` of the arrays ``(M,)`` below.
        mjd: ``(M,) float64``.
        flux: ``(M,) float64``.
        flux_err: ``(M,) float64``.
        smooth: ``(M,) float64``, the running mean of the passband's flux.
        joint_smooth: ``(M,) float64``, that of all passbands' fluxes relative to their peaks,
            in the order in which the observations came, that of time; NaN of a passband
            without light.
        stretch: ``(N,) float64``, 1 + redshift, 1 where there is none.
        when: ``(N,) float64``, MJD of the joint peak, NaN without observations.
        band_when: ``(N, B) float64``, MJD of each passband's own peak, NaN where not observed.
        band_flux: ``(N, B) float64``, flux at that peak.
        band_err: ``(N, B) float64``, its error.
    """

    starts: IntArray
    mjd: FloatArray
    flux: FloatArray
    flux_err: FloatArray
    smooth: FloatArray
    joint_smooth: FloatArray
    stretch: FloatArray
    when: FloatArray
    band_when: FloatArray
    band_flux: FloatArray
    band_err: FloatArray


def find_peaks(observed: Observed) -> Peaks:
    """Return the observations by passband and the peaks of all objects."""
    redshift = observed.redshift
    stretch = np.where(redshift > 0, 1 + redshift, 1.0)
    rows, starts = _by_passband(observed.bounds, observed.passband, len(observed.passbands))
    mjd, flux, flux_err = observed.mjd[rows], observed.flux[rows], observed.flux_err[rows]
    smooth, band_when, band_flux, band_err = _band_peaks(starts, mjd, flux, flux_err, stretch)
    when, joint_smooth = _joint_peaks(
        observed.bounds,
        observed.mjd,
        observed.passband,
        observed.flux,
        observed.flux_err,
        band_flux,
        stretch,
    )
    return Peaks(
        starts=starts,
        mjd=mjd,
        flux=flux,
        flux_err=flux_err,
        smooth=smooth,
        joint_smooth=joint_smooth,
        stretch=stretch,
        when=when,
        band_when=band_when,
        band_flux=band_flux,
        band_err=band_err,
    )


@compiled_forgiving
def _by_passband(
    bounds: IntArray, passband: NDArray[np.uint8], n_bands: int
) -> tuple[IntArray, IntArray]:
    """Return the rows by object, passband and time, and where each passband's begin."""
    n_objects = len(bounds) - 1
    rows = np.empty(len(passband), np.int64)
    starts = np.zeros((n_objects, n_bands + 1), np.int64)
    fill = np.empty(n_bands, np.int64)
    for n in range(n_objects):
        for row in range(bounds[n], bounds[n + 1]):
            starts[n, passband[row] + 1] += 1
        starts[n, 0] = bounds[n]
        for band in range(n_bands):
            fill[band] = starts[n, band]
            starts[n, band + 1] += starts[n, band]
        for row in range(bounds[n], bounds[n + 1]):
            rows[fill[passband[row]]] = row
            fill[passband[row]] += 1
    return rows, starts


@compiled_forgiving
def _running_mean(
    row: int,
    begin: int,
    end: int,
    neighbours: int,
    narrow: float,
    mjd: FloatArray,
    flux: FloatArray,
    weight: FloatArray,
) -> tuple[float, float]:
    """Return the mean around a row and its error, with less weight to what is farther away.

    Args:
        row: The row.
        begin: First of the rows that may take part.
        end: The one after the last of them.
        neighbours: How many rows at most to either side.
        narrow: 1 over the days to either side.
        mjd: ``(M,)``, rising.
        flux: ``(M,)``.
        weight: ``(M,)``, of each flux: 1 over its squared error.
    """
    weights = weight[row]
    squares = weights
    total = weights * flux[row]
    for near in range(row - 1, max(begin, row - neighbours) - 1, -1):
        apart = (mjd[row] - mjd[near]) * narrow
        if not apart < 1.0:
            break
        closeness = 1.0 - apart * apart
        own = closeness * weight[near]
        weights += own
        squares += closeness * own
        total += own * flux[near]
    for near in range(row + 1, min(end, row + neighbours + 1)):
        apart = (mjd[near] - mjd[row]) * narrow
        if not apart < 1.0:
            break
        closeness = 1.0 - apart * apart
        own = closeness * weight[near]
        weights += own
        squares += closeness * own
        total += own * flux[near]
    return total / weights, np.sqrt(squares) / weights


@compiled_forgiving
def _band_peaks(
    starts: IntArray, mjd: FloatArray, flux: FloatArray, flux_err: FloatArray, stretch: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    n_objects, n_bands = starts.shape[0], starts.shape[1] - 1
    smooth, weight, supported = np.empty(len(mjd)), np.empty(len(mjd)), np.empty(len(mjd))
    when = np.full((n_objects, n_bands), np.nan)
    peak = np.full((n_objects, n_bands), np.nan)
    peak_err = np.full((n_objects, n_bands), np.nan)
    for n in range(n_objects):
        narrow = 1.0 / (WINDOW * stretch[n])
        for band in range(n_bands):
            begin, end = starts[n, band], starts[n, band + 1]
            for row in range(begin, end):
                weight[row] = 1.0 / (flux_err[row] * flux_err[row])
                supported[row] = flux[row]
                if end - begin > 1:
                    brighter = 0.0
                    if row > begin:
                        brighter = max(brighter, flux[row - 1])
                    if row + 1 < end:
                        brighter = max(brighter, flux[row + 1])
                    supported[row] = min(flux[row], _TIMES * brighter + _ERRORS * flux_err[row])
            best = -np.inf
            for row in range(begin, end):
                mean, error = _running_mean(
                    row, begin, end, _NEIGHBOURS, narrow, mjd, supported, weight
                )
                smooth[row] = mean
                if mean - error > best or row == begin:
                    best = mean - error
                    when[n, band] = mjd[row]
                    peak[n, band] = mean
                    peak_err[n, band] = error
    return smooth, when, peak, peak_err


@compiled_forgiving
def _joint_peaks(
    bounds: IntArray,
    mjd: FloatArray,
    passband: NDArray[np.uint8],
    flux: FloatArray,
    flux_err: FloatArray,
    band_flux: FloatArray,
    stretch: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return when the fluxes relative to each passband's peak are greatest, and their mean."""
    when = np.full(len(bounds) - 1, np.nan)
    smooth = np.full(len(mjd), np.nan)
    weight, relative = np.empty(len(mjd)), np.empty(len(mjd))
    for n in range(len(bounds) - 1):
        begin, end = bounds[n], bounds[n + 1]
        narrow = 1.0 / (WINDOW * stretch[n])
        for row in range(begin, end):
            weight[row] = relative[row] = 0.0
            scale = band_flux[n, passband[row]]
            if scale > 0.0:
                ratio = scale / flux_err[row]
                weight[row] = ratio * ratio
                # A supported peak is 1: what is far above it is an outlier.
                relative[row] = min(flux[row] / scale, 1.5)
        best = -np.inf
        for row in range(begin, end):
            if weight[row] > 0.0:
                mean, error = _running_mean(
                    row, begin, end, _JOINT_NEIGHBOURS, narrow, mjd, relative, weight
                )
                smooth[row] = mean
                if mean - error > best:
                    best = mean - error
                    when[n] = mjd[row]
        if not np.isfinite(best):  # no light in any passband: the most significant
            for row in range(begin, end):
                ratio = flux[row] / flux_err[row]
                if ratio > best or row == begin:
                    best = ratio
                    when[n] = mjd[row]
    return when, smooth
