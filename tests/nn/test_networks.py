"""What every network must do; a new network joins by one line in NETWORKS."""

from __future__ import annotations

import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.nn.build import build_network

DENSE = "lcclassify.nn.dense.DenseNet"
BIGRU = "lcclassify.nn.bigru.BiGRUNet"
SMALL = {"_target_": BIGRU, "gru_units": [8, 6], "dense_units": [16]}

NETWORKS = {
    "dense": {"_target_": DENSE, "units": [16, 8]},
    "dense_plain": {"_target_": DENSE, "units": [16], "batch_norm": False, "activation": "relu"},
    "dense_linear": {"_target_": DENSE, "units": []},
    "dense_noise": {"_target_": DENSE, "units": [16], "gaussian_noise": 0.3},
    "dense_embedded": {"_target_": DENSE, "units": [16], "embedding": {"frequencies": 3}},
    "bigru": SMALL,
    "bigru_no_gru": {**SMALL, "gru_units": []},
    "bigru_one_way": {**SMALL, "bidirectional": False},
    "bigru_batch_norm": {**SMALL, "batch_norm": True, "spatial_dropout_after_last": False},
    "bigru_reference": {**SMALL, "padding": "reference"},
    "bigru_context": {**SMALL, "join_context": True, "context_units": [4]},
    "bigru_context_raw": {**SMALL, "join_context": True, "dense_units": []},
    "bigru_mean": {**SMALL, "pooling": "mean"},
    "bigru_max_mean": {**SMALL, "pooling": "max_mean"},
    "bigru_attention": {**SMALL, "pooling": "attention"},
}


@pytest.fixture(params=list(NETWORKS))
def config(request):
    return NETWORKS[request.param]


@pytest.fixture
def network(config, sizes):
    return build_network(config, sizes)


def settle(network, batch):
    """Give batch norm statistics of its own, so that eval differs from the start."""
    network.train()
    network(batch)
    return network.eval()


def test_returns_finite_float32_logits(network, sizes, make_batch):
    logits = network.eval()(make_batch())
    assert logits.shape == (9, sizes.n_classes)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


def test_mixed_precision_ends_in_float32(network, make_batch):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network.train()(make_batch())
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


def test_one_object_can_be_trained_on_and_classified(network, make_batch, select):
    batch = select(make_batch(), torch.tensor([3]))
    assert torch.isfinite(network.train()(batch)).all()
    assert torch.isfinite(network.eval()(batch)).all()


def test_batch_size_and_order_change_nothing(network, make_batch, select):
    batch = make_batch(23)
    settle(network, batch)
    with torch.no_grad():
        whole = network(batch)
        order = torch.randperm(23)
        shuffled = torch.empty_like(whole)
        shuffled[order] = network(select(batch, order))
        pieces = [network(select(batch, piece)) for piece in torch.arange(23).split(4)]
    torch.testing.assert_close(shuffled, whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(torch.cat(pieces), whole, rtol=0, atol=1e-6)


def test_padding_of_the_batch_changes_nothing(network, make_batch):
    batch = make_batch()
    settle(network, batch)
    extra = torch.zeros(9, 6, batch.sequences.shape[2])
    longer = batch._replace(sequences=torch.cat([batch.sequences, extra], 1))
    with torch.no_grad():
        torch.testing.assert_close(network(longer), network(batch), rtol=0, atol=1e-6)


def test_gradient_reaches_every_parameter(network, make_batch):
    network.train()
    loss = torch.nn.functional.cross_entropy(network(make_batch(64)), make_batch(64).targets)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if name != "pool.score.bias":  # a softmax does not see a common shift
            assert parameter.grad.abs().max() > 0, name


def test_overfits_a_tiny_set(config, sizes, make_batch):
    if config["_target_"] == DENSE and not config["units"]:
        pytest.skip("a linear network cannot be expected to separate random rows")
    quiet = {"dropout": 0.0, "gaussian_noise": 0.0}
    if config["_target_"] == BIGRU:
        quiet["spatial_dropout"] = 0.0
    network = build_network({**config, **quiet}, sizes)
    batch = make_batch(8)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(250):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(batch), batch.targets).backward()
        optimiser.step()
    network.train()  # batch norm's running statistics lag behind so few steps
    assert (network(batch).argmax(1) == batch.targets).all()


def test_state_dict_round_trip(config, network, sizes, make_batch):
    batch = make_batch()
    settle(network, batch)
    torch.manual_seed(99)
    other = build_network(config, sizes).eval()
    assert not torch.equal(other(batch), network(batch))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(batch), network(batch))


def test_seed_decides_initialisation_and_training_noise(config, sizes, make_batch):
    batch = make_batch()

    def train_output(seed):
        torch.manual_seed(seed)
        return build_network(config, sizes).train()(batch)

    assert torch.equal(train_output(5), train_output(5))
    assert not torch.equal(train_output(5), train_output(6))


def test_noise_and_dropout_act_in_training_only(config, network, make_batch):
    batch = make_batch()
    network.eval()
    assert torch.equal(network(batch), network(batch))
    if config.get("units") != []:
        network.train()
        assert not torch.equal(network(batch), network(batch))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"_target_": DENSE, "units": [0]}, "units must hold positive integers"),
        ({"_target_": DENSE, "units": "512"}, "units must be a list"),
        ({"_target_": DENSE, "units": 512}, "units must be a list"),
        ({"_target_": DENSE, "activation": "tahn"}, "did you mean 'tanh'"),
        ({"_target_": DENSE, "dropout": 1.0}, "dropout must be a number of at least 0 and below 1"),
        ({"_target_": DENSE, "gaussian_noise": -1}, "gaussian_noise must be a finite number"),
        ({"_target_": DENSE, "embedding": 3}, "embedding must be null or have the keys"),
        ({"_target_": DENSE, "embedding": {"sizes": 3}}, "did you mean 'size'"),
        ({"_target_": DENSE, "embedding": {"size": 0}}, "embedding.size must be"),
        ({"_target_": DENSE, "embedding": {"frequencies": 1.5}}, "embedding.frequencies must be"),
        ({"_target_": DENSE, "embedding": {"scale": 0.0}}, "embedding.scale must be"),
        ({"_target_": DENSE, "batch_norm": "false"}, "batch_norm must be true or false"),
        ({"_target_": DENSE, "droput": 0.1}, "has no key 'droput': did you mean 'dropout'"),
        ({**SMALL, "padding": "packd"}, "did you mean 'packed'"),
        ({**SMALL, "pooling": "min"}, "pooling cannot be 'min'"),
        ({**SMALL, "spatial_dropout": 2}, "spatial_dropout must be"),
        ({**SMALL, "gru_units": [8, -1]}, "gru_units must hold"),
        ({**SMALL, "bidirectional": "no"}, "bidirectional must be true or false"),
    ],
)
def test_invalid_hyperparameters_are_named(wrong, message, sizes):
    with pytest.raises(ConfigError, match=message):
        build_network(wrong, sizes)


def test_networks_say_when_their_input_is_missing(sizes):
    with pytest.raises(ConfigError, match="at least one feature"):
        build_network({"_target_": DENSE}, sizes.__class__(0, 0, 5, 4, 12))
    with pytest.raises(ConfigError, match="at least one channel"):
        build_network({"_target_": BIGRU}, sizes.__class__(7, 0, 0, 4, 12))


def test_all_recurrent_layers_but_the_first_read_states(sizes):
    network = build_network({"_target_": BIGRU, "gru_units": [4, 4, 4]}, sizes)
    assert [layer.bounded for layer in network.recurrent] == [False, True, True]
