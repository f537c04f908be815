"""Classifiers of every kind that can be exported, and light curves for them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from lcclassify.inference.bundle import Bundle
from lcclassify.nn.batching import TensorSet
from lcclassify.nn.calibration import Calibration
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.redshift import RedshiftEstimator
from lcclassify.nn.stack import EnsembleClassifier, LinearStackingHead, StackingHead
from lcclassify.nn.submodel import Submodel
from lcclassify.nn.unknown import UnknownDetector
from lcclassify.representations.representation import Representation
from lcclassify.schema import Passbands, Taxonomy
from lcclassify.surveys.canonical import canonicalise

PASSBANDS = Passbands(("g", "r"), (480.0, 620.0))
TAXONOMY = Taxonomy(("Ia", "II", "90"), names={"Ia": "SN Ia"})
N_OBJECTS, LONGEST = 50, 180
DENSE = "lcclassify.nn.dense.DenseNet"
BIGRU = "lcclassify.nn.bigru.BiGRUNet"
SMALL = {"_target_": BIGRU, "gru_units": [5, 4], "dense_units": [6]}
TRANSFORMS = {
    "features": {"kind": "yeo_johnson", "impute": "median", "indicator": True, "clip": 5.0},
    "context": {"kind": "standard", "impute": "median", "indicator": True},
    "sequences": {"kind": "standard", "clip": 8.0},
}


@pytest.fixture(scope="module")
def light_curves():
    """Objects of one observation, of very many, and of any number between."""
    rng = np.random.default_rng(2)
    counts = rng.integers(2, 60, N_OBJECTS)
    counts[0], counts[1] = 1, LONGEST
    n_rows = counts.sum()
    observations = pl.DataFrame(
        {
            "object_id": np.repeat(np.arange(N_OBJECTS), counts),
            "mjd": np.concatenate([np.arange(n) + rng.uniform(0, 0.1, n) for n in counts]),
            "passband": rng.choice(PASSBANDS.names, n_rows).tolist(),
            "flux": rng.normal(20, 60, n_rows) * 10 ** rng.uniform(-1, 2, n_rows),
            "flux_err": rng.uniform(1, 5, n_rows),
        }
    )
    photoz = rng.uniform(0.05, 1, N_OBJECTS)
    photoz[::5], photoz[2::7] = np.nan, 0.0
    objects = pl.DataFrame(
        {
            "object_id": np.arange(N_OBJECTS),
            "photoz": photoz,
            "photoz_err": rng.uniform(0.0, 0.4, N_OBJECTS),
        }
    )
    return canonicalise(observations, objects, PASSBANDS, metadata=("photoz", "photoz_err"))[0]


@pytest.fixture(scope="module")
def representation(light_curves):
    fitted = Representation(
        name="test",
        sequences={"bands": ["flux", "observed"], "times": ["days_since_previous"]},
        context=("metadata", "log_flux_scale"),
    ).fit(light_curves, seed=5)
    assert fitted.max_length == LONGEST
    return fitted


@pytest.fixture(scope="module")
def prepared(representation, light_curves):
    return representation.prepare(light_curves)


def grown(rng, values, n_trees):
    """Random trees, some of a single leaf, whose thresholds are values of the features."""
    splits, leaves = [], []

    def branch(depth):
        if depth == 0 or rng.random() < 0.25:
            leaves.append(rng.normal(0, 0.3))
            return -len(leaves)
        place = len(splits)
        splits.append(None)
        column = int(rng.integers(values.shape[1]))
        known = values[np.isfinite(values[:, column]), column]
        threshold = rng.choice(known) if len(known) else 0.0
        left, right = branch(depth - 1), branch(depth - 1)
        splits[place] = (column, threshold, bool(rng.random() < 0.5), left, right)
        return place

    roots = [branch(4) for _ in range(n_trees)]
    column, threshold, undefined, left, right = zip(*splits, strict=True)
    assert min(roots) < 0 < max(roots)
    return {
        "roots": torch.tensor(roots, dtype=torch.int32),
        "feature": torch.tensor(column, dtype=torch.int32),
        "threshold": torch.tensor(threshold, dtype=torch.float64),
        "undefined_left": torch.tensor(undefined),
        "left": torch.tensor(left, dtype=torch.int32),
        "right": torch.tensor(right, dtype=torch.int32),
        "leaves": torch.tensor(leaves, dtype=torch.float64),
    }


def sizes_of(state):
    names = {"n_trees": "roots", "n_splits": "feature", "n_leaves": "leaves"}
    return {size: len(state[name]) for size, name in names.items()}


@pytest.fixture(scope="module")
def submodel(prepared, representation):
    """Make a submodel with fitted transforms, weights of some size, and lived-in statistics."""
    fitted = {}

    def once(transform, values, kind):
        key = (transform, values.tobytes(), str(kind))
        if key not in fitted:
            fitted[key] = transform.fitted(values, **kind)
        return fitted[key]

    def make(network, *, seed=0, columns=None, **transforms):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        joined = prepared.features, prepared.context
        if columns is not None:
            joined = [np.concatenate([one, columns], axis=1) for one in joined]
        kinds = {**TRANSFORMS, **transforms}
        state = None
        if network == "trees":
            state = grown(rng, joined[0], 12)
            network = {"_target_": "lcclassify.nn.trees.BoostedTrees", **sizes_of(state)}
        made = Submodel(
            network,
            features=once(FeatureTransform, joined[0], kinds["features"]),
            context=once(FeatureTransform, joined[1], kinds["context"]),
            sequences=once(SequenceTransform, prepared.sequences, kinds["sequences"]),
            n_classes=len(TAXONOMY),
            max_length=representation.max_length,
        )
        if state is not None:
            made.network.load_state_dict(state)
        with torch.no_grad():
            for layer in made.network.modules():
                if isinstance(layer, nn.BatchNorm1d):
                    for buffer in (layer.running_mean, layer.running_var, layer.bias):
                        buffer.uniform_(0.1, 2.0)
            for parameter in made.network.parameters():
                parameter.mul_(1.5).add_(0.05 * torch.randn_like(parameter))
        return made

    return make


@pytest.fixture(scope="module")
def bundle_of(representation):
    def make(members, head=None, **parts):
        return Bundle(
            representation,
            TAXONOMY,
            EnsembleClassifier(members, head, **parts),
            tuple(f"member_{i}" for i in range(len(members))),
            provenance={"survey": "test"},
            zeropoint=27.5,
        )

    return make


def trained(head):
    """A head that has learned something, at random."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return head


@pytest.fixture(scope="module")
def estimator(prepared, representation):
    """Make a redshift member with random trees and a smooth table."""

    def make(with_error=True):
        rng = np.random.default_rng(7)
        state = grown(rng, prepared.features, 30)
        state["leaves"] = state["leaves"].abs()
        names = list(representation.feature_names)
        made = RedshiftEstimator(
            len(names),
            posterior={
                "levels": [0.16, 0.5, 0.84],
                "error_limits": [0.01, 0.3],
                "spread": 1.3,
                "freedom": 2.0,
                "least_spread": 0.03,
            },
            photometric=names.index("photoz"),
            error=names.index("photoz_err") if with_error else None,
            n_errors=5 if with_error else 1,
            n_deviations=41,
            trees=sizes_of(state),
        )
        deviations = torch.linspace(-6, 6, 41, dtype=torch.float64)
        widths = torch.linspace(0.5, 2.5, len(made.log_errors), dtype=torch.float64)
        made.trees.load_state_dict(state)
        made.log_errors.copy_(torch.linspace(-4.5, -1.2, len(widths), dtype=torch.float64))
        made.deviations.copy_(deviations)
        made.densities.copy_(torch.exp(-0.5 * (deviations / widths[:, None]) ** 2))
        return made

    return make


@pytest.fixture(scope="module")
def detector(prepared):
    """Make a detector of unknown objects about the middles of two random classes."""

    def make(unseen, mismatch=None):
        generator = torch.Generator().manual_seed(6)
        n_features = prepared.features.shape[1]
        made = UnknownDetector(
            n_features=n_features,
            n_components=3,
            n_classes=len(TAXONOMY),
            n_known=2,
            fraction=0.1,
            unseen=unseen,
            mismatch=None if mismatch is None else mismatch.config(),
        )
        if mismatch is not None:
            made.mismatch.load_state_dict(mismatch.state_dict())
            made.mismatch_slope.fill_(0.7)
        made.features.fit(prepared.features)
        for buffer in (made.projection, made.centres, made.whitening):
            buffer.normal_(generator=generator)
        made.offsets.copy_(torch.tensor([0.3, -0.5]))
        made.lowest.fill_(2.0)
        made.slope.fill_(1.5)
        made.intercept.fill_(-6.0)
        return made

    return make


@pytest.fixture(
    scope="module", params=["default", "paper", "rounds", "mean", "redshift", "unknown", "trees"]
)
def bundle(request, submodel, bundle_of, prepared, estimator, detector):
    """Classifiers of every kind."""
    k = len(TAXONOMY)
    if request.param == "default":
        members = [
            [submodel({"_target_": DENSE, "units": [12, 8]})],
            [submodel({**SMALL, "join_context": True, "context_units": [3]})],
            [submodel("trees")],
        ]
        calibration = Calibration(1.3, [0.2, -0.4, 0.1], [0.0, 0.0, 0.05])
        return bundle_of(members, trained(LinearStackingHead(3, k)), calibration=calibration)
    if request.param == "paper":
        padded = {**SMALL, "padding": "reference", "spatial_dropout": 0.1}
        plain = {"features": {"kind": "yeo_johnson"}, "sequences": {"kind": "none"}}
        members = [
            [submodel(network, seed=seed, **plain)]
            for seed, network in enumerate([{"_target_": DENSE, "units": [9]}, padded] * 2)
        ]
        return bundle_of(members, trained(StackingHead(4, k)))
    if request.param == "rounds":
        poolings = ("max_mean", "mean", "attention")
        members = [
            [submodel({**SMALL, "pooling": one}, seed=i) for i, one in enumerate(poolings)],
            [submodel("trees", seed=seed) for seed in range(6)],
        ]
        return bundle_of(members, trained(LinearStackingHead(2, k, form="full")), n_rounds=3)
    if request.param == "mean":
        network = {**SMALL, "gru_units": [4], "bidirectional": False, "batch_norm": True}
        return bundle_of([[submodel(network)], [submodel("trees"), submodel("trees", seed=1)]])
    if request.param == "redshift":
        redshift = estimator()
        batch = TensorSet.from_prepared(prepared).batch(np.arange(len(prepared)))
        columns = redshift(batch).numpy()
        members = [
            [submodel({"_target_": DENSE, "units": [8]}, columns=columns)],
            [submodel("trees", columns=columns)],
            [submodel({**SMALL, "join_context": True}, columns=columns)],
        ]
        head = trained(StackingHead(3, k, inputs="log_probabilities"))
        return bundle_of(members, head, redshift=redshift)
    if request.param == "unknown":
        members = [[submodel({"_target_": DENSE, "units": [8]})], [submodel("trees")]]
        head = trained(LinearStackingHead(2, k))
        return bundle_of(members, head, unknown=detector([2]))
    return bundle_of([[submodel("trees")]], calibration=Calibration(0.7, [0.0] * k))
