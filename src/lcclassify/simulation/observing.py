"""From noise-free sources to what a survey records of them: fluxes, errors, detections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcclassify.simulation import noise
from lcclassify.simulation.draws import Draws
from lcclassify.simulation.fields import Fields
from lcclassify.simulation.sources.base import Epochs, Parameters, Source

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Of flux and flux_err, as in PLAsTiCC's files: what is written is read back unchanged.
DECIMALS: Final = 6


@dataclass(frozen=True, eq=False)
class Photometry:
    """The observations of n objects, sorted by (object, mjd).

    Attributes:
        counts: ``(n,)`` observations of each object.
        mjd: ``(M,)`` days.
        passband: ``(M,)`` index of the passband.
        flux: ``(M,)`` difference flux with noise, corrected for Milky-Way extinction.
        flux_err: ``(M,)`` its standard deviation.
        detected: ``(M,)`` whether the difference image showed it.
        true_flux: ``(M,)`` the difference flux without noise.
    """

    counts: IntArray
    mjd: FloatArray
    passband: NDArray[np.uint8]
    flux: FloatArray
    flux_err: FloatArray
    detected: NDArray[np.bool_]
    true_flux: FloatArray

    @property
    def row(self) -> NDArray[np.intp]:
        """Position of each observation's object, ``(M,)``."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def of(self, kept: NDArray[np.bool_]) -> Photometry:
        """Return the observations of some of the objects, ``(n,)`` booleans."""
        if kept.all():
            return self
        these = np.repeat(kept, self.counts)
        return Photometry(
            self.counts[kept],
            self.mjd[these],
            self.passband[these],
            self.flux[these],
            self.flux_err[these],
            self.detected[these],
            self.true_flux[these],
        )


def observe(
    source: Source,
    parameters: Parameters,
    draws: Draws,
    fields: Fields,
    field: IntArray,
    mwebv: FloatArray,
) -> Photometry:
    """Observe objects at every visit of their fields.

    Args:
        source: How they shine.
        parameters: Their parameters.
        draws: ``(n,)`` random numbers of the objects.
        fields: Visits by field.
        field: ``(n,)`` position of each object's field.
        mwebv: ``(n,)`` Milky-Way E(B-V) in magnitudes.
    """
    first = fields.starts[field]
    counts = fields.starts[field + 1] - first
    row = np.repeat(np.arange(len(field)), counts)
    position = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    visit = first[row] + position
    epochs = Epochs(row, fields.mjd[visit], fields.passband[visit])
    template = source.template(parameters)[row, epochs.passband]
    true_flux = source.flux(parameters, epochs) - template
    flux_err = noise.flux_errors(
        true_flux,
        template,
        fields.sky_noise[visit],
        epochs.passband,
        mwebv[row],
        fields.visits[visit],
    )
    flux = true_flux + flux_err * draws.normal_at("noise", row, position)
    # A survey vets its candidates: noise alone, with no source in it, is never a detection.
    real = np.abs(true_flux) > flux_err
    seen = np.where(real, noise.detection_probability(flux, flux_err), 0.0)
    return Photometry(
        counts,
        epochs.mjd,
        epochs.passband,
        np.round(flux, DECIMALS),
        np.round(flux_err, DECIMALS),
        draws.uniform_at("detection", row, position) < seen,
        true_flux,
    )
