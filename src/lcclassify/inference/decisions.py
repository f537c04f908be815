"""What is said beside probabilities: sets of classes, and where no class is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lcclassify.checks import check_choice, check_fraction, check_keys
from lcclassify.errors import BundleError, ConfigError
from lcclassify.inference.predictions import PREDICTED_CLASS, Predictions
from lcclassify.schema import SETS_BY

SET_PREFIX: Final = "set_"
ABSTAINED: Final = "abstained"

UNLIKE: Final = "unlike the training objects"
UNSURE: Final = "no class is probable enough"


@dataclass(frozen=True)
class Decisions:
    """What is decided from probabilities; by default nothing but the most probable class.

    Attributes:
        sets: Probability that the set of classes of an object holds the true one, or None for
            no sets.
        sets_by: ``class``: of the objects of each class; ``all``: of all objects together.
        below: No class is named where the most probable one has less; None for always.
        unknown: No class is named where the probability of no known class is higher; None for
            always.

    Raises:
        ConfigError: A value is impossible.
    """

    sets: float | None = None
    sets_by: str = "class"
    below: float | None = None
    unknown: float | None = None

    def __post_init__(self) -> None:
        for name in ("sets", "below", "unknown"):
            value = getattr(self, name)
            key = name if name == "sets" else f"abstain.{name}"
            if value is not None:
                check_fraction(key, value)
        check_choice("sets_by", self.sets_by, SETS_BY)

    @classmethod
    def from_config(cls, sets: Any, sets_by: Any, abstain: Any) -> Decisions:
        """Build from the keys of `conf/predict.yaml`.

        Raises:
            ConfigError: A key is unknown, or a value impossible.
        """
        abstain = {} if abstain is None else dict(abstain)
        check_keys("abstain", abstain, ("below", "unknown"))
        return cls(sets, str(sets_by), abstain.get("below"), abstain.get("unknown"))

    @property
    def set_column(self) -> str:
        """Name of the column of sets, such as ``set_90``."""
        return f"{SET_PREFIX}{100 * (self.sets or 0):g}"

    def check(self, has_unknown: bool, has_sets: bool) -> None:
        """Refuse what a bundle cannot tell.

        Raises:
            BundleError: It has no held-out objects to make sets with, or tells no unknown ones.
        """
        if self.sets is not None and not has_sets:
            raise BundleError(
                "sets needs what the classifier said of held-out objects, which this bundle does "
                "not hold: train it anew, with stacking.mode=oof or split.validation_fraction "
                "above 0"
            )
        if self.unknown is not None and not has_unknown:
            raise BundleError(
                "abstain.unknown needs a bundle that tells unknown objects, and this one does "
                "not: train it anew with unknown.fraction, on at least four classes"
            )

    def check_document(self, document: Mapping[str, Any]) -> None:
        """Do as `check` with a bundle's document."""
        ensemble = document["ensemble"]
        self.check(ensemble.get("unknown") is not None, ensemble.get("sets") is not None)

    def decided(
        self,
        frame: pl.DataFrame,
        predictions: Predictions,
        classes: tuple[str, ...],
        sets: NDArray[np.bool_] | None,
    ) -> pl.DataFrame:
        """Return a table of predictions with what is decided.

        Args:
            frame: What `Predictions.to_frame` gives.
            predictions: The same.
            classes: The K labels.
            sets: ``(N, K)`` classes in the sets, if there are any.

        Returns:
            The table with a list of labels (``set_90``) and the reason why no class is named
            (`abstained`, String) before `reason`, each where asked for.
        """
        scored = predictions.scored
        columns = []
        if self.sets is not None and sets is not None:
            owner, member = np.nonzero(sets & scored[:, None])
            labels = pl.Series(classes, dtype=pl.String)[member]
            listed = (
                pl.DataFrame({"owner": owner, "label": labels})
                .group_by("owner", maintain_order=True)
                .agg("label")
            )
            whole = pl.DataFrame({"owner": np.arange(len(scored)), "scored": scored})
            joined = whole.join(listed, on="owner", how="left", maintain_order="left")
            # An empty set says something, and nothing at all is said of who has no probability.
            empty = pl.lit([], dtype=pl.List(pl.String))
            columns.append(
                joined.select(
                    pl.when("scored").then(pl.col("label").fill_null(empty)).alias(self.set_column)
                ).to_series()
            )
        if self.below is not None or self.unknown is not None:
            reason = np.zeros(len(scored), dtype=np.int64)
            if self.below is not None:
                reason[scored & (np.nan_to_num(predictions.probabilities).max(1) < self.below)] = 1
            if self.unknown is not None and predictions.unknown is not None:
                reason[scored & (np.nan_to_num(predictions.unknown) > self.unknown)] = 2
            said = pl.Series(ABSTAINED, [None, UNSURE, UNLIKE], dtype=pl.String)[reason]
            columns.append(said.alias(ABSTAINED))
            frame = frame.with_columns(
                pl.when(pl.Series(reason == 0)).then(pl.col(PREDICTED_CLASS)).alias(PREDICTED_CLASS)
            )
        if not columns:
            return frame
        *others, last = frame.columns
        return pl.concat(
            [frame.select(others), pl.DataFrame(columns), frame.select(last)], how="horizontal"
        )


def unknown_fraction(config: Any) -> float | None:
    """Return the share of unknown objects that the key `unknown` of a configuration states.

    Raises:
        ConfigError: It is no share.
    """
    if config is None:
        return None
    if not isinstance(config, Mapping):
        raise ConfigError(f"unknown must be the key fraction and its value, got {config!r}")
    check_keys("unknown", config, ("fraction",))
    fraction = config.get("fraction")
    return None if fraction is None else check_fraction("unknown.fraction", fraction)


def check_unknown(fraction: float | None, has_unknown: bool) -> None:
    """Refuse a share of unknown objects for a bundle that does not tell them.

    Raises:
        BundleError: It does not.
    """
    if fraction is not None and not has_unknown:
        raise BundleError(
            "unknown.fraction needs a bundle that tells unknown objects, and this one does not: "
            "train it anew with unknown.fraction, on at least four classes"
        )
