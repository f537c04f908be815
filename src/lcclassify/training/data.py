"""The LightningDataModule: batches are index slices of tensors on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from lcclassify.nn.batching import TensorSet, length_sorted_batches
from lcclassify.schema import Batch
from lcclassify.training.seeds import derive_seed
from lcclassify.training.streams import DrawnEpochs

IntArray = NDArray[np.int64]

# How many batches' worth of shuffled rows are sorted by length together: large enough
# that batches are nearly of one length, small enough that they stay random.
BUCKET_BATCHES = 8


class BatchRows(Dataset[Batch]):
    """A data set whose items are whole batches, asked for by a list of rows."""

    def __init__(self, tensors: TensorSet, *, sequences: bool = True) -> None:
        self.tensors = tensors
        self.sequences = sequences

    def __getitem__(self, rows: Any) -> Batch:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return self.tensors.batch(index, sequences=self.sequences)


class BucketSampler(Sampler[IntArray]):
    """Yields shuffled batches of rows of similar length, anew each epoch.

    The order depends on (seed, epoch) alone, so a resumed training sees the batches
    that it would have seen without the interruption. Several processes deal out the
    rows of each batch among themselves, so that they take the same steps as one.

    Args:
        rows: Rows to draw from.
        lengths: ``(N,)`` nights of all objects.
        batch_size: Rows a batch, of all processes together.
        seed: Seed of the order.
        rank: This process among `world_size` that share the batches.
        world_size: Number of processes.
    """

    def __init__(
        self,
        rows: IntArray,
        lengths: IntArray,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.rows = rows
        self.lengths = lengths
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.bounds = batch_bounds(len(rows), batch_size, 2 * world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; called by Lightning before each."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[IntArray]:
        rng = np.random.default_rng(derive_seed(self.seed, "batches", self.epoch))
        rows = rng.permutation(self.rows)
        for first in range(0, len(self), BUCKET_BATCHES):
            ends = self.bounds[first : first + BUCKET_BATCHES + 1]
            bucket = rows[ends[0] : ends[-1]]
            rows[ends[0] : ends[-1]] = bucket[np.argsort(self.lengths[bucket], kind="stable")]
        for batch in rng.permutation(len(self)):
            yield rows[self.bounds[batch] : self.bounds[batch + 1]][self.rank :: self.world_size]

    def __len__(self) -> int:
        return len(self.bounds) - 1


def batch_bounds(n_rows: int, batch_size: int, smallest: int) -> list[int]:
    """Return where batches begin, and the end of the last.

    A last batch below `smallest` rows is filled up from the one before: batch
    normalisation cannot take a single object, and no process may go without.

    Args:
        n_rows: Rows to divide.
        batch_size: Rows a batch.
        smallest: Least rows of the last batch, if the batch size allows them.

    Example:
        >>> batch_bounds(9, 4, 2)
        [0, 4, 7, 9]
    """
    bounds = [*range(0, n_rows, batch_size), n_rows]
    if len(bounds) > 2 and batch_size >= 2 * smallest:
        bounds[-2] = min(bounds[-2], n_rows - smallest)
    return bounds


class DrawnRows(Dataset[Batch]):
    """Items are batches of the objects that are drawn for the current epoch."""

    def __init__(self, epochs: DrawnEpochs, *, sequences: bool = True) -> None:
        self.epochs = epochs
        self.sequences = sequences

    def __getitem__(self, rows: Any) -> Batch:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return self.epochs.current.batch(index, sequences=self.sequences)


class DrawnSampler(BucketSampler):
    """Yields shuffled batches of the objects that are drawn for each epoch.

    Args:
        epochs: The fit's epochs.
        batch_size: As in `BucketSampler`.
        seed: Likewise.
        rank: Likewise.
        world_size: Likewise.
    """

    def __init__(
        self,
        epochs: DrawnEpochs,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        rows = np.arange(epochs.size)
        super().__init__(rows, np.zeros(epochs.size, np.int64), batch_size, seed, rank, world_size)
        self.epochs = epochs

    def __iter__(self) -> Iterator[IntArray]:
        # Not before the first batch is asked for: when a fit is resumed, Lightning makes the
        # iterator first and tells the epoch then.
        self.lengths = self.epochs.of(self.epoch).lengths.numpy()
        yield from super().__iter__()


class OrderedSampler(Sampler[IntArray]):
    """Yields all rows once, batched by length."""

    def __init__(self, rows: IntArray, lengths: IntArray, batch_size: int) -> None:
        order = length_sorted_batches(lengths[rows], batch_size)
        self.batches = [rows[batch] for batch in order]

    def __iter__(self) -> Iterator[IntArray]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class LightCurveDataModule(LightningDataModule):
    """Training and validation batches of one fit.

    Args:
        tensors: All objects.
        train_rows: Rows to train on.
        validation_rows: Rows that watch the training; may be empty.
        batch_size: Objects a batch.
        seed: Seed of the order of batches.
        sequences: Whether batches have sequences, see `TensorSet.batch`.
        epochs: What to train on instead of the train rows, drawn anew each epoch.
        validation: What watches the training instead of the validation rows, all of it.
    """

    def __init__(
        self,
        tensors: TensorSet,
        train_rows: IntArray,
        validation_rows: IntArray,
        batch_size: int,
        seed: int,
        *,
        sequences: bool = True,
        epochs: DrawnEpochs | None = None,
        validation: TensorSet | None = None,
    ) -> None:
        super().__init__()
        self.tensors = tensors
        self.validation = tensors if validation is None else validation
        self.train_rows = train_rows
        self.validation_rows = validation_rows if validation is None else np.arange(len(validation))
        self.batch_size = batch_size
        self.seed = seed
        self.sequences = sequences
        self.epochs = epochs

    @property
    def objects_per_epoch(self) -> int:
        """Training objects that an epoch has."""
        return len(self.train_rows) if self.epochs is None else self.epochs.size

    def few(self) -> Batch:
        """Return two training objects, as they are."""
        return self.tensors.batch(torch.as_tensor(self.train_rows[:2]))

    def setup(self, stage: str) -> None:
        """Move the tensors to the trainer's device."""
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self.tensors, self.validation = self.tensors.to(device), self.validation.to(device)
            if self.epochs is not None:
                self.epochs.device = device

    def teardown(self, stage: str) -> None:
        """End what draws in the background."""
        if self.epochs is not None:
            self.epochs.close()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return shuffled batches, bucketed by length."""
        trainer = self.trainer
        rank = 0 if trainer is None else trainer.global_rank
        world_size = 1 if trainer is None else trainer.world_size
        if self.epochs is not None:
            drawn = DrawnSampler(self.epochs, self.batch_size, self.seed, rank, world_size)
            drawn_rows = DrawnRows(self.epochs, sequences=self.sequences)
            return DataLoader(drawn_rows, batch_size=None, sampler=drawn)
        sampler = BucketSampler(
            self.train_rows,
            self.tensors.lengths.numpy(),
            self.batch_size,
            self.seed,
            rank,
            world_size,
        )
        return self._loader(self.tensors, sampler)

    def val_dataloader(self) -> DataLoader[Batch] | list[Any]:
        """Return the validation rows in order, or nothing if there are none."""
        if len(self.validation_rows) == 0:
            return []
        lengths = self.validation.lengths.numpy()
        sampler = OrderedSampler(self.validation_rows, lengths, self.batch_size)
        return self._loader(self.validation, sampler)

    def _loader(self, tensors: TensorSet, sampler: Sampler[IntArray]) -> DataLoader[Batch]:
        rows = BatchRows(tensors, sequences=self.sequences)
        return DataLoader(rows, batch_size=None, sampler=sampler)

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Return the batch as it is: it was sliced from tensors on the device.

        Its lengths stay on the CPU, where packing a sequence wants them.
        """
        return batch
