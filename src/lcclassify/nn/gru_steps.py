"""What a GRU does with a night behind the products of matrices, in machine code.

torch computes a night in a dozen operations, and as many again for its gradient, each of which
goes through memory. Here a night is one loop forwards and one backwards. They are for all D
directions at once: for each call a thread takes Python's lock, which other threads want, too.

Rows of a step are those of the objects that are not at their end yet, the longest first (see
`gru_loop.Plan`). A row of gates has four parts of u: the new state n, the reset gate r, the
update gate z, and the state's share s of n, so that what is multiplied with the input's matrix,
n r z, and what is multiplied with the state's, r z s, are each contiguous.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from lcclassify.compiled import QUICK, compiled_quick

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.int64]

# States lie between -1 and 1 and become 8-bit integers by this factor.
LEVELS: Final = 127.0

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


def _tanh(x: Any) -> Any:
    return np.tanh(x)


def _rational(x: Any) -> Any:
    y = min(max(x, -_END), _END)
    s = y * y
    above = _P0 + s * (_P1 + s * (_P2 + s * (_P3 + s * _P4)))
    below = _ONE + s * (_Q1 + s * (_Q2 + s * (_Q3 + s * _Q4)))
    return y * above / below


@overload(_tanh, jit_options=QUICK)
def _tanh_of(x: Any) -> Any:
    # float64 is for tests of gradients, which need every digit.
    return _rational if x == types.float32 else _tanh


@compiled_quick
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent, of a float32 right to 4e-7; NaN stays NaN."""
    return _tanh(x)


@compiled_quick
def place_rows(order: Rows, lengths: Rows, rows: Rows) -> None:
    """Find which night is read in each row.

    Args:
        order: ``(N,)`` objects, the longest first.
        lengths: ``(N,)`` their nights, descending.
        rows: ``(D, R)`` takes ``night * N + object``.
    """
    n = len(order)
    row = 0
    for step in range(lengths[0]):
        for i in range(n):
            if lengths[i] <= step:
                break
            rows[0, row] = step * n + order[i]
            if len(rows) > 1:
                rows[1, row] = (lengths[i] - 1 - step) * n + order[i]
            row += 1


@compiled_quick
def advance(
    gates: Floats,
    own: NDArray[Any],
    scales: Floats,
    biases: Floats,
    state: Floats,
    rounded: NDArray[np.int8],
    states: Floats,
    rows: Rows,
    first: int,
    row: int,
    count: int,
) -> None:
    """Go on by a step: ``h' = n + z (h - n)`` with ``n = tanh(.. + r s)``.

    Args:
        gates: ``(D, block, 4u)``; n, r and z hold the input times its matrix, and all four
            parts take what `retreat` needs.
        own: ``(D, N, 3u)``, floats or int32, the state times its matrix, for r, z and s.
        scales: ``(D, 3u)`` what it is still to be multiplied by.
        biases: ``(D, 4u)`` of n, r, z and s.
        state: ``(D, N, u)`` the state, which is changed.
        rounded: ``(D, N, u)`` takes the new state as integers; ``(D, N, 0)`` if there is no
            use for them.
        states: ``(T * N, D u)`` takes the new state.
        rows: ``(D, R)`` where.
        first: Row of `gates` at which the step begins.
        row: Row of `rows` at which the step begins.
        count: Objects that have the step.
    """
    directions, _, u = state.shape
    one = state.dtype.type(1.0)
    half = state.dtype.type(0.5)
    levels = np.float32(LEVELS)
    for d in range(directions):
        b, scale = biases[d], scales[d]
        bn, br, bz, bs = b[:u], b[u : 2 * u], b[2 * u : 3 * u], b[3 * u :]
        cr, cz, cs = scale[:u], scale[u : 2 * u], scale[2 * u :]
        for i in range(count):
            given, product, h = gates[d, first + i], own[d, i], state[d, i]
            gn, gr, gz, gs = given[:u], given[u : 2 * u], given[2 * u : 3 * u], given[3 * u :]
            pr, pz, ps = product[:u], product[u : 2 * u], product[2 * u :]
            written = states[rows[d, row + i], d * u : d * u + u]
            for j in range(u):
                s = cs[j] * ps[j] + bs[j]
                r = half + half * _tanh(half * (gr[j] + cr[j] * pr[j] + br[j]))
                z = half + half * _tanh(half * (gz[j] + cz[j] * pz[j] + bz[j]))
                n = _tanh(gn[j] + bn[j] + r * s)
                new = n + z * (h[j] - n)
                gn[j], gr[j], gz[j], gs[j] = n, r, z, s
                h[j] = new
                written[j] = new
            whole = rounded[d, i]
            for j in range(len(whole)):
                whole[j] = np.int8(np.rint(levels * h[j]))


@compiled_quick
def advance_few(
    recurrent: Floats,
    gates: Floats,
    own: Floats,
    scales: Floats,
    biases: Floats,
    state: Floats,
    rounded: NDArray[np.int8],
    states: Floats,
    rows: Rows,
    starts: Rows,
) -> None:
    """Do all steps of a few objects, products with the state's matrix among them.

    Args:
        recurrent: ``(D, u, 3u)``, the state's matrix.
        gates: ``(D, R, 4u)``, of all steps; this and the others see `advance`.
        own: Is overwritten.
        scales: See `advance`.
        biases: See `advance`.
        state: See `advance`.
        rounded: See `advance`.
        states: See `advance`.
        rows: See `advance`.
        starts: ``(steps + 1,)``, the row at which each step begins.
    """
    directions, _, u = state.shape
    for step in range(len(starts) - 1):
        row = starts[step]
        count = starts[step + 1] - row
        for d in range(directions):
            for i in range(count):
                product, h = own[d, i], state[d, i]
                product[:] = 0
                # Four rows of the matrix at once: the sums go through memory a quarter as often.
                for k in range(0, u - 3, 4):
                    h0, h1, h2, h3 = h[k], h[k + 1], h[k + 2], h[k + 3]
                    w0, w1 = recurrent[d, k], recurrent[d, k + 1]
                    w2, w3 = recurrent[d, k + 2], recurrent[d, k + 3]
                    for j in range(3 * u):
                        product[j] += h0 * w0[j] + h1 * w1[j] + h2 * w2[j] + h3 * w3[j]
                for k in range(u - u % 4, u):
                    h0, w0 = h[k], recurrent[d, k]
                    for j in range(3 * u):
                        product[j] += h0 * w0[j]
        advance(gates, own, scales, biases, state, rounded, states, rows, row, row, count)


@compiled_quick
def retreat(
    gates: Floats,
    states: Floats,
    grad_states: Floats,
    rows: Rows,
    grad_state: Floats,
    grad_gates: Floats,
    before: Floats,
    first: int,
    row: int,
    earlier: int,
    count: int,
) -> None:
    """Go back by a step, all but the products of matrices.

    Args:
        gates: ``(D, R, 4u)``, what `advance` left.
        states: ``(T * N, D u)``, what `advance` wrote.
        grad_states: ``(T * N, D u)``, the loss's gradient by `states`, but for what goes
            through later steps.
        rows: ``(D, R)``, see `Plan`.
        grad_state: ``(D, N, u)``, the gradient by the step's states through later steps;
            becomes that by the states before, but for what goes through r, z and s.
        grad_gates: ``(D, block, 4u)`` takes the gradients by what is in the functions'
            brackets, and by s.
        before: ``(D, block, u)`` takes the states before.
        first: Row of `grad_gates` and `before` at which the step begins.
        row: Row of `gates` at which the step begins.
        earlier: Row at which the step before begins; -1 if there is none.
        count: Objects that have the step.
    """
    directions, _, u = grad_state.shape
    one = grad_state.dtype.type(1.0)
    zero = grad_state.dtype.type(0.0)
    for d in range(directions):
        for i in range(count):
            given, found, dh = gates[d, row + i], grad_gates[d, first + i], grad_state[d, i]
            gn, gr, gz, gs = given[:u], given[u : 2 * u], given[2 * u : 3 * u], given[3 * u :]
            dn, dr, dz, ds = found[:u], found[u : 2 * u], found[2 * u : 3 * u], found[3 * u :]
            outer = grad_states[rows[d, row + i], d * u : d * u + u]
            h = before[d, first + i]
            if earlier < 0:
                for j in range(u):
                    h[j] = zero
            else:
                last = states[rows[d, earlier + i], d * u : d * u + u]
                for j in range(u):
                    h[j] = last[j]
            for j in range(u):
                n, r, z, s = gn[j], gr[j], gz[j], gs[j]
                g = dh[j] + outer[j]
                by_n = g * (one - z) * (one - n * n)
                by_z = g * (h[j] - n) * z * (one - z)
                by_r = by_n * s * r * (one - r)
                dn[j], dr[j], dz[j], ds[j] = by_n, by_r, by_z, by_n * r
                dh[j] = g * z


@compiled_quick
def add_rows(found: Floats, rows: Rows, total: Floats) -> None:
    """Add ``(D, block, C)`` to the rows ``(D, block)`` of ``(T * N, C)``."""
    for d in range(len(found)):
        for i in range(found.shape[1]):
            one, whole = found[d, i], total[rows[d, i]]
            for j in range(len(one)):
                whole[j] += one[j]


@compiled_quick
def round_rows(by_row: Floats, rows: Rows, rounded: NDArray[np.int8]) -> None:
    """Round the rows ``(D, block)`` of states ``(T * N, C)`` into ``(D, block, C)``."""
    levels = np.float32(LEVELS)
    for d in range(len(rounded)):
        for i in range(rounded.shape[1]):
            given, whole = by_row[rows[d, i]], rounded[d, i]
            for j in range(len(given)):
                whole[j] = np.int8(np.rint(levels * given[j]))
