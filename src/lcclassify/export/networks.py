"""Dense and recurrent networks as ONNX: see `lcclassify.nn.dense` and `lcclassify.nn.bigru`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from torch import Tensor, nn

from lcclassify.errors import ConfigError
from lcclassify.export import transforms, trees
from lcclassify.export.graph import Graph
from lcclassify.nn.bigru import BiGRUNet
from lcclassify.nn.dense import DenseNet
from lcclassify.nn.embedding import PeriodicEmbedding
from lcclassify.nn.gru import GRULayer
from lcclassify.nn.pooling import TimePooling
from lcclassify.nn.submodel import Submodel
from lcclassify.nn.trees import BoostedTrees


@dataclass(frozen=True)
class Inputs:
    """Names of what networks are given.

    Attributes:
        features: ``(N, F) float64``.
        context: ``(N, S) float64``.
        sequences: ``(N, T, C) float32``.
        lengths: ``(N,) int64``.
        real: ``(N, T, 1) bool``, which nights there are.
    """

    features: str
    context: str
    sequences: str
    lengths: str
    real: str


def probabilities(graph: Graph, submodel: Submodel, inputs: Inputs) -> str:
    """Return a submodel's probabilities, ``(N, K) float64``.

    Raises:
        ConfigError: It has a network that this module does not know.
    """
    network = submodel.network
    if isinstance(network, BoostedTrees):
        found = trees.logits(graph, network, inputs.features)
    elif isinstance(network, DenseNet):
        values = transforms.features(graph, submodel.features, inputs.features)
        if network.embedding is not None:
            values = _embedded(graph, network.embedding, values)
        found = _linear(graph, network.output, stack(graph, network.hidden, values))
    elif isinstance(network, BiGRUNet):
        found = _recurrent(graph, submodel, network, inputs)
    else:
        raise ConfigError(f"a network of {type(network).__name__} cannot be exported")
    return graph.op("Softmax", graph.cast(found, np.float64), axis=1)


def stack(graph: Graph, layers: nn.Sequential, values: str) -> str:
    """Return what dense layers make of ``(N, n)``, as when nothing is trained."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            values = _linear(graph, layer, values)
        elif isinstance(layer, nn.BatchNorm1d):
            values = _normalised(graph, layer, values)
        elif not isinstance(layer, nn.Dropout):
            values = _activated(graph, layer, values)
    return values


def _embedded(graph: Graph, embedding: PeriodicEmbedding, values: str) -> str:
    """Return the values and what an embedding makes of the first of them."""
    parameters = (
        embedding.turns(),
        embedding.phases.unsqueeze(1),
        embedding.weight,
        embedding.bias,
    )
    turns, phases, weight, bias = (
        graph.constant(one, one.dtype) for one in map(_array, parameters)
    )
    ends = (graph.whole([number]) for number in (0, embedding.n_values, 1))
    chosen = graph.op("Transpose", graph.op("Slice", values, *ends), perm=[1, 0])
    angles = graph.op("Mul", graph.op("Unsqueeze", chosen, graph.whole([2])), turns)
    waves = graph.op("Cos", graph.op("Add", angles, phases))
    columns = graph.op("Add", graph.op("MatMul", waves, weight), bias)
    columns = graph.op("Flatten", graph.op("Transpose", columns, perm=[1, 0, 2]), axis=1)
    return graph.op("Concat", values, columns, axis=1)


def _linear(graph: Graph, layer: nn.Linear, values: str) -> str:
    weight, bias = (graph.constant(one, one.dtype) for one in map(_array, _parameters(layer)))
    return graph.op("Gemm", values, weight, bias, transB=1)


def _parameters(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    return layer.weight, layer.bias


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array


def _normalised(graph: Graph, layer: nn.BatchNorm1d, values: str) -> str:
    """Return running statistics' normalisation, as one factor and one summand a column."""
    if layer.running_mean is None or layer.running_var is None:
        raise ConfigError("a batch normalisation without running statistics cannot be exported")
    weight = _array(layer.weight)
    scale = weight.astype(np.float64) / np.sqrt(_array(layer.running_var) + layer.eps)
    shift = _array(layer.bias) - _array(layer.running_mean) * scale
    grown = graph.op("Mul", values, graph.constant(scale, weight.dtype))
    return graph.op("Add", grown, graph.constant(shift, weight.dtype))


def _gelu(graph: Graph, values: str) -> str:
    turned = graph.op("Erf", graph.op("Mul", values, graph.single(math.sqrt(0.5))))
    half = graph.op("Mul", values, graph.single(0.5))
    return graph.op("Mul", half, graph.op("Add", turned, graph.single(1.0)))


_ACTIVATIONS: Final[dict[type[nn.Module], Callable[[Graph, str], str]]] = {
    nn.Tanh: lambda graph, values: graph.op("Tanh", values),
    nn.ReLU: lambda graph, values: graph.op("Relu", values),
    nn.ELU: lambda graph, values: graph.op("Elu", values),
    nn.GELU: _gelu,
    nn.SiLU: lambda graph, values: graph.op("Mul", values, graph.op("Sigmoid", values)),
    nn.SELU: lambda graph, values: graph.op("Selu", values),
    nn.LeakyReLU: lambda graph, values: graph.op("LeakyRelu", values),
    nn.Sigmoid: lambda graph, values: graph.op("Sigmoid", values),
    nn.Identity: lambda graph, values: values,
}


def _activated(graph: Graph, layer: nn.Module, values: str) -> str:
    if type(layer) not in _ACTIVATIONS:
        raise ConfigError(f"a layer of {type(layer).__name__} cannot be exported")
    return _ACTIVATIONS[type(layer)](graph, values)


# --- recurrent ----------------------------------------------------------------------


def _recurrent(graph: Graph, submodel: Submodel, network: BiGRUNet, inputs: Inputs) -> str:
    states = transforms.sequences(graph, submodel.sequences, inputs.sequences, inputs.real)
    lengths, real = inputs.lengths, inputs.real
    if network.padding == "reference":
        states, lengths, real = _of_fixed_length(graph, states, network.max_length, inputs)
    # (T, N, C), as ONNX reads nights.
    states = graph.op("Transpose", states, perm=[1, 0, 2])
    read = "" if network.padding == "reference" else graph.cast(lengths, np.int32)
    for layer in network.recurrent:
        if not isinstance(layer, GRULayer):
            raise ConfigError(f"a layer of {type(layer).__name__} cannot be exported")
        states = _gru(graph, layer.gru, states, read)
    states = graph.op("Transpose", states, perm=[1, 0, 2])
    state = _pooled(graph, network.pool, states, lengths, real)
    if network.context is not None:
        context = transforms.features(graph, submodel.context, inputs.context)
        state = graph.op("Concat", state, stack(graph, network.context, context), axis=1)
    return _linear(graph, network.output, stack(graph, network.hidden, state))


def _of_fixed_length(
    graph: Graph, sequences: str, length: int, inputs: Inputs
) -> tuple[str, str, str]:
    """Pad or cut sequences, and return lengths and marks that count all of their nights."""
    shape = graph.op("Shape", sequences)
    n, channels = (graph.op("Gather", shape, graph.whole([i]), axis=0) for i in (0, 2))
    wanted = graph.op("Concat", n, graph.whole([length]), channels, axis=0)
    zeros = graph.op("Expand", graph.single(0.0), wanted)
    longer = graph.op("Concat", sequences, zeros, axis=1)
    cut = graph.op("Slice", longer, graph.whole([0]), graph.whole([length]), graph.whole([1]))
    lengths = graph.op("Expand", graph.whole(length), graph.op("Shape", inputs.lengths))
    return cut, lengths, graph.constant(np.ones((1, length, 1)), np.bool_)


def _gru(graph: Graph, gru: nn.GRU, states: str, lengths: str) -> str:
    """Return the states ``(T, N, n_out)`` of one layer over ``(T, N, C)``.

    The gates stand in the order r, z, n in torch, and z, r, n in ONNX; its form with the reset
    behind the product is torch's.
    """
    suffixes = ("", "_reverse") if gru.bidirectional else ("",)

    def turned(name: str) -> np.ndarray:
        each = [_array(getattr(gru, f"{name}_l0{suffix}")) for suffix in suffixes]
        parts = [np.split(one, 3) for one in each]
        return np.stack([np.concatenate([z, r, n]) for r, z, n in parts])

    biases = np.concatenate([turned("bias_ih"), turned("bias_hh")], axis=1)
    found = graph.op(
        "GRU",
        states,
        graph.single(turned("weight_ih")),
        graph.single(turned("weight_hh")),
        graph.single(biases),
        lengths,
        hidden_size=gru.hidden_size,
        direction="bidirectional" if gru.bidirectional else "forward",
        linear_before_reset=1,
    )
    joined = graph.op("Transpose", found, perm=[0, 2, 1, 3])
    return graph.op("Reshape", joined, graph.whole([0, 0, len(suffixes) * gru.hidden_size]))


def _pooled(graph: Graph, pool: TimePooling, states: str, lengths: str, real: str) -> str:
    """Return ``(N, n_out)`` of states ``(N, T, C)``."""
    nights = graph.whole([1])
    zeroed = graph.op("Where", real, states, graph.single(0.0))
    least = graph.single(-np.inf)
    if pool.kind == "attention":
        weight, bias = (_array(one) for one in _parameters(pool.score))
        score = graph.op("MatMul", states, graph.single(weight.T))
        score = graph.op("Add", score, graph.single(bias))
        share = graph.op("Softmax", graph.op("Where", real, score, least), axis=1)
        return graph.op("ReduceSum", graph.op("Mul", share, zeroed), nights, keepdims=0)
    pooled = []
    if pool.kind in ("max", "max_mean"):
        masked = graph.op("Where", real, states, least)
        pooled.append(graph.op("ReduceMax", masked, nights, keepdims=0))
    if pool.kind in ("mean", "max_mean"):
        total = graph.op("ReduceSum", zeroed, nights, keepdims=0)
        count = graph.op("Unsqueeze", graph.cast(lengths, np.float32), graph.whole([1]))
        pooled.append(graph.op("Div", total, count))
    return graph.op("Concat", *pooled, axis=1) if len(pooled) > 1 else pooled[0]
