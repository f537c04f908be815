"""A training set as a stream: what a fit sees of an object in an epoch is drawn for it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.augment.augmenter import Augmenter
from lcclassify.nn.batching import TensorSet
from lcclassify.representations.representation import FittedRepresentation

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class DrawnStream:
    """Draws training objects and prepares them.

    What comes out for an object is a function of the seed, the number of the draw and the
    object: neither the other objects nor the order nor the process change it.

    Attributes:
        augmenter: Draws training objects.
        representation: Prepares them.
        positions: ``(N,) int64``, the place among the augmenter's objects of each row of the
            run's tensors; -1 for rows that do not train.
        targets: ``(N,) int64``, classes of these rows.
        passes: Draws of every object in an epoch.
    """

    augmenter: Augmenter
    representation: FittedRepresentation
    positions: IntArray
    targets: IntArray
    passes: int

    def tensors(self, rows: IntArray, seed: int, draws: Iterable[int]) -> TensorSet:
        """Return some training objects as drawn, those of the first draw first.

        Args:
            rows: ``(n,)`` ascending rows of the run's tensors.
            seed: Seed of the draws.
            draws: Numbers of the draws.
        """
        parts = []
        for number in draws:
            light_curves = self.augmenter.draw(seed, number, self.positions[rows])
            prepared = self.representation.prepare(light_curves)
            parts.append(TensorSet.from_prepared(prepared, self.targets[rows]))
        return TensorSet.concatenated(parts)

    def epoch(self, rows: IntArray, seed: int, epoch: int) -> TensorSet:
        """Return all that a fit sees in an epoch, ``passes`` draws of each object."""
        first = epoch * self.passes
        return self.tensors(rows, seed, range(first, first + self.passes))


class DrawnEpochs:
    """The epochs of one fit; while it trains on one, the next is drawn in the background.

    Args:
        stream: Draws the objects.
        rows: Rows that the fit trains on.
        seed: Seed of the fit's draws.
        last: Number of epochs of the fit: none is drawn beyond.
    """

    def __init__(self, stream: DrawnStream, rows: IntArray, seed: int, last: int) -> None:
        self.stream = stream
        self.rows = rows
        self.seed = seed
        self.last = last
        self.device = torch.device("cpu")
        self._epoch = -1
        self._tensors: TensorSet | None = None
        self._next: tuple[int, Future[TensorSet]] | None = None
        self._thread: ThreadPoolExecutor | None = None

    @property
    def size(self) -> int:
        """Objects that an epoch has."""
        return len(self.rows) * self.stream.passes

    @property
    def current(self) -> TensorSet:
        """The objects of the epoch last asked for."""
        if self._tensors is None:
            return self.of(0)
        return self._tensors

    def of(self, epoch: int) -> TensorSet:
        """Return an epoch's objects, and begin to draw those of the next."""
        if epoch != self._epoch or self._tensors is None:
            if self._next is not None and self._next[0] == epoch:
                tensors = self._next[1].result()
            else:
                tensors = self._draw(epoch)
            self._epoch, self._tensors = epoch, tensors.to(self.device)
            self._next = None
            if epoch + 1 < self.last:
                if self._thread is None:
                    self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")
                self._next = epoch + 1, self._thread.submit(self._draw, epoch + 1)
        return self._tensors

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        self._thread = self._next = self._tensors = None
        self._epoch = -1

    def _draw(self, epoch: int) -> TensorSet:
        return self.stream.epoch(self.rows, self.seed, epoch)

    def __getstate__(self) -> dict[str, object]:
        # Another process draws for itself.
        return self.__dict__ | {"_thread": None, "_next": None, "_tensors": None, "_epoch": -1}
