"""A space of the directions in which objects vary most."""

import numpy as np
import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.nn.space import FeatureSpace, principal_space


def table(n, n_features, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_features)) @ rng.normal(size=(n_features, n_features))


def test_components_are_uncorrelated_and_of_the_greatest_variances():
    features = torch.as_tensor(table(300, 12))
    space = principal_space(features.numpy())
    values = space.features(features).to(torch.float64).numpy()
    expected = np.linalg.eigvalsh(np.cov(values.T))[::-1][:10]
    found = np.cov(space.components(features).numpy().T)
    np.testing.assert_allclose(found, np.diag(expected), atol=1e-6)
    # Further columns are not read.
    more = torch.cat([features, torch.full((300, 2), 1e9)], dim=1)
    assert torch.equal(space.components(more), space.components(features))


@pytest.mark.parametrize(
    ("n", "n_features", "dimensions"),
    [(50, 4, 4), (50, 15, 10), (11, 15, 10), (3, 15, 2), (1, 3, 1), (50, 1, 1)],
)
def test_no_more_dimensions_than_objects_or_features_allow(n, n_features, dimensions):
    features = table(n, n_features)
    found = principal_space(features).components(torch.as_tensor(features))
    assert found.shape == (n, dimensions)


def test_impossible_numbers():
    for numbers in ((0, 1), (1, 0)):
        with pytest.raises(ConfigError, match="n_"):
            FeatureSpace(*numbers)
