"""How training objects are drawn anew, checked before anything that takes long is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from lcclassify.build import instantiate
from lcclassify.checks import check_fields, check_whole
from lcclassify.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from lcclassify.augment.steps import Step
    from lcclassify.surveys.base import Survey

TARGETS: Final = ("none", "metadata")
AUTO: Final = "auto"
_MOST_PASSES: Final = 10


@dataclass(frozen=True)
class AugmentSettings:
    """How training objects are drawn anew, one YAML of the group `augment`.

    Attributes:
        name: Name in reports.
        steps: What is done to each object, in order; none leaves training as it is.
        passes: Draws of each object in an epoch, or "auto": as many as make an epoch of
            `epoch_objects`, 10 at most.
        epoch_objects: Objects that few training objects become in an epoch with "auto".
        repeats: Epochs in which a network of features sees a draw, all of which come again in
            the same order; other networks have new ones in every epoch.
        most_objects: Larger training sets are taken as they are; None for no such limit.
        held_out_draws: Draws of each held-out object that the head learns from.
        target: ``none``, or ``metadata``: new redshifts and cadences are those of the
            objects to be classified.
        redshift: Column of the best redshift; "auto" for the survey's spectroscopic one, and
            the photometric one of objects without; None for none.
    """

    name: str = "none"
    steps: Mapping[str, Step] = field(default_factory=dict)
    passes: int | str = 1
    epoch_objects: int = 10_000
    repeats: int = 1
    most_objects: int | None = None
    held_out_draws: int = 0
    target: str = "none"
    redshift: str | None = AUTO

    def __post_init__(self) -> None:
        if self.passes != AUTO:
            check_whole("augment.passes (where it is not auto)", self.passes, 1)
        check_whole("augment.epoch_objects", self.epoch_objects, 1)
        check_whole("augment.repeats", self.repeats, 1)
        check_whole("augment.held_out_draws", self.held_out_draws, 0)
        if self.most_objects is not None:
            check_whole("augment.most_objects (where it is not null)", self.most_objects, 1)
        if self.target not in TARGETS:
            known = did_you_mean(str(self.target), TARGETS)
            raise ConfigError(f"augment.target is '{self.target}': {known}")

    @classmethod
    def from_config(cls, config: Any) -> AugmentSettings:
        """Build from plain values.

        Raises:
            ConfigError: A key is unknown, or a value is invalid.
        """
        values = check_fields("augment", config, cls)
        steps = values.get("steps") or {}
        if not isinstance(steps, Mapping):
            raise ConfigError(f"augment.steps must be a mapping, got {steps!r}")
        built = {str(name): instantiate(dict(step)) for name, step in steps.items() if step}
        return cls(**{**values, "steps": built})

    def without_effect(self) -> list[str]:
        """Return the keys that are set although there is no step for them."""
        known = [each for each in fields(self) if each.name not in ("name", "steps")]
        return [
            f"augment.{each.name}"
            for each in known
            if not self.steps and getattr(self, each.name) != each.default
        ]

    def described(self) -> dict[str, str]:
        """Return what a run's report and its bundle say of it."""
        return {"name": self.name, "target": self.target}

    def for_objects(self, n_objects: int) -> AugmentSettings:
        """Return how so many training objects are drawn: not at all if they are too many."""
        if self.most_objects is None or n_objects <= self.most_objects:
            return self
        return AugmentSettings()

    def n_passes(self, n_objects: int) -> int:
        """Return the draws of each of some training objects in an epoch."""
        if isinstance(self.passes, int):
            return self.passes
        return min(max(-(-self.epoch_objects // max(n_objects, 1)), 1), _MOST_PASSES)

    def column(self, survey: Survey, photometric: str | None) -> str | None:
        """Return the column of the redshift that sources are moved from."""
        if self.redshift != AUTO:
            return self.redshift
        return survey.spectroscopic_redshift or photometric
