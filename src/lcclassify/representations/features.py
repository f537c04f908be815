"""Aggregated features of a light curve: the reference's 156, for any passbands.

A feature is one expression of a group of observations with its name beside it;
`feature_names` is the explicit, ordered list that travels with a model.

References:
    Chaini & Kumar 2020, arXiv:2006.12333, section 3 (the 2D input).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import polars as pl

from lcclassify.errors import ConfigError
from lcclassify.schema import (
    DETECTED,
    FLUX,
    FLUX_ERR,
    MJD,
    OBJECT_ID,
    PASSBAND,
    LightCurves,
    Passbands,
)

RATIO_SQ: Final = "flux_ratio_sq"  # r2 = (flux / flux_err)^2
BY_RATIO_SQ: Final = "flux_by_flux_ratio_sq"  # fr2 = flux * r2

REFERENCE_PASSBANDS: Final = ("u", "g", "r", "i", "z", "y")

# What the reference leaves out of its own six passbands' table.
REFERENCE_DROPPED: Final = frozenset(
    """flux_max_2 flux_median_0 flux_median_4 flux_err_skew_1 flux_err_skew_3 detected_mean_4
    detected_std_3 detected_std_4 detected_sum_4 flux_ratio_sq_mean_4 flux_ratio_sq_sum_3
    flux_ratio_sq_sum_4 flux_median flux_err_skew flux_ratio_sq_sum mjd_pb5""".split()
)


def standard_deviation(x: pl.Expr) -> pl.Expr:
    """Sample standard deviation (ddof 1): undefined below two values, 0 of equal ones."""
    # Equal values differ from their mean by rounding; their deviation is 0 all the same.
    return pl.when((x.len() > 1) & (x.min() == x.max())).then(0.0).otherwise(x.std(ddof=1))


def skewness(x: pl.Expr) -> pl.Expr:
    """Bias-corrected sample skewness (adjusted Fisher-Pearson G1).

    Undefined below three values and where all values are equal: the ratio is then
    0/0, which SciPy and pandas 3 call undefined too.
    """
    # Equal values differ from their mean by rounding, which alone gives a skewness
    # of about 1: they are told by their extremes.
    return pl.when((x.len() >= 3) & (x.min() < x.max())).then(x.skew(bias=False))


STATISTICS: Final[dict[str, Callable[[pl.Expr], pl.Expr]]] = {
    "min": lambda x: x.min(),
    "max": lambda x: x.max(),
    "mean": lambda x: x.mean(),
    "median": lambda x: x.median(),
    "std": standard_deviation,
    "sum": lambda x: x.sum(),
    "skew": skewness,
}

PER_PASSBAND: Final = (
    (FLUX, ("min", "max", "mean", "median", "std", "sum", "skew")),
    (FLUX_ERR, ("min", "max", "mean", "skew")),
    (DETECTED, ("mean", "std", "sum")),
    (RATIO_SQ, ("mean", "sum", "skew")),
    (BY_RATIO_SQ, ("mean", "sum", "skew")),
)
ALL_PASSBANDS: Final = (
    (FLUX, ("min", "max", "mean", "median", "std", "sum", "skew")),
    (FLUX_ERR, ("min", "max", "mean", "median", "std", "sum", "skew")),
    (DETECTED, ("mean", "skew", "median", "sum")),
    (RATIO_SQ, ("min", "max", "mean", "sum", "skew")),
    (BY_RATIO_SQ, ("min", "max", "mean", "sum", "skew")),
)


def _aggregates(table: Sequence[tuple[str, Sequence[str]]]) -> dict[str, pl.Expr]:
    return {
        f"{column}_{statistic}": STATISTICS[statistic](pl.col(column))
        for column, statistics in table
        for statistic in statistics
    }


def _span(x: pl.Expr) -> pl.Expr:
    return x.max() - x.min()


def _all_passband_features() -> dict[str, pl.Expr]:
    """Return name -> expression over all observations of an object."""
    weighted = pl.col(BY_RATIO_SQ).sum() / pl.col(RATIO_SQ).sum()
    span = _span(pl.col(FLUX))
    return {
        "mjd_size": pl.len().cast(pl.Float64),
        **_aggregates(ALL_PASSBANDS),
        "flux_diff": span,
        "flux_dif2": span / pl.col(FLUX).mean(),
        "flux_w_mean": weighted,
        "flux_dif3": span / weighted,
    }


def _detected_features() -> dict[str, pl.Expr]:
    """Return name -> expression over the detected observations of an object."""
    flux, ratio, by_ratio = pl.col(FLUX), pl.col(RATIO_SQ), pl.col(BY_RATIO_SQ)
    return {
        "flux_det_mean": flux.mean(),
        "flux_det_skew": skewness(flux),
        "flux_ratio_sq_det_mean": ratio.mean(),
        "flux_by_flux_ratio_sq_det_mean": by_ratio.mean(),
        "flux_by_flux_ratio_sq_det_skew": skewness(by_ratio),
        "flux_diff_det": _span(flux),
        "flux_ratio_sq_diff_det": _span(ratio),
        "flux_by_flux_ratio_sq_diff_det": _span(by_ratio),
    }


def feature_names(passbands: Passbands, metadata: Sequence[str]) -> tuple[str, ...]:
    """Return the ordered names of the aggregated features.

    Args:
        passbands: B passbands; the reference's drop list applies to its own six only.
        metadata: Names of the metadata columns, in order.

    Returns:
        ``20 B + M + 33 + 1 + B + 8`` names, or the reference's 156 for its own
        passbands and metadata.

    Raises:
        ConfigError: A metadata column has the name of a feature.
    """
    bands = range(len(passbands))
    names = [
        *(f"{name}_{band}" for name in _aggregates(PER_PASSBAND) for band in bands),
        *metadata,
        *_all_passband_features(),
        "mjd_global_diff",
        *(f"mjd_pb{band}" for band in bands),
        *_detected_features(),
    ]
    for name in metadata:
        if names.count(name) > 1:
            raise ConfigError(
                f"the metadata column '{name}' has the name of a feature: give it another name"
            )
    is_reference = tuple(name.lower() for name in passbands.names) == REFERENCE_PASSBANDS
    dropped = REFERENCE_DROPPED if is_reference else frozenset[str]()
    return tuple(name for name in names if name not in dropped)


def aggregate_features(light_curves: LightCurves) -> pl.DataFrame:
    """Aggregate every object's observations into one row of features.

    Args:
        light_curves: Canonical tables of N objects, flux and flux_err already in
            the units the features are wanted in.

    Returns:
        `object_id` and the columns of `feature_names`, ``(N, 1 + F)`` Float64, in
        the order of the object table; undefined values are null.
    """
    bands = range(len(light_curves.passbands))
    ratio_sq = (pl.col(FLUX) / pl.col(FLUX_ERR)) ** 2
    observations = light_curves.observations.with_columns(
        pl.col(DETECTED).cast(pl.Float64),
        ratio_sq.alias(RATIO_SQ),
        (pl.col(FLUX) * ratio_sq).alias(BY_RATIO_SQ),
    )
    detected = observations.filter(pl.col(DETECTED) > 0)

    table = light_curves.objects.select(
        OBJECT_ID, *(pl.col(name).cast(pl.Float64) for name in light_curves.metadata_columns)
    )
    # One table a passband joined by object costs less than a pivot of 20 columns.
    by_passband = observations.group_by(OBJECT_ID, PASSBAND).agg(
        **_aggregates(PER_PASSBAND),
    )
    for band in bands:
        one = by_passband.filter(pl.col(PASSBAND) == band).drop(PASSBAND)
        one = one.rename({name: f"{name}_{band}" for name in one.columns if name != OBJECT_ID})
        table = table.join(one, on=OBJECT_ID, how="left")
    table = table.join(
        observations.group_by(OBJECT_ID).agg(**_all_passband_features()), on=OBJECT_ID, how="left"
    )
    table = table.join(
        detected.group_by(OBJECT_ID).agg(
            mjd_global_diff=_span(pl.col(MJD)),
            **{
                f"mjd_pb{band}": _span(pl.col(MJD).filter(pl.col(PASSBAND) == band))
                for band in bands
            },
            **_detected_features(),
        ),
        on=OBJECT_ID,
        how="left",
    )
    # Observed but never detected spans no time: 0. Never observed is undefined, for a
    # passband as for an object, as all its other features are.
    spans = {"mjd_global_diff": "mjd_size"}
    spans |= {f"mjd_pb{band}": f"{FLUX}_min_{band}" for band in bands}
    table = table.with_columns(
        pl.when(pl.col(witness).is_not_null()).then(pl.col(name).fill_null(0.0)).alias(name)
        for name, witness in spans.items()
    )
    names = feature_names(light_curves.passbands, light_curves.metadata_columns)
    return table.select(
        OBJECT_ID,
        # 0/0 and x/0 are undefined values, not numbers to learn from.
        *(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in names),
    )
