"""A GRU's matrices, and what is multiplied with them: floats, or 8-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.nn.gru_steps import LEVELS, round_states

ALL: Final = slice(None)  # directions


class Weights(NamedTuple):
    """The parameters of a layer in its D directions, ordered as `gru_steps` wants them."""

    kernels: Tensor
    """``(D, C, 3u)``, of the input, for n, r and z."""
    recurrent: Tensor
    """``(D, u, 3u)``, of the state, for r, z and s."""
    biases: Tensor
    """``(D, 4u)``, for n, r, z and s."""

    @classmethod
    def of(cls, parameters: Sequence[Tensor]) -> Weights:
        """Order the parameters of `torch.nn.GRU`, four a direction, which have r, z and n."""
        u = parameters[1].shape[1]
        kernels, recurrent, biases = [], [], []
        for wi, wh, bi, bh in (parameters[i : i + 4] for i in range(0, len(parameters), 4)):
            kernels += [wi[2 * u :], wi[: 2 * u]]
            recurrent.append(wh)
            biases += [bi[2 * u :], bi[: 2 * u] + bh[: 2 * u], bh[2 * u :]]
        return cls(
            torch.cat(kernels).view(len(recurrent), 3 * u, -1).mT,
            torch.stack(recurrent).mT,
            torch.cat(biases).view(len(recurrent), 4 * u),
        )

    def as_gradients(self) -> list[Tensor]:
        """Return the gradients of `torch.nn.GRU`'s parameters, if these are those by ours."""
        u = self.recurrent.shape[1]
        found = []
        for kernel, recurrent, bias in zip(*self, strict=True):
            by_input = bias[: 3 * u].roll(-u)
            found += [kernel.t().roll(-u, 0), recurrent.t(), by_input, bias[u:]]
        return found


class Products(Protocol):
    """Multiplies inputs and states with their matrices."""

    own: Tensor
    """``(D, N, 3u)``, the products of the states."""
    scales: NDArray[Any]
    """``(D, 3u)`` what they are still to be multiplied by."""
    rounded: Tensor
    """``(D, N, u) int8``, the states as integers, or ``(D, N, 0)``."""

    def of_inputs(self, direction: int, inputs: Tensor, found: Tensor) -> None:
        """Multiply ``(n, C)``, to be written to ``(n, 3u)``."""

    def of_states(self, state: Tensor, directions: slice, first: int) -> None:
        """Multiply ``(D, N, u)`` from an object on in some directions, and write to `own`."""


class FloatProducts:
    """Products in float32, float64 or bfloat16."""

    def __init__(self, weights: Weights, dtype: torch.dtype, n_objects: int) -> None:
        directions, _, columns = weights.recurrent.shape
        self.dtype = dtype
        self.kernels, self.recurrent = weights.kernels.to(dtype), weights.recurrent.to(dtype)
        self.own = weights.recurrent.new_empty(directions, n_objects, columns)
        self.scales = np.ones((directions, columns), self.own.numpy().dtype)
        self.rounded = torch.empty(directions, n_objects, 0, dtype=torch.int8)

    def of_inputs(self, direction: int, inputs: Tensor, found: Tensor) -> None:
        """Multiply inputs."""
        if self.dtype == found.dtype:
            torch.mm(inputs, self.kernels[direction], out=found)
        else:
            found.copy_(torch.mm(inputs.to(self.dtype), self.kernels[direction]))

    def of_states(self, state: Tensor, directions: slice, first: int) -> None:
        """Multiply states and write to `own`."""
        if first or directions != ALL:
            given, found = state[directions, first:], self.own[directions, first:]
            kernels = self.recurrent[directions]
        else:  # slices cost a microsecond each
            given, found, kernels = state, self.own, self.recurrent
        if self.dtype == state.dtype:
            torch.bmm(given, kernels, out=found)
        else:
            found.copy_(torch.bmm(given.to(self.dtype), kernels))


class IntegerProducts:
    """Products of 8-bit integers: of the states, and of the inputs where they are states.

    Matrices are scaled by their columns, states by a constant: what an object gets does
    not depend on the others of its batch. Inputs that are not states stay float32.
    """

    def __init__(self, weights: Weights, n_objects: int, *, bounded: bool) -> None:
        directions, units, columns = weights.recurrent.shape
        self.recurrent, scales = _rounded(weights.recurrent)
        self.scales = scales.numpy()
        self.kernels = weights.kernels
        self.input_scales: Tensor | None = None
        if bounded:
            self.kernels, self.input_scales = _rounded(weights.kernels)
        self.own = torch.empty(directions, n_objects, columns, dtype=torch.int32)
        self.rounded = torch.zeros(directions, n_objects, units, dtype=torch.int8)
        self._each = list(zip(self.rounded, self.recurrent, self.own, strict=True))

    def of_inputs(self, direction: int, inputs: Tensor, found: Tensor) -> None:
        """Multiply inputs."""
        if self.input_scales is None:
            torch.mm(inputs, self.kernels[direction], out=found)
            return
        rounded = torch.empty(inputs.shape, dtype=torch.int8)
        round_states(inputs.numpy(), rounded.numpy())
        product = torch._int_mm(rounded, self.kernels[direction])
        torch.mul(product, self.input_scales[direction], out=found)

    def of_states(self, state: Tensor, directions: slice, first: int) -> None:
        """Multiply the rounded states and write to `own`."""
        for one, kernel, product in self._each[directions]:
            if first:  # slices cost a microsecond each
                one, product = one[first:], product[first:]
            torch._int_mm(one, kernel, out=product)


def _rounded(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Round matrices ``(D, n, 3u)`` by their columns.

    Returns:
        Integers ``(D, n, 3u)``, columns first in memory, and what makes the products of
        them with rounded states those of the matrices, ``(D, 3u)``.
    """
    steps = matrices.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
    whole = (matrices / steps[:, None]).round_().to(torch.int8)
    return whole.transpose(1, 2).contiguous().transpose(1, 2), steps / LEVELS
