"""Aggregated features of a light curve: the reference's 156, for any passbands.

A feature is a statistic of a quantity over a group of observations, or one small
expression of such statistics with its name beside it; `feature_names` is the explicit,
ordered list that travels with a model.

References:
    Chaini & Kumar 2020, arXiv:2006.12333, section 3 (the 2D input).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
import polars as pl

from lcclassify.errors import ConfigError
from lcclassify.representations.blocks import blocks_of
from lcclassify.representations.nights import FloatArray, IntArray, object_bounds
from lcclassify.representations.segments import STATISTICS, statistics
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

# Observations of a block, for which a table of Python names is gone through once.
ROWS: Final = 131_072

RATIO_SQ: Final = "flux_ratio_sq"  # r2 = (flux / flux_err)^2
BY_RATIO_SQ: Final = "flux_by_flux_ratio_sq"  # fr2 = flux * r2

REFERENCE_PASSBANDS: Final = ("u", "g", "r", "i", "z", "y")

# What the reference leaves out of its own six passbands' table.
REFERENCE_DROPPED: Final = frozenset(
    """flux_max_2 flux_median_0 flux_median_4 flux_err_skew_1 flux_err_skew_3 detected_mean_4
    detected_std_3 detected_std_4 detected_sum_4 flux_ratio_sq_mean_4 flux_ratio_sq_sum_3
    flux_ratio_sq_sum_4 flux_median flux_err_skew flux_ratio_sq_sum mjd_pb5""".split()
)


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

_QUANTITIES: Final = (FLUX, FLUX_ERR, DETECTED, RATIO_SQ, BY_RATIO_SQ)
# Whose medians are wanted in each passband, and of all observations.
_MEDIANS: Final = np.array(
    [
        ["median" in dict(table).get(name, ()) for table in (PER_PASSBAND, ALL_PASSBANDS)]
        for name in _QUANTITIES
    ]
)

# Further features, each of the statistics `s` of the same observations: of all, ...
Statistics = Callable[[str], FloatArray]
DERIVED: Final[Mapping[str, Callable[[Statistics], FloatArray]]] = {
    "flux_diff": lambda s: s("flux_max") - s("flux_min"),
    "flux_dif2": lambda s: (s("flux_max") - s("flux_min")) / s("flux_mean"),
    "flux_w_mean": lambda s: s(f"{BY_RATIO_SQ}_sum") / s(f"{RATIO_SQ}_sum"),
    "flux_dif3": lambda s: (
        (s("flux_max") - s("flux_min")) / (s(f"{BY_RATIO_SQ}_sum") / s(f"{RATIO_SQ}_sum"))
    ),
}
# ... and of the detected ones.
OF_DETECTED: Final[Mapping[str, Callable[[Statistics], FloatArray]]] = {
    "flux_det_mean": lambda s: s("flux_mean"),
    "flux_det_skew": lambda s: s("flux_skew"),
    "flux_ratio_sq_det_mean": lambda s: s(f"{RATIO_SQ}_mean"),
    "flux_by_flux_ratio_sq_det_mean": lambda s: s(f"{BY_RATIO_SQ}_mean"),
    "flux_by_flux_ratio_sq_det_skew": lambda s: s(f"{BY_RATIO_SQ}_skew"),
    "flux_diff_det": lambda s: s("flux_max") - s("flux_min"),
    "flux_ratio_sq_diff_det": lambda s: s(f"{RATIO_SQ}_max") - s(f"{RATIO_SQ}_min"),
    "flux_by_flux_ratio_sq_diff_det": lambda s: s(f"{BY_RATIO_SQ}_max") - s(f"{BY_RATIO_SQ}_min"),
}


def _names(table: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    return [f"{column}_{statistic}" for column, statistics in table for statistic in statistics]


def feature_names(
    passbands: Passbands, metadata: Sequence[str], *, numbered: bool = True
) -> tuple[str, ...]:
    """Return the ordered names of the aggregated features.

    Args:
        passbands: B passbands; the reference's drop list applies to its own six only.
        metadata: Names of the metadata columns, in order.
        numbered: Whether passbands are numbers in them, as the reference's (``flux_max_1``,
            ``mjd_pb1``), or names (``flux_max_g``, ``mjd_pb_g``).

    Returns:
        ``20 B + M + 33 + 1 + B + 8`` names, or the reference's 156 for its own
        passbands and metadata.

    Raises:
        ConfigError: A metadata column has the name of a feature.
    """
    return _feature_names(passbands, tuple(metadata), numbered)


@cache
def _feature_names(
    passbands: Passbands, metadata: tuple[str, ...], numbered: bool
) -> tuple[str, ...]:
    def with_bands(bands: Iterable[object], separator: str) -> list[str]:
        bands = list(bands)
        return [
            *(f"{name}_{band}" for name in _names(PER_PASSBAND) for band in bands),
            *metadata,
            "mjd_size",
            *_names(ALL_PASSBANDS),
            *DERIVED,
            "mjd_global_diff",
            *(f"mjd_pb{separator}{band}" for band in bands),
            *OF_DETECTED,
        ]

    by_number = with_bands(range(len(passbands)), "")
    names = by_number if numbered else with_bands(passbands.names, "_")
    for name in metadata:
        if names.count(name) > 1:
            raise ConfigError(
                f"the metadata column '{name}' has the name of a feature: give it another name"
            )
    is_reference = tuple(name.lower() for name in passbands.names) == REFERENCE_PASSBANDS
    dropped = REFERENCE_DROPPED if is_reference else frozenset[str]()
    return tuple(
        name for name, number in zip(names, by_number, strict=True) if number not in dropped
    )


def feature_matrix(light_curves: LightCurves) -> FloatArray:
    """Aggregate every object's observations into one row of features.

    Args:
        light_curves: Canonical tables of N objects, flux and flux_err already in
            the units the features are wanted in.

    Returns:
        ``(N, F) float64`` with the columns of `feature_names`, in the order of the
        object table; undefined values are NaN.

    Raises:
        DataError: The observations are not sorted as canonical tables are, or are of
            objects that the object table does not have.
    """
    objects, observations = light_curves.objects, light_curves.observations
    bounds = object_bounds(light_curves)
    names = feature_names(light_curves.passbands, light_curves.metadata_columns)
    matrix = np.empty((len(objects), len(names)))
    for first, last in blocks_of(bounds, ROWS):
        rows = observations.slice(bounds[first], bounds[last] - bounds[first])
        of_block = bounds[first : last + 1] - bounds[first]
        columns = _aggregate(rows, of_block, len(light_curves.passbands))
        for position, name in enumerate(names):
            if name in columns:
                matrix[first:last, position] = columns[name]
    for name in light_curves.metadata_columns:
        # A null becomes NaN.
        matrix[:, names.index(name)] = objects[name].cast(pl.Float64).to_numpy()
    # 0/0 and x/0 are undefined values, not numbers to learn from.
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def _aggregate(observations: pl.DataFrame, bounds: IntArray, n_bands: int) -> dict[str, FloatArray]:
    """Return every feature of N objects but the metadata, by name, ``(N,) float64`` each."""
    flux = observations[FLUX].to_numpy()
    flux_err = observations[FLUX_ERR].to_numpy()
    detected = observations[DETECTED].to_numpy()
    with np.errstate(over="ignore"):
        ratio_sq = (flux / flux_err) ** 2
        by_ratio_sq = flux * ratio_sq
    values, counts, spans = statistics(
        bounds,
        observations[PASSBAND].to_numpy(),
        detected,
        observations[MJD].to_numpy(),
        np.stack([flux, flux_err, detected.astype(np.float64), ratio_sq, by_ratio_sq]),
        _MEDIANS,
        n_bands,
    )

    def of(group: int) -> Statistics:
        def column(name: str) -> FloatArray:
            quantity, _, statistic = name.rpartition("_")
            one: FloatArray = values[
                :, group, _QUANTITIES.index(quantity), STATISTICS.index(statistic)
            ]
            return one

        return column

    every, found = of(n_bands), of(n_bands + 1)
    size = counts[:, n_bands]
    columns = {"mjd_size": np.where(size > 0, size, np.nan), "mjd_global_diff": spans[:, n_bands]}
    for band in range(n_bands):
        one = of(band)
        columns |= {f"{name}_{band}": one(name) for name in _names(PER_PASSBAND)}
        columns[f"mjd_pb{band}"] = spans[:, band]
    columns |= {name: every(name) for name in _names(ALL_PASSBANDS)}
    with np.errstate(all="ignore"):
        columns |= {name: formula(every) for name, formula in DERIVED.items()}
        columns |= {name: formula(found) for name, formula in OF_DETECTED.items()}
    return columns


def aggregate_features(light_curves: LightCurves) -> pl.DataFrame:
    """Return `feature_matrix` as a table.

    Returns:
        `object_id` and the columns of `feature_names`, ``(N, 1 + F)`` Float64, in
        the order of the object table; undefined values are null.
    """
    matrix = feature_matrix(light_curves)
    names = feature_names(light_curves.passbands, light_curves.metadata_columns)
    return pl.DataFrame(
        [
            light_curves.objects[OBJECT_ID],
            *(pl.Series(name, matrix[:, k]).fill_nan(None) for k, name in enumerate(names)),
        ]
    )
