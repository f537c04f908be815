"""What tells unknown objects: distances to classes, a probability, and what classes make of it."""

import json

import numpy as np
import pytest
import torch

from lcclassify.checks import check_fraction
from lcclassify.errors import ConfigError
from lcclassify.nn.unknown import UnknownDetector

SHAPE = {"n_features": 3, "n_components": 2, "n_classes": 4, "n_known": 3}


TREES = {"n_trees": 2, "n_splits": 2, "n_leaves": 4}


def make(unseen=(3,), fraction=0.01, mismatch=None):
    detector = UnknownDetector(**SHAPE, fraction=fraction, unseen=list(unseen), mismatch=mismatch)
    numbers = {
        "projection": [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]],
        "centres": [[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]],
        "whitening": [[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.3], [0.0, 0.5]], [[1.0, 0.0], [0.0, 1.0]]],
        "offsets": [0.5, 1.0, 2.0],
        "lowest": 0.2,
        "slope": 1.5,
        "intercept": -4.0,
    }
    for name, values in numbers.items():
        getattr(detector, name).copy_(torch.tensor(values, dtype=torch.float64))
    return detector


@pytest.fixture
def features():
    values = torch.randn(40, 3, dtype=torch.float64)
    values[::7, 1] = torch.nan
    return values


def test_the_score_is_the_least_distance(features):
    detector = make()
    places = torch.nan_to_num(features).clamp(-4, 4).to(torch.float32).to(torch.float64).numpy()
    places = places @ detector.projection.numpy()
    expected = np.full(len(places), np.inf)
    for centre, whitening, offset in zip(
        detector.centres.numpy(), detector.whitening.numpy(), detector.offsets.numpy(), strict=True
    ):
        apart = (places - centre) @ whitening
        expected = np.minimum(expected, (apart**2).sum(axis=1) + offset)
    np.testing.assert_allclose(detector.score(features).numpy(), expected, rtol=1e-12)


def test_stranger_objects_are_more_probably_unknown(features):
    detector = make()
    order = detector.score(features).argsort()
    found = detector(features)[order]
    assert (found.diff() >= 0).all()
    assert ((found > 0) & (found < 1)).all()


def test_the_share_expected_moves_the_odds(features):
    few, many = make(fraction=0.01)(features), make(fraction=0.2)(features)
    odds = (many / (1 - many)) / (few / (1 - few))
    torch.testing.assert_close(odds, torch.full_like(odds, (0.2 / 0.8) / (0.01 / 0.99)))
    assert torch.equal(make(fraction=0.01)(features, 0.2), many)


def with_trees(**changes):
    """Two trees that ask for features 0 and 1 and add 0.5 or -2, and 2 or -0.5."""
    detector = make(mismatch=TREES, **changes)
    numbers = {
        "roots": [0, 1],
        "feature": [0, 1],
        "threshold": [0.0, 0.5],
        "undefined_left": [True, False],
        "left": [-1, -3],
        "right": [-2, -4],
        "leaves": [0.5, -2.0, 2.0, -0.5],
    }
    for name, values in numbers.items():
        buffer = getattr(detector.mismatch, name)
        buffer.copy_(torch.tensor(values, dtype=buffer.dtype))
    detector.mismatch_slope.fill_(0.8)
    return detector


def test_trees_add_what_they_say_but_never_that_all_is_well(features):
    first = torch.where(features[:, 0] <= 0, 0.5, -2.0)
    second = torch.where(features[:, 1] <= 0.5, 2.0, -0.5)  # undefined ones go to the right
    expected = make().log_ratio(features) + 0.8 * (first + second).clamp(min=-1.0)
    torch.testing.assert_close(with_trees().log_ratio(features), expected)
    assert {0.8 * float(v) for v in (first + second).unique() if v < -1} != set()


def test_columns_behind_its_own_are_not_read(features):
    detector = make()
    wider = torch.cat([features, torch.randn(40, 2, dtype=torch.float64)], dim=1)
    assert torch.equal(detector(wider), detector(features))


def test_classes_without_training_objects_have_the_probability(features):
    probabilities = torch.softmax(torch.randn(40, 4, dtype=torch.float64), dim=1)
    detector = make()
    unknown = detector(features)
    found = detector.shared_out(probabilities, unknown)
    torch.testing.assert_close(found.sum(1), torch.ones(40, dtype=torch.float64))
    assert torch.equal(found[:, 3], unknown)
    # Among the others nothing changes.
    torch.testing.assert_close(found[:, 0] / found[:, 2], probabilities[:, 0] / probabilities[:, 2])
    both = make(unseen=(1, 3)).shared_out(probabilities, unknown)
    torch.testing.assert_close(both[:, 1], unknown / 2)
    assert make(unseen=()).shared_out(probabilities, unknown) is probabilities


@pytest.mark.parametrize("detector", [make(), with_trees()], ids=["distances", "trees too"])
def test_built_again_it_says_the_same(features, detector):
    again = UnknownDetector(**json.loads(json.dumps(detector.config())))
    again.load_state_dict(detector.state_dict())
    assert torch.equal(again(features), detector(features))


@pytest.mark.parametrize("value", [0, 1, -0.1, 2, True, "0.1", float("nan")])
def test_impossible_shares(value):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        check_fraction("unknown.fraction", value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_features": 0}, "n_features must be a whole number"),
        ({"n_known": 1.5}, "n_known must be a whole number"),
        ({"unseen": [4]}, "unseen must be numbers of classes below 4"),
        ({"unseen": [True]}, "unseen must be numbers"),
        ({"fraction": 1.0}, "between 0 and 1"),
        ({"mismatch": 3}, "mismatch must be the shape of trees"),
        ({"mismatch": {**TREES, "n_leaves": 3}}, "cannot be for 1 classes"),
    ],
)
def test_impossible_shapes(change, message):
    with pytest.raises(ConfigError, match=message):
        UnknownDetector(**{**SHAPE, "fraction": 0.01, "unseen": [3], **change})
