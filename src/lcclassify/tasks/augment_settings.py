"""How training objects are drawn anew, checked before anything that takes long is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lcclassify.build import instantiate
from lcclassify.errors import ConfigError, check_keys, did_you_mean
from lcclassify.training.settings import check_whole

if TYPE_CHECKING:
    from lcclassify.augment.drawn import Step
    from lcclassify.surveys.base import Survey

TARGETS: Final = ("none", "metadata")
AUTO: Final = "auto"
_OBJECTS_OF_AN_EPOCH: Final = 10_000  # that passes=auto makes of few training objects
_MOST_PASSES: Final = 10

_KEYS: Final = ("name", "steps", "passes", "held_out_draws", "target", "redshift")


@dataclass(frozen=True)
class AugmentSettings:
    """How training objects are drawn anew, one YAML of the group `augment`.

    Attributes:
        name: Name in reports.
        steps: What is done to each object, in order; none leaves training as it is.
        passes: Draws of each object in an epoch, or "auto": as many as make 10,000 objects
            an epoch, of which 10 at most.
        held_out_draws: Draws of each held-out object that the head learns from.
        target: ``none``, or ``metadata``: new redshifts and cadences are those of the
            objects to be classified.
        redshift: Column of the best redshift; "auto" for the survey's spectroscopic one or
            else the photometric one; None for none.
    """

    name: str
    steps: Mapping[str, Step]
    passes: int | str
    held_out_draws: int
    target: str
    redshift: str | None

    @classmethod
    def from_config(cls, config: Any) -> AugmentSettings:
        """Build from plain values.

        Raises:
            ConfigError: A key is unknown or missing, or a value is invalid.
        """
        if not isinstance(config, Mapping):
            raise ConfigError(f"augment must be a mapping, got {config!r}")
        check_keys("augment", config, _KEYS)
        values = dict(config)
        steps = values.get("steps") or {}
        if not isinstance(steps, Mapping):
            raise ConfigError(f"augment.steps must be a mapping, got {steps!r}")
        values["steps"] = {str(name): instantiate(dict(s)) for name, s in steps.items() if s}
        for key, default in (
            ("name", "none"),
            ("passes", 1),
            ("held_out_draws", 0),
            ("target", "none"),
            ("redshift", AUTO),
        ):
            values.setdefault(key, default)
        if values["passes"] != AUTO:
            check_whole("augment.passes (where it is not auto)", values["passes"], 1)
        check_whole("augment.held_out_draws", values["held_out_draws"], 0)
        if values["target"] not in TARGETS:
            wanted = str(values["target"])
            raise ConfigError(f"augment.target is '{wanted}': {did_you_mean(wanted, TARGETS)}")
        return cls(**values)

    def n_passes(self, n_objects: int) -> int:
        """Return the draws of each of some training objects in an epoch."""
        if isinstance(self.passes, int):
            return self.passes
        return min(max(-(-_OBJECTS_OF_AN_EPOCH // max(n_objects, 1)), 1), _MOST_PASSES)

    def column(self, survey: Survey, photometric: str | None) -> str | None:
        """Return the column of the redshift that sources are moved from."""
        if self.redshift != AUTO:
            return self.redshift
        return survey.spectroscopic_redshift or photometric
