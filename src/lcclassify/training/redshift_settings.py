"""How redshifts are estimated: the plain settings of a YAML of the group `redshift`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from lcclassify.checks import check_fields, check_whole
from lcclassify.errors import ConfigError
from lcclassify.nn.redshift import PosteriorSettings
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
        values = check_fields("redshift", config, cls, complete=True)
        posterior = check_fields(
            "redshift.posterior", values["posterior"], PosteriorSettings, complete=True
        )
        values["boosting"] = Growth.from_config(values["boosting"])
        values["posterior"] = PosteriorSettings(**posterior)
        return cls(**values)
