"""Where networks compute, and how exactly a GPU multiplies float32 matrices meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lcclassify.schema import PlainConfig


def device_of(trainer: PlainConfig) -> torch.device:
    """Return the first device that arguments of Lightning's Trainer name."""
    if trainer.get("accelerator") not in ("cuda", "gpu"):
        return torch.device("cpu")
    devices = trainer.get("devices", 1)
    return torch.device("cuda", devices[0] if isinstance(devices, list | tuple) else 0)


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
