from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_loss
from lcclassify.nn.losses import (
    CrossEntropyLoss,
    FocalLoss,
    FocalOneVsRestLoss,
    WeightedLogLoss,
    log_complement,
)

CONF = sorted((Path(__file__).parents[2] / "conf" / "loss").glob("*.yaml"))
COUNTS = [50, 10, 0, 140]
METRIC = [1.0, 2.0, 1.0, 1.0]
# By the name of its YAML.
ALL = {
    "cross_entropy": CrossEntropyLoss,
    "focal": FocalLoss,
    "focal_one_vs_rest": FocalOneVsRestLoss,
    "weighted_log_loss": WeightedLogLoss,
}
every_loss = pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
K = 4


def make(cls, **keys):
    return cls(K, class_counts=COUNTS, metric_weights=METRIC, **keys)


def rows(n=40, classes=(0, 1, 3)):
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(n, K, generator=generator, dtype=torch.float64) * 3
    targets = torch.tensor(classes)[torch.randint(len(classes), (n,), generator=generator)]
    return logits, targets


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def cross_entropy(p, y, gamma, alpha):
    return -(y * np.log(p)).sum(1)


def focal(p, y, gamma, alpha):
    return (-y * alpha * (1 - p) ** gamma * np.log(p)).sum(1)


def focal_one_vs_rest(p, y, gamma, alpha):
    rest = (1 - y) * (1 - alpha) * p**gamma * np.log(1 - p)
    return focal(p, y, gamma, alpha) - rest.sum(1)


# The loss of each object in NumPy, from probabilities and smoothed targets.
FORMULAS = {
    CrossEntropyLoss: cross_entropy,
    FocalLoss: focal,
    FocalOneVsRestLoss: focal_one_vs_rest,
    WeightedLogLoss: cross_entropy,
}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, "balanced", [1.0, 2.0, 3.0, 0.5]])
@every_loss
def test_equals_the_plain_formula(cls, weights, smoothing):
    logits, targets = rows()
    gamma, alpha = 1.7, 0.3
    focal = {"gamma": gamma, "alpha": alpha} if issubclass(cls, FocalLoss) else {}
    loss = make(cls, class_weights=weights, label_smoothing=smoothing, **focal)
    y = np.eye(K)[targets.numpy()] * (1 - smoothing) + smoothing / K
    each = FORMULAS[cls](softmax(logits.numpy()), y, gamma, alpha)
    weight = {
        "None": np.ones(K),
        "balanced": np.array([200 / (3 * 50), 200 / (3 * 10), 0, 200 / (3 * 140)]),
    }.get(str(weights), np.array(weights if isinstance(weights, list) else np.ones(K)))
    if cls is WeightedLogLoss:
        weight = weight * np.array([200 * 1 / (50 * 4), 200 * 2 / (10 * 4), 0, 200 / (140 * 4)])
    expected = (weight[targets.numpy()] * each).mean()
    assert loss(logits, targets).item() == pytest.approx(expected, rel=1e-6)


def test_a_class_of_a_single_object_weighs_as_the_others_do():
    counts = [1, 0, 3, 2]
    expected = torch.tensor([2.0, 0.0, 2 / 3, 1.0], dtype=torch.float64)
    balanced = CrossEntropyLoss(K, class_counts=counts, class_weights="balanced")
    for loss in (balanced, WeightedLogLoss(K, class_counts=counts)):
        torch.testing.assert_close(loss.weight.double(), expected, rtol=1e-6, atol=0)


def test_weighted_log_loss_of_the_whole_training_set_is_the_metric():
    targets = torch.tensor([j for j, n in enumerate(COUNTS) for _ in range(n)])
    logits = torch.randn(200, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = softmax(logits.numpy())
    total = weights = 0.0
    for j, n in enumerate(COUNTS):
        if n:
            own = p[targets.numpy() == j, j]
            total -= METRIC[j] / n * np.log(own).sum()
            weights += METRIC[j]
    assert make(WeightedLogLoss)(logits, targets).item() == pytest.approx(total / weights, rel=1e-6)


def test_focal_without_discount_is_scaled_cross_entropy():
    logits, targets = rows()
    plain = make(CrossEntropyLoss)(logits, targets)
    torch.testing.assert_close(make(FocalLoss, gamma=0.0, alpha=1.0)(logits, targets), plain)
    torch.testing.assert_close(make(FocalLoss, gamma=0, alpha=0.25)(logits, targets), plain / 4)
    only_positives = make(FocalOneVsRestLoss, gamma=0.0, alpha=1.0)
    torch.testing.assert_close(only_positives(logits, targets), plain)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@every_loss
def test_gradient_is_right(cls, gamma):
    logits, targets = rows(6)
    focal = {"gamma": gamma} if issubclass(cls, FocalLoss) else {}
    loss = make(cls, label_smoothing=0.05, **focal)
    assert torch.autograd.gradcheck(lambda z: loss(z, targets), logits.requires_grad_())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@every_loss
def test_extreme_logits_give_finite_values_and_gradients(cls, smoothing, gamma):
    focal = {"gamma": gamma} if issubclass(cls, FocalLoss) else {}
    loss = make(cls, label_smoothing=smoothing, **focal)
    for scale in (0.0, 1e-30, 100.0, 1e4, 1e8):
        logits = (torch.eye(K) * scale).requires_grad_()
        for shift in range(K):  # right, and wrong in every way
            value = loss(logits, (torch.arange(K) + shift) % K)
            (gradient,) = torch.autograd.grad(value, logits)
            assert torch.isfinite(value), (scale, shift)
            assert torch.isfinite(gradient).all(), (scale, shift)


def test_half_logits_are_computed_in_float32():
    logits, targets = rows()
    half = make(FocalLoss)(logits.to(torch.bfloat16), targets)
    assert half.dtype == torch.float32


def test_log_complement_is_exact_where_p_rounds_to_one():
    logits = torch.tensor([[60.0, 0.0, 0.0]])
    assert log_complement(logits)[0, 0].item() == pytest.approx(np.log(2) - 60, rel=1e-6)
    assert log_complement(logits)[0, 1].item() == pytest.approx(-np.exp(-60.0), abs=1e-6)


@pytest.mark.parametrize("path", CONF, ids=lambda p: p.stem)
def test_every_loss_of_conf_is_built_and_falls_with_training(path):
    config = yaml.safe_load(path.read_text())
    loss = build_loss(config, K, COUNTS, METRIC)
    logits, targets = rows()
    logits = logits.float().requires_grad_()
    before = loss(logits, targets)
    (gradient,) = torch.autograd.grad(before, logits)
    assert loss(logits - 5 * gradient, targets) < before
    signature_keys = {k for k in config if k != "_target_"}
    assert {"class_weights", "label_smoothing"} <= signature_keys


def test_conf_has_every_loss():
    assert {p.stem for p in CONF} == set(ALL)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: WeightedLogLoss(K), "WeightedLogLoss needs class_counts"),
        (lambda: CrossEntropyLoss(K, class_weights="balanced"), "'balanced' needs class_counts"),
        (lambda: make(CrossEntropyLoss, class_weights="balancd"), "must be null, 'balanced' or 4"),
        (lambda: make(CrossEntropyLoss, class_weights=[1.0, 2.0]), "must hold 4 numbers"),
        (lambda: make(CrossEntropyLoss, class_weights=[1.0, 2.0, -1.0, 0.0]), "at least 0"),
        (lambda: make(CrossEntropyLoss, label_smoothing=1.5), "label_smoothing must be"),
        (lambda: make(FocalLoss, gamma=-1.0), "gamma must be"),
        (lambda: make(FocalOneVsRestLoss, alpha=1.5), "alpha must lie from 0 to 1"),
        (lambda: CrossEntropyLoss(1), "at least two classes"),
        (lambda: WeightedLogLoss(2, class_counts=[0, 0]), "a class with objects"),
    ],
)
def test_bad_values_are_named(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
