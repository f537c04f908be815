"""The weights of a bundle: tensors with names, checked against what its document describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from lcclassify.errors import BundleError
from lcclassify.inference.document import DOCUMENT


def weights_to_bytes(classifier: nn.Module) -> bytes:
    """Return what a file of a classifier's weights holds."""
    return save(
        {
            name: tensor.detach().cpu().contiguous().clone()
            for name, tensor in classifier.state_dict().items()
        }
    )


def weights_from_bytes(
    file: Path, content: bytes, expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the weights that a file holds.

    Args:
        file: The file, for messages.
        content: What it holds.
        expected: Tensors of the same names, shapes and kinds, of any values.

    Raises:
        BundleError: The file is damaged, or holds others than these, or one that is not finite.
    """
    try:
        weights: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise BundleError(f"{file} is damaged or truncated: {error}") from error
    for name in expected:
        if name not in weights:
            raise BundleError(f"{file} lacks the weights '{name}' that {DOCUMENT} describes")
    for name, tensor in weights.items():
        if name not in expected:
            raise BundleError(f"{file} holds weights '{name}' that {DOCUMENT} does not describe")
        found = (tuple(tensor.shape), tensor.dtype)
        wanted = (tuple(expected[name].shape), expected[name].dtype)
        if found != wanted:
            raise BundleError(
                f"{file}: the weights '{name}' are {found[0]} {found[1]}, and {DOCUMENT} "
                f"describes {wanted[0]} {wanted[1]}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BundleError(f"{file}: the weights '{name}' hold NaN or infinite values")
    return weights
