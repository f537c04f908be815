"""A small untrained ensemble whose transforms are fitted, and light curves for it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from lcclassify.inference.bundle import Bundle
from lcclassify.inference.conditions import TrainingConditions
from lcclassify.nn.conformal import PredictionSets
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier, StackingHead
from lcclassify.nn.submodel import Submodel
from lcclassify.nn.unknown import UnknownDetector
from lcclassify.representations.representation import Representation
from lcclassify.schema import Passbands, Taxonomy
from lcclassify.surveys.canonical import canonicalise

PASSBANDS = Passbands(("g", "r", "i"), (480.0, 620.0, 750.0))
TAXONOMY = Taxonomy(("Ia", "II", "90"), names={"Ia": "SN Ia"}, weights={"90": 2.0})
UNOBSERVED = (7, 23, 41)
NETWORKS = {
    "dense": {"_target_": "lcclassify.nn.dense.DenseNet", "units": [8, 4]},
    "bigru": {
        "_target_": "lcclassify.nn.bigru.BiGRUNet",
        "gru_units": [6, 4],
        "dense_units": [8],
        "join_context": True,
        "padding": "packed",
    },
    "bigru_padded": {
        "_target_": "lcclassify.nn.bigru.BiGRUNet",
        "gru_units": [5],
        "dense_units": [],
        "padding": "reference",
    },
}


def make_tables(n_objects=60, seed=3, string_ids=False):
    """Observation and object tables of n objects, three of them never observed."""
    rng = np.random.default_rng(seed)
    ids = np.array([i for i in range(n_objects) if i not in UNOBSERVED])
    counts = rng.integers(1, 40, len(ids))
    n_rows = counts.sum()
    flux_err = rng.uniform(1, 5, n_rows)
    observations = pl.DataFrame(
        {
            "object_id": np.repeat(ids, counts),
            "mjd": rng.uniform(0, 100, n_rows).round(3),
            "passband": rng.choice(PASSBANDS.names, n_rows).tolist(),
            "flux": rng.normal(20, 60, n_rows),
            "flux_err": flux_err,
        }
    )
    photoz = rng.uniform(0.1, 1, n_objects)
    photoz[::5] = np.nan
    objects = pl.DataFrame(
        {
            "object_id": np.arange(n_objects),
            "label": rng.choice(TAXONOMY.classes, n_objects).tolist(),
            "photoz": photoz,
            "mwebv": rng.uniform(0, 0.1, n_objects),
        }
    )
    if string_ids:
        name = pl.format("SN{}", pl.col("object_id"))
        return observations.with_columns(name.alias("object_id")), objects.with_columns(
            name.alias("object_id")
        )
    return observations, objects


def make_light_curves(**kwargs):
    return canonicalise(*make_tables(**kwargs), PASSBANDS, TAXONOMY, ("photoz", "mwebv"))[0]


def make_submodel(network, representation, prepared):
    settings = representation.settings.transforms
    submodel = Submodel(
        network,
        features=FeatureTransform.fitted(prepared.features, **settings["features"]),
        context=FeatureTransform.fitted(prepared.context, **settings["context"]),
        sequences=SequenceTransform.fitted(prepared.sequences, **settings["sequences"]),
        n_classes=len(TAXONOMY),
        max_length=representation.max_length,
    )
    with torch.no_grad():  # larger weights, so that inputs visibly change the result
        for parameter in submodel.network.parameters():
            parameter.mul_(2.0)
    return submodel


def make_trees(representation, prepared, seed):
    """A stump for each feature that varies and class, at the feature's median."""
    # Beside every value, lest the rounding of a unit decide.
    medians = np.nanmedian(prepared.features, axis=0) + 0.01 * np.nanstd(prepared.features, axis=0)
    rng = np.random.default_rng(seed)
    columns = np.repeat(np.flatnonzero(np.isfinite(medians)), len(TAXONOMY))
    n_stumps, n_features = len(columns), prepared.features.shape[1]
    leaf = -1 - torch.arange(2 * n_stumps, dtype=torch.int32).reshape(-1, 2)
    trees = Submodel(
        {
            "_target_": "lcclassify.nn.trees.BoostedTrees",
            "n_trees": n_stumps,
            "n_splits": n_stumps,
            "n_leaves": 2 * n_stumps,
        },
        features=FeatureTransform(n_features, kind="none"),
        context=FeatureTransform(prepared.context.shape[1], kind="none"),
        sequences=SequenceTransform(prepared.sequences.shape[1], kind="none"),
        n_classes=len(TAXONOMY),
        max_length=representation.max_length,
    )
    trees.network.load_state_dict(
        {
            "roots": torch.arange(n_stumps, dtype=torch.int32),
            "feature": torch.as_tensor(columns, dtype=torch.int32),
            "threshold": torch.as_tensor(medians[columns]),
            "undefined_left": torch.as_tensor(rng.random(n_stumps) < 0.5),
            "left": leaf[:, 0].clone(),
            "right": leaf[:, 1].clone(),
            "leaves": torch.as_tensor(rng.normal(0, 0.2, 2 * n_stumps)),
        }
    )
    return trees


def make_detector(prepared):
    """Every class a Gaussian in two directions of the features."""
    n_features = prepared.features.shape[1]
    detector = UnknownDetector(
        n_features=n_features, n_components=2, n_classes=3, n_known=3, fraction=0.1, unseen=[]
    )
    detector.features.load_state_dict(
        FeatureTransform.fitted(prepared.features, impute="median", clip=4.0).state_dict()
    )
    detector.projection.copy_(torch.randn(n_features, 2, dtype=torch.float64) / n_features**0.5)
    detector.centres.copy_(torch.randn(3, 2, dtype=torch.float64))
    detector.whitening.copy_(torch.eye(2, dtype=torch.float64).expand(3, 2, 2))
    detector.slope.fill_(2.0)
    detector.intercept.fill_(-5.0)
    return detector


def make_bundle():
    light_curves = make_light_curves()
    representation = Representation(
        name="test",
        noise=0.5,
        sequences={"bands": ["flux", "observed"], "times": ["days_since_previous"]},
        context=("metadata", "log_flux_scale"),
        transforms={
            "features": {"kind": "yeo_johnson", "impute": "median", "indicator": True},
            "context": {"kind": "standard", "impute": "median", "indicator": True},
            "sequences": {"kind": "standard"},
        },
    ).fit(light_curves, seed=5)
    prepared = representation.prepare(light_curves)
    torch.manual_seed(0)
    members = [
        [make_submodel(network, representation, prepared) for _ in range(2)]
        for network in NETWORKS.values()
    ]
    members.append([make_trees(representation, prepared, seed) for seed in range(2)])
    classifier = EnsembleClassifier(
        members,
        StackingHead(len(members), len(TAXONOMY)),
        unknown=make_detector(prepared),
        sets=PredictionSets.fitted(
            torch.full((30, len(TAXONOMY)), 1 / 3).double(), torch.arange(30) % 3, [1.0, 2.0, 1.0]
        ),
    )
    return Bundle(
        representation=representation,
        taxonomy=TAXONOMY,
        classifier=classifier,
        member_names=(*NETWORKS, "trees"),
        provenance={
            "survey": "test",
            "class_counts": {"Ia": 20, "II": 21, "90": np.int64(16)},
            "seeds": {"split": 0, "training": [1, 2]},
            "metrics": {"stack": {"accuracy": np.float64(0.5)}, "dense": {"accuracy": 0.4}},
            "notes": ["Made for tests."],
        },
        zeropoint=27.5,
        conditions=TrainingConditions.of(
            prepared.features, prepared.feature_names, ("flux_max", "photoz")
        ),
    )


@pytest.fixture(scope="session")
def bundle():
    return make_bundle()


@pytest.fixture(scope="session")
def light_curves():
    return make_light_curves()


@pytest.fixture
def tables():
    return make_tables()
