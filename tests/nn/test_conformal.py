"""Prediction sets hold the true class as often as they promise."""

import json

import numpy as np
import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.nn.conformal import PredictionSets, check_level

K = 3


def sample(n, seed, shares=(0.6, 0.3, 0.1)):
    rng = np.random.default_rng(seed)
    targets = rng.choice(K, n, p=shares)
    logits = rng.normal(0, 1.5, (n, K))
    logits[np.arange(n), targets] += np.array([2.0, 1.0, 0.5])[targets]
    return torch.softmax(torch.as_tensor(logits), dim=1), torch.as_tensor(targets)


def fitted(n=3000, seed=0, weights=(1.0, 1.0, 1.0)):
    return PredictionSets.fitted(*sample(n, seed), list(weights))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_promise_is_kept(level):
    made = fitted()
    probabilities, targets = sample(20_000, 1)
    own = torch.arange(len(targets)), targets
    of_all = made.sets(probabilities, level, "all")[own]
    assert abs(float(of_all.double().mean()) - level) < 0.015
    of_each = made.sets(probabilities, level, "class")[own]
    for k in range(K):
        assert abs(float(of_each[targets == k].double().mean()) - level) < 0.035


def test_a_class_is_in_a_set_if_its_p_value_is_large_enough():
    """The definition of label-conditional conformal prediction, object by object."""
    probabilities, targets = sample(150, 3)
    made = PredictionSets.fitted(probabilities, targets, [1.0] * K)
    new, _ = sample(50, 4)
    found = made.sets(new, 0.8, "class").numpy()
    for k in range(K):
        given = probabilities[targets == k, k].numpy()
        for n in range(len(new)):
            p_value = (1 + (given < float(new[n, k])).sum()) / (len(given) + 1)
            # Of objects like it, those as strange or stranger.
            assert len(given) >= 4
            assert found[n, k] == (p_value > 0.2 or np.isclose(p_value, 0.2))


def test_weights_of_the_objects_to_be_classified_are_those_of_fitting():
    weights = [0.2, 1.0, 6.0]
    made = fitted()
    for level in (0.6, 0.9):
        of_all = made.thresholds(level, "all", weights)
        assert of_all.tolist() == fitted(weights=weights).thresholds(level, "all").tolist()
        assert of_all.tolist() != made.thresholds(level, "all").tolist()
        of_each = made.thresholds(level, "class", weights)
        assert of_each.tolist() == made.thresholds(level, "class").tolist()


def test_sets_grow_with_the_level():
    made, (new, _) = fitted(), sample(200, 5)
    sizes = [made.sets(new, level, "all") for level in (0.5, 0.8, 0.95)]
    assert (sizes[0] <= sizes[1]).all()
    assert (sizes[1] <= sizes[2]).all()


def test_few_objects_follow_all_and_none_is_no_class():
    probabilities, targets = sample(200, 6, shares=(0.58, 0.4, 0.02))
    made = PredictionSets.fitted(probabilities, targets, [1.0] * K)
    assert 0 < (targets == 2).sum() < 9
    of_class, of_all = (made.thresholds(0.9, by) for by in ("class", "all"))
    assert of_class[2] == of_all[2] == of_all[0]
    assert of_class[0] > of_all[0] > of_class[1]
    none = PredictionSets.fitted(*sample(200, 6, shares=(0.6, 0.4, 0.0)), [1.0] * K)
    assert none.thresholds(0.9, "class")[2] == none.thresholds(0.9, "all")[2] == torch.inf
    assert not none.sets(sample(50, 7)[0], 0.9, "class")[:, 2].any()


@pytest.mark.parametrize("n", [1, 5])
def test_too_few_in_all_leave_nothing_out(n):
    made = PredictionSets.fitted(*sample(n, 6, shares=(0.5, 0.5, 0.0)), [1.0] * K)
    new = torch.cat([sample(50, 7)[0], torch.eye(K).double() + 1e-9])
    assert made.sets(new, 0.9, "all")[:, sorted(set(made.targets.tolist()))].all()


def test_whole_weights_are_repeated_objects():
    probabilities, targets = sample(400, 8)
    weighted = PredictionSets.fitted(probabilities, targets, [1.0, 3.0, 2.0])
    times = torch.tensor([1, 3, 2])[targets]
    repeated = PredictionSets.fitted(
        probabilities.repeat_interleave(times, 0), targets.repeat_interleave(times), [1.0] * K
    )
    found = weighted.thresholds(0.9, "all")
    expected = repeated.thresholds(0.9, "all")
    given = probabilities[torch.arange(400), targets].sort().values
    places = [int((given < float(value[0])).sum()) for value in (found, expected)]
    assert abs(places[0] - places[1]) <= 1  # the new object counts as one of mean weight


def test_the_threshold_leaves_out_what_weighs_no_more_than_allowed():
    probabilities, targets = sample(120, 8)
    weights = np.array([0.3, 2.5, 1.1])
    made = PredictionSets.fitted(probabilities, targets, weights.tolist())
    given, own = probabilities[torch.arange(120), targets].numpy(), weights[targets.numpy()]
    for level in (0.5, 0.8, 0.95):
        allowed = (1 - level) * (own.sum() + own.mean())
        expected = max(value for value in given if own[given <= value].sum() <= allowed)
        assert made.thresholds(level, "all").tolist() == [expected] * K


@pytest.mark.parametrize(("n", "is_enough"), [(8, False), (9, True), (10, True)])
def test_nine_of_a_class_are_enough_for_nine_tenths(n, is_enough):
    """One of ten, the new object among them, may be stranger than the strangest."""
    lowest = torch.linspace(0.2, 0.3, n).double()
    others = torch.linspace(0.8, 0.9, 90).double()
    probabilities = torch.stack(
        [torch.cat([others, 1 - lowest]), torch.cat([1 - others, lowest])], dim=1
    )
    targets = torch.arange(90 + n) // 90
    found = PredictionSets.fitted(probabilities, targets, [1.0, 1.0]).thresholds(0.9)
    assert found[0] == others[8]
    alone = PredictionSets.fitted(probabilities[90:], targets[90:], [1.0, 1.0]).thresholds(0.9)
    assert alone.tolist() == [torch.inf, float(lowest[0]) if is_enough else 0.0]
    of_all = torch.cat([lowest, others])[int((91 + n) * 0.1 + 1e-9) - 1]
    assert found[1] == (lowest[0] if is_enough else of_all)


def test_probabilities_are_those_of_classes_with_objects():
    made = PredictionSets.fitted(torch.eye(K)[[0, 0, 2]], torch.tensor([0, 0, 2]), [1.0, 1.0, 1.0])
    found = made.known(torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.9, 0.1]]))
    expected = torch.tensor([[0.4, 0, 0.6], [0, 0, 1]]).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)
    assert made.sets(torch.tensor([[0.2, 0.5, 0.3]]), 0.5).tolist() == [[False, False, False]]
    assert made.sets(torch.tensor([[1.0, 5.0, 0.0]]) / 6, 0.5).tolist() == [[True, False, False]]


def test_built_again_it_says_the_same():
    made, (new, _) = fitted(200), sample(30, 9)
    again = PredictionSets(**json.loads(json.dumps(made.config())))
    again.load_state_dict(made.state_dict())
    assert torch.equal(again.sets(new, 0.9), made.sets(new, 0.9))


@pytest.mark.parametrize("value", [0, 1, 90, True, "0.9", float("nan")])
def test_impossible_levels(value):
    for refuses in (check_level, fitted(20).thresholds):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            refuses(value)


def test_unknown_kinds():
    with pytest.raises(ConfigError, match="sets_by cannot be 'clas': did you mean 'class'"):
        fitted(20).thresholds(0.9, "clas")
