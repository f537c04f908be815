"""Converts magnitudes with errors into linear fluxes with errors, as Polars expressions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from lcclassify.checks import check_choice, check_number
from lcclassify.errors import ConfigError
from lcclassify.schema import Passbands
from lcclassify.surveys import options

MAX_ZEROPOINT: Final = 100  # beyond it on either side fluxes would overflow or vanish
DEFAULT_ZEROPOINT: Final = 27.5  # of the flux that magnitudes are converted to

NEPERS: Final = math.log(10.0) / 2.5  # natural logarithm of the flux ratio of one magnitude


def flux_from_magnitude(
    magnitude: pl.Expr, error: pl.Expr, zeropoint: float
) -> tuple[pl.Expr, pl.Expr]:
    """Convert logarithmic magnitudes.

    Args:
        magnitude: AB magnitudes.
        error: Their errors in magnitudes, linearised for the flux.
        zeropoint: Magnitude of flux 1.

    Returns:
        Flux and flux error in units of the zero-point.

    Example:
        >>> flux, error = flux_from_magnitude(pl.lit(25.0), pl.lit(0.1), 27.5)
        >>> [round(value, 4) for value in pl.select(flux, error.alias("error")).row(0)]
        [10.0, 0.921]
    """
    flux = ((zeropoint - magnitude) * NEPERS).exp()
    return flux, flux * NEPERS * error


def flux_from_asinh(
    magnitude: pl.Expr, error: pl.Expr, softening: pl.Expr, zeropoint: float
) -> tuple[pl.Expr, pl.Expr]:
    """Convert asinh magnitudes ("luptitudes"), which negative fluxes have too.

    Args:
        magnitude: Asinh magnitudes, m = -2.5/ln 10 (asinh(f / 2b) + ln b), where f is
            the flux in units of the flux of magnitude 0.
        error: Their errors in magnitudes, linearised for the flux.
        softening: b of the passband, dimensionless and > 0.
        zeropoint: Magnitude of flux 1 in the result.

    Returns:
        Flux and flux error in units of the zero-point.

    References:
        Lupton, Gunn & Szalay 1999, AJ 118, 1406.
    """
    argument = -magnitude * NEPERS - softening.log()
    scale = 2.0 * softening * math.exp(zeropoint * NEPERS)
    return scale * argument.sinh(), scale * argument.cosh() * NEPERS * error


@dataclass(frozen=True)
class Brightness:
    """What the brightness columns of a table hold.

    Attributes:
        kind: ``flux``, ``magnitude`` or ``asinh``.
        zeropoint: Magnitude of flux 1; None for fluxes in units of their own.
        softening: b of each passband for asinh magnitudes, else empty.
    """

    kind: str
    zeropoint: float | None
    softening: Mapping[str, float]

    @classmethod
    def of(
        cls,
        kind: str,
        zeropoint: float | None,
        softening: float | Mapping[str, Any] | None,
        passbands: Passbands,
        *,
        zeropoint_column: str | None = None,
    ) -> Brightness:
        """Check the options of a survey.

        Raises:
            ConfigError: If the kind is unknown, or softening is absent, not positive,
                for an unknown passband, or given without asinh magnitudes, a column of
                zero-points with magnitudes, or the zero-point is hardly a magnitude.
        """
        check_choice("survey.brightness", kind, ("flux", "magnitude", "asinh"))
        if kind != "flux" and zeropoint_column is not None:
            raise ConfigError("survey.columns.zeropoint has a meaning with brightness=flux only")
        converted = kind != "flux" or zeropoint_column is not None
        stated = DEFAULT_ZEROPOINT if converted else None
        if zeropoint is not None:
            stated = check_number("survey.zeropoint", zeropoint)
            if abs(stated) > MAX_ZEROPOINT:
                raise ConfigError(
                    "survey.zeropoint must be the AB magnitude of flux 1 (8.9 of jansky, 23.9 of "
                    f"microjansky, 31.4 of nanojansky), got {zeropoint}"
                )
        if kind != "asinh":
            if softening is not None:
                raise ConfigError("survey.softening has a meaning with brightness=asinh only")
            return cls(kind, stated, {})
        if softening is None:
            raise ConfigError("survey.softening must be given with brightness=asinh")
        if isinstance(softening, Mapping):
            found = {}
            for name, value in options.pairs(softening, "survey.softening"):
                check_choice("a key of survey.softening", name, passbands.names)
                found[name] = check_number("survey.softening", value)
        else:
            found = dict.fromkeys(passbands.names, check_number("survey.softening", softening))
        for name in passbands.names:
            if found.get(name, 0.0) <= 0.0:
                raise ConfigError(f"survey.softening must be positive for the passband '{name}'")
        return cls(kind, stated, found)

    def scale_from(self, zeropoint: pl.Expr) -> pl.Expr:
        """Return what fluxes of other zero-points are multiplied by."""
        return ((pl.lit(self.zeropoint) - zeropoint) * NEPERS).exp()

    def to_flux(self, value: pl.Expr, error: pl.Expr, passband: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
        """Return flux and flux error of the columns; `passband` holds names."""
        if self.kind == "flux" or self.zeropoint is None:
            return value, error
        if self.kind == "magnitude":
            return flux_from_magnitude(value, error, self.zeropoint)
        softening = passband.replace_strict(
            dict(self.softening), default=None, return_dtype=pl.Float64
        )
        return flux_from_asinh(value, error, softening, self.zeropoint)
