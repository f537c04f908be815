"""Other shares of the classes as ONNX: see `lcclassify.inference.shares`."""

from __future__ import annotations

import numpy as np

from lcclassify.export.graph import Graph
from lcclassify.inference.shares import ChangedShares


def changed(graph: Graph, change: ChangedShares, found: str) -> str:
    """Return probabilities ``(..., K) float64`` for the wanted shares.

    Args:
        graph: Is added to.
        change: From the shares that the probabilities are for.
        found: Name of the probabilities, likewise.
    """
    seen = graph.constant(change.before > 0, np.bool_)
    own, moved = found, graph.op("Mul", found, graph.double(change.ratios))
    nothing, one = graph.double(0.0), graph.double(1.0)
    sums = [
        graph.op("ReduceSum", graph.op("Where", seen, each, nothing), graph.whole([-1]), keepdims=1)
        for each in (own, moved)
    ]
    empty = graph.op("Equal", sums[1], nothing)
    factor = graph.op("Div", sums[0], graph.op("Where", empty, one, sums[1]))
    factor = graph.op("Where", empty, one, factor)
    return graph.op("Mul", moved, graph.op("Where", seen, factor, one))
