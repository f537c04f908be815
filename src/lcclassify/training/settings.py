"""How a member of an ensemble is trained: the plain settings of a model's YAML."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from lcclassify.checks import (
    check_below_one,
    check_choice,
    check_complete,
    check_fields,
    check_whole,
    is_number,
)
from lcclassify.errors import ConfigError, did_you_mean
from lcclassify.schema import PlainConfig

MODES: Final = ("oof", "holdout")  # how the head's training data come about
AUTO_MODE: Final = "auto"  # one or the other, by the training objects
SCHEDULES: Final = ("constant", "cosine")
CHECKPOINTS: Final = ("val/loss", "val/accuracy", "last")
# What training objects can be like: draws of them are moved to where the objects to be classified
# are; or they stay, and are few, without a redshift or in any case, or many.
OCCASIONS: Final = ("moved", "few", "few_without_redshift", "many")


@dataclass(frozen=True)
class Schedule:
    """The learning rate's course over a fit.

    Attributes:
        kind: "constant", or "cosine": down to zero along half a cosine.
        warmup: Share of all steps in which it first rises linearly from near zero.
    """

    kind: str = "constant"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise ConfigError(
                f"fit.schedule.kind is '{self.kind}': {did_you_mean(self.kind, SCHEDULES)}"
            )
        check_below_one("fit.schedule.warmup", self.warmup)

    def factor(self, total_steps: int) -> Callable[[int], float]:
        """Return step -> factor of the learning rate, for a fit of `total_steps`."""
        warm = self.warmup * total_steps

        def at(step: int) -> float:
            if step < warm:
                return (step + 1) / (warm + 1)
            if self.kind == "constant":
                return 1.0
            progress = min((step - warm) / max(total_steps - warm, 1), 1.0)
            return 0.5 * (1 + math.cos(math.pi * progress))

        return at


@dataclass(frozen=True)
class FitSettings:
    """Settings of one fit.

    Attributes:
        epochs: Most epochs.
        batch_size: Objects a batch.
        patience: Epochs without a better validation loss before stopping; None to
            train all epochs.
        checkpoint: Which epoch's weights are kept: the best "val/loss" or
            "val/accuracy", or the "last".
        gradient_clip: Largest gradient norm; None for no limit.
        averaging: Share of the steps that the weights are averaged over, above 0 and at
            most 1, see `AveragedWeights`; None for the weights themselves.
        schedule: The learning rate's course.
    """

    epochs: int
    batch_size: int
    patience: int | None = None
    checkpoint: str = "val/loss"
    gradient_clip: float | None = None
    averaging: float | None = None
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        for key in ("epochs", "batch_size"):
            check_whole(f"fit.{key}", getattr(self, key), 1)
        if self.patience is not None:
            check_whole("fit.patience", self.patience, 1)
        if self.gradient_clip is not None and not (
            is_number(self.gradient_clip) and self.gradient_clip > 0
        ):
            raise ConfigError(
                f"fit.gradient_clip must be a positive number or null, got {self.gradient_clip!r}"
            )
        if self.averaging is not None and not (
            is_number(self.averaging) and 0 < self.averaging <= 1
        ):
            raise ConfigError(
                "fit.averaging must be a share above 0 and at most 1, or null, "
                f"got {self.averaging!r}"
            )
        if self.checkpoint not in CHECKPOINTS:
            raise ConfigError(
                f"fit.checkpoint is '{self.checkpoint}': "
                f"{did_you_mean(self.checkpoint, CHECKPOINTS)}"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FitSettings:
        """Build from the plain mapping `fit` of a model's configuration.

        Raises:
            ConfigError: A key is unknown, missing or invalid.
        """
        values = check_fields("fit", config, cls)
        schedule = values.pop("schedule", None)
        if schedule is not None:
            values["schedule"] = Schedule(**check_fields("fit.schedule", schedule, Schedule))
        check_complete("a model's fit", values, ("epochs", "batch_size"))
        return cls(**values)


@dataclass(frozen=True)
class MemberSettings:
    """One member of an ensemble: a network and how it is trained.

    Attributes:
        name: Its name in folders and tables.
        network: Plain configuration of the network.
        loss: Plain configuration of the loss.
        optimizer: Plain configuration of the optimiser.
        fit: Settings of its fits.
        replicas: Fits with different seeds whose probabilities are averaged.
        only_if: For which of `OCCASIONS` it is; none for all.
    """

    name: str
    network: PlainConfig
    loss: PlainConfig
    optimizer: PlainConfig
    fit: FitSettings
    replicas: int = 1
    only_if: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_member(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], name: str | None = None) -> MemberSettings:
        """Build from a model's plain configuration, under another name if given.

        Raises:
            ConfigError: A key is unknown, missing or invalid.
        """
        values = check_fields("model", config, cls)
        check_complete(
            f"the model '{name or values.get('name')}'",
            values,
            ("network", "loss", "optimizer", "fit"),
        )
        values["fit"] = FitSettings.from_config(values["fit"])
        values["only_if"] = _occasions(values.get("only_if"))
        if name is not None:
            values["name"] = name
        return cls(**values)


@dataclass(frozen=True)
class Growth:
    """How trees are grown, whatever they are to say.

    Attributes:
        rounds: Most trees an output.
        learning_rate: What each adds, of what it would add alone.
        leaves: Most leaves of a tree.
        min_objects: Fewest training objects of a leaf.
        feature_share: Share of the features that the splits of a tree choose from.
        l2: Penalty on the leaves' values.
    """

    rounds: int
    learning_rate: float
    leaves: int
    min_objects: int
    feature_share: float
    l2: float

    def __post_init__(self) -> None:
        for key, least in (("rounds", 1), ("leaves", 2), ("min_objects", 1)):
            check_whole(f"boosting.{key}", getattr(self, key), least)
        for key, most in (("learning_rate", 1.0), ("feature_share", 1.0)):
            value = getattr(self, key)
            if not is_number(value) or not 0 < value <= most:
                raise ConfigError(f"boosting.{key} must be above 0 and at most 1, got {value!r}")
        if not is_number(self.l2) or self.l2 < 0:
            raise ConfigError(f"boosting.l2 must be a number of at least 0, got {self.l2!r}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build from the plain mapping `boosting` of a configuration.

        Raises:
            ConfigError: A key is unknown, missing or invalid.
        """
        values = check_fields("boosting", config, cls, complete=True)
        return cls(**values)


@dataclass(frozen=True)
class Boosting(Growth):
    """How trees of a member are grown.

    Attributes:
        patience: Rounds without a better validation loss before no more are grown; those
            after the best are left out. None to keep all, as without validation objects.
        draws: Where training objects are drawn anew: how often each, for all rounds.
    """

    patience: int | None
    draws: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("boosting.draws", self.draws, 1)
        if self.patience is not None:
            check_whole("boosting.patience", self.patience, 1)


@dataclass(frozen=True)
class TreeSettings:
    """A member that is gradient-boosted trees on the features.

    Attributes:
        name: Its name in folders and tables.
        boosting: How they are grown.
        loss: Plain configuration of the loss: a cross-entropy, its classes weighted or not.
        replicas: Fits with different seeds whose probabilities are averaged.
        only_if: For which of `OCCASIONS` it is; none for all.
    """

    name: str
    boosting: Boosting
    loss: PlainConfig
    replicas: int = 1
    only_if: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_member(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], name: str | None = None) -> TreeSettings:
        """Build from a model's plain configuration, under another name if given.

        Raises:
            ConfigError: A key is unknown, missing or invalid.
        """
        values = check_fields("model", config, cls)
        check_complete(f"the model '{name or values.get('name')}'", values, ("boosting", "loss"))
        values["boosting"] = Boosting.from_config(values["boosting"])
        values["only_if"] = _occasions(values.get("only_if"))
        if name is not None:
            values["name"] = name
        return cls(**values)


AnyMember = MemberSettings | TreeSettings


def member_from_config(config: Mapping[str, Any], name: str | None = None) -> AnyMember:
    """Build a member of either kind; trees are what has a mapping `boosting`.

    Raises:
        ConfigError: A key is unknown, missing or invalid.
    """
    kind = TreeSettings if isinstance(config, Mapping) and "boosting" in config else MemberSettings
    return kind.from_config(config, name)


def _occasions(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not value:
        raise ConfigError(
            f"only_if must be null or a list of {', '.join(OCCASIONS)}, got {value!r}"
        )
    return tuple(str(word) for word in value)


def _check_member(member: AnyMember) -> None:
    name = member.name
    check_whole(f"replicas of the model '{name}'", member.replicas, 1)
    if not isinstance(name, str) or not name or set(name) & set("/\\ "):
        raise ConfigError(f"a model's name must be a plain word, got '{name}'")
    for word in member.only_if:
        check_choice(f"only_if of the model '{name}'", word, OCCASIONS)
