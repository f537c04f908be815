"""Prediction sets as ONNX: see `lcclassify.nn.conformal`."""

from __future__ import annotations

from collections.abc import Sequence

from lcclassify.export.graph import Graph
from lcclassify.nn.conformal import PredictionSets


def sets(
    graph: Graph,
    fitted: PredictionSets,
    found: str,
    level: float,
    by: str,
    class_weights: Sequence[float] | None = None,
) -> str:
    """Return which classes are in the sets of objects, ``(N, K) bool``.

    Args:
        graph: Is added to.
        fitted: What the sets are made with.
        found: Name of the probabilities ``(N, K) float64``.
        level: Probability that a set holds the true class.
        by: ``class`` or ``all``.
        class_weights: As in `PredictionSets.sets`.
    """
    # Infinite of classes without training objects, which are in no set.
    thresholds = fitted.thresholds(level, by, class_weights).cpu().numpy()
    known = graph.op("Mul", found, graph.double(thresholds < float("inf")))
    known = graph.op("Div", known, graph.op("ReduceSum", known, graph.whole([1]), keepdims=1))
    return graph.op("GreaterOrEqual", known, graph.double(thresholds))
