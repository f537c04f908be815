"""A GRU on a CPU, with gradients or without: one loop over the nights.

Products of matrices are torch's, those of inputs for a block of nights at once; everything
behind them is machine code, see `gru_steps`. Objects are read in the order of their lengths,
so that those which are at their end cost nothing: padding is neither multiplied nor read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from lcclassify.nn.gru_products import ALL, FloatProducts, IntegerProducts, Products, Weights
from lcclassify.nn.gru_steps import Places, advance, advance_few, retreat

# Nights whose inputs are multiplied at once: enough for large products, few enough that the
# result is still in the cache when it is read.
_NIGHTS: Final = 8

# Up to so many objects torch's calls cost more than they multiply.
_FEW: Final = 8

# Memory that batches keep for their gradients and that is free again: taking it from the
# system anew would cost a batch some percent of its time.
_SPARE: Final = 4
_spare: list[Tensor] = []


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


def _together(first: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Yield the directions whose products are one call, and their first object."""
    if first[0] == first[-1]:
        yield ALL, first[0]
    else:
        yield slice(0, 1), first[0]
        yield slice(1, 2), first[1]


def _forwards(
    products: Products, weights: Weights, plan: Plan, nights: Tensor, gates: Tensor | None
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
    few = n_objects <= _FEW and isinstance(products, FloatProducts)
    places = plan.places
    block_of_all = few or gates is not None
    if block_of_all:
        places = places.copy()
        places[..., 2] = places[..., 0]
    if gates is None:
        slots = plan.n_nights if few else _NIGHTS
        gates = nights.new_empty(directions, slots, n_objects, 4 * units)
    arrays: tuple[Any, ...] = (
        *(one.numpy() for one in (gates, products.own)),
        products.scales,
        *(one.numpy() for one in (weights.biases, state, products.rounded, states)),
        places,
    )
    beginnings = plan.places[..., 1].tolist()
    blocks = [(0, plan.n_nights)] if few else plan.blocks()
    for begin, end in blocks:
        for d in range(directions):
            for night, following, first, slot in plan.spans(d, begin, end):
                slot = night if block_of_all else slot
                found = gates[d, slot : slot + following - night, first:, : 3 * units]
                given = nights[night:following, first:]
                products.of_inputs(d, given.flatten(0, 1), found.flatten(0, 1))
        if few and isinstance(products, FloatProducts):
            advance_few(products.recurrent.to(nights.dtype).contiguous().numpy(), *arrays)
            break
        for step in range(begin, end):
            for some, first in _together(beginnings[step]):
                products.of_states(state, some, first)
            advance(step, *arrays)
    return states


def _backwards(
    weights: Weights,
    plan: Plan,
    nights: Tensor,
    gates: Tensor,
    states: Tensor,
    grad_states: Tensor,
    grads: Weights,
    grad_nights: Tensor | None,
) -> None:
    """Add the gradients by the weights, and by ``(T, N, C)`` if wanted.

    Args:
        weights: The matrices.
        plan: As for `_forwards`.
        nights: As for `_forwards`.
        gates: What `_forwards` kept.
        states: What `_forwards` returned.
        grad_states: ``(T, N, D u)``, contiguous in memory.
        grads: To be added to.
        grad_nights: To be added to.
    """
    directions, units, _ = grads.recurrent.shape
    to_inputs, to_states = weights.kernels.mT.unbind(), weights.recurrent.mT.unbind()
    state = nights.new_zeros(directions, nights.shape[1], units)
    found = nights.new_empty(directions, _NIGHTS, nights.shape[1], 4 * units)
    given_arrays = (one.numpy() for one in (gates, states, grad_states, state, found))
    arrays: tuple[Any, ...] = (*given_arrays, grads.biases.numpy(), plan.places)
    places = plan.places.tolist()
    by_state = state.unbind()
    by_own = [one.unbind() for one in found[..., units:]]
    for begin, end in reversed(plan.blocks()):
        for step in reversed(range(begin, end)):
            retreat(step, *arrays)
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


class _Lease:
    """Memory that is given back for another batch when it is no longer looked at."""

    def __init__(self, like: Tensor, *shape: int) -> None:
        size = prod(shape)
        try:  # another thread may take what one has just looked at
            self.memory = _spare.pop()
        except IndexError:
            self.memory = like.new_empty(0)
        if self.memory.dtype != like.dtype or len(self.memory) < size:
            # NumPy asks for large pages.
            self.memory = torch.from_numpy(np.empty(size, like.numpy().dtype))
        self.tensor = self.memory[:size].view(shape)

    def __del__(self) -> None:
        if len(_spare) < _SPARE:
            _spare.append(self.memory)


class _Recurrence(torch.autograd.Function):
    """The states ``(T, N, D u)`` of ``(T, N, C)``, with a gradient."""

    @staticmethod
    def forward(ctx: Any, nights: Tensor, plan: Plan, *parameters: Tensor) -> Tensor:
        weights = Weights.of(parameters)
        directions, units, _ = weights.recurrent.shape
        ctx.gates = _Lease(nights, directions, *nights.shape[:2], 4 * units)
        products = FloatProducts(weights, nights.dtype, nights.shape[1])
        states = _forwards(products, weights, plan, nights, ctx.gates.tensor)
        ctx.plan = plan
        ctx.save_for_backward(nights, states, *parameters)
        return states[1:-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor | None, ...]:
        nights, states, *parameters = ctx.saved_tensors
        weights = Weights.of(parameters)
        grads = Weights(*(torch.zeros_like(one) for one in weights))
        grad_nights = torch.zeros_like(nights) if ctx.needs_input_grad[0] else None
        given = (ctx.gates.tensor, states, grad_states.contiguous())
        with torch.autocast("cpu", enabled=False):
            _backwards(weights, ctx.plan, nights, *given, grads, grad_nights)
        return grad_nights, None, *grads.as_gradients()


def gru_states(
    parameters: Sequence[Tensor],
    sequences: Tensor,
    lengths: Tensor | None,
    dtype: torch.dtype | None = None,
    *,
    bounded: bool = False,
) -> Tensor:
    """Return the states of one layer, in one or both directions.

    Args:
        parameters: Those of `torch.nn.GRU` in its order, four a direction, all of one type.
        sequences: ``(N, T, C)`` on the CPU, padded behind, float32 or float64 as the parameters.
        lengths: ``(N,) int64`` on the CPU, each from 1 to T; None where padding is read.
        dtype: What matrices are multiplied in where no gradient is wanted, bfloat16 or int8;
            None as they are. States stay as they are.
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
    dtype = nights.dtype if dtype is None else dtype
    with torch.autocast("cpu", enabled=False):
        if torch.is_grad_enabled() and any(one.requires_grad for one in (nights, *parameters)):
            states: Tensor = _Recurrence.apply(nights, plan, *parameters)  # type: ignore[no-untyped-call]
        else:
            states = _without_gradient(parameters, nights, plan, dtype, bounded=bounded)
    if n_nights > plan.n_nights:
        states = F.pad(states, (0, 0, 0, 0, 0, n_nights - plan.n_nights))
    if order is not None:
        states = states.index_select(1, order.argsort())
    return states.transpose(0, 1)


@torch.no_grad()
def _without_gradient(
    parameters: Sequence[Tensor], nights: Tensor, plan: Plan, dtype: torch.dtype, *, bounded: bool
) -> Tensor:
    weights = Weights.of(parameters)
    if dtype == torch.int8:
        products: Products = IntegerProducts(weights, nights.shape[1], bounded=bounded)
    else:
        products = FloatProducts(weights, dtype, nights.shape[1])
    return _forwards(products, weights, plan, nights, None)[1:-1]
