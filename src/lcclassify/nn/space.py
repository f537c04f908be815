"""A space of few dimensions in which light curves that look alike lie together."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lcclassify.checks import check_whole
from lcclassify.nn.normalisation import FeatureTransform

N_COMPONENTS: Final = 10


class FeatureSpace(nn.Module):
    """Normalised features, projected onto a few directions.

    Args:
        n_features: F, the features that it reads, the first of a table's.
        n_components: D, of the space.

    Raises:
        ConfigError: A number is impossible.
    """

    projection: Tensor

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        check_whole("n_components", n_components, 1)
        self.n_features = check_whole("n_features", n_features, 1)
        self.features = FeatureTransform(n_features, impute="median", clip=4.0)
        shape = (n_features, n_components)
        self.register_buffer("projection", torch.zeros(shape, dtype=torch.float64))

    @torch.no_grad()
    def components(self, features: Tensor) -> Tensor:
        """Return the place of raw features ``(N, >= F)`` in the space, ``(N, D) float64``."""
        values: Tensor = self.features(features[:, : self.n_features])
        return values.to(torch.float64) @ self.projection


def principal_space(features: NDArray[np.float64]) -> FeatureSpace:
    """Return the space of the directions in which objects vary most.

    Args:
        features: ``(n, F)``, not finite where undefined; at least one row.
    """
    n_components = max(min(N_COMPONENTS, len(features) - 1, features.shape[1]), 1)
    made = FeatureSpace(features.shape[1], n_components)
    made.features.fit(features)
    values = made.features(torch.as_tensor(features)).to(torch.float64).numpy()
    _, _, directions = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    made.projection.copy_(torch.as_tensor(directions[:n_components].T.copy()))
    return made.eval()
