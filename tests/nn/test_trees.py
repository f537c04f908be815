"""Trees are evaluated as they are defined, on any device, and damaged ones are refused."""

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_network
from lcclassify.nn.trees import BoostedTrees
from lcclassify.schema import Batch, InputSizes

SIZES = InputSizes(n_features=3, n_context=0, n_channels=0, n_classes=2, max_length=1)


def batch_of(features):
    features = torch.as_tensor(np.asarray(features, dtype=np.float64))
    nothing = torch.zeros(len(features), 0)
    whole = torch.zeros(len(features), dtype=torch.int64)
    return Batch(features, nothing, nothing, whole + 1, whole, whole)


def state(**changed):
    """One tree a class: feature 1 <= 2, then feature 0 <= -1; and a single leaf."""
    return {
        "roots": torch.tensor([0, -4], dtype=torch.int32),
        "feature": torch.tensor([1, 0], dtype=torch.int32),
        "threshold": torch.tensor([2.0, -1.0], dtype=torch.float64),
        "undefined_left": torch.tensor([True, False]),
        "left": torch.tensor([1, -1], dtype=torch.int32),
        "right": torch.tensor([-3, -2], dtype=torch.int32),
        "leaves": torch.tensor([1.0, 10.0, 100.0, 7.0], dtype=torch.float64),
    } | changed


@pytest.fixture
def trees():
    network = BoostedTrees(SIZES, n_trees=2, n_splits=2, n_leaves=4)
    network.load_state_dict(state())
    return network


NAN = float("nan")
ROWS = [
    ([-1.0, 2.0, NAN], 1.0),  # a threshold itself goes left
    ([-0.5, 2.0, 0.0], 10.0),
    ([0.0, 2.0000001, 0.0], 100.0),
    ([-5.0, NAN, 0.0], 1.0),  # undefined: left at the first split
    ([NAN, 0.0, 0.0], 10.0),  # and right at the second
    ([1e300, -1e300, 0.0], 10.0),
]


@pytest.mark.parametrize("path", ["forward", "_on_device"])
def test_each_object_ends_at_its_leaf(trees, path):
    batch = batch_of([row for row, _ in ROWS])
    logits = trees(batch) if path == "forward" else trees._on_device(batch.features)
    assert logits.dtype == torch.float64
    assert logits[:, 0].tolist() == [leaf for _, leaf in ROWS]
    assert logits[:, 1].tolist() == [7.0] * len(ROWS)


def random_trees(rng, n_features=6, n_classes=3, rounds=20):
    """Trees of any shape, and a function that follows them object by object."""
    roots, rows, leaves = [], [], []

    def grow(depth):
        if depth == 0 or rng.random() < 0.2:
            leaves.append(rng.normal())
            return -len(leaves)
        place = len(rows)
        rows.append(None)
        own = [int(rng.integers(n_features)), float(rng.normal()), bool(rng.random() < 0.5)]
        rows[place] = [*own, grow(depth - 1), grow(depth - 1)]
        return place

    for _ in range(rounds * n_classes):
        roots.append(grow(5))
    feature, threshold, undefined, left, right = zip(*rows, strict=True)
    sizes = InputSizes(n_features, 0, 0, n_classes, 1)
    network = BoostedTrees(sizes, n_trees=len(roots), n_splits=len(rows), n_leaves=len(leaves))
    network.load_state_dict(
        {
            "roots": torch.tensor(roots, dtype=torch.int32),
            "feature": torch.tensor(feature, dtype=torch.int32),
            "threshold": torch.tensor(threshold, dtype=torch.float64),
            "undefined_left": torch.tensor(undefined),
            "left": torch.tensor(left, dtype=torch.int32),
            "right": torch.tensor(right, dtype=torch.int32),
            "leaves": torch.tensor(leaves, dtype=torch.float64),
        }
    )

    def follow(row):
        sums = [0.0] * n_classes
        for number, place in enumerate(roots):
            while place >= 0:
                which, limit, undefined_left, to_left, to_right = rows[place]
                value = row[which]
                goes_left = undefined_left if np.isnan(value) else value <= limit
                place = to_left if goes_left else to_right
            sums[number % n_classes] += leaves[-1 - place]
        return sums

    return network, follow


@pytest.mark.parametrize("n_objects", [1, 63, 64, 65, 200])
def test_random_trees_are_followed(n_objects):
    rng = np.random.default_rng(n_objects)
    network, follow = random_trees(rng)
    features = rng.normal(size=(n_objects, 6))
    features[rng.random(features.shape) < 0.2] = np.nan
    expected = np.array([follow(row) for row in features])
    batch = batch_of(features)
    np.testing.assert_array_equal(network(batch).numpy(), expected)
    on_device = network._on_device(batch.features).numpy()
    np.testing.assert_allclose(on_device, expected, atol=1e-12)


def test_they_are_rebuilt_from_their_configuration_and_numbers(trees):
    again = build_network(trees.config(), SIZES)
    again.load_state_dict(load(save(trees.state_dict())))
    batch = batch_of([row for row, _ in ROWS])
    assert torch.equal(again(batch), trees(batch))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("left", [0, -1]),  # to itself, without end
        ("right", [-3, 0]),  # back
        ("left", [2, -1]),  # to a split that there is not
        ("right", [-3, -5]),  # to a leaf that there is not
        ("roots", [2, -4]),
        ("feature", [3, 0]),
        ("feature", [-1, 0]),
    ],
)
def test_trees_that_lead_nowhere_are_refused(name, values):
    network = BoostedTrees(SIZES, n_trees=2, n_splits=2, n_leaves=4)
    damaged = state(**{name: torch.tensor(values, dtype=torch.int32)})
    with pytest.raises(ConfigError, match="leads nowhere"):
        network.load_state_dict(damaged)


@pytest.mark.parametrize(
    "numbers",
    [
        {"n_trees": 3, "n_splits": 2, "n_leaves": 5},  # not as many for each class
        {"n_trees": 2, "n_splits": 2, "n_leaves": 5},  # a binary tree has one leaf more
        {"n_trees": 2, "n_splits": -1, "n_leaves": 1},
        {"n_trees": True, "n_splits": 2, "n_leaves": 3},
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers):
    with pytest.raises(ConfigError):
        BoostedTrees(SIZES, **numbers)
