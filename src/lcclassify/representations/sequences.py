"""Nightly sequences: one row a night, every passband filled by interpolation.

References:
    Chaini & Kumar 2020, arXiv:2006.12333, section 3 (the 3D input).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcclassify.errors import ConfigError, check_keys, did_you_mean
from lcclassify.representations.nights import FloatArray, IntArray, Nights
from lcclassify.schema import Passbands
from lcclassify.surveys import options

# What a passband may give a night: the first two are the reference's.
BAND_CHANNELS = (
    "flux",  # in the survey's units, scaled as the features are
    "flux_err",
    "relative_flux",  # flux / the object's brightest significant flux
    "relative_flux_err",
    "asinh_significance",  # arcsinh(flux / flux_err): logarithmic, but at ease with noise
    "log_flux_err",  # natural logarithm
    "observed",  # 1 where observed that night, 0 where interpolated or never observed
)
TIME_CHANNELS = (
    "days_since_previous",  # 0 at the first night
    "days_since_first_detection",  # negative before it
    "rest_days_since_first_detection",  # the same divided by 1 + redshift
)

# A night far noisier than its object is bright says no more than "unusable" does.
LARGEST_RELATIVE_VALUE = 100.0


@dataclass(frozen=True)
class SequenceForm:
    """Which channels a sequence has.

    Attributes:
        bands: Kinds of channels every passband gives, of `BAND_CHANNELS`.
        times: Kinds of time channels, of `TIME_CHANNELS`.
        redshift: Metadata column for the rest-frame times; where it is missing the
            times are as observed.
    """

    bands: tuple[str, ...] = ("flux", "flux_err")
    times: tuple[str, ...] = ("days_since_previous",)
    redshift: str | None = None

    def __post_init__(self) -> None:
        for key, known in (("bands", BAND_CHANNELS), ("times", TIME_CHANNELS)):
            argument = f"representation.sequences.{key}"
            values = options.words(getattr(self, key), argument)
            object.__setattr__(self, key, values)
            for value in values:
                if value not in known:
                    raise ConfigError(f"{argument} has '{value}': {did_you_mean(value, known)}")
            if len(set(values)) < len(values):
                raise ConfigError(f"{argument} names a channel twice: {', '.join(values)}")
        if not self.bands and not self.times:
            raise ConfigError("representation.sequences needs a channel in bands or in times")
        if self.redshift is not None and not isinstance(self.redshift, str):
            raise ConfigError(
                "representation.sequences.redshift must be the name of a metadata column or "
                f"null, got {self.redshift!r}"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SequenceForm:
        """Build from plain configuration values; an unknown key is a ConfigError."""
        check_keys("representation.sequences", config, (f.name for f in fields(cls)))
        return cls(**config)


def channel_names(passbands: Passbands, form: SequenceForm) -> tuple[str, ...]:
    """Return the C channel names in order; the reference's form has ``2 B + 1``."""
    return (*(f"{kind}_{name}" for kind in form.bands for name in passbands.names), *form.times)


def interpolate_missing(values: FloatArray, time: FloatArray, offsets: IntArray) -> FloatArray:
    """Fill NaN linearly in time within each object, at its ends by the nearest value.

    Args:
        values: ``(R, B) float64`` with NaN where missing.
        time: ``(R,) float64``, ascending within an object.
        offsets: ``(N + 1,) int64``, rows of each object.

    Returns:
        ``(R, B) float64``; a column that an object has no value of is 0 there.
    """
    n_rows = len(time)
    rows = np.arange(n_rows)
    lengths = np.diff(offsets)
    begin = np.repeat(offsets[:-1], lengths)
    end = np.repeat(offsets[1:], lengths)
    filled = np.empty_like(values)
    for band in range(values.shape[1]):
        column = values[:, band]
        known = ~np.isnan(column)
        before = np.maximum.accumulate(np.where(known, rows, -1))
        after = np.minimum.accumulate(np.where(known, rows, n_rows)[::-1])[::-1]
        has_before = before >= begin
        has_after = after < end
        left = np.where(has_before, before, np.where(has_after, after, 0))
        right = np.where(has_after, after, left)
        span = time[right] - time[left]
        share = np.divide(time - time[left], span, out=np.zeros(n_rows), where=span > 0)
        filled[:, band] = np.where(
            has_before | has_after, column[left] + (column[right] - column[left]) * share, 0.0
        )
    return filled


def days_since_previous(nights: Nights) -> FloatArray:
    """Days since the previous night's start, ``(R,) float64``; 0 for an object's first."""
    gaps = np.diff(nights.start, prepend=0.0)
    gaps[nights.offsets[:-1][np.diff(nights.offsets) > 0]] = 0.0
    return gaps


def object_flux_scale(nights: Nights, significance: float = 3.0) -> FloatArray:
    """Brightest flux of each object above `significance` sigma, ``(N,) float64 > 0``.

    Objects without a significant flux take their largest absolute flux, and objects
    whose fluxes are all zero take 1.
    """
    brightest = np.where(nights.flux > significance * nights.flux_err, nights.flux, 0.0)
    largest = np.nan_to_num(np.abs(nights.flux))
    scale = _object_maximum(brightest.max(axis=1, initial=0.0), nights.offsets)
    fallback = _object_maximum(largest.max(axis=1, initial=0.0), nights.offsets)
    scale = np.where(scale > 0, scale, fallback)
    return np.where(scale > 0, scale, 1.0)


def _object_maximum(values: FloatArray, offsets: IntArray) -> FloatArray:
    result = np.zeros(len(offsets) - 1)
    np.maximum.at(result, np.repeat(np.arange(len(result)), np.diff(offsets)), values)
    return result


def days_since_first_detection(nights: Nights) -> FloatArray:
    """Days since the object's first night with a detection, ``(R,) float64``.

    Negative before it; an object without a detection counts from its first night.
    """
    lengths = np.diff(nights.offsets)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    first = np.full(len(lengths), np.inf)
    np.minimum.at(first, owner, np.where(nights.detected, nights.start, np.inf))
    observed = lengths > 0
    undetected = observed & np.isinf(first)
    first[undetected] = nights.start[nights.offsets[:-1][undetected]]
    days: FloatArray = nights.start - first[owner]
    return days


def build_sequences(
    nights: Nights, scale: FloatArray, redshift: FloatArray, form: SequenceForm
) -> NDArray[np.float32]:
    """Return the channels of every night, ``(R, C) float32``.

    Args:
        nights: Nights of N objects.
        scale: ``(N,) float64``, each object's flux scale, for the relative fluxes.
        redshift: ``(N,) float64``, NaN where missing, for the rest-frame times.
        form: Which channels.
    """
    per_object = np.diff(nights.offsets)
    flux = interpolate_missing(nights.flux, nights.start, nights.offsets)
    flux_err = interpolate_missing(nights.flux_err, nights.start, nights.offsets)
    divisor = np.repeat(scale, per_object)[:, None]
    limit = LARGEST_RELATIVE_VALUE
    # A passband never observed has flux and error 0: significance 0, logarithm 0.
    positive = flux_err > 0
    safe_err = np.where(positive, flux_err, 1.0)
    since = days_since_first_detection(nights)
    known = np.isfinite(redshift) & (redshift > -1)
    stretch = np.repeat(np.where(known, 1 + redshift, 1.0), per_object)
    channels: dict[str, Callable[[], FloatArray]] = {
        "flux": lambda: flux,
        "flux_err": lambda: flux_err,
        "relative_flux": lambda: np.clip(flux / divisor, -limit, limit),
        "relative_flux_err": lambda: np.clip(flux_err / divisor, 0.0, limit),
        "asinh_significance": lambda: np.where(positive, np.arcsinh(flux / safe_err), 0.0),
        "log_flux_err": lambda: np.log(safe_err),
        "observed": lambda: np.isfinite(nights.flux).astype(np.float64),
        "days_since_previous": lambda: days_since_previous(nights)[:, None],
        "days_since_first_detection": lambda: since[:, None],
        "rest_days_since_first_detection": lambda: (since / stretch)[:, None],
    }
    largest = np.finfo(np.float32).max
    n_bands = nights.flux.shape[1]
    width = [*((kind, n_bands) for kind in form.bands), *((kind, 1) for kind in form.times)]
    sequences = np.empty((len(nights.start), sum(size for _, size in width)), dtype=np.float32)
    column = 0
    for kind, size in width:  # one kind at a time: all in float64 take twice the memory
        sequences[:, column : column + size] = np.clip(channels[kind](), -largest, largest)
        column += size
    return sequences
