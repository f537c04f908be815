"""How redshifts are estimated: the plain settings of a YAML of the group `redshift`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from lcclassify.checks import check_keys, check_whole
from lcclassify.errors import ConfigError
from lcclassify.nn.redshift import PosteriorSettings
from lcclassify.schema import PlainConfig
from lcclassify.training.settings import Growth

AUTO: Final = "auto"
NONE: Final = "none"


@dataclass(frozen=True)
class RedshiftSettings:
    """What estimates redshifts before the members of a stack are trained.

    Attributes:
        name: Its name in folders and tables.
        truth: Column of the catalogue with spectroscopic redshifts, "auto" for the survey's.
        fewest: Training objects with a spectroscopic redshift above 0 that it takes.
        boosting: How its trees are grown.
        posterior: How light curve and photometric redshift come together.
    """

    name: str
    truth: str
    fewest: int
    boosting: Growth
    posterior: PosteriorSettings

    def __post_init__(self) -> None:
        check_whole("redshift.fewest", self.fewest, 10)
        if not isinstance(self.truth, str) or not self.truth:
            raise ConfigError(f"redshift.truth must be a column's name or auto, got {self.truth!r}")

    @classmethod
    def from_config(cls, config: Any) -> Self | None:
        """Build from plain values; None where nothing is to be estimated.

        Raises:
            ConfigError: A key is unknown, missing or invalid.
        """
        if config is None or config == {"name": NONE}:
            return None
        if not isinstance(config, Mapping):
            raise ConfigError(f"redshift must be a mapping, got {config!r}")
        named = {field.name for field in fields(cls)}
        _check_keys("redshift", config, named)
        posterior = config["posterior"]
        if not isinstance(posterior, Mapping):
            raise ConfigError(f"redshift.posterior must be a mapping, got {posterior!r}")
        _check_keys("redshift.posterior", posterior, PosteriorSettings.__dataclass_fields__)
        plain: PlainConfig = dict(config)
        plain["boosting"] = Growth.from_config(config["boosting"])
        plain["posterior"] = PosteriorSettings(**posterior)
        return cls(**plain)


def _check_keys(where: str, config: Mapping[str, Any], known: Any) -> None:
    check_keys(where, config, known)
    for key in known:
        if key not in config:
            raise ConfigError(f"{where} needs the key '{key}'")
