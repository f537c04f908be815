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
    recurrent: Floats,
    biases: Floats,
    state: Floats,
    nights: NDArray[np.int64],
    states: Floats,
    column: int,
) -> None:
    """Go on by a night.

    Args:
        inputs: ``(N, 3u)`` the night's input times its matrix.
        recurrent: ``(N, 3u)`` the state times its matrix.
        biases: ``(4u,)`` of r, of z, and of the input's and the state's part of n.
        state: ``(N, u)`` the state, which is changed.
        nights: ``(N,)`` where the new state belongs in `states`.
        states: ``(T, N, channels)`` takes the new state.
        column: First channel to write.
    """
    n, u = state.shape
    br, bz, bi, bh = biases[:u], biases[u : 2 * u], biases[2 * u : 3 * u], biases[3 * u :]
    for i in range(n):
        ir, iz, new = inputs[i, :u], inputs[i, u : 2 * u], inputs[i, 2 * u :]
        hr, hz, old = recurrent[i, :u], recurrent[i, u : 2 * u], recurrent[i, 2 * u :]
        h, written = state[i], states[nights[i], i, column : column + u]
        for j in range(u):
            reset, update = ir[j] + hr[j] + br[j], iz[j] + hz[j] + bz[j]
            h[j] = _next(reset, update, new[j] + bi[j], old[j] + bh[j], h[j])
            written[j] = h[j]


@compiled_quick
def advance_int8(
    inputs: Floats,
    recurrent: NDArray[np.int32],
    scale: Floats,
    biases: Floats,
    state: Floats,
    rounded: NDArray[np.int8],
    nights: NDArray[np.int64],
    states: Floats,
    column: int,
) -> None:
    """Do as `advance` with a product of integers.

    Args:
        inputs: As in `advance`.
        recurrent: ``(N, 3u)`` the rounded state times the rounded matrix.
        scale: ``(3u,)`` what makes it the product.
        biases: As in `advance`.
        state: As in `advance`.
        rounded: ``(N, u)`` takes the new state, rounded.
        nights: As in `advance`.
        states: As in `advance`.
        column: As in `advance`.
    """
    n, u = state.shape
    levels = np.float32(_LEVELS)
    br, bz, bi, bh = biases[:u], biases[u : 2 * u], biases[2 * u : 3 * u], biases[3 * u :]
    sr, sz, sh = scale[:u], scale[u : 2 * u], scale[2 * u :]
    for i in range(n):
        ir, iz, new = inputs[i, :u], inputs[i, u : 2 * u], inputs[i, 2 * u :]
        hr, hz, old = recurrent[i, :u], recurrent[i, u : 2 * u], recurrent[i, 2 * u :]
        h, written = state[i], states[nights[i], i, column : column + u]
        whole = rounded[i]
        for j in range(u):
            reset = ir[j] + sr[j] * np.float32(hr[j]) + br[j]
            update = iz[j] + sz[j] * np.float32(hz[j]) + bz[j]
            before = sh[j] * np.float32(old[j]) + bh[j]
            h[j] = _next(reset, update, new[j] + bi[j], before, h[j])
            written[j] = h[j]
        for j in range(u):
            whole[j] = np.int8(np.rint(levels * h[j]))


@compiled_quick
def round_rows(by_row: Floats, rows: NDArray[np.int64], rounded: NDArray[np.int8]) -> None:
    """Round rows of states.

    Args:
        by_row: ``(T * N, C)`` states.
        rows: ``(n,)`` which of them.
        rounded: ``(n, C)`` takes them.
    """
    levels = np.float32(_LEVELS)
    for i in range(len(rows)):
        row, whole = by_row[rows[i]], rounded[i]
        for j in range(len(row)):
            whole[j] = np.int8(np.rint(levels * row[j]))


class _Int8Matrix(NamedTuple):
    """A matrix ``(n, 3u)`` for rounded states."""

    columns: Tensor
    """``(n, 3u) int8``."""
    scale: Tensor
    """``(3u,)``: of the product of the rounded ones."""


def _rounded(matrix: Tensor) -> _Int8Matrix:
    """Round a matrix ``(3u, n)`` by its rows, the columns of its transpose."""
    step = matrix.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / _LEVELS
    rows = (matrix / step[:, None]).round_().to(torch.int8)
    return _Int8Matrix(rows.t(), step / _LEVELS)


class _Direction(NamedTuple):
    """The parameters of one direction of a layer."""

    kernel: Tensor
    """``(3u, C)``."""
    recurrent_kernel: Tensor
    """``(3u, u)``."""
    biases: Tensor
    """``(4u,)``, see `advance`."""


def _direction(gru: nn.GRU, suffix: str) -> _Direction:
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    kernel, recurrent_kernel, bias, recurrent_bias = (
        getattr(gru, name + suffix).detach() for name in names
    )
    gates = 2 * gru.hidden_size
    both = bias[:gates] + recurrent_bias[:gates]
    return _Direction(
        kernel, recurrent_kernel, torch.cat([both, bias[gates:], recurrent_bias[gates:]])
    )


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
    units = gru.hidden_size
    states = nights.new_empty(n_nights, n_objects, units * (1 + gru.bidirectional))
    step = torch.arange(n_nights)[:, None].expand(n_nights, n_objects)
    orders = {"": step.contiguous()}
    if gru.bidirectional:
        orders["_reverse"] = torch.where(step < lengths, lengths - 1 - step, step)
    for place, (suffix, order) in enumerate(orders.items()):
        direction = _direction(gru, suffix)
        if _int8.get():
            _read_int8(direction, nights, order, states, place * units, bounded=bounded)
        else:
            _read(direction, nights, order, states, place * units, dtype)
    return states.transpose(0, 1)


def _read(
    direction: _Direction,
    nights: Tensor,
    order: Tensor,
    states: Tensor,
    column: int,
    dtype: torch.dtype,
) -> None:
    """Read ``(T, N, C)`` nights in the order ``(T, N)`` and write the state after each."""
    kernel, recurrent_kernel = (one.to(dtype).t() for one in direction[:2])
    state = nights.new_zeros(nights.shape[1], len(recurrent_kernel))
    by_row = nights.flatten(0, 1)
    # Arrays of the tensors' memory.
    biases, old = direction.biases.numpy(), state.numpy()
    written, places = states.numpy(), order.numpy()
    for begin, rows in _blocks(order):
        inputs = torch.mm(by_row.index_select(0, rows).to(dtype), kernel).float()
        for night, given in enumerate(inputs.view(-1, len(old), kernel.shape[1]).numpy()):
            recurrent = torch.mm(state.to(dtype), recurrent_kernel).float().numpy()
            advance(given, recurrent, biases, old, places[begin + night], written, column)


def _read_int8(
    direction: _Direction,
    nights: Tensor,
    order: Tensor,
    states: Tensor,
    column: int,
    *,
    bounded: bool,
) -> None:
    """Do as `_read` with products of integers, of the input too where it is bounded."""
    kernel, recurrent_kernel = _rounded(direction.kernel), _rounded(direction.recurrent_kernel)
    state = nights.new_zeros(nights.shape[1], len(recurrent_kernel.columns))
    rounded = state.to(torch.int8)
    by_row = nights.flatten(0, 1)
    # Arrays of the tensors' memory.
    scale, biases = recurrent_kernel.scale.numpy(), direction.biases.numpy()
    old, whole = state.numpy(), rounded.numpy()
    written, places = states.numpy(), order.numpy()
    for begin, rows in _blocks(order):
        if bounded:
            read = torch.empty(len(rows), by_row.shape[1], dtype=torch.int8)
            round_rows(by_row.numpy(), rows.numpy(), read.numpy())
            inputs = torch._int_mm(read, kernel.columns) * kernel.scale
        else:
            inputs = torch.mm(by_row.index_select(0, rows), direction.kernel.t())
        for night, given in enumerate(inputs.view(-1, len(old), len(scale)).numpy()):
            products = torch._int_mm(rounded, recurrent_kernel.columns).numpy()
            place = places[begin + night]
            advance_int8(given, products, scale, biases, old, whole, place, written, column)


def _blocks(order: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield the first night of each block, and which rows ``T * N`` the block reads."""
    n_objects = order.shape[1]
    rows = order * n_objects + torch.arange(n_objects)
    for begin in range(0, len(order), _NIGHTS):
        yield begin, rows[begin : begin + _NIGHTS].flatten()
