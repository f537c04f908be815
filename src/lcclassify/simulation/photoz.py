"""Redshifts of host galaxies as a catalogue has them: photometric ones, few spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.checks import require_not_negative, require_positive, require_share
from lcclassify.errors import ConfigError
from lcclassify.simulation.draws import Draws

FloatArray = NDArray[np.float64]

MIN_PHOTOZ: Final = 0.005
MAX_PHOTOZ: Final = 3.0
MAX_ERROR: Final = 1.75

# Range of |deviation| / (1+z) of the mistaken ones.
_MISTAKEN_RANGE: Final = (0.15, 0.3)


@dataclass(frozen=True)
class HostSettings:
    """How well redshifts of hosts are known, as PLAsTiCC's training metadata show it.

    Most hosts have a tight estimate with a small error (the core); some a loose one with a
    large error; some are mistaken for a galaxy at another redshift; some are lost, which
    puts them near 2.4. The tables are linear between the redshifts that they are given at.

    Attributes:
        redshift: True redshifts of the tables, ascending.
        lost: Share of the lost ones.
        mistaken: Share of the mistaken ones.
        farther: Share of the mistaken ones that are put too far away.
        loose: Share of the loose ones.
        core_error: Median reported error of the core.
        loose_error: Median reported error of the loose ones.
        core_spread: Standard deviation of ln(error) in the core.
        loose_spread: The same of the loose ones.
        core_pull: Deviations of the core over their reported errors.
        loose_bias: Mean deviation / (1+z) of the loose ones.
        loose_scatter: Its standard deviation.
        spectroscopic_share: Share of hosts with a spectrum in the survey at large.
        spectroscopic_redshift: Redshift about which spectra become rare.
        spectroscopic_width: How softly.

    Raises:
        ConfigError: A table is not as long as the redshifts, or a number is impossible.
    """

    redshift: Sequence[float] = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.7, 1.0, 1.5, 2.4)
    lost: Sequence[float] = (0.08, 0.12, 0.064, 0.034, 0.022, 0.006, 0.003, 0.0, 0.0, 0.02)
    mistaken: Sequence[float] = (0.03, 0.055, 0.12, 0.035, 0.014, 0.04, 0.013, 0.08, 0.05, 0.14)
    farther: Sequence[float] = (0.95, 0.95, 0.95, 0.9, 0.5, 0.4, 0.5, 0.8, 0.4, 0.1)
    loose: Sequence[float] = (0.13, 0.22, 0.254, 0.386, 0.345, 0.23, 0.06, 0.25, 0.1, 0.05)
    core_error: Sequence[float] = (
        0.018, 0.0165, 0.0175, 0.024, 0.027, 0.022, 0.029, 0.038, 0.105, 0.19,
    )  # fmt: skip
    loose_error: Sequence[float] = (0.45, 0.5, 0.5, 0.5, 0.45, 0.25, 0.15, 0.15, 0.2, 0.5)
    core_spread: float = 0.45
    loose_spread: float = 0.7
    core_pull: float = 1.15
    loose_bias: float = 0.015
    loose_scatter: float = 0.055
    spectroscopic_share: float = 0.036
    spectroscopic_redshift: float = 0.45
    spectroscopic_width: float = 0.1

    def __post_init__(self) -> None:
        for name in ("lost", "mistaken", "farther", "loose", "core_error", "loose_error"):
            table = getattr(self, name)
            if len(table) != len(self.redshift):
                raise ConfigError(
                    f"hosts.{name} must have a number for each of the {len(self.redshift)} "
                    f"redshifts, got {len(table)}"
                )
            for number in table:
                require_not_negative(**{f"hosts.{name}": number})
        if not self.redshift or list(self.redshift) != sorted(set(self.redshift)):
            raise ConfigError(f"hosts.redshift must be ascending, got {list(self.redshift)}")
        for shares in zip(self.lost, self.mistaken, self.loose, strict=True):
            if sum(shares) > 1:
                raise ConfigError(
                    f"hosts.lost, hosts.mistaken and hosts.loose add up to {sum(shares):g} at a "
                    "redshift, and must not exceed 1"
                )
        for name in ("core_spread", "loose_spread", "core_pull", "loose_scatter"):
            require_not_negative(**{f"hosts.{name}": getattr(self, name)})
        require_share(**{"hosts.spectroscopic_share": self.spectroscopic_share})
        require_positive(**{"hosts.spectroscopic_width": self.spectroscopic_width})


@dataclass(frozen=True, eq=False)
class HostRedshifts:
    """What a catalogue says of the hosts of n objects; zero for Galactic objects.

    Attributes:
        photoz: ``(n,)`` photometric redshift, above 0 and at most 3.
        photoz_err: ``(n,)`` its reported error.
        specz: ``(n,)`` spectroscopic redshift, NaN where there is none.
    """

    photoz: FloatArray
    photoz_err: FloatArray
    specz: FloatArray


def host_redshifts(
    settings: HostSettings, redshift: FloatArray, training: NDArray[np.bool_], draws: Draws
) -> HostRedshifts:
    """Return the redshifts of hosts, with four decimals.

    Args:
        settings: How well they are known.
        redshift: ``(n,)`` true redshift; 0 for Galactic objects.
        training: ``(n,)`` whether the object is of the training set, where all have spectra.
        draws: ``(n,)`` random numbers of the objects.
    """
    galactic = redshift <= 0
    photoz, error = _photometric(settings, redshift, draws)
    spectrum = training | _has_spectrum(settings, redshift, draws)
    return HostRedshifts(
        np.where(galactic, 0.0, photoz),
        np.where(galactic, 0.0, error),
        np.where(spectrum, np.round(redshift, 4), np.nan),
    )


def _photometric(
    settings: HostSettings, redshift: FloatArray, draws: Draws
) -> tuple[FloatArray, FloatArray]:
    """Return photometric redshifts and their reported errors, ``(n,)`` each."""
    lost, mistaken, farther, loose, core_error, loose_error = (
        np.interp(redshift, settings.redshift, getattr(settings, name))
        for name in ("lost", "mistaken", "farther", "loose", "core_error", "loose_error")
    )
    kind = draws.uniform("photoz kind")
    kinds = [kind < lost, kind < lost + mistaken, kind < lost + mistaken + loose]
    stretch = 1 + redshift
    normal = draws.normal("photoz deviation")
    spread = draws.normal("photoz error")
    core_error = core_error * np.exp(settings.core_spread * spread)
    loose_error = loose_error * np.exp(settings.loose_spread * spread)
    # By the kind, lost ones first: reported error and photometric redshift.
    low, high = _MISTAKEN_RANGE
    away = low + (high - low) * draws.uniform("photoz mistake")
    away = np.where(draws.uniform("photoz side") < farther, away, -away)
    error = np.select(
        kinds,
        [draws.uniform("photoz lost error", 0.4, 1.3), 0.4 * loose_error + 0.1, loose_error],
        core_error,
    )
    photoz = np.select(
        kinds,
        [
            2.4 + 0.3 * normal,
            redshift + stretch * away,
            redshift + stretch * (settings.loose_bias + settings.loose_scatter * normal),
        ],
        redshift + settings.core_pull * core_error * normal,
    )
    # What falls below zero is turned back.
    photoz = np.clip(np.abs(photoz), MIN_PHOTOZ, MAX_PHOTOZ)
    return np.round(photoz, 4), np.round(np.clip(error, 0.002, MAX_ERROR), 4)


def _has_spectrum(settings: HostSettings, redshift: FloatArray, draws: Draws) -> NDArray[np.bool_]:
    """Tell which hosts of the survey at large have a spectrum: the nearer, the likelier."""
    beyond = (redshift - settings.spectroscopic_redshift) / settings.spectroscopic_width
    near = 2 / (1 + np.exp(beyond))
    share = settings.spectroscopic_share * np.where(redshift > 0, near, 1.0)
    found: NDArray[np.bool_] = draws.uniform("host spectrum") < share
    return found
