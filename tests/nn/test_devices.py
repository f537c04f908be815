"""Where networks compute, and how a process multiplies while they do."""

import pytest
import torch

from lcclassify.errors import ConfigError
from lcclassify.nn.devices import chosen_device, device_of, float32_products


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


@pytest.mark.parametrize(
    ("accelerator", "with_gpu", "without"),
    [("auto", "cuda", "cpu"), ("cpu", "cpu", "cpu"), ("cuda", "cuda", None), ("gpu", "cuda", None)],
)
def test_the_device_chosen_where_there_is_a_gpu_or_none(
    accelerator, with_gpu, without, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert chosen_device(accelerator) == torch.device(with_gpu)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if without is None:
        with pytest.raises(ConfigError, match=f"accelerator={accelerator} needs a GPU"):
            chosen_device(accelerator)
    else:
        assert chosen_device(accelerator) == torch.device(without)


def test_an_unknown_accelerator_is_named():
    with pytest.raises(ConfigError, match="accelerator cannot be 'cud'"):
        chosen_device("cud")


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
