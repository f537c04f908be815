"""Recurrent layers without gradients equal torch's own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from lcclassify.nn.gru import GRULayer
from lcclassify.nn.gru_inference import int8_products, tanh

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
def test_states_are_those_with_gradients(bidirectional, units, n_objects, n_nights):
    gru = layer(units, bidirectional=bidirectional)
    sequences, lengths = nights(n_objects, n_nights)
    expected = gru(3 * sequences, lengths)
    found = inferred(gru, 3 * sequences, lengths)
    assert expected.requires_grad
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
    with int8_products():
        found = own(inferred(gru, sequences, lengths), lengths)
    after = own(inferred(gru, sequences, lengths), lengths)
    assert 1e-5 < (found - expected).abs().max() < 0.03
    assert (found - expected).std() < 0.01 * expected.std()
    torch.testing.assert_close(after, expected, rtol=0, atol=3e-6)


def test_inputs_that_are_no_states_are_not_rounded():
    gru = layer()
    sequences, lengths = nights(4, 10)
    with int8_products():
        found = own(inferred(gru, 20 * sequences, lengths), lengths)
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
    with int8_products():
        found = inferred(gru, ends, lengths)
    torch.testing.assert_close(found, gru(ends, lengths), rtol=0, atol=0.02)


def test_with_integers_an_object_has_its_states_in_any_company():
    gru = layer(40, bounded=True)
    sequences, lengths = nights(9, 30)
    with int8_products():
        together = inferred(gru, sequences, lengths)
        for i, length in enumerate(lengths.tolist()):
            alone = inferred(gru, sequences[i : i + 1, :length], lengths[i : i + 1])
            assert torch.equal(alone[0], together[i, :length])


@pytest.mark.parametrize("integers", [True, False])
def test_what_is_not_a_number_stays_with_its_object(integers):
    gru = layer()
    sequences, lengths = nights(4, 12)
    spoilt = sequences.clone()
    spoilt[2, 0, 0] = np.nan
    with ThreadPoolExecutor(2) as pool:  # the choice of a thread is no other's

        def read(some):
            if not integers:
                return inferred(gru, some, lengths)
            with int8_products():
                return inferred(gru, some, lengths)

        clean, found = pool.map(read, [sequences, spoilt])
    assert found[2, : lengths[2]].isnan().any(-1).all()
    for other in (0, 1, 3):
        assert torch.equal(found[other, : lengths[other]], clean[other, : lengths[other]])


def test_threads_do_not_disturb_each_other():
    gru = layer(16)
    several = [nights(5, 25, seed=seed) for seed in range(12)]
    expected = [inferred(gru, *one) for one in several]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: inferred(gru, *one), several))
    for (_, lengths), a, b in zip(several, found, expected, strict=True):
        assert torch.equal(own(a, lengths), own(b, lengths))
