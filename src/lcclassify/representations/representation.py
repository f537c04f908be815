"""A representation: how canonical light curves become arrays for the networks.

`Representation` holds settings from a YAML; fitting it on the training objects
gives a `FittedRepresentation`, whose state is a handful of plain values that a
bundle carries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from lcclassify.errors import DataError, did_you_mean
from lcclassify.representations.context import context_matrix, context_names, known_kinds, sets_of
from lcclassify.representations.features.sets import (
    check_metadata,
    feature_names,
    joined,
    set_matrices,
    set_names,
)
from lcclassify.representations.nights import group_nights
from lcclassify.representations.noise import add_flux_noise
from lcclassify.representations.prepared import PreparedSet
from lcclassify.representations.sequences import build_sequences, channel_names, object_flux_scale
from lcclassify.representations.settings import RepresentationSettings
from lcclassify.schema import FLUX, FLUX_ERR, OBJECT_ID, LightCurves, Passbands
from lcclassify.tables.sortedids import distinct_sorted


@dataclass(frozen=True)
class Representation(RepresentationSettings):
    """Settings, one YAML of the group `representation`, and what is fitted with them."""

    def fit(self, training: LightCurves, seed: int) -> FittedRepresentation:
        """Fit what depends on data, on the training objects only.

        Args:
            training: Light curves of the training objects alone.
            seed: Seed of the noise, kept for every later object.

        Raises:
            DataError: There is no observation to fit on.
        """
        return self.fit_parts([training], seed)

    def fit_parts(self, parts: Iterable[LightCurves], seed: int) -> FittedRepresentation:
        """Fit on training objects that come in parts, of whole objects each.

        Raises:
            DataError: There is no observation to fit on.
        """
        low, high, longest = np.inf, -np.inf, 0
        last: LightCurves | None = None
        for part in parts:
            last = part
            if part.observations.is_empty():
                continue
            if self.needs_data:
                flux = add_flux_noise(part, self.noise, seed).observations[FLUX].to_numpy()
                low, high = min(low, float(flux.min())), max(high, float(flux.max()))
            nights = group_nights(part, self.night_length)
            longest = max(longest, int(np.diff(nights.offsets).max()))
        if last is None or not longest:
            raise DataError("the training objects have no usable observation")
        fitted = self.without_data(last.passbands, last.metadata_columns, seed)
        if not self.needs_data:
            return replace(fitted, max_length=longest)
        if not 1 < high - low < np.inf:
            raise DataError(
                f"the training fluxes span {high - low:.3g}, and "
                "representation.flux_scaling=log2_range needs a finite span above 1: "
                "set representation.flux_scaling=none"
            )
        return replace(fitted, flux_range=(low, high), max_length=longest)

    def without_data(
        self, passbands: Passbands, metadata: tuple[str, ...], seed: int
    ) -> FittedRepresentation:
        """Return the representation of a survey that has not been looked at.

        It prepares light curves as a fitted one does, unless `needs_data`; only the
        length of the longest sequence is not known, and 0.

        Raises:
            ConfigError: The redshift's column is none of the metadata.
        """
        return FittedRepresentation(
            settings=self.of_survey(None, metadata),
            passbands=passbands,
            metadata=metadata,
            flux_range=self.flux_range,
            max_length=0,
            seed=seed,
        )


@dataclass(frozen=True)
class FittedRepresentation:
    """A representation and what was fitted of it.

    Attributes:
        settings: The settings it was fitted with.
        passbands: Passbands of the survey it was fitted on.
        metadata: Metadata columns, in order.
        flux_range: Smallest and largest training flux, where the scaling needs them.
        max_length: Nights of the longest training sequence.
        seed: Seed of the noise.
    """

    settings: Representation
    passbands: Passbands
    metadata: tuple[str, ...]
    flux_range: tuple[float, float] | None
    max_length: int
    seed: int

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The F names of the feature table's columns."""
        return feature_names(
            self.settings.features,
            self.passbands,
            self.metadata,
            numbered=self.settings.feature_bands == "numbers",
            with_redshift=self.redshift is not None,
        )

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The C names of the sequences' channels."""
        return channel_names(self.passbands, self.settings.sequences)

    @property
    def context_names(self) -> tuple[str, ...]:
        """The S names of the context columns."""
        kinds, with_redshift = self._context_kinds, self.redshift is not None
        sets = {
            name: set_names(name, self.passbands, with_redshift=with_redshift)
            for name in sets_of(kinds)
        }
        for names in sets.values():
            check_metadata(self.metadata, [*self.metadata, *names])
        return context_names(kinds, self.metadata, sets)

    @property
    def _context_kinds(self) -> tuple[str, ...]:
        return known_kinds(self.settings.context, with_redshift=self.redshift is not None)

    @property
    def redshift(self) -> str | None:
        """The metadata column of the redshift."""
        # Bundles of earlier versions name one although there is none.
        named = self.settings.sequences.redshift
        return named if named in self.metadata else None

    @property
    def flux_factor(self) -> float:
        """What flux and flux_err are multiplied by."""
        if self.settings.flux_scaling == "none" or self.flux_range is None:
            return 1.0
        return float(1 / np.log2(self.flux_range[1] - self.flux_range[0]))

    def prepare(self, light_curves: LightCurves, *, with_features: bool = True) -> PreparedSet:
        """Turn light curves into arrays.

        Args:
            light_curves: Canonical tables with the passbands and metadata columns this
                representation was fitted on. Objects without observations are left out.
            with_features: Whether features are wanted; otherwise there is no column of them.

        Returns:
            The prepared set, objects in the order of the object table.

        Raises:
            DataError: Passbands or metadata columns differ from the fitted ones.
        """
        self._check(light_curves)
        # Further metadata columns of the survey are none of the bundle's business.
        observed = light_curves.objects[[OBJECT_ID, *self.metadata]]
        ids = distinct_sorted(light_curves.observations[OBJECT_ID])
        if len(ids) != len(observed):
            observed = observed.filter(pl.col(OBJECT_ID).is_in(ids.implode()))
        if not observed[OBJECT_ID].is_sorted():
            observed = observed.sort(OBJECT_ID)
        light_curves = replace(light_curves, objects=observed)
        if bool(light_curves.passbands.wavelengths) != bool(self.passbands.wavelengths):
            # Which features there are depends on it: those of the training survey.
            light_curves = replace(light_curves, passbands=self.passbands)
        scaled = add_flux_noise(light_curves, self.settings.noise, self.seed)
        factor = self.flux_factor
        if factor != 1.0:
            scaled = replace(
                scaled,
                observations=scaled.observations.with_columns(
                    pl.col(FLUX) * factor, pl.col(FLUX_ERR) * factor
                ),
            )
        nights = group_nights(scaled, self.settings.night_length)
        scale = object_flux_scale(nights)
        redshift = np.full(len(observed), np.nan)
        if self.redshift is not None:
            redshift = _column(observed, self.redshift)
        metadata = [_column(observed, name) for name in self.metadata]
        sets = self.settings.features if with_features else ()
        beside = sets_of(self._context_kinds)
        matrices = set_matrices(
            tuple(dict.fromkeys((*sets, *beside))),
            scaled,
            redshift,
            with_redshift=self.redshift is not None,
        )
        features = np.zeros((len(observed), 0))
        if with_features:
            features = joined(sets, matrices, scaled)
        return PreparedSet(
            object_ids=observed[OBJECT_ID],
            features=features,
            feature_names=self.feature_names if with_features else (),
            context=context_matrix(self._context_kinds, metadata, scale, redshift, matrices),
            context_names=self.context_names,
            sequences=build_sequences(nights, scale, redshift, self.settings.sequences),
            offsets=nights.offsets,
            channel_names=self.channel_names,
        )

    def state(self) -> dict[str, Any]:
        """Return the settings and the fitted values as plain YAML-able values."""
        settings = asdict(self.settings)
        settings["context"] = list(self.settings.context)
        settings["features"] = list(self.settings.features)
        settings["flux_range"] = _as_list(self.settings.flux_range)
        for key in ("bands", "times"):
            settings["sequences"][key] = list(settings["sequences"][key])
        return {
            "settings": settings,
            "passbands": list(self.passbands.names),
            "wavelengths": list(self.passbands.wavelengths),
            "metadata": list(self.metadata),
            "flux_range": _as_list(self.flux_range),
            "max_length": self.max_length,
            "seed": self.seed,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedRepresentation:
        """Rebuild a fitted representation from what `state` returned."""
        flux_range = state["flux_range"]
        return cls(
            settings=Representation.from_config(state["settings"]),
            passbands=Passbands(tuple(state["passbands"]), tuple(state["wavelengths"])),
            metadata=tuple(state["metadata"]),
            flux_range=None if flux_range is None else (flux_range[0], flux_range[1]),
            max_length=int(state["max_length"]),
            seed=int(state["seed"]),
        )

    def _check(self, light_curves: LightCurves) -> None:
        if light_curves.passbands.names != self.passbands.names:
            raise DataError(
                f"the light curves have the passbands {', '.join(light_curves.passbands.names)}, "
                f"the representation was fitted on {', '.join(self.passbands.names)}"
            )
        missing = [name for name in self.metadata if name not in light_curves.objects.columns]
        if missing:
            raise DataError(
                f"the object table lacks the metadata column '{missing[0]}' that the "
                f"representation was fitted on: "
                f"{did_you_mean(missing[0], light_curves.metadata_columns)}"
            )


def _as_list(values: tuple[float, float] | None) -> list[float] | None:
    return None if values is None else list(values)


def _column(table: pl.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return table[name].cast(pl.Float64).to_numpy()  # a null becomes NaN
