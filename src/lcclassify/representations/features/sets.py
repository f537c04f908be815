"""The sets of features that a representation chooses from, in one table.

A set is a file of this package with two functions: the names of its columns, and their
values. `SETS` says where each lies.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

import numpy as np
import polars as pl

from lcclassify.errors import ConfigError
from lcclassify.representations.blocks import blocks_of
from lcclassify.representations.features import reference
from lcclassify.representations.features.observed import Observed
from lcclassify.representations.nights import FloatArray
from lcclassify.schema import LightCurves, Passbands

REFERENCE: Final = "reference"
# Modules of this package, imported when wanted: some need libraries that take long to load.
SETS: Final = (REFERENCE, "shape", "colour", "periodic", "gp", "parametric")
# What a set needs beyond the package's own needs: a module, what installs it, and the extra.
_NEEDS: Final = {"parametric": ("light_curve", "light-curve", "parametric")}

# Observations of a block: its intermediate arrays stay in the processor's cache.
_ROWS: Final = 131_072


class FeatureSet(Protocol):
    """What a module of a set has, `reference` excepted."""

    def names(self, passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
        """Return the names of its F columns, those of passbands with the passband's name."""

    def matrix(self, observed: Observed, *, with_redshift: bool) -> FloatArray:
        """Return the values ``(N, F) float64``, NaN or infinite where undefined."""


def check_installed(sets: Sequence[str]) -> None:
    """Refuse sets that need what is not installed; nothing is imported.

    Raises:
        ConfigError: One does.
    """
    for name in sets:
        if name not in _NEEDS:
            continue
        module, package, extra = _NEEDS[name]
        if importlib.util.find_spec(module) is None:
            raise ConfigError(
                f'representation.features={name} needs {package}: pip install "lcclassify[{extra}]"'
            )


def feature_names(
    sets: Sequence[str],
    passbands: Passbands,
    metadata: Sequence[str],
    *,
    numbered: bool,
    with_redshift: bool,
) -> tuple[str, ...]:
    """Return the names of the feature table's columns, set after set.

    The metadata are among the reference's; without that set they come last.

    Args:
        sets: Any of `SETS`.
        passbands: The B passbands.
        metadata: Names of the metadata columns, in order.
        numbered: Whether the reference's features have passbands as numbers.
        with_redshift: Whether there is a redshift.

    Raises:
        ConfigError: Two columns have one name.
    """
    names: list[str] = []
    for name in sets:
        if name == REFERENCE:
            names += reference.feature_names(passbands, metadata, numbered=numbered)
        else:
            names += set_names(name, passbands, with_redshift=with_redshift)
    if REFERENCE not in sets:
        names += metadata
    check_metadata(metadata, names)
    return tuple(names)


def check_metadata(metadata: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a metadata column with the name of a feature.

    Args:
        metadata: Names of the metadata columns.
        names: The same and those of features, in any order.

    Raises:
        ConfigError: A name of the metadata stands there twice.
    """
    for name in metadata:
        if names.count(name) > 1:
            raise ConfigError(
                f"the metadata column '{name}' has the name of a feature: give it another name"
            )


def set_names(name: str, passbands: Passbands, *, with_redshift: bool) -> tuple[str, ...]:
    """Return the names of the columns of one set, `REFERENCE` excepted."""
    return _module(name).names(passbands, with_redshift=with_redshift)


def feature_matrix(
    sets: Sequence[str], light_curves: LightCurves, redshift: FloatArray, *, with_redshift: bool
) -> FloatArray:
    """Return the columns of `feature_names`.

    Args:
        sets: As in `feature_names`.
        light_curves: Canonical tables of N objects, flux and flux_err already in the
            units the features are wanted in.
        redshift: ``(N,) float64``, NaN where there is none.
        with_redshift: As in `feature_names`.

    Returns:
        ``(N, F) float64`` in the order of the object table; undefined values are NaN.

    Raises:
        DataError: The observations are not sorted as canonical tables are, or are of
            objects that the object table does not have.
    """
    matrices = set_matrices(sets, light_curves, redshift, with_redshift=with_redshift)
    return joined(sets, matrices, light_curves)


def set_matrices(
    sets: Sequence[str], light_curves: LightCurves, redshift: FloatArray, *, with_redshift: bool
) -> dict[str, FloatArray]:
    """Return the columns of each set, ``(N, F_set) float64``, see `feature_matrix`."""
    found = {}
    observed: Observed | None = None
    for name in sets:
        if name == REFERENCE:
            found[name] = reference.feature_matrix(light_curves)
            continue
        if observed is None:
            observed = Observed.of(light_curves, redshift)
        module = _module(name)
        blocks = [
            module.matrix(observed.block(first, last), with_redshift=with_redshift)
            for first, last in blocks_of(observed.bounds, _ROWS)
        ]
        found[name] = _defined(np.concatenate(blocks))
    return found


def joined(
    sets: Sequence[str], matrices: Mapping[str, FloatArray], light_curves: LightCurves
) -> FloatArray:
    """Return the matrices of some sets side by side, as `feature_names` has their columns."""
    parts = [matrices[name] for name in sets]
    if tuple(sets) == (REFERENCE,):
        return parts[0]
    if REFERENCE not in sets:
        parts += [
            light_curves.objects[name].cast(pl.Float64).to_numpy()[:, None]
            for name in light_curves.metadata_columns
        ]
    return _defined(np.concatenate(parts, axis=1))


def _defined(matrix: FloatArray) -> FloatArray:
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def _module(name: str) -> FeatureSet:
    return cast("FeatureSet", importlib.import_module(f"{__package__}.{name}"))
