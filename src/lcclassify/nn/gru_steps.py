"""What a GRU does with a night behind the products of matrices, in machine code.

torch computes a night in a dozen operations, and as many again for its gradient, each of which
goes through memory. Here a night is one loop forwards and one backwards. They are for all D
directions at once: for each call a thread takes Python's lock, which other threads want, too.

Objects stand in the order of their lengths, the shortest first, so that those which have a
night are the last ones. A row of gates has four parts of u: the new state n, the reset gate r,
the update gate z, and the state's share s of n, so that what is multiplied with the input's
matrix, n r z, and what is multiplied with the state's, r z s, are each contiguous.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from lcclassify.compiled import QUICK, compiled_quick

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

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


def _tanh(x: Any) -> Any:
    return np.tanh(x)


def _rational(x: Any) -> Any:
    y = min(max(x, -_END), _END)
    s = y * y
    above = _P0 + s * (_P1 + s * (_P2 + s * (_P3 + s * _P4)))
    below = _ONE + s * (_Q1 + s * (_Q2 + s * (_Q3 + s * _Q4)))
    return y * above / below


@overload(_tanh, jit_options=QUICK)  # type: ignore[arg-type]
def _tanh_of(x: Any) -> Any:
    # float64 is for tests of gradients, which need every digit.
    return _rational if x == types.float32 else _tanh


@compiled_quick
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent, of a float32 right to 4e-7; NaN stays NaN."""
    return _tanh(x)


@compiled_quick
def advance(
    step: int,
    gates: Floats,
    own: NDArray[Any],
    scales: Floats,
    biases: Floats,
    state: Floats,
    rounded: NDArray[np.int8],
    states: Floats,
    places: Places,
) -> None:
    """Go on by a step: ``h' = n + z (h - n)`` with ``n = tanh(.. + r s)``.

    Args:
        step: Which of the T steps.
        gates: ``(D, slots, N, 4u)``; n, r and z hold the input times its matrix, and all four
            parts take what `retreat` needs.
        own: ``(D, N, 3u)``, floats or int32, the state times its matrix, for r, z and s.
        scales: ``(D, 3u)`` what it is still to be multiplied by.
        biases: ``(D, 4u)`` of n, r, z and s.
        state: ``(D, N, u)`` the state, which is changed.
        rounded: ``(D, N, u)`` takes the new state as integers; ``(D, N, 0)`` if there is no
            use for them.
        states: ``(T + 2, N, D u)`` takes the new state, a night later than it is of.
        places: ``(T, D, 3)``: the night, the first object that has it, the slot of `gates`.
    """
    directions, n_objects, u = state.shape
    real = state.dtype.type
    half = real(0.5)
    levels = np.float32(LEVELS)
    for d in range(directions):
        night, first, slot = places[step, d]
        b, scale = biases[d], scales[d]
        bn, br, bz, bs = b[:u], b[u : 2 * u], b[2 * u : 3 * u], b[3 * u :]
        cr, cz, cs = scale[:u], scale[u : 2 * u], scale[2 * u :]
        for i in range(first, n_objects):
            given, product, h = gates[d, slot, i], own[d, i], state[d, i]
            gn, gr, gz, gs = given[:u], given[u : 2 * u], given[2 * u : 3 * u], given[3 * u :]
            pr, pz, ps = product[:u], product[u : 2 * u], product[2 * u :]
            written = states[night + 1, i, d * u : d * u + u]
            for j in range(u):
                s = cs[j] * real(ps[j]) + bs[j]
                r = half + half * _tanh(half * (gr[j] + cr[j] * real(pr[j]) + br[j]))
                z = half + half * _tanh(half * (gz[j] + cz[j] * real(pz[j]) + bz[j]))
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
    places: Places,
) -> None:
    """Do all steps of a few objects, products with the state's matrix among them.

    Args:
        recurrent: ``(D, u, 3u)``, the state's matrix.
        gates: This and the others: see `advance`.
        own: Is overwritten.
        scales: See `advance`.
        biases: See `advance`.
        state: See `advance`.
        rounded: See `advance`.
        states: See `advance`.
        places: See `advance`.
    """
    directions, n_objects, u = state.shape
    for step in range(len(places)):
        for d in range(directions):
            for i in range(places[step, d, 1], n_objects):
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
        advance(step, gates, own, scales, biases, state, rounded, states, places)


@compiled_quick
def retreat(
    step: int,
    gates: Floats,
    states: Floats,
    grad_states: Floats,
    grad_state: Floats,
    grad_gates: Floats,
    grad_biases: Floats,
    places: Places,
) -> None:
    """Go back by a step, all but the products of matrices.

    Args:
        step: Which of the T steps.
        gates: ``(D, T, N, 4u)``, what `advance` left.
        states: ``(T + 2, N, D u)``, what `advance` wrote, and zeros before and behind.
        grad_states: ``(T, N, D u)``, the loss's gradient by the states, but for what goes
            through later steps.
        grad_state: ``(D, N, u)``, the gradient by the step's states through later steps;
            becomes that by the states before, but for what goes through r, z and s.
        grad_gates: ``(D, slots, N, 4u)`` takes the gradients by what is in the functions'
            brackets, and by s.
        grad_biases: ``(D, 4u)``, to which they are added.
        places: ``(T, D, 3)``: the night, the first object that has it, the slot of
            `grad_gates`.
    """
    directions, n_objects, u = grad_state.shape
    one = grad_state.dtype.type(1.0)
    total = np.empty(4 * u, grad_state.dtype)
    for d in range(directions):
        night, first, slot = places[step, d]
        # The total of a night first: so many small numbers lose less in the sum.
        total[:] = 0
        for i in range(first, n_objects):
            given, found, dh = gates[d, night, i], grad_gates[d, slot, i], grad_state[d, i]
            gn, gr, gz, gs = given[:u], given[u : 2 * u], given[2 * u : 3 * u], given[3 * u :]
            dn, dr, dz, ds = found[:u], found[u : 2 * u], found[2 * u : 3 * u], found[3 * u :]
            outer = grad_states[night, i, d * u : d * u + u]
            h = states[night + 2 * d, i, d * u : d * u + u]  # of the night read before
            for j in range(u):
                n, r, z, s = gn[j], gr[j], gz[j], gs[j]
                g = dh[j] + outer[j]
                by_n = g * (one - z) * (one - n * n)
                dn[j], dr[j] = by_n, by_n * s * r * (one - r)
                dz[j], ds[j] = g * (h[j] - n) * z * (one - z), by_n * r
                dh[j] = g * z
            for j in range(4 * u):
                total[j] += found[j]
        for j in range(4 * u):
            grad_biases[d, j] += total[j]


@compiled_quick
def round_states(states: Floats, rounded: NDArray[np.int8]) -> None:
    """Round states ``(n, C)`` into integers ``(n, C)``."""
    levels = np.float32(LEVELS)
    for i in range(len(states)):
        given, whole = states[i], rounded[i]
        for j in range(len(given)):
            whole[j] = np.int8(np.rint(levels * given[j]))
