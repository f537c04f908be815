"""Imputation and normalisation as ONNX: see `lcclassify.nn.normalisation`."""

from __future__ import annotations

import numpy as np

from lcclassify.export.graph import Graph
from lcclassify.nn.normalisation import (
    RAW_LIMIT,
    STANDARDISED_LIMIT,
    FeatureTransform,
    SequenceTransform,
)

_LARGEST = float(np.finfo(np.float64).max)


def features(graph: Graph, transform: FeatureTransform, values: str) -> str:
    """Return what a transform makes of columns.

    Args:
        graph: Is added to.
        transform: Fitted.
        values: ``(N, F) float64``.

    Returns:
        ``(N, n_out) float32``.
    """
    undefined = graph.op("Or", graph.op("IsNaN", values), graph.op("IsInf", values))
    moved = graph.op("Where", undefined, graph.double(transform.fill.numpy()), values)
    limit = RAW_LIMIT
    if transform.kind != "none":
        limit = STANDARDISED_LIMIT if transform.clip is None else transform.clip
        if transform.kind == "yeo_johnson":
            moved = _yeo_johnson(graph, moved, transform.powers.numpy())
        half = graph.double(0.5)
        middle = graph.double(transform.mean.numpy() / 2)
        scale = graph.double(transform.inverse_scale.numpy())
        centred = graph.op("Sub", graph.op("Mul", moved, half), middle)
        moved = graph.op("Mul", graph.op("Mul", centred, scale), graph.double(2.0))
    found = graph.cast(graph.clip(moved, -limit, limit, np.float64), np.float32)
    if not transform.indicator_columns:
        return found
    columns = graph.whole(list(transform.indicator_columns))
    flags = graph.cast(graph.op("Gather", undefined, columns, axis=1), np.float32)
    return graph.op("Concat", found, flags, axis=1)


def _yeo_johnson(graph: Graph, values: str, powers: np.ndarray) -> str:
    """Return the power transform, an overflow as the largest number."""
    positive = graph.op("GreaterOrEqual", values, graph.double(0.0))
    size = graph.log1p(graph.op("Abs", values))
    sides = []
    for power in (powers, 2.0 - powers):
        flat = np.abs(power) < np.finfo(np.float64).eps
        safe = graph.double(np.where(flat, 1.0, power))
        grown = graph.op("Div", graph.expm1(graph.op("Mul", size, safe)), safe)
        sides.append(graph.op("Where", graph.constant(flat, np.bool_), size, grown))
    found = graph.op("Where", positive, sides[0], graph.op("Neg", sides[1]))
    found = graph.op("Where", graph.op("IsNaN", found), graph.double(0.0), found)
    return graph.clip(found, -_LARGEST, _LARGEST, np.float64)


def sequences(graph: Graph, transform: SequenceTransform, values: str, real: str) -> str:
    """Return what a transform makes of sequences.

    Args:
        graph: Is added to.
        transform: Fitted.
        values: ``(N, T, C) float32``.
        real: ``(N, T, 1) bool``, which nights there are.

    Returns:
        ``(N, T, C) float32``.
    """
    if transform.kind == "none":
        return graph.clip(values, -RAW_LIMIT, RAW_LIMIT, np.float32)
    moved = graph.op("Sub", graph.cast(values, np.float64), graph.double(transform.mean.numpy()))
    moved = graph.op("Mul", moved, graph.double(transform.inverse_scale.numpy()))
    limit = STANDARDISED_LIMIT if transform.clip is None else transform.clip
    moved = graph.cast(graph.clip(moved, -limit, limit, np.float64), np.float32)
    return graph.op("Mul", moved, graph.cast(real, np.float32))
