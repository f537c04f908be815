"""A pool stays near equal weights unless the objects say otherwise."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from lcclassify.nn.losses import CrossEntropyLoss, FocalLoss, WeightedLogLoss
from lcclassify.nn.stack import LinearStackingHead
from lcclassify.training.chosen_pool import chosen_pool
from lcclassify.training.head_settings import ShrinkageSettings
from lcclassify.training.observed import Observed
from lcclassify.training.shrinkage import BIAS, ENTRY, PoolProblem

K = 3
SETTINGS = ShrinkageSettings((0, 0.15, 0.3, 0.6, 1.5, 3, 6), 5, 0.5)


def sky(n, noise, seed=0, shares=(0.6, 0.3, 0.1), sharpness=1.0):
    """Objects with one member for each number, its noise; all of them see the same truth."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(K, n, p=shares)
    logits = 1.5 * np.eye(K)[targets][:, None] + np.log(shares)
    logits = logits + rng.normal(size=(n, 1, K))  # what no member can tell
    logits = logits + rng.normal(size=(n, len(noise), K)) * np.asarray(noise)[:, None]
    return softmax(sharpness * logits, axis=2), targets


def observed(probabilities, targets, owners=None):
    return Observed.of(
        probabilities, targets, np.arange(len(targets)) if owners is None else owners
    )


def choose(probabilities, targets, owners=None, loss=None, is_full=True, seed=0):
    return chosen_pool(
        observed(probabilities, targets, owners),
        loss or CrossEntropyLoss(K),
        SETTINGS,
        is_full=is_full,
        seed=seed,
    )


def log_losses(chosen, probabilities, targets):
    """The pool's log-loss of each object, and the members' own, (n,) and (n, M)."""
    logs = observed(probabilities, targets).logs
    whole = torch.log_softmax(chosen.pool.logits(logs), 1).numpy()
    n = np.arange(len(targets))
    return -whole[n, targets], -logs.numpy()[n, :, targets]


@pytest.mark.parametrize("is_full", [True, False])
def test_the_fit_is_the_minimum_of_the_sum_of_losses_and_the_prior(is_full):
    probabilities, targets = sky(80, [0.5, 1.0], seed=3)
    logs, answers, loss = (
        torch.as_tensor(np.log(probabilities)),
        torch.as_tensor(targets),
        CrossEntropyLoss(K),
    )
    pool = PoolProblem(logs, answers, loss, is_full=is_full).fit(2.1)
    # By steps of Newton's method on the definition, parameter by parameter.
    sizes = [2, K, 2 * K * K if is_full else 0]

    def cost(x):
        weights, bias, entries = torch.split(x, sizes)
        logits = torch.einsum("nmk,m->nk", logs, 0.5 + 2.1 * weights) + 2.1 * BIAS * bias
        if is_full:
            matrix = entries.reshape(K, 2, K)
            logits = logits + 2.1 * ENTRY * torch.einsum("nmj,kmj->nk", logs, matrix)
        return len(targets) * loss(logits, answers) + x.square().sum() / 2

    x = torch.zeros(sum(sizes), dtype=torch.float64)
    for _ in range(20):
        gradient = torch.autograd.functional.jacobian(cost, x)
        x = x - torch.linalg.solve(torch.autograd.functional.hessian(cost, x), gradient)
    weights, bias, entries = torch.split(x, sizes)
    change = 2.1 * torch.einsum("m,jk->jmk", weights, torch.eye(K).double())
    if is_full:
        change = change + 2.1 * ENTRY * entries.reshape(K, 2, K)
    torch.testing.assert_close(pool.change, change, rtol=0, atol=1e-5)
    torch.testing.assert_close(pool.bias, 2.1 * BIAS * bias, rtol=0, atol=1e-5)


def test_few_steps_lead_to_the_minimum_however_alike_members_are():
    losses = []

    class Counted(CrossEntropyLoss):
        def forward(self, logits, targets):
            losses.append(super().forward(logits, targets))
            return losses[-1]

    probabilities, targets = sky(300, [0.5, 1.0], seed=1)
    alike = probabilities[:, :1] + np.array([0, 1e-3, 2e-3])[:, None]
    for given in (probabilities, alike / alike.sum(axis=2, keepdims=True)):
        logs, answers = torch.as_tensor(np.log(given)), torch.as_tensor(targets)
        PoolProblem(logs, answers, Counted(K), is_full=True).fit(3.0)
        assert len(losses) < 60
        losses.clear()


def test_a_head_takes_the_pool_whatever_its_form():
    probabilities, targets = sky(100, [0.5, 1.0, 2.0])
    for form in ("full", "shared"):
        chosen = choose(probabilities, targets, is_full=form == "full")
        head = LinearStackingHead(3, K, form=form)
        head.set_pool(*chosen.pool)
        found = torch.log_softmax(head(torch.as_tensor(probabilities)).double(), 1)
        logs = torch.as_tensor(np.log(probabilities))
        torch.testing.assert_close(
            found, torch.log_softmax(chosen.pool.logits(logs), 1), rtol=0, atol=1e-5
        )


NOISES = {"two of three": [0.3, 0.3, 3.0], "one of four": [0.3, 2.0, 2.0, 2.0], "alike": [1.0, 1.0]}


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_of_few_objects_held_out_ones_are_classified_no_worse_than_by_the_best_member(noise):
    for seed in range(5):
        probabilities, targets = sky(50, noise, seed=seed)
        chosen = choose(probabilities, targets)
        logs = torch.log_softmax(chosen.logits, 1).numpy()
        whole = -logs[np.arange(50), targets]
        own = log_losses(chosen, probabilities, targets)[1]
        excess = whole - own[:, own.mean(0).argmin()]
        assert excess.mean() < 2 * excess.std(ddof=1) / np.sqrt(50)


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_new_objects_are_classified_no_worse_than_by_the_best_member(noise):
    excesses = []
    for seed in range(3):
        probabilities, targets = sky(600, noise, seed=seed)
        new = sky(2000, noise, seed=100 + seed)
        whole, own = log_losses(choose(probabilities, targets), *new)
        excesses.append(whole.mean() - own.mean(0).min())
    error = np.std(excesses, ddof=1) / np.sqrt(3)
    assert np.mean(excesses) < max(2 * error, 0.002)


def test_garbage_hardly_counts_and_hardly_harms():
    probabilities, targets = sky(3000, [0.5, 1.0])
    noise = np.random.default_rng(9).dirichlet(np.full(K, 0.3), 3000)[:, None]
    with_it = choose(np.concatenate([probabilities, noise], 1), targets)
    without = choose(probabilities, targets)
    change = with_it.pool.change.numpy() + np.eye(K)[:, None] / 3
    assert np.abs(change[:, 2]).max() < 0.1 * np.abs(change[:, 0]).max()
    new, answers = sky(3000, [0.5, 1.0], seed=1)
    other = np.random.default_rng(8).dirichlet(np.full(K, 0.3), 3000)[:, None]
    harmed = log_losses(with_it, np.concatenate([new, other], 1), answers)[0].mean()
    assert harmed < log_losses(without, new, answers)[0].mean() + 0.005


def test_a_member_that_is_sure_of_wrong_classes_is_survived():
    probabilities, targets = sky(60, [0.5, 1.0])
    probabilities[:, 1] = np.eye(K)[(targets + np.arange(60) % 2) % K]
    chosen = choose(probabilities, targets)
    assert all(torch.isfinite(part).all() for part in chosen.pool)
    whole, own = log_losses(chosen, probabilities, targets)
    assert whole.mean() < own[:, 0].mean() + 0.1


def test_members_that_are_the_same_share_alike_and_are_as_one():
    probabilities, targets = sky(500, [0.7])
    one = choose(probabilities, targets)
    three = choose(np.repeat(probabilities, 3, axis=1), targets)
    change = three.pool.change
    torch.testing.assert_close(change[:, 0], change[:, 1], rtol=0, atol=1e-6)
    torch.testing.assert_close(change[:, 0], change[:, 2], rtol=0, atol=1e-6)
    found, expected = (
        log_losses(c, p, targets)[0].mean()
        for c, p in ((three, np.repeat(probabilities, 3, axis=1)), (one, probabilities))
    )
    assert abs(found - expected) < 0.003


def test_the_order_of_members_and_of_classes_changes_nothing():
    probabilities, targets = sky(300, [0.5, 1.0, 2.0])
    chosen = choose(probabilities, targets)
    order = [2, 0, 1]
    other = choose(probabilities[:, order], targets)
    assert other.deviation == chosen.deviation
    torch.testing.assert_close(other.pool.change, chosen.pool.change[:, order], rtol=0, atol=1e-5)
    problem = PoolProblem(
        torch.as_tensor(np.log(probabilities[:, :, order])),
        torch.as_tensor(np.argsort(order)[targets]),
        CrossEntropyLoss(K),
        is_full=True,
    )
    mine = PoolProblem(
        torch.as_tensor(np.log(probabilities)),
        torch.as_tensor(targets),
        CrossEntropyLoss(K),
        is_full=True,
    )
    torch.testing.assert_close(
        problem.fit(0.5).change, mine.fit(0.5).change[order][:, :, order], rtol=0, atol=1e-5
    )


def test_it_is_the_same_to_the_bit_every_time():
    probabilities, targets = sky(200, [0.5, 1.0])
    first, second = (choose(probabilities, targets) for _ in range(2))
    assert torch.equal(first.pool.change, second.pool.change)
    assert first.losses == second.losses


class TestHowItIsChosen:
    def test_the_more_objects_the_farther(self):
        taken = []
        for n in (30, 1500):
            # The second member takes two classes for each other, which entries alone mend.
            probabilities, targets = sky(n, [0.5, 0.5])
            probabilities[:, 1] = probabilities[:, 1][:, [1, 0, 2]]
            taken.append(choose(probabilities, targets).deviation)
        assert taken[0] < taken[1]

    def test_equal_members_of_right_probabilities_stay_the_equal_pool(self):
        # What one member says is right, and so the equal pool of its copies cannot be improved.
        rng = np.random.default_rng(0)
        truth = rng.dirichlet(np.ones(K), 2000)
        targets = (rng.random(2000)[:, None] > truth.cumsum(1)).sum(1).clip(0, K - 1)
        chosen = choose(np.repeat(truth[:, None], 2, axis=1), targets)
        assert chosen.deviation <= 0.15

    def test_held_out_logits_are_of_pools_of_other_folds(self):
        probabilities, targets = sky(40, [0.5, 1.0])
        chosen = choose(probabilities, targets)
        for fold in range(5):
            held = chosen.folds == fold
            kept = observed(probabilities, targets).rows(~held)
            pool = kept.problem(CrossEntropyLoss(K), is_full=True).fit(
                chosen.deviation, is_rough=True
            )
            logs = observed(probabilities, targets).logs[torch.as_tensor(held)]
            assert torch.equal(chosen.logits[torch.as_tensor(held)], pool.logits(logs))

    @pytest.mark.parametrize("n", [1, 2, 4])
    def test_hardly_any_objects(self, n):
        probabilities, targets = sky(n, [0.5, 1.0])
        chosen = choose(probabilities, targets)
        assert all(torch.isfinite(part).all() for part in chosen.pool)

    def test_a_class_of_three_and_one_of_none(self):
        probabilities, targets = sky(300, [0.5, 1.0], shares=(0.5, 0.5, 1e-9))
        targets[:3] = 2
        targets[targets == 0] = 1
        loss = WeightedLogLoss(K, class_counts=np.bincount(targets, minlength=K).tolist())
        for each in (loss, CrossEntropyLoss(K)):
            chosen = choose(probabilities, targets, loss=each)
            assert all(torch.isfinite(part).all() for part in chosen.pool)


class TestDraws:
    def test_all_rows_of_an_object_are_in_one_fold(self):
        probabilities, targets = sky(60, [0.5, 1.0])
        owners = np.random.default_rng(0).integers(0, 60, 200)
        chosen = choose(probabilities[owners], targets[owners], owners)
        for owner in np.unique(owners):
            assert len(np.unique(chosen.folds[owners == owner])) == 1

    def test_copies_of_objects_teach_no_more_than_objects(self):
        probabilities, targets = sky(60, [0.3, 1.5])
        once = choose(probabilities, targets)
        many = choose(
            np.tile(probabilities, (7, 1, 1)), np.tile(targets, 7), np.tile(np.arange(60), 7)
        )
        assert many.deviation == once.deviation
        torch.testing.assert_close(many.pool.change, once.pool.change, rtol=0, atol=1e-4)


class TestOtherLosses:
    @pytest.mark.parametrize("kind", [WeightedLogLoss, FocalLoss])
    def test_each_is_smallest_for_its_own_pool(self, kind):
        probabilities, targets = sky(2000, [0.5, 1.0], shares=(0.9, 0.07, 0.03))
        counts = np.bincount(targets, minlength=K).tolist()
        losses = [CrossEntropyLoss(K, class_counts=counts), kind(K, class_counts=counts)]
        logs, answers = torch.as_tensor(np.log(probabilities)), torch.as_tensor(targets)
        pools = [PoolProblem(logs, answers, loss, is_full=True).fit(3.0) for loss in losses]
        values = np.array(
            [[loss(pool.logits(logs), answers).item() for pool in pools] for loss in losses]
        )
        assert values[0, 0] < values[0, 1]
        assert values[1, 1] < values[1, 0]

    def test_where_the_log_loss_is_nothing_a_loss_counts_as_it_is(self):
        """Members are sure and right, and smoothed targets would have them less sure."""
        answers = torch.arange(60) % K
        sure = torch.nn.functional.one_hot(answers, K).double()
        logs = torch.log_softmax(torch.stack([50 * sure, 80 * sure], dim=1), dim=2)
        loss = CrossEntropyLoss(K, label_smoothing=0.1)
        change, bias = PoolProblem(logs, answers, loss, is_full=False).fit(0.05)
        # The sum of losses and prior is level there.
        weights = (change[0, :, 0] / 0.05).requires_grad_()
        biases = (bias / (0.05 * BIAS)).requires_grad_()
        logits = torch.einsum("nmk,m->nk", logs, 0.5 + 0.05 * weights) + 0.05 * BIAS * biases
        cost = 60 * loss(logits, answers) + (weights.square().sum() + biases.square().sum()) / 2
        cost.backward()
        assert float(weights.detach().abs().min()) > 0.1
        torch.testing.assert_close(weights.grad, torch.zeros(2).double(), rtol=0, atol=1e-5)
        torch.testing.assert_close(biases.grad, torch.zeros(K).double(), rtol=0, atol=1e-5)

    def test_a_weighted_loss_is_that_of_repeated_objects(self):
        probabilities, targets = sky(120, [0.5, 1.0])
        weights = np.array([1, 2, 3])
        rows = np.repeat(np.arange(120), weights[targets])
        weights = weights / weights[targets].mean()
        weighed = CrossEntropyLoss(K, class_weights=weights.tolist())
        logs, answers = torch.as_tensor(np.log(probabilities)), torch.as_tensor(targets)
        found = PoolProblem(logs, answers, weighed, is_full=True).fit(0.5)
        # In units in which the equal pool's loss is its log-loss.
        equal = logs.mean(1)
        log_loss = torch.nn.functional.cross_entropy(equal, answers)
        share = log_loss / weighed(equal, answers) * 120 / len(rows)
        plain = PoolProblem(
            logs[rows], answers[rows], CrossEntropyLoss(K), is_full=True, share=share.item()
        )
        torch.testing.assert_close(found.change, plain.fit(0.5).change, rtol=0, atol=1e-5)
