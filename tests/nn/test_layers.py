from __future__ import annotations

import pytest
import torch

from lcclassify.nn.layers import BatchNorm, DenseStack, GaussianNoise, SpatialDropout
from lcclassify.nn.pooling import POOLINGS, TimePooling


def test_gaussian_noise_has_the_stated_deviation_in_training_only():
    noise, values = GaussianNoise(0.5), torch.full((400, 50), 3.0)
    change = noise.train()(values) - values
    assert change.std().item() == pytest.approx(0.5, rel=0.02)
    assert abs(change.mean().item()) < 0.02
    assert torch.equal(noise.eval()(values), values)


def test_spatial_dropout_drops_whole_channels_and_scales_the_rest():
    drop, values = SpatialDropout(0.25), torch.ones(300, 7, 20)
    dropped = drop.train()(values)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))  # constant over time
    assert set(dropped.unique().tolist()) == {0.0, (torch.ones(1) / 0.75).item()}
    assert (dropped[:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert (dropped[:, 0] == 0).float().mean(1).std() > 0  # not the same share everywhere
    assert torch.equal(drop.eval()(values), values)


def test_batch_norm_of_one_row_uses_and_keeps_the_running_statistics():
    norm = BatchNorm(3).train()
    norm(torch.randn(50, 3) * 4 + 2)
    before = norm.running_mean.clone()
    row = torch.randn(1, 3)
    expected = norm.eval()(row)
    torch.testing.assert_close(norm.train()(row), expected)
    assert torch.equal(norm.running_mean, before)


def test_batch_norm_moves_by_one_percent():
    norm = BatchNorm(1).train()
    norm(torch.tensor([[1.0], [3.0]]))
    assert norm.running_mean.item() == pytest.approx(0.02)


def test_an_empty_stack_is_the_identity():
    stack = DenseStack(5, [])
    values = torch.randn(3, 5)
    assert stack.n_out == 5
    assert torch.equal(stack(values), values)


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_sees_an_objects_own_nights_only(kind):
    pool = TimePooling(4, kind)
    states, lengths = torch.randn(3, 6, 4) - 5, torch.tensor([6, 2, 1])
    garbage = states.clone()
    garbage[1, 2:] = 1e6
    garbage[2, 1:] = -1e6
    torch.testing.assert_close(pool(garbage, lengths), pool(states, lengths))
    for i, n in enumerate(lengths):
        own = states[i, :n]
        expected = {
            "max": own.amax(0),
            "mean": own.mean(0),
            "max_mean": torch.cat([own.amax(0), own.mean(0)]),
        }
        if kind in expected:
            torch.testing.assert_close(pool(states, lengths)[i], expected[kind])
    assert pool(states, lengths).shape == (3, pool.n_out)


def test_of_equal_nights_the_first_has_the_gradient_of_the_largest():
    states = torch.tensor([[[1.0], [2.0], [2.0], [2.0]]], requires_grad=True)
    TimePooling(1, "max")(states, torch.tensor([4])).backward()
    assert states.grad.flatten().tolist() == [0, 1, 0, 0]
