"""One GRU layer with Keras's parameters, over padded sequences of unequal length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lcclassify.nn.gru_inference import gru_states


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
    """

    def __init__(
        self, n_in: int, units: int, *, bidirectional: bool, bounded: bool = False
    ) -> None:
        super().__init__()
        self.bounded = bounded
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
        # A trace cannot follow machine code.
        traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if sequences.device.type == "cpu" and not (torch.is_grad_enabled() or traced):
            return self._inferred(sequences, lengths)
        if lengths is None:
            states: Tensor = self.gru(sequences)[0]
            return states
        if sequences.device.type != "cpu":
            return self._packed(sequences, lengths)
        return self._padded(sequences, lengths)

    def _inferred(self, sequences: Tensor, lengths: Tensor | None) -> Tensor:
        if lengths is None:
            lengths = torch.full((len(sequences),), sequences.shape[1])
        autocast = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if autocast else torch.float32
        with torch.autocast("cpu", enabled=False):
            return gru_states(self.gru, sequences, lengths, dtype, bounded=self.bounded)

    def _packed(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Run both directions in one call, as cuDNN does fastest."""
        packed = pack_padded_sequence(
            sequences, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states: Tensor = pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=sequences.shape[1]
        )[0]
        return states

    def _padded(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """Run each direction forwards over padded sequences, which is exact too.

        Padding lies behind, so it cannot reach an earlier state of a forward
        reading, and the backward reading is a forward one of sequences turned
        round. On a CPU the backward pass of packed sequences is several times
        slower than this.
        """
        forward = self._one_direction(sequences, "")
        if not self.gru.bidirectional:
            return forward
        turned = self._one_direction(reverse_within_length(sequences, lengths), "_reverse")
        return torch.cat([forward, reverse_within_length(turned, lengths)], dim=-1)

    def _one_direction(self, sequences: Tensor, suffix: str) -> Tensor:
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        parameters = [getattr(self.gru, name + suffix) for name in names]
        start = sequences.new_zeros(1, sequences.shape[0], self.gru.hidden_size)
        states: Tensor = torch.gru(
            sequences, start, parameters, True, 1, 0.0, self.training, False, True
        )[0]
        return states
