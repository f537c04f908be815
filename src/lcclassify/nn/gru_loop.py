"""A GRU on a CPU, with gradients or without: one loop over the nights.

Products of matrices are torch's, those of inputs for a block of nights at once; everything
behind them is machine code, see `gru_steps`. Objects are read in the order of their lengths,
so that those which are at their end cost nothing: padding is neither multiplied nor read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from lcclassify.nn.gru_steps import (
    LEVELS,
    Rows,
    add_rows,
    advance,
    advance_few,
    place_rows,
    retreat,
    round_rows,
)

# Nights whose inputs are multiplied at once: enough for large products, few enough that the
# result is still in the cache when it is read.
_NIGHTS: Final = 8

# Up to so many objects torch's calls cost more than they multiply.
_FEW: Final = 4

INT8: Final = "int8"
DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Plan(NamedTuple):
    """In which order the nights of a batch are read.

    The R rows are the nights of all objects: first those of the first step, the longest
    object first, then those of the second, which has fewer of them, and so on.
    """

    rows: Rows
    """``(D, R)``, ``night * N + object`` of each row in each direction."""
    starts: NDArray[np.int64]
    """``(steps + 1,)``, the row at which each step begins."""

    @classmethod
    def of(cls, lengths: NDArray[np.int64], directions: int) -> Plan:
        """Plan the reading of N objects of ``lengths`` nights, at least one each."""
        order = np.argsort(-lengths, kind="stable")
        descending = lengths[order]
        # Objects that have step t: those before the first length of at most t.
        counts = np.searchsorted(-descending, -np.arange(descending[0]), side="left")
        starts = np.concatenate([[0], np.cumsum(counts)])
        rows = np.empty((directions, int(starts[-1])), np.int64)
        place_rows(order, descending, rows)
        return cls(rows, starts)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield the first step of each block of nights, and the one behind it."""
        steps = len(self.starts) - 1
        for begin in range(0, steps, _NIGHTS):
            yield begin, min(begin + _NIGHTS, steps)


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
        kernels, recurrent, biases = [], [], []
        for wi, wh, bi, bh in _by_direction(parameters):
            u = wh.shape[1]
            kernels.append(wi.roll(u, 0).t())
            recurrent.append(wh.t())
            biases.append(torch.cat([bi[2 * u :], bi[: 2 * u] + bh[: 2 * u], bh[2 * u :]]))
        return cls(torch.stack(kernels), torch.stack(recurrent), torch.stack(biases))

    def as_gradients(self) -> list[Tensor]:
        """Return the gradients of `torch.nn.GRU`'s parameters, if these are those by ours."""
        u = self.recurrent.shape[1]
        found = []
        for kernel, recurrent, bias in zip(*self, strict=True):
            by_input = bias[: 3 * u].roll(-u)
            found += [kernel.t().roll(-u, 0), recurrent.t(), by_input, bias[u:]]
        return found


def _by_direction(parameters: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    for first in range(0, len(parameters), 4):
        yield parameters[first : first + 4]


class _Products(Protocol):
    """Multiplies inputs and states with their matrices."""

    own: Tensor
    """``(D, N, 3u)``, the products of the states."""
    scales: NDArray[Any]
    """``(D, 3u)`` what they are still to be multiplied by."""
    rounded: Tensor
    """``(D, N, u) int8``, the states as integers, or ``(D, N, 0)``."""

    def of_inputs(self, by_row: Tensor, rows: Rows, found: Tensor) -> None:
        """Write ``(D, block, 3u)`` of rows ``(D, block)`` of ``(T * N, C)``."""

    def of_states(self, state: Tensor, count: int) -> None:
        """Write `own` of the first objects of ``(D, N, u)``."""


class _FloatProducts:
    """Products in float32, float64 or bfloat16."""

    def __init__(self, weights: Weights, dtype: torch.dtype, n_objects: int) -> None:
        directions, units, columns = weights.recurrent.shape
        self.dtype = dtype
        self.kernels, self.recurrent = weights.kernels.to(dtype), weights.recurrent.to(dtype)
        self.own = weights.recurrent.new_empty(directions, n_objects, columns)
        self.scales = np.ones((directions, columns), self.own.numpy().dtype)
        self.rounded = torch.empty(directions, n_objects, 0, dtype=torch.int8)

    def of_inputs(self, by_row: Tensor, rows: Rows, found: Tensor) -> None:
        read = _take(by_row, rows)
        if self.dtype == found.dtype:
            torch.bmm(read, self.kernels, out=found)
        else:
            found.copy_(torch.bmm(read.to(self.dtype), self.kernels))

    def of_states(self, state: Tensor, count: int) -> None:
        if self.dtype == state.dtype:
            torch.bmm(state[:, :count], self.recurrent, out=self.own[:, :count])
        else:
            rounded = state[:, :count].to(self.dtype)
            self.own[:, :count] = torch.bmm(rounded, self.recurrent)


class _IntegerProducts:
    """Products of 8-bit integers: of the states, and of the inputs where they are states.

    Matrices are scaled by their columns, states by a constant: what an object gets does
    not depend on the others of its batch. Inputs that are not states stay float32.
    """

    def __init__(self, weights: Weights, n_objects: int, *, bounded: bool) -> None:
        directions, units, columns = weights.recurrent.shape
        self.recurrent, scales = _rounded(weights.recurrent)
        self.scales = scales.numpy()
        self.kernels, self.input_scales = weights.kernels, None
        if bounded:
            self.kernels, self.input_scales = _rounded(weights.kernels)
        self.own = torch.empty(directions, n_objects, columns, dtype=torch.int32)
        self.rounded = torch.zeros(directions, n_objects, units, dtype=torch.int8)

    def of_inputs(self, by_row: Tensor, rows: Rows, found: Tensor) -> None:
        if self.input_scales is None:
            torch.bmm(_take(by_row, rows), self.kernels, out=found)
            return
        read = torch.empty(*rows.shape, by_row.shape[1], dtype=torch.int8)
        round_rows(by_row.numpy(), rows, read.numpy())
        for one, kernel, scale, product in zip(
            read, self.kernels, self.input_scales, found, strict=True
        ):
            torch.mul(torch._int_mm(one, kernel), scale, out=product)

    def of_states(self, state: Tensor, count: int) -> None:
        for one, kernel, product in zip(self.rounded, self.recurrent, self.own, strict=True):
            torch._int_mm(one[:count], kernel, out=product[:count])


def _rounded(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Round matrices ``(D, n, 3u)`` by their columns.

    Returns:
        Integers ``(D, n, 3u)``, columns first in memory, and what makes the products of
        them with rounded states those of the matrices, ``(D, 3u)``.
    """
    steps = matrices.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
    whole = (matrices / steps[:, None]).round_().to(torch.int8)
    return whole.transpose(1, 2).contiguous().transpose(1, 2), steps / LEVELS


def _take(by_row: Tensor, rows: Rows) -> Tensor:
    """Return rows ``(D, block)`` of ``(T * N, C)``."""
    index = torch.from_numpy(rows.reshape(-1))
    return by_row.index_select(0, index).view(*rows.shape, by_row.shape[1])


def _forwards(
    products: _Products, weights: Weights, plan: Plan, nights: Tensor, gates: Tensor | None
) -> Tensor:
    """Return the states ``(T, N, D u)`` of ``(T, N, C)``; zero behind an object's end.

    Args:
        products: Of matrices.
        weights: The biases are read.
        plan: What is read when.
        nights: Contiguous in memory.
        gates: ``(D, R, 4u)`` takes what `_backwards` needs.
    """
    directions, units, _ = weights.recurrent.shape
    n_objects = nights.shape[1]
    by_row = nights.flatten(0, 1)
    states = nights.new_zeros(*nights.shape[:2], directions * units)
    state = nights.new_zeros(directions, n_objects, units)
    few = n_objects <= _FEW and isinstance(products, _FloatProducts)
    starts = plan.starts.tolist()
    kept = gates is not None
    if gates is None:
        size = starts[-1] if few else starts[min(_NIGHTS, len(starts) - 1)]
        gates = nights.new_empty(directions, size, 4 * units)
    # Arrays of the tensors' memory.
    arrays = (gates.numpy(), products.own.numpy(), products.scales, weights.biases.numpy())
    arrays = (*arrays, state.numpy(), products.rounded.numpy(), states.flatten(0, 1).numpy())
    if few:
        products.of_inputs(by_row, plan.rows, gates[..., : 3 * units])
        advance_few(products.recurrent.to(nights.dtype).numpy(), *arrays, plan.rows, plan.starts)
        return states
    for begin, end in plan.blocks():
        first, last = starts[begin], starts[end]
        shift = 0 if kept else first
        block = gates[:, first - shift : last - shift, : 3 * units]
        products.of_inputs(by_row, plan.rows[:, first:last], block)
        for row, following in zip(starts[begin:end], starts[begin + 1 : end + 1], strict=True):
            products.of_states(state, following - row)
            advance(*arrays, plan.rows, row - shift, row, following - row)
    return states


def _backwards(
    weights: Weights,
    plan: Plan,
    nights: Tensor,
    gates: Tensor,
    states: Tensor,
    grad_states: Tensor,
    *,
    by_input: bool,
) -> tuple[Tensor | None, Weights]:
    """Return the gradients by ``(T, N, C)``, if wanted, and by the weights."""
    directions, units, _ = weights.recurrent.shape
    by_row = nights.flatten(0, 1)
    grads = Weights(*(torch.zeros_like(one) for one in weights))
    grad_nights = torch.zeros_like(nights) if by_input else None
    to_inputs, to_states = weights.kernels.mT, weights.recurrent.mT
    state = nights.new_zeros(directions, nights.shape[1], units)
    starts = plan.starts.tolist()
    size = starts[min(_NIGHTS, len(starts) - 1)]
    found = nights.new_empty(directions, size, 4 * units)
    before = nights.new_empty(directions, size, units)
    written = (states.flatten(0, 1).numpy(), grad_states.flatten(0, 1).numpy())
    arrays = (gates.numpy(), *written, plan.rows, state.numpy(), found.numpy(), before.numpy())
    for begin, end in reversed(list(plan.blocks())):
        first, last = starts[begin], starts[end]
        for step in reversed(range(begin, end)):
            row, following = starts[step], starts[step + 1]
            earlier = starts[step - 1] if step else -1
            retreat(*arrays, row - first, row, earlier, following - row)
            if step:
                own = found[:, row - first : following - first, units:]
                state[:, : following - row].baddbmm_(own, to_states)
        block, rows = found[:, : last - first], plan.rows[:, first:last]
        grads.kernels.baddbmm_(_take(by_row, rows).mT, block[..., : 3 * units])
        grads.recurrent.baddbmm_(before[:, : last - first].mT, block[..., units:])
        grads.biases.add_(block.sum(1))
        if grad_nights is not None:
            product = torch.bmm(block[..., : 3 * units], to_inputs)
            add_rows(product.numpy(), rows, grad_nights.flatten(0, 1).numpy())
    return grad_nights, grads


class _Recurrence(torch.autograd.Function):
    """The states ``(T, N, D u)`` of ``(T, N, C)``, with a gradient."""

    @staticmethod
    def forward(ctx: Any, nights: Tensor, plan: Plan, *parameters: Tensor) -> Tensor:
        weights = Weights.of(parameters)
        directions, units, _ = weights.recurrent.shape
        gates = nights.new_empty(directions, plan.rows.shape[1], 4 * units)
        products = _FloatProducts(weights, nights.dtype, nights.shape[1])
        states = _forwards(products, weights, plan, nights, gates)
        ctx.plan = plan
        ctx.save_for_backward(nights, gates, states, *weights)
        return states

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor | None, ...]:
        nights, gates, states, *weights = ctx.saved_tensors
        grad_nights, grads = _backwards(
            Weights(*weights),
            ctx.plan,
            nights,
            gates,
            states,
            grad_states.contiguous(),
            by_input=ctx.needs_input_grad[0],
        )
        return grad_nights, None, *grads.as_gradients()


def gru_states(
    parameters: Sequence[Tensor],
    sequences: Tensor,
    lengths: Tensor | None,
    *,
    products: str = "float32",
    bounded: bool = False,
) -> Tensor:
    """Return the states of one layer, in one or both directions.

    Args:
        parameters: Those of `torch.nn.GRU` in its order, four a direction, all of one type.
        sequences: ``(N, T, C) float32`` or ``float64`` on the CPU, padded behind.
        lengths: ``(N,) int64`` on the CPU, each from 1 to T; None where padding is read.
        products: What matrices are multiplied in where no gradient is wanted, ``float32``
            (for float64 as they are), ``bfloat16`` or ``int8``; states are float32 always.
        bounded: Whether the sequences lie between -1 and 1, as states do.

    Returns:
        ``(N, T, u or 2u)``, nights first in memory; zero behind an object's length.
    """
    n_objects, n_nights, _ = sequences.shape
    counted = np.full(n_objects, n_nights) if lengths is None else lengths.numpy()
    plan = Plan.of(counted, len(parameters) // 4)
    nights = sequences.transpose(0, 1).contiguous()
    given = (nights, *parameters)
    if torch.is_grad_enabled() and any(one.requires_grad for one in given):
        states: Tensor = _Recurrence.apply(nights, plan, *parameters)
        return states.transpose(0, 1)
    with torch.no_grad():
        weights = Weights.of(parameters)
        if products == INT8:
            ways: _Products = _IntegerProducts(weights, n_objects, bounded=bounded)
        else:
            dtype = nights.dtype if products == "float32" else DTYPES[products]
            ways = _FloatProducts(weights, dtype, n_objects)
        return _forwards(ways, weights, plan, nights, None).transpose(0, 1)
