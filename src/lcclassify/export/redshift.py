"""The redshift member as ONNX: see `lcclassify.nn.redshift` and `lcclassify.nn.posterior`."""

from __future__ import annotations

import math

import numpy as np

from lcclassify.export import trees
from lcclassify.export.graph import Graph
from lcclassify.nn.posterior import BACKGROUND, GRID_END, STEP, WINDOW
from lcclassify.nn.redshift import RedshiftEstimator


def columns(graph: Graph, estimator: RedshiftEstimator, features: str) -> str:
    """Return what joins the inputs of all members.

    Args:
        graph: Is added to.
        estimator: The fitted estimator.
        features: ``(N, F) float64``.

    Returns:
        ``(N, L + 2) float64``.
    """
    levels = estimator.posterior.levels
    seen = trees.logits(graph, estimator.trees, features)
    # The least of three, the middle one and the largest.
    quantiles = [graph.op("Gather", seen, graph.whole([i]), axis=1) for i in range(3)]
    low = graph.op("Min", *quantiles)
    high = graph.op("Max", *quantiles)
    a, b, c = quantiles
    middle = graph.op("Max", *(graph.op("Min", *pair) for pair in ((a, b), (a, c), (b, c))))
    redshift, error, scale = _catalogued(graph, estimator, features)
    grid = np.linspace(0.0, GRID_END, round(GRID_END / STEP) + 1)
    density = _of_light_curve(graph, estimator, grid, low, middle, high)
    known = graph.op("Not", graph.op("IsNaN", redshift))
    likelihood = _of_redshift(graph, estimator, grid, redshift, error, scale)
    likelihood = graph.op("Where", known, likelihood, graph.double(1.0))
    density = graph.op("Mul", density, likelihood)
    # Of the first cell half is below 0, where there is nothing.
    halved = np.ones(len(grid))
    halved[0] = 0.5
    found = _quantiles(graph, graph.op("Mul", density, graph.double(halved)), grid, levels)
    galactic = graph.op("Equal", redshift, graph.double(0.0))
    found = graph.op("Where", galactic, graph.double(0.0), graph.expm1(found))
    last, first = (
        graph.op("Gather", found, graph.whole([i]), axis=1) for i in (len(levels) - 1, 0)
    )
    return graph.op("Concat", found, graph.op("Sub", last, first), axis=1)


def _catalogued(graph: Graph, estimator: RedshiftEstimator, features: str) -> tuple[str, str, str]:
    """Return the redshift, NaN where unknown, its error over 1 + z and this within limits."""
    first = graph.op("Gather", features, graph.whole([0]), axis=1)
    unknown = graph.double(np.nan)
    nothing = graph.op("Where", graph.op("IsNaN", first), unknown, unknown)
    redshift = graph.op("Add", nothing, graph.double([[0.0]]))
    if estimator.photometric is not None:
        given = graph.op("Gather", features, graph.whole([estimator.photometric]), axis=1)
        inside = graph.op(
            "And",
            graph.op("GreaterOrEqual", given, graph.double(0.0)),
            graph.op("Less", given, graph.double(math.expm1(GRID_END))),
        )
        redshift = graph.op("Where", inside, given, unknown)
    least, most = estimator.posterior.error_limits
    error = graph.op("Where", graph.op("IsNaN", first), graph.double(most), graph.double(most))
    if estimator.error is not None:
        given = graph.op("Gather", features, graph.whole([estimator.error]), axis=1)
        given = graph.op("Div", given, graph.op("Add", redshift, graph.double(1.0)))
        finite = graph.op(
            "And",
            graph.op("GreaterOrEqual", given, graph.double(0.0)),
            graph.op("Less", given, graph.double(np.inf)),
        )
        error = graph.op("Where", finite, given, error)
    return redshift, error, graph.clip(error, least, most, np.float64)


def _of_light_curve(
    graph: Graph, estimator: RedshiftEstimator, grid: np.ndarray, low: str, middle: str, high: str
) -> str:
    """Return Student's t about the light curve's median, ``(N, G)``."""
    prior = estimator.posterior

    def width(upper: str, lower: str) -> str:
        distance = graph.op("Max", graph.op("Sub", upper, lower), graph.double(prior.least_spread))
        return graph.op("Mul", distance, graph.double(prior.spread))

    away = graph.op("Sub", graph.double(grid[None]), middle)
    below = graph.op("Less", away, graph.double(0.0))
    away = graph.op("Div", away, graph.op("Where", below, width(middle, low), width(high, middle)))
    square = graph.op("Div", graph.op("Mul", away, away), graph.double(prior.freedom))
    power = graph.double(-0.5 * (prior.freedom + 1))
    return graph.op("Pow", graph.op("Add", square, graph.double(1.0)), power)


def _of_redshift(
    graph: Graph,
    estimator: RedshiftEstimator,
    grid: np.ndarray,
    redshift: str,
    error: str,
    scale: str,
) -> str:
    """Return the likelihood of the photometric redshift, ``(N, G)``; without meaning if unknown."""
    deviations, densities = estimator.deviations.numpy(), estimator.densities.numpy()
    row = _row(graph, estimator.log_errors.numpy(), densities, error)
    # An undefined redshift must not become an index.
    known = graph.op("Where", graph.op("IsNaN", redshift), graph.double(0.0), redshift)
    start = graph.log1p(known)
    place = graph.op("Div", graph.op("Sub", start, graph.double(grid[None])), scale)
    place = graph.op("Sub", place, graph.double(deviations[0]))
    place = graph.op("Div", place, graph.double(deviations[1] - deviations[0]))
    last = len(deviations) - 1
    inside = graph.op(
        "And",
        graph.op("GreaterOrEqual", place, graph.double(0.0)),
        graph.op("LessOrEqual", place, graph.double(float(last))),
    )
    whole = graph.clip(graph.op("Floor", place), 0.0, last - 1.0, np.float64)
    cell = graph.cast(whole, np.int64)
    one = graph.op("GatherElements", row, cell, axis=1)
    next_cell = graph.op("Add", cell, graph.whole(1))
    step = graph.op("Sub", graph.op("GatherElements", row, next_cell, axis=1), one)
    table = graph.op("Add", one, graph.op("Mul", graph.op("Sub", place, whole), step))
    table = graph.op("Where", inside, table, graph.double(0.0))
    return graph.op("Add", table, graph.op("Mul", scale, graph.double(BACKGROUND)))


def _row(graph: Graph, log_errors: np.ndarray, densities: np.ndarray, error: str) -> str:
    """Return the table's densities ``(N, D)`` for each object's error."""
    logs = graph.op("Log", graph.op("Max", error, graph.double(1e-6)))
    smaller = graph.cast(graph.op("Less", graph.double(log_errors[None]), logs), np.int64)
    count = graph.op("ReduceSum", smaller, graph.whole([1]), keepdims=0)
    table = graph.double(densities)
    if len(log_errors) == 1:
        return graph.op("Gather", table, graph.op("Mul", count, graph.whole(0)), axis=0)
    upper = graph.op(
        "Min", graph.op("Max", count, graph.whole(1)), graph.whole(len(log_errors) - 1)
    )
    lower = graph.op("Sub", upper, graph.whole(1))
    ends = graph.double(log_errors[:, None])
    low, high = (graph.op("Gather", ends, place, axis=0) for place in (lower, upper))
    share = graph.op("Div", graph.op("Sub", logs, low), graph.op("Sub", high, low))
    share = graph.clip(share, 0.0, 1.0, np.float64)
    nearer, farther = (graph.op("Gather", table, place, axis=0) for place in (lower, upper))
    return graph.op("Add", nearer, graph.op("Mul", share, graph.op("Sub", farther, nearer)))


def _quantiles(graph: Graph, density: str, grid: np.ndarray, levels: tuple[float, ...]) -> str:
    """Return the quantiles and the likeliest window's middle in ln(1 + z), ``(N, L + 1)``."""
    n, step = len(grid), float(grid[1] - grid[0])
    below = graph.op("CumSum", density, graph.whole(1))
    total = graph.op("Gather", below, graph.whole([n - 1]), axis=1)
    before = graph.op("Mul", total, graph.double(0.0))
    below = graph.op("Concat", before, below, axis=1)  # below each cell, and after the last
    found = []
    for level in levels:
        wanted = graph.op("Mul", total, graph.double(level))
        after = graph.op("Slice", below, graph.whole([1]), graph.whole([n + 1]), graph.whole([1]))
        passed = graph.cast(graph.op("Less", after, wanted), np.int64)
        cell = graph.op("ReduceSum", passed, graph.whole([1]), keepdims=1)
        cell = graph.op("Min", cell, graph.whole(n - 1))
        low = graph.op("GatherElements", below, cell, axis=1)
        high = graph.op("GatherElements", below, graph.op("Add", cell, graph.whole(1)), axis=1)
        part = graph.op("Div", graph.op("Sub", wanted, low), graph.op("Sub", high, low))
        node = graph.op("Gather", graph.double(grid), cell, axis=0)
        inner = graph.op("Mul", graph.op("Sub", part, graph.double(0.5)), graph.double(step))
        inner = graph.op("Add", node, inner)
        outer = graph.op("Mul", part, graph.double(0.5 * step))
        first = graph.op("Equal", cell, graph.whole(0))
        found.append(graph.op("Where", first, outer, inner))
    places = np.arange(n)
    ends = graph.op("Gather", below, graph.whole(np.minimum(places + WINDOW + 1, n)), axis=1)
    starts = graph.op("Gather", below, graph.whole(np.maximum(places - WINDOW, 0)), axis=1)
    best = graph.op("ArgMax", graph.op("Sub", ends, starts), axis=1, keepdims=1)
    return graph.op("Concat", *found, graph.op("Gather", graph.double(grid), best, axis=0), axis=1)
