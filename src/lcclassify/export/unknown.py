"""The detector of unknown objects as ONNX: see `lcclassify.nn.unknown`."""

from __future__ import annotations

import math

import numpy as np

from lcclassify.export import transforms, trees
from lcclassify.export.graph import Graph
from lcclassify.nn.unknown import LEAST_MISMATCH, SOFTENING, UnknownDetector


def probability(graph: Graph, detector: UnknownDetector, features: str, fraction: float) -> str:
    """Return the probability of no known class, ``(N,) float64``, of raw ``(N, >= F)``.

    Args:
        graph: Is added to.
        detector: Tells it.
        features: Name of the features.
        fraction: Share of unknown objects expected.
    """
    own = np.arange(detector.n_features)
    raw = graph.op("Gather", features, graph.whole(own), axis=1)
    values = graph.cast(transforms.features(graph, detector.features, raw), np.float64)
    place = graph.op("MatMul", values, graph.double(detector.projection.cpu().numpy()))
    # (classes, N, D), so that each class has a matrix of its own to be multiplied with.
    place = graph.op("Unsqueeze", place, graph.whole([0]))
    apart = graph.op("Sub", place, graph.double(detector.centres.cpu().numpy()[:, None]))
    apart = graph.op("MatMul", apart, graph.double(detector.whitening.cpu().numpy()))
    square = graph.op("ReduceSum", graph.op("Mul", apart, apart), graph.whole([2]), keepdims=0)
    distance = graph.op("Add", square, graph.double(detector.offsets.cpu().numpy()[:, None]))
    score = graph.op("ReduceMin", distance, graph.whole([0]), keepdims=0)
    above = graph.op("Sub", score, graph.double(detector.lowest.cpu().numpy()))
    above = graph.op("Max", above, graph.double(0.0))
    softened = graph.op("Log", graph.op("Add", above, graph.double(SOFTENING)))
    odds = math.log(fraction) - math.log1p(-fraction)
    ratio = graph.op("Mul", softened, graph.double(detector.slope.cpu().numpy()))
    ratio = graph.op("Add", ratio, graph.double(float(detector.intercept) + odds))
    if detector.mismatch is not None:
        mismatch = trees.logits(graph, detector.mismatch, raw)
        mismatch = graph.op("Squeeze", mismatch, graph.whole([1]))
        mismatch = graph.op("Max", mismatch, graph.double(LEAST_MISMATCH))
        slope = graph.double(detector.mismatch_slope.cpu().numpy())
        ratio = graph.op("Add", ratio, graph.op("Mul", mismatch, slope))
    return graph.op("Sigmoid", ratio)


def shared_out(graph: Graph, detector: UnknownDetector, found: str, unknown: str) -> str:
    """Return probabilities in which classes without training objects have theirs, ``(N, K)``."""
    if not detector.unseen:
        return found
    shares = np.zeros(detector.n_classes)
    shares[detector.unseen] = 1 / len(detector.unseen)
    known = graph.op("Mul", found, graph.double(shares == 0))
    known = graph.op("Div", known, graph.op("ReduceSum", known, graph.whole([1]), keepdims=1))
    unknown = graph.op("Unsqueeze", unknown, graph.whole([1]))
    known = graph.op("Mul", known, graph.op("Sub", graph.double(1.0), unknown))
    return graph.op("Add", known, graph.op("Mul", unknown, graph.double(shares)))
