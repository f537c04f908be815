"""The whole ensemble as ONNX: see `lcclassify.nn.stack` and `lcclassify.nn.calibration`."""

from __future__ import annotations

import numpy as np
from torch import nn

from lcclassify.errors import ConfigError
from lcclassify.export import networks, redshift
from lcclassify.export import unknown as strangers
from lcclassify.export.graph import Graph
from lcclassify.export.networks import Inputs
from lcclassify.nn.calibration import FLOOR, Calibration
from lcclassify.nn.stack import (
    PROBABILITY_FLOOR,
    EnsembleClassifier,
    LinearStackingHead,
    StackingHead,
)
from lcclassify.nn.submodel import Submodel

_CALIBRATION = {"temperature", "log_ratios", "unseen", "scales", "biases"}


def probabilities(
    graph: Graph,
    classifier: EnsembleClassifier,
    inputs: tuple[str, str, str, str],
    unknown_fraction: float | None = None,
) -> tuple[str, str, str | None]:
    """Return what the ensemble and each of its members say.

    Args:
        graph: Is added to.
        classifier: M members, K classes.
        inputs: Names of features ``(N, F) float64``, context ``(N, S) float64``, sequences
            ``(N, T, C) float32`` and lengths ``(N,) int64``.
        unknown_fraction: Share of unknown objects expected; None where none are told.

    Returns:
        ``(N, K) float64``, ``(N, M, K) float64``, and the probability of no known class,
        ``(N,) float64``, or None where the ensemble tells none.

    Raises:
        ConfigError: It holds what cannot be exported.
    """
    features, context, sequences, lengths = inputs
    if classifier.redshift is not None:
        columns = redshift.columns(graph, classifier.redshift, features)
        features, context = (
            graph.op("Concat", one, columns, axis=1) for one in (features, context)
        )
    shape = graph.op("Shape", sequences)
    n_nights = graph.op("Gather", shape, graph.whole(1), axis=0)
    step = graph.op("Range", graph.whole(0), n_nights, graph.whole(1))
    ends = graph.op("Unsqueeze", lengths, graph.whole([1]))
    real = graph.op("Unsqueeze", graph.op("Less", step, ends), graph.whole([2]))
    given = Inputs(features, context, sequences, lengths, real)

    rounds: list[list[str]] = [[] for _ in range(classifier.n_rounds)]
    for replicas in classifier.members:
        if not isinstance(replicas, nn.ModuleList):
            raise ConfigError(f"a member of {type(replicas).__name__} cannot be exported")
        said = [
            networks.probabilities(graph, submodel, given)
            for submodel in replicas
            if isinstance(submodel, Submodel)
        ]
        each = len(said) // classifier.n_rounds
        for number, members in enumerate(rounds):
            members.append(graph.mean(said[number * each : (number + 1) * each]))
    found = graph.mean([_combined(graph, classifier.head, members) for members in rounds])
    if classifier.calibration is not None:
        found = _calibrated(graph, classifier.calibration, found)
    unknown = None
    if classifier.unknown is not None and unknown_fraction is not None:
        unknown = strangers.probability(graph, classifier.unknown, inputs[0], unknown_fraction)
        found = strangers.shared_out(graph, classifier.unknown, found, unknown)
    apart = [
        graph.op("Unsqueeze", graph.mean([members[m] for members in rounds]), graph.whole([1]))
        for m in range(len(classifier.members))
    ]
    return found, graph.op("Concat", *apart, axis=1), unknown


def _combined(graph: Graph, head: nn.Module | None, members: list[str]) -> str:
    """Return what a head makes of a round's members, ``(N, K) float64``."""
    if head is None:
        return graph.mean(members)
    if isinstance(head, LinearStackingHead):
        logits = _pool(graph, head, members)
    elif isinstance(head, StackingHead):
        weight = head.output.weight.detach().cpu().numpy()
        values = members
        if head.inputs == "log_probabilities":
            values = [_log(graph, one) for one in members]
        joined = graph.cast(graph.op("Concat", *values, axis=1), weight.dtype)
        hidden = networks.stack(graph, head.hidden, joined)
        logits = networks.stack(graph, nn.Sequential(head.output), hidden)
    else:
        raise ConfigError(f"a head of {type(head).__name__} cannot be exported")
    return graph.op("Softmax", graph.cast(logits, np.float64), axis=1)


def _pool(graph: Graph, head: LinearStackingHead, members: list[str]) -> str:
    """Return the log-linear pool's logits: the mean, the changes from it and the biases."""
    change = head.weight_change.detach().cpu().numpy()
    dtype = change.dtype
    logs = [graph.cast(_log(graph, one), dtype) for one in members]
    count = graph.constant(len(logs), dtype)
    terms = [graph.op("Div", graph.sum(logs), count)]
    for m, log in enumerate(logs):
        if head.form == "shared":
            terms.append(graph.op("Mul", log, graph.constant(change[m], dtype)))
        else:
            terms.append(graph.op("MatMul", log, graph.constant(change[:, m].T, dtype)))
    return graph.sum([*terms, graph.constant(head.bias.detach().cpu().numpy(), dtype)])


def _log(graph: Graph, probabilities: str) -> str:
    floor = graph.double(PROBABILITY_FLOOR)
    return graph.op("Log", graph.op("Max", probabilities, floor))


def _calibrated(graph: Graph, calibration: Calibration, probabilities: str) -> str:
    """Return probabilities after the last step."""
    unknown = set(calibration.config()) - _CALIBRATION
    if unknown:
        raise ConfigError(f"a calibration with {sorted(unknown)} cannot be exported")
    logs = graph.op("Log", graph.op("Max", probabilities, graph.double(FLOOR)))
    logits = graph.op("Div", logs, graph.double(calibration.temperature.cpu().numpy()))
    logits = graph.op("Mul", logits, graph.double(calibration.scales.cpu().numpy()))
    added = calibration.biases + calibration.log_ratios
    logits = graph.op("Add", logits, graph.double(added.cpu().numpy()))
    seen = graph.op("Softmax", logits, axis=1)
    unseen = calibration.unseen.cpu().numpy()
    if not unseen.any():
        return seen
    share = graph.op("Mul", seen, graph.double(1 - unseen.sum()))
    return graph.op("Add", share, graph.double(unseen))
