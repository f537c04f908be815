"""A small bundle that was never trained, and a survey of two tables for it to classify."""

import numpy as np
import polars as pl
import pytest
import torch
from hydra import compose, initialize_config_dir

from lcclassify.build import config_dir
from lcclassify.inference.bundle import Bundle, save
from lcclassify.nn.normalisation import FeatureTransform, SequenceTransform
from lcclassify.nn.stack import EnsembleClassifier
from lcclassify.nn.submodel import Submodel
from lcclassify.representations.representation import Representation
from lcclassify.schema import Passbands, Taxonomy
from lcclassify.surveys.canonical import canonicalise
from lcclassify.tasks.predict import predict

PASSBANDS = Passbands(("g", "r"))
NETWORKS = {
    "dense": {"_target_": "lcclassify.nn.dense.DenseNet", "units": [6]},
    "bigru": {"_target_": "lcclassify.nn.bigru.BiGRUNet", "gru_units": [4], "dense_units": []},
}
N_OBJECTS = 40
BLIND = 11  # the object without a usable flux


def config(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("predict", overrides=list(overrides))


@pytest.fixture(scope="session")
def tables():
    rng = np.random.default_rng(0)
    n_rows = 900
    ids = rng.integers(0, N_OBJECTS, n_rows)
    observations = pl.DataFrame(
        {
            "object_id": ids,
            "mjd": rng.uniform(0, 100, n_rows),
            "passband": rng.choice(PASSBANDS.names, n_rows).tolist(),
            "flux": np.where(ids == BLIND, np.nan, rng.normal(10, 30, n_rows)),
            "flux_err": rng.uniform(1, 3, n_rows),
        }
    )
    objects = pl.DataFrame(
        {
            "object_id": np.arange(N_OBJECTS),
            "label": rng.choice(["Ia", "II"], N_OBJECTS).tolist(),
            "photoz": rng.uniform(0, 1, N_OBJECTS),
        }
    )
    return observations, objects


@pytest.fixture(scope="session")
def make_bundle(tables):
    """Return a function that makes bundles of some classes."""
    return lambda classes: _bundle(tables, classes)


def _bundle(tables, classes):
    curves, _ = canonicalise(*tables, PASSBANDS, metadata=("photoz",))
    representation = Representation(name="test").fit(curves, seed=0)
    prepared = representation.prepare(curves)
    torch.manual_seed(0)
    members = [
        [
            Submodel(
                network,
                features=FeatureTransform.fitted(prepared.features),
                context=FeatureTransform.fitted(prepared.context),
                sequences=SequenceTransform.fitted(prepared.sequences, kind="standard"),
                n_classes=len(classes),
                max_length=representation.max_length,
            )
        ]
        for network in NETWORKS.values()
    ]
    return Bundle(
        representation,
        Taxonomy(classes),
        EnsembleClassifier(members, None),
        tuple(NETWORKS),
        zeropoint=27.5,
    )


@pytest.fixture(scope="session")
def bundle_folder(make_bundle, tmp_path_factory):
    return save(make_bundle(("Ia", "II")), tmp_path_factory.mktemp("bundles") / "bundle")


@pytest.fixture
def survey(tables, written):
    return [
        *written(*tables),
        "survey.columns.label=label",
        "survey.zeropoint=27.5",
        "accelerator=cpu",
    ]


@pytest.fixture
def run(survey, bundle_folder, tmp_path):
    def one(*overrides, output="out.parquet"):
        return predict(
            config(*survey, f"bundle={bundle_folder}", f"output={tmp_path / output}", *overrides)
        )

    return one
