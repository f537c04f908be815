"""What classifying and preparing a survey have in common before the chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from omegaconf import DictConfig, OmegaConf

from lcclassify.errors import ConfigError
from lcclassify.schema import DETECTED, FLUX, FLUX_ERR, MJD, OBJECT_ID, LightCurves


def require(cfg: DictConfig, meanings: dict[str, str]) -> None:
    """Refuse a configuration in which a key is missing, null or empty.

    Raises:
        ConfigError: A key has no value; the message says what to pass.
    """
    for key, meaning in meanings.items():
        if key not in cfg or OmegaConf.is_missing(cfg, key) or cfg[key] in (None, ""):
            raise ConfigError(f"{key} is missing: pass {meaning}")


def output_of(cfg: DictConfig, suffix: str | None = None) -> Path:
    """Return the absolute path of what a command writes.

    Raises:
        ConfigError: It does not end in the suffix.
    """
    output = Path(str(cfg.output)).expanduser().absolute()
    if suffix is not None and output.suffix != suffix:
        raise ConfigError(f"output must end in {suffix}, got '{cfg.output}'")
    return output


def check_apart(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse to replace what is read.

    Raises:
        ConfigError: An output is an input, in one, or a folder with one in it.
    """
    read = [path.resolve() for path in inputs]
    for output in outputs:
        place = output.resolve()
        for path in read:
            if place == path or path in place.parents or place in path.parents:
                over = "" if place == path else f" over '{path}'"
                raise ConfigError(
                    f"'{output}' would be written{over}, which is read: choose another output"
                )


def flux_factor(own: float | None, wanted: float | None) -> tuple[float, list[str]]:
    """Return what a survey's fluxes are multiplied by to be in a bundle's units.

    Args:
        own: AB magnitude of flux 1 in the survey's units, or None if not known.
        wanted: In the bundle's units.

    Returns:
        The factor, and sentences that say so.
    """
    if own == wanted:
        return 1.0, []
    if own is None or wanted is None:
        known, other = ("bundle", "survey") if own is None else ("survey", "bundle")
        return 1.0, [
            f"The {known} states a zero-point ({wanted if own is None else own:g}) and the "
            f"{other} none: the fluxes are taken to be in the same units."
        ]
    factor = 10 ** (0.4 * (wanted - own))
    return factor, [
        f"The fluxes were multiplied by {factor:.6g}, from the survey's zero-point {own:g} to the "
        f"bundle's {wanted:g}."
    ]


def so_far(curves: LightCurves, days: float | None) -> LightCurves:
    """Return light curves as they were known some days after each object's first detection.

    Objects that were never detected stay as they are.

    Args:
        curves: Light curves.
        days: What was observed later is left out; None leaves out nothing.
    """
    if days is None:
        return curves
    detected = pl.when(DETECTED).then(MJD).min().over(OBJECT_ID)
    known = (pl.col(MJD) <= detected + days).fill_null(True)
    return replace(curves, observations=curves.observations.filter(known))


def with_flux_factor(curves: LightCurves, factor: float) -> LightCurves:
    """Return light curves with fluxes and errors multiplied by a factor."""
    if factor == 1.0:
        return curves
    scaled = curves.observations.with_columns(pl.col(FLUX) * factor, pl.col(FLUX_ERR) * factor)
    return replace(curves, observations=scaled)
