from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_network
from lcclassify.nn.embedding import PeriodicEmbedding
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.submodel import Submodel

DENSE = "lcclassify.nn.dense.DenseNet"
EMBEDDING = {"frequencies": 5, "scale": 0.3, "size": 2}


def test_columns_are_linear_maps_of_cosines():
    embedding = PeriodicEmbedding(3, **EMBEDDING)
    values = torch.randn(4, 5)
    found = embedding(values)
    assert found.shape == (4, 5 + embedding.n_out)
    assert torch.equal(found[:, :5], values)
    for j in range(3):
        angles = 2 * math.pi * values[:, j, None] * embedding.frequencies[j] + embedding.phases[j]
        expected = torch.cos(angles) @ embedding.weight[j] + embedding.bias[j]
        torch.testing.assert_close(found[:, 5 + 2 * j : 7 + 2 * j], expected)


def test_it_begins_with_frequencies_of_the_scale_and_phases_all_around():
    embedding = PeriodicEmbedding(400, frequencies=50, scale=0.3, size=1)
    assert embedding.frequencies.std().item() == pytest.approx(0.3, rel=0.03)
    assert embedding.phases.abs().max().item() == pytest.approx(math.pi, rel=0.01)
    assert torch.cos(embedding.phases).mean().abs().item() < 0.03


def test_a_network_learns_a_narrow_range_of_one_feature(sizes, make_batch):
    batch = make_batch(512)
    inside = (batch.features[:, 0].abs() < 0.3).long()

    def loss(**embedded):
        torch.manual_seed(0)
        network = build_network({"_target_": DENSE, "units": [], **embedded}, sizes)
        optimiser = torch.optim.Adam(network.parameters(), lr=0.03)
        for _ in range(150):
            optimiser.zero_grad()
            value = torch.nn.functional.cross_entropy(network(batch), inside)
            value.backward()
            optimiser.step()
        return value.item()

    assert loss() > 0.5
    assert loss(embedding=EMBEDDING) < 0.25


def test_flags_of_undefined_features_are_not_embedded(sizes):
    network = build_network(
        {"_target_": DENSE, "embedding": EMBEDDING}, replace(sizes, n_indicators=3)
    )
    assert network.embedding.n_values == sizes.n_features - 3


def submodel(embedding):
    rows = torch.randn(30, 4, dtype=torch.float64).numpy()
    rows[3:9, 1] = math.nan
    transform = FeatureTransform.fitted(rows, impute="median", indicator=True)
    none = FeatureTransform.fitted(rows[:, :0], kind="none")
    network = {"_target_": DENSE, "units": [3], "embedding": embedding}
    return Submodel(
        network,
        features=transform,
        context=none,
        sequences=SequenceTransform(2, kind="none"),
        n_classes=3,
        max_length=7,
    )


def test_a_submodel_counts_the_flags():
    built = submodel(EMBEDDING)
    assert (built.sizes.n_features, built.sizes.n_indicators) == (5, 1)
    again = Submodel.from_config(built.config())
    again.load_state_dict(built.state_dict())


def test_bundles_from_before_there_were_embeddings_are_read():
    built = submodel(None)
    config = built.config()
    del config["sizes"]["n_indicators"], config["network"]["embedding"]
    again = Submodel.from_config(config)
    again.load_state_dict(built.state_dict())
    assert asdict(again.sizes) == asdict(built.sizes)
    config["sizes"]["n_features"] = 4
    with pytest.raises(ConfigError, match="contradict"):
        Submodel.from_config(config)
