"""One GRU layer with Keras's parameters, over padded sequences of unequal length."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from lcclassify.checks import check_choice
from lcclassify.nn.gru_loop import gru_states
from lcclassify.nn.layers import machine_code_can
from lcclassify.nn.pooling import TimePooling
from lcclassify.nn.torch_gru import torch_states

PRODUCTS: Final = {"float32": None, "bfloat16": torch.bfloat16, "int8": torch.int8}

Module = TypeVar("Module", bound=nn.Module)


class GRULayer(nn.Module):
    """A GRU in one or both directions; its parameters count and start as Keras's.

    torch's GRU is Keras's ``reset_after`` form: gates in the order r, z, n instead
    of z, r, h, matrices transposed, the two rows of the bias as two vectors.
    Kernels are Glorot-uniform over the whole ``(in, 3u)`` matrix, recurrent kernels
    orthogonal over the whole ``(u, 3u)`` one, biases zero.

    Args:
        n_in: C, channels in.
        units: u, units in each direction.
        bidirectional: Whether a second GRU reads each sequence backwards.
        bounded: Whether the input lies between -1 and 1, as another GRU's states do.

    Attributes:
        n_out: Channels out, u or 2u.
        products: One of `PRODUCTS`: what matrices are multiplied in on a CPU where no
            gradient is wanted, see `with_products`; autocast chooses it, too. With a gradient
            a CPU multiplies as the parameters are.
        compiled: Whether states are computed by compiled loops on a CPU, see
            `use_torch_layers`.
    """

    compiled = True

    def __init__(
        self, n_in: int, units: int, *, bidirectional: bool, bounded: bool = False
    ) -> None:
        super().__init__()
        self.bounded = bounded
        self.products = "float32"
        self.gru = nn.GRU(n_in, units, batch_first=True, bidirectional=bidirectional)
        self.n_out = 2 * units if bidirectional else units
        for name, parameter in self.gru.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(parameter)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)

    def forward(self, sequences: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the state at every night.

        Args:
            sequences: ``(N, T, C) float32``, padded behind.
            lengths: ``(N,) int64`` on the CPU, each from 1 to T: padding is not
                read. None: every row is read, padding with it.

        Returns:
            ``(N, T, n_out) float32``; without meaning behind an object's length.
        """
        parameters = list(self.gru.parameters())
        kept_in = parameters[0].dtype
        autocast = torch.is_autocast_enabled("cpu")
        if autocast and sequences.device.type == "cpu":
            sequences = sequences.to(kept_in)
        if not (self.compiled and machine_code_can(sequences)) or sequences.dtype != kept_in:
            return torch_states(self.gru, sequences, lengths)
        dtype = PRODUCTS[self.products]
        if dtype is None and autocast:
            dtype = torch.get_autocast_dtype("cpu")
        return gru_states(parameters, sequences, lengths, dtype, bounded=self.bounded)


def with_products(module: Module, products: str) -> Module:
    """Return the module with GRU layers that multiply matrices on a CPU as said.

    Args:
        module: Has any number of GRU layers; is left as it is.
        products: ``float32``; ``bfloat16``; or ``int8`` for products of 8-bit integers of the
            states, and of the inputs where they are states. Only without gradients.

    Returns:
        The module itself if that is how it multiplies, else a copy that shares its tensors.

    Raises:
        ConfigError: There are no such products.
    """
    check_choice("products", products, PRODUCTS)
    layers = [one for one in module.modules() if isinstance(one, GRULayer)]
    if all(layer.products == products for layer in layers):
        return module
    tensors = chain(module.parameters(), module.buffers())
    copy = deepcopy(module, {id(one): one for one in tensors})
    for layer in copy.modules():
        if isinstance(layer, GRULayer):
            layer.products = products
    return copy


def use_torch_layers(module: nn.Module, *, torch_layers: bool = True) -> None:
    """Let a module's layers compute as PyTorch does, to compare with; or by compiled loops again.

    For all layers of a process: ``GRULayer.compiled = TimePooling.compiled = False``.

    Args:
        module: A network; its recurrent and pooling layers are changed.
        torch_layers: Whether PyTorch's own operations are used.
    """
    for layer in module.modules():
        if isinstance(layer, GRULayer | TimePooling):
            layer.compiled = not torch_layers
