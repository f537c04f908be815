"""Metadata that objects to be classified lack, though the training objects have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from lcclassify.augment.curves import FloatArray
from lcclassify.augment.drawn import Drawn, Keys, uniform
from lcclassify.augment.steps import Sample
from lcclassify.checks import require_share

_FEWEST: Final = 0.01  # share of draws; fewer than these lose nothing


@dataclass(frozen=True)
class LoseMetadata:
    """Takes metadata from draws until they lack them as often as the objects to be classified.

    A classifier that always had a photometric redshift does not know what to make of an object
    without one. Its error and distance modulus go with it. Where it comes before
    `ObserveElsewhere`, draws without a redshift are observed as faint as the objects that lack it.

    Attributes:
        least: Share of the draws that lose each in any case.
        most: Share of those with a value that lose it at most, unless `least` is more: a
            classifier that never saw one would be misled by it later.
    """

    least: float = 0.0
    most: float = 0.95

    def __post_init__(self) -> None:
        require_share(**{"augment: least": self.least, "augment: most": self.most})

    def fitted(self, sample: Sample) -> FittedMissing:
        """Return the step with the probabilities of the columns; none without a target."""
        photoz, *others = sample.photometric
        with_it = tuple(name for name in others if name is not None)
        survey = sample.survey.cadences.columns
        found = {}
        for name, values in sample.drawn.columns.items():
            if name in with_it or name not in survey:
                continue
            had, wanted = 1 - _missing(values), _missing(survey[name])
            if had == 0:
                continue
            # Of those that have a value some lose it.
            probability = max(min(1 - (1 - wanted) / had, self.most), self.least)
            if probability >= _FEWEST:
                found[name] = probability
        if found:
            listed = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found.items())
            sample.notes.append(f"So many of the draws that have metadata lose them: {listed}.")
        return FittedMissing(found, {photoz: with_it} if photoz in found else {})


@dataclass(frozen=True)
class FittedMissing:
    """What `LoseMetadata` knows of a survey.

    Attributes:
        probability: By column, of a draw that has a value to lose it.
        with_it: Further columns that are lost with one.
    """

    probability: Mapping[str, float] = field(default_factory=dict)
    with_it: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def apply(self, drawn: Drawn, keys: Keys) -> Drawn:
        """Return the objects, some without some metadata."""
        columns = dict(drawn.columns)
        for name, probability in self.probability.items():
            lost = uniform(keys, f"{name} lost") < probability
            for column in (name, *self.with_it.get(name, ())):
                columns[column] = np.where(lost, np.nan, columns[column])
        return replace(drawn, columns=columns)


def without_lost(sample: Sample, drawn: Drawn, keys: Keys) -> Drawn:
    """Return training objects without the metadata that draws of them lose.

    Args:
        sample: What was fitted before says what they lose.
        drawn: n training objects.
        keys: ``(n,)``, which decide who loses what.
    """
    for step in sample.steps:
        if isinstance(step, FittedMissing):
            drawn = step.apply(drawn, keys)
    return drawn


def _missing(values: FloatArray) -> float:
    return float(np.mean(~np.isfinite(values))) if len(values) else 1.0
