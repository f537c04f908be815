"""Scores prepared objects a batch at a time: on a GPU, or in threads of a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lcclassify.inference.threads import own_threads
from lcclassify.nn.batching import TensorSet, length_sorted_batches
from lcclassify.nn.devices import float32_products
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.representations.prepared import PreparedSet

# One chunk at a time: others do not make it faster, and how it multiplies is the process's.
_gpu = Lock()


class ScoredBatch(NamedTuple):
    """Rows of a prepared set, and what is said of them.

    Attributes:
        rows: ``(n,)``.
        combined: ``(n, K)`` of the ensemble.
        members: ``(n, M, K)``.
        unknown: ``(n,)`` of no known class, or None.
    """

    rows: NDArray[np.int64]
    combined: NDArray[np.float64]
    members: NDArray[np.float64]
    unknown: NDArray[np.float64] | None


def scored_batches(
    classifier: EnsembleClassifier,
    prepared: PreparedSet,
    *,
    device: torch.device,
    batch_size: int,
    precision: str,
    threads: int,
    unknown_fraction: float | None,
) -> Iterator[ScoredBatch]:
    """Yield what is said of the objects of a prepared set, a batch at a time.

    Args:
        classifier: The ensemble, on the device.
        prepared: The objects.
        device: Where the networks run.
        batch_size: Objects of a batch.
        precision: As in `Predictor`; of ``int8`` the classifier knows by itself.
        threads: Batches at a time on a CPU.
        unknown_fraction: Share of objects of no known class expected.
    """
    tensors = TensorSet.from_prepared(prepared)
    batches = length_sorted_batches(prepared.lengths, batch_size)
    # The longest first: whoever is left alone at the end is soon done.
    batches.reverse()

    # Threads share neither of the contexts.
    @torch.inference_mode()
    def scored(rows: NDArray[np.int64]) -> ScoredBatch:
        batch = tensors.batch(rows)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            rounds = classifier.round_probabilities(batch)
        unknown = classifier.unknown_probabilities(batch.features, unknown_fraction)
        combined, each = classifier.combine(rounds, unknown), rounds.mean(1)
        strange = None if unknown is None else unknown.cpu().numpy()
        return ScoredBatch(rows, combined.cpu().numpy(), each.cpu().numpy(), strange)

    if device.type != "cpu":
        with _gpu, float32_products("highest"):
            tensors = tensors.to(device)
            yield from map(scored, batches)
    elif len(batches) == 1 and torch.get_num_threads() == 1:
        yield scored(batches[0])
    else:
        yield from own_threads(threads).map(scored, batches)
