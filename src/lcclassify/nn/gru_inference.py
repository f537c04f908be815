"""The states of a GRU on a CPU where no gradient is wanted, faster than torch's own.

torch computes a night in a dozen operations, each of which goes through memory; of the time
that is not spent on products of matrices most goes into them, tanh above all. Here everything
behind the product is one loop in machine code, and the product may be of smaller numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lcclassify.compiled import compiled_quick

Floats = NDArray[np.float32]

# Nights whose inputs are multiplied at once: enough for large products, few enough that the
# result is still in the cache when it is read.
_NIGHTS: Final = 8

# States lie between -1 and 1 and become integers by this factor.
_LEVELS: Final = 127.0

_int8: ContextVar[bool] = ContextVar("int8", default=False)


@contextmanager
def int8_products() -> Iterator[None]:
    """Let this thread's recurrent layers multiply states and matrices as 8-bit integers.

    Matrices are scaled by their columns, states by a constant: what an object gets does
    not depend on the others of its batch. Inputs that are not states stay float32.
    """
    token = _int8.set(True)
    try:
        yield
    finally:
        _int8.reset(token)


# tanh(x) = x P(x^2) / Q(x^2) with the least relative error on [-7.9, 7.9], 6e-9 (found by
# Lawson's iteration); from there on tanh is 1 but for 3e-7. Evaluated in float32 it is off by
# up to 4e-7.
_END: Final = np.float32(7.9)
_P0: Final = np.float32(0.999999994)
_P1: Final = np.float32(0.134506285)
_P2: Final = np.float32(3.57900152e-3)
_P3: Final = np.float32(2.20234036e-5)
_P4: Final = np.float32(1.54281994e-8)
_Q1: Final = np.float32(0.467839565)
_Q2: Final = np.float32(2.6192274e-2)
_Q3: Final = np.float32(3.42366616e-4)
_Q4: Final = np.float32(8.59887117e-7)
_ONE: Final = np.float32(1.0)
_HALF: Final = np.float32(0.5)


@compiled_quick
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of a float32, right to 4e-7; NaN stays NaN."""
    y = min(max(x, -_END), _END)
    s = y * y
    above = _P0 + s * (_P1 + s * (_P2 + s * (_P3 + s * _P4)))
    below = _ONE + s * (_Q1 + s * (_Q2 + s * (_Q3 + s * _Q4)))
    return y * above / below


@compiled_quick
def _next(reset: Any, update: Any, new_input: Any, new_state: Any, h: Any) -> Any:
    """Return the state after h: ``n + z (h - n)`` with ``n = tanh(.. + r ..)``."""
    r = _HALF + _HALF * tanh(_HALF * reset)
    z = _HALF + _HALF * tanh(_HALF * update)
    n = tanh(new_input + r * new_state)
    return n + z * (h - n)


@compiled_quick
def advance(
    inputs: Floats,
    recurrent: NDArray[Any],
    scales: Floats,
    biases: Floats,
    state: Floats,
    rounded: NDArray[np.int8],
    orders: NDArray[np.int64],
    states: Floats,
    begin: int,
    step: int,
) -> None:
    """Go on by a night in all D directions.

    Args:
        inputs: ``(D, nights, N, 3u)`` the inputs of a block of nights times their matrix.
        recurrent: ``(D, N, 3u)``, float32 or int32, the state times its matrix.
        scales: ``(D, 3u)`` what it is still to be multiplied by.
        biases: ``(D, 4u)`` of r, of z, and of the input's and the state's part of n.
        state: ``(D, N, u)`` the state, which is changed.
        rounded: ``(D, N, u)`` takes the new state as integers; ``(D, N, 0)`` if there is no
            use for them.
        orders: ``(D, T, N)`` which night is read when.
        states: ``(T, N, D u)`` takes the new state.
        begin: First night of the block.
        step: Night of the block.
    """
    directions, n, u = state.shape
    levels = np.float32(_LEVELS)
    for d in range(directions):
        b, scale = biases[d], scales[d]
        br, bz, bi, bh = b[:u], b[u : 2 * u], b[2 * u : 3 * u], b[3 * u :]
        sr, sz, sh = scale[:u], scale[u : 2 * u], scale[2 * u :]
        for i in range(n):
            given, own, h, whole = inputs[d, step, i], recurrent[d, i], state[d, i], rounded[d, i]
            ir, iz, new = given[:u], given[u : 2 * u], given[2 * u :]
            hr, hz, old = own[:u], own[u : 2 * u], own[2 * u :]
            written = states[orders[d, begin + step, i], i, d * u : d * u + u]
            for j in range(u):
                reset = ir[j] + sr[j] * np.float32(hr[j]) + br[j]
                update = iz[j] + sz[j] * np.float32(hz[j]) + bz[j]
                before = sh[j] * np.float32(old[j]) + bh[j]
                h[j] = _next(reset, update, new[j] + bi[j], before, h[j])
                written[j] = h[j]
            for j in range(len(whole)):
                whole[j] = np.int8(np.rint(levels * h[j]))


@compiled_quick
def round_rows(by_row: Floats, rows: NDArray[np.int64], rounded: NDArray[np.int8]) -> None:
    """Round rows of states.

    Args:
        by_row: ``(T * N, C)`` states.
        rows: ``(D, n)`` which of them.
        rounded: ``(D, n, C)`` takes them.
    """
    levels = np.float32(_LEVELS)
    for d in range(len(rows)):
        for i in range(rows.shape[1]):
            row, whole = by_row[rows[d, i]], rounded[d, i]
            for j in range(len(row)):
                whole[j] = np.int8(np.rint(levels * row[j]))


class _Layer(NamedTuple):
    """The parameters of a layer in its D directions."""

    kernels: Tensor
    """``(D, C, 3u)``, of the input."""
    recurrent: Tensor
    """``(D, u, 3u)``, of the state."""
    biases: Tensor
    """``(D, 4u)``, see `advance`."""


def _parameters(gru: nn.GRU) -> _Layer:
    gates = 2 * gru.hidden_size
    kernels, recurrent, biases = [], [], []
    for suffix in ("", "_reverse")[: 1 + gru.bidirectional]:
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        wi, wh, bi, bh = (getattr(gru, name + suffix).detach() for name in names)
        kernels.append(wi.t())
        recurrent.append(wh.t())
        biases.append(torch.cat([bi[:gates] + bh[:gates], bi[gates:], bh[gates:]]))
    return _Layer(torch.stack(kernels), torch.stack(recurrent), torch.stack(biases))


def gru_states(
    gru: nn.GRU, sequences: Tensor, lengths: Tensor, dtype: torch.dtype, *, bounded: bool
) -> Tensor:
    """Return the states of one layer, in one or both directions.

    Args:
        gru: A layer of torch's; its parameters are read and nothing else.
        sequences: ``(N, T, C) float32`` on the CPU, padded behind.
        lengths: ``(N,) int64``, each from 1 to T.
        dtype: What matrices are multiplied in, float32 or bfloat16, unless `int8_products`
            holds; states are float32 always.
        bounded: Whether the sequences lie between -1 and 1, as states do.

    Returns:
        ``(N, T, u or 2u) float32``, nights first in memory; without meaning behind an
        object's length.
    """
    nights = sequences.transpose(0, 1).contiguous()
    n_nights, n_objects, _ = nights.shape
    layer = _parameters(gru)
    step = torch.arange(n_nights)[:, None].expand(n_nights, n_objects)
    orders = [step]
    if gru.bidirectional:
        orders.append(torch.where(step < lengths, lengths - 1 - step, step))
    order = torch.stack(orders)
    states = nights.new_empty(n_nights, n_objects, len(orders) * gru.hidden_size)
    if _int8.get():
        _read_int8(layer, nights, order, states, bounded=bounded)
    else:
        _read(layer, nights, order, states, dtype)
    return states.transpose(0, 1)


# A night's few calls are for all directions at once: for each of them a thread takes Python's
# lock, which the threads that work on other chunks want, too.


def _read(layer: _Layer, nights: Tensor, order: Tensor, states: Tensor, dtype: torch.dtype) -> None:
    """Read ``(T, N, C)`` nights in the orders ``(D, T, N)`` and write the state after each."""
    kernels, recurrent_kernels = layer.kernels.to(dtype), layer.recurrent.to(dtype)
    by_row = nights.flatten(0, 1)
    state = nights.new_zeros(len(order), nights.shape[1], recurrent_kernels.shape[1])
    products = nights.new_empty(*state.shape[:2], kernels.shape[2])
    shape = (len(order), -1, *products.shape[1:])  # of the inputs of a block
    # Arrays of the tensors' memory.
    biases, old, own = layer.biases.numpy(), state.numpy(), products.numpy()
    written, places = states.numpy(), order.numpy()
    scale = np.ones((len(order), kernels.shape[2]), np.float32)
    whole = np.empty((*state.shape[:2], 0), np.int8)
    for begin, rows in _blocks(order):
        read = by_row[rows].to(dtype)
        given = torch.bmm(read, kernels).float().view(*shape).numpy()
        for step in range(given.shape[1]):
            if dtype == torch.float32:
                torch.bmm(state, recurrent_kernels, out=products)
            else:
                products.copy_(torch.bmm(state.to(dtype), recurrent_kernels))
            advance(given, own, scale, biases, old, whole, places, written, begin, step)


def _rounded(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Round matrices ``(D, n, 3u)`` by their columns.

    Returns:
        Integers ``(D, n, 3u)``, columns first in memory, and what makes the products of
        them with rounded states those of the matrices, ``(D, 3u)``.
    """
    steps = matrices.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / _LEVELS
    whole = (matrices / steps[:, None]).round_().to(torch.int8)
    return whole.transpose(1, 2).contiguous().transpose(1, 2), steps / _LEVELS


def _read_int8(
    layer: _Layer, nights: Tensor, order: Tensor, states: Tensor, *, bounded: bool
) -> None:
    """Do as `_read` with products of integers, of the input too where it is bounded."""
    recurrent_kernels, scales = _rounded(layer.recurrent)
    kernels, input_scales = _rounded(layer.kernels) if bounded else (layer.kernels, None)
    by_row = nights.flatten(0, 1)
    state = nights.new_zeros(len(order), nights.shape[1], recurrent_kernels.shape[1])
    rounded = state.to(torch.int8)
    products = torch.empty(*state.shape[:2], kernels.shape[2], dtype=torch.int32)
    shape = (len(order), -1, *products.shape[1:])
    directions = list(zip(rounded, recurrent_kernels, products, strict=True))
    # Arrays of the tensors' memory.
    biases, old, own, whole = layer.biases.numpy(), state.numpy(), products.numpy(), rounded.numpy()
    written, places, scale = states.numpy(), order.numpy(), scales.numpy()
    for begin, rows in _blocks(order):
        if input_scales is None:
            inputs = torch.bmm(by_row[rows], kernels)
        else:
            read = torch.empty(*rows.shape, by_row.shape[1], dtype=torch.int8)
            round_rows(by_row.numpy(), rows.numpy(), read.numpy())
            each = [torch._int_mm(*pair) for pair in zip(read, kernels, strict=True)]
            inputs = torch.stack(each) * input_scales[:, None]
        given = inputs.view(*shape).numpy()
        for step in range(given.shape[1]):
            for one, kernel, product in directions:
                torch._int_mm(one, kernel, out=product)
            advance(given, own, scale, biases, old, whole, places, written, begin, step)


def _blocks(order: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield the first night of each block, and the rows ``(D, nights * N)`` that it reads."""
    n_objects = order.shape[2]
    rows = order * n_objects + torch.arange(n_objects)
    for begin in range(0, order.shape[1], _NIGHTS):
        yield begin, rows[:, begin : begin + _NIGHTS].flatten(1)
