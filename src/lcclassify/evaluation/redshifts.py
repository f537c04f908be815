"""How far estimated redshifts are from spectroscopic ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

OUTLIER: Final = 0.15  # |dz| / (1 + z) beyond which a redshift is one


def nmad(estimated: FloatArray, true: FloatArray) -> float:
    """Return the normalised median absolute deviation, 1.48 median |d - median d|.

    d is ``(estimated - true) / (1 + true)``; NaN without objects.

    References:
        Brammer, van Dokkum & Coppi 2008, ApJ 686, 1503, equation 5.
    """
    if not len(true):
        return float("nan")
    away = (estimated - true) / (1 + true)
    return float(1.48 * np.median(np.abs(away - np.median(away))))


def outlier_share(estimated: FloatArray, true: FloatArray) -> float:
    """Return the share of redshifts that are off by more than `OUTLIER`; NaN without any."""
    if not len(true):
        return float("nan")
    return float(np.mean(np.abs(estimated - true) / (1 + true) > OUTLIER))


@dataclass(frozen=True)
class RedshiftScores:
    """Estimated redshifts of objects that have a spectroscopic one above 0.

    Attributes:
        objects: How many.
        nmad: Of the estimates.
        outliers: Their share of outliers.
        inside: Share of spectroscopic redshifts between the outermost quantiles.
        photometric_nmad: Of the photometric redshifts of the same objects; None without any.
        photometric_outliers: Likewise.
    """

    objects: int
    nmad: float
    outliers: float
    inside: float
    photometric_nmad: float | None
    photometric_outliers: float | None

    @classmethod
    def of(
        cls,
        estimated: FloatArray,
        quantiles: FloatArray,
        true: FloatArray,
        photometric: FloatArray | None,
    ) -> RedshiftScores | None:
        """Compare redshifts; None where no object has both an estimate and the truth.

        Args:
            estimated: ``(n,)``.
            quantiles: ``(n, L)`` ascending in L.
            true: ``(n,)`` spectroscopic redshifts, NaN where there is none.
            photometric: ``(n,)``, NaN where there is none; None for no column. Objects
                without one are left out.
        """
        with np.errstate(invalid="ignore"):
            known = true > 0
            if photometric is not None:
                known &= photometric > 0
        if not known.any():
            return None
        estimated, quantiles, true = estimated[known], quantiles[known], true[known]
        between = (quantiles[:, 0] <= true) & (true <= quantiles[:, -1])
        given = None if photometric is None else photometric[known]
        return cls(
            len(true),
            nmad(estimated, true),
            outlier_share(estimated, true),
            float(between.mean()),
            None if given is None else nmad(given, true),
            None if given is None else outlier_share(given, true),
        )

    def sentence(self, what: str) -> str:
        """Return them in words.

        Args:
            what: The objects, such as "test objects".
        """
        beside = [""] * 2
        if self.photometric_nmad is not None and self.photometric_outliers is not None:
            beside = [
                f" (photometric {self.photometric_nmad:.4f})",
                f" (photometric {self.photometric_outliers:.2%})",
            ]
        return (
            f"Redshifts of {self.objects:,} {what}: NMAD {self.nmad:.4f}{beside[0]}, "
            f"outliers {self.outliers:.2%}{beside[1]}."
        )
