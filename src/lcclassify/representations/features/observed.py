"""The observations of many objects as flat arrays, as the feature sets read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcclassify.representations.nights import FloatArray, IntArray, object_bounds
from lcclassify.schema import DETECTED, FLUX, FLUX_ERR, MJD, PASSBAND, LightCurves, Passbands


@dataclass(frozen=True)
class Observed:
    """The M observations of N objects, an object's in order of time.

    Attributes:
        bounds: ``(N + 1,) int64``; object n has the rows ``bounds[n]:bounds[n + 1]``.
        mjd: ``(M,) float64``, days.
        passband: ``(M,) uint8``, below B.
        flux: ``(M,) float64``, linear, in the survey's own units.
        flux_err: ``(M,) float64``, the same, positive.
        detected: ``(M,) bool``.
        redshift: ``(N,) float64``, NaN where there is none.
        passbands: The B passbands.
    """

    bounds: IntArray
    mjd: FloatArray
    passband: NDArray[np.uint8]
    flux: FloatArray
    flux_err: FloatArray
    detected: NDArray[np.bool_]
    redshift: FloatArray
    passbands: Passbands

    @classmethod
    def of(cls, light_curves: LightCurves, redshift: FloatArray) -> Observed:
        """Return what light curves hold, with a redshift for each of the N objects.

        Raises:
            DataError: The observations are not sorted as canonical tables are, or are of
                objects that the object table does not have.
        """
        observations = light_curves.observations
        return cls(
            bounds=object_bounds(light_curves),
            mjd=observations[MJD].to_numpy(),
            passband=observations[PASSBAND].to_numpy(),
            flux=observations[FLUX].to_numpy(),
            flux_err=observations[FLUX_ERR].to_numpy(),
            detected=observations[DETECTED].to_numpy(),
            redshift=redshift,
            passbands=light_curves.passbands,
        )

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def stretch(self, *, with_redshift: bool) -> FloatArray:
        """Return 1 + redshift, ``(N,) float64``, 1 where there is none or none is wanted."""
        stretch = np.ones(len(self))
        if with_redshift:
            known = np.isfinite(self.redshift) & (self.redshift > -0.5)
            stretch[known] += self.redshift[known]
        return stretch

    def block(self, first: int, last: int) -> Observed:
        """Return the objects from `first` to before `last`."""
        rows = slice(self.bounds[first], self.bounds[last])
        return Observed(
            bounds=self.bounds[first : last + 1] - self.bounds[first],
            mjd=self.mjd[rows],
            passband=self.passband[rows],
            flux=self.flux[rows],
            flux_err=self.flux_err[rows],
            detected=self.detected[rows],
            redshift=self.redshift[first:last],
            passbands=self.passbands,
        )
