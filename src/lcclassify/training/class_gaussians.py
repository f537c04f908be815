"""A Gaussian for each class, in the space in which linear discriminants separate the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Of covariances: in the space's within-class one towards the features' variances, in a
# class's towards a sphere.
_SHRINKAGE: Final = 0.5
# Logarithms of shares count twice what Gaussian mixtures would count them
# (docs/background/probabilities.md).
_SHARE_WEIGHT: Final = 4.0


@dataclass(frozen=True)
class ClassGaussians:
    """A Gaussian for each class of some objects, in the space that separates these classes.

    Attributes:
        projection: ``(F, D)``, onto the space.
        centres: ``(k, D)`` means.
        whitening: ``(k, D, D)``; the square of a whitened difference is a distance.
        offsets: ``(k,)`` what is added to a class's distances.
    """

    projection: FloatArray
    centres: FloatArray
    whitening: FloatArray
    offsets: FloatArray

    @classmethod
    def fitted(cls, values: FloatArray, targets: IntArray) -> ClassGaussians:
        """Fit to normalised features ``(n, F)`` of objects of the classes ``(n,)``."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=_SHRINKAGE)
        analysis.fit(values, targets)
        labels = analysis.classes_
        projection = np.ascontiguousarray(analysis.scalings_[:, : len(labels) - 1])
        places = values @ projection
        centres, whitening, offsets = [], [], []
        for label in labels:
            own = places[targets == label]
            spread = np.eye(own.shape[1])  # as all classes together have it, about
            if len(own) > 1:
                found = np.atleast_2d(np.cov(own.T))
                level = np.trace(found) / len(found)
                spread = (1 - _SHRINKAGE) * found + _SHRINKAGE * max(level, 1e-6) * spread
            share = len(own) / len(values)
            centres.append(own.mean(axis=0))
            whitening.append(np.linalg.inv(np.linalg.cholesky(spread)).T)
            offsets.append(np.linalg.slogdet(spread)[1] - _SHARE_WEIGHT * np.log(share))
        return cls(projection, np.array(centres), np.array(whitening), np.array(offsets))

    def scores(self, values: FloatArray) -> FloatArray:
        """Return the scores ``(n,)`` of normalised features ``(n, F)``."""
        apart = (values @ self.projection)[:, None] - self.centres
        distances = np.square(np.einsum("nkd,kde->nke", apart, self.whitening)).sum(axis=2)
        lowest: FloatArray = (distances + self.offsets).min(axis=1)
        return lowest
