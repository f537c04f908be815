"""Batches cut out of a prepared set's flat arrays by index arithmetic alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcclassify.errors import ConfigError, DataError
from lcclassify.representations.prepared import PreparedSet
from lcclassify.schema import UNKNOWN_TARGET, Batch


@dataclass(frozen=True, eq=False)
class TensorSet:
    """A prepared set as tensors; a batch is a slice of them, padded to its own longest.

    Attributes:
        features: ``(N, F) float64``, NaN where undefined.
        context: ``(N, S) float64``, NaN where missing.
        sequences: ``(R, C) float32``, the nights of all objects one after another.
        offsets: ``(N + 1,) int64``, always on the CPU, so that the padded length of a
            batch is known without waiting for the device.
        targets: ``(N,) int64``, class index or `UNKNOWN_TARGET`.
    """

    features: Tensor
    context: Tensor
    sequences: Tensor
    offsets: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.features)

    @property
    def lengths(self) -> Tensor:
        """Nights of each object, ``(N,) int64`` on the CPU."""
        return self.offsets.diff()

    @property
    def n_bytes(self) -> int:
        """Memory of the tensors."""
        names = ("features", "context", "sequences", "offsets", "targets")
        return sum(int(getattr(self, name).nbytes) for name in names)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie, the offsets excepted."""
        return self.features.device

    @classmethod
    def from_prepared(
        cls, prepared: PreparedSet, targets: NDArray[np.int64] | None = None
    ) -> TensorSet:
        """Wrap the arrays of a prepared set, without copying them where possible.

        Args:
            prepared: The prepared set of N objects.
            targets: ``(N,) int64``; `UNKNOWN_TARGET` for every object if not given.

        Raises:
            DataError: There are not as many targets as objects.
        """
        if targets is None:
            targets = np.full(len(prepared), UNKNOWN_TARGET, dtype=np.int64)
        if targets.shape != (len(prepared),):
            raise DataError(
                f"targets must have one entry an object, shape ({len(prepared)},), "
                f"got {targets.shape}"
            )
        return cls(
            features=_tensor(prepared.features, np.float64),
            context=_tensor(prepared.context, np.float64),
            sequences=_tensor(prepared.sequences, np.float32),
            offsets=_tensor(prepared.offsets, np.int64),
            targets=_tensor(targets, np.int64),
        )

    @classmethod
    def concatenated(cls, parts: Sequence[TensorSet]) -> TensorSet:
        """Return the objects of several sets, one after the other, on the device of the first."""
        if len(parts) == 1:
            return parts[0]
        lengths = torch.cat([part.lengths for part in parts])
        rest = ("features", "context", "sequences", "targets")
        return cls(
            offsets=torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]),
            **{name: torch.cat([getattr(part, name) for part in parts]) for name in rest},
        )

    def joined(self, columns: Tensor) -> TensorSet:
        """Return the set with columns ``(N, n)`` at the ends of its features and context."""
        columns = columns.to(self.device)
        return TensorSet(
            features=torch.cat([self.features, columns.to(self.features.dtype)], dim=1),
            context=torch.cat([self.context, columns.to(self.context.dtype)], dim=1),
            sequences=self.sequences,
            offsets=self.offsets,
            targets=self.targets,
        )

    def to(self, device: torch.device | str) -> TensorSet:
        """Return the set with its tensors, the offsets excepted, on a device."""
        return replace(
            self,
            features=self.features.to(device),
            context=self.context.to(device),
            sequences=self.sequences.to(device),
            targets=self.targets.to(device),
        )

    def batch(self, rows: Tensor | NDArray[np.int64], *, sequences: bool = True) -> Batch:
        """Gather some objects into a batch.

        Args:
            rows: ``(n,) int64`` on the CPU, rows of the set in any order.
            sequences: Whether the sequences are wanted; if not, they are ``(n, 0, C)``.

        Returns:
            Features and context ``float64``, sequences ``(n, T, C) float32`` with T the
            nights of the longest of these objects and zeros behind the others, all on
            the set's device; lengths on the CPU.
        """
        index = torch.as_tensor(rows, dtype=torch.int64)
        starts = self.offsets[index]
        lengths = self.offsets[index + 1] - starts
        n_nights = int(lengths.max()) if len(index) and sequences else 0
        # From here on everything happens on the set's device.
        index, first = index.to(self.device), starts.to(self.device)[:, None]
        count = lengths.to(self.device)[:, None]
        step = torch.arange(n_nights, device=self.device)
        # Positions behind an object's end point at its own last night, never outside.
        position = first + torch.minimum(step, (count - 1).clamp(min=0))
        nights = self.sequences[position].masked_fill((step >= count)[:, :, None], 0.0)
        return Batch(
            features=self.features[index],
            context=self.context[index],
            sequences=nights,
            lengths=lengths,
            targets=self.targets[index],
            rows=index,
        )


def length_sorted_batches(
    lengths: NDArray[np.int64] | Tensor, batch_size: int
) -> list[NDArray[np.int64]]:
    """Split objects into batches of similar length, so that little is padded.

    Args:
        lengths: ``(N,) int64``, nights of each object.
        batch_size: Largest number of objects in a batch.

    Returns:
        Arrays of row numbers, the shortest objects first; every row is in exactly one.

    Raises:
        ConfigError: The batch size is below 1.

    Example:
        >>> [rows.tolist() for rows in length_sorted_batches(np.array([5, 1, 3]), 2)]
        [[1, 2], [0]]
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
    order = np.argsort(np.asarray(lengths), kind="stable").astype(np.int64)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _tensor(array: NDArray[np.generic], dtype: type[np.generic]) -> Tensor:
    # torch shares the memory of an array only if it is contiguous and writable.
    return torch.from_numpy(np.require(array, dtype=dtype, requirements=["C", "W"]))
