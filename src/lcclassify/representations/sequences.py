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

from lcclassify.checks import check_keys
from lcclassify.compiled import compiled
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.representations.blocks import blocks_of
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
        redshift: Metadata column for the rest-frame times, "auto" for the survey's own; where
            there is none or its value is missing the times are as observed.
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
                "representation.sequences.redshift must be the name of a metadata column, auto or "
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


@compiled
def interpolate_missing(values: FloatArray, time: FloatArray, offsets: IntArray) -> FloatArray:
    """Fill NaN linearly in time within each object, at its ends by the nearest value.

    Args:
        values: ``(R, B) float64`` with NaN where missing.
        time: ``(R,) float64``, ascending within an object.
        offsets: ``(N + 1,) int64``, rows of each object.

    Returns:
        ``(R, B) float64``; a column that an object has no value of is 0 there.
    """
    n_bands = values.shape[1]
    filled = np.zeros(values.shape)
    for n in range(len(offsets) - 1):
        begin, end = offsets[n], offsets[n + 1]
        for band in range(n_bands):
            left = -1
            for row in range(begin, end):
                value = values[row, band]
                if np.isnan(value):
                    continue
                filled[row, band] = value
                if left < 0:
                    filled[begin:row, band] = value
                elif row > left + 1:
                    low = values[left, band]
                    span = time[row] - time[left]
                    for between in range(left + 1, row):
                        share = (time[between] - time[left]) / span if span > 0 else 0.0
                        filled[between, band] = low + (value - low) * share
                left = row
            if left >= 0:
                filled[left + 1 : end, band] = values[left, band]
    return filled


@compiled
def _days_since_previous(start: FloatArray, offsets: IntArray) -> FloatArray:
    days = np.zeros(len(start))
    for n in range(len(offsets) - 1):
        for row in range(offsets[n] + 1, offsets[n + 1]):
            days[row] = start[row] - start[row - 1]
    return days


def days_since_previous(nights: Nights) -> FloatArray:
    """Days since the previous night's start, ``(R,) float64``; 0 for an object's first."""
    return _days_since_previous(nights.start, nights.offsets)


@compiled
def _flux_scale(
    flux: FloatArray, flux_err: FloatArray, offsets: IntArray, significance: float
) -> FloatArray:
    scale = np.ones(len(offsets) - 1)
    for n in range(len(offsets) - 1):
        brightest = largest = 0.0
        for row in range(offsets[n], offsets[n + 1]):
            for band in range(flux.shape[1]):
                value = flux[row, band]
                if np.isnan(value):
                    continue
                largest = max(largest, abs(value))
                if value > significance * flux_err[row, band]:
                    brightest = max(brightest, value)
        if brightest > 0:
            scale[n] = brightest
        elif largest > 0:
            scale[n] = largest
    return scale


def object_flux_scale(nights: Nights, significance: float = 3.0) -> FloatArray:
    """Brightest flux of each object above `significance` sigma, ``(N,) float64 > 0``.

    Objects without a significant flux take their largest absolute flux, and objects
    whose fluxes are all zero take 1.
    """
    return _flux_scale(nights.flux, nights.flux_err, nights.offsets, significance)


@compiled
def _days_since_first_detection(
    start: FloatArray, detected: NDArray[np.bool_], offsets: IntArray
) -> FloatArray:
    days = np.empty(len(start))
    for n in range(len(offsets) - 1):
        begin, end = offsets[n], offsets[n + 1]
        first = begin
        for row in range(begin, end):
            if detected[row]:
                first = row
                break
        for row in range(begin, end):
            days[row] = start[row] - start[first]
    return days


def days_since_first_detection(nights: Nights) -> FloatArray:
    """Days since the object's first night with a detection, ``(R,) float64``.

    Negative before it; an object without a detection counts from its first night.
    """
    return _days_since_first_detection(nights.start, nights.detected, nights.offsets)


@compiled
def _put(
    values: FloatArray, divisor: FloatArray, low: float, high: float, out: NDArray[np.float32]
) -> None:
    """Put ``values / divisor`` of each row, within limits, into columns of `out`."""
    for row in range(len(values)):
        for column in range(values.shape[1]):
            out[row, column] = min(max(values[row, column] / divisor[row], low), high)


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
    n_channels = nights.flux.shape[1] * len(form.bands) + len(form.times)
    sequences = np.empty((len(nights.start), n_channels), dtype=np.float32)
    for first, last in blocks_of(nights.offsets):
        rows = slice(nights.offsets[first], nights.offsets[last])
        block = Nights(
            offsets=nights.offsets[first : last + 1] - nights.offsets[first],
            start=nights.start[rows],
            flux=nights.flux[rows],
            flux_err=nights.flux_err[rows],
            detected=nights.detected[rows],
        )
        _fill_sequences(block, scale[first:last], redshift[first:last], form, sequences[rows])
    return sequences


def _fill_sequences(
    nights: Nights,
    scale: FloatArray,
    redshift: FloatArray,
    form: SequenceForm,
    sequences: NDArray[np.float32],
) -> None:
    per_object = np.diff(nights.offsets)
    flux = interpolate_missing(nights.flux, nights.start, nights.offsets)
    flux_err = interpolate_missing(nights.flux_err, nights.start, nights.offsets)
    limit = LARGEST_RELATIVE_VALUE
    largest = float(np.finfo(np.float32).max)
    one = np.ones(len(nights.start))

    def stretch() -> FloatArray:
        known = np.isfinite(redshift) & (redshift > -1)
        return np.repeat(np.where(known, 1 + redshift, 1.0), per_object)

    def safe_err() -> FloatArray:
        # A passband never observed has flux and error 0: significance 0, logarithm 0.
        return np.where(flux_err > 0, flux_err, 1.0)

    def significance() -> FloatArray:
        with np.errstate(over="ignore"):  # limited afterwards
            return flux / safe_err()

    def since() -> FloatArray:
        return days_since_first_detection(nights)[:, None]

    # Values, what each row of them is divided by, and the limits of the quotients.
    channels: dict[str, Callable[[], tuple[FloatArray, FloatArray, float, float]]] = {
        "flux": lambda: (flux, one, -largest, largest),
        "flux_err": lambda: (flux_err, one, -largest, largest),
        "relative_flux": lambda: (flux, np.repeat(scale, per_object), -limit, limit),
        "relative_flux_err": lambda: (flux_err, np.repeat(scale, per_object), 0.0, limit),
        "asinh_significance": lambda: (np.arcsinh(significance()), one, -largest, largest),
        "log_flux_err": lambda: (np.log(safe_err()), one, -largest, largest),
        "observed": lambda: (np.isfinite(nights.flux).astype(np.float64), one, 0.0, 1.0),
        "days_since_previous": lambda: (
            days_since_previous(nights)[:, None],
            one,
            -largest,
            largest,
        ),
        "days_since_first_detection": lambda: (since(), one, -largest, largest),
        "rest_days_since_first_detection": lambda: (since(), stretch(), -largest, largest),
    }
    n_bands = nights.flux.shape[1]
    width = [*((kind, n_bands) for kind in form.bands), *((kind, 1) for kind in form.times)]
    column = 0
    for kind, size in width:
        _put(*channels[kind](), sequences[:, column : column + size])
        column += size
