"""Redshifts of host galaxies as a catalogue has them: photometric ones, few spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.simulation.draws import Draws

FloatArray = NDArray[np.float64]

MIN_PHOTOZ: Final = 0.005
MAX_PHOTOZ: Final = 3.0
MAX_ERROR: Final = 1.75

# Share of hosts with a spectrum in the survey at large (PLAsTiCC's test set), and the redshift
# about which they become rare.
SPECTROSCOPIC_SHARE: Final = 0.036
_SPECTROSCOPIC_REDSHIFT = 0.45
_SPECTROSCOPIC_WIDTH = 0.1

# Everything below was read off PLAsTiCC's training metadata by true redshift: most hosts have
# a tight estimate with a small error (the core); some a loose one with a large error; some are
# mistaken for a galaxy at another redshift; some are lost, which puts them near 2.4.
_REDSHIFT = np.array([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.7, 1.0, 1.5, 2.4])
_LOST = np.array([0.08, 0.12, 0.064, 0.034, 0.022, 0.006, 0.003, 0.0, 0.0, 0.02])
_MISTAKEN = np.array([0.03, 0.055, 0.12, 0.035, 0.014, 0.04, 0.013, 0.08, 0.05, 0.14])
_LOOSE = np.array([0.13, 0.22, 0.254, 0.386, 0.345, 0.23, 0.06, 0.25, 0.1, 0.05])
# Share of the mistaken ones that are put too far away.
_FARTHER = np.array([0.95, 0.95, 0.95, 0.9, 0.5, 0.4, 0.5, 0.8, 0.4, 0.1])
_CORE_ERROR = np.array([0.018, 0.0165, 0.0175, 0.024, 0.027, 0.022, 0.029, 0.038, 0.105, 0.19])
_LOOSE_ERROR = np.array([0.45, 0.5, 0.5, 0.5, 0.45, 0.25, 0.15, 0.15, 0.2, 0.5])

_CORE_SPREAD = 0.45  # of ln(error)
_LOOSE_SPREAD = 0.7
# Errors of the core are reported too small by this factor.
_CORE_PULL = 1.15
# Deviation / (1+z) of the loose ones: mean and scatter.
_LOOSE_BIAS = 0.015
_LOOSE_SCATTER = 0.055
# Range of |deviation| / (1+z) of the mistaken ones.
_MISTAKEN_RANGE = (0.15, 0.3)


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
    redshift: FloatArray, training: NDArray[np.bool_], draws: Draws
) -> HostRedshifts:
    """Return the redshifts of hosts, with four decimals.

    Args:
        redshift: ``(n,)`` true redshift; 0 for Galactic objects.
        training: ``(n,)`` whether the object is of the training set, where all have spectra.
        draws: ``(n,)`` random numbers of the objects.
    """
    galactic = redshift <= 0
    photoz, error = _photometric(redshift, draws)
    return HostRedshifts(
        np.where(galactic, 0.0, photoz),
        np.where(galactic, 0.0, error),
        np.where(training | _has_spectrum(redshift, draws), np.round(redshift, 4), np.nan),
    )


def _photometric(redshift: FloatArray, draws: Draws) -> tuple[FloatArray, FloatArray]:
    """Return photometric redshifts and their reported errors, ``(n,)`` each."""
    lost, mistaken, farther, loose, core_error, loose_error = (
        np.interp(redshift, _REDSHIFT, table)
        for table in (_LOST, _MISTAKEN, _FARTHER, _LOOSE, _CORE_ERROR, _LOOSE_ERROR)
    )
    kind = draws.uniform("photoz kind")
    kinds = [kind < lost, kind < lost + mistaken, kind < lost + mistaken + loose]
    stretch = 1 + redshift
    normal = draws.normal("photoz deviation")
    spread = draws.normal("photoz error")
    core_error = core_error * np.exp(_CORE_SPREAD * spread)
    loose_error = loose_error * np.exp(_LOOSE_SPREAD * spread)
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
            redshift + stretch * (_LOOSE_BIAS + _LOOSE_SCATTER * normal),
        ],
        redshift + _CORE_PULL * core_error * normal,
    )
    # What falls below zero is turned back.
    photoz = np.clip(np.abs(photoz), MIN_PHOTOZ, MAX_PHOTOZ)
    return np.round(photoz, 4), np.round(np.clip(error, 0.002, MAX_ERROR), 4)


def _has_spectrum(redshift: FloatArray, draws: Draws) -> NDArray[np.bool_]:
    """Tell which hosts of the survey at large have a spectrum: the nearer, the likelier."""
    near = 2 / (1 + np.exp((redshift - _SPECTROSCOPIC_REDSHIFT) / _SPECTROSCOPIC_WIDTH))
    share = SPECTROSCOPIC_SHARE * np.where(redshift > 0, near, 1.0)
    found: NDArray[np.bool_] = draws.uniform("host spectrum") < share
    return found
