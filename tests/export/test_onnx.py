"""The ONNX model says what the classifier says, of the shortest and of the longest light curves."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from lcclassify.errors import BundleError, ConfigError, OutputError
from lcclassify.inference.bundle import save
from lcclassify.inference.decisions import Decisions
from lcclassify.inference.predictor import Predictor
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.conformal import PredictionSets
from lcclassify.nn.layers import ACTIVATIONS
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.training.mismatch import MismatchGrower

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from lcclassify.export.graph import OPSET, Graph  # noqa: E402
from lcclassify.export.onnx_model import (  # noqa: E402
    INPUTS,
    OUTPUTS,
    largest_difference,
    onnx_model,
    run,
)
from lcclassify.inference.expectations import Expectations  # noqa: E402
from lcclassify.tasks.export import TOLERANCE, export  # noqa: E402

KEYS = {"sets": None, "sets_by": "class", "priors": None, "unknown": None}
DENSE = "lcclassify.nn.dense.DenseNet"


def batch_of(prepared, rows=None):
    rows = np.arange(len(prepared)) if rows is None else np.array(rows)
    return TensorSet.from_prepared(prepared).batch(rows)


def said_by(bundle, prepared):
    predictor = Predictor(bundle, accelerator="cpu", threads=1)
    found = predictor.score(prepared, prepared.object_ids, keep_members=True)
    return found.probabilities, found.members


# --- the model ----------------------------------------------------------------------


def test_it_says_what_the_predictor_says(bundle, prepared):
    lengths = prepared.lengths
    assert (lengths.min(), lengths.max()) == (1, bundle.representation.max_length)
    content = onnx_model(bundle).SerializeToString()
    probabilities, members = run(content, batch_of(prepared))[:2]
    expected, each = said_by(bundle, prepared)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=2e-6)
    np.testing.assert_allclose(members, each, rtol=0, atol=2e-6)
    assert expected.std(axis=0).min() > 0.01  # they say different things of different objects


@pytest.mark.parametrize("has_trees", [False, True])
@pytest.mark.parametrize("unseen", [[], [0, 2]])
def test_objects_of_no_known_class(unseen, has_trees, submodel, bundle_of, prepared, detector):
    features = prepared.features
    trees = (
        MismatchGrower(features, np.roll(features, 3, axis=1), seed=0).grow() if has_trees else None
    )
    bundle = bundle_of([[submodel("trees")]], unknown=detector(unseen, trees))
    predictor = Predictor(bundle, accelerator="cpu", threads=1)
    expected = predictor.score(prepared, prepared.object_ids)
    found = run(onnx_model(bundle).SerializeToString(), batch_of(prepared))
    np.testing.assert_allclose(found[0], expected.probabilities, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[2], expected.unknown, rtol=0, atol=1e-6)
    assert expected.unknown.std() > 0.01


def remembered(classes, seed=3):
    """What was given to the true class of 60 held-out objects of some classes."""
    generator = torch.Generator().manual_seed(seed)
    given = torch.rand(60, 3, generator=generator, dtype=torch.float64)
    targets = torch.tensor(classes)[torch.arange(60) % len(classes)]
    return PredictionSets.fitted(given / given.sum(1, keepdim=True), targets, [1.0, 2.0, 0.5])


@pytest.mark.parametrize("by", ["class", "all"])
@pytest.mark.parametrize("level", [0.4, 0.6])
@pytest.mark.parametrize("unseen", [[], [2]])
def test_prediction_sets(level, by, unseen, submodel, bundle_of, prepared, detector):
    fitted = remembered([0, 1] if unseen else [0, 1, 2])
    bundle = bundle_of([[submodel("trees")]], unknown=detector(unseen), sets=fitted)
    decisions = Decisions(sets=level, sets_by=by)
    content = onnx_model(bundle, decisions).SerializeToString()
    probabilities, *_, found = run(content, batch_of(prepared))
    assert (found.dtype, found.shape) == (np.bool_, probabilities.shape)
    predictor = Predictor(bundle, accelerator="cpu", threads=1)
    expected = predictor.decided(predictor.score(prepared, prepared.object_ids), decisions)
    said = [[bundle.taxonomy.classes[k] for k in np.flatnonzero(row)] for row in found]
    assert said == expected[decisions.set_column].to_list()
    assert 0 < found[:, :2].mean() < 1
    assert not found[:, unseen].any()
    names = [one.name for one in onnx_model(bundle, decisions).graph.output]
    assert names == [*OUTPUTS, f"set_{100 * level:g}"]
    assert largest_difference(content, bundle, decisions) < 1e-6
    # Were others made, that would be a difference.
    assert largest_difference(content, bundle, Decisions(sets=0.99, sets_by=by)) > 1e-4


@pytest.mark.parametrize("by", ["class", "all"])
@pytest.mark.parametrize("unseen", [[], [2]])
def test_other_shares_than_the_bundles(by, unseen, submodel, bundle_of, prepared, detector):
    fitted = remembered([0, 1] if unseen else [0, 1, 2])
    bundle = bundle_of([[submodel("trees")]], unknown=detector(unseen), sets=fitted)
    a, b, c = bundle.taxonomy.classes
    counts = {a: 10, b: 30, c: 0 if unseen else 20}
    bundle = replace(bundle, provenance={**bundle.provenance, "class_counts": counts})
    expected = Expectations.stated(0.3, {a: 0.7})
    decisions = Decisions(sets=0.6, sets_by=by)
    model = onnx_model(bundle, decisions, expected)
    content = model.SerializeToString()
    probabilities, members, unknown, found = run(content, batch_of(prepared))
    predictor = Predictor(bundle, accelerator="cpu", threads=1, expectations=expected)
    scored = predictor.score(prepared, prepared.object_ids, keep_members=True)
    np.testing.assert_allclose(members, scored.members, atol=1e-9)
    np.testing.assert_allclose(probabilities, scored.probabilities, atol=1e-9)
    np.testing.assert_allclose(unknown, scored.unknown, atol=1e-9)
    said = [[bundle.taxonomy.classes[k] for k in np.flatnonzero(row)] for row in found]
    assert said == predictor.decided(scored, decisions)[decisions.set_column].to_list()
    assert largest_difference(content, bundle, decisions, expected) < 1e-6
    # The bundle's own are others, and the model tells which it has.
    assert largest_difference(content, bundle, decisions) > 1e-3
    told = {one.key: json.loads(one.value) for one in model.metadata_props}
    assert told["unknown_fraction"] == 0.3
    assert told["class_shares"] == pytest.approx(predictor.shares.tolist())


def test_sets_of_a_bundle_that_has_none(submodel, bundle_of):
    with pytest.raises(BundleError, match="nothing to make prediction sets with"):
        onnx_model(bundle_of([[submodel("trees")]]), Decisions(sets=0.9))


def test_an_object_does_not_depend_on_its_batch(bundle, prepared):
    content = onnx_model(bundle).SerializeToString()
    together = run(content, batch_of(prepared))[0]
    for row in (0, 1, 20):
        alone = run(content, batch_of(prepared, [row]))[0]
        np.testing.assert_allclose(alone[0], together[row], rtol=0, atol=1e-6)


def test_longer_than_in_training(bundle, light_curves, prepared):
    """Nights that no training object had: the unmasked form cuts them, the others read them."""
    batch = batch_of(prepared, [1, 3])
    more = torch.randn(2, 20, batch.sequences.shape[2], generator=torch.Generator().manual_seed(1))
    more[1] = 0
    lengths = batch.lengths + torch.tensor([20, 0])
    batch = batch._replace(sequences=torch.cat([batch.sequences, more], dim=1), lengths=lengths)
    with torch.inference_mode():
        expected = bundle.classifier(batch).numpy()
    found = run(onnx_model(bundle).SerializeToString(), batch)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_trees_are_the_same_to_the_last_digits(submodel, bundle_of, prepared):
    bundle = bundle_of([[submodel("trees", seed=3)]])
    found = run(onnx_model(bundle).SerializeToString(), batch_of(prepared))[0]
    np.testing.assert_allclose(found, said_by(bundle, prepared)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation, submodel, bundle_of, prepared):
    network = {"_target_": DENSE, "units": [7], "activation": activation}
    bundle = bundle_of([[submodel(network)]])
    found = run(onnx_model(bundle).SerializeToString(), batch_of(prepared))[0]
    np.testing.assert_allclose(found, said_by(bundle, prepared)[0], rtol=0, atol=2e-6)


def test_embedded_features(submodel, bundle_of, prepared):
    # Cosines of some radians in float32 differ more than products do: within what is allowed.
    network = {"_target_": DENSE, "units": [12, 8], "embedding": {"frequencies": 4}}
    member = submodel(network)
    bundle = bundle_of([[member]])
    found = run(onnx_model(bundle).SerializeToString(), batch_of(prepared))[0]
    expected = said_by(bundle, prepared)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    with torch.no_grad():
        member.network.embedding.weight.zero_()
    without = run(onnx_model(bundle).SerializeToString(), batch_of(prepared))[0]
    assert np.abs(without - expected).max() > 0.05


@pytest.mark.parametrize("kind", ["yeo_johnson", "standard", "none"])
def test_extreme_features(kind, submodel, bundle_of, prepared):
    features = {"kind": kind, "impute": "zero"}
    bundle = bundle_of([[submodel({"_target_": DENSE, "units": [5]}, features=features)]])
    batch = batch_of(prepared)
    wild = batch.features.clone()
    for row, value in enumerate([np.inf, -np.inf, 1e300, -1e300, 1e-300, 0.0, np.nan, 1e12]):
        wild[row] = value
    batch = batch._replace(features=wild)
    with torch.inference_mode():
        expected = bundle.classifier(batch).numpy()
    found = run(onnx_model(bundle).SerializeToString(), batch)[0]
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_redshift_without_errors(submodel, bundle_of, prepared, estimator):
    redshift = estimator(with_error=False)
    columns = redshift(batch_of(prepared)).numpy()
    bundle = bundle_of([[submodel("trees", columns=columns)]], redshift=redshift)
    found = run(onnx_model(bundle).SerializeToString(), batch_of(prepared))[0]
    np.testing.assert_allclose(found, said_by(bundle, prepared)[0], rtol=0, atol=1e-9)


def test_logarithms_and_powers_of_small_numbers():
    """ONNX has neither of the two functions."""
    from onnx import TensorProto, helper

    values = np.concatenate([[0.0], 10.0 ** np.arange(-300, 308, 7.0), [1e308]])
    exponents = np.concatenate([values[values < 700], -values, [1.0, -1.0, 0.999, 800.0]])
    for name, given, expected in (
        ("log1p", values, np.log1p(values)),
        ("expm1", exponents, np.expm1(np.minimum(exponents, 709.0))),
    ):
        graph = Graph()
        found = getattr(graph, name)("x")
        info = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, ["n"]) for n in ("x", found)]
        whole = helper.make_graph(graph.nodes, name, info[:1], info[1:], graph.initializers)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(whole, opset_imports=opset, ir_version=10)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        (said,) = session.run(None, {"x": given})
        inside = given < 709
        np.testing.assert_allclose(said[inside], expected[inside], rtol=1e-14)
        assert not np.isnan(said).any()


def test_networks_share_what_they_have_in_common(submodel, bundle_of):
    network = {"_target_": DENSE, "units": [4]}
    one = onnx_model(bundle_of([[submodel(network)]]))
    two = onnx_model(bundle_of([[submodel(network, seed=0), submodel(network, seed=1)]]))
    logarithms = [sum(n.op_type == "Log" for n in model.graph.node) for model in (one, two)]
    assert logarithms[0] == logarithms[1] > 0  # of the one Yeo-Johnson transform


def test_it_tells_what_it_needs_without_this_package(bundle, prepared, tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(onnx_model(bundle).SerializeToString())
    batch = batch_of(prepared)
    np.savez(tmp_path / "inputs.npz", **{name: getattr(batch, name).numpy() for name in INPUTS})
    script = """
import sys, json, numpy, onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
found = session.run(None, dict(numpy.load("inputs.npz")))
meta = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}
assert not {"lcclassify", "torch"} & set(sys.modules)
print(json.dumps([meta, [one.name for one in session.get_outputs()], found[0].tolist()]))
"""
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    meta, outputs, found = json.loads(done.stdout)
    assert outputs == list(OUTPUTS[: 2 + (bundle.classifier.unknown is not None)])
    np.testing.assert_allclose(found, said_by(bundle, prepared)[0], rtol=0, atol=2e-6)
    fitted = bundle.representation
    assert meta["classes"] == list(bundle.taxonomy.classes)
    assert meta["class_names"][0] == "SN Ia"
    for key in ("feature_names", "context_names", "channel_names"):
        assert tuple(meta[key]) == getattr(fitted, key)
    assert (meta["passbands"], meta["zeropoint"]) == (["g", "r"], 27.5)
    assert meta["member_names"] == list(bundle.member_names)


def test_what_cannot_be_exported(submodel, bundle_of):
    class Own(nn.Module):
        def forward(self, probabilities):
            return probabilities.mean(1)

    with pytest.raises(ConfigError, match="a head of Own cannot be exported"):
        onnx_model(bundle_of([[submodel("trees")]], Own()))


# --- the command --------------------------------------------------------------------


@pytest.fixture
def folder(submodel, bundle_of, tmp_path):
    members = [[submodel({"_target_": DENSE, "units": [4]})], [submodel("trees")]]
    return save(bundle_of(members), tmp_path / "bundle")


def test_the_file(folder, tmp_path, prepared, capsys):
    output = tmp_path / "out.onnx"
    result = export(OmegaConf.create({**KEYS, "bundle": str(folder), "output": str(output)}))
    assert (result.output, result.difference < 1e-6) == (output, True)
    found = run(output.read_bytes(), batch_of(prepared))[0]
    expected = said_by(Predictor.load(folder).bundle, prepared)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    assert str(output) in capsys.readouterr().out.replace("\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "out.onnx"}


def test_the_file_with_sets(submodel, bundle_of, tmp_path, prepared):
    bundle = bundle_of([[submodel("trees")]], sets=remembered([0, 1, 2]))
    save(bundle, tmp_path / "bundle")
    words = {"bundle": str(tmp_path / "bundle"), "output": str(tmp_path / "out.onnx")}
    export(OmegaConf.create({**KEYS, **words, "sets": 0.8}))
    session = onnxruntime.InferenceSession(tmp_path / "out.onnx")
    assert [one.name for one in session.get_outputs()] == [*OUTPUTS[:2], "set_80"]


def test_another_classifier_is_noticed(folder, tmp_path, monkeypatch, bundle_of, submodel):
    """A model that says something else is not written."""
    from lcclassify.export import onnx_model as module

    wrong = module.onnx_model(bundle_of([[submodel("trees", seed=8)], [submodel("trees")]]))
    monkeypatch.setattr(module, "onnx_model", lambda *_: wrong)
    output = tmp_path / "out.onnx"
    with pytest.raises(OutputError, match="it is not written"):
        export(OmegaConf.create({**KEYS, "bundle": str(folder), "output": str(output)}))
    assert not output.exists()


def test_words_that_cannot_be(folder, tmp_path, monkeypatch):
    def exported(**words):
        given = {**KEYS, "bundle": str(folder), "output": str(tmp_path / "out.onnx"), **words}
        return export(OmegaConf.create(given))

    with pytest.raises(ConfigError, match=r"output must end in \.onnx, got 'model.pt'"):
        exported(output="model.pt")
    with pytest.raises(ConfigError, match="bundle is missing"):
        exported(bundle=None)
    with pytest.raises(ConfigError, match="which is read"):
        exported(output=str(folder / "out.onnx"))
    with pytest.raises(BundleError, match="sets needs what the classifier said of held-out"):
        exported(sets=0.9)
    with pytest.raises(ConfigError, match="sets must be a number between 0 and 1"):
        exported(sets=90)
    with pytest.raises(ConfigError, match="sets_by cannot be 'clas': did you mean 'class'"):
        exported(sets=0.9, sets_by="clas")
    monkeypatch.setattr("lcclassify.tasks.export.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'lcclassify\[export\]'"):
        exported()


def test_members_are_in_the_order_of_their_names(submodel, bundle_of, prepared):
    members = [[submodel("trees", seed=seed)] for seed in range(3)]
    bundle = bundle_of(members)
    swapped = replace(bundle, classifier=EnsembleClassifier(members[::-1], None))
    batch = batch_of(prepared)
    one, other = (run(onnx_model(each).SerializeToString(), batch)[1] for each in (bundle, swapped))
    np.testing.assert_array_equal(one, other[:, ::-1])
