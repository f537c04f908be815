"""A GRU as PyTorch computes it: on a GPU, in traces, and to compare with.

On a CPU `gru_loop` is faster.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def torch_states(gru: nn.GRU, sequences: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the states of one layer, in one or both directions.

    Args:
        gru: The layer, batch first.
        sequences: ``(N, T, C)``, padded behind.
        lengths: ``(N,) int64`` on the CPU, each from 1 to T; None where padding is read.

    Returns:
        ``(N, T, u or 2u)``; without meaning behind an object's length.
    """
    if lengths is None:
        states: Tensor = gru(sequences)[0]
        return states
    if sequences.device.type == "cpu":
        return padded(gru, sequences, lengths)
    return packed(gru, sequences, lengths)


def packed(gru: nn.GRU, sequences: Tensor, lengths: Tensor) -> Tensor:
    """Run both directions in one call, as cuDNN does fastest."""
    rows = pack_padded_sequence(sequences, lengths.cpu(), batch_first=True, enforce_sorted=False)
    states: Tensor = pad_packed_sequence(
        gru(rows)[0], batch_first=True, total_length=sequences.shape[1]
    )[0]
    return states


def padded(gru: nn.GRU, sequences: Tensor, lengths: Tensor) -> Tensor:
    """Run each direction forwards over padded sequences, which is exact too.

    Padding lies behind, so it cannot reach an earlier state of a forward reading, and the
    backward reading is a forward one of sequences turned round. On a CPU the backward pass of
    packed sequences is several times slower than this.
    """
    forward = _one_direction(gru, sequences, "")
    if not gru.bidirectional:
        return forward
    turned = _one_direction(gru, reverse_within_length(sequences, lengths), "_reverse")
    return torch.cat([forward, reverse_within_length(turned, lengths)], dim=-1)


def _one_direction(gru: nn.GRU, sequences: Tensor, suffix: str) -> Tensor:
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    parameters = [getattr(gru, name + suffix) for name in names]
    start = sequences.new_zeros(1, sequences.shape[0], gru.hidden_size)
    states: Tensor = torch.gru(
        sequences, start, parameters, True, 1, 0.0, gru.training, False, True
    )[0]
    return states


def reverse_within_length(sequences: Tensor, lengths: Tensor) -> Tensor:
    """Turn each sequence round and leave its padding behind it.

    Args:
        sequences: ``(N, T, C)``, padded behind.
        lengths: ``(N,) int64``, nights of each sequence, on the device of `sequences`.

    Returns:
        ``(N, T, C)`` with row ``t`` of an object taken from ``length - 1 - t``.
    """
    step = torch.arange(sequences.shape[1], device=sequences.device)
    end = lengths[:, None]
    source = torch.where(step < end, end - 1 - step, step)
    return sequences.gather(1, source[:, :, None].expand_as(sequences))
