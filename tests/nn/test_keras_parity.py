"""Layers, sizes and initialisation against Keras's, from its published equations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from omegaconf import OmegaConf
from torch import nn

from lcclassify.nn.build import build_network
from lcclassify.nn.gru import GRULayer
from lcclassify.nn.layers import BatchNorm, dense
from lcclassify.nn.torch_gru import packed, padded, reverse_within_length
from lcclassify.schema import Batch, InputSizes

CONF = Path(__file__).parents[2] / "conf" / "model"
PAPER = InputSizes(n_features=156, n_context=4, n_channels=13, n_classes=15, max_length=162)


def keras_dense(n_in, units, *, batch_norm, n_classes=15):
    """Kernel and bias of each layer; gamma and beta of each batch normalisation."""
    count = 0
    for width in units:
        count += n_in * width + width + (2 * width if batch_norm else 0)
        n_in = width
    return count + n_in * n_classes + n_classes


def keras_bigru(n_in, units):
    """Kernel (in, 3u), recurrent kernel (u, 3u), bias (2, 3u), twice."""
    count = 0
    for u in units:
        count += 2 * (n_in * 3 * u + u * 3 * u + 2 * 3 * u)
        n_in = 2 * u
    return count


BIGRU_COUNT = keras_bigru(13, [256, 64, 32, 32]) + keras_dense(
    64, [1024, 256, 64, 32], batch_norm=False
)


@pytest.mark.parametrize(
    ("name", "formula", "number"),
    [
        ("paper_dense", keras_dense(156, [512, 128, 128, 64], batch_norm=True), 173_455),
        ("paper_dense_second", keras_dense(156, [256, 128, 128], batch_norm=True), 92_559),
        ("paper_bigru", BIGRU_COUNT, 1_036_111),
        ("paper_bigru_second", BIGRU_COUNT, 1_036_111),
    ],
)
def test_trainable_parameters_equal_keras(name, formula, number, compose_config):
    config = OmegaConf.to_container(compose_config(f"model={name}").model)
    assert config["name"] == name
    network = build_network(config["network"], PAPER)
    count = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert count == formula == number


def test_dense_layers_stand_in_the_papers_order():
    network = build_network(
        yaml.safe_load((CONF / "paper_dense.yaml").read_text())["network"], PAPER
    )
    kinds = [type(layer) for layer in network.hidden]
    assert kinds == [nn.Linear, nn.Tanh, nn.Dropout, BatchNorm] * 4
    assert [m.out_features for m in network.hidden if isinstance(m, nn.Linear)] == [
        512,
        128,
        128,
        64,
    ]
    norms = [m for m in network.hidden if isinstance(m, BatchNorm)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}


def test_spatial_dropout_after_the_last_layer_is_a_choice():
    config = yaml.safe_load((CONF / "paper_bigru.yaml").read_text())["network"]
    paper = build_network(config, PAPER)
    code = build_network({**config, "spatial_dropout_after_last": False}, PAPER)
    assert [m.probability for m in paper.spatial_dropout] == [0.1, 0.1, 0.1, 0.1]
    assert [m.probability for m in code.spatial_dropout] == [0.1, 0.1, 0.1, 0.0]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def keras_gru(x, kernel, recurrent, bias):
    """Keras's reset_after GRU in float64: gates z, r, h; bias rows input, recurrent."""
    u = recurrent.shape[0]
    h = np.zeros((x.shape[0], u))
    states = []
    for t in range(x.shape[1]):
        a = x[:, t] @ kernel + bias[0]
        b = h @ recurrent + bias[1]
        z = sigmoid(a[:, :u] + b[:, :u])
        r = sigmoid(a[:, u : 2 * u] + b[:, u : 2 * u])
        candidate = np.tanh(a[:, 2 * u :] + r * b[:, 2 * u :])
        h = z * h + (1 - z) * candidate
        states.append(h)
    return np.stack(states, axis=1)


def torch_order(matrix):
    """Columns z, r, h of a Keras matrix as rows r, z, n of a torch one."""
    z, r, h = np.split(np.asarray(matrix), 3, axis=-1)
    return torch.from_numpy(np.concatenate([r, z, h], axis=-1).T.copy()).float()


@pytest.mark.parametrize("way", ["compiled", "padded", "packed"])
def test_gru_agrees_with_keras_equations(way):
    rng = np.random.default_rng(3)
    n, t, c, u = 6, 11, 5, 8
    lengths = np.array([11, 1, 4, 7, 11, 2])
    x = rng.normal(size=(n, t, c))
    x *= (np.arange(t) < lengths[:, None])[:, :, None]
    layer = GRULayer(c, u, bidirectional=True)
    expected = []
    for suffix in ("", "_reverse"):
        kernel, recurrent = rng.normal(size=(c, 3 * u)), rng.normal(size=(u, 3 * u))
        bias = rng.normal(size=(2, 3 * u))
        with torch.no_grad():
            getattr(layer.gru, "weight_ih_l0" + suffix).copy_(torch_order(kernel))
            getattr(layer.gru, "weight_hh_l0" + suffix).copy_(torch_order(recurrent))
            getattr(layer.gru, "bias_ih_l0" + suffix).copy_(torch_order(bias[0]))
            getattr(layer.gru, "bias_hh_l0" + suffix).copy_(torch_order(bias[1]))
        rows = []
        for i, length in enumerate(lengths):
            nights = x[i : i + 1, :length]
            nights = nights[:, ::-1] if suffix else nights
            states = keras_gru(nights, kernel, recurrent, bias)
            rows.append(states[0, ::-1] if suffix else states[0])
        expected.append(rows)
    given = (torch.from_numpy(x).float(), torch.from_numpy(lengths))
    with torch.no_grad():
        if way == "compiled":
            found = layer(*given).double().numpy()
        else:
            found = (padded if way == "padded" else packed)(layer.gru, *given).double().numpy()
    for i, length in enumerate(lengths):
        both = np.concatenate([expected[0][i], expected[1][i]], axis=-1)
        # The compiled tanh is right to 4e-7.
        atol = 3e-6 if way == "compiled" else 1e-6
        np.testing.assert_allclose(found[i, :length], both, rtol=0, atol=atol)


def test_torchs_two_ways_of_running_a_gru_have_the_same_gradient():
    layer = GRULayer(4, 6, bidirectional=True)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    x, lengths = torch.randn(5, 9, 4), torch.tensor([9, 3, 1, 7, 9])
    real = (torch.arange(9) < lengths[:, None])[:, :, None]
    gradients = []
    for run in (padded, packed):
        layer.zero_grad()
        (run(layer.gru, x, lengths) * real).square().sum().backward()
        gradients.append([p.grad.clone() for p in layer.parameters()])
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_reversal_leaves_padding_behind_and_undoes_itself():
    x = torch.arange(1.0, 11.0).reshape(2, 5, 1)
    lengths = torch.tensor([3, 5])
    turned = reverse_within_length(x, lengths)
    assert turned[0, :, 0].tolist() == [3, 2, 1, 4, 5]
    assert turned[1, :, 0].tolist() == [10, 9, 8, 7, 6]
    assert torch.equal(reverse_within_length(turned, lengths), x)


def test_gru_starts_as_keras_does():
    n_in, u = 40, 96
    layer = GRULayer(n_in, u, bidirectional=True).gru
    limit = np.sqrt(6 / (n_in + 3 * u))  # Glorot over the whole (in, 3u), not a gate's
    for suffix in ("", "_reverse"):
        kernel = getattr(layer, "weight_ih_l0" + suffix)
        assert kernel.abs().max() <= limit
        assert kernel.abs().max() > 0.99 * limit
        assert kernel.std().item() == pytest.approx(limit / np.sqrt(3), rel=0.03)
        recurrent = getattr(layer, "weight_hh_l0" + suffix)  # (3u, u), Keras's (u, 3u)
        torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(u), rtol=0, atol=1e-5)
        assert not getattr(layer, "bias_ih_l0" + suffix).any()
        assert not getattr(layer, "bias_hh_l0" + suffix).any()


def test_dense_starts_as_keras_does():
    layer = dense(200, 300)
    limit = np.sqrt(6 / 500)
    assert 0.99 * limit < layer.weight.abs().max() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not layer.bias.any()


def test_reference_padding_is_read_and_pooled_as_keras_does():
    sizes = InputSizes(n_features=1, n_context=0, n_channels=3, n_classes=2, max_length=10)
    config = {"gru_units": [4], "dense_units": [], "padding": "reference"}
    network = build_network({"_target_": "lcclassify.nn.bigru.BiGRUNet", **config}, sizes).eval()
    gru = network.recurrent[0].gru
    with torch.no_grad():
        for parameter in gru.parameters():
            nn.init.normal_(parameter)
    x = torch.randn(1, 4, 3)
    padded = torch.cat([x, torch.zeros(1, 6, 3)], 1)
    expected = network.output(gru(padded)[0].amax(1))
    empty = torch.zeros(1, 0)
    one = torch.zeros(1, dtype=torch.int64)
    batch = Batch(torch.zeros(1, 1), empty, x, torch.tensor([4]), one, one)
    torch.testing.assert_close(network(batch), expected, rtol=0, atol=1e-6)
    with torch.no_grad():
        short = network.output(gru(x)[0].amax(1))
    assert (short - expected).abs().max() > 1e-3

    longer = torch.randn(1, 14, 3)  # cut to its first max_length nights
    cut = network.output(gru(longer[:, :10])[0].amax(1))
    found = network(batch._replace(sequences=longer, lengths=torch.tensor([14])))
    torch.testing.assert_close(found, cut, rtol=0, atol=1e-6)
