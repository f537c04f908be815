"""The form of a light curve in time: around its peak, as a transient's, and at large.

Of each passband the mean fluxes in bins of time around the joint peak, relative to the
passband's own; its peak; how long it rises and declines; and statistics that tell variable
stars and noise. Of all passbands the same statistics of the fluxes relative to those peaks, and
the course of the detections. Times are in the rest frame where there is a redshift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lcclassify.cosmology import distance_modulus
from lcclassify.representations.features.durations import (
    COURSE,
    JOINT_SHARES,
    SHARES,
    band_crossings,
    course,
    joint_crossings,
)
from lcclassify.representations.features.light_statistics import STATISTICS, band_statistics
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.features.peaks import Peaks, find_peaks
from lcclassify.representations.features.phase_bins import BINS, phase_means
from lcclassify.representations.nights import FloatArray
from lcclassify.schema import Passbands

_PEAK: Final = ("peak_flux", "peak_significance", "peak_after_joint")
_BAND_BINS: Final = (1, 3, 4, 5, 6)  # the peak's is 1, or nearly; far from it all count together
_ABSOLUTE: Final = "peak_absolute_magnitude"


def names(passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns of `matrix`."""
    of_band = [
        *_PEAK,
        *((_ABSOLUTE,) if with_redshift else ()),
        *_crossings(SHARES),
        *(f"flux_{BINS[place]}" for place in _BAND_BINS),
        *STATISTICS,
    ]
    return (
        *(f"{name}_{band}" for name in of_band for band in passbands.names),
        *(f"joint_flux_{where}" for where in BINS),
        *(f"joint_{name}" for name in _crossings(JOINT_SHARES)),
        *COURSE,
    )


def matrix(observed: Observed, *, with_redshift: bool) -> FloatArray:
    """Return the values of `names`, ``(N, F) float64``, NaN or infinite where undefined."""
    with np.errstate(all="ignore"):
        peaks = find_peaks(observed)
        of_band = [*_peak_columns(peaks)]
        if with_redshift:
            of_band.append(_absolute_magnitude(observed, peaks)[:, :, None])
        of_band.append(
            band_crossings(
                peaks.starts,
                peaks.mjd,
                peaks.smooth,
                peaks.band_when,
                peaks.band_flux,
                peaks.stretch,
                np.array(SHARES),
            )
        )
        mean, error = phase_means(peaks)
        scale = np.where(peaks.band_flux > 0, peaks.band_flux, np.nan)[:, :, None]
        of_band.append((mean / np.hypot(scale, error))[:, :, list(_BAND_BINS)])
        statistics = band_statistics(peaks.starts, peaks.mjd, peaks.flux, peaks.flux_err)
        columns = np.concatenate([*of_band, statistics], axis=2)
        joint = [
            _joint_means(mean / scale, error / scale),
            joint_crossings(
                observed.bounds,
                observed.mjd,
                peaks.joint_smooth,
                peaks.when,
                peaks.stretch,
                np.array(JOINT_SHARES),
            ),
            course(
                observed.bounds,
                observed.mjd,
                observed.passband,
                observed.flux,
                observed.flux_err,
                observed.detected,
                peaks.band_flux,
                statistics[:, :, STATISTICS.index("weighted_mean")],
                peaks.when,
                peaks.stretch,
            ),
        ]
    flat = columns.transpose(0, 2, 1).reshape(len(observed), -1)
    return np.concatenate([flat, *joint], axis=1)


def _crossings(shares: Sequence[float]) -> list[str]:
    return [f"{side}_{100 * share:.0f}" for share in shares for side in ("rise", "decline")]


def _peak_columns(peaks: Peaks) -> list[FloatArray]:
    after = (peaks.band_when - peaks.when[:, None]) / peaks.stretch[:, None]
    significance = peaks.band_flux / peaks.band_err
    return [column[:, :, None] for column in (peaks.band_flux, significance, after)]


def _absolute_magnitude(observed: Observed, peaks: Peaks) -> FloatArray:
    """Return the peaks' absolute magnitudes but for the survey's zero-point, ``(N, B)``."""
    magnitude = -2.5 * np.log10(np.where(peaks.band_flux > 0, peaks.band_flux, np.nan))
    found: FloatArray = magnitude - distance_modulus(observed.redshift)[:, None]
    return found


def _joint_means(relative: FloatArray, error: FloatArray) -> FloatArray:
    """Return the error-weighted means of the passbands' relative fluxes, ``(N, 8)``."""
    weights = np.where(np.isfinite(relative), 1 / error**2, 0.0)
    found: FloatArray = (weights * np.nan_to_num(relative)).sum(axis=1) / weights.sum(axis=1)
    return found
