"""A training set as a stream: what a fit sees of an object in an epoch is drawn for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.augment.augmenter import Augmenter
from lcclassify.cores import in_threads, n_cores
from lcclassify.nn.batching import TensorSet
from lcclassify.representations.representation import FittedRepresentation
from lcclassify.training.seeds import derive_seed

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_MOST_COPIES: Final = 1 << 20  # of an object in an epoch: numbers of draws are told apart
_MOST_HELD: Final = 1 << 30  # bytes of epochs that a fit holds to see them again


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
        passes: Draws of every object in an epoch, on average over a class.
        weights: ``(N,)`` how often each of the augmenter's objects is drawn, relative to others
            of its class; None: equally often.
        repeats: Epochs in which a fit that reads features sees each draw.
        grows_trees: Whether trees are grown on draws where held-out objects are as they are.
        blocks: After how many epochs the draws come again; None for new ones in every epoch.
        with_features: Whether draws have features; they are most of the work and some networks
            do not read them.
        with_sequences: Whether draws have nights; they are most of the memory.
    """

    augmenter: Augmenter
    representation: FittedRepresentation
    positions: IntArray
    targets: IntArray
    passes: int
    weights: FloatArray | None = None
    repeats: int = 1
    grows_trees: bool = False
    blocks: int | None = None
    with_features: bool = True
    with_sequences: bool = True

    def of(self, needs: Collection[str]) -> DrawnStream:
        """Return the stream for a network that needs these inputs of a batch only."""
        return replace(self, with_features="features" in needs)

    def of_fit(self, reads: Collection[str], epochs: int, n_rows: int) -> DrawnStream:
        """Return the stream of a fit.

        Features are most of the work, and few draws of them do as well; nights are not. What
        is too much to be held would be drawn again: new draws cost the same, and teach more.

        Args:
            reads: What its network learns from: ``features``, ``sequences``.
            epochs: Of the fit.
            n_rows: Rows that it trains on.
        """
        blocks = -(-epochs // self.repeats)
        values = blocks * n_rows * self.passes * len(self.representation.feature_names)
        repeated = "features" in reads and blocks < epochs and 4 * values <= _MOST_HELD
        return replace(
            self, blocks=blocks if repeated else None, with_sequences="sequences" in reads
        )

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
            prepared = self.representation.prepare(light_curves, with_features=self.with_features)
            drawn = TensorSet.from_prepared(prepared, self.targets[rows])
            if not self.with_sequences:
                drawn = replace(drawn, sequences=drawn.sequences[:0].clone())
            parts.append(drawn)
        return TensorSet.concatenated(parts)

    def epoch(self, rows: IntArray, seed: int, epoch: int) -> TensorSet:
        """Return all that a fit sees in an epoch, ``passes`` draws of each object."""
        return self.sample(rows, self.passes, seed, self.block(epoch))

    def block(self, epoch: int) -> int:
        """Return the number of the first epoch with the draws of an epoch."""
        return epoch if self.blocks is None else epoch % self.blocks

    def sample(
        self, rows: IntArray, times: int, seed: int, epoch: int = 0, threads: int = 1
    ) -> TensorSet:
        """Return draws of some training objects, as many of each class as `times` of all.

        Args:
            rows: ``(n,)`` ascending rows of the run's tensors.
            times: Draws of an object, on average over its class.
            seed: Seed of the draws.
            epoch: Another one has other draws.
            threads: Threads; the result does not depend on it.
        """

        def drawn(part: tuple[IntArray, int]) -> TensorSet:
            return self.tensors(part[0], seed, [part[1]])

        parts = in_threads(drawn, self.rounds(rows, times, seed, epoch), threads)
        return TensorSet.concatenated(parts)

    def rounds(
        self, rows: IntArray, times: int, seed: int, epoch: int = 0
    ) -> Iterator[tuple[IntArray, int]]:
        """Yield rows and the number of the draw that each of them is in such a sample with."""
        counts = self.copies(rows, times, seed, epoch)
        first = epoch * (times if self.weights is None else _MOST_COPIES)
        for number in range(int(counts.max(initial=0))):
            yield rows[counts > number], first + number

    def copies(self, rows: IntArray, times: int, seed: int, epoch: int = 0) -> IntArray:
        """Return how often each of some rows is in such a sample, ``(n,)``.

        A systematic sample: of each class ``times`` its number of rows, whatever the weights,
        and of a row at most one more or less than its share.
        """
        if self.weights is None:
            return np.full(len(rows), times)
        weights, classes = self.weights[self.positions[rows]], self.targets[rows]
        order = np.argsort(classes, kind="stable")
        total = np.bincount(classes, weights)
        share = times * np.bincount(classes)[classes] * weights / total[classes]
        start = np.random.default_rng(derive_seed(seed, "copies", epoch)).random()
        # Rounded, so that what should be a whole number is.
        ends = np.floor(np.cumsum(share[order]).round(6) + start)
        counts = np.empty(len(rows), dtype=np.int64)
        counts[order] = np.diff(ends, prepend=0.0).astype(np.int64)
        return counts

    def resampled(self, rows: IntArray, n_draws: int, seed: int) -> tuple[IntArray, IntArray]:
        """Return which of a number of draws of each row make up a sample, as `sample` does.

        What is wanted more often than it was drawn is repeated.

        Args:
            rows: ``(n,)`` ascending rows of the run's tensors.
            n_draws: Draws that there are of each.
            seed: Seed of the draws.

        Returns:
            Numbers of draws and positions among the rows, ``(n_draws * n,)`` each.
        """
        counts = self.copies(rows, n_draws, seed)
        rounds = [np.flatnonzero(counts > k) for k in range(int(counts.max(initial=0)))]
        draws = [np.full(len(own), k % n_draws) for k, own in enumerate(rounds)]
        return np.concatenate(draws), np.concatenate(rounds)


class DrawnEpochs:
    """The epochs of one fit; while it trains on one, the next ones are drawn in the background.

    Epochs that come again are held in memory where all of them are small; else they are drawn
    again, to the same bits.

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
        self._drawn: dict[int, Future[TensorSet]] = {}  # by block
        self._threads: ThreadPoolExecutor | None = None

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
        """Return an epoch's objects, and begin to draw those of the next ones."""
        if epoch != self._epoch or self._tensors is None:
            n_threads = _n_threads()
            if self._threads is None:
                self._threads = ThreadPoolExecutor(n_threads, thread_name_prefix="drawing")
            ahead = range(epoch + 1, min(epoch + 1 + n_threads, self.last))
            blocks = [self.stream.block(number) for number in (epoch, *ahead)]
            for block in blocks:
                if block not in self._drawn:
                    self._drawn[block] = self._threads.submit(
                        self.stream.epoch, self.rows, self.seed, block
                    )
            tensors = self._drawn[blocks[0]].result()
            if not self._comes_again(tensors):
                self._drawn = {block: self._drawn[block] for block in blocks[1:]}
            self._epoch, self._tensors = epoch, tensors.to(self.device)
        return self._tensors

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        self._threads = self._tensors = None
        self._epoch, self._drawn = -1, {}

    def _comes_again(self, tensors: TensorSet) -> bool:
        """Tell whether epochs are kept, being repeated and small."""
        blocks = self.stream.blocks
        return blocks is not None and blocks < self.last and tensors.n_bytes * blocks <= _MOST_HELD

    def __getstate__(self) -> dict[str, object]:
        # Another process draws for itself.
        nothing = {"_threads": None, "_tensors": None}
        return self.__dict__ | nothing | {"_epoch": -1, "_drawn": {}}


def _n_threads() -> int:
    """Return how many epochs a fit draws at a time.

    Drawing takes longer than training on what is drawn. With two cores two fits share them, and
    the last fit has them for itself; with many cores there are a few fits at a time.
    """
    return max(2, n_cores() // 4)
