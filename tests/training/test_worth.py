"""A member is worth what the others cannot say."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from lcclassify.nn.losses import CrossEntropyLoss
from lcclassify.training.chosen_pool import chosen_pool
from lcclassify.training.head_settings import ShrinkageSettings
from lcclassify.training.observed import Observed
from lcclassify.training.worth import worth_to_mean, worth_to_pool

K = 3
SETTINGS = ShrinkageSettings((0, 0.3, 1.5), 4, 0.5)


def members(n=400, seed=0):
    """Two that see different things, a copy of the second, and one that sees nothing."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, K, n)
    first, second = (1.5 * np.eye(K)[targets] + rng.normal(size=(n, K)) for _ in range(2))
    nothing = np.zeros((n, K))
    return softmax(np.stack([first, second, second, nothing], axis=1), axis=2), targets


def pooled(probabilities, targets, owners=None):
    rows = Observed.of(
        probabilities, targets, np.arange(len(targets)) if owners is None else owners
    )
    loss = CrossEntropyLoss(K)
    chosen = chosen_pool(rows, loss, SETTINGS, is_full=True, seed=0)
    return rows, loss, chosen, worth_to_pool(rows, loss, chosen, is_full=True)


def test_only_what_nobody_else_says_is_missed():
    probabilities, targets = members()
    worth = pooled(probabilities, targets)[-1]
    missed = worth.without[:, 0].mean(1) - worth.stack[0].mean()
    assert missed[0] > 0.1
    assert np.abs(missed[1:]).max() < 0.02
    own = -np.log(probabilities[np.arange(400), :, targets])
    np.testing.assert_allclose(worth.own[:, 0], own.T)
    right = probabilities.argmax(2) == targets[:, None]
    np.testing.assert_array_equal(worth.own[:, 1], right.T)


def test_the_stack_without_a_member_is_one_that_never_had_it():
    probabilities, targets = members(120)
    rows, loss, chosen, worth = pooled(probabilities, targets)
    fold = chosen.folds == 2
    others = rows.without(1)
    pool = others.rows(~fold).problem(loss, is_full=True).fit(chosen.deviation, is_rough=True)
    logits = pool.logits(others.logs[torch.as_tensor(fold)])
    expected = torch.nn.functional.cross_entropy(
        logits, others.targets[torch.as_tensor(fold)], reduction="none"
    )
    np.testing.assert_allclose(worth.without[1, 0, fold], expected.numpy(), rtol=1e-9)


def test_of_draws_every_object_counts_as_often_as_it_was_drawn():
    probabilities, targets = members(100)
    owners = np.random.default_rng(1).integers(0, 100, 300)
    rows, _, chosen, worth = pooled(probabilities[owners], targets[owners], owners)
    assert worth.stack.shape == (2, len(np.unique(owners)))
    expected = torch.nn.functional.cross_entropy(chosen.logits, rows.targets)
    np.testing.assert_allclose(worth.stack[0].mean(), expected.item())
    own = -np.log(probabilities[owners, :, targets[owners]]).mean(0)
    np.testing.assert_allclose(worth.own[:, 0].mean(1), own)


def test_a_mean_without_a_member_is_the_mean_of_the_others():
    probabilities, targets = members(50)
    worth = worth_to_mean(probabilities, targets)
    n = np.arange(50)
    np.testing.assert_allclose(worth.stack[0], -np.log(probabilities.mean(1)[n, targets]))
    others = np.delete(probabilities, 2, axis=1).mean(1)
    np.testing.assert_allclose(worth.without[2, 0], -np.log(others[n, targets]))
    np.testing.assert_array_equal(worth.without[2, 1], others.argmax(1) == targets)


@pytest.mark.parametrize("kind", ["pool", "mean"])
def test_without_a_single_member_there_is_nothing(kind):
    probabilities, targets = members(40)
    one = probabilities[:, :1]
    worth = pooled(one, targets)[-1] if kind == "pool" else worth_to_mean(one, targets)
    assert worth.without.shape == (0, 2, 40)
    assert worth.own.shape == (1, 2, 40)
