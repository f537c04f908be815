"""Where networks compute, and how exactly a GPU multiplies float32 matrices meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from lcclassify.checks import check_choice
from lcclassify.errors import ConfigError
from lcclassify.schema import PlainConfig

ACCELERATORS: Final = ("auto", "cpu", "cuda", "gpu")  # the last two are the same


def device_of(trainer: PlainConfig) -> torch.device:
    """Return the first device that arguments of Lightning's Trainer name."""
    if trainer.get("accelerator") not in ("cuda", "gpu"):
        return torch.device("cpu")
    devices = trainer.get("devices", 1)
    return torch.device("cuda", devices[0] if isinstance(devices, list | tuple) else 0)


def chosen_device(accelerator: str) -> torch.device:
    """Return the device that one of `ACCELERATORS` names.

    Raises:
        ConfigError: It is none of them, or there is no GPU.
    """
    check_choice("accelerator", accelerator, ACCELERATORS)
    has_gpu = torch.cuda.is_available()
    if accelerator in ("cuda", "gpu") and not has_gpu:
        raise ConfigError(
            f"accelerator={accelerator} needs a GPU that torch can use, and there is none"
        )
    return torch.device("cuda" if has_gpu and accelerator != "cpu" else "cpu")


@contextmanager
def float32_products(precision: str) -> Iterator[None]:
    """Let this process multiply float32 matrices as said, in recurrent layers as elsewhere.

    It holds for all threads. A GPU's ``high`` and ``medium`` are TF32, of ten bits.

    Args:
        precision: ``highest``, ``high`` or ``medium``.
    """
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision(precision)
    # By itself cuDNN takes TF32 for recurrent layers, whatever is said of products.
    torch.backends.cudnn.allow_tf32 = precision != "highest"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
