"""A bundle's classifier as one ONNX model, and the test that it says the same."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import torch

from lcclassify import __version__
from lcclassify.errors import BundleError
from lcclassify.export.ensemble import probabilities
from lcclassify.export.graph import OPSET, TREE_DOMAIN, TREE_OPSET, Graph
from lcclassify.export.made_up import made_up_batch
from lcclassify.export.sets import sets
from lcclassify.export.shares import changed
from lcclassify.inference.bundle import Bundle
from lcclassify.inference.decisions import Decisions
from lcclassify.inference.expectations import Expectations
from lcclassify.schema import Batch

INPUTS: Final = ("features", "context", "sequences", "lengths")
OUTPUTS: Final = ("probabilities", "member_probabilities", "unknown")

_IR_VERSION: Final = 10  # that of the operators' version, so that no newer runtime is asked for


def onnx_model(
    bundle: Bundle, decisions: Decisions | None = None, expectations: Expectations | None = None
) -> Any:
    """Return an ``onnx.ModelProto`` from prepared inputs to probabilities.

    Its inputs are those of `lcclassify.schema.Batch`: ``features (N, F) double``, ``context
    (N, S) double``, ``sequences (N, T, C) float`` and ``lengths (N,) int64``, undefined values
    as NaN and sequences padded with zeros. Its outputs are ``probabilities (N, K) double`` and
    ``member_probabilities (N, M, K) double``, and ``unknown (N,) double``, the probability of no
    known class, where the bundle tells it, and ``set_90 (N, K) bool``, by its level, which
    classes are in an object's set, where sets are asked for. N and T are free. The names of all
    columns, the classes and the units stand in the model's metadata as JSON.

    Args:
        bundle: The trained classifier.
        decisions: What sets are made, if any; nothing else of it counts.
        expectations: What shares of the objects are what; by default the bundle's.

    Raises:
        BundleError: Sets are asked for, and the bundle has nothing to make them with; or shares
            are stated that it tells nothing of.
        ConfigError: It holds what cannot be exported.
    """
    from onnx import TensorProto, checker, helper

    graph = Graph()
    classifier = bundle.classifier.cpu().eval()
    expected = expectations or Expectations()
    found, members, unknown = probabilities(graph, classifier, INPUTS, expected.fraction(bundle))
    own, weights = found, None
    changes = expected.changes(bundle)
    if changes is not None:
        weights = changes[0].ratios.tolist()
        found, members = changed(graph, changes[0], own), changed(graph, changes[1], members)
    said = (found, members, unknown)
    # Constants, too, can be what is asked for, and a value has one name only.
    told = [(name, value) for name, value in zip(OUTPUTS, said, strict=True) if value is not None]
    if decisions is not None and decisions.sets is not None:
        if classifier.sets is None:
            raise BundleError("the bundle has nothing to make prediction sets with")
        # Thresholds are of the bundle's own probabilities.
        made = sets(graph, classifier.sets, own, decisions.sets, decisions.sets_by, weights)
        told.append((decisions.set_column, made))
    for name, value in told:
        graph.nodes.append(helper.make_node("Identity", [value], [name], name=name))
    fitted = bundle.representation
    n_classes = len(bundle.taxonomy)
    double, n = TensorProto.DOUBLE, "objects"
    inputs = [
        ("features", double, [n, len(fitted.feature_names)]),
        ("context", double, [n, len(fitted.context_names)]),
        ("sequences", TensorProto.FLOAT, [n, "nights", len(fitted.channel_names)]),
        ("lengths", TensorProto.INT64, [n]),
    ]
    shapes = {
        "probabilities": [n, n_classes],
        "member_probabilities": [n, len(bundle.member_names), n_classes],
        "unknown": [n],
    }
    outputs = [
        helper.make_tensor_value_info(name, double, shapes[name])
        if name in shapes
        else helper.make_tensor_value_info(name, TensorProto.BOOL, [n, n_classes])
        for name, _ in told
    ]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "lcclassify",
            [helper.make_tensor_value_info(*each) for each in inputs],
            outputs,
            graph.initializers,
        ),
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid(TREE_DOMAIN, TREE_OPSET),
        ],
        ir_version=_IR_VERSION,
        producer_name="lcclassify",
        producer_version=__version__,
        doc_string="Photometric classification of prepared light curves.",
    )
    helper.set_model_props(model, metadata(bundle, expected))
    checker.check_model(model)
    return model


def metadata(bundle: Bundle, expected: Expectations) -> dict[str, str]:
    """Return what a user of the model must know, each as JSON."""
    fitted, taxonomy = bundle.representation, bundle.taxonomy
    shares = expected.shares(bundle)
    content = {
        "classes": taxonomy.classes,
        "class_names": taxonomy.display_names(),
        "member_names": bundle.member_names,
        "feature_names": fitted.feature_names,
        "context_names": fitted.context_names,
        "channel_names": fitted.channel_names,
        "metadata_columns": fitted.metadata,
        "passbands": fitted.passbands.names,
        "class_shares": None if shares is None else shares.tolist(),
        "unknown_fraction": expected.fraction(bundle),
        "zeropoint": bundle.zeropoint,
        "max_length": fitted.max_length,
        "units": {
            "flux": "flux 1 has the AB magnitude 'zeropoint', or units without one if null",
            "time": "days",
            "undefined": "NaN in features and context, 0 behind the end of a sequence",
        },
        "survey": bundle.provenance.get("survey"),
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in content.items()}


def largest_difference(
    content: bytes,
    bundle: Bundle,
    decisions: Decisions | None = None,
    expectations: Expectations | None = None,
    *,
    seed: int = 0,
) -> float:
    """Return how far a model's probabilities are at most from the classifier's.

    Where a class is in a set of one of the two alone, it is how far its probability is from the
    threshold.

    Args:
        content: The serialised model.
        bundle: What it was made of.
        decisions: Likewise.
        expectations: Likewise.
        seed: Of the inputs, see `made_up_batch`.
    """
    stated = expectations or Expectations()
    batch, weights = made_up_batch(bundle, seed), None
    with torch.inference_mode():
        rounds = bundle.classifier.round_probabilities(batch)
        unknown = bundle.classifier.unknown_probabilities(batch.features, stated.fraction(bundle))
        own = bundle.classifier.combine(rounds, unknown)
    expected = [own, rounds.mean(1)]
    if (changes := stated.changes(bundle)) is not None:
        weights = changes[0].ratios.tolist()
        both = zip(changes, expected, strict=True)
        expected = [torch.as_tensor(change.changed(said.numpy())) for change, said in both]
    if unknown is not None:
        expected.append(unknown)
    found = run(content, batch)
    pairs = zip(found[: len(expected)], expected, strict=True)
    apart = [float(np.abs(a - b.numpy()).max()) for a, b in pairs]
    fitted = bundle.classifier.sets
    if decisions is not None and decisions.sets is not None and fitted is not None:
        asked = decisions.sets, decisions.sets_by
        other = torch.as_tensor(found[-1]) != fitted.sets(own, *asked, weights)
        margin = (fitted.known(own) - fitted.thresholds(*asked, weights)).abs()
        apart.append(float(margin[other].max()) if other.any() else 0.0)
    return max(apart)


def run(content: bytes, batch: Batch) -> list[np.ndarray]:
    """Return the outputs of a serialised model on a CPU, for a batch, in the model's order."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given = {name: getattr(batch, name).numpy() for name in INPUTS}
    found: list[np.ndarray] = session.run(None, given)
    return found
