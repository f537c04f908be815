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
from torch.nn import functional as F

from lcclassify.nn.gru_steps import (
    LEVELS,
    Places,
    advance,
    advance_few,
    retreat,
    round_states,
)

# Nights whose inputs are multiplied at once: enough for large products, few enough that the
# result is still in the cache when it is read.
_NIGHTS: Final = 8

# Up to so many objects torch's calls cost more than they multiply.
_FEW: Final = 4

_ALL: Final = slice(None)

INT8: Final = "int8"
DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Plan(NamedTuple):
    """Which objects of a batch are read when, the shortest first.

    In the first direction step s reads night s, in the second night T - 1 - s, where objects
    that end before it have not begun: no sequence needs to be turned round.
    """

    first: list[int]
    """Of each of T nights, the first object that has it; those behind have it, too."""
    places: Places
    """``(T, D, 3)``, see `advance`, with the slot of a block of nights."""

    @classmethod
    def of(cls, lengths: NDArray[np.int64], directions: int) -> Plan:
        """Plan the reading of objects of so many nights, ascending and at least 1."""
        nights = np.arange(lengths[-1])
        first = np.searchsorted(lengths, nights, side="right")
        places = np.empty((len(nights), directions, 3), np.int64)
        for d, read in enumerate((nights, nights[::-1])[:directions]):
            places[:, d, 0], places[:, d, 1] = read, first[read]
        # Both directions write a block in the order of its nights.
        begin = nights - nights % _NIGHTS
        end = np.minimum(begin + _NIGHTS, len(nights))
        for d, slot in enumerate((nights - begin, end - 1 - nights)[:directions]):
            places[:, d, 2] = slot
        return cls(first.tolist(), places)

    @property
    def n_nights(self) -> int:
        """T, the nights of the longest object."""
        return len(self.first)

    def blocks(self) -> list[tuple[int, int]]:
        """Return the first step of each block, and the one behind it."""
        return [(b, min(b + _NIGHTS, self.n_nights)) for b in range(0, self.n_nights, _NIGHTS)]

    def spans(self, direction: int, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield what can be multiplied at once in some steps: rows of full nights or of one.

        Yields:
            The first night and the one behind the last, the first object, and the slot
            of the first night in a block.
        """
        if direction:
            begin, end = self.n_nights - end, self.n_nights - begin
        night = begin
        while night < end:
            following = night + 1
            while following < end and self.first[following] == 0:
                following += 1
            yield night, following, self.first[night], night - begin
            night = following


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

    def of_inputs(self, direction: int, inputs: Tensor, found: Tensor) -> None:
        """Multiply ``(n, C)``, to be written to ``(n, 3u)``."""

    def of_states(self, state: Tensor, directions: slice, first: int) -> None:
        """Multiply ``(D, N, u)`` from an object on in some directions, and write to `own`."""


class _FloatProducts:
    """Products in float32, float64 or bfloat16."""

    def __init__(self, weights: Weights, dtype: torch.dtype, n_objects: int) -> None:
        directions, _, columns = weights.recurrent.shape
        self.dtype = dtype
        self.kernels, self.recurrent = weights.kernels.to(dtype), weights.recurrent.to(dtype)
        self.own = weights.recurrent.new_empty(directions, n_objects, columns)
        self.scales = np.ones((directions, columns), self.own.numpy().dtype)
        self.rounded = torch.empty(directions, n_objects, 0, dtype=torch.int8)

    def of_inputs(self, direction: int, inputs: Tensor, found: Tensor) -> None:
        if self.dtype == found.dtype:
            torch.mm(inputs, self.kernels[direction], out=found)
        else:
            found.copy_(torch.mm(inputs.to(self.dtype), self.kernels[direction]))

    def of_states(self, state: Tensor, directions: slice, first: int) -> None:
        if first or directions != _ALL:
            given, found = state[directions, first:], self.own[directions, first:]
            kernels = self.recurrent[directions]
        else:  # slices cost a microsecond each
            given, found, kernels = state, self.own, self.recurrent
        if self.dtype == state.dtype:
            torch.bmm(given, kernels, out=found)
        else:
            found.copy_(torch.bmm(given.to(self.dtype), kernels))


class _IntegerProducts:
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

    def of_inputs(self, direction: int, inputs: Tensor, found: Tensor) -> None:
        if self.input_scales is None:
            torch.mm(inputs, self.kernels[direction], out=found)
            return
        rounded = torch.empty(inputs.shape, dtype=torch.int8)
        round_states(inputs.numpy(), rounded.numpy())
        product = torch._int_mm(rounded, self.kernels[direction])
        torch.mul(product, self.input_scales[direction], out=found)

    def of_states(self, state: Tensor, directions: slice, first: int) -> None:
        each = (self.rounded, self.recurrent, self.own)
        for one, kernel, product in zip(*(part[directions] for part in each), strict=True):
            torch._int_mm(one[first:], kernel, out=product[first:])


def _rounded(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Round matrices ``(D, n, 3u)`` by their columns.

    Returns:
        Integers ``(D, n, 3u)``, columns first in memory, and what makes the products of
        them with rounded states those of the matrices, ``(D, 3u)``.
    """
    steps = matrices.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
    whole = (matrices / steps[:, None]).round_().to(torch.int8)
    return whole.transpose(1, 2).contiguous().transpose(1, 2), steps / LEVELS


def _together(first: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Yield the directions whose products are one call, and their first object."""
    if first[0] == first[-1]:
        yield _ALL, first[0]
    else:
        yield slice(0, 1), first[0]
        yield slice(1, 2), first[1]


def _forwards(
    products: _Products, weights: Weights, plan: Plan, nights: Tensor, gates: Tensor | None
) -> Tensor:
    """Return the states ``(T + 2, N, D u)`` of ``(T, N, C)``, zero where there are none.

    Args:
        products: Of matrices.
        weights: The biases are read.
        plan: What is read when.
        nights: Contiguous in memory.
        gates: ``(D, T, N, 4u)`` takes what `_backwards` needs.
    """
    directions, units, _ = weights.recurrent.shape
    n_nights, n_objects, _ = nights.shape
    states = nights.new_empty(n_nights + 2, n_objects, directions * units)
    full = plan.first.count(0)
    states[0] = 0
    states[full + 1 :] = 0
    state = nights.new_zeros(directions, n_objects, units)
    few = n_objects <= _FEW and isinstance(products, _FloatProducts)
    places = plan.places
    if few or gates is not None:
        places = places.copy()
        places[..., 2] = places[..., 0]
    kept = gates is not None
    if gates is None:
        slots = plan.n_nights if few else _NIGHTS
        gates = nights.new_empty(directions, slots, n_objects, 4 * units)
    # Arrays of the tensors' memory.
    arrays = (gates.numpy(), products.own.numpy(), products.scales, weights.biases.numpy())
    arrays = (*arrays, state.numpy(), products.rounded.numpy(), states.numpy(), places)
    beginnings = plan.places[..., 1].tolist()
    blocks = [(0, plan.n_nights)] if few else plan.blocks()
    for begin, end in blocks:
        for d in range(directions):
            for night, following, first, slot in plan.spans(d, begin, end):
                if kept:
                    slot = night
                found = gates[d, slot : slot + following - night, first:, : 3 * units]
                given = nights[night:following, first:]
                products.of_inputs(d, given.flatten(0, 1), found.flatten(0, 1))
        if few:
            advance_few(products.recurrent.to(nights.dtype).numpy(), *arrays)
            break
        for step in range(begin, end):
            for some, first in _together(beginnings[step]):
                products.of_states(state, some, first)
            advance(*arrays, step)
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
    grads = Weights(*(torch.zeros_like(one) for one in weights))
    grad_nights = torch.zeros_like(nights) if by_input else None
    to_inputs, to_states = weights.kernels.mT.unbind(), weights.recurrent.mT.unbind()
    state = nights.new_zeros(directions, nights.shape[1], units)
    found = nights.new_empty(directions, _NIGHTS, nights.shape[1], 4 * units)
    arrays = (gates.numpy(), states.numpy(), grad_states.numpy(), state.numpy(), found.numpy())
    arrays = (*arrays, grads.biases.numpy(), plan.places)
    places = plan.places.tolist()
    by_state = state.unbind()
    by_own = [one.unbind() for one in found[..., units:]]
    for begin, end in reversed(plan.blocks()):
        for step in reversed(range(begin, end)):
            retreat(*arrays, step)
            if not step:
                break
            for d, (_, first, slot) in enumerate(places[step]):
                given, own = by_state[d], by_own[d][slot]
                if first:  # slices cost a microsecond each
                    given, own = given[first:], own[first:]
                given.addmm_(own, to_states[d])
        for d in range(directions):
            for night, following, first, slot in plan.spans(d, begin, end):
                block = found[d, slot : slot + following - night, first:].flatten(0, 1)
                by_inputs, by_states = block[:, : 3 * units], block[:, units:]
                given = nights[night:following, first:].flatten(0, 1)
                grads.kernels[d].addmm_(given.t(), by_inputs)
                # States lie a night later than they are of.
                before = states[night + 2 * d : following + 2 * d, first:].flatten(0, 1)
                before = before[:, d * units : (d + 1) * units]
                grads.recurrent[d].addmm_(before.t(), by_states)
                if grad_nights is not None:
                    total = grad_nights[night:following, first:].flatten(0, 1)
                    total.addmm_(by_inputs, to_inputs[d])
    return grad_nights, grads


class _Recurrence(torch.autograd.Function):
    """The states ``(T, N, D u)`` of ``(T, N, C)``, with a gradient."""

    @staticmethod
    def forward(ctx: Any, nights: Tensor, plan: Plan, *parameters: Tensor) -> Tensor:
        weights = Weights.of(parameters)
        directions, units, _ = weights.recurrent.shape
        gates = nights.new_empty(directions, *nights.shape[:2], 4 * units)
        products = _FloatProducts(weights, nights.dtype, nights.shape[1])
        states = _forwards(products, weights, plan, nights, gates)
        ctx.plan = plan
        ctx.save_for_backward(nights, gates, states, *weights)
        return states[1:-1]

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
    nights = sequences.transpose(0, 1)
    ascending = np.full(n_objects, n_nights) if lengths is None else lengths.numpy()
    order: Tensor | None = None
    if (ascending[1:] < ascending[:-1]).any():
        by_length = np.argsort(ascending, kind="stable")
        ascending = ascending[by_length]
        order = torch.from_numpy(by_length)
        nights = nights.index_select(1, order)
    plan = Plan.of(ascending, len(parameters) // 4)
    nights = nights[: plan.n_nights].contiguous()
    if torch.is_grad_enabled() and any(one.requires_grad for one in (nights, *parameters)):
        states: Tensor = _Recurrence.apply(nights, plan, *parameters)
    else:
        with torch.no_grad():
            weights = Weights.of(parameters)
            if products == INT8:
                ways: _Products = _IntegerProducts(weights, n_objects, bounded=bounded)
            else:
                dtype = nights.dtype if products == "float32" else DTYPES[products]
                ways = _FloatProducts(weights, dtype, n_objects)
            states = _forwards(ways, weights, plan, nights, None)[1:-1]
    if n_nights > plan.n_nights:
        states = F.pad(states, (0, 0, 0, 0, 0, n_nights - plan.n_nights))
    if order is not None:
        states = states.index_select(1, order.argsort())
    return states.transpose(0, 1)
