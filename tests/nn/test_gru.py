"""Recurrent layers on a CPU equal torch's own, with gradients and without."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from lcclassify.errors import ConfigError
from lcclassify.nn.gru import GRULayer, use_torch_layers, with_products
from lcclassify.nn.gru_loop import gru_states
from lcclassify.nn.gru_steps import tanh
from lcclassify.nn.pooling import TimePooling
from lcclassify.nn.torch_gru import packed, padded

CHANNELS = 5


def layer(units=6, n_in=CHANNELS, seed=0, **options):
    torch.manual_seed(seed)
    made = GRULayer(n_in, units, **{"bidirectional": True, **options}).eval()
    with torch.no_grad():
        for bias in (p for name, p in made.named_parameters() if "bias" in name):
            bias.normal_()
    return made


def nights(n_objects, n_nights, n_in=CHANNELS, seed=1):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, n_nights + 1, (n_objects,), generator=generator)
    lengths[0] = n_nights
    return torch.rand(n_objects, n_nights, n_in, generator=generator) * 2 - 1, lengths


def own(states, lengths):
    """Return the rows that mean something."""
    return torch.cat([row[:length] for row, length in zip(states, lengths, strict=True)])


def inferred(gru, sequences, lengths):
    with torch.inference_mode():
        return gru(sequences, lengths)


def by_torch(gru, sequences, lengths):
    return packed(gru.gru, sequences, lengths)


def test_the_hyperbolic_tangent():
    x = np.concatenate([np.linspace(-12, 12, 4_001), 10.0 ** np.linspace(-9, 9, 901)])
    found = [tanh(one) for one in x.astype(np.float32)]
    np.testing.assert_allclose(found, np.tanh(x), rtol=0, atol=4e-7)
    assert np.abs(found).max() <= 1
    assert [tanh(np.float32(s * np.inf)) for s in (1, -1)] == pytest.approx([1, -1], abs=4e-7)
    assert np.isnan(tanh(np.float32("nan")))


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("units", [1, 6, 33])
@pytest.mark.parametrize(("n_objects", "n_nights"), [(1, 1), (3, 7), (4, 8), (5, 9), (2, 40)])
def test_states_without_gradients_are_torchs(bidirectional, units, n_objects, n_nights):
    gru = layer(units, bidirectional=bidirectional)
    sequences, lengths = nights(n_objects, n_nights)
    expected = by_torch(gru, 3 * sequences, lengths)
    found = inferred(gru, 3 * sequences, lengths)
    assert found.shape == expected.shape
    torch.testing.assert_close(own(found, lengths), own(expected, lengths), rtol=0, atol=3e-6)


def test_padding_that_is_read():
    gru = layer()
    sequences, _ = nights(3, 20)
    expected, _ = gru.gru(sequences)
    torch.testing.assert_close(inferred(gru, sequences, None), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("bounded", [True, False])
def test_integers_are_near(bounded):
    gru = layer(40, bounded=bounded)
    sequences, lengths = nights(20, 50)
    expected = own(gru(sequences, lengths), lengths)
    found = own(inferred(with_products(gru, "int8"), sequences, lengths), lengths)
    after = own(inferred(gru, sequences, lengths), lengths)
    assert 1e-5 < (found - expected).abs().max() < 0.03
    assert (found - expected).std() < 0.01 * expected.std()
    torch.testing.assert_close(after, expected, rtol=0, atol=3e-6)


def test_inputs_that_are_no_states_are_not_rounded():
    gru = layer()
    sequences, lengths = nights(4, 10)
    found = own(inferred(with_products(gru, "int8"), 20 * sequences, lengths), lengths)
    expected = own(gru(20 * sequences, lengths), lengths)
    assert (found - expected).abs().max() < 0.1


def test_integers_at_the_ends_and_of_nothing():
    gru = layer(bounded=True)
    with torch.no_grad():
        for name, parameter in gru.named_parameters():
            if "weight_hh" in name:
                parameter.zero_()
    ends = torch.ones(2, 4, CHANNELS) * torch.tensor([1.0, -1.0])[:, None, None]
    lengths = torch.tensor([4, 4])
    found = inferred(with_products(gru, "int8"), ends, lengths)
    torch.testing.assert_close(found, gru(ends, lengths), rtol=0, atol=0.02)


def test_with_integers_an_object_has_its_states_in_any_company():
    gru = with_products(layer(40, bounded=True), "int8")
    sequences, lengths = nights(9, 30)
    together = inferred(gru, sequences, lengths)
    for i, length in enumerate(lengths.tolist()):
        alone = inferred(gru, sequences[i : i + 1, :length], lengths[i : i + 1])
        assert torch.equal(alone[0], together[i, :length])


@pytest.mark.parametrize("products", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("n_objects", [4, 9])
def test_what_is_not_a_number_stays_with_its_object(products, n_objects):
    gru = with_products(layer(), products)
    sequences, lengths = nights(n_objects, 12)
    spoilt = sequences.clone()
    spoilt[2, 0, 0] = np.nan
    clean, found = (inferred(gru, some, lengths) for some in (sequences, spoilt))
    assert found[2, : lengths[2]].isnan().any(-1).all()
    for other in {*range(n_objects)} - {2}:
        assert torch.equal(found[other, : lengths[other]], clean[other, : lengths[other]])


def test_threads_do_not_disturb_each_other():
    gru = layer(16)
    several = [nights(5, 25, seed=seed) for seed in range(12)]
    expected = [inferred(gru, *one) for one in several]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: inferred(gru, *one), several))
    for (_, lengths), a, b in zip(several, found, expected, strict=True):
        assert torch.equal(own(a, lengths), own(b, lengths))


def gradients(states, sequences, parameters, weights):
    """Return the gradients of a weighted sum of states."""
    return torch.autograd.grad((states * weights).sum(), [sequences, *parameters])


def case(n_objects, n_nights, *, masked, dtype=torch.float32, units=6, bidirectional=True):
    gru = layer(units, bidirectional=bidirectional).to(dtype)
    sequences, lengths = nights(n_objects, n_nights)
    sequences = sequences.to(dtype).requires_grad_()
    weights = torch.randn(n_objects, n_nights, gru.n_out, dtype=dtype)
    if masked:
        behind = torch.arange(n_nights) >= lengths[:, None]
        return gru, sequences, lengths, weights.masked_fill(behind[:, :, None], 0.0)
    return gru, sequences, None, weights


SIZES = [(1, 1), (1, 9), (3, 7), (9, 1), (12, 8), (20, 41), (130, 30)]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("n_objects", "n_nights"), SIZES)
def test_gradients_are_torchs(n_objects, n_nights, masked, bidirectional):
    gru, sequences, lengths, weights = case(
        n_objects, n_nights, masked=masked, units=33, bidirectional=bidirectional
    )
    parameters = list(gru.parameters())
    states = gru(sequences, lengths)
    # The peer's own rounding is out of the comparison.
    other, exact = layer(33, bidirectional=bidirectional).double(), sequences.detach().double()
    exact.requires_grad_()
    peer = other.gru(exact)[0] if lengths is None else by_torch(other, exact, lengths)
    expected = gradients(peer, exact, list(other.parameters()), weights.double())
    found = gradients(states, sequences, parameters, weights)
    assert states.requires_grad
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == torch.float32
        assert (a - b).abs().max() <= 1e-5 * b.abs().max()


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("n_objects", "n_nights"), [(1, 1), (1, 5), (4, 3), (6, 11)])
def test_gradients_are_right_to_the_last_digits(n_objects, n_nights, masked, bidirectional):
    gru, sequences, lengths, weights = case(
        n_objects,
        n_nights,
        masked=masked,
        dtype=torch.float64,
        units=3,
        bidirectional=bidirectional,
    )

    def weighted(sequences, *parameters):
        return gru_states(parameters, sequences, lengths) * weights

    assert torch.autograd.gradcheck(weighted, (sequences, *gru.parameters()))


@pytest.mark.parametrize("ascending", [True, False])
def test_very_different_lengths(ascending):
    gru, sequences, _, _ = case(60, 90, masked=True)
    lengths = torch.cat([torch.ones(20), torch.arange(1, 40), torch.tensor([90])]).long()
    lengths = lengths if ascending else lengths.flip(0)
    weights = (torch.arange(90) < lengths[:, None])[:, :, None] * torch.randn(60, 90, gru.n_out)
    parameters = list(gru.parameters())
    found, expected = gru(sequences, lengths), padded(gru.gru, sequences, lengths)
    torch.testing.assert_close(own(found, lengths), own(expected, lengths), rtol=0, atol=3e-6)
    each = (gradients(states, sequences, parameters, weights) for states in (found, expected))
    for a, b in zip(*each, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * float(b.abs().max()))


def test_padding_has_no_say():
    gru, sequences, lengths, weights = case(7, 15, masked=True)
    padding = torch.arange(15) >= lengths[:, None]
    spoilt = sequences.detach().masked_fill(padding[:, :, None], np.nan).requires_grad_()
    states = gru(spoilt, lengths)
    assert not states[padding].any()
    parameters = list(gru.parameters())
    # What a loss says of states behind the end has no say either.
    found = gradients(states, spoilt, parameters, weights + padding[:, :, None])
    expected = gradients(gru(sequences, lengths), sequences, parameters, weights)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


def test_sequences_in_any_order_of_memory():
    gru, sequences, lengths, weights = case(6, 10, masked=True)
    parameters = list(gru.parameters())
    expected = gradients(gru(sequences, lengths), sequences, parameters, weights)
    wide = torch.randn(10, 6, 2 * CHANNELS)
    wide[..., ::2] = sequences.detach().transpose(0, 1)
    for other in (wide[..., ::2].transpose(0, 1), sequences.detach().mT.contiguous().mT):
        assert not other.is_contiguous()
        other.requires_grad_()
        found = gradients(gru(other, lengths), other, parameters, weights)
        for a, b in zip(found, expected, strict=True):
            assert torch.equal(a, b)


def test_a_graph_is_gone_through_twice():
    gru, sequences, lengths, weights = case(6, 10, masked=True)
    total = (gru(sequences, lengths) * weights).sum()
    first, second = (
        torch.autograd.grad(total, list(gru.parameters()), retain_graph=True) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_gradients_of_several_batches_at_once():
    gru = layer()
    each = [case(n, 12, masked=True)[1:] for n in (8, 5, 12)]

    def one(sequences, lengths, weights):
        return (gru(sequences, lengths) * weights).sum()

    alone = [torch.autograd.grad(one(*some), list(gru.parameters())) for some in each]
    together = torch.autograd.grad(sum(one(*some) for some in each), list(gru.parameters()))
    for found, *parts in zip(together, *alone, strict=True):
        torch.testing.assert_close(found, sum(parts), rtol=1e-5, atol=1e-5)


def test_gradients_are_the_same_to_the_bit_whoever_else_computes():
    several = [case(n, 20, masked=True) for n in (5, 30, 12, 20, 9, 30)]

    def found(one):
        gru, sequences, lengths, weights = one
        return gradients(gru(sequences, lengths), sequences, list(gru.parameters()), weights)

    alone = [found(one) for one in several]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(found, several * 3))
    for a, b in zip(together, alone * 3, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_only_what_wants_a_gradient_has_one():
    gru, sequences, lengths, _ = case(6, 10, masked=True)
    assert gru(sequences.detach(), lengths).requires_grad
    for parameter in gru.parameters():
        parameter.requires_grad_(False)
    assert not gru(sequences.detach(), lengths).requires_grad
    (gradient,) = torch.autograd.grad(gru(sequences, lengths).sum(), [sequences])
    assert gradient[0].any()


def test_torchs_layers_can_be_had():
    gru, sequences, lengths, _ = case(5, 8, masked=True)
    network = nn.Sequential(gru, TimePooling(gru.n_out, "max"))
    use_torch_layers(network)
    assert not any(one.compiled for one in network)
    assert torch.equal(gru(sequences, lengths), padded(gru.gru, sequences, lengths))
    use_torch_layers(network, torch_layers=False)
    assert all(one.compiled for one in network)
    assert not torch.equal(gru(sequences, lengths), padded(gru.gru, sequences, lengths))
    assert GRULayer.compiled


def test_products_are_chosen_without_a_second_copy_of_the_weights():
    network = nn.Sequential(layer(), nn.Linear(12, 2))
    assert with_products(network, "float32") is network
    other = with_products(network, "int8")
    assert (network[0].products, other[0].products) == ("float32", "int8")
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        assert a is b
    assert with_products(other, "float32")[0].products == "float32"
    with pytest.raises(ConfigError, match="products cannot be 'int4'"):
        with_products(network, "int4")


def test_mixed_precision_is_for_what_has_no_gradient():
    gru, sequences, lengths, _ = case(40, 30, masked=True, units=32)
    expected = gru(sequences, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        trained = gru(sequences.bfloat16().float(), lengths)
        given_less = gru(sequences.bfloat16(), lengths)
        found = inferred(gru, sequences, lengths)
    assert trained.dtype == found.dtype == torch.float32
    assert torch.equal(trained, given_less)
    assert 1e-5 < (own(found, lengths) - own(expected, lengths)).abs().max() < 0.03
    assert trained.requires_grad


def test_a_trace_has_torchs_layers():
    gru = layer()
    sequences, _ = nights(3, 6)
    traced = torch.jit.trace(gru, (sequences,), check_trace=False)
    torch.testing.assert_close(traced(sequences), gru(sequences), rtol=0, atol=3e-6)


def test_the_maximum_and_its_gradient():
    torch.manual_seed(0)
    states, lengths = torch.randn(7, 11, 5), torch.tensor([1, 11, 4, 7, 11, 2, 9])
    pool = TimePooling(5, "max")
    each = []
    for compiled in (True, False):
        pool.compiled = compiled
        given = states.clone().requires_grad_()
        found = pool(given, lengths)
        (gradient,) = torch.autograd.grad(found.square().sum(), [given])
        each.append((found, gradient))
    for a, b in zip(*each, strict=True):
        assert torch.equal(a, b)
    pool.compiled = True
    states[2, 1, 3] = states[2, 6, 0] = np.nan  # the second lies behind the end
    assert pool(states, lengths).isnan().nonzero().tolist() == [[2, 3]]
