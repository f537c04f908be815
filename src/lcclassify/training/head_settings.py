"""How a stacking head is fitted: the plain settings of a stack's YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from lcclassify.checks import check_complete, check_fields, check_keys, check_whole, is_number
from lcclassify.errors import ConfigError
from lcclassify.schema import PlainConfig
from lcclassify.training.settings import FitSettings, MemberSettings

LINEAR: Final = "lcclassify.nn.stack.LinearStackingHead"


@dataclass(frozen=True)
class ShrinkageSettings:
    """How far a linear head may go from the equal pool of its members.

    Attributes:
        deviations: Standard deviations of a member's weight about the equal one in a normal
            prior, ascending, of which cross-validation takes one; 0 is the equal pool itself.
        folds: Of that cross-validation.
        standard_errors: The smallest deviation is taken whose loss exceeds the least one by
            no more than so many standard errors of the difference, and so the best member's.
    """

    deviations: tuple[float, ...]
    folds: int
    standard_errors: float

    def __post_init__(self) -> None:
        values = self.deviations
        ascending = all(a < b for a, b in pairwise(values))
        if not values or not all(is_number(v) and v >= 0 for v in values) or not ascending:
            raise ConfigError(
                "model.head.shrinkage.deviations must be ascending numbers of at least 0, "
                f"got {list(values)}"
            )
        check_whole("model.head.shrinkage.folds", self.folds, 2)
        if not is_number(self.standard_errors) or self.standard_errors < 0:
            raise ConfigError(
                "model.head.shrinkage.standard_errors must be a number of at least 0, "
                f"got {self.standard_errors!r}"
            )

    @classmethod
    def from_config(cls, config: object) -> ShrinkageSettings:
        """Build from the plain mapping `shrinkage` of a head's configuration.

        Raises:
            ConfigError: A key is unknown, missing or invalid.
        """
        values = check_fields("model.head.shrinkage", config, cls, complete=True)
        deviations = values["deviations"]
        if not isinstance(deviations, list | tuple):
            raise ConfigError(f"model.head.shrinkage.deviations must be a list, got {deviations!r}")
        return cls(**values | {"deviations": tuple(deviations)})


@dataclass(frozen=True)
class HeadSettings:
    """A stacking head: its network, its loss, and how it is fitted.

    Attributes:
        name: Its name in folders and tables.
        network: Plain configuration of the head.
        loss: Plain configuration of the loss.
        shrinkage: How it is drawn to the equal pool, which a linear head can be; None where
            it is trained by epochs.
        optimizer: Plain configuration of the optimiser, or None with `shrinkage`.
        fit: Settings of a training by epochs, or None with `shrinkage`.
    """

    name: str
    network: PlainConfig
    loss: PlainConfig
    shrinkage: ShrinkageSettings | None = None
    optimizer: PlainConfig | None = None
    fit: FitSettings | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> HeadSettings:
        """Build from a head's plain configuration.

        Raises:
            ConfigError: A key is unknown, missing or invalid, or a head that is not linear
                is to be drawn to the equal pool.
        """
        if not isinstance(config, Mapping) or config.get("shrinkage") is None:
            # A head is trained like a member, whose settings are checked in one place.
            plain = config
            if isinstance(config, Mapping):
                plain = {key: value for key, value in config.items() if key != "shrinkage"}
            trained = MemberSettings.from_config(plain)
            if trained.replicas != 1:
                raise ConfigError("model.head.replicas must be 1: a head is a single fit")
            if trained.only_if:
                raise ConfigError("model.head.only_if cannot be: a head is for any objects")
            return cls(
                trained.name,
                trained.network,
                trained.loss,
                optimizer=trained.optimizer,
                fit=trained.fit,
            )
        given = {key: value for key, value in config.items() if value is not None}
        if given.keys() & {"optimizer", "fit"}:
            raise ConfigError(
                "model.head has either shrinkage or optimizer and fit, not both: one of them "
                "must be null"
            )
        check_keys("model.head", given, ("name", "network", "loss", "shrinkage"))
        check_complete("model.head", given, ("name", "network", "loss"))
        name, network = config["name"], config["network"]
        if not isinstance(name, str) or not name or set(name) & set("/\\ "):
            raise ConfigError(f"a model's name must be a plain word, got '{name}'")
        target = network.get("_target_") if isinstance(network, Mapping) else None
        if target != LINEAR:
            raise ConfigError(
                f"model.head.shrinkage is of {LINEAR} alone, got '{target}': a head of layers is "
                "trained by epochs, with shrinkage=null, optimizer and fit"
            )
        return cls(
            name, network, config["loss"], ShrinkageSettings.from_config(config["shrinkage"])
        )
