"""From the brightness that the rows of a table state to fluxes in canonical units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from lcclassify.schema import FLUX, FLUX_ERR, MJD, PASSBAND
from lcclassify.surveys.brightness import Brightness
from lcclassify.surveys.casts import FALSE, TRUE, first_of, numbers
from lcclassify.surveys.objecttable import SENTINELS
from lcclassify.tables.columns import is_absent, must_hold, said_where, shown

# Columns of observations beside those of `lcclassify.schema`.
SIGN: Final = "sign"  # of a flux whose magnitude is that of its absolute value
LIMIT: Final = "limit"  # brightness that was not reached, or whether `flux` is one
ZEROPOINT: Final = "zeropoint"  # AB magnitude of flux 1 in this row
IS_LIMIT: Final = "is_limit"  # Boolean: the flux is 0, its error what an upper limit implies
IMPLAUSIBLE: Final = "implausible"  # Float64: a brightness that nothing has, null elsewhere

Converted = tuple[pl.DataFrame, pl.Series | None]

_POSITIVE: Final = (*TRUE, "+", "positive", "+1")
_NEGATIVE: Final = (*FALSE, "-", "negative", "-1", "-1.0")
_MAGNITUDES: Final = (-5.0, 40.0)  # outside of them are sentinels, or negative fluxes
# mag, e_mag, gmag, MAG_AUTO, magpsf, PSFMag; not image, magnetic or magflux
_MAGNITUDE: Final = re.compile(
    r"(?:^|[^a-z]|^[a-z])mag(?:nitudes?|psf|ap|auto|s)?(?:$|[^a-z])|(?:psf|ap|auto|cal)mag$",
    re.IGNORECASE,
)
_LARGEST_FLUX: Final = 1e15
_AROUND: Final = 3  # whole numbers on each side of a sentinel that it is compared with
_MANY_TIMES: Final = 4  # as often as one of these
_LARGEST_ZEROPOINT: Final = 60.0  # that of erg/s/cm2/Hz is -48.6


@dataclass(frozen=True)
class Photometry:
    """What the columns of time and brightness hold.

    Attributes:
        brightness: Flux or magnitudes.
        time_offset: Days added to times.
        aliases: Other spellings of passbands and what they mean.
        missing: Values of the brightness, its error and its zero-point that stand for none.
        limit_sigmas: Of how many errors upper limits are; None leaves them out.
    """

    brightness: Brightness
    time_offset: float
    aliases: Mapping[str, str]
    missing: tuple[float, ...]
    limit_sigmas: float | None

    def apply(self, rows: pl.DataFrame) -> Converted:
        """Return rows with MJD, flux and flux error, and what is wrong with them."""
        passband = pl.col(PASSBAND)
        if self.aliases:
            passband = passband.cast(pl.String).str.strip_chars().replace(self.aliases)
        rows = rows.with_columns(passband, pl.col(MJD) + self.time_offset)
        if self.missing:
            columns = [pl.col(FLUX), pl.col(FLUX_ERR)]
            absent = pl.any_horizontal(
                column.is_in(self.missing).fill_null(False) for column in columns
            )
            rows = rows.with_columns(pl.when(~absent).then(column) for column in columns)
        rows, faults = self._with_limits(rows) if LIMIT in rows.columns else (rows, None)
        value = rows[FLUX]
        odd = self._implausible(value)
        if odd.any() or not rows.height:  # an empty table tells which columns there may be
            rows = rows.with_columns(value.set(~odd.fill_null(False), None).alias(IMPLAUSIBLE))
        flux, error = self.brightness.to_flux(pl.col(FLUX), pl.col(FLUX_ERR), pl.col(PASSBAND))
        if ZEROPOINT in rows.columns:
            own, wrong = self._zeropoints(rows)
            faults = first_of([faults, wrong])
            scale = self.brightness.scale_from(own)
            flux, error = flux * scale, error * scale
        rows = rows.with_columns(flux.alias(FLUX), error.alias(FLUX_ERR))
        if IS_LIMIT in rows.columns:
            below = pl.col(FLUX) / (self.limit_sigmas or 1.0)
            rows = rows.with_columns(
                pl.when(IS_LIMIT).then(0.0).otherwise(FLUX).alias(FLUX),
                pl.when(IS_LIMIT).then(below).otherwise(FLUX_ERR).alias(FLUX_ERR),
            )
            if self.limit_sigmas is None:
                rows = rows.with_columns(pl.when(~pl.col(IS_LIMIT)).then(FLUX_ERR).alias(FLUX_ERR))
        if SIGN in rows.columns:
            word = pl.col(SIGN).cast(pl.String).str.strip_chars().str.to_lowercase()
            negative, known = word.is_in(_NEGATIVE), word.is_in([*_POSITIVE, *_NEGATIVE])
            said = pl.format("the sign '{}' is none of 1, -1, t, f, + and -", shown(word))
            absent = is_absent(word)
            wrong = rows.select(pl.when(~known & ~absent).then(said)).to_series()
            faults = first_of([faults, wrong if wrong.null_count() < len(wrong) else None])
            signed = pl.when(negative).then(-pl.col(FLUX)).when(known).then(FLUX)
            rows = rows.with_columns(signed.alias(FLUX))
        return rows.drop(SIGN, LIMIT, ZEROPOINT, strict=False), faults

    def _zeropoints(self, rows: pl.DataFrame) -> tuple[pl.Expr, pl.Series | None]:
        """Return the zero-points of rows, null where none is stated, and what is wrong."""
        own = pl.col(ZEROPOINT)
        stated = pl.when(own.is_not_nan() & ~own.is_in(self.missing)).then(own)
        said = pl.format(
            "the zero-point {} is hardly one: if it stands for none, set "
            "survey.missing_brightness=[...] with it",
            own,
        )
        wrong = rows.select(pl.when(stated.abs() > _LARGEST_ZEROPOINT).then(said)).to_series()
        return stated, wrong if wrong.null_count() < len(wrong) else None

    def _with_limits(self, rows: pl.DataFrame) -> Converted:
        """Put upper limits in place of the brightness, and mark them."""
        words = rows[LIMIT].cast(pl.String).str.strip_chars().str.to_lowercase()
        stated, unstated = words.is_in([*TRUE, "<", ">"]), words.is_in(FALSE)
        flag = (stated | unstated).fill_null(False)
        limit, faults = numbers(rows[LIMIT].cast(pl.String).set(flag, None))
        if faults is not None:
            said = must_hold(LIMIT, "number", pl.lit(rows[LIMIT].cast(pl.String)))
            faults = said_where(faults.is_not_null(), said)
        below = rows[FLUX].is_null() | rows[FLUX].is_nan()
        limited = (below & limit.is_not_null() & limit.is_not_nan()).fill_null(False)
        value = rows[FLUX].zip_with(~limited, limit)
        is_limit = limited | (stated.fill_null(False) & value.is_not_null())
        return rows.with_columns(value.alias(FLUX), is_limit.alias(IS_LIMIT)), faults

    def _implausible(self, value: pl.Series) -> pl.Series:
        """Say of which values it is hardly a brightness."""
        if self.brightness.kind != "flux":
            return value.is_finite() & ((value < _MAGNITUDES[0]) | (value > _MAGNITUDES[1]))
        odd = value.is_finite() & (value.abs() > _LARGEST_FLUX)
        # Once or twice it may be measured, and where fluxes are rounded as often as its neighbours.
        often = [one for one in SENTINELS if _stands_out(value, one)]
        return odd | value.is_in(often) if often else odd

    def remarks(self, frame: pl.DataFrame, column: str) -> tuple[str, ...]:
        """Return what is to be told of the brightnesses in a column of rows, none that is false.

        Args:
            frame: What `apply` gave.
            column: Name of the brightness in the files.
        """
        found = []
        if self.brightness.kind == "flux" and FLUX in frame.columns and _MAGNITUDE.search(column):
            found.append(
                f"Column '{column}' is called like a magnitude and read as a flux: if it is one, "
                "set survey.brightness=magnitude."
            )
        if IMPLAUSIBLE in frame.columns and frame[IMPLAUSIBLE].null_count() < frame.height:
            found.append(self.sentence(frame[IMPLAUSIBLE].drop_nulls(), column))
        return tuple(found)

    def sentence(self, odd: pl.Series, column: str) -> str:
        """Return what is to be told of brightnesses that nothing has, the same of any part."""
        sentinels = odd.filter(odd.is_in(SENTINELS)).mode().sort()
        value = f"{sentinels[0]:g}" if len(sentinels) else None
        if self.brightness.kind == "flux":
            what = f"such as {value}" if value else f"beyond {_LARGEST_FLUX:g}"
            return (
                f"Column '{column}' holds fluxes {what}, which are hardly any: if they stand for "
                f"missing ones, set survey.missing_brightness=[{value or '...'}]."
            )
        low, high = _MAGNITUDES
        what = f"such as {value}" if value else f"outside {low:g} to {high:g}"
        return (
            f"Column '{column}' holds magnitudes {what}, which are hardly any: if they stand for "
            f"missing ones, set survey.missing_brightness=[{value or '...'}]; if for negative "
            "fluxes, only a column of fluxes or survey.columns.sign can tell."
        )


def _stands_out(values: pl.Series, value: float) -> bool:
    """Say whether a whole number is there more often than those around it, and more than twice."""
    count = int((values == value).sum())
    if count <= 2:
        return False
    around = values.is_in([value + step for step in range(-_AROUND, _AROUND + 1) if step])
    return count > _MANY_TIMES * int(around.sum()) / (2 * _AROUND)
