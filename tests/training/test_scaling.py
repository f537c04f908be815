"""What cross-validation takes: nothing, a temperature, or a scale and a bias of each class."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from lcclassify.nn.calibration import Calibration
from lcclassify.training.chance import is_near
from lcclassify.training.scaling import (
    NONE,
    TEMPERATURE,
    VECTOR,
    Scaling,
    chosen_scaling,
    fit_temperature,
    fit_vector,
)

SCALES, BIASES = np.array([0.6, 1.0, 1.5, 1.0]), np.array([0.8, 0.0, -0.5, 0.0])


def sample(n, kind=NONE, seed=0):
    """Objects whose classes have the probabilities, and what a classifier makes of these."""
    rng = np.random.default_rng(seed)
    true = softmax(rng.normal(0, 2, (n, 4)), axis=1)
    targets = (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    logs = np.log(true)
    if kind == TEMPERATURE:
        logs = 2 * logs
    return softmax(logs, axis=1), targets


def loss(probabilities, targets):
    return -np.log(probabilities[np.arange(len(targets)), targets]).mean()


@pytest.mark.parametrize("kind", [NONE, TEMPERATURE])
def test_what_is_needed_is_taken(kind):
    given, targets = sample(3000, kind)
    found = chosen_scaling(given, targets, np.arange(3000), seed=1)
    assert found.scaling.kind == kind
    assert set(found.losses) == {NONE, TEMPERATURE, VECTOR}
    new, new_targets = sample(3000, kind, seed=2)
    assert loss(found.scaling(new), new_targets) <= loss(new, new_targets) + 1e-9
    if kind == TEMPERATURE:
        assert found.scaling.temperature == pytest.approx(2, rel=0.1)
        assert "The temperature is 2." in found.sentence() or "is 1.9" in found.sentence()
    else:
        assert found.sentence().startswith("Probabilities stay as they are: the log-loss")
        np.testing.assert_array_equal(found.out_of_fold, given)


def test_classes_that_need_scales_of_their_own_get_them():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (4000, 4))
    targets = (
        softmax(logits * SCALES + BIASES, axis=1).cumsum(axis=1) < rng.random((4000, 1))
    ).sum(axis=1)
    given = softmax(logits, axis=1)
    found = chosen_scaling(given, targets, np.arange(4000), seed=1)
    assert found.scaling.kind == VECTOR
    assert found.losses[VECTOR] < found.losses[TEMPERATURE] - 0.01
    assert found.summary()["kind"] == "vector"
    assert loss(found.out_of_fold, targets) == pytest.approx(found.losses[VECTOR])


def test_few_objects_get_nothing_of_their_own():
    given, targets = sample(40)
    assert chosen_scaling(given, targets, np.arange(40), seed=1).scaling.kind != VECTOR
    one = chosen_scaling(given[:1], targets[:1], np.arange(1), seed=1)
    assert np.isfinite(one.scaling(given)).all()


def test_the_vector_is_where_the_penalised_loss_is_least():
    given, targets = sample(300, TEMPERATURE)
    found = fit_vector(given, targets)

    def objective(scales, biases):
        logs = log_softmax(np.log(given) * scales + biases, axis=1)[np.arange(300), targets]
        return -logs.sum() + 2 * (((scales - 1) ** 2).sum() + (biases**2).sum())

    least = objective(found.scales, found.biases)
    rng = np.random.default_rng(0)
    for _ in range(30):
        shifts = rng.normal(0, 0.05, (2, 4))
        assert objective(found.scales + shifts[0], found.biases + shifts[1]) >= least - 1e-4


def test_a_class_without_objects_keeps_its_own():
    given, targets = sample(500)
    found = fit_vector(given[targets != 2], targets[targets != 2])
    assert (found.scales[2], found.biases[2]) == (1.0, 0.0)
    few = np.union1d(np.flatnonzero(targets != 2), np.flatnonzero(targets == 2)[:1])
    one = fit_vector(given[few], targets[few])
    assert one.biases[2] < 0  # there are fewer of it than probabilities say


def test_draws_of_an_object_count_as_one_and_stay_together():
    given, targets = sample(200, TEMPERATURE)
    owners = np.arange(200)
    twice = np.concatenate([owners, owners[:50], owners[:50]])
    plain = chosen_scaling(given, targets, owners, seed=1)
    drawn = chosen_scaling(given[twice], targets[twice], twice, seed=1)
    for kind in plain.losses:
        assert drawn.losses[kind] == pytest.approx(plain.losses[kind], rel=1e-6)
    alike = fit_temperature(given, targets, np.ones(200))
    assert alike == pytest.approx(fit_temperature(given, targets))


def test_near_is_what_exceeds_the_best_by_no_more_than_chance():
    best = np.array([1.0, 2.0, 3.0, 4.0])
    losses = best + np.array([0.0, 0.0, 0.0, 0.4])  # 0.1 more, with a standard error of 0.1
    assert is_near(losses, best, 1 + 1e-9)
    assert not is_near(losses, best, 1 - 1e-9)
    assert is_near(best - 1, best, 1.0)
    # Of a single object nothing is known of chance.
    assert is_near(best[:1], best[:1], 1.0)
    assert not is_near(best[:1] + 1e-6, best[:1], 1.0)


def test_nothing_is_exactly_nothing():
    given, _ = sample(50)
    np.testing.assert_allclose(Scaling()(given), given, atol=1e-15)


@pytest.mark.parametrize(
    "scaling", [Scaling(TEMPERATURE, 1.7), Scaling(VECTOR, 1.0, SCALES, BIASES)], ids=["T", "a, b"]
)
def test_the_bundle_scales_alike(scaling):
    given, _ = sample(50)
    given[0, 2] = 0.0  # has no logarithm
    numbers = [None if v is None else v.tolist() for v in (scaling.scales, scaling.biases)]
    kept = Calibration(scaling.temperature, [0.0] * 4, None, *numbers)
    np.testing.assert_allclose(kept(torch.as_tensor(given)).numpy(), scaling(given), atol=1e-14)


def test_temperatures_stay_in_their_range():
    sure = np.array([[0.6, 0.4], [0.3, 0.7]])
    assert fit_temperature(sure, np.array([0, 1])) == pytest.approx(0.3, rel=0.01)
    assert fit_temperature(sure, np.array([1, 0])) == pytest.approx(10, rel=0.01)
