"""Where networks compute, and how a process multiplies while they do."""

import pytest
import torch

from lcclassify.nn.devices import device_of, float32_products


@pytest.mark.parametrize(
    ("trainer", "device"),
    [
        ({"accelerator": "cpu", "devices": 2}, "cpu"),
        ({"accelerator": "cuda", "devices": 1}, "cuda:0"),
        ({"accelerator": "gpu", "devices": "1"}, "cuda:0"),
        ({"accelerator": "cuda", "devices": [3]}, "cuda:3"),
        ({"accelerator": "cuda"}, "cuda:0"),
    ],
)
def test_the_device_of_a_trainer(trainer, device):
    assert device_of(trainer) == torch.device(device)


def products():
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


def test_products_hold_for_recurrent_layers_too_and_are_put_back():
    before = products()
    with float32_products("high"):
        assert products() == ("high", True)
        with pytest.raises(KeyError, match="'highest', False"), float32_products("highest"):
            raise KeyError(products())
        assert products() == ("high", True)
    assert products() == before
