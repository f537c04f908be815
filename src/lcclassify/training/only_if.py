"""For which training objects a member of a stack is: its key `only_if`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lcclassify.checks import check_fields, check_flag, check_whole


@dataclass(frozen=True)
class OnlyIf:
    """What training objects must be like for a member to be trained.

    Attributes:
        moved: Whether draws of them are moved to where the objects to be classified are
            (``augment.steps.elsewhere``); None for both.
        most_objects: Most training objects; None for any number.
    """

    moved: bool | None = None
    most_objects: int | None = None

    def __post_init__(self) -> None:
        if self.moved is not None:
            check_flag("only_if.moved (where it is not null)", self.moved)
        if self.most_objects is not None:
            check_whole("only_if.most_objects", self.most_objects, 1)

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | None) -> OnlyIf:
        """Build from the plain mapping `only_if` of a member's configuration.

        Raises:
            ConfigError: A key is unknown or a value invalid.
        """
        return cls() if config is None else cls(**check_fields("only_if", config, cls))

    def holds(self, n_objects: int, *, moved: bool) -> bool:
        """Tell whether a member is for so many training objects."""
        few_enough = self.most_objects is None or n_objects <= self.most_objects
        return few_enough and self.moved in (None, moved)
