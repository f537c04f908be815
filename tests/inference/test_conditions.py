"""How classified objects differ from training ones, and what accuracy that lets expect."""

import json

import numpy as np
import pytest
from scipy.stats import ks_2samp

from lcclassify.errors import BundleError
from lcclassify.inference.conditions import (
    Quantity,
    TrainingConditions,
    differences,
    quantities,
    told,
)
from lcclassify.inference.expected import expected_accuracy

NAMES = ("flux_max", "other", "z")
COMPARED = quantities(NAMES, ("z",), "z")


def conditions(seed=0, n=2000):
    rng = np.random.default_rng(seed)
    features = np.c_[rng.normal(0, 1, n), rng.normal(0, 1, n), rng.gamma(2, 1, n)]
    return TrainingConditions.of(features, NAMES, list(COMPARED)), features


def counted(training, features, parts=3):
    """Counts of chunks, summed as they are of a survey."""
    chunks = [training.counts(part, NAMES) for part in np.array_split(features, parts)]
    return {name: np.sum([chunk[name] for chunk in chunks], axis=0).tolist() for name in chunks[0]}


def test_quantities_are_those_with_words():
    assert set(COMPARED) == {"flux_max", "z"}
    assert COMPARED["z"] == Quantity("redshift", "nearer", "farther away")
    assert quantities(NAMES, ("z",), None)["z"].what == "z"


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_the_distance_is_kolmogorovs(shift):
    training, features = conditions()
    other = conditions(seed=1)[1] - shift
    found = {
        one.quantity.what: one for one in differences(training, counted(training, other), COMPARED)
    }
    for name, column in (("highest flux", 0), ("redshift", 2)):
        expected = ks_2samp(features[:, column], other[:, column]).statistic
        assert abs(found[name].distance - expected) < 0.03
        assert found[name].below == pytest.approx(
            (other[:, column] < features[:, column].min()).mean()
        )


def test_training_objects_are_like_themselves_and_silent():
    training, features = conditions()
    found = differences(training, counted(training, features), COMPARED)
    assert max(one.distance for one in found) < 1e-3
    assert all(one.below == one.above == 0 for one in found)
    assert told(found) == []


def test_a_value_that_many_share():
    features = np.c_[np.zeros(100), np.zeros(100), np.repeat([0.0, 1.0], [80, 20])]
    training = TrainingConditions.of(features, NAMES, list(COMPARED))
    found = differences(training, counted(training, features), COMPARED)
    assert max(one.distance for one in found) == pytest.approx(0, abs=0.03)


def test_words_for_what_is_beyond():
    training, features = conditions()
    fainter = differences(training, counted(training, features - 4), COMPARED)
    assert any("fainter than any training object" in sentence for sentence in told(fainter))
    little = differences(training, counted(training, features + np.array([0.9, 0, 0])), COMPARED)
    assert "highest flux: half are brighter than" in told(little)[0]


def test_what_is_missing_is_a_difference():
    training, features = conditions()
    without = features.copy()
    without[:700, 2] = np.nan
    found = {
        one.quantity.what: one
        for one in differences(training, counted(training, without), COMPARED)
    }
    assert found["redshift"].distance == pytest.approx(0.35)
    assert found["redshift"].sentence() == ("redshift: 35 % have none, 0 % of the training objects")
    nothing = differences(training, counted(training, np.full((5, 3), np.nan)), COMPARED)
    assert all(one.distance == 1 for one in nothing)
    assert "100 % have none" in str(nothing[0].sentence())


def test_through_a_bundle():
    training, features = conditions()
    again = TrainingConditions.from_dict(json.loads(json.dumps(training.to_dict())))
    assert again.counts(features, NAMES) == training.counts(features, NAMES)


@pytest.mark.parametrize(
    "change",
    [
        {"quantiles": {"z": [1.0, 0.0]}},
        {"quantiles": {"z": list(range(41, 0, -1))}},
        {"quantiles": None},
        {"undefined": {}},
        {"n_objects": "many"},
    ],
)
def test_damaged_ones_are_refused(change):
    with pytest.raises(BundleError, match="conditions of training are damaged"):
        TrainingConditions.from_dict({**conditions()[0].to_dict(), **change})


def outcomes(shares, n=4000, seed=0):
    """Calibrated probabilities of a training set of equal shares, and true classes of others."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=shares)
    x = rng.normal(0, 1, (n, 3)) + 2 * np.eye(3)[y]
    p = np.exp(2 * x)  # the posterior of unit Gaussians
    return p / p.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("shares", [(1 / 3, 1 / 3, 1 / 3), (0.8, 0.1, 0.1), (0.05, 0.15, 0.8)])
def test_expected_accuracy_holds_the_accuracy(shares):
    known = np.full(3, 1 / 3)
    held, widths = 0, []
    for seed in range(20):
        p, y = outcomes(shares, 500, seed)
        found = expected_accuracy(p, known, 2000, 0.0)
        held += found.low <= (p.argmax(axis=1) == y).mean() <= found.high
        widths.append(found.high - found.low)
        assert 0 <= found.low < found.value < found.high <= 1
    assert held >= 18
    assert np.mean(widths) < 0.15


def test_chances_of_classes_without_training_objects_stay():
    p = np.repeat([[0.9, 0.0, 0.1], [0.0, 0.8, 0.2]], 50, axis=0)
    found = expected_accuracy(p, np.array([0.5, 0.5, 0.0]), 1000, 0.0)
    # Of the others the shares are those of training: nothing moves.
    assert found.shares == pytest.approx([0.5, 0.5, 0], abs=1e-6)
    assert found.as_estimated == pytest.approx(found.as_trained) == pytest.approx(0.85)


def test_other_objects_leave_more_open():
    p, _ = outcomes((0.5, 0.3, 0.2))
    known = np.full(3, 1 / 3)
    widths = [
        found.high - found.low
        for found in (expected_accuracy(p, known, 1000, distance) for distance in (0, 0.1, 0.5, 1))
    ]
    assert widths[0] < widths[1] < widths[2]
    # What is unlike may be another survey altogether, and no more than that: 0.045 either way.
    assert widths[2] == widths[3] == pytest.approx(widths[0] + 2 * 0.045)
